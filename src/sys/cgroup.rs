//! Cgroups of version 2, which the kernel knows by the inodes of their directories.

use std::collections::BTreeMap;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where they are mounted: alone, or beside those of version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

fn mount() -> Option<&'static Path> {
    MOUNTS.into_iter().map(Path::new).find(|mount| mount.join("cgroup.controllers").exists())
}

/// The id of a cgroup; nothing when there is none.
#[must_use]
pub fn cgroup_id(path: &str) -> Option<u64> {
    let relative = path.strip_prefix("/sys/fs/cgroup").unwrap_or(path).trim_start_matches('/');
    let directory = std::fs::metadata(mount()?.join(relative)).ok()?;
    directory.is_dir().then(|| directory.ino())
}

/// The paths of all that can be seen by their ids, such as `/system.slice/nginx.service`; empty where none are mounted. One
/// that is removed meanwhile is left out.
#[must_use]
pub fn cgroup_paths() -> BTreeMap<u64, String> {
    let mut paths = BTreeMap::new();
    let Some(mount) = mount() else { return paths };
    if let Ok(root) = std::fs::metadata(mount) {
        paths.insert(root.ino(), "/".to_owned());
    }
    let mut left: Vec<PathBuf> = vec![mount.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let path = entry.path();
                if let Ok(relative) = path.strip_prefix(mount) {
                    paths.insert(entry.ino(), format!("/{}", relative.display()));
                }
                left.push(path);
            }
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_back_to_its_id() {
        assert_eq!(cgroup_id("/no/such/cgroup"), None);
        let paths = cgroup_paths();
        assert_eq!(paths.is_empty(), mount().is_none());
        // Others may come and go meanwhile.
        for (id, path) in paths.iter().take(20) {
            assert!(cgroup_id(path).is_none_or(|found| found == *id), "{path}");
        }
    }
}
