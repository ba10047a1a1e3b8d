//! What the laboratory needs to be allowed, and how it gets that or says what is in the way.

use std::io;
use std::path::Path;

use super::LabError;
use crate::sys::{
    Namespace, NamespaceError, SysctlFiles, TUN_DEVICE, check_tun, effective_capabilities, enter_own_user_namespace,
    read_text, read_tun_node,
};

/// `CAP_SYS_ADMIN`, `CAP_NET_ADMIN` and `CAP_NET_RAW`: enough to make network namespaces, to work in them, and to see what
/// passes.
const NEEDED: u64 = 1 << 21 | 1 << 12 | 1 << 13;

/// Sysctls that close user namespaces to those without rights, and the value with which they do.
const GATES: [(&str, &str); 3] = [
    ("user.max_user_namespaces", "0"),
    ("kernel.unprivileged_userns_clone", "0"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1"),
];

/// Makes sure that this process can play: without the capabilities it needs it enters a user namespace of its own, in
/// which it has them. To be called before any thread starts.
///
/// # Errors
/// [`LabError::Denied`] with what is in the way.
pub fn obtain_rights() -> Result<(), LabError> {
    // In a user namespace the owner of the device is nobody that it knows.
    let node = read_tun_node();
    if effective_capabilities().is_none_or(|held| held & NEEDED != NEEDED) {
        enter_own_user_namespace().map_err(|error| no_namespaces(&error.to_string()))?;
        // Where a security module hides the capabilities, it shows only here.
        Namespace::fresh().map_err(|error| match error {
            NamespaceError::Denied { reason, .. } | NamespaceError::Failed { reason, .. } => no_namespaces(&reason),
            other => LabError::Namespace(other),
        })?;
    }
    check_tun().map_err(|error| match (error.kind(), node) {
        (io::ErrorKind::PermissionDenied, Ok((mode, uid))) => LabError::Denied(tun_is_closed(&error, mode, uid)),
        _ => LabError::Setup { doing: "open /dev/net/tun", error },
    })
}

fn no_namespaces(reason: &str) -> LabError {
    let files = SysctlFiles::new("/proc");
    let value = |key: &str| files.read(&key.parse().ok()?).ok();
    let status = read_text(Path::new("/proc/self/status")).unwrap_or_default();
    LabError::Denied(namespaces_are_closed(reason, &gates(value, &status)))
}

/// What of this host is known to be in the way of user namespaces.
fn gates(value: impl Fn(&str) -> Option<String>, status: &str) -> Vec<String> {
    let closed = |(key, closing): &(&str, &str)| value(key).is_some_and(|value| value.trim() == *closing);
    let mut gates: Vec<String> =
        GATES.iter().filter(|gate| closed(gate)).map(|(key, closing)| format!("{key} is {closing}")).collect();
    let filtered = status.lines().filter_map(|line| line.strip_prefix("Seccomp:")).any(|mode| mode.trim() == "2");
    if filtered {
        gates.push("a seccomp filter is in force, as in containers".to_owned());
    }
    gates
}

fn namespaces_are_closed(reason: &str, gates: &[String]) -> String {
    let found = if gates.is_empty() { String::new() } else { format!(" ({})", gates.join("; ")) };
    format!(
        "cannot make private network namespaces: without CAP_SYS_ADMIN and CAP_NET_ADMIN that takes a user namespace, \
         and this host refuses one: {reason}{found}; run as root"
    )
}

fn tun_is_closed(error: &io::Error, mode: u32, uid: u32) -> String {
    let owner = if uid == 0 { "root".to_owned() } else { format!("uid {uid}") };
    format!(
        "cannot open {TUN_DEVICE}: {error}; it belongs to {owner} and has mode {mode:04o}. Run as root, or let users open \
         it: chmod 666 {TUN_DEVICE}, and for good a udev rule: KERNEL==\"tun\", MODE=\"0666\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gate_that_is_closed_is_named() {
        let host = |closed: &'static [(&str, &str)]| {
            move |key: &str| closed.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        };
        assert!(gates(host(&[]), "Seccomp:\t0\n").is_empty());
        assert!(gates(host(&[("user.max_user_namespaces", "63458")]), "").is_empty());
        assert_eq!(gates(host(&[("user.max_user_namespaces", "0")]), ""), ["user.max_user_namespaces is 0"]);
        let all = gates(
            host(&[("kernel.unprivileged_userns_clone", "0"), ("kernel.apparmor_restrict_unprivileged_userns", "1")]),
            "Name:\ttcpctl\nSeccomp:\t2\nSeccomp_filters:\t1\n",
        );
        assert_eq!(all.len(), 3);
        insta::assert_snapshot!(namespaces_are_closed("Operation not permitted (os error 1)", &all), @"cannot make private network namespaces: without CAP_SYS_ADMIN and CAP_NET_ADMIN that takes a user namespace, and this host refuses one: Operation not permitted (os error 1) (kernel.unprivileged_userns_clone is 0; kernel.apparmor_restrict_unprivileged_userns is 1; a seccomp filter is in force, as in containers); run as root");
    }

    #[test]
    fn a_device_that_is_closed_is_named_with_its_owner_and_mode() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        insta::assert_snapshot!(tun_is_closed(&error, 0o600, 0), @r#"cannot open /dev/net/tun: permission denied; it belongs to root and has mode 0600. Run as root, or let users open it: chmod 666 /dev/net/tun, and for good a udev rule: KERNEL=="tun", MODE="0666""#);
    }
}
