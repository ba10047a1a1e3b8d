//! The IP header, up to the segment.
//!
//! Mirrors: RFC 791 3.1, RFC 8200 3 and 4; DSCP and ECN by RFC 2474 and RFC 3168.

use std::net::IpAddr;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::error::PacketError;
use super::field::{Checksum, Fields, PacketField};

const TCP: u8 = 6;

/// What the IP header says.
pub(super) struct IpPart {
    pub(super) fields: Vec<PacketField>,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) checksum: Option<Checksum>,
    /// Where the TCP header begins.
    pub(super) tcp_at: usize,
    /// Where the packet ends.
    pub(super) end: usize,
}

fn need(what: &'static str, bytes: &[u8], needed: usize) -> Result<(), PacketError> {
    if bytes.len() < needed { Err(PacketError::Truncated { what, given: bytes.len(), needed }) } else { Ok(()) }
}

pub(super) fn decode_ipv4(bytes: &[u8]) -> Result<IpPart, PacketError> {
    need("the IPv4 header", bytes, 20)?;
    let length = usize::from(bytes.first().copied().unwrap_or(0) & 15) * 4;
    if length < 20 {
        return Err(PacketError::TooSmall { offset: 0, what: "an IPv4 header length", found: length, least: 20 });
    }
    need("the IPv4 header with its options", bytes, length)?;
    let truncated = PacketError::Truncated { what: "the IPv4 header", given: bytes.len(), needed: length };
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| truncated)?;
    let end = usize::from(header.total_len());
    if end < length {
        return Err(PacketError::TooSmall { offset: 2, what: "a total length", found: end, least: length });
    }
    need("the packet by its total length (bytes 2 and 3)", bytes, end)?;
    if header.is_fragmenting_payload() {
        return Err(PacketError::Fragment { offset: 6 });
    }
    if header.protocol().0 != TCP {
        return Err(not_tcp(9, header.protocol().0));
    }
    let checksum = Checksum { found: header.header_checksum(), computed: header.to_header().calc_header_checksum() };
    Ok(IpPart {
        fields: ipv4_fields(bytes, &header, checksum, length),
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        checksum: Some(checksum),
        tcp_at: length,
        end,
    })
}

fn ipv4_fields(bytes: &[u8], header: &Ipv4HeaderSlice<'_>, checksum: Checksum, length: usize) -> Vec<PacketField> {
    let mut fields = Fields::new(bytes, 0);
    fields.add(0, 1, "Version", 4, "IPv4");
    fields.add(0, 1, "Header length", format!("{length} bytes"), format!("{} words of 4 bytes", length / 4));
    fields.add(1, 1, "DSCP", header.dcp().value(), dscp(header.dcp().value()));
    fields.add(1, 1, "ECN", header.ecn().value(), ecn(header.ecn().value()));
    fields.add(2, 2, "Total length", header.total_len(), "header and data");
    fields.add(4, 2, "Identification", header.identification(), "groups the fragments of one packet");
    let flags =
        if header.dont_fragment() { ("DF", "routers must not fragment it") } else { ("none", "may be fragmented") };
    fields.add(6, 2, "Flags", flags.0, flags.1);
    fields.add(6, 2, "Fragment offset", 0, "not a fragment");
    fields.add(8, 1, "Time to live", header.ttl(), "routers it may still pass");
    fields.add(9, 1, "Protocol", TCP, "TCP");
    fields.add(10, 2, "Header checksum", format!("0x{:04x}", checksum.found), checksum.meaning(false));
    fields.add(12, 4, "Source address", header.source_addr(), "the sender");
    fields.add(16, 4, "Destination address", header.destination_addr(), "the receiver");
    if length > 20 {
        fields.add(20, length - 20, "IP options", format!("{} bytes", length - 20), "rare; many routers drop them");
    }
    fields.list
}

pub(super) fn decode_ipv6(bytes: &[u8]) -> Result<IpPart, PacketError> {
    need("the IPv6 header", bytes, 40)?;
    let truncated = PacketError::Truncated { what: "the IPv6 header", given: bytes.len(), needed: 40 };
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|_| truncated)?;
    let end = 40 + usize::from(header.payload_length());
    need("the packet by its payload length (bytes 4 and 5)", bytes, end)?;
    let mut fields = Fields::new(bytes, 0);
    fields.add(0, 1, "Version", 6, "IPv6");
    fields.add(0, 2, "DSCP", header.dscp().value(), dscp(header.dscp().value()));
    fields.add(1, 1, "ECN", header.ecn().value(), ecn(header.ecn().value()));
    fields.add(1, 3, "Flow label", format!("0x{:05x}", header.flow_label().value()), "keeps a flow on one path");
    fields.add(4, 2, "Payload length", header.payload_length(), "all that follows these 40 bytes");
    fields.add(6, 1, "Next header", header.next_header().0, protocol(header.next_header().0));
    fields.add(7, 1, "Hop limit", header.hop_limit(), "routers it may still pass");
    fields.add(8, 16, "Source address", header.source_addr(), "the sender");
    fields.add(24, 16, "Destination address", header.destination_addr(), "the receiver");
    let tcp_at = extension_headers(bytes, header.next_header().0, end, &mut fields)?;
    Ok(IpPart {
        fields: fields.list,
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        checksum: None,
        tcp_at,
        end,
    })
}

/// Walks over the extension headers to the segment.
fn extension_headers(bytes: &[u8], first: u8, end: usize, fields: &mut Fields<'_>) -> Result<usize, PacketError> {
    let (mut next, mut said_at, mut at) = (first, 6, 40);
    while next != TCP {
        let name = match next {
            0 => "Hop-by-hop options",
            43 => "Routing header",
            60 => "Destination options",
            44 => return Err(PacketError::Fragment { offset: said_at }),
            other => return Err(not_tcp(said_at, other)),
        };
        let packet = bytes.get(..end).unwrap_or(bytes);
        need("an IPv6 extension header", packet, at + 8)?;
        let length = (usize::from(packet.get(at + 1).copied().unwrap_or(0)) + 1) * 8;
        need("an IPv6 extension header", packet, at + length)?;
        let following = packet.get(at).copied().unwrap_or(0);
        let meaning = format!("{length} bytes; next header {following} ({})", protocol(following));
        fields.add(at, length, name, next, meaning);
        (next, said_at, at) = (following, at, at + length);
    }
    Ok(at)
}

const fn not_tcp(offset: usize, number: u8) -> PacketError {
    PacketError::NotTcp { offset, protocol: number, name: protocol(number) }
}

/// Names of protocols by number.
const fn protocol(number: u8) -> &'static str {
    match number {
        0 => "hop-by-hop options",
        1 => "ICMP",
        4 => "IPv4 in IP",
        6 => "TCP",
        17 => "UDP",
        41 => "IPv6 in IP",
        43 => "routing header",
        44 => "fragment header",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        60 => "destination options",
        132 => "SCTP",
        _ => "unknown here",
    }
}

const fn dscp(value: u8) -> &'static str {
    match value {
        0 => "best effort",
        46 => "expedited forwarding",
        48 | 56 => "network control",
        _ => "a class of service",
    }
}

const fn ecn(value: u8) -> &'static str {
    match value {
        0 => "not ECN-capable",
        1 => "ECT(1): ECN-capable",
        2 => "ECT(0): ECN-capable",
        _ => "CE: a router met congestion",
    }
}
