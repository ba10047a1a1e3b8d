//! The stored form as a table: the manual page is made from it, and a test holds it against what is written.

/// A part of the document.
#[derive(Debug)]
pub struct SnapshotTable {
    /// Its heading.
    pub title: &'static str,
    /// What it is, in sentences.
    pub says: &'static str,
    /// Its fields, in the order in which they are written.
    pub fields: &'static [SnapshotField],
}

/// A field of the document.
#[derive(Debug)]
pub struct SnapshotField {
    /// Where it stands: names with dots between them, `[]` behind a list, and a word in capitals where the name is not
    /// fixed.
    pub path: &'static str,
    /// What it is, with its unit, and what it means that it is null or not there.
    pub says: &'static str,
}

const fn field(path: &'static str, says: &'static str) -> SnapshotField {
    SnapshotField { path, says }
}

/// The document, from the outside in.
pub const SNAPSHOT_FORMAT: &[SnapshotTable] = &[
    SnapshotTable {
        title: "The document",
        says: "Around the readings.",
        fields: &[
            field("format", "always tcpctl-snapshot"),
            field("version", "1, or 2 where there are single sockets; a newer one than is known is refused"),
            field(
                "readings[]",
                "readings of one network namespace, one after the other; rates are told from the first to the last",
            ),
            field("sockets", "the sockets of the last reading one by one, where they were asked for"),
        ],
    },
    SnapshotTable {
        title: "A reading",
        says: "What was read at one time.",
        fields: &[
            field("schema", "version of the form of a reading, 1"),
            field("taken_unix_ms", "when, in milliseconds since 1970-01-01 UTC"),
            field("monotonic_ms", "the monotonic clock then in milliseconds, by which rates are told"),
            field("hostname", "name of the host"),
            field("kernel.release", "as uname -r prints it"),
            field("kernel.version", "the numbers of it"),
            field("kernel.hz.hz", "ticks a second"),
            field("kernel.hz.source", "where the tick rate was found: a kind, config or inferred, and a detail"),
            field("netns.inode", "inode of the network namespace"),
            field("netns.name", "the name or path by which it was asked for"),
            field("netns.initial", "whether it is the host's own"),
            field("netns.cookie", "tells it from others that get its inode later, since Linux 5.14"),
            field("capabilities.euid", "effective user id of the reader"),
            field("capabilities.effective", "its effective capabilities as a set of bits"),
            field("memory_kib", "memory of the host in KiB"),
            field("sysctls.readings.KEY.is", "value, absent (the kernel has no such key here) or unreadable"),
            field(
                "sysctls.readings.KEY.detail",
                "the value, blanks and tabs turned into single blanks, or the kernel's answer",
            ),
            field("gaps[]", "what could not be read"),
            field("boot_id", "tells one boot from another"),
            field(
                "redacted.key",
                "that addresses are hidden; what tells one key from another, where stand-ins are made by one",
            ),
        ],
    },
    SnapshotTable {
        title: "A gap",
        says: "A reading that failed is a gap and never a zero.",
        fields: &[
            field("source", "what was tried"),
            field("kind", "absent, denied, malformed, failed or substituted"),
            field("reason", "what the kernel answered"),
            field("consequence", "what is unknown because of it, and what can be done"),
        ],
    },
    SnapshotTable {
        title: "Counters",
        says: "Below counters, as the kernel names them; null where the file could not be read.",
        fields: &[
            field("snmp.GROUP.NAME", "/proc/net/snmp"),
            field("netstat.GROUP.NAME", "/proc/net/netstat"),
            field("sockstat.GROUP.NAME", "/proc/net/sockstat and sockstat6"),
            field("softnet[].cpu", "a processor of /proc/net/softnet_stat; null before 5.10"),
            field("softnet[].processed", "packets that it processed"),
            field("softnet[].dropped", "packets that it dropped because its queue was full"),
            field("softnet[].time_squeeze", "times that it stopped with work left"),
            field("queues[].device", "a network device with a queue"),
            field("queues[].index", "its index, which tells it from another one of its name"),
            field("queues[].kind", "its queueing discipline"),
            field("queues[].dropped", "packets that this dropped; counted to 2^32"),
            field("queues[].waiting_bytes", "bytes that wait in it"),
        ],
    },
    SnapshotTable {
        title: "Sockets",
        says: "Below sockets of a reading; null where sockets could not be read.",
        fields: &[
            field("source", "where they were read, such as sock-diag or proc-net-tcp"),
            field(
                "states.STATE",
                "how many there are, by the state's name in ss; one that was not counted is not there",
            ),
            field("listeners[].address", "local address"),
            field("listeners[].port", "local port"),
            field("listeners[].v6_only", "whether it refuses IPv4; null for IPv4 and when unknown"),
            field("listeners[].interface", "index of the interface that it is bound to, 0 for none"),
            field("listeners[].device", "name of that"),
            field("listeners[].accept_queue", "connections that wait for accept()"),
            field("listeners[].backlog", "how many may"),
            field("listeners[].half_open", "half-open entries; of listeners that share a port the sum"),
            field("listeners[].half_open_own", "that they are its own although others share the port"),
            field("listeners[].shares_port", "listeners on this address and port"),
            field("listeners[].drops", "total with what it dropped, or unknown"),
            field("listeners[].inode", "inode of the socket, 0 when unknown"),
            field("listeners[].uid", "its owner"),
            field("listeners[].cookie", "the kernel's id for it, 0 when unknown"),
            field("listeners[].processes[]", "pid and name of those that hold it"),
            field("ports[].source", "a local address"),
            field("ports[].destination", "a remote address"),
            field("ports[].destination_port", "and its port"),
            field("ports[].used", "ephemeral ports in use between them, TIME-WAIT included"),
            field("ports[].time_wait", "of these in TIME-WAIT"),
            field("ports[].inodes[]", "inodes of a few of the others"),
            field("ports[].processes[]", "pid and name of those that hold these few"),
            field("addresses[].source", "a local address"),
            field("addresses[].distinct", "its ephemeral ports in use"),
            field("addresses[].sockets", "the sockets that use them"),
            field("addresses[].destinations", "the destinations of these"),
            field(
                "half_open_resent",
                "half-open connections by how many SYN-ACKs were sent again: none, one, and so on",
            ),
            field("samples.KIND.total", "how many sockets of a kind there are, such as connecting or close_wait"),
            field("samples.KIND.rows[]", "a bounded number of them"),
        ],
    },
    SnapshotTable {
        title: "A socket of a sample",
        says: "What its own clock and tcp_info say.",
        fields: &[
            field("local", "local address and port"),
            field("remote", "remote address and port"),
            field("cookie", "the kernel's id for it"),
            field("receive_queue", "bytes that wait to be read"),
            field("send_queue", "bytes that are not acknowledged or not sent"),
            field(
                "clock.FIELD",
                "state, timer, milliseconds to its expiry, retransmissions, inode, and what tcp_info says of clocks",
            ),
            field("sent.FIELD", "what it sent: segments, bytes, and bytes sent again"),
            field(
                "pace.FIELD",
                "what holds its sending up: round-trip times in microseconds, windows, and times in microseconds",
            ),
            field("congestion", "its congestion control"),
            field("memory.FIELD", "bytes in its receive buffer, and how many may be"),
            field("processes[]", "pid and name of those that hold it"),
        ],
    },
    SnapshotTable {
        title: "Single sockets",
        says: "Below sockets of the document, in version 2 alone, for tcpctl sockets --from.",
        fields: &[
            field("byte_order", "of the machine that wrote them; another cannot read them"),
            field("devices.INDEX", "names of network devices"),
            field(
                "records[]",
                "struct inet_diag_msg with its attributes in hexadecimal digits, zNN for NN (hexadecimal) zero bytes, and behind a colon the ids of the processes that hold the socket",
            ),
            field("count", "how many records there are"),
            field("processes[]", "pid, name, unit and container of each process"),
            field("cgroups.ID", "paths of cgroups"),
            field("gaps[]", "what could not be read of them"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;
    use crate::snapshot::*;
    use crate::units::{Hz, LiveSocket, SocketTimer, TcpState};

    fn listed(title: &str) -> BTreeSet<String> {
        let table = SNAPSHOT_FORMAT.iter().find(|table| table.title == title).unwrap();
        table.fields.iter().map(|field| field.path.to_owned()).collect()
    }

    /// The paths of a value as far as the table goes: what stands below a path that ends in `[]`, in a name that is not
    /// fixed, or in one that is listed itself is not followed.
    fn paths(value: &Value, at: &str, listed: &BTreeSet<String>, found: &mut BTreeSet<String>) {
        if !at.is_empty() && listed.contains(at) {
            found.insert(at.to_owned());
            return;
        }
        match value {
            Value::Object(fields) => {
                for (name, below) in fields {
                    let join = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
                    let open = listed.iter().find_map(|path| {
                        let next = path.strip_prefix(at)?.trim_start_matches('.').split('.').next()?;
                        let next_name = next.trim_end_matches("[]");
                        (next_name.chars().all(|c| c.is_ascii_uppercase()) && !next_name.is_empty()).then_some(next)
                    });
                    paths(below, &join(open.unwrap_or(name)), listed, found);
                }
            }
            Value::Array(items) => {
                let at = format!("{at}[]");
                assert!(!items.is_empty(), "{at} is empty");
                items.iter().for_each(|item| paths(item, &at, listed, found));
            }
            _ => {
                found.insert(at.to_owned());
            }
        }
    }

    fn holds(title: &str, value: &Value) {
        let listed = listed(title);
        let mut found = BTreeSet::new();
        paths(value, "", &listed, &mut found);
        assert_eq!(found, listed, "{title}");
    }

    fn process() -> Vec<Process> {
        vec![Process { pid: 1, name: "a".to_owned() }]
    }

    /// Every field has a value, and every one is named, so that a new one is thought of here.
    fn full() -> Snapshot {
        let clock = LiveSocket {
            state: TcpState::Estab,
            timer: SocketTimer::Off,
            expires_ms: 0,
            retransmits: 0,
            inode: 0,
            info: None,
        };
        let address = "10.0.0.1".parse().unwrap();
        let row = SocketRow {
            local: "10.0.0.1:1".parse().unwrap(),
            remote: "10.0.0.2:2".parse().unwrap(),
            cookie: 1,
            receive_queue: 0,
            send_queue: 0,
            clock,
            sent: Some(SentData {
                mss: 1,
                path_mtu: 1,
                in_flight_segments: 1,
                delivered_segments: 1,
                acked_bytes: 1,
                sent_bytes: 1,
                resent_bytes: 1,
            }),
            pace: Some(Pace::default()),
            congestion: Some("cubic".to_owned()),
            memory: Some(ReceiveMemory { used_bytes: 1, limit_bytes: 2 }),
            processes: process(),
        };
        let listener = Listener {
            address,
            port: 1,
            v6_only: None,
            interface: 1,
            device: Some("eth0".to_owned()),
            accept_queue: None,
            backlog: None,
            half_open: 0,
            half_open_own: true,
            shares_port: 1,
            drops: Drops::Unknown,
            inode: 0,
            uid: 0,
            cookie: 0,
            processes: process(),
        };
        let sockets = Sockets {
            source: SocketSource::SockDiag,
            states: BTreeMap::from([(TcpState::Estab, 1)]),
            listeners: vec![listener],
            ports: vec![PortUse {
                source: address,
                destination: address,
                destination_port: 1,
                used: 1,
                time_wait: 1,
                inodes: vec![1],
                processes: process(),
            }],
            addresses: Some(vec![AddressUse { source: address, distinct: 1, sockets: 1, destinations: 1 }]),
            half_open_resent: Some(vec![1]),
            samples: Some(Samples { connecting: Sample { total: 1, rows: vec![row] }, ..Samples::default() }),
        };
        let group = || Some(BTreeMap::from([("Tcp".to_owned(), BTreeMap::from([("InSegs".to_owned(), 1)]))]));
        let value = SysctlReading::Value("1".to_owned());
        Snapshot {
            schema: SCHEMA_VERSION,
            taken_unix_ms: 0,
            monotonic_ms: 0,
            hostname: Some("a".to_owned()),
            kernel: Kernel {
                release: Some("6.1".to_owned()),
                version: "6.1".parse().ok(),
                hz: Hz::new(250).map(|hz| HzReading { hz, source: HzSource::Config("a".to_owned()) }),
            },
            netns: Netns { inode: None, name: None, initial: None, cookie: Some(1) },
            capabilities: Capabilities { euid: 0, effective: None },
            memory_kib: None,
            sysctls: Sysctls { readings: BTreeMap::from([("net.core.somaxconn".parse().unwrap(), value)]) },
            counters: Counters {
                snmp: group(),
                netstat: group(),
                sockstat: group(),
                softnet: Some(vec![SoftnetCpu { cpu: None, processed: 0, dropped: 0, time_squeeze: 0 }]),
                queues: Some(vec![DeviceQueue {
                    device: "eth0".to_owned(),
                    index: Some(2),
                    kind: "fq".to_owned(),
                    dropped: 0,
                    waiting_bytes: 0,
                }]),
            },
            sockets: Some(sockets),
            gaps: vec![Gap::new("a", GapKind::Absent, "b", "c")],
            boot_id: Some("a".to_owned()),
            redacted: Some(Redacted { key: Some("a".to_owned()) }),
        }
    }

    #[test]
    fn the_table_is_what_is_written() {
        let snapshot = full();
        let mut reading = serde_json::to_value(&snapshot).unwrap();
        let take = |reading: &mut Value, name: &str| reading.as_object_mut().unwrap().remove(name).unwrap();
        holds("Counters", &take(&mut reading, "counters"));
        let sockets = take(&mut reading, "sockets");
        holds("A socket of a sample", &sockets["samples"]["connecting"]["rows"][0]);
        let kinds = sockets["samples"].as_object().unwrap().values().all(|kind| kind["rows"].is_array());
        assert!(kinds, "{sockets:#}");
        let mut shown = sockets.clone();
        // Kinds without a socket have no rows to look at.
        shown["samples"].as_object_mut().unwrap().retain(|kind, _| kind == "connecting");
        holds("Sockets", &shown);
        holds("A gap", &reading["gaps"][0]);
        holds("A reading", &reading);
        let stored = StoredSnapshots::new(Vec::new(), snapshot);
        let (before, behind) = render_around_rows(&stored).unwrap();
        let mut writer = RowsWriter::default();
        let mut rows = writer.begin(&BTreeMap::from([(1, "lo".to_owned())])).unwrap().into_bytes();
        writer.push(&[2; 72], [1].into_iter(), &mut rows);
        let owner = SocketOwner { pid: 1, name: "a".to_owned(), unit: None, container: None };
        let gap = Gap::new("a", GapKind::Absent, "b", "c");
        let rows = String::from_utf8(rows).unwrap()
            + &writer.finish(&[owner], &BTreeMap::from([(1, "/a".to_owned())]), &[gap]).unwrap();
        let document: Value = serde_json::from_str(&[before, rows, behind.to_owned()].concat()).unwrap();
        holds("The document", &document);
        holds("Single sockets", &document["sockets"]);
    }
}
