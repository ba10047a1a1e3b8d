//! One condition of a filter.

use core::ops::Range;
use std::net::IpAddr;

use crate::wire::StateMask;

/// What a socket is asked. The place in the filter is kept where the answer needs a name to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It is in one of these states.
    State(StateMask),
    /// One end has this address and port.
    Host(End, Host),
    /// One end's port is at least this.
    PortFrom(End, u16),
    /// One end's port is at most this.
    PortTo(End, u16),
    /// It is bound to a device.
    Device(Named),
    /// Its mark, under the mask, is this.
    Mark {
        /// What it is.
        mark: u32,
        /// Which bits count.
        mask: u32,
    },
    /// It belongs to a cgroup (of version 2).
    Cgroup(Named),
    /// Nobody chose its local port.
    Autobound,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `src`, `sport`.
    Local,
    /// `dst`, `dport`.
    Remote,
}

/// An address with its prefix length, a port, both or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) network: Option<(IpAddr, u8)>,
    pub(super) port: Option<u16>,
}

/// Something that the kernel knows by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) number: Option<u64>,
    pub(super) place: Range<usize>,
}
