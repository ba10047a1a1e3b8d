//! Where a figure of a finding was read: the file and the field in it, or the attribute of sock_diag.

use super::case::{NETSTAT, SNMP, SOCKSTAT, SOFTNET};

/// How many sockets there are in a state.
pub(super) const STATES: &str = "sock_diag idiag_state";
/// How many of a listener's connections wait, and how many may.
pub(super) const ACCEPT_QUEUE: &str = "sock_diag idiag_rqueue, idiag_wqueue";
/// What a listener dropped.
pub(super) const DROPS: &str = "sock_diag INET_DIAG_SKMEMINFO SK_MEMINFO_DROPS";
/// Half-open connections by the port of their listener.
pub(super) const HALF_OPEN: &str = "sock_diag idiag_state, idiag_src, idiag_sport";
/// What connects to where, and in which state it is.
pub(super) const ENDS: &str = "sock_diag idiag_src, idiag_sport, idiag_dst, idiag_dport, idiag_state";
/// Which connections timeouts send again for, and how often.
pub(super) const TIMEOUTS: &str = "sock_diag idiag_timer, idiag_retrans";
/// Orphans among what waits where TIME-WAIT is.
pub(super) const ORPHANS_WAITING: &str = "/proc/net/sockstat TCP tw and sock_diag idiag_state";
/// The ports that connect() may choose from.
pub(super) const USABLE_PORTS: &str =
    "/proc/sys/net/ipv4/ip_local_port_range and /proc/sys/net/ipv4/ip_local_reserved_ports";
/// What passive opens leave when the growth of the accept queues is taken off.
pub(super) const ACCEPTED: &str = "/proc/net/snmp Tcp PassiveOpens and sock_diag idiag_rqueue";
/// Who holds a socket.
pub(super) const HOLDERS: &str = "/proc/PID/fd";
/// What the kernel's rules make of the settings.
pub(super) const MODEL: &str = "the model";

/// Counters of `TcpExt`, several with commas between them.
pub(super) fn tcp_ext(counters: &str) -> String {
    format!("{NETSTAT} {counters}")
}

/// Counters of `Tcp`.
pub(super) fn tcp(counters: &str) -> String {
    format!("{SNMP} {counters}")
}

/// A figure of sockstat.
pub(super) fn sockstat(figure: &str) -> String {
    format!("{SOCKSTAT} {figure}")
}

/// Columns of `/proc/net/softnet_stat`, by the names that the kernel has for them (`softnet_seq_show`).
pub(super) fn softnet(columns: &str) -> String {
    format!("{SOFTNET} {columns}")
}

/// Fields of `tcp_info`.
pub(super) fn info(fields: &str) -> String {
    format!("sock_diag INET_DIAG_INFO {fields}")
}

/// The file of a setting.
pub(super) fn setting(key: &str) -> String {
    format!("/proc/sys/{}", key.replace('.', "/"))
}
