//! What several kernels sent of sockets that were made on them, read by the same decoders as everywhere.
//!
//! Each file of `tests/data/dumps` holds a line for every socket that was made, written by who made it, and the kernel's
//! answers in hexadecimal digits (`tests/kernels/dump.rs`).
#![cfg(target_endian = "little")]

use std::collections::BTreeMap;
use std::fs::read_dir;
use std::path::Path;

use tcpctl::report::{SocketChange, SocketStyle, SocketWriter};
use tcpctl::units::{SocketTimer, TcpState};
use tcpctl::wire::{InetDiag, MessageKind, Messages, TcpInfo, parse_hex};

/// One file.
struct Dump {
    name: String,
    version: tcpctl::units::KernelVersion,
    /// Those that were made, ascending, and one that is shown by some kernels alone.
    expected: Vec<String>,
    maybe: Vec<String>,
    answers: Vec<Vec<u8>>,
}

fn dumps() -> Vec<Dump> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dumps");
    let mut paths: Vec<_> = read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 3, "there are dumps of several kernels");
    paths.iter().map(|path| parse(path)).collect()
}

fn parse(path: &Path) -> Dump {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let text = std::fs::read_to_string(path).unwrap();
    let release = text.lines().next().and_then(|line| line.strip_prefix("# sockets of Linux ")).expect("a heading");
    let version = release.parse().expect("a release");
    let (mut expected, mut maybe, mut answers) = (Vec::new(), Vec::new(), Vec::<Vec<u8>>::new());
    for line in text.lines().skip(1) {
        match line.split_once(' ') {
            Some(("socket", socket)) => expected.push(socket.to_owned()),
            Some(("maybe", socket)) => maybe.push(socket.to_owned()),
            _ if line == "answer" => answers.push(Vec::new()),
            _ if line == "# end" => break,
            _ => answers.last_mut().expect("bytes follow `answer`").extend(parse_hex(line).expect("bytes")),
        }
    }
    Dump { name, version, expected, maybe, answers }
}

impl Dump {
    fn sockets(&self) -> Vec<InetDiag<'_>> {
        let mut found = Vec::new();
        let mut is_ended = false;
        for answer in &self.answers {
            let mut messages = Messages::new(answer);
            for message in messages.by_ref() {
                match message.kind {
                    MessageKind::Data(18, payload) => found.push(InetDiag::decode(payload).expect("a socket")),
                    MessageKind::Done(0) => is_ended = true,
                    other => panic!("{}: {other:?}", self.name),
                }
            }
            assert!(!messages.is_broken(), "{}", self.name);
        }
        assert!(is_ended, "{}", self.name);
        found
    }
}

/// As who made the sockets wrote them.
fn line(found: &InetDiag<'_>) -> String {
    let end = |address, port| std::net::SocketAddr::new(address, port);
    let (local, remote) =
        (end(found.source(), found.source_port()), end(found.destination(), found.destination_port()));
    let state = found.state().expect("a state");
    format!("{} {local} {remote} {} {}", state.name(), found.receive_queue(), found.send_queue())
}

#[test]
fn every_socket_that_was_made_is_read_and_no_other() {
    for dump in dumps() {
        let mut seen: Vec<String> = dump.sockets().iter().map(line).collect();
        seen.sort();
        let mut expected = dump.expected.clone();
        // Sockets that are only bound are told of since Linux 6.8.
        if dump.version.at_least(6, 8) {
            expected.extend(dump.maybe.clone());
        }
        expected.sort();
        assert_eq!(seen, expected, "{}", dump.name);
        assert!(seen.len() > 30, "{}", dump.name);
    }
}

