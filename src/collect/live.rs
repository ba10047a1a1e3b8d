//! The order in which sources are asked.

use super::{
    CollectError, SocketReading, Source, counters, device_queues, host, owners, queues, sockets, states, sysctls,
    tables,
};
use crate::snapshot::{Capabilities, Gap, Netns, SCHEMA_VERSION, Snapshot, SocketSource, Sockets};
use crate::sys::{
    Namespace, ProcRoot, device_names, effective_capabilities, effective_uid, monotonic_ms, netns_cookie,
    own_netns_inode, unix_ms,
};

/// Reads a namespace. Whatever cannot be read is a gap in the snapshot.
///
/// # Errors
/// Only when the proc root or the namespace that was asked for cannot be had.
pub fn live(source: &Source) -> Result<Snapshot, CollectError> {
    within(source, |root| read(source, root))
}

/// Runs this in the namespace that is asked for, with the proc root that shows it.
pub(super) fn within<T: Send>(source: &Source, act: impl FnOnce(&ProcRoot) -> T + Send) -> Result<T, CollectError> {
    let path = || source.proc_root.display().to_string();
    let root = ProcRoot::new(&source.proc_root);
    // Where the machine's own is not mounted yet, as in an initial file system, all that it would tell is a gap.
    if !root.is_own() && !source.proc_root.is_dir() {
        return Err(CollectError::NoProc { path: path() });
    }
    let Some(asked) = &source.netns else { return Ok(act(&root)) };
    let namespace = Namespace::open(asked, &root)?;
    let inode = namespace.inode()?;
    namespace.run(|| {
        if root.netns_inode().ok() == Some(inode) {
            Ok(act(&root))
        } else {
            Err(CollectError::OtherProc { path: path(), netns: asked.clone() })
        }
    })?
}

/// Reads the calling thread's namespace.
pub(super) fn read(source: &Source, root: &ProcRoot) -> Snapshot {
    let mut gaps = Vec::new();
    let taken_unix_ms = unix_ms();
    let monotonic_ms = monotonic_ms();
    let inode = root.netns_inode();
    let root_is_live = inode.as_ref().is_ok_and(|inode| root.is_own() || shows_own_netns(*inode));
    if let Err(error) = &inode {
        gaps.push(host::gap_of(error, "which network namespace this is is unknown"));
    }
    let sysctls = sysctls::read_sysctls(&source.keys, root, &mut gaps);
    let initial = host::has_initial_keys(&sysctls, root);
    let kernel = host::read_kernel(root, root_is_live, &mut gaps);
    let mut counters = counters::read_counters(root, &mut gaps);
    // The shortest reading shows nothing of them.
    if root_is_live && source.sockets != SocketReading::Sums {
        counters.queues = device_queues::read_device_queues(root, &mut gaps);
    }
    Snapshot {
        schema: SCHEMA_VERSION,
        taken_unix_ms,
        monotonic_ms,
        hostname: host::read_hostname(root, root_is_live),
        kernel,
        netns: Netns {
            inode: inode.ok(),
            name: source.netns.clone(),
            initial,
            cookie: root_is_live.then(netns_cookie).flatten(),
        },
        capabilities: Capabilities { euid: effective_uid(), effective: effective_capabilities() },
        memory_kib: host::read_memory(root, root_is_live, &mut gaps),
        sysctls,
        counters,
        sockets: read_sockets(source, root, root_is_live, &mut gaps),
        boot_id: host::read_boot_id(root),
        redacted: None,
        gaps,
    }
}

/// Netlink answers for the calling thread's own namespace; it may stand for the root only if that shows the same.
pub(super) fn shows_own_netns(inode: u64) -> bool {
    Some(inode) == own_netns_inode()
}

/// Names the devices that listeners are bound to, which few are.
fn name_devices(root: &ProcRoot, found: &mut Sockets) {
    if found.listeners.iter().all(|one| one.interface == 0) {
        return;
    }
    let names = device_names(root);
    for listener in &mut found.listeners {
        listener.device = names.get(&listener.interface).cloned();
    }
}

pub(super) fn read_sockets(
    source: &Source,
    root: &ProcRoot,
    root_is_live: bool,
    gaps: &mut Vec<Gap>,
) -> Option<Sockets> {
    let mut found = match source.sockets {
        SocketReading::Skip => return None,
        SocketReading::ProcNetTcp => tables::read_proc_net_tcp(root, gaps),
        _ if !root_is_live => tables::read_proc_net_tcp(root, gaps),
        SocketReading::Best => sockets::read_best(root, false, gaps),
        SocketReading::OneByOne => sockets::read_best(root, true, gaps),
        SocketReading::Fitting(most) => states::read_fitting(root, most, gaps),
        SocketReading::States => states::read_states(root, gaps),
        SocketReading::Sums => states::read_sums(root, gaps),
        SocketReading::SumsAndQueues => queues::read_sums_and_queues(root, &source.syn_queues, gaps),
        SocketReading::Listeners => queues::read_listeners(root, &source.syn_queues, gaps),
    }?;
    // Where nothing was walked for the sake of time, no descriptors are either.
    let unasked = matches!(source.sockets, SocketReading::Fitting(_)) && found.source == SocketSource::Masked;
    queues::tell_apart(&source.syn_queues, &mut found);
    if root_is_live {
        name_devices(root, &mut found);
    }
    if source.processes && !unasked {
        owners::find_owners(&mut found, root, gaps);
    }
    Some(found)
}
