//! Sockets one by one.

use core::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::live::{shows_own_netns, within};
use super::sockets::push_walked;
use super::tables::RowTables;
use super::walk::{Families, Walker};
use super::{CollectError, SocketReading, Source, Whose};
use crate::snapshot::{Gap, GapKind, StoredRows};
use crate::sys::{DumpError, ProcRoot, ReadError, ReadErrorKind, cgroup_id, device_names};
use crate::units::TcpState;
use crate::wire::{
    Candidate, Compiled, DumpFamily, DumpRequest, Extensions, Filter, FilterError, FilterFault, InetDiag, StateMask,
    Truth, parse_port_range,
};

/// The ports that the kernel gives out.
const LOCAL_PORTS: &str = "sys/net/ipv4/ip_local_port_range";

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
///
/// They come from sock_diag, from `/proc/net/tcp{,6}` where that is refused, absent or not to be asked, or from a file.
#[derive(Debug)]
pub struct SocketRows {
    supply: Supply,
    source: Source,
    wanted: RowsWanted,
    devices: BTreeMap<u32, String>,
    inode: Option<u64>,
}

/// Where rows come from.
#[derive(Debug)]
enum Supply {
    Kernel(Walker, Compiled),
    Tables(RowTables),
    Stored(Arc<StoredRows>),
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
    #[error("sockets cannot be listed: {0}")]
    Dump(#[from] DumpError),
    /// The tables that are read instead.
    #[error("sockets cannot be listed: {instead}, so the tables of /proc were tried: {error}")]
    Tables {
        /// Why they are read.
        instead: String,
        /// Why they cannot be.
        error: ReadError,
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
            Self::Filter(FilterError { fault: FilterFault::Permission, .. })
            | Self::Dump(DumpError::Denied(_))
            | Self::Tables { error: ReadError { kind: ReadErrorKind::Denied, .. }, .. } => Whose::Permission,
            Self::Filter(_) | Self::Autobound => Whose::Request,
            Self::Dump(_) | Self::Tables { .. } => Whose::Kernel,
        }
    }
}

impl SocketRows {
    /// Opens the namespace and looks up the names in the filter. Nothing is read of sockets yet.
    ///
    /// # Errors
    /// When the namespace cannot be had, a name is unknown, or there is neither sock_diag nor `/proc/net/tcp`.
    pub fn open(source: &Source, mut wanted: RowsWanted) -> Result<Self, SocketRowsError> {
        within(source, |root| {
            let inode = root.netns_inode().ok();
            // A copy has no devices, or another host's.
            let is_live = inode.is_some_and(shows_own_netns);
            let devices = if is_live { device_names(root) } else { BTreeMap::new() };
            let index = |name: &str| devices.iter().find(|(_, known)| *known == name).map(|(index, _)| *index);
            wanted.filter.look_up(index, cgroup_id)?;
            // Where the range cannot be read, the kernel's word alone has to do.
            if wanted.filter.asks_autobound()
                && let Some(ports) = root.read(LOCAL_PORTS).ok().as_deref().and_then(parse_port_range)
            {
                wanted.filter = wanted.filter.with_chosen_among(&ports);
            }
            let supply = if source.sockets == SocketReading::ProcNetTcp || !is_live {
                open_tables(root, "it was not asked: the proc root was read instead".to_owned())?
            } else {
                match Walker::open() {
                    Ok(walker) => Supply::Kernel(walker, compile(&wanted)?),
                    Err(error) => open_tables(root, error.to_string())?,
                }
            };
            Ok(Self { supply, source: source.clone(), wanted, devices, inode })
        })?
    }

    /// Those of a stored snapshot, of a namespace with this inode.
    ///
    /// # Errors
    /// When a name in the filter is not in the snapshot.
    pub fn stored(rows: &Arc<StoredRows>, inode: Option<u64>, mut wanted: RowsWanted) -> Result<Self, SocketRowsError> {
        let device = |name: &str| rows.devices.iter().find(|(_, known)| *known == name).map(|(index, _)| *index);
        let cgroup = |name: &str| {
            let same = |path: &str| path.trim_matches('/') == name.trim_matches('/');
            rows.cgroups.iter().find(|(_, path)| same(path)).map(|(id, _)| *id)
        };
        wanted.filter.look_up(device, cgroup)?;
        let (supply, devices) = (Supply::Stored(Arc::clone(rows)), rows.devices.clone());
        Ok(Self { supply, source: Source::own(Vec::new()), wanted, devices, inode })
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
        let (begun, mut unclear) = (Cell::new(false), 0);
        let mut sift = |wanted: &RowsWanted, is_rough, found: &InetDiag<'_>| {
            begun.set(true);
            match passes(wanted, is_rough, found) {
                Truth::Yes => each(found),
                Truth::No => ControlFlow::Continue(()),
                Truth::Unknown => {
                    unclear += 1;
                    ControlFlow::Continue(())
                }
            }
        };
        let wanted = &self.wanted;
        let mut refused = None;
        if let Supply::Kernel(walker, compiled) = &mut self.supply {
            match walk_kernel(walker, compiled, wanted, |found| sift(wanted, compiled.is_rough, found)) {
                Ok(gaps) => return Ok(with_unclear(gaps, unclear)),
                Err(error) if begun.get() => return Err(error.into()),
                Err(error) => refused = Some(error),
            }
        }
        if let Some(error) = refused {
            self.supply = self.instead(error)?;
        }
        match &mut self.supply {
            // Not reached: what refused has been replaced.
            Supply::Kernel(..) => Ok(Vec::new()),
            Supply::Tables(tables) => {
                let wanted = &self.wanted;
                let walked = tables.walk(|found| sift(wanted, true, found));
                let failed = |error| SocketRowsError::Tables { instead: tables.reason().to_owned(), error };
                Ok(with_unclear(walked.map_err(failed)?, unclear))
            }
            Supply::Stored(rows) => {
                let wanted = &self.wanted;
                rows.each(|record, _| {
                    InetDiag::decode(record).is_none_or(|found| sift(wanted, true, &found).is_continue())
                });
                Ok(with_unclear(rows.gaps.clone(), unclear))
            }
        }
    }

    /// The tables of the namespace, where sock_diag answered so. Not when it is the filter that was refused, since only
    /// who may administer the network may ask for marks, or when the namespace is out of reach by now.
    fn instead(&self, error: DumpError) -> Result<Supply, SocketRowsError> {
        match error {
            DumpError::Denied(_) if self.wanted.filter.asks_mark() => {
                let reason = "`fwmark` may be asked only as root or with CAP_NET_ADMIN";
                Err(self.wanted.filter.refusal(reason).into())
            }
            DumpError::Failed(_) => Err(error.into()),
            error => within(&self.source, |root| {
                if root.netns_inode().ok() == self.inode {
                    open_tables(root, error.to_string())
                } else {
                    Err(error.into())
                }
            })?,
        }
    }
}

