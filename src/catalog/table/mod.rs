//! The table, one file per family.
//!
//! For: the rows and nothing else.
//! Must not: hold rules; a rule about rows is in `catalog`.
//! Mirrors: `net/ipv4/sysctl_net_ipv4.c`, `net/core/sysctl_net_core.c`, `net/netfilter/nf_conntrack_standalone.c`.

mod buffers;
mod closing;
mod congestion;
mod conntrack;
mod core;
mod neighbours;
mod opening;
mod ports;
mod retransmission;
mod rows;
mod udp_icmp;

pub use rows::parameters;
pub(in crate::catalog) use rows::{INT_MAX, always, constant, described, ehash, from, number, since};
