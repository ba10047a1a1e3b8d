//! TCP segments in IP packets.

use std::net::{IpAddr, SocketAddr};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

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
    const TTL: u8 = 64;
    let ip = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => etherparse::PacketBuilder::ipv4(from.octets(), to.octets(), TTL),
        (IpAddr::V6(from), IpAddr::V6(to)) => etherparse::PacketBuilder::ipv6(from.octets(), to.octets(), TTL),
        _ => return None,
    };
    let builder = ip.tcp(source.port(), destination.port(), sequence, WINDOW).syn();
    let mut packet = Vec::with_capacity(builder.size(0));
    builder.write(&mut packet, &[]).ok()?;
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
}
