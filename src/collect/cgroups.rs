//! What the cgroups are called that the kernel tells of sockets by number.

use std::collections::BTreeMap;

use crate::sys::cgroup_paths;

/// The paths of all cgroups of version 2 that can be seen, by id; empty where none are mounted.
#[must_use]
pub fn read_cgroups() -> BTreeMap<u64, String> {
    cgroup_paths()
}
