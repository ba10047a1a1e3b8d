//! One packet, field by field, as text and as JSON.

use serde::Serialize;

use super::explanation_view::SCHEMA;
use super::grid::render_grid;
use super::prose::wrapped;
use crate::wire::{Checksum, Packet, PacketField};

/// Bytes of a field shown in the table; the rest is left to the meaning and the JSON.
const SHOWN_BYTES: usize = 4;

/// A packet in JSON.
#[derive(Debug, Serialize)]
pub struct PacketView {
    /// Version of this shape.
    schema: u32,
    topic: &'static str,
    packet: BodyView,
}

#[derive(Debug, Serialize)]
struct BodyView {
    length: usize,
    source: String,
    destination: String,
    flags: Vec<&'static str>,
    payload: usize,
    /// Null for IPv6, which has none.
    ip_checksum: Option<ChecksumView>,
    tcp_checksum: ChecksumView,
    ip: Vec<FieldView>,
    tcp: Vec<FieldView>,
    /// Bytes that were given after the end of the packet.
    trailing: usize,
}

#[derive(Debug, Serialize)]
struct ChecksumView {
    found: u16,
    computed: u16,
    ok: bool,
}

#[derive(Debug, Serialize)]
struct FieldView {
    offset: usize,
    length: usize,
    bytes: String,
    name: &'static str,
    value: String,
    meaning: String,
}

impl From<&Packet> for PacketView {
    fn from(packet: &Packet) -> Self {
        let fields = |fields: &[PacketField]| fields.iter().map(FieldView::from).collect();
        let body = BodyView {
            length: packet.bytes.len(),
            source: packet.source.to_string(),
            destination: packet.destination.to_string(),
            flags: packet.flags.clone(),
            payload: packet.payload,
            ip_checksum: packet.ip_checksum.map(ChecksumView::from),
            tcp_checksum: packet.tcp_checksum.into(),
            ip: fields(&packet.ip),
            tcp: fields(&packet.tcp),
            trailing: packet.trailing,
        };
        Self { schema: SCHEMA, topic: "segment", packet: body }
    }
}

impl From<Checksum> for ChecksumView {
    fn from(checksum: Checksum) -> Self {
        Self { found: checksum.found, computed: checksum.computed, ok: checksum.is_right() }
    }
}

impl From<&PacketField> for FieldView {
    fn from(field: &PacketField) -> Self {
        Self {
            offset: field.offset,
            length: field.bytes.len(),
            bytes: hex(&field.bytes, field.bytes.len()),
            name: field.name,
            value: field.value.clone(),
            meaning: field.meaning.clone(),
        }
    }
}

/// A packet as text: who to whom, then a line for each field with its place, bytes, value and meaning.
#[must_use]
pub fn render_packet(packet: &Packet, width: usize, ascii: bool) -> String {
    let flags = if packet.flags.is_empty() { "no flags".to_owned() } else { packet.flags.join(", ") };
    let mut text = wrapped(
        &format!(
            "{} {} {}: {flags}, {} bytes of data in a packet of {}.",
            packet.source,
            if ascii { "->" } else { "→" },
            packet.destination,
            packet.payload,
            packet.bytes.len()
        ),
        width,
    );
    text.push_str(&wrapped(&checksums(packet), width));
    let version = if packet.source.is_ipv4() { "IPv4" } else { "IPv6" };
    for (title, fields) in [(version, &packet.ip), ("TCP", &packet.tcp)] {
        let rows: Vec<Vec<String>> = fields.iter().map(|field| row(field, ascii)).collect();
        text.push_str(&format!("\n{title}\n"));
        text.push_str(&render_grid(&["byte", "bytes", "field", "value", "meaning"], &rows, width));
    }
    if packet.trailing > 0 {
        let trailing = packet.trailing;
        text.push_str(&format!(
            "\n{trailing} bytes after the packet are left out (padding of the frame, or its check).\n"
        ));
    }
    text
}

fn checksums(packet: &Packet) -> String {
    let word = |checksum: Checksum| if checksum.is_right() { "ok" } else { "WRONG" };
    match packet.ip_checksum {
        Some(ip) => format!("Checksums: IPv4 header {}, TCP {}.", word(ip), word(packet.tcp_checksum)),
        None => format!("Checksums: TCP {}; IPv6 has none.", word(packet.tcp_checksum)),
    }
}

fn row(field: &PacketField, ascii: bool) -> Vec<String> {
    let mut bytes = hex(&field.bytes, SHOWN_BYTES);
    if field.bytes.len() > SHOWN_BYTES {
        bytes.push_str(if ascii { "..." } else { "…" });
    }
    let meaning = if ascii { field.meaning.replace('…', "...") } else { field.meaning.clone() };
    let name = field.name.strip_prefix("Option: ").map_or_else(|| field.name.to_owned(), |name| format!("opt. {name}"));
    vec![field.offset.to_string(), bytes, name, field.value.clone(), meaning]
}

fn hex(bytes: &[u8], most: usize) -> String {
    bytes.iter().take(most).map(|byte| format!("{byte:02x}")).collect()
}
