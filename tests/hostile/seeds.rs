//! Honest inputs to begin from: what kernels, programs and people wrote.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use tcpctl::wire::{MessageKind, Messages, build_syn, parse_hex};

/// What a decoder begins from, the shortest first.
pub(crate) fn seeds(name: &str) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = match name {
        "netlink" => answers(),
        "inet-diag" => records(),
        "tcp-info" => records().iter().filter_map(|record| info_of(record)).collect(),
        "qdisc" => vec![qdisc()],
        "listener-queues" => vec![(0..64_u8).collect()],
        "btf" => files("btf"),
        "segment" | "packet" => packets(),
        "trace-format" => ["6.1", "6.12", "6.18"].iter().flat_map(|series| trace_formats(series)).collect(),
        "trace-page" => trace_pages(),
        "kernel-addresses" => lines(ADDRESSES),
        "filter" => lines(FILTERS),
        "formula" => lines(FORMULAS),
        "typed" => lines(TYPED),
        "accept" => lines(ACCEPTED),
        "proc-counters" => vec![proc_file("snmp"), proc_file("netstat")],
        "proc-sockstat" => vec![proc_file("sockstat"), proc_file("sockstat6")],
        "proc-softnet" => vec![proc_file("softnet_stat")],
        "proc-dev" => vec![proc_file("dev")],
        "proc-tcp" => vec![proc_file("tcp"), proc_file("tcp6")],
        "proc-udp" => vec![proc_file("udp"), proc_file("udp6")],
        "proc-lines" => lines(PROC_LINES),
        "proc-tree" => vec![proc_tree(&["tcp", "sockstat"], 3), proc_tree(&TREE, PROC_VALUES.len())],
        "sysctl-d" => [files("lint/faulty"), files_below("lint/fresh")].concat(),
        "drop-in" => vec![DROP_IN.as_bytes().to_vec()],
        "profile" => [lines(&[PROFILE]), own_files("profiles"), files("profiles/invalid")].concat(),
        "scenario" | "scenario-played" => own_files("scenarios"),
        "journal" => vec![JOURNAL_ENTRY.as_bytes().to_vec()],
        "lab-record" => vec![LAB_RECORD.as_bytes().to_vec()],
        "interface-settings" => lines(&[SETTINGS]),
        "snapshot" | "snapshot-readings" => snapshots(),
        "snapshot-rows" => snapshots().into_iter().filter(|text| has(text, b"\"sockets\": {")).collect(),
        "snapshot-packed" => vec![packed(SHORT_SNAPSHOT), data("snapshots/version-2.json.gz")],
        _ => Vec::new(),
    };
    seeds.sort_by_key(Vec::len);
    seeds
}

fn has(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece)
}

/// Formats of the events of a kernel, without the recorded pages.
fn trace_formats(series: &str) -> Vec<Vec<u8>> {
    files(&format!("trace/{series}")).into_iter().filter(|bytes| has(bytes, b"field")).collect()
}

/// A recorded page, and the first events of it.
fn trace_pages() -> Vec<Vec<u8>> {
    let page = data("trace/6.18/page");
    let short = page.get(..400).unwrap_or_default().to_vec();
    vec![short, page]
}

fn lines(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn data(path: &str) -> Vec<u8> {
    fs::read(root().join("tests/data").join(path)).expect("a file of the tests")
}

/// The files of a folder of the tests, those whose name is a word of the project's own alone.
fn files(folder: &str) -> Vec<Vec<u8>> {
    read_all(&root().join("tests/data").join(folder))
}

fn own_files(folder: &str) -> Vec<Vec<u8>> {
    read_all(&root().join(folder))
}

fn read_all(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).expect("a folder").map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().filter(|path| path.is_file()).map(|path| fs::read(path).expect("a file")).collect()
}

fn files_below(folder: &str) -> Vec<Vec<u8>> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join("tests/data").join(folder)]);
    while let Some(folder) = folders.pop() {
        found.extend(read_all(&folder));
        let below = fs::read_dir(&folder).expect("a folder").map(|entry| entry.unwrap().path());
        folders.extend(below.filter(|path| path.is_dir() && !path.is_symlink()));
    }
    found
}

