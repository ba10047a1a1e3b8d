//! From bytes to fields.

use std::net::SocketAddr;

use super::error::PacketError;
use super::field::{Checksum, PacketField};
use super::ip::{IpPart, decode_ipv4, decode_ipv6};
use super::tcp::decode_tcp;

/// A packet, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The packet itself, without what follows it.
    pub bytes: Vec<u8>,
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
    /// The flags that are set, in the order of tcpdump: `SYN`, `SYN, ACK`.
    pub flags: Vec<&'static str>,
    /// Bytes of data after the TCP header.
    pub payload: usize,
    /// Fields of the IP header, its options and extension headers.
    pub ip: Vec<PacketField>,
    /// Fields of the TCP header and its options, and the data.
    pub tcp: Vec<PacketField>,
    /// The checksum of the IPv4 header; IPv6 has none.
    pub ip_checksum: Option<Checksum>,
    /// The checksum of the segment.
    pub tcp_checksum: Checksum,
    /// Bytes that were given after the end of the packet.
    pub trailing: usize,
}

/// Reads a packet that begins with its IP header.
///
/// # Errors
/// When it is cut short, a fragment, or no TCP over IP; says at which byte.
pub fn decode_packet(bytes: &[u8]) -> Result<Packet, PacketError> {
    let first = bytes.first().copied().ok_or(PacketError::Truncated { what: "an IP header", given: 0, needed: 20 })?;
    let ip = match first >> 4 {
        4 => decode_ipv4(bytes)?,
        6 => decode_ipv6(bytes)?,
        _ => return Err(PacketError::NotIp { first, hint: hint(bytes) }),
    };
    let IpPart { fields, source, destination, checksum, tcp_at, end } = ip;
    let packet = bytes.get(..end).unwrap_or(bytes);
    let tcp = decode_tcp(packet, tcp_at, source, destination)?;
    Ok(Packet {
        bytes: packet.to_vec(),
        source: SocketAddr::new(source, tcp.source_port),
        destination: SocketAddr::new(destination, tcp.destination_port),
        flags: tcp.flags,
        payload: tcp.payload,
        ip: fields,
        tcp: tcp.fields,
        ip_checksum: checksum,
        tcp_checksum: tcp.checksum,
        trailing: bytes.len().saturating_sub(end),
    })
}

