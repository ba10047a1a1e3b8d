//! Every network namespace that can be reached, each read on a thread of its own.

use super::host::{gap_of, is_initial_netns};
use super::live::{self, read_sockets};
use super::owners::{denied_for, process_of};
use super::sysctls::read_sysctls;
use super::{CollectError, Source};
use crate::snapshot::{
    DifferentSetting, Gap, GapKind, NamespaceFacts, NamespaceReading, NamespaceReadings, NamespaceSurvey, Sockets,
    SysctlReading, Sysctls,
};
use crate::sys::{FoundNamespace, Namespace, NamespaceError, ProcRoot, find_namespaces, own_netns_inode};

/// Reads every network namespace that a process is in or that a file is bound to: counts as `source` says, and those of
/// its keys that differ from the initial namespace. The namespace and the processes that `source` names are not looked
/// at.
///
/// One that cannot be entered, or that is gone meanwhile, has a gap.
///
/// # Errors
/// When there is no such proc root, or when its processes cannot be listed.
pub fn survey_namespaces(source: &Source) -> Result<NamespaceSurvey, CollectError> {
    let root = ProcRoot::new(&source.proc_root);
    let (found, gaps) = find(&root)?;
    let own = own_netns_inode();
    let read: Vec<Read> = found.iter().map(|one| read_one(one, own, source, &root)).collect();
    let base =
        read.iter().find(|one| one.facts.initial == Some(true)).or_else(|| read.iter().find(|one| one.facts.own));
    let compared_with = base.map(|base| base.facts.inode);
    let compared_with_initial = base.is_some_and(|base| base.facts.initial == Some(true));
    let settings = base.map(|base| base.sysctls.clone()).unwrap_or_default();
    let namespaces = read.into_iter().map(|one| compare(one, &settings)).collect();
    Ok(NamespaceSurvey { compared_with, compared_with_initial, namespaces, gaps })
}

/// Reads every network namespace that a process is in or that a file is bound to as [`live`](super::live()) reads one.
/// The namespace that `source` names is not looked at.
///
/// One that cannot be entered, or that is gone meanwhile, has a gap instead.
///
/// # Errors
/// When there is no such proc root, or when its processes cannot be listed.
pub fn live_namespaces(source: &Source) -> Result<NamespaceReadings, CollectError> {
    let root = ProcRoot::new(&source.proc_root);
    let (found, gaps) = find(&root)?;
    let own = own_netns_inode();
    let source = Source { netns: None, ..source.clone() };
    let read_one = |one: &FoundNamespace| NamespaceReading {
        inode: one.inode,
        own: own == Some(one.inode),
        bound: paths(one),
        process: one.process.as_ref().map(process_of),
        snapshot: enter(one, &root, || shows(one.inode, &root).then(|| live::read(&source, &root))),
    };
    Ok(NamespaceReadings { namespaces: found.iter().map(read_one).collect(), gaps })
}

/// The namespaces, and what is not known of their list.
pub(super) fn find(root: &ProcRoot) -> Result<(Vec<FoundNamespace>, Vec<Gap>), CollectError> {
    if !root.path().is_dir() {
        return Err(CollectError::NoProc { path: root.path().display().to_string() });
    }
    let found =
        find_namespaces(root).map_err(|error| CollectError::NoProcesses { path: error.path, reason: error.reason })?;
    let mut gaps = Vec::new();
    if found.denied > 0 {
        let reason = denied_for(found.denied);
        let source = root.join("<pid>/ns/net").display().to_string();
        let consequence = "namespaces that only they are in are not listed; run as root or with CAP_SYS_PTRACE";
        gaps.push(Gap::new(source, GapKind::Denied, reason, consequence));
    }
    gaps.extend(found.unread.map(|error| gap_of(&error, "namespaces without a process are not listed")));
    Ok((found.namespaces, gaps))
}

fn paths(found: &FoundNamespace) -> Vec<String> {
    found.bound.iter().map(|path| path.display().to_string()).collect()
}

/// What was read of one.
struct Read {
    facts: NamespaceFacts,
    sysctls: Sysctls,
}

/// Enters it on a thread of its own and reads it there.
fn read_one(found: &FoundNamespace, own: Option<u64>, source: &Source, root: &ProcRoot) -> Read {
    let mut facts = NamespaceFacts {
        inode: found.inode,
        initial: None,
        own: own == Some(found.inode),
        bound: paths(found),
        process: found.process.as_ref().map(process_of),
        processes: found.processes,
        sockets: None,
        settings: Vec::new(),
        gaps: Vec::new(),
    };
    let mut sysctls = Sysctls::default();
    match enter(found, root, || read_inside(found.inode, source, root)) {
        Ok(inside) => {
            facts.initial = inside.initial;
            facts.sockets = inside.sockets;
            facts.gaps = inside.gaps;
            sysctls = inside.sysctls;
        }
        Err(gap) => facts.gaps.push(gap),
    }
    Read { facts, sysctls }
}

/// Why a namespace that was found a moment ago cannot be read.
pub(super) const GONE: &str = "it is gone, or another stands in its place";

