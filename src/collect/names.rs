//! What names stand for that people and the kernel use of the same things: cgroups, services.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use crate::sys::{cgroup_paths, read_text};
use crate::wire::{Filter, FilterError, parse_filter_with, parse_tcp_services};

/// Names of services (services(5)).
const SERVICES: &str = "/etc/services";

/// The paths of all cgroups of version 2 that can be seen, by id; empty where none are mounted.
#[must_use]
pub fn read_cgroups() -> BTreeMap<u64, String> {
    cgroup_paths()
}

/// Reads a filter in which ports may be named as services. Their list is read once, when the first one is named: a filter
/// is judged with each key that is typed. On a host without a list, none has a name.
///
/// # Errors
/// With the place and what was expected there.
pub fn read_filter(text: &str) -> Result<Filter, FilterError> {
    static LIST: OnceLock<BTreeMap<String, u16>> = OnceLock::new();
    let read = || read_text(Path::new(SERVICES)).map(|text| parse_tcp_services(&text)).unwrap_or_default();
    parse_filter_with(text, &|name| LIST.get_or_init(read).get(name).copied())
}
