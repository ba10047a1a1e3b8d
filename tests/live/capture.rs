//! Captures of the laboratory.

use std::fs::File;

use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use tcpctl::wire::decode_segment;

use crate::case::{CannotRun, Case, Ran};
use crate::place::Place;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a capture of a handshake has its three segments at both ends", |place| handshake(place, &[])),
        Case::new("a capture of a handshake over IPv6 has its three segments at both ends", |place| {
            handshake(place, &["--ipv6"])
        }),
        Case::new("a capture says what the wire lost", lost),
        Case::new("a capture of a flood has its SYNs, what answers them, and the client's handshake", flood),
    ]
}

/// A packet: interface, whether it went out, what it is, comment.
type Packet = (u32, bool, &'static str, String);

/// Plays a topic and reads the packets back, in their order; `v6` is what must carry them.
fn captured(place: &Place, arguments: &[&str], v6: bool) -> Result<Vec<Packet>, CannotRun> {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("packets.pcapng");
    let mut all = vec!["lab"];
    all.extend(arguments);
    all.extend(["--pcap", path.to_str().expect("an ordinary path")]);
    let output = place.tcpctl(&all);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(4) => return Err(CannotRun(told)),
        Some(3) if told.contains("inconclusive") => return Err(CannotRun(told)),
        code => assert_eq!(code, Some(0), "{told}"),
    }
    let mut reader = PcapNgReader::new(File::open(&path).expect("the file was written")).expect("a capture");
    let (mut packets, mut last) = (Vec::new(), None);
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.expect("a block") else { continue };
        assert!(last.is_none_or(|last| last <= packet.timestamp), "in the order of their stamps");
        last = Some(packet.timestamp);
        let header = decode_segment(&packet.data).expect("a segment");
        assert_eq!(header.source.is_ipv6(), v6);
        let kind = match (header.syn, header.ack) {
            (true, false) => "SYN",
            (true, true) => "SYN-ACK",
            _ => "ACK",
        };
        let (mut outgoing, mut comment) = (false, String::new());
        for option in &packet.options {
            match option {
                EnhancedPacketOption::Flags(bits) => outgoing = *bits == 2,
                EnhancedPacketOption::Comment(text) => comment = text.to_string(),
                _ => {}
            }
        }
        packets.push((packet.interface_id, outgoing, kind, comment));
    }
    Ok(packets)
}

fn handshake(place: &Place, more: &[&str]) -> Ran {
    let mut arguments = vec!["handshake"];
    arguments.extend(more);
    let packets = captured(place, &arguments, !more.is_empty())?;
    let plain = |interface, outgoing, kind| (interface, outgoing, kind, String::new());
    let sent_and_received = |sender, kind| [plain(sender, true, kind), plain(1 - sender, false, kind)];
    let expected = [sent_and_received(0, "SYN"), sent_and_received(1, "SYN-ACK"), sent_and_received(0, "ACK")];
    assert_eq!(packets, expected.concat());
    Ok(())
}

/// Every forged SYN is answered, by a cookie or not, and the client shakes hands in between.
fn flood(place: &Place) -> Ran {
    let options = ["syn-flood", "--count", "300", "--set", "net.ipv4.tcp_synack_retries=0"];
    let packets = captured(place, &options, false)?;
    let count = |wanted: (u32, bool, &str, &str)| {
        let same =
            |(interface, outgoing, kind, comment): &&Packet| (*interface, *outgoing, *kind, comment.as_str()) == wanted;
        packets.iter().filter(same).count()
    };
    assert_eq!(count((1, false, "SYN", "injected, as if from the other end or from a router")), 300);
    assert_eq!(count((1, true, "SYN-ACK", "lost by the wire")), 300);
    for kind in ["SYN", "ACK"] {
        assert_eq!((count((0, true, kind, "")), count((1, false, kind, ""))), (1, 1), "{kind}");
    }
    assert_eq!((count((1, true, "SYN-ACK", "")), count((0, false, "SYN-ACK", ""))), (1, 1));
    assert_eq!(packets.len(), 606);
    Ok(())
}

fn lost(place: &Place) -> Ran {
    let retries = ["net.ipv4.tcp_syn_retries=1", "net.ipv4.tcp_syn_linear_timeouts=0"];
    let packets = captured(place, &["syn-lost", "--set", retries[0], "--set", retries[1]], false)?;
    assert_eq!(
        packets,
        [(0, true, "SYN", "lost by the wire".to_owned()), (0, true, "SYN", "lost by the wire".to_owned())]
    );
    Ok(())
}
