//! `events/*/*/format`: the name and number of a tracepoint, its fields, and the names of their values.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a field stands in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceField {
    /// Bytes from the beginning of the record.
    pub offset: usize,
    /// Bytes that it takes.
    pub size: usize,
    /// Whether it is a signed number.
    pub signed: bool,
}

/// A tracepoint as the running kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFormat {
    /// Its name.
    pub name: String,
    /// The number that its records begin with (`common_type`); another one at every boot.
    pub id: u16,
    fields: BTreeMap<String, TraceField>,
    names: BTreeMap<String, BTreeMap<u64, Arc<str>>>,
}

impl TraceField {
    /// Its bytes in a record; nothing where the record is shorter.
    #[must_use]
    pub fn bytes<'a>(&self, record: &'a [u8]) -> Option<&'a [u8]> {
        record.get(self.offset..self.offset.checked_add(self.size)?)
    }

    /// Its value as the bits of a number, a negative one in two's complement; nothing where the record is shorter, or for
    /// what is no number of up to eight bytes.
    #[must_use]
    pub fn number(&self, record: &[u8]) -> Option<u64> {
        let bytes = self.bytes(record)?;
        Some(match *bytes {
            [byte] if self.signed => i64::from(i8::from_ne_bytes([byte])).cast_unsigned(),
            [byte] => u64::from(byte),
            [a, b] if self.signed => i64::from(i16::from_ne_bytes([a, b])).cast_unsigned(),
            [a, b] => u64::from(u16::from_ne_bytes([a, b])),
            [a, b, c, d] if self.signed => i64::from(i32::from_ne_bytes([a, b, c, d])).cast_unsigned(),
            [a, b, c, d] => u64::from(u32::from_ne_bytes([a, b, c, d])),
            _ => u64::from_ne_bytes(bytes.try_into().ok()?),
        })
    }
}

impl TraceFormat {
    /// A field by its name; nothing where this kernel's records have none.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<TraceField> {
        self.fields.get(name).copied()
    }

    /// What the values of a field are called, by number, as the kernel's own way of printing them has it; empty where it
    /// prints numbers.
    #[must_use]
    pub fn names(&self, field: &str) -> BTreeMap<u64, Arc<str>> {
        self.names.get(field).cloned().unwrap_or_default()
    }
}

/// Reads a format file; nothing where it has no name or number. A line that is not understood costs its field.
#[must_use]
pub fn parse_trace_format(text: &str) -> Option<TraceFormat> {
    let mut format = TraceFormat::default();
    let mut id = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("name:") {
            name.trim().clone_into(&mut format.name);
        } else if let Some(number) = line.strip_prefix("ID:") {
            id = number.trim().parse().ok();
        } else if let Some(printed) = line.strip_prefix("print fmt:") {
            format.names = symbols(printed);
        } else {
            format.fields.extend(parse_field(line));
        }
    }
    format.id = id?;
    (!format.name.is_empty()).then_some(format)
}

/// `field:unsigned short common_type; offset:0; size:2; signed:0;`, with tabs between the parts.
pub(super) fn parse_field(line: &str) -> Option<(String, TraceField)> {
    let mut declared = None;
    let (mut offset, mut size, mut signed) = (None, None, None);
    for part in line.split(';') {
        let Some((key, value)) = part.trim().split_once(':') else { continue };
        match key.trim() {
            "field" => declared = Some(value.trim()),
            "offset" => offset = value.trim().parse().ok(),
            "size" => size = value.trim().parse().ok(),
            "signed" => signed = Some(value.trim() == "1"),
            _ => {}
        }
    }
    let name = declared?.split('[').next()?.split_whitespace().last()?.trim_start_matches('*');
    Some((name.to_owned(), TraceField { offset: offset?, size: size?, signed: signed? }))
}

