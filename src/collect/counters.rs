//! Counters.

use super::host::gap_of;
use crate::snapshot::{Counters, Gap, GapKind, SoftnetCpu};
use crate::sys::{ProcRoot, ReadError, ReadErrorKind};
use crate::wire::{Figures, Lenient, parse_paired_lines, parse_sockstat, parse_softnet_stat};

/// Reads every file of counters; each that cannot be read is a gap of its own.
pub(super) fn read_counters(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Counters {
    let snmp = read(root, "snmp", parse_paired_lines, "totals of connections and segments are unknown", gaps);
    let netstat = read(root, "netstat", parse_paired_lines, "counters of drops and retransmissions are unknown", gaps);
    let sockstat = read(root, "sockstat", parse_sockstat, "orphans and TCP memory are unknown", gaps);
    let sockstat6 = match read_sockstat6(root) {
        Ok(None) => None,
        Ok(Some(text)) => judge(root, "sockstat6", Ok(parse_sockstat(&text)), NO_IPV6, gaps),
        Err(gap) => {
            gaps.push(Gap { consequence: NO_IPV6.to_owned(), ..gap });
            None
        }
    };
    let softnet = read(root, "softnet_stat", parse_softnet_stat, "drops of full input queues are unknown", gaps);
    Counters {
        snmp,
        netstat,
        sockstat: merge(sockstat, sockstat6),
        softnet: softnet.map(|rows| {
            let cpu = |row: crate::wire::SoftnetRow| SoftnetCpu {
                cpu: row.cpu,
                processed: row.processed,
                dropped: row.dropped,
                time_squeeze: row.time_squeeze,
            };
            rows.into_iter().map(cpu).collect()
        }),
        queues: None,
    }
}

/// What is unknown without `sockstat6`.
const NO_IPV6: &str = "sockets of IPv6 are not in the sums";

/// Reads `sockstat6`; nothing without IPv6 in the kernel, which has no such file then, and no such sockets. A file that is
/// not there although the kernel has IPv6 is a gap: it makes both and `if_inet6` at once (`inet6_init`).
pub(super) fn read_sockstat6(root: &ProcRoot) -> Result<Option<String>, Gap> {
    match root.read_net("sockstat6") {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind == ReadErrorKind::Absent && root.read_net("if_inet6").is_err() => Ok(None),
        Err(error) if error.kind == ReadErrorKind::Absent => {
            let reason = "it is not there, and the kernel has IPv6";
            Err(Gap::new(error.path, GapKind::Failed, reason, ""))
        }
        Err(error) => Err(gap_of(&error, "")),
    }
}

/// Reads one file; nothing when it cannot be read or when nothing in it can be understood.
fn read<T: IsEmpty>(
    root: &ProcRoot,
    file: &str,
    parse: impl FnOnce(&str) -> Lenient<T>,
    consequence: &str,
    gaps: &mut Vec<Gap>,
) -> Option<T> {
    judge(root, file, root.read_net(file).map(|text| parse(&text)), consequence, gaps)
}

/// The same of a file that was read, or could not be.
fn judge<T: IsEmpty>(
    root: &ProcRoot,
    file: &str,
    parsed: Result<Lenient<T>, ReadError>,
    consequence: &str,
    gaps: &mut Vec<Gap>,
) -> Option<T> {
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            gaps.push(gap_of(&error, consequence));
            return None;
        }
    };
    if parsed.skipped > 0 || parsed.value.is_empty() {
        let reason = format!("{} of its entries cannot be understood", parsed.skipped);
        let reason = if parsed.value.is_empty() { "nothing in it can be understood".to_owned() } else { reason };
        let path = root.net_path(file).display().to_string();
        gaps.push(Gap::new(path, GapKind::Malformed, reason, consequence));
    }
    (!parsed.value.is_empty()).then_some(parsed.value)
}

/// Both files' groups have different names (`TCP`, `TCP6`).
fn merge(first: Option<Figures>, second: Option<Figures>) -> Option<Figures> {
    match (first, second) {
        (Some(mut first), Some(second)) => {
            first.extend(second);
            Some(first)
        }
        (first, second) => first.or(second),
    }
}

/// Whether a parsed file holds anything.
trait IsEmpty {
    fn is_empty(&self) -> bool;
}

impl IsEmpty for Figures {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl<T> IsEmpty for Vec<T> {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_copy(files: &[(&str, &str)]) -> (Counters, Vec<Gap>) {
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir(copy.path().join("net")).unwrap();
        for (name, content) in files {
            std::fs::write(copy.path().join("net").join(name), content).unwrap();
        }
        let mut gaps = Vec::new();
        let counters = read_counters(&ProcRoot::new(copy.path()), &mut gaps);
        (counters, gaps)
    }

    #[test]
    fn each_missing_file_is_a_gap_and_no_zero() {
        let (counters, gaps) = read_copy(&[("netstat", "TcpExt: ListenDrops\nTcpExt: 7\n")]);
        assert_eq!(counters.tcp_ext("ListenDrops"), Some(7));
        assert_eq!((counters.tcp("CurrEstab"), counters.softnet_dropped()), (None, None));
        let kinds: Vec<_> = gaps.iter().map(|gap| gap.kind).collect();
        assert_eq!(kinds, [GapKind::Absent; 3]);
    }

    #[test]
    fn both_sockstat_files_are_one_table() {
        let (counters, _) = read_copy(&[("sockstat", "TCP: inuse 5 tw 2\n"), ("sockstat6", "TCP6: inuse 3\n")]);
        assert_eq!((counters.sockstat("TCP", "tw"), counters.sockstat("TCP6", "inuse")), (Some(2), Some(3)));
    }

    #[test]
    fn a_second_sockstat_file_that_is_there_and_cannot_be_read_is_a_gap() {
        let first = ("sockstat", "TCP: inuse 5 tw 2\n");
        let of_second = |content| {
            let (counters, gaps) = read_copy(&[first, ("sockstat6", content)]);
            assert_eq!(counters.sockstat("TCP", "tw"), Some(2));
            gaps.into_iter().find(|gap| gap.source.ends_with("net/sockstat6")).map(|gap| gap.kind)
        };
        assert_eq!(of_second("TCP6: inuse 3\n"), None);
        assert_eq!([of_second("TCP6: inuse\n"), of_second("")], [Some(GapKind::Malformed); 2]);
    }

    #[test]
    fn a_second_sockstat_file_that_is_missing_is_a_gap_where_there_is_ipv6() {
        let first = ("sockstat", "TCP: inuse 5 tw 2\n");
        let gap_with = |files: &[(&str, &str)]| {
            let (_, gaps) = read_copy(files);
            gaps.into_iter().find(|gap| gap.source.ends_with("net/sockstat6")).map(|gap| gap.kind)
        };
        assert_eq!((gap_with(&[first]), gap_with(&[first, ("if_inet6", "")])), (None, Some(GapKind::Failed)));
    }

    #[test]
    fn a_file_of_nonsense_is_malformed() {
        let (counters, gaps) = read_copy(&[("snmp", "what is this\n")]);
        assert_eq!(counters.snmp, None);
        assert!(gaps.iter().any(|gap| gap.kind == GapKind::Malformed && gap.source.ends_with("net/snmp")));
    }
}
