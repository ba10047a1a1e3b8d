//! Which network namespaces there are, as far as they can be seen.
//!
//! The kernel has no list of them. Each is reached through a thread that is in it, through a file that it is bound to, or
//! through a descriptor that holds it; one that only a socket keeps alive is not found.

use std::collections::BTreeMap;
use std::path::PathBuf;

use procfs::process::all_processes_with_root;

use super::descriptors::{Descriptor, for_each_descriptor, for_each_thread_netns, read_comm};
use super::processes::read_error;
use super::{ProcRoot, ReadError, ReadErrorKind, SocketHolder};

/// A network namespace that can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundNamespace {
    /// Its inode, which names it.
    pub inode: u64,
    /// A file to open it by.
    pub path: PathBuf,
    /// Files that it is bound to, such as those of `ip netns` in `/run/netns`, ascending.
    pub bound: Vec<PathBuf>,
    /// The process with the lowest number in it, another one than this where there is one. Where none is and no file is bound to it, one that has a thread in it, or
    /// else one that holds a descriptor of it.
    pub process: Option<SocketHolder>,
    /// How many processes are in it; where none is and no file is bound to it, how many have a
    /// thread in it.
    pub processes: u64,
}

/// All that were found, ascending by inode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundNamespaces {
    /// The namespaces.
    pub namespaces: Vec<FoundNamespace>,
    /// Processes whose namespace could not be looked at for want of permission.
    pub denied: usize,
    /// Why the files that namespaces are bound to are unknown.
    pub unread: Option<ReadError>,
}

/// Looks through all threads, all mounts of this process, and all descriptors. A process that ends meanwhile is left out,
/// and so are the threads and descriptors of this one, by which it enters what it found.
///
/// # Errors
/// When the list of processes cannot be read.
pub fn find_namespaces(root: &ProcRoot) -> Result<FoundNamespaces, ReadError> {
    let own = root.is_own().then(std::process::id);
    let Sightings { mut found, by_thread, denied } = look_at_processes(root, own)?;
    let mut unread = None;
    match root.read("self/mountinfo") {
        Ok(text) => {
            for (inode, path) in text.lines().filter_map(bound_namespace) {
                let seen = found.entry(inode).or_insert_with(|| FoundNamespace::by(inode, path.clone()));
                seen.bound.push(path);
            }
        }
        Err(error) => unread = Some(error),
    }
    // Threads enter and leave, so that they count only where nothing else is.
    for (inode, seen) in by_thread {
        found.entry(inode).or_insert(seen);
    }
    for_each_descriptor(root, b"net:[", |Descriptor { pid, number, inode }| {
        let Ok(holder) = i32::try_from(pid) else { return };
        let inode = u64::from(inode);
        if own != Some(pid) && !found.contains_key(&inode) {
            let path = root.join(&format!("{pid}/fd/{number}"));
            let process = Some(SocketHolder { pid: holder, name: read_comm(root, pid) });
            found.insert(inode, FoundNamespace { process, ..FoundNamespace::by(inode, path) });
        }
    })?;
    let mut namespaces: Vec<FoundNamespace> = found.into_values().collect();
    for one in &mut namespaces {
        // A file that is mounted twice over is still one.
        one.bound.sort();
        one.bound.dedup();
    }
    Ok(FoundNamespaces { namespaces, denied, unread })
}

/// Where processes and their threads are.
#[derive(Default)]
struct Sightings {
    found: BTreeMap<u64, FoundNamespace>,
    /// Where threads are that are not where their process is.
    by_thread: BTreeMap<u64, FoundNamespace>,
    denied: usize,
}

/// The threads of `own` are not looked at.
fn look_at_processes(root: &ProcRoot, own: Option<u32>) -> Result<Sightings, ReadError> {
    let mut seen = Sightings::default();
    let processes = all_processes_with_root(root.path()).map_err(|error| read_error(root, &error))?;
    for process in processes.flatten() {
        let pid = process.pid();
        let directory = root.path().join(pid.to_string());
        let path = directory.join("ns/net");
        let target = match std::fs::read_link(&path) {
            Ok(target) => target,
            Err(error) => {
                seen.denied += usize::from(ReadErrorKind::of(&error) == ReadErrorKind::Denied);
                continue;
            }
        };
        let Some(inode) = target.to_str().and_then(inode_of_link) else { continue };
        note(&mut seen.found, inode, root, pid, path, own);
        if own.is_some_and(|own| i32::try_from(own) == Ok(pid)) {
            continue;
        }
        let mut elsewhere = BTreeMap::new();
        for_each_thread_netns(root, pid, |tid, of_thread| {
            if u64::from(of_thread) != inode {
                elsewhere.entry(of_thread).or_insert_with(|| directory.join(format!("task/{tid}/ns/net")));
            }
        });
        for (inode, path) in elsewhere {
            note(&mut seen.by_thread, inode.into(), root, pid, path, own);
        }
    }
    Ok(seen)
}

