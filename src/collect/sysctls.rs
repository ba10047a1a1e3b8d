//! Sysctls.

use crate::catalog::normalize_value;
use crate::snapshot::{Gap, GapKind, SysctlReading, Sysctls};
use crate::sys::{ProcRoot, SysctlError, SysctlFiles};
use crate::units::SysctlKey;

/// Last parts of keys whose values are secrets. They are never read, so that no snapshot can give them away.
const SECRETS: [&str; 2] = ["tcp_fastopen_key", "stable_secret"];

/// Reads these keys. A key that the kernel does not have is a reading and not a gap; keys that are there and
/// cannot be read make one gap together.
pub(super) fn read_sysctls(keys: &[SysctlKey], root: &ProcRoot, gaps: &mut Vec<Gap>) -> Sysctls {
    let files = SysctlFiles::new(root.path());
    let mut reader = files.reader();
    let mut sysctls = Sysctls::default();
    let mut denied = true;
    let mut unreadable = Vec::new();
    for key in keys {
        if SECRETS.contains(&key.leaf()) {
            let reading = SysctlReading::Unreadable("it is a secret and is never read".to_owned());
            sysctls.readings.insert(key.clone(), reading);
            continue;
        }
        let reading = match reader.read(key) {
            Ok(raw) => SysctlReading::Value(normalize_value(&raw)),
            Err(SysctlError::Absent { .. }) => SysctlReading::Absent,
            Err(error) => {
                denied &= matches!(error, SysctlError::Denied { .. });
                unreadable.push(key.as_str());
                SysctlReading::Unreadable(reason_of(&error))
            }
        };
        sysctls.readings.insert(key.clone(), reading);
    }
    if let Some(first) = unreadable.first() {
        let reason = match sysctls.readings.get(*first) {
            Some(SysctlReading::Unreadable(reason)) => reason.clone(),
            _ => String::new(),
        };
        let kind = if denied { GapKind::Denied } else { GapKind::Failed };
        let source = root.join("sys").display().to_string();
        gaps.push(Gap::new(source, kind, reason, format!("unknown values: {}", unreadable.join(", "))));
    }
    if !keys.is_empty() && sysctls.readings.values().all(|reading| *reading == SysctlReading::Absent) {
        let source = root.join("sys").display().to_string();
        gaps.push(Gap::new(source, GapKind::Absent, "it has none of the keys", "all settings are unknown"));
    }
    sysctls
}

fn reason_of(error: &SysctlError) -> String {
    match error {
        SysctlError::Denied { reason, .. }
        | SysctlError::Refused { reason, .. }
        | SysctlError::Failed { reason, .. } => reason.clone(),
        SysctlError::Absent { .. } => "no such key".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SysctlKey {
        text.parse().unwrap()
    }

    #[test]
    fn a_missing_key_is_a_reading_and_a_missing_tree_is_a_gap() {
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(copy.path().join("sys/net/ipv4")).unwrap();
        std::fs::write(copy.path().join("sys/net/ipv4/tcp_rmem"), "4096\t131072\t6291456\n").unwrap();
        let root = ProcRoot::new(copy.path());
        let mut gaps = Vec::new();
        let read = read_sysctls(&[key("net.ipv4.tcp_rmem"), key("net.ipv4.tcp_new")], &root, &mut gaps);
        assert_eq!(read.value("net.ipv4.tcp_rmem"), Some("4096 131072 6291456"));
        assert_eq!(read.readings.get("net.ipv4.tcp_new"), Some(&SysctlReading::Absent));
        assert_eq!(gaps, []);
        read_sysctls(&[key("net.ipv4.tcp_new")], &root, &mut gaps);
        assert_eq!(gaps.len(), 1);
    }

    #[test]
    fn secrets_are_not_read_even_where_they_could_be() {
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(copy.path().join("sys/net/ipv4")).unwrap();
        std::fs::write(copy.path().join("sys/net/ipv4/tcp_fastopen_key"), "0-1-2-3\n").unwrap();
        let mut gaps = Vec::new();
        let read = read_sysctls(&[key("net.ipv4.tcp_fastopen_key")], &ProcRoot::new(copy.path()), &mut gaps);
        assert_eq!((read.value("net.ipv4.tcp_fastopen_key"), gaps.len()), (None, 0));
    }

    #[test]
    fn a_key_that_cannot_be_read_is_named_in_the_gap() {
        let copy = tempfile::tempdir().unwrap();
        // A directory where a file should be fails to read for everybody, root included.
        std::fs::create_dir_all(copy.path().join("sys/net/ipv4/tcp_rmem")).unwrap();
        let mut gaps = Vec::new();
        let read = read_sysctls(&[key("net.ipv4.tcp_rmem")], &ProcRoot::new(copy.path()), &mut gaps);
        assert!(matches!(read.readings.get("net.ipv4.tcp_rmem"), Some(SysctlReading::Unreadable(_))));
        assert_eq!(gaps[0].consequence, "unknown values: net.ipv4.tcp_rmem");
    }
}
