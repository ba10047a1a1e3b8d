//! `tcpctl sockets` on what a kernel sent: one of everything, read on Linux 6.18 with `tcp_info`, congestion control and
//! memory. The devices were 1 `lo` and 2 `d0`.
#![cfg(target_endian = "little")]

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tcpctl::report::{SocketChange, SocketGroupBy, SocketGroups, SocketStyle, SocketWriter, render_groups};
use tcpctl::snapshot::SocketOwner;
use tcpctl::wire::{Candidate, InetDiag, MessageKind, Messages, Truth, parse_filter};

const CAPTURE: &[u8] = include_bytes!("../data/sock_diag/linux-6.18-mixed.bin");

fn sockets() -> Vec<InetDiag<'static>> {
    let payload = |message: tcpctl::wire::Message<'static>| match message.kind {
        MessageKind::Data(_, payload) => InetDiag::decode(payload),
        _ => None,
    };
    Messages::new(CAPTURE).filter_map(payload).collect()
}

fn devices() -> BTreeMap<u32, String> {
    [(1, "lo"), (2, "d0")].map(|(index, name)| (index, name.to_owned())).into()
}

fn owner() -> SocketOwner {
    SocketOwner { pid: 1203, name: "nginx".to_owned(), unit: Some("nginx.service".to_owned()), container: None }
}

/// The lines of the sockets that pass a filter.
fn written(json: bool, style: SocketStyle, filter: &str) -> String {
    let (devices, owner, filter) = (devices(), owner(), parse_filter(filter).unwrap());
    let mut writer = SocketWriter::new(json, style, &devices);
    let mut out = Vec::new();
    for found in sockets() {
        if filter.matches(&Candidate::of(&found).unwrap()) == Truth::Yes {
            let owners = core::iter::once(&owner).filter(|_| found.inode() != 0);
            writer.push(&found, SocketChange::Same, owners, None, &mut out);
        }
    }
    writer.finish(&mut out);
    String::from_utf8(out).unwrap()
}

const HEADING: SocketStyle = SocketStyle {
    heading: true,
    processes: false,
    timer: false,
    forecast: false,
    extended: false,
    memory: false,
    info: false,
    one_line: false,
    changes: false,
    netns: 0,
};

#[test]
fn every_kind_of_socket_has_its_line() {
    insta::assert_snapshot!(written(false, HEADING, ""));
}

#[test]
fn a_wide_terminal_shows_timer_and_process() {
    insta::assert_snapshot!(written(false, SocketStyle { timer: true, processes: true, ..HEADING }, ""));
}

#[test]
fn details_stand_below_the_socket_or_beside_it() {
    let details = SocketStyle { forecast: true, extended: true, memory: true, info: true, ..HEADING };
    let below = written(false, details, "sport = :40001 or sport = :40006 or sport = :9000");
    let beside = written(false, SocketStyle { one_line: true, ..details }, "sport = :443");
    insta::assert_snapshot!(below + "\n" + &beside);
}

#[test]
fn json_has_an_object_for_each_socket_with_all_that_the_kernel_sent() {
    let lines =
        written(true, SocketStyle { processes: true, ..HEADING }, "sport = :443 or state syn-sent or state time-wait");
    let objects: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    insta::assert_json_snapshot!(objects);
}

#[test]
fn a_filter_passes_what_it_says() {
    let ports = |filter: &str| -> Vec<u16> {
        let filter = parse_filter(filter).unwrap();
        let passes = |found: &InetDiag<'_>| filter.matches(&Candidate::of(found).unwrap()) == Truth::Yes;
        let mut ports: Vec<u16> = sockets().iter().filter(|found| passes(found)).map(InetDiag::source_port).collect();
        ports.sort_unstable();
        ports
    };
    assert_eq!(ports("state listening"), [22, 80, 443, 5353, 8081, 9000]);
    assert_eq!(ports("state bucket"), [8081, 40_006]);
    assert_eq!(ports("src 127.0.0.1 sport = :443"), [443]);
    assert_eq!(ports("src ::ffff:127.0.0.1"), [443]);
    assert_eq!(ports("src fe80::/10"), [22, 22, 40_004]);
    assert_eq!(ports("dst 10.9.0.0/24 or state close"), [7777, 40_008]);
    assert_eq!(ports("( sport gt :40000 and not state established ) and dst 127.0.0.1"), [40_005, 40_006]);
    assert_eq!(ports("fwmark = 0 and sport le :79"), [22, 22]);
}