/// Counts a process in a namespace, which is opened by the file of the one with the lowest number, and by that of this
/// process, which says nothing of whose it is, only where no other is in it.
fn note(
    found: &mut BTreeMap<u64, FoundNamespace>,
    inode: u64,
    root: &ProcRoot,
    pid: i32,
    path: PathBuf,
    own: Option<u32>,
) {
    let one = found.entry(inode).or_insert_with(|| FoundNamespace::by(inode, path.clone()));
    one.processes += 1;
    let rank = |pid: i32| (own.is_some_and(|own| i32::try_from(own) == Ok(pid)), pid);
    if one.process.as_ref().is_none_or(|known| rank(pid) < rank(known.pid)) {
        one.process = Some(SocketHolder { pid, name: read_comm(root, pid) });
        one.path = path;
    }
}

impl FoundNamespace {
    fn by(inode: u64, path: PathBuf) -> Self {
        Self { inode, path, bound: Vec::new(), process: None, processes: 0 }
    }
}

/// The inode in `net:[4026531833]`.
fn inode_of_link(target: &str) -> Option<u64> {
    target.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// The namespace and the place of a line of `mountinfo` (proc(5)): the fourth field is what of the file system is
/// mounted, the fifth where, and behind a dash comes the type.
fn bound_namespace(line: &str) -> Option<(u64, PathBuf)> {
    let (mount, file_system) = line.split_once(" - ")?;
    if file_system.split(' ').next() != Some("nsfs") {
        return None;
    }
    let mut fields = mount.split(' ').skip(3);
    let inode = inode_of_link(fields.next()?)?;
    Some((inode, PathBuf::from(unescape(fields.next()?))))
}

/// Blanks and backslashes stand as three octal digits behind a backslash (`mangle_path`, fs/seq_file.c).
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_at_checked(3).and_then(|(code, rest)| Some((u8::from_str_radix(code, 8).ok()?, rest))) {
            Some((code, rest)) => {
                plain.push(char::from(code));
                plain.push_str(rest);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_network_namespaces_are_found_among_the_others() {
        let lines = [
            "34 25 0:4 net:[4026532201] /run/netns/blue rw shared:8 - nsfs nsfs rw",
            r"35 25 0:4 net:[4026532202] /run/netns/a\040b\134c rw - nsfs nsfs rw",
            "36 25 0:4 mnt:[4026532203] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw",
            "37 25 0:22 net:[4026532204] /somewhere rw - tmpfs tmpfs rw",
            "rubbish",
        ];
        let found: Vec<_> = lines.into_iter().filter_map(bound_namespace).collect();
        let expected = [(4_026_532_201, "/run/netns/blue"), (4_026_532_202, r"/run/netns/a b\c")];
        assert_eq!(found, expected.map(|(inode, path)| (inode, PathBuf::from(path))));
    }

    #[test]
    fn the_own_namespace_is_among_those_found() {
        let found = find_namespaces(&ProcRoot::new("/proc")).unwrap();
        let own = crate::sys::own_netns_inode().unwrap();
        let one = found.namespaces.iter().find(|one| one.inode == own).unwrap();
        assert!(one.processes >= 1 && one.process.is_some());
        assert_eq!(inode_of_link("net:[4026531833"), None);
    }

    #[test]
    fn this_process_is_named_only_where_no_other_is_in_the_namespace() {
        let (root, mut found) = (ProcRoot::new("/no/such/proc"), BTreeMap::new());
        let named =
            |found: &BTreeMap<u64, FoundNamespace>| found.get(&7).and_then(|one| one.process.as_ref().map(|p| p.pid));
        for (pid, expected) in [(40, 40), (90, 90), (60, 60), (70, 60)] {
            note(&mut found, 7, &root, pid, PathBuf::new(), Some(40));
            assert_eq!(named(&found), Some(expected));
        }
        assert_eq!(found.get(&7).map(|one| one.processes), Some(4));
    }

    #[test]
    fn without_proc_there_is_an_error_and_no_empty_list() {
        assert!(find_namespaces(&ProcRoot::new("/no/such/proc")).is_err());
    }
}
