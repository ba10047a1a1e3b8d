//! The sysctls of the private namespaces, every one of them set and read back.
//!
//! A new namespace takes some values from the initial one and some from the kernel, and a distribution's kernel
//! may have a congestion control of its own, so nothing is left to chance.

use super::LabError;
use crate::model::Settings;
use crate::sys::{SysctlError, SysctlFiles};
use crate::units::SysctlKey;

/// What a scenario does not ask for but timing depends on.
const PINNED: &[(&str, &str)] = &[
    ("net.ipv4.tcp_congestion_control", "reno"),
    ("net.ipv4.tcp_no_metrics_save", "1"),
    ("net.ipv4.tcp_ecn", "2"),
    ("net.ipv4.tcp_invalid_ratelimit", "500"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv6.conf.all.disable_ipv6", "0"),
    ("net.ipv6.conf.default.disable_ipv6", "0"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.default.router_solicitations", "0"),
    ("net.ipv6.conf.default.accept_dad", "0"),
    // No link-local address, so that nothing but the scenario's segments is on the wire.
    ("net.ipv6.conf.default.addr_gen_mode", "1"),
];

/// Sets them in the calling thread's namespace and returns those that were set. A key that the kernel does not
/// have is left out: it is not pinned, and has no effect either.
pub(super) fn write_pins(settings: &Settings) -> Result<Vec<(String, String)>, LabError> {
    let files = SysctlFiles::new("/proc");
    let fixed = PINNED.iter().map(|(key, value)| (*key, (*value).to_owned()));
    let mut set = Vec::new();
    for (name, value) in settings.values().into_iter().chain(fixed) {
        let refused = |reason: String| LabError::Setting { key: name.to_owned(), value: value.clone(), reason };
        let key: SysctlKey = name.parse().map_err(|error| refused(format!("{error}")))?;
        match files.write(&key, &value) {
            Ok(()) => {
                let read = files.read(&key).map_err(|error| refused(error.to_string()))?;
                set.push((name.to_owned(), read.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
            Err(SysctlError::Absent { .. }) => {}
            Err(error) => return Err(refused(error.to_string())),
        }
    }
    Ok(set)
}
