//! Sockets one by one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::live::{shows_own_netns, within};
use super::sockets::push_walked;
use super::walk::{Families, Walker};
use super::{CollectError, Source, Whose};
use crate::snapshot::Gap;
use crate::sys::{DumpError, cgroup_id, device_names};
use crate::units::TcpState;
use crate::wire::{
    Candidate, Compiled, DumpFamily, DumpRequest, Extensions, Filter, FilterError, FilterFault, InetDiag, StateMask,
    Truth,
};

/// Which sockets, and what of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsWanted {
    /// The filter; names in it are looked up.
    pub filter: Filter,
    /// The states that are meant where the filter begins with none.
    pub shown: ShownStates,
    /// IPv4 alone (`true`), IPv6 alone (`false`), or both.
    pub ipv4: Option<bool>,
    /// Whether to ask for `tcp_info` and the congestion control.
    pub info: bool,
    /// Whether to ask for memory.
    pub memory: bool,
    /// Applies the whole filter here instead of in the kernel; the result is the same.
    pub filter_here: bool,
}

/// States that are shown where the filter names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownStates {
    /// Connections, as ss shows them without `-a` and `-l`: what is more than a request or a minisock.
    Connected,
    /// Listeners.
    Listening,
    /// All.
    All,
}

impl ShownStates {
    const fn mask(self) -> StateMask {
        let idle = StateMask::of(TcpState::Listen).and(StateMask::of(TcpState::Close));
        let small = StateMask::of(TcpState::SynRecv).and(StateMask::of(TcpState::TimeWait));
        match self {
            Self::Connected => StateMask::ALL.without(idle).without(small),
            Self::Listening => StateMask::of(TcpState::Listen),
            Self::All => StateMask::ALL,
        }
    }
}

impl RowsWanted {
    const fn extensions(&self) -> Extensions {
        let info = if self.info { Extensions::INFO.and(Extensions::CONGESTION) } else { Extensions::NONE };
        if self.memory { info.and(Extensions::MEMORY) } else { info }
    }
}

/// Sockets of one network namespace, to be read once or again and again. The namespace lives as long as this does.
#[derive(Debug)]
pub struct SocketRows {
    walker: Walker,
    wanted: RowsWanted,
    compiled: Compiled,
    devices: BTreeMap<u32, String>,
    inode: Option<u64>,
}

/// Why sockets cannot be read one by one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketRowsError {
    /// The namespace or the proc root.
    #[error(transparent)]
    Source(#[from] CollectError),
    /// The filter.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The kernel.
    #[error("sockets cannot be listed: {0}; `tcpctl status` counts them by /proc/net/tcp where that is so")]
    Dump(#[from] DumpError),
    /// The proc root is a copy, or another host's.
    #[error("{path} does not show this network namespace, and sockets are listed only by the kernel that has them")]
    NotLive {
        /// The proc root.
        path: String,
    },
    /// A filter that neither the kernel nor this process can apply as a whole.
    #[error(
        "`autobound` is known to the kernel alone, and `state` joined with it by `or` is not; ask for one at a time"
    )]
    Autobound,
}

impl SocketRowsError {
    /// Where the fault lies.
    #[must_use]
    pub const fn whose(&self) -> Whose {
        match self {
            Self::Source(error) => error.whose(),
            Self::Filter(FilterError { fault: FilterFault::Permission, .. }) | Self::Dump(DumpError::Denied(_)) => {
                Whose::Permission
            }
            Self::Filter(_) | Self::NotLive { .. } | Self::Autobound => Whose::Request,
            Self::Dump(_) => Whose::Kernel,
        }
    }
}

