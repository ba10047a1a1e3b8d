//! The sysctls of the private namespaces, every one of them set and read back.
//!
//! A new namespace takes some values from the initial one and some from the kernel, and a distribution's kernel
//! may have a congestion control of its own, so nothing is left to chance.

use super::LabError;
use super::network::Network;
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

/// Sets further sysctls at both ends, and adds them to what is known to be set there. Those that cannot be set are handed
/// back with the reason.
pub(super) fn write_besides(
    network: &mut Network,
    besides: &[(String, String)],
) -> Result<Vec<(String, String)>, LabError> {
    let mut not_set = Vec::new();
    for host in [&mut network.client, &mut network.server] {
        not_set.clear();
        for (name, value) in besides {
            match host.namespace.run(|| write_and_read(name, value))? {
                Ok(read) => host.pins.push((name.clone(), read)),
                Err(reason) => not_set.push((name.clone(), reason)),
            }
        }
    }
    Ok(not_set)
}

/// Sets one sysctl in the calling thread's namespace and reads it back.
fn write_and_read(name: &str, value: &str) -> Result<String, String> {
    let files = SysctlFiles::new("/proc");
    let key: SysctlKey = name.parse().map_err(|error| format!("{error}"))?;
    files.write(&key, value).map_err(|error| error.to_string())?;
    let read = files.read(&key).map_err(|error| error.to_string())?;
    Ok(read.split_whitespace().collect::<Vec<_>>().join(" "))
}
