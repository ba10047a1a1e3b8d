//! The TCP header and what follows it.
//!
//! Mirrors: RFC 9293 3.1; CWR and ECE by RFC 3168, AE by RFC 9768.

use std::net::IpAddr;

use etherparse::TcpSlice;

use super::error::PacketError;
use super::field::{Checksum, Fields, PacketField};
use super::options::add_options;

/// What the TCP header says.
pub(super) struct TcpPart {
    pub(super) fields: Vec<PacketField>,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) flags: Vec<&'static str>,
    pub(super) payload: usize,
    pub(super) checksum: Checksum,
}

pub(super) fn decode_tcp(
    packet: &[u8],
    at: usize,
    source: IpAddr,
    destination: IpAddr,
) -> Result<TcpPart, PacketError> {
    let segment = packet.get(at..).unwrap_or_default();
    let truncated =
        |needed| PacketError::Truncated { what: "the TCP header", given: packet.len(), needed: at + needed };
    let length = usize::from(segment.get(12).copied().ok_or(truncated(20))? >> 4) * 4;
    if length < 20 {
        return Err(PacketError::TooSmall { offset: at + 12, what: "a data offset", found: length, least: 20 });
    }
    let tcp = TcpSlice::from_slice(segment).map_err(|_| truncated(length))?;
    let checksum = checksum(&tcp, source, destination);
    let flags = flags(&tcp);
    let mut fields = Fields::new(packet, at);
    add_header(&tcp, &flags, checksum, length, &mut fields);
    add_options(tcp.options(), tcp.syn(), at, &mut fields)?;
    let payload = tcp.payload().len();
    if payload > 0 {
        fields.add(length, payload, "Data", format!("{payload} bytes"), printable(tcp.payload()));
    }
    Ok(TcpPart {
        fields: fields.list,
        source_port: tcp.source_port(),
        destination_port: tcp.destination_port(),
        flags,
        payload,
        checksum,
    })
}

/// The checksum over the pseudo header, the header and the data.
fn checksum(tcp: &TcpSlice<'_>, source: IpAddr, destination: IpAddr) -> Checksum {
    let computed = match (source, destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) => tcp.calc_checksum_ipv4(from.octets(), to.octets()),
        (IpAddr::V6(from), IpAddr::V6(to)) => tcp.calc_checksum_ipv6(from.octets(), to.octets()),
        // The decoder of one IP header gives two addresses of one family.
        _ => return Checksum { found: tcp.checksum(), computed: tcp.checksum() },
    };
    Checksum { found: tcp.checksum(), computed: computed.unwrap_or(0) }
}

/// The flags that are set, as tcpdump orders them.
fn flags(tcp: &TcpSlice<'_>) -> Vec<&'static str> {
    let all = [
        (tcp.fin(), "FIN"),
        (tcp.syn(), "SYN"),
        (tcp.rst(), "RST"),
        (tcp.psh(), "PSH"),
        (tcp.ack(), "ACK"),
        (tcp.urg(), "URG"),
        (tcp.ece(), "ECE"),
        (tcp.cwr(), "CWR"),
        (tcp.ns(), "AE"),
    ];
    all.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect()
}

fn add_header(tcp: &TcpSlice<'_>, flags: &[&str], checksum: Checksum, length: usize, fields: &mut Fields<'_>) {
    fields.add(0, 2, "Source port", tcp.source_port(), "the sender's socket");
    fields.add(2, 2, "Destination port", tcp.destination_port(), "the receiver's socket");
    let sequence = match (tcp.syn(), tcp.payload().len()) {
        (true, _) => "the initial sequence number; the SYN itself counts 1".to_owned(),
        (false, 0) => "number of the next byte that the sender will send".to_owned(),
        (false, many) => {
            let last = tcp.sequence_number().wrapping_add(u32::try_from(many - 1).unwrap_or(0));
            format!("number of the first byte of data; the last is {last}")
        }
    };
    fields.add(4, 4, "Sequence number", tcp.sequence_number(), sequence);
    let acknowledged = if tcp.ack() {
        "number of the next byte that the sender expects: all before it has arrived"
    } else {
        "without meaning: ACK is not set"
    };
    fields.add(8, 4, "Acknowledgement number", tcp.acknowledgment_number(), acknowledged);
    fields.add(
        12,
        1,
        "Data offset",
        format!("{length} bytes"),
        format!("header with {} bytes of options", length - 20),
    );
    let flags_text = if flags.is_empty() { "none".to_owned() } else { flags.join(", ") };
    fields.add(12, 2, "Flags", flags_text, meaning_of_flags(tcp));
    let window = if tcp.syn() {
        "bytes that the sender can take; never scaled in a SYN"
    } else {
        "room that the sender has, times 2^(window scale of its SYN)"
    };
    fields.add(14, 2, "Window", tcp.window_size(), window);
    fields.add(16, 2, "Checksum", format!("0x{:04x}", checksum.found), checksum.meaning(true));
    let urgent = if tcp.urg() { "urgent data ends there" } else { "without meaning: URG is not set" };
    fields.add(18, 2, "Urgent pointer", tcp.urgent_pointer(), urgent);
}

fn meaning_of_flags(tcp: &TcpSlice<'_>) -> String {
    let what = match (tcp.syn(), tcp.ack(), tcp.fin(), tcp.rst()) {
        (true, _, true, _) | (true, _, _, true) => "no sane sender sets these together",
        (true, false, ..) => "first segment of a handshake",
        (true, true, ..) => "second segment of a handshake",
        (_, true, _, true) => "the connection is aborted",
        (_, false, _, true) => "refused: no connection like that here",
        (_, _, true, _) => "the sender has no more to send",
        (_, true, ..) if tcp.payload().is_empty() => "acknowledges, or asks whether the peer is alive",
        (_, true, ..) => "data",
        _ => "every segment after a SYN must have ACK: receivers drop this",
    };
    let mut what = what.to_owned();
    if tcp.psh() {
        what.push_str("; PSH: hand it to the application now");
    }
    match (tcp.syn(), tcp.ece(), tcp.cwr()) {
        (true, true, true) if !tcp.ack() => what.push_str("; ECE and CWR: ECN is offered"),
        (true, true, false) if tcp.ack() => what.push_str("; ECE: ECN is accepted"),
        (false, true, _) => what.push_str("; ECE: a router marked congestion on the way here"),
        (false, _, true) => what.push_str("; CWR: the sender slowed down"),
        _ => {}
    }
    what
}

/// The beginning of the data, with dots for what cannot be printed.
fn printable(data: &[u8]) -> String {
    const SHOWN: usize = 32;
    let shown = data.iter().take(SHOWN);
    let text: String = shown.map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect();
    format!("{text}{}", if data.len() > SHOWN { " …" } else { "" })
}
