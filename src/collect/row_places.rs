//! Sockets one by one of every network namespace that can be reached.

use std::path::Path;

use super::namespaces::{GONE, find, kind_of, unreadable};
use super::{CollectError, RowsWanted, SocketRows, SocketRowsError, Source};
use crate::snapshot::{Gap, GapKind, NamespaceName};
use crate::sys::{FoundNamespace, ProcRoot, own_netns_inode};

/// Where `ip netns` keeps its names.
const NAMED: [&str; 2] = ["/run/netns", "/var/run/netns"];

/// A network namespace whose sockets can be listed, as long as it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// What it is called.
    pub name: NamespaceName,
    found: FoundNamespace,
}

/// Finds every network namespace that a process is in or that a file is bound to, ascending by inode, and what is not
/// known of the list.
///
/// # Errors
/// When there is no such proc root, or when its processes cannot be listed.
pub fn find_row_places(proc_root: &Path) -> Result<(Vec<RowPlace>, Vec<Gap>), CollectError> {
    let (found, gaps) = find(&ProcRoot::new(proc_root))?;
    let own = own_netns_inode();
    let places = found.into_iter().map(|found| RowPlace { name: name_of(&found, own), found });
    Ok((places.collect(), gaps))
}

impl RowPlace {
    /// What to ask for to read it; nothing for the caller's own, for which nobody needs rights.
    #[must_use]
    pub fn netns(&self) -> Option<String> {
        let is_own = own_netns_inode() == Some(self.found.inode);
        (!is_own).then(|| self.found.path.display().to_string())
    }

    /// Opens its sockets, on a thread of its own that is in it; `source` says how they are to be read.
    ///
    /// # Errors
    /// As of [`SocketRows::open`].
    pub fn open(&self, source: &Source, wanted: RowsWanted) -> Result<Result<SocketRows, Gap>, SocketRowsError> {
        let source = Source { netns: self.netns(), ..source.clone() };
        match SocketRows::open(&source, wanted) {
            Ok(rows) if rows.netns_inode() == Some(self.found.inode) => Ok(Ok(rows)),
            Ok(_) => Ok(Err(unreadable(&self.found, GapKind::Failed, GONE))),
            Err(error @ SocketRowsError::Filter(_)) => Err(error),
            Err(error) => Ok(Err(self.gap(&error))),
        }
    }

    /// Why its sockets are not known, or not all of them.
    #[must_use]
    pub fn gap(&self, error: &SocketRowsError) -> Gap {
        let kind = match error {
            SocketRowsError::Source(CollectError::Namespace(error)) => kind_of(error),
            error if error.whose() == super::Whose::Permission => GapKind::Denied,
            _ => GapKind::Failed,
        };
        let consequence = format!("sockets of {} are missing", self.name.name);
        Gap::new(self.found.path.display().to_string(), kind, error.to_string(), consequence)
    }
}

/// The name that it is bound to, else that it is the own one, else the process with the lowest number in it, else its
/// inode.
fn name_of(found: &FoundNamespace, own: Option<u64>) -> NamespaceName {
    let name = match (found.bound.first(), &found.process) {
        (Some(path), _) => bound_name(path),
        _ if own == Some(found.inode) => "own".to_owned(),
        (None, Some(process)) => format!("{}({})", process.name, process.pid),
        (None, None) => found.inode.to_string(),
    };
    NamespaceName { inode: found.inode, name }
}

fn bound_name(path: &Path) -> String {
    let named = NAMED.iter().find_map(|folder| path.strip_prefix(folder).ok());
    named.unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::collect::ShownStates;
    use crate::sys::SocketHolder;
    use crate::wire::Filter;

    fn found(bound: &[&str], process: Option<(&str, i32)>) -> FoundNamespace {
        FoundNamespace {
            inode: 7,
            path: "/proc/self/ns/net".into(),
            bound: bound.iter().map(PathBuf::from).collect(),
            process: process.map(|(name, pid)| SocketHolder { pid, name: name.to_owned() }),
            processes: 1,
        }
    }

    #[test]
    fn a_namespace_is_called_by_its_name_its_process_or_its_inode() {
        let name = |found: &FoundNamespace| name_of(found, Some(8)).name;
        assert_eq!(name(&found(&["/run/netns/blue"], Some(("cat", 3)))), "blue");
        assert_eq!(name(&found(&["/run/docker/netns/1a2b"], None)), "/run/docker/netns/1a2b");
        assert_eq!(name(&found(&[], Some(("cat", 3)))), "cat(3)");
        assert_eq!(name(&found(&[], None)), "7");
        assert_eq!(name_of(&found(&[], Some(("cat", 3))), Some(7)).name, "own");
    }

    #[test]
    fn one_that_is_gone_is_a_gap_and_no_other_is_read_in_its_place() {
        let wanted = || RowsWanted {
            filter: Filter::default(),
            shown: ShownStates::All,
            ipv4: None,
            info: false,
            memory: false,
            filter_here: false,
        };
        let gap = |path: &str| {
            let found = FoundNamespace { path: path.into(), ..found(&[], None) };
            let place = RowPlace { name: name_of(&found, None), found };
            place.open(&Source::own(Vec::new()), wanted()).unwrap().unwrap_err()
        };
        assert_eq!(gap("/no/such/file").kind, GapKind::Absent);
        assert_eq!(gap("/proc/version").kind, GapKind::Failed);
        // Whoever may enter it sees that it is another one.
        assert!(matches!(gap("/proc/self/ns/net").kind, GapKind::Failed | GapKind::Denied));
    }
}
