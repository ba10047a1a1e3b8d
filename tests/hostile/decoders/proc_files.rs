//! Files of `/proc`, each alone and all together as a tree.

use std::fs;
use std::hint::black_box;
use std::path::{Component, Path};

use tcpctl::collect::{Source, Wanted, live, survey};
use tcpctl::diagnose::diagnose;
use tcpctl::model::Settings;
use tcpctl::report::{StatusView, render_status};
use tcpctl::units::KernelVersion;
use tcpctl::wire::{
    InetDiag, parse_cgroup_place, parse_config_hz, parse_debian_version, parse_mem_total_kib, parse_paired_lines,
    parse_port_range, parse_proc_tcp_line, parse_proc_udp_line, parse_sockstat, parse_softnet_stat, parse_tcp_services,
    parse_transmit_drops,
};

use super::{Decoder, lossy};

pub(super) const DECODERS: &[Decoder] = &[
    Decoder::new("proc-counters", counters, &["parse_paired_lines"]).of_words(&["Tcp:", "TcpExt:", "-1"]),
    Decoder::new("proc-sockstat", sockstat, &["parse_sockstat"]).of_words(&["TCP:", "inuse", "tw"]),
    Decoder::new("proc-softnet", softnet, &["parse_softnet_stat"]),
    Decoder::new("proc-dev", devices, &["parse_transmit_drops"]).of_words(&["lo:", ":"]),
    Decoder::new("proc-tcp", tcp, &["parse_proc_tcp_line"]).of_words(&["0100007F:1B59", ":", "FFFFFFFF"]),
    Decoder::new("proc-udp", udp, &["parse_proc_udp_line"]).of_words(&["0100007F:1B59", ":", "FFFFFFFF"]),
    Decoder::new(
        "proc-lines",
        lines,
        &[
            "parse_cgroup_place",
            "parse_config_hz",
            "parse_debian_version",
            "parse_mem_total_kib",
            "parse_port_range",
            "parse_tcp_services",
        ],
    )
    .of_words(&["MemTotal:", "CONFIG_HZ=", "Debian ", "/tcp", "0::/"]),
    // Reading and judging a host costs so much by itself.
    Decoder::new("proc-tree", tree, &[]).of_words(&["Tcp:", "TcpExt:", MARK]).within(512, 8 << 20).tried(300),
];

/// Stands before the path of a file in the input of `proc-tree`.
const MARK: &str = "=== ";

fn counters(bytes: &[u8]) {
    black_box(parse_paired_lines(&lossy(bytes)));
}

fn sockstat(bytes: &[u8]) {
    black_box(parse_sockstat(&lossy(bytes)));
}

fn softnet(bytes: &[u8]) {
    black_box(parse_softnet_stat(&lossy(bytes)));
}

fn devices(bytes: &[u8]) {
    black_box(parse_transmit_drops(&lossy(bytes), "lo"));
}

fn tcp(bytes: &[u8]) {
    for row in lossy(bytes).lines().filter_map(parse_proc_tcp_line) {
        let record = row.to_record();
        black_box(InetDiag::decode(&record).map(|found| (found.state(), found.source(), found.live_socket())));
    }
}

fn udp(bytes: &[u8]) {
    for row in lossy(bytes).lines().filter_map(parse_proc_udp_line) {
        black_box(row);
    }
}

/// Files of which one line matters.
fn lines(bytes: &[u8]) {
    let text = lossy(bytes);
    black_box(parse_cgroup_place(&text));
    black_box(parse_config_hz(&text));
    black_box(parse_debian_version(&text));
    black_box(parse_mem_total_kib(&text));
    black_box(parse_port_range(&text));
    black_box(parse_tcp_services(&text));
    black_box(text.parse::<KernelVersion>()).ok();
}

/// A copy of `/proc`, written to a folder and read as every command reads it.
fn tree(bytes: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let mut path = None;
    let mut content = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(MARK.as_bytes()) {
            Some(next) => {
                put(folder.path(), path.take(), &content);
                content.clear();
                path = Some(lossy(next).trim().to_owned());
            }
            None => content.extend_from_slice(line),
        }
    }
    put(folder.path(), path, &content);
    let keys = Settings::keys().chain(tcpctl::diagnose::keys()).filter_map(|key| key.parse().ok()).collect();
    let source = Source { proc_root: folder.path().to_owned(), ..Source::own(keys) };
    black_box(survey(&source, Wanted { close_wait: true, shared_ports: true })).ok();
    if let Ok(snapshot) = live(&source) {
        black_box(diagnose(&snapshot, None));
        black_box(render_status(&StatusView::new(&snapshot, None, &[]), 80, true));
    }
}

/// Writes one file, if its path stays below the folder.
fn put(folder: &Path, path: Option<String>, content: &[u8]) {
    let Some(path) = path.filter(|path| !path.is_empty() && path.len() < 200) else { return };
    let path = Path::new(&path);
    if path.components().all(|part| matches!(part, Component::Normal(_))) {
        let path = folder.join(path);
        path.parent().map(fs::create_dir_all);
        fs::write(path, content).ok();
    }
}