/// Whole answers of kernels to requests for sockets.
fn answers() -> Vec<Vec<u8>> {
    let mut answers = vec![data("sock_diag/linux-6.18-mixed.bin")];
    for dump in files("dumps") {
        let text = String::from_utf8(dump).expect("hexadecimal digits");
        for block in text.split("\nanswer\n").skip(1) {
            let digits = block.lines().take_while(|line| *line != "# end" && *line != "answer");
            answers.push(parse_hex(&digits.collect::<String>()).expect("bytes"));
        }
    }
    // The first message of each, which is short enough for every cut.
    let short: Vec<Vec<u8>> =
        answers.iter().filter_map(|answer| answer.get(..600.min(answer.len()))).map(<[u8]>::to_vec).collect();
    [answers, short].concat()
}

/// Their records, each kind of socket of each kernel.
fn records() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for answer in answers() {
        for message in Messages::new(&answer) {
            if let MessageKind::Data(_, payload) = message.kind {
                records.push(payload.to_vec());
            }
        }
    }
    records.sort();
    records.dedup();
    records
}

/// The `tcp_info` of a record, if it has one.
fn info_of(record: &[u8]) -> Option<Vec<u8>> {
    tcpctl::wire::InetDiag::decode(record)?.facts().info.map(<[u8]>::to_vec)
}

/// What the kernel tells of the queue of a device (`RTM_NEWQDISC`, fq_codel): header, kind, and statistics.
fn qdisc() -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, 2, 0, 0, 0];
    bytes.extend(0x8001_0000_u32.to_ne_bytes());
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(2_u32.to_ne_bytes());
    let attribute = |number: u16, value: &[u8]| {
        let mut bytes = u16::try_from(value.len() + 4).expect("it is short").to_ne_bytes().to_vec();
        bytes.extend(number.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    bytes.extend(attribute(1, b"fq_codel\0"));
    let queue: Vec<u8> = [3_u32, 1_500, 7, 0, 2].into_iter().flat_map(u32::to_ne_bytes).collect();
    bytes.extend(attribute(7, &[attribute(1, &[9; 12]), attribute(3, &queue)].concat()));
    bytes
}

fn packets() -> Vec<Vec<u8>> {
    let hex = [
        // A SYN with its options as Linux sends it, a resent segment with selective acknowledgements, and IPv6.
        "4500003c1c4640004006b1e6ac100a63ac100a0c c3560050 000003e8 00000000 a002faf0 00000000 020405b40402080a00a1b2c30000000001030307",
        "450000405a3a40003f06 0000 c0000201c0000202 1f90c822 000007d1 00000bb9 b01001f6 00000000 0101080a0000000100000002 0101050a00000bc100000bc9",
        "6000000000140640 00000000000000000000000000000001 00000000000000000000000000000001 1b5ac836 00000001 00000002 50110200 00000000",
    ];
    let written = hex.iter().map(|text| parse_hex(text).expect("bytes"));
    let ends = |text: &str| text.parse().expect("an address");
    let made = build_syn(ends("192.0.2.1:4000"), ends("192.0.2.2:80"), 7);
    written.chain(made).collect()
}

fn proc_file(name: &str) -> Vec<u8> {
    data(&format!("proc/linux-6.18/net/{name}"))
}

/// Files of the network namespace as a tree, and what else is read below `/proc`.
fn proc_tree(files: &[&str], values: usize) -> Vec<u8> {
    let mut tree = Vec::new();
    let mut add = |path: &str, content: &[u8]| {
        tree.extend_from_slice(format!("=== {path}\n").as_bytes());
        tree.extend_from_slice(content);
    };
    for name in files {
        add(&format!("net/{name}"), &proc_file(name));
    }
    for (path, content) in PROC_VALUES.iter().take(values) {
        add(path, content.as_bytes());
    }
    tree
}

fn snapshots() -> Vec<Vec<u8>> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&data("snapshots/version-2.json.gz")[..]).read_to_end(&mut text).expect("gzip");
    vec![SHORT_SNAPSHOT.as_bytes().to_vec(), data("snapshots/version-1.json"), text]
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// Files of a network namespace.
const TREE: [&str; 9] = ["tcp", "tcp6", "udp", "udp6", "snmp", "netstat", "sockstat", "sockstat6", "softnet_stat"];

