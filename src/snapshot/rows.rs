//! Single sockets in a stored snapshot: the kernel's own records, one a line, so that they are written as they come.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Gap, SocketOwner};

/// Bytes of `struct inet_diag_msg`, with which every record begins.
const LEAST: usize = 72;
/// `AF_INET` and `AF_INET6`, one of which is a record's first byte.
const FAMILIES: [u8; 2] = [2, 10];
/// Stands before the number of zero bytes in a row, which are most of a record.
const ZEROS: char = 'z';
/// Stands between a record and the processes that hold the socket.
const HELD_BY: char = ':';
/// Words of a record are in the order of the machine that wrote them.
const ORDER: &str = if cfg!(target_endian = "little") { "little" } else { "big" };

/// The sockets of the last reading, one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredRows {
    /// Names of network devices by index.
    pub devices: BTreeMap<u32, String>,
    /// The processes that hold them.
    pub processes: Vec<SocketOwner>,
    /// Paths of cgroups by id.
    pub cgroups: BTreeMap<u64, String>,
    /// What could not be read of them.
    pub gaps: Vec<Gap>,
    records: Records,
}

/// Records behind each other: the length of each, the number of its processes, itself, and these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Records {
    bytes: Vec<u8>,
    count: u64,
}

impl StoredRows {
    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.records.count
    }

    /// Hands on each record with the ids of the processes that hold the socket, until `visit` says that it is enough by
    /// `false`.
    pub fn each(&self, mut visit: impl FnMut(&[u8], &mut dyn Iterator<Item = u32>) -> bool) {
        let mut rest = self.records.bytes.as_slice();
        while let Some((lengths, behind)) = rest.split_first_chunk::<4>() {
            let [a, b, c, d] = *lengths;
            let (length, held) = (usize::from(u16::from_ne_bytes([a, b])), usize::from(u16::from_ne_bytes([c, d])));
            let Some((record, behind)) = behind.split_at_checked(length) else { return };
            let Some((pids, behind)) = behind.split_at_checked(4 * held) else { return };
            rest = behind;
            let mut pids = pids.as_chunks::<4>().0.iter().map(|pid| u32::from_ne_bytes(*pid));
            if !visit(record, &mut pids) {
                return;
            }
        }
    }
}

impl Records {
    fn push(&mut self, text: &str) -> Result<(), String> {
        let (record, held) = text.split_once(HELD_BY).unwrap_or((text, ""));
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        unpack(record, &mut self.bytes)?;
        let length = self.bytes.len() - start - 4;
        if length < LEAST || !self.bytes.get(start + 4).is_some_and(|family| FAMILIES.contains(family)) {
            return Err(format!("it is no record of a TCP socket: it has {length} bytes, or is of no family of IP"));
        }
        let mut count = 0_u16;
        for pid in held.split(',').filter(|pid| !pid.is_empty()) {
            let pid: u32 = pid.parse().map_err(|_| format!("`{pid}` is no process id"))?;
            self.bytes.extend_from_slice(&pid.to_ne_bytes());
            count = count.checked_add(1).ok_or("more processes than one socket can have")?;
        }
        let length = u16::try_from(length).map_err(|_| format!("a record of {length} bytes"))?;
        let lengths = length.to_ne_bytes().into_iter().chain(count.to_ne_bytes());
        self.bytes.iter_mut().skip(start).zip(lengths).for_each(|(place, byte)| *place = byte);
        self.count += 1;
        Ok(())
    }
}

/// Hexadecimal digits, two a byte, and `zNN` for so many zero bytes.
fn unpack(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let mut digits = text.as_bytes().iter();
    let pair = |high: Option<&u8>, low: Option<&u8>| {
        let digit = |digit: Option<&u8>| char::from(*digit?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low)
    };
    while let Some(first) = digits.next() {
        let byte = if *first == ZEROS as u8 {
            let zeros = pair(digits.next(), digits.next());
            zeros.map(|zeros| out.resize(out.len() + usize::from(zeros), 0))
        } else {
            pair(Some(first), digits.next()).map(|byte| out.push(byte))
        };
        if byte.is_none() {
            let at = text.len() - digits.as_slice().len();
            return Err(format!("it is no hexadecimal number before its character {}", at + 1));
        }
    }
    Ok(())
}

fn pack(record: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let push = |out: &mut Vec<u8>, byte: u8| {
        out.extend([byte >> 4, byte & 15].into_iter().filter_map(|digit| DIGITS.get(usize::from(digit))));
    };
    let mut rest = record;
    while let Some((first, behind)) = rest.split_first() {
        let zeros = rest.iter().take(255).take_while(|byte| **byte == 0).count();
        if zeros > 1 {
            out.push(ZEROS as u8);
            push(out, u8::try_from(zeros).unwrap_or(u8::MAX));
            rest = rest.get(zeros..).unwrap_or_default();
        } else {
            push(out, *first);
            rest = behind;
        }
    }
}

/// Writes the rows of a document one by one. Nothing is kept of them.
#[derive(Debug, Default)]
pub struct RowsWriter {
    count: u64,
}

/// What is known of rows when they have been written.
#[derive(Serialize)]
struct Behind<'a> {
    count: u64,
    processes: &'a [SocketOwner],
    cgroups: &'a BTreeMap<u64, String>,
    gaps: &'a [Gap],
}

