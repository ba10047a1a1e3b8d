//! Captures are read back by the reader of the format.

use std::process::Command;
use std::time::Duration;

use pcap_file::DataLink;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use tcpctl::lab::{Frame, Passage};
use tcpctl::model::Side;
use tcpctl::report::render_capture;
use tcpctl::units::KernelVersion;
use tcpctl::wire::build_syn;

const BEGAN_NS: u64 = 1_790_000_000_123_456_789;

fn frame(side: Side, outgoing: bool, before: bool, passage: Passage, bytes: &[u8]) -> Frame {
    Frame { unix_ns: BEGAN_NS, side, outgoing, before, passage, bytes: bytes.to_vec() }
}

#[test]
fn a_capture_is_read_back_with_its_interfaces_times_directions_and_comments() {
    let syn =
        |source: &str, destination: &str| build_syn(source.parse().unwrap(), destination.parse().unwrap(), 7).unwrap();
    let v4 = syn("192.0.2.1:40000", "192.0.2.2:80");
    let v6 = syn("[2001:db8::1]:40000", "[2001:db8::2]:80");
    let frames = [
        frame(Side::Client, true, false, Passage::Carried, &v4),
        frame(Side::Server, false, false, Passage::Carried, &v4),
        frame(Side::Client, true, true, Passage::Lost, &v6),
        frame(Side::Server, false, false, Passage::Injected, &v6),
        frame(Side::Server, true, false, Passage::NotCarried, &[0x60; 45]),
    ];
    let bytes = render_capture("syn-lost\u{7}", KernelVersion::new(6, 18), &frames).unwrap();
    let mut reader = PcapNgReader::new(bytes.as_slice()).unwrap();
    let (mut names, mut packets) = (Vec::new(), Vec::new());
    while let Some(block) = reader.next_block() {
        match block.unwrap() {
            Block::InterfaceDescription(interface) => {
                assert_eq!(interface.linktype, DataLink::RAW);
                assert!(interface.options.contains(&InterfaceDescriptionOption::IfTsResol(9)));
                names.extend(interface.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                    _ => None,
                }));
            }
            Block::EnhancedPacket(packet) => {
                assert_eq!(packet.timestamp, Duration::from_nanos(BEGAN_NS));
                assert_eq!(packet.original_len as usize, packet.data.len());
                let (mut flags, mut comment) = (None, String::new());
                for option in &packet.options {
                    match option {
                        EnhancedPacketOption::Flags(bits) => flags = Some(*bits),
                        EnhancedPacketOption::Comment(text) => comment = text.to_string(),
                        other => panic!("{other:?}"),
                    }
                }
                packets.push((packet.interface_id, flags, comment, packet.data.to_vec()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names, ["client", "server"]);
    let expected = [
        (0, Some(2), "", v4.clone()),
        (1, Some(1), "", v4),
        (0, Some(2), "before the scenario begins; lost by the wire", v6.clone()),
        (1, Some(1), "injected, as if from the other end or from a router", v6),
        (1, Some(2), "not carried: no TCP", vec![0x60; 45]),
    ];
    let expected = expected.map(|(interface, flags, comment, bytes)| (interface, flags, comment.to_owned(), bytes));
    assert_eq!(packets, expected);
    let section = format!("{:?}", reader.section());
    assert!(section.contains("Linux 6.18") && section.contains("tcpctl ") && !section.contains('\u{7}'), "{section}");
}

#[test]
fn a_capture_of_nothing_is_still_one() {
    let bytes = render_capture("x", KernelVersion::new(6, 18), &[]).unwrap();
    let mut reader = PcapNgReader::new(bytes.as_slice()).unwrap();
    assert_eq!(std::iter::from_fn(|| reader.next_block().map(|block| block.is_ok())).collect::<Vec<_>>(), [true, true]);
}

#[test]
fn a_capture_that_could_not_be_written_is_refused_before_anything_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let refused = |file: &str| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(["lab", "handshake", "--pcap", file]).output().unwrap();
        assert!(output.stdout.is_empty(), "{output:?}");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = refused("-");
    assert_eq!((code, told.contains("standard output has the comparison")), (Some(2), true), "{told}");
    for (file, why) in [(path("none/x"), "No such file or directory"), (path(""), "it is no file")] {
        let (code, told) = refused(&file);
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains(&format!("cannot write {file}; it was left as it was")) && told.contains(why), "{told}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left there");
}