const PROC_VALUES: [(&str, &str); 10] = [
    ("meminfo", "MemTotal:        2048000 kB\nMemFree:          801234 kB\n"),
    ("sys/kernel/osrelease", "5.15.0-1051-azure\n"),
    ("sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-07-01)\n"),
    ("sys/kernel/hostname", "replayed\n"),
    ("sys/net/core/netdev_budget_usecs", "8000\n"),
    ("sys/net/core/somaxconn", "4096\n"),
    ("sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
    ("sys/net/ipv4/ip_local_reserved_ports", "8080,9000-9010\n"),
    ("sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n"),
    ("sys/net/ipv4/tcp_retries2", "15\n"),
];

const ADDRESSES: &[&str] = &[
    "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 127.255.255.255\n        /32 link BROADCAST\n",
    "00000000000000000000000000000001 01 80 10 80       lo\nfe80000000000000021122fffe334455 02 40 20 80     eth0\n",
    "ffffffff81000000 T tcp_v4_rcv\nffffffffc0000000 t nf_hook\t[nf]\nffffffff82000000 D tcp_hashinfo\n",
];

const PROC_LINES: &[&str] = &[
    "0::/system.slice/nginx.service\n",
    "4:memory:/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n1:name=systemd:/x\n",
    "# CONFIG_HZ_PERIODIC is not set\nCONFIG_HZ_250=y\nCONFIG_HZ=250\n",
    "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-07-01)\n",
    "6.18.44-generic\n",
    "MemTotal:        2048000 kB\nMemFree:          801234 kB\n",
    "32768\t60999\n",
    "http 80/tcp www # World Wide Web\ndomain 53/udp\nhttps\t443/tcp\n",
];

const FILTERS: &[&str] = &[
    "state established sport = :https and not dst 10.0.0.0/8",
    "( sport >= 1024 or dport < :http ) and dev eth0 and fwmark 0x1/0xff",
    "src [2001:db8::]/32:443 | dst 192.0.2.1:80 & ! autobound",
    "exclude listening cgroup /system.slice/nginx.service",
];

const FORMULAS: &[&str] = &[
    "max(4096, min(bdp*2, memory/64))",
    "roundup(memory*1/100, 4096)",
    "pow2(cpus*1024)",
    "2*rtt*bandwidth/8",
    "max(bdp, 4MiB)-1",
];

const TYPED: &[&str] = &[
    "1.5s",
    "10Gbit/s",
    "client:TCP_USER_TIMEOUT=30000",
    "net.ipv4.conf.eth0/100.rp_filter",
    "net.ipv4.*",
    "app=1s,pool=5s,user=20s,keepalive=2h,idle=350s",
    "4500 003c 1c46",
    "6.1.0-13-amd64",
    "< 30s",
];

const ACCEPTED: &[&str] =
    &["application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text/*;q=0"];

/// A profile with every kind of rule.
pub(crate) const PROFILE: &str = r#"
summary = "everything that a rule can have"
extends = "low-latency"
[keys."net.ipv4.tcp_rmem"]
at-least = "_ _ {max(bdp * 2, 4MiB)}"
reason = "r"
source = "s"
risk = "memory"
[keys."net.ipv4.tcp_mem"]
set = "{max(memory / 65536, 1)} {max(memory / 32768, 1)} {pow2(memory / 16384)}"
since = "4.19"
until = "7.0"
required = true
reason = "r"
source = "s"
[keys."net.ipv4.tcp_mem".when]
memory-at-least = "1GiB"
[keys."net.ipv4.ip_local_reserved_ports"]
include = "30000-32767"
reason = "r"
source = "s"
"#;

const DROP_IN: &str = "# Written by tcpctl: values that outlive a boot.\n# Entry 3: anti-syn-flood\nnet.core.somaxconn = 4096\nnet.ipv4.tcp_rmem = 4096 131072 33554432\n";

const SETTINGS: &str = "# Of my own\ntheme = \"mono\"\ninterval = \"1s\"\n";

const LAB_RECORD: &str = "{\"schema\":1,\"kernel\":\"6.18.44\",\"topics\":[{\"topic\":\"syn-lost\",\"verdict\":\"agrees\",\"events\":14,\"wrong\":0}]}";

const JOURNAL_ENTRY: &str = include_str!("../data/hostile-seeds/journal-entry.json");

const SHORT_SNAPSHOT: &str = include_str!("../data/hostile-seeds/short-snapshot.json");