pub(super) const fn kind_of(error: &NamespaceError) -> GapKind {
    match error {
        NamespaceError::Denied { .. } => GapKind::Denied,
        NamespaceError::Unknown { .. } => GapKind::Absent,
        NamespaceError::NotANamespace { .. } | NamespaceError::Failed { .. } => GapKind::Failed,
    }
}

pub(super) fn unreadable(found: &FoundNamespace, kind: GapKind, reason: impl Into<String>) -> Gap {
    Gap::new(found.path.display().to_string(), kind, reason, "its sockets and settings are unknown")
}

/// Runs this inside the namespace, on a thread of its own. A gap when it cannot be entered, or when the file that it was
/// found by is of another one by now, which `act` may say as well.
fn enter<T: Send>(found: &FoundNamespace, root: &ProcRoot, act: impl FnOnce() -> Option<T> + Send) -> Result<T, Gap> {
    // The one that this thread is in needs no entering, for which everybody has the right.
    if own_netns_inode() == Some(found.inode) {
        return act().ok_or_else(|| unreadable(found, GapKind::Failed, GONE));
    }
    let inside = || {
        let namespace = Namespace::open(&found.path.display().to_string(), root)?;
        if namespace.inode()? != found.inode {
            return Ok(None);
        }
        namespace.run(act)
    };
    match inside() {
        Ok(Some(read)) => Ok(read),
        Ok(None) => Err(unreadable(found, GapKind::Failed, GONE)),
        Err(error) => Err(unreadable(found, kind_of(&error), error.to_string())),
    }
}

/// Whether the proc root shows this namespace to the calling thread, which a copy of its files does not.
fn shows(inode: u64, root: &ProcRoot) -> bool {
    root.netns_inode().ok() == Some(inode)
}

/// What the thread inside reads.
struct Inside {
    initial: Option<bool>,
    sockets: Option<Sockets>,
    sysctls: Sysctls,
    gaps: Vec<Gap>,
}

/// Nothing when the proc root shows another namespace to this thread, as a copy of its files does.
fn read_inside(inode: u64, source: &Source, root: &ProcRoot) -> Option<Inside> {
    if !shows(inode, root) {
        return None;
    }
    let mut gaps = Vec::new();
    let sockets = read_sockets(source, root, true, &mut gaps);
    let sysctls = read_sysctls(&source.keys, root, &mut gaps);
    Some(Inside { initial: is_initial_netns(root), sockets, sysctls, gaps })
}

/// Whether a size only says, by being negative, that the namespace has no table of its own and uses the host's
/// (`proc_tcp_ehash_entries` and `proc_udp_hash_entries`, net/ipv4/sysctl_net_ipv4.c).
fn shares_table(key: &str, here: &str) -> bool {
    matches!(key, "net.ipv4.tcp_ehash_entries" | "net.ipv4.udp_hash_entries") && here.starts_with('-')
}

/// Adds the settings that differ. One that only one of the two has is not compared: the initial namespace has keys that
/// others have not.
fn compare(read: Read, with: &Sysctls) -> NamespaceFacts {
    let Read { mut facts, sysctls } = read;
    for (key, reading) in &sysctls.readings {
        let (SysctlReading::Value(here), Some(there)) = (reading, with.value(key.as_str())) else { continue };
        if here != there && !shares_table(key.as_str(), here) {
            let setting = DifferentSetting { key: key.to_string(), here: here.clone(), there: there.to_owned() };
            facts.settings.push(setting);
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::SocketReading;

    fn source() -> Source {
        Source { sockets: SocketReading::Skip, ..Source::own(Vec::new()) }
    }

    fn found(inode: u64, path: &str) -> FoundNamespace {
        FoundNamespace { inode, path: path.into(), bound: Vec::new(), process: None, processes: 1 }
    }

    #[test]
    fn a_namespace_that_is_gone_has_a_gap_and_its_place_is_not_read_for_it() {
        let root = ProcRoot::new("/proc");
        let kind = |found: &FoundNamespace| {
            let read = read_one(found, None, &source(), &root);
            assert_eq!((read.facts.sockets, read.sysctls), (None, Sysctls::default()));
            read.facts.gaps.into_iter().map(|gap| gap.kind).collect::<Vec<_>>()
        };
        assert_eq!(kind(&found(1, "/proc/self/ns/net")), [GapKind::Failed], "another has its number");
        assert_eq!(kind(&found(1, "/proc/0/ns/net")), [GapKind::Absent]);
    }

    #[test]
    fn only_settings_that_both_have_are_compared() {
        let sysctls = |values: &[(&str, &str)]| Sysctls {
            readings: values
                .iter()
                .map(|(key, value)| (key.parse().unwrap(), SysctlReading::Value((*value).to_owned())))
                .collect(),
        };
        let facts = read_one(&found(1, "/proc/0/ns/net"), None, &source(), &ProcRoot::new("/proc")).facts;
        let here = sysctls(&[("net.a", "1"), ("net.b", "2"), ("net.c", "3")]);
        let compared =
            compare(Read { facts, sysctls: here }, &sysctls(&[("net.a", "1"), ("net.b", "9"), ("net.d", "4")]));
        let keys: Vec<_> = compared.settings.iter().map(|one| (one.key.as_str(), one.there.as_str())).collect();
        assert_eq!(keys, [("net.b", "9")]);
    }
}
