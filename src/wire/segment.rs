//! TCP segments in IP packets.

use std::net::{IpAddr, SocketAddr};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

const TTL: u8 = 64;

/// The header of one TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number; without meaning unless [`SegmentHeader::ack`].
    pub acknowledgement: u32,
    /// Flags.
    pub syn: bool,
    /// Flags.
    pub ack: bool,
    /// Flags.
    pub fin: bool,
    /// Flags.
    pub rst: bool,
    /// Advertised window, before scaling.
    pub window: u16,
    /// Bytes of data.
    pub payload: usize,
}

/// Reads a packet that begins with its IP header; nothing when it is no whole TCP segment.
#[must_use]
pub fn decode_segment(packet: &[u8]) -> Option<SegmentHeader> {
    let sliced = SlicedPacket::from_ip(packet).ok()?;
    let (from, to): (IpAddr, IpAddr) = match sliced.net? {
        NetSlice::Ipv4(v4) => (v4.header().source_addr().into(), v4.header().destination_addr().into()),
        NetSlice::Ipv6(v6) => (v6.header().source_addr().into(), v6.header().destination_addr().into()),
        NetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { return None };
    Some(SegmentHeader {
        source: SocketAddr::new(from, tcp.source_port()),
        destination: SocketAddr::new(to, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledgement: tcp.acknowledgment_number(),
        syn: tcp.syn(),
        ack: tcp.ack(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        window: tcp.window_size(),
        payload: tcp.payload().len(),
    })
}

/// Builds a SYN without options, checksums included; nothing when the two addresses are not of one family.
#[must_use]
pub fn build_syn(source: SocketAddr, destination: SocketAddr, sequence: u32) -> Option<Vec<u8>> {
    const WINDOW: u16 = 64_240;
    build_segment(&SegmentHeader {
        source,
        destination,
        sequence,
        acknowledgement: 0,
        syn: true,
        ack: false,
        fin: false,
        rst: false,
        window: WINDOW,
        payload: 0,
    })
}

/// Builds a segment without options, its data zeros, checksums included; nothing when the two addresses are not of one
/// family.
#[must_use]
pub fn build_segment(header: &SegmentHeader) -> Option<Vec<u8>> {
    let ip = match (header.source.ip(), header.destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => etherparse::PacketBuilder::ipv4(from.octets(), to.octets(), TTL),
        (IpAddr::V6(from), IpAddr::V6(to)) => etherparse::PacketBuilder::ipv6(from.octets(), to.octets(), TTL),
        _ => return None,
    };
    let ports = (header.source.port(), header.destination.port());
    let mut tcp = etherparse::TcpHeader::new(ports.0, ports.1, header.sequence, header.window);
    (tcp.syn, tcp.ack, tcp.fin, tcp.rst) = (header.syn, header.ack, header.fin, header.rst);
    tcp.acknowledgment_number = if header.ack { header.acknowledgement } else { 0 };
    let builder = ip.tcp_header(tcp);
    let data = vec![0; header.payload];
    let mut packet = Vec::with_capacity(builder.size(data.len()));
    builder.write(&mut packet, &data).ok()?;
    Some(packet)
}

/// Builds an ICMP or ICMPv6 error of this type and code about a packet, checksums included. It goes to the sender of
/// that packet, from a router, and quotes what the sender has to recognise it by: over IPv4 the IP header and 8 bytes of
/// what follows (RFC 792), over IPv6 as much as fits into 1280 bytes (RFC 4443 2.4). Nothing for what is no whole
/// packet of the router's family.
#[must_use]
pub fn build_icmp_error(router: IpAddr, (kind, code): (u8, u8), about: &[u8]) -> Option<Vec<u8>> {
    const QUOTED_V4: usize = 8;
    const QUOTED_V6: usize = 1280 - 40 - 8;
    let sliced = SlicedPacket::from_ip(about).ok()?;
    let mut packet = Vec::new();
    match (router, sliced.net?) {
        (IpAddr::V4(router), NetSlice::Ipv4(ip)) => {
            let quoted = about.get(..ip.header().slice().len() + QUOTED_V4)?;
            let to = ip.header().source_addr();
            let builder = etherparse::PacketBuilder::ipv4(router.octets(), to.octets(), TTL);
            builder.icmpv4_raw(kind, code, [0; 4]).write(&mut packet, quoted).ok()?;
        }
        (IpAddr::V6(router), NetSlice::Ipv6(ip)) => {
            let quoted = about.get(..about.len().min(QUOTED_V6))?;
            let to = ip.header().source_addr();
            let builder = etherparse::PacketBuilder::ipv6(router.octets(), to.octets(), TTL);
            builder.icmpv6_raw(kind, code, [0; 4]).write(&mut packet, quoted).ok()?;
        }
        _ => return None,
    }
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syn_that_was_built_is_read_back() {
        for (source, destination) in [("192.0.2.1:1000", "192.0.2.2:80"), ("[2001:db8::1]:1000", "[2001:db8::2]:80")] {
            let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
            let packet = build_syn(source, destination, 7).unwrap();
            let header = decode_segment(&packet).unwrap();
            assert_eq!((header.source, header.destination, header.sequence), (source, destination, 7));
            assert!(header.syn && !header.ack && !header.fin && !header.rst);
            assert_eq!(header.payload, 0);
        }
    }

    #[test]
    fn nothing_short_or_strange_is_taken_for_a_segment() {
        let packet = build_syn("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap(), 0).unwrap();
        for length in 0..packet.len() {
            assert_eq!(decode_segment(&packet[..length]), None, "{length} bytes");
        }
        assert_eq!(decode_segment(&[0xff; 60]), None);
        assert!(build_syn("192.0.2.1:1".parse().unwrap(), "[::1]:2".parse().unwrap(), 0).is_none());
    }

    #[test]
    fn a_segment_that_was_built_is_read_back_with_its_flags_numbers_and_data() {
        let header = SegmentHeader {
            source: "192.0.2.1:1000".parse().unwrap(),
            destination: "192.0.2.2:80".parse().unwrap(),
            sequence: u32::MAX,
            acknowledgement: 5,
            syn: false,
            ack: true,
            fin: true,
            rst: false,
            window: 502,
            payload: 1,
        };
        assert_eq!(decode_segment(&build_segment(&header).unwrap()), Some(header));
    }

    #[test]
    fn an_icmp_error_quotes_the_header_and_8_bytes_of_what_it_is_about() {
        let about = build_syn("192.0.2.1:1000".parse().unwrap(), "192.0.2.2:80".parse().unwrap(), 7).unwrap();
        let router: IpAddr = "192.0.2.254".parse().unwrap();
        let packet = build_icmp_error(router, (3, 1), &about).unwrap();
        // IPv4 from the router to the sender, ICMP type 3 code 1, and the quotation.
        assert_eq!((&packet[12..16], &packet[16..20]), ([192, 0, 2, 254].as_slice(), [192, 0, 2, 1].as_slice()));
        assert_eq!((packet[20], packet[21], &packet[28..]), (3, 1, &about[..28]));
        assert_eq!(build_icmp_error(router, (3, 1), &[0x60; 60]), None);
    }

    #[test]
    fn an_icmpv6_error_quotes_the_packet_and_has_the_checksum_that_ipv6_demands() {
        let about = build_syn("[2001:db8::1]:1000".parse().unwrap(), "[2001:db8::2]:80".parse().unwrap(), 7).unwrap();
        let router: IpAddr = "2001:db8::fe".parse().unwrap();
        let packet = build_icmp_error(router, (1, 4), &about).unwrap();
        assert_eq!((packet[6], packet[40], packet[41], &packet[48..]), (58, 1, 4, about.as_slice()));
        let sliced = SlicedPacket::from_ip(&packet).unwrap();
        let (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp))) = (sliced.net, sliced.transport) else {
            panic!("{packet:?}");
        };
        assert_eq!((ip.header().source_addr(), ip.header().destination_addr().segments()[7]), (router_v6(router), 1));
        assert!(icmp.is_checksum_valid(ip.header().source(), ip.header().destination()));
        // As much as fits into the smallest MTU that IPv6 allows.
        let mut long = decode_segment(&about).unwrap();
        long.payload = 1400;
        let packet = build_icmp_error(router, (1, 4), &build_segment(&long).unwrap()).unwrap();
        assert_eq!(packet.len(), 1280);
        assert_eq!(build_icmp_error("192.0.2.254".parse().unwrap(), (3, 1), &about), None, "another family");
    }

    fn router_v6(router: IpAddr) -> std::net::Ipv6Addr {
        let IpAddr::V6(v6) = router else { panic!("{router}") };
        v6
    }
}