impl SocketRows {
    /// Opens the namespace and looks up the names in the filter. Nothing is read of sockets yet.
    ///
    /// # Errors
    /// When the namespace cannot be had, a name is unknown, or the kernel has no sock_diag.
    pub fn open(source: &Source, mut wanted: RowsWanted) -> Result<Self, SocketRowsError> {
        within(source, |root| {
            let inode = root.netns_inode().ok();
            if !inode.is_some_and(shows_own_netns) {
                return Err(SocketRowsError::NotLive { path: root.path().display().to_string() });
            }
            let devices = device_names(root);
            let index = |name: &str| devices.iter().find(|(_, known)| *known == name).map(|(index, _)| *index);
            wanted.filter.look_up(index, cgroup_id)?;
            let mut compiled = wanted.filter.compile(wanted.shown.mask());
            if wanted.filter_here {
                compiled = Compiled { states: StateMask::ALL, bytecode: Vec::new(), is_rough: true };
            }
            if compiled.is_rough && wanted.filter.asks_autobound() {
                return Err(SocketRowsError::Autobound);
            }
            Ok(Self { walker: Walker::open()?, wanted, compiled, devices, inode })
        })?
    }

    /// Names of the namespace's network devices by index.
    #[must_use]
    pub const fn devices(&self) -> &BTreeMap<u32, String> {
        &self.devices
    }

    /// Inode of the namespace.
    #[must_use]
    pub const fn netns_inode(&self) -> Option<u64> {
        self.inode
    }

    /// Hands on every socket that passes the filter until there are no more or `each` breaks off. Nothing is kept, and
    /// nothing allocated per socket.
    ///
    /// # Errors
    /// When the kernel refuses or the dump fails; what was handed on before is not all then. Smaller losses are gaps.
    pub fn walk(
        &mut self,
        mut each: impl FnMut(&InetDiag<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, SocketRowsError> {
        let request = DumpRequest {
            bytecode: &self.compiled.bytecode,
            ..DumpRequest::of(self.compiled.states).with(self.wanted.extensions())
        };
        let families = match self.wanted.ipv4 {
            None => Families::Both,
            Some(true) => Families::One(DumpFamily::Ipv4),
            Some(false) => Families::One(DumpFamily::Ipv6),
        };
        // No state at all is the kernel's word for no socket, and would be a walk for nothing.
        if self.compiled.states.bits() == 0 {
            return Ok(Vec::new());
        }
        let (wanted, is_rough) = (&self.wanted, self.compiled.is_rough);
        let mut unclear = 0;
        let walked = self.walker.walk(&request, families, |found| match passes(wanted, is_rough, found) {
            Truth::Yes => each(found),
            Truth::No => ControlFlow::Continue(()),
            Truth::Unknown => {
                unclear += 1;
                ControlFlow::Continue(())
            }
        });
        let walked = walked.map_err(|error| self.explain(error))?;
        let mut gaps = Vec::new();
        push_walked(&mut gaps, walked);
        if unclear > 0 {
            gaps.push(unclear_gap(unclear));
        }
        Ok(gaps)
    }

    /// A refusal that is the filter's, since only who may administer the network may ask for marks.
    fn explain(&self, error: DumpError) -> SocketRowsError {
        match error {
            DumpError::Denied(_) if self.wanted.filter.asks_mark() => {
                let reason = "`fwmark` may be asked only as root or with CAP_NET_ADMIN";
                self.wanted.filter.refusal(reason).into()
            }
            error => error.into(),
        }
    }
}

fn unclear_gap(sockets: u64) -> Gap {
    let reason = format!("the kernel does not tell of {sockets} sockets what the filter asks");
    let consequence = "they are not shown; run as root or with CAP_NET_ADMIN where it is the mark";
    Gap::new("sock_diag", crate::snapshot::GapKind::Denied, reason, consequence)
}

/// Whether a socket that the kernel has reported passes.
fn passes(wanted: &RowsWanted, is_rough: bool, found: &InetDiag<'_>) -> Truth {
    if !is_rough {
        return Truth::Yes;
    }
    let Some(candidate) = Candidate::of(found) else { return Truth::Yes };
    let states = wanted.filter.states().unwrap_or(wanted.shown.mask());
    match states.bits() & StateMask::of(candidate.state).bits() {
        0 => Truth::No,
        _ => wanted.filter.matches(&candidate),
    }
}