impl RowsWriter {
    /// What stands before the first one, behind the readings.
    ///
    /// # Errors
    /// When a value has no form in JSON, which none here is.
    pub fn begin(&self, devices: &BTreeMap<u32, String>) -> Result<String, serde_json::Error> {
        let devices = serde_json::to_string(devices)?;
        Ok(format!("{{\n    \"byte_order\": \"{ORDER}\",\n    \"devices\": {devices},\n    \"records\": ["))
    }

    /// Writes a record, `struct inet_diag_msg` with its attributes, and the processes that hold the socket behind `out`.
    pub fn push(&mut self, record: &[u8], pids: impl Iterator<Item = u32>, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.count == 0 { b"\n\"" } else { b",\n\"" });
        self.count += 1;
        pack(record, out);
        let mut before = HELD_BY;
        for pid in pids {
            out.extend_from_slice(format!("{before}{pid}").as_bytes());
            before = ',';
        }
        out.push(b'"');
    }

    /// What stands behind the last one.
    ///
    /// # Errors
    /// As of [`RowsWriter::begin`].
    pub fn finish(
        self,
        processes: &[SocketOwner],
        cgroups: &BTreeMap<u64, String>,
        gaps: &[Gap],
    ) -> Result<String, serde_json::Error> {
        let behind = serde_json::to_string(&Behind { count: self.count, processes, cgroups, gaps })?;
        Ok(format!("\n    ],\n    {}", behind.strip_prefix('{').unwrap_or(&behind)))
    }
}

/// Rows as they stand in a document.
#[derive(Deserialize)]
struct Form {
    #[serde(deserialize_with = "own_order")]
    byte_order: (),
    devices: BTreeMap<u32, String>,
    records: Records,
    count: u64,
    processes: Vec<SocketOwner>,
    cgroups: BTreeMap<u64, String>,
    gaps: Vec<Gap>,
}

fn own_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    match String::deserialize(deserializer)? {
        order if order == ORDER => Ok(()),
        order => {
            Err(D::Error::custom(format!("byte order `{order}`: only a machine of that order can read these sockets")))
        }
    }
}

impl<'de> Deserialize<'de> for StoredRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Form { byte_order: (), devices, records, count, processes, cgroups, gaps } =
            Form::deserialize(deserializer)?;
        if records.count != count {
            let message = format!("there are {} sockets and should be {count}", records.count);
            return Err(D::Error::custom(message));
        }
        Ok(Self { devices, processes, cgroups, gaps, records })
    }
}

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RecordsVisitor(Self::default()))
    }
}

struct RecordsVisitor(Records);

impl<'de> Visitor<'de> for RecordsVisitor {
    type Value = Records;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("records of sockets")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<Records, A::Error> {
        while sequence.next_element_seed(RecordSeed(&mut self.0))?.is_some() {}
        Ok(self.0)
    }
}

/// Takes one record.
struct RecordSeed<'a>(&'a mut Records);

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for RecordSeed<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a record of a socket")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.push(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn records()(
            ipv4: bool,
            mut bytes in prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => any::<u8>()], LEAST..400),
            pids in prop::collection::vec(any::<u32>(), 0..3),
        ) -> (Vec<u8>, Vec<u32>) {
            bytes[0] = FAMILIES[usize::from(ipv4)];
            (bytes, pids)
        }
    }

    fn written(rows: &[(Vec<u8>, Vec<u32>)]) -> String {
        let mut writer = RowsWriter::default();
        let mut text = writer.begin(&BTreeMap::from([(1, "lo".to_owned())])).unwrap().into_bytes();
        rows.iter().for_each(|(record, pids)| writer.push(record, pids.iter().copied(), &mut text));
        String::from_utf8(text).unwrap() + &writer.finish(&[], &BTreeMap::new(), &[]).unwrap()
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(rows in prop::collection::vec(records(), 0..20)) {
            let read: StoredRows = serde_json::from_str(&written(&rows)).unwrap();
            let mut seen = Vec::new();
            read.each(|record, pids| {
                seen.push((record.to_vec(), pids.collect()));
                true
            });
            prop_assert_eq!(read.count() as usize, rows.len());
            prop_assert_eq!(seen, rows);
            prop_assert_eq!(read.devices.get(&1).map(String::as_str), Some("lo"));
        }

        #[test]
        fn no_damage_makes_the_reader_panic(rows in prop::collection::vec(records(), 1..4), at: usize, byte: u8, cut: bool) {
            let mut bytes = written(&rows).into_bytes();
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            let read = serde_json::from_slice::<StoredRows>(&bytes);
            prop_assert!(!cut || read.is_err());
        }
    }

    #[test]
    fn what_is_no_record_is_refused_with_its_line() {
        let good = [(vec![2; LEAST], vec![7]), (vec![10; LEAST], vec![])];
        let text = written(&good);
        let refused = |from: &str, to: &str| {
            assert!(text.contains(from), "{text}");
            let error = serde_json::from_str::<StoredRows>(&text.replacen(from, to, 1)).unwrap_err();
            (error.line(), error.to_string())
        };
        let (line, message) = refused("0a0a", "0x0a");
        assert!(line == 6 && message.contains("no hexadecimal number before its character"), "{line} {message}");
        let (line, message) = refused("0a0a", "");
        assert!(line == 6 && message.contains("it has 70 bytes"), "{line} {message}");
        let (line, message) = refused(":7", ":x");
        assert!(line == 5 && message.contains("`x` is no process id"), "{line} {message}");
        assert!(refused("\"count\":2", "\"count\":3").1.contains("there are 2 sockets and should be 3"));
        let other = if ORDER == "little" { "big" } else { "little" };
        assert!(refused(ORDER, other).1.contains("byte order"));
    }
}