/// The tables of `__print_symbolic(REC->field, { 1, "NAME" }, …)` whose values are numbers. Where the kernel has left the
/// words of its source, nothing is known of them.
fn symbols(printed: &str) -> BTreeMap<String, BTreeMap<u64, Arc<str>>> {
    const BEGINS: &str = "__print_symbolic(REC->";
    let mut tables = BTreeMap::<String, BTreeMap<u64, Arc<str>>>::new();
    let mut rest = printed;
    while let Some((_, behind)) = rest.split_once(BEGINS) {
        let Some((field, mut table)) = behind.split_once(',') else { break };
        let names = tables.entry(field.trim().to_owned()).or_default();
        while let Some(row) = table.trim_start_matches([',', ' ']).strip_prefix('{') {
            let Some((number, behind)) = row.split_once(',') else { break };
            let Some((name, behind)) = behind.trim_start().strip_prefix('"').and_then(|text| text.split_once('"'))
            else {
                break;
            };
            if let Some(number) = number_of(number.trim()) {
                names.entry(number).or_insert_with(|| name.into());
            }
            let Some((_, behind)) = behind.split_once('}') else { break };
            table = behind;
        }
        rest = table;
    }
    tables
}

/// A number of C, decimal or hexadecimal, perhaps negative or with a suffix.
fn number_of(text: &str) -> Option<u64> {
    let text = text.trim_end_matches(['U', 'L', 'u', 'l']);
    match (text.strip_prefix("0x"), text.strip_prefix('-')) {
        (Some(digits), _) => u64::from_str_radix(digits, 16).ok(),
        (_, Some(_)) => text.parse::<i64>().ok().map(i64::cast_unsigned),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DROP: &str = include_str!("../../../tests/data/trace/6.18/kfree_skb.format");
    const RESET: &str = include_str!("../../../tests/data/trace/6.18/tcp_send_reset.format");
    const RESEND: &str = include_str!("../../../tests/data/trace/6.18/tcp_retransmit_skb.format");

    #[test]
    fn fields_are_found_by_name_with_their_place() {
        let format = parse_trace_format(DROP).unwrap();
        assert_eq!((format.name.as_str(), format.id), ("kfree_skb", 2310));
        let at = |name| format.field(name).map(|field| (field.offset, field.size, field.signed));
        assert_eq!(at("location"), Some((16, 8, false)));
        assert_eq!(at("reason"), Some((36, 4, false)));
        assert_eq!(at("common_pid"), Some((4, 4, true)));
        assert_eq!(at("reas"), None);
        let addresses = parse_trace_format(RESET).unwrap();
        assert_eq!(addresses.field("saddr"), Some(TraceField { offset: 32, size: 28, signed: false }));
    }

    #[test]
    fn names_of_reasons_are_the_kernels() {
        let reasons = parse_trace_format(DROP).unwrap().names("reason");
        assert_eq!(reasons.get(&45).map(|name| &**name), Some("TCP_RESET"));
        assert_eq!((reasons.len(), reasons.get(&1)), (127, None));
        let format = parse_trace_format(RESET).unwrap();
        assert_eq!(format.names("reason").get(&11).map(|name| &**name), Some("TCP_ABORT_ON_CLOSE"));
        // The source's words, which no number is known of.
        assert!(format.names("state").is_empty());
        let family = parse_trace_format(RESEND).unwrap().names("family");
        assert_eq!(family.get(&10).map(|name| &**name), Some("AF_INET6"));
    }

    #[test]
    fn numbers_keep_their_sign() {
        let field = |size, signed| TraceField { offset: 1, size, signed };
        let record = [0, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        let number = |size, signed| field(size, signed).number(&record).map(u64::cast_signed);
        assert_eq!([number(1, true), number(2, true), number(4, true)], [Some(-2); 3]);
        assert_eq!([number(1, false), number(2, false)], [Some(0xfe), Some(0xfffe)]);
        assert_eq!((number(8, true), number(3, true), number(9, true)), (Some(0xffff_fffe), None, None));
        let beyond = TraceField { offset: usize::MAX, size: 8, signed: false };
        assert_eq!(beyond.number(&record), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(name: a\n)?(ID: [0-9]{1,6}\n)?(\\PC|\n|\t){0,200}(print fmt: \"\", __print_symbolic\\(REC->x, [{}0-9\", A-Z]{0,60})?") {
            let _ = parse_trace_format(&text);
        }

        #[test]
        fn a_format_that_breaks_off_costs_what_is_behind(at in 0..DROP.len()) {
            let _ = DROP.get(..at).and_then(parse_trace_format);
        }
    }
}
