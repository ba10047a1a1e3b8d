//! The sysctls of the private namespaces, every one of them set and read back.
//!
//! A new namespace takes some values from the initial one and some from the kernel, and a distribution's kernel
//! may have a congestion control of its own, so nothing is left to chance.

use std::collections::BTreeSet;

use super::LabError;
use super::network::Network;
use crate::model::Settings;
use crate::sys::{SysctlError, SysctlFiles, kernel_release};
use crate::units::{SysctlKey, SysctlValues};

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

/// Ports that are not given to clients, as ranges.
const RESERVED_PORTS: &str = "net.ipv4.ip_local_reserved_ports";

/// How a kernel behaves that does not have a key, where that is not what its default says.
const AS_IF: &[(&str, &str)] = &[
    // Before 6.5.
    ("net.ipv4.tcp_syn_linear_timeouts", "0"),
    // Built without CONFIG_SYN_COOKIES.
    ("net.ipv4.tcp_syncookies", "0"),
];

/// Sets them in the calling thread's namespace and returns those that were set, as they were read back. A key that the
/// kernel does not have is left out where the scenario asks for nothing else than such a kernel does.
///
/// # Errors
/// When the kernel refuses a value, keeps another one, or has no such key and behaves otherwise.
pub(super) fn write_pins(settings: &Settings) -> Result<Vec<(String, String)>, LabError> {
    write_pins_to(&SysctlFiles::new("/proc"), settings)
}

fn write_pins_to(files: &SysctlFiles, settings: &Settings) -> Result<Vec<(String, String)>, LabError> {
    let fixed = PINNED.iter().map(|(key, value)| (*key, (*value).to_owned()));
    let usual = Settings::default().values();
    let mut set = Vec::new();
    for (name, value) in settings.values().into_iter().chain(fixed) {
        let refused = |reason: String| LabError::Setting { key: name.to_owned(), value: value.clone(), reason };
        let key: SysctlKey = name.parse().map_err(|error| refused(format!("{error}")))?;
        match files.write(&key, &value) {
            Ok(()) => {
                let read = normalized(&files.read(&key).map_err(|error| refused(error.to_string()))?);
                if !is_same(&key, &value, &read) {
                    return Err(refused(format!("the kernel keeps {read}")));
                }
                set.push((name.to_owned(), read));
            }
            Err(SysctlError::Absent { .. }) => {
                let is_usual = |(key, usual): &(&str, String)| *key == name && *usual == value;
                let demanded = settings.values().iter().any(|(key, _)| *key == name);
                if demanded && !usual.iter().any(is_usual) && !AS_IF.contains(&(name, value.as_str())) {
                    return Err(refused(format!("this kernel ({}) does not have it", kernel_release())));
                }
            }
            Err(error) => return Err(refused(error.to_string())),
        }
    }
    Ok(set)
}

/// The words of a value with one blank between them.
fn normalized(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the kernel shows the value that was written: word by word, or, since it joins ranges, the same ports.
fn is_same(key: &SysctlKey, written: &str, read: &str) -> bool {
    let ports = |text: &str| -> BTreeSet<u16> {
        let values = SysctlValues::from([(key.clone(), text.to_owned())]);
        let ranges = Settings::from_values(&values).reserved_ports;
        ranges.into_iter().flat_map(|(low, high)| low..=high).collect()
    };
    normalized(written) == read || (key.as_str() == RESERVED_PORTS && ports(written) == ports(read))
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
    Ok(normalized(&read))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel with every key but these.
    fn kernel_without(absent: &[&str]) -> (tempfile::TempDir, SysctlFiles) {
        let proc = tempfile::tempdir().unwrap();
        let files = SysctlFiles::new(proc.path());
        let keys = Settings::keys().chain(PINNED.iter().map(|(key, _)| *key));
        for key in keys.filter(|key| !absent.contains(key)) {
            let path = files.path(&key.parse().unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        (proc, files)
    }

    #[test]
    fn every_key_is_set_and_read_back() {
        let (_proc, files) = kernel_without(&[]);
        let set = write_pins_to(&files, &Settings { syn_retries: 2, ..Settings::default() }).unwrap();
        assert_eq!(set.len(), Settings::keys().count() + PINNED.len());
        assert!(set.contains(&("net.ipv4.tcp_syn_retries".to_owned(), "2".to_owned())));
    }

    #[test]
    fn an_older_kernel_is_asked_only_for_what_it_does_anyway() {
        let newer = ["net.ipv4.tcp_syn_linear_timeouts", "net.ipv4.tcp_rto_max_ms", "net.ipv4.tcp_tw_reuse_delay"];
        let (_proc, files) = kernel_without(&newer);
        let asked = |settings: Settings| write_pins_to(&files, &settings);
        let set = asked(Settings::default()).unwrap();
        assert!(newer.iter().all(|key| set.iter().all(|(name, _)| name != key)));
        assert!(asked(Settings { syn_linear_timeouts: 0, ..Settings::default() }).is_ok());
        for settings in [
            Settings { syn_linear_timeouts: 2, ..Settings::default() },
            Settings { rto_max_ms: 1000, ..Settings::default() },
            Settings { tw_reuse_delay_ms: 0, ..Settings::default() },
        ] {
            let error = asked(settings).unwrap_err().to_string();
            assert!(error.contains("does not have it") && error.contains(&kernel_release()), "{error}");
            assert!(newer.iter().any(|key| error.contains(key)), "{error}");
        }
    }

    #[test]
    fn a_value_that_is_kept_otherwise_is_told_from_one_that_is_written_otherwise() {
        let same = |key: &str, written, read| is_same(&key.parse().unwrap(), written, read);
        assert!(same("net.ipv4.ip_local_port_range", "1024\t65535", "1024 65535"));
        assert!(!same("net.ipv4.tcp_syn_retries", "200", "127"));
        assert!(same(RESERVED_PORTS, "8080-8080,9000-9010,9011-9011", "8080,9000-9011"));
        assert!(!same(RESERVED_PORTS, "8080-8080", "8081"));
        assert!(same(RESERVED_PORTS, "", ""));
    }
}