#[test]
fn a_record_cut_anywhere_is_written_without_what_was_cut() {
    let (devices, style) =
        (devices(), SocketStyle { extended: true, memory: true, info: true, timer: true, ..HEADING });
    for found in sockets() {
        let (head, attributes) = found.bytes();
        for length in 0..attributes.len() {
            let bytes = [head.as_slice(), &attributes[..length]].concat();
            for json in [false, true] {
                let mut writer = SocketWriter::new(json, style, &devices);
                let mut out = Vec::new();
                let cut = InetDiag::decode(&bytes).unwrap();
                writer.push(&cut, SocketChange::Same, core::iter::empty(), None, &mut out);
                writer.finish(&mut out);
                let text = String::from_utf8(out).unwrap();
                assert!(!json || serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
            }
        }
    }
}

#[test]
fn more_lines_than_are_held_back_keep_their_columns() {
    let (devices, all) = (devices(), sockets());
    let mut writer = SocketWriter::new(false, HEADING, &devices);
    let mut out = Vec::new();
    for found in all.iter().cycle().take(2000) {
        writer.push(found, SocketChange::Same, core::iter::empty(), None, &mut out);
    }
    writer.finish(&mut out);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2001);
    // What was held back and what was not looks the same.
    for (at, line) in lines.iter().skip(1).enumerate() {
        assert_eq!(Some(line), lines.get(1 + at % all.len()), "line {at}");
    }
    assert!(lines.iter().all(|line| line.len() <= 80), "{text}");
}

#[test]
fn names_of_others_cannot_steer_the_terminal_or_break_the_columns() {
    let devices = BTreeMap::from([(1, "l\u{1b}[2Jo".to_owned()), (2, "d\n0".to_owned())]);
    let owner = SocketOwner { name: "a\u{1f}b\nc\u{1b}".to_owned(), ..owner() };
    let mut writer = SocketWriter::new(false, SocketStyle { processes: true, ..HEADING }, &devices);
    let mut out = Vec::new();
    let all = sockets();
    for found in &all {
        writer.push(found, SocketChange::Same, core::iter::once(&owner), None, &mut out);
    }
    writer.finish(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), all.len() + 1);
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
}

#[test]
fn sockets_of_one_peer_or_state_are_counted_together() {
    let counted = |by| {
        let mut groups = SocketGroups::new(by);
        for found in sockets() {
            if by == SocketGroupBy::Listener && found.state() == Some(tcpctl::units::TcpState::Listen) {
                groups.push_listener(&found);
            }
        }
        let owner = owner();
        for found in sockets() {
            groups.push(&found, core::iter::once(&owner).filter(|_| found.inode() != 0));
        }
        let (groups, all) = groups.finish(4);
        render_groups(by, &groups, all, true)
    };
    let by = [SocketGroupBy::Peer, SocketGroupBy::Listener, SocketGroupBy::Process, SocketGroupBy::State];
    insta::assert_snapshot!(by.map(counted).join("\n"));
}

#[test]
fn both_ends_of_every_socket_are_addresses_that_can_be_read_back() {
    for line in written(true, HEADING, "").lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        for end in ["local", "peer"] {
            let address = row[format!("{end}_address")].as_str().unwrap();
            let port = u16::try_from(row[format!("{end}_port")].as_u64().unwrap()).unwrap();
            let written = SocketAddr::new(address.parse().unwrap(), port).to_string();
            let shown = row[end].as_str().unwrap().replace("%lo", "").replace("%d0", "");
            let wildcard = shown.contains('*');
            assert!(wildcard || shown == written, "{shown} is not {written}");
        }
    }
}
