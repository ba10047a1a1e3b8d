//! What the source of a figure looks like: a file and the field in it, or an attribute of sock_diag.

/// Places, and how their fields begin; nothing where the place is one figure.
const PLACES: &[(&str, &[&str])] = &[
    ("/proc/net/netstat TcpExt ", &[""]),
    ("/proc/net/snmp Tcp ", &[""]),
    ("/proc/net/sockstat TCP ", &["orphan", "tw", "mem", "alloc", "inuse"]),
    ("/proc/net/softnet_stat ", &["processed", "dropped", "time_squeeze"]),
    ("/proc/meminfo ", &["MemTotal"]),
    ("rtnetlink RTM_GETQDISC ", &["TCA_STATS"]),
    ("sock_diag INET_DIAG_INFO ", &["tcpi_"]),
    ("sock_diag INET_DIAG_SKMEMINFO ", &["SK_MEMINFO_"]),
    ("sock_diag ", &["idiag_", "INET_DIAG_CONG"]),
];

/// What is no field of the kernel and says so.
const OTHERS: &[&str] = &[
    "/proc/PID/fd",
    "stated by --timeouts",
    "the model",
    "the readings' monotonic clocks",
    "sysctl.d files, as lint reads them",
];

/// Whether it names a field, or several with commas and places with "and" between them.
pub(crate) fn is_exact(source: &str) -> bool {
    let is_line = |text: &str| {
        text.starts_with('/')
            && text.contains("/sysctl.")
            && text.rsplit_once(':').is_some_and(|(_, line)| line.parse::<u32>().is_ok())
    };
    OTHERS.contains(&source)
        || is_line(source)
        || source.strip_prefix("assumption: ").is_some_and(|why| !why.is_empty())
        || source.split(" and ").all(is_field)
}

fn is_field(part: &str) -> bool {
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if let Some(path) = part.strip_prefix("/proc/sys/") {
        return path.contains('/') && path.split('/').all(|piece| is_word(&piece.replace(['-', '.'], "")));
    }
    let Some((fields, begin)) = PLACES.iter().find_map(|(place, begin)| Some((part.strip_prefix(place)?, begin)))
    else {
        return false;
    };
    fields.split(", ").all(|field| is_word(field) && begin.iter().any(|begin| field.starts_with(begin)))
}

#[test]
fn a_source_without_its_field_is_none() {
    for exact in [
        "/proc/net/netstat TcpExt ListenDrops, ListenOverflows",
        "/proc/net/sockstat TCP tw and sock_diag idiag_state",
        "sock_diag INET_DIAG_INFO tcpi_rto",
        "/proc/sys/net/ipv4/tcp_retries2",
    ] {
        assert!(is_exact(exact), "{exact}");
    }
    for vague in ["sock_diag", "/proc/net/netstat TcpExt", "/proc/sys", "sock_diag INET_DIAG_INFO rto", "", "somewhere"]
    {
        assert!(!is_exact(vague), "{vague}");
    }
}