#[test]
fn each_state_has_the_timer_and_the_attributes_that_it_must_have() {
    for dump in dumps() {
        for found in dump.sockets() {
            let (facts, state) = (found.facts(), found.state().unwrap());
            let told = line(&found);
            let is_small =
                matches!(state, TcpState::TimeWait | TcpState::SynRecv) || found.timer() == SocketTimer::TimeWait;
            assert_eq!(found.inode() == 0, is_small || told.starts_with("ESTAB [::1]:7006 "), "{}: {told}", dump.name);
            match state {
                TcpState::TimeWait => {
                    assert_eq!(found.timer(), SocketTimer::TimeWait);
                    assert!((50_000..=60_000).contains(&found.expires_ms()), "{}: {told}", dump.name);
                }
                TcpState::SynSent | TcpState::SynRecv => {
                    assert_eq!(found.timer(), SocketTimer::Retransmit, "{}: {told}", dump.name);
                    assert!(found.expires_ms() <= 3_000, "{}: {told}", dump.name);
                }
                _ => {}
            }
            // Root asked, so that marks are told; what is no full socket has nothing else.
            assert_eq!(facts.mark, (state != TcpState::Close).then_some(0).or(facts.mark), "{}: {told}", dump.name);
            if is_small {
                assert_eq!((facts.info, facts.memory, facts.shutdown), (None, None, None), "{}: {told}", dump.name);
                continue;
            }
            if state == TcpState::Listen || state == TcpState::Close {
                let is_ipv6 = found.source().is_ipv6();
                let dual = found.source_port() == 7003;
                assert_eq!(facts.v6_only, is_ipv6.then_some(!dual), "{}: {told}", dump.name);
            }
            assert!(facts.memory.and_then(|memory| memory.drops()).is_some(), "{}: {told}", dump.name);
            assert_eq!(facts.upper_layer, (found.source_port() == 7008).then_some("mptcp"), "{}: {told}", dump.name);
            if state == TcpState::Estab {
                assert!(
                    facts.congestion.is_some_and(|name| ["bbr", "cubic", "reno"].contains(&name)),
                    "{}: {told}",
                    dump.name
                );
                let info = TcpInfo::of(facts.info.expect("tcp_info"));
                let received = u64::from(found.receive_queue());
                assert_eq!(info.bytes_received(), Some(received), "{}: {told}", dump.name);
                let sent = info.bytes_sent().unwrap();
                assert!(sent == 0 || sent == 321, "{}: {told}", dump.name);
                assert!(info.rto_us().is_some_and(|us| us >= 200_000), "{}: {told}", dump.name);
                // Newer than Linux 6.1.
                assert_eq!(info.rcv_wnd().is_some(), dump.version.at_least(6, 2), "{}: {told}", dump.name);
            }
        }
    }
}

#[test]
fn the_lines_of_every_kernel_are_the_same_but_for_ports_times_and_numbers() {
    let style = SocketStyle { heading: true, ..SocketStyle::default() };
    let devices = BTreeMap::new();
    for dump in dumps() {
        let mut writer = SocketWriter::new(false, style, &devices);
        let mut out = Vec::new();
        for found in dump.sockets() {
            writer.push(&found, SocketChange::Same, core::iter::empty(), None, &mut out);
        }
        writer.finish(&mut out);
        let text = String::from_utf8(out).unwrap();
        let mut listening: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with("LISTEN"))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        listening.sort();
        assert_eq!(
            listening,
            [
                "LISTEN 0 3 127.0.0.1:7004 0.0.0.0:*",
                "LISTEN 0 3 127.0.0.1:7004 0.0.0.0:*",
                "LISTEN 0 5 127.0.0.1:7001 0.0.0.0:*",
                "LISTEN 0 6 [::1]:7002 [::]:*",
                "LISTEN 0 7 *:7003 *:*",
                "LISTEN 0 8 127.0.0.1:7005 0.0.0.0:*",
                "LISTEN 0 9 127.0.0.1:7008 0.0.0.0:*",
                "LISTEN 1 0 [::1]:7006 [::]:*",
            ],
            "{}",
            dump.name
        );
    }
}