fn open_tables(root: &ProcRoot, reason: String) -> Result<Supply, SocketRowsError> {
    let opened = RowTables::open(root, reason.clone());
    opened.map(Supply::Tables).map_err(|error| SocketRowsError::Tables { instead: reason, error })
}

/// What the kernel is asked.
fn compile(wanted: &RowsWanted) -> Result<Compiled, SocketRowsError> {
    let mut compiled = wanted.filter.compile(wanted.shown.mask());
    if wanted.filter_here {
        compiled = Compiled {
            states: StateMask::ALL,
            bytecode: Vec::new(),
            source_port: 0,
            destination_port: 0,
            is_rough: true,
        };
    }
    if compiled.is_rough && wanted.filter.asks_autobound() {
        return Err(SocketRowsError::Autobound);
    }
    Ok(compiled)
}

fn walk_kernel(
    walker: &mut Walker,
    compiled: &Compiled,
    wanted: &RowsWanted,
    each: impl FnMut(&InetDiag<'_>) -> ControlFlow<()>,
) -> Result<Vec<Gap>, DumpError> {
    let request = DumpRequest {
        bytecode: &compiled.bytecode,
        source_port: compiled.source_port,
        destination_port: compiled.destination_port,
        ..DumpRequest::of(compiled.states).with(wanted.extensions())
    };
    let families = match wanted.ipv4 {
        None => Families::Both,
        Some(true) => Families::One(DumpFamily::Ipv4),
        Some(false) => Families::One(DumpFamily::Ipv6),
    };
    let mut gaps = Vec::new();
    // No state at all is the kernel's word for no socket, and would be a walk for nothing.
    if compiled.states.bits() != 0 {
        push_walked(&mut gaps, walker.walk(&request, families, each)?);
    }
    Ok(gaps)
}

fn with_unclear(mut gaps: Vec<Gap>, sockets: u64) -> Vec<Gap> {
    if sockets > 0 {
        let reason = format!("it does not tell of {sockets} sockets what the filter asks");
        let consequence = "they are not shown; run as root or with CAP_NET_ADMIN where it is the mark";
        gaps.push(Gap::new("sockets", GapKind::Denied, reason, consequence));
    }
    gaps
}

/// Whether a socket that the kernel has reported passes.
fn passes(wanted: &RowsWanted, is_rough: bool, found: &InetDiag<'_>) -> Truth {
    if !is_rough {
        return Truth::Yes;
    }
    if wanted.ipv4.is_some() && wanted.ipv4 != found.is_ipv4() {
        return Truth::No;
    }
    let Some(candidate) = Candidate::of(found) else { return Truth::Yes };
    let states = wanted.filter.states().unwrap_or(wanted.shown.mask());
    match states.bits() & StateMask::of(candidate.state).bits() {
        0 => Truth::No,
        _ => wanted.filter.matches(&candidate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::parse_filter;

    fn opened(filter: &str) -> SocketRows {
        let wanted = RowsWanted {
            filter: parse_filter(filter).unwrap(),
            shown: ShownStates::All,
            ipv4: None,
            info: false,
            memory: false,
            filter_here: false,
        };
        SocketRows::open(&Source::own(Vec::new()), wanted).unwrap()
    }

    #[test]
    fn where_the_kernel_has_no_sock_diag_or_refuses_it_the_tables_stand_in_and_the_reason_is_told() {
        for error in [DumpError::Absent("no module".to_owned()), DumpError::Denied("a sandbox".to_owned())] {
            let mut rows = opened("sport = :1");
            rows.supply = rows.instead(error.clone()).unwrap();
            let gaps = rows.walk(|_| ControlFlow::Break(())).unwrap();
            assert_eq!((gaps[0].kind, &gaps[0].reason), (GapKind::Substituted, &error.to_string()));
        }
    }

    #[test]
    fn a_filter_that_is_refused_and_a_dump_that_fails_are_not_read_otherwise() {
        let denied = || DumpError::Denied("no".to_owned());
        let refused = opened("fwmark = 1").instead(denied()).unwrap_err();
        assert!(matches!(refused, SocketRowsError::Filter(_)) && refused.whose() == Whose::Permission);
        let failed = opened("").instead(DumpError::Failed("half way".to_owned())).unwrap_err();
        assert_eq!(failed, SocketRowsError::Dump(DumpError::Failed("half way".to_owned())));
        // Neither are those of another namespace.
        let elsewhere = SocketRows { inode: Some(1), ..opened("") };
        assert_eq!(elsewhere.instead(denied()).unwrap_err(), SocketRowsError::Dump(denied()));
    }
}