/// What bytes that are no IP packet look like.
fn hint(bytes: &[u8]) -> &'static str {
    let ethertype = bytes.get(12..14);
    match ethertype {
        Some([0x08, 0x00] | [0x86, 0xdd]) => "; this looks like an Ethernet frame: leave out its first 14 bytes",
        Some([0x81, 0x00]) => "; this looks like an Ethernet frame with a VLAN tag: leave out its first 18 bytes",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet::parse_hex;
    use etherparse::{PacketBuilder, TcpOptionElement};
    use proptest::prelude::*;

    fn syn_with_options() -> Vec<u8> {
        let options = [
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(1000, 0),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(7),
        ];
        let builder = PacketBuilder::ipv4([192, 0, 2, 1], [198, 51, 100, 7], 64).tcp(40_000, 443, 100, 64_240);
        let builder = builder.syn().options(&options).unwrap();
        let mut packet = Vec::new();
        builder.write(&mut packet, &[]).unwrap();
        packet
    }

    fn ipv6_data() -> Vec<u8> {
        let address = |last: u8| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        let builder = PacketBuilder::ipv6(address(1), address(2), 64).tcp(40_000, 80, 101, 502).ack(301).psh();
        let mut packet = Vec::new();
        builder.write(&mut packet, b"GET / HTTP/1.1\r\n").unwrap();
        packet
    }

    fn value<'a>(fields: &'a [PacketField], name: &str) -> &'a str {
        fields.iter().find(|field| field.name == name).map_or("absent", |field| field.value.as_str())
    }

    #[test]
    fn every_byte_of_both_headers_belongs_to_a_field() {
        for bytes in [syn_with_options(), ipv6_data()] {
            let packet = decode_packet(&bytes).unwrap();
            let mut next = 0;
            for field in packet.ip.iter().chain(&packet.tcp) {
                assert!(field.offset <= next, "a gap before {} at {}", field.name, field.offset);
                assert_eq!(bytes[field.offset..field.offset + field.bytes.len()], field.bytes, "{}", field.name);
                next = next.max(field.offset + field.bytes.len());
            }
            assert_eq!(next, bytes.len());
            assert!(packet.tcp_checksum.is_right());
            assert!(packet.ip_checksum.is_none_or(Checksum::is_right));
        }
    }

    #[test]
    fn a_syn_says_its_options() {
        let packet = decode_packet(&syn_with_options()).unwrap();
        assert_eq!(packet.flags, ["SYN"]);
        assert_eq!(packet.source.to_string(), "192.0.2.1:40000");
        assert_eq!(value(&packet.tcp, "Option: maximum segment size"), "1460");
        assert_eq!(value(&packet.tcp, "Option: window scale"), "7");
        assert_eq!(value(&packet.tcp, "Option: timestamps"), "value 1000, echo 0");
        assert_eq!(value(&packet.tcp, "Option: SACK permitted"), "set");
    }

    #[test]
    fn data_over_ipv6_is_counted() {
        let packet = decode_packet(&ipv6_data()).unwrap();
        assert_eq!((packet.payload, packet.flags.as_slice()), (16, ["PSH", "ACK"].as_slice()));
        assert_eq!(value(&packet.ip, "Payload length"), "36");
        assert_eq!(value(&packet.tcp, "Data"), "16 bytes");
    }

    #[test]
    fn a_changed_byte_is_found_by_the_checksum() {
        let mut bytes = syn_with_options();
        bytes[25] ^= 1;
        let packet = decode_packet(&bytes).unwrap();
        assert!(!packet.tcp_checksum.is_right());
        assert!(packet.ip_checksum.is_some_and(Checksum::is_right));
        bytes[8] = 1;
        assert!(!decode_packet(&bytes).unwrap().ip_checksum.is_some_and(Checksum::is_right));
    }

    #[test]
    fn bytes_after_the_packet_are_counted_and_left_out() {
        let mut bytes = syn_with_options();
        let whole = decode_packet(&bytes).unwrap();
        bytes.extend([0; 6]);
        let padded = decode_packet(&bytes).unwrap();
        assert_eq!((padded.trailing, padded.bytes), (6, whole.bytes));
    }

    #[test]
    fn foreign_input_is_refused_with_the_place() {
        let error = |bytes: &[u8]| decode_packet(bytes).expect_err("refused").to_string();
        let syn = syn_with_options();
        assert!(error(&syn[..10]).contains("cut short at byte 10"), "{}", error(&syn[..10]));
        assert!(error(&syn[..50]).contains("cut short at byte 50"));
        let mut udp = syn.clone();
        udp[9] = 17;
        assert!(error(&udp).contains("byte 9") && error(&udp).contains("UDP"));
        let mut fragment = syn.clone();
        fragment[6] = 0x20;
        assert!(error(&fragment).contains("byte 6"));
        let mut option = syn.clone();
        option[41] = 60;
        assert!(error(&option).contains("byte 40: TCP option 2"), "{}", error(&option));
        let ethernet = [&[0_u8; 12][..], &[8, 0], &syn].concat();
        assert!(error(&ethernet).contains("Ethernet"));
        assert!(error(&[]).contains("byte 0"));
        let mut header = syn;
        header[32] = 0x20;
        assert!(error(&header).contains("byte 32"), "{}", error(&header));
    }

    #[test]
    fn a_packet_from_a_capture_is_read() {
        // A SYN as tcpdump -x prints it.
        let text = "4500 003c 1c46 4000 4006 b1e6 ac10 0a63 ac10 0a0c
                    dead 0050 0000 0001 0000 0000 a002 faf0 0000 0000
                    0204 05b4 0402 080a 0000 0001 0000 0000 0103 0307";
        let packet = decode_packet(&parse_hex(text).unwrap()).unwrap();
        assert!(packet.ip_checksum.is_some_and(Checksum::is_right));
        assert_eq!(packet.destination.to_string(), "172.16.10.12:80");
        assert!(!packet.tcp_checksum.is_right());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_badly(bytes in proptest::collection::vec(any::<u8>(), 0..120), version in 0_u8..16) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = (version << 4) | (*first & 15);
            }
            let _ = decode_packet(&bytes);
        }

        #[test]
        fn a_damaged_packet_is_refused_or_read(place in 0_usize..60, to in any::<u8>(), length in 0_usize..60) {
            let mut bytes = syn_with_options();
            let place = place % bytes.len();
            bytes[place] = to;
            bytes.truncate(length);
            if let Ok(packet) = decode_packet(&bytes) {
                prop_assert!(packet.bytes.len() <= bytes.len());
            }
        }
    }
}
