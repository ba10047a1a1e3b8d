//! The pages of `trace_pipe_raw`.

use super::format::parse_field;

/// Where the parts of a page stand, by `events/header_page`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLayout {
    timestamp: usize,
    commit: usize,
    commit_size: usize,
    data: usize,
    /// Bytes of a whole page.
    pub length: usize,
}

/// One record of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEntry<'a> {
    /// When it was written, in nanoseconds of the clock of the buffer.
    pub at_ns: u64,
    /// The record, which begins with the common fields.
    pub record: &'a [u8],
}

/// What is lost before a page, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostEvents {
    /// Nothing.
    None,
    /// So many records.
    Counted(u64),
    /// Some.
    Some,
}

/// How a page was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRead {
    /// What was lost before it.
    pub lost: LostEvents,
    /// Whether all of it was understood; where not, the records behind are missing.
    pub whole: bool,
}

/// `RB_MISSED_EVENTS`, `RB_MISSED_STORED` and the bits below that say how much is in the page (kernel/trace/ring_buffer.c).
const MISSED_EVENTS: u64 = 1 << 31;
const MISSED_STORED: u64 = 1 << 30;
const LENGTH_BITS: u64 = (1 << 27) - 1;
/// Bytes that a page of a buffer may have: no kernel has larger ones.
const LONGEST: usize = 1 << 20;

/// Kinds of `struct ring_buffer_event` that are no records (`enum ring_buffer_type`).
const PADDING: u32 = 29;
const TIME_EXTEND: u32 = 30;
const TIME_STAMP: u32 = 31;
/// Bits of `time_delta`, and of an absolute time (`TS_SHIFT`, `ABS_TS_BITS`).
const DELTA_SHIFT: u32 = 27;
const STAMP_BITS: u64 = (1 << 59) - 1;

/// Reads `events/header_page`; nothing where a part is missing, or where a page would be longer than any is (1 MiB).
#[must_use]
pub fn parse_page_header(text: &str) -> Option<PageLayout> {
    let find = |wanted: &str| text.lines().filter_map(parse_field).find(|(name, _)| name == wanted);
    let (_, timestamp) = find("timestamp")?;
    let (_, commit) = find("commit")?;
    let (_, data) = find("data")?;
    let fits = timestamp.size == 8
        && matches!(commit.size, 4 | 8)
        && (1..=LONGEST).contains(&data.size)
        && data.offset <= LONGEST;
    let length = data.offset.checked_add(data.size)?;
    fits.then_some(PageLayout {
        timestamp: timestamp.offset,
        commit: commit.offset,
        commit_size: commit.size,
        data: data.offset,
        length,
    })
}

/// Whether `events/header_event` describes the heads of records that are known here: 5 bits of kind and length, 27 of
/// time, and a word. No kernel had others; one that has is not misread.
#[must_use]
pub fn is_known_entry_header(text: &str) -> bool {
    let squeezed: Vec<String> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let known = ["type_len:5bits", "time_delta:27bits", "array:32bits", "padding:type==29", "time_extend:type==30"];
    known.iter().all(|line| squeezed.iter().any(|seen| seen == line))
        && squeezed.iter().any(|seen| seen == "datamaxtype_len==28")
}

/// Hands the records of a page to `each`, in the order in which they were written. Never more than is there: a length
/// that reaches beyond the page ends it.
pub fn decode_trace_page<'a>(page: &'a [u8], layout: &PageLayout, mut each: impl FnMut(TraceEntry<'a>)) -> PageRead {
    let nothing = PageRead { lost: LostEvents::None, whole: false };
    let Some(mut at_ns) = number_at(page, layout.timestamp, 8) else { return nothing };
    let Some(commit) = number_at(page, layout.commit, layout.commit_size) else { return nothing };
    let length = usize::try_from(commit & LENGTH_BITS).unwrap_or(usize::MAX);
    let content = page.get(layout.data..).unwrap_or_default();
    let lost = match (commit & MISSED_EVENTS != 0, commit & MISSED_STORED != 0) {
        (false, _) => LostEvents::None,
        (true, false) => LostEvents::Some,
        // How many stands behind the records.
        (true, true) => number_at(content, length, layout.commit_size).map_or(LostEvents::Some, LostEvents::Counted),
    };
    let mut whole = length <= content.len();
    let mut rest = content.get(..length).unwrap_or(content);
    while let Some((head, behind)) = rest.split_first_chunk::<4>() {
        let head = u32::from_ne_bytes(*head);
        let (kind, delta) = kind_and_delta(head);
        let word = behind.first_chunk::<4>().map(|word| u32::from_ne_bytes(*word));
        // How much stands behind the head, and where in that the record begins.
        let taken = match (kind, word) {
            // Nothing more was written into this page.
            (PADDING, _) if delta == 0 => break,
            (TIME_EXTEND, Some(word)) => {
                at_ns = at_ns.wrapping_add(delta | u64::from(word) << DELTA_SHIFT);
                Some((4, None))
            }
            (TIME_STAMP, Some(word)) => {
                at_ns = (at_ns & !STAMP_BITS) | ((delta | u64::from(word) << DELTA_SHIFT) & STAMP_BITS);
                Some((4, None))
            }
            (PADDING, Some(word)) => {
                at_ns = at_ns.wrapping_add(delta);
                usize::try_from(word).ok().map(|length| (length, None))
            }
            // The length includes the word that it stands in.
            (0, Some(word)) => {
                at_ns = at_ns.wrapping_add(delta);
                usize::try_from(word).ok().filter(|length| *length >= 4).map(|length| (length, Some(4)))
            }
            (1..PADDING, _) => {
                at_ns = at_ns.wrapping_add(delta);
                usize::try_from(kind * 4).ok().map(|length| (length, Some(0)))
            }
            _ => None,
        };
        let Some((length, record)) = taken else { return PageRead { lost, whole: false } };
        let taken = length.checked_next_multiple_of(4);
        let Some((bytes, behind)) = taken.and_then(|length| behind.split_at_checked(length)) else {
            return PageRead { lost, whole: false };
        };
        if let Some(record) = record.and_then(|begins| bytes.get(begins..length)) {
            each(TraceEntry { at_ns, record });
        }
        rest = behind;
    }
    whole &= rest.is_empty() || rest.len() >= 4;
    PageRead { lost, whole }
}

/// `type_len` and `time_delta`, bit fields of one word: from its low end on a little-endian machine, else from its high
/// end.
const fn kind_and_delta(head: u32) -> (u32, u64) {
    if cfg!(target_endian = "big") {
        (head >> DELTA_SHIFT, (head & ((1 << DELTA_SHIFT) - 1)) as u64)
    } else {
        (head & 31, (head >> 5) as u64)
    }
}

/// A number of four or eight bytes.
fn number_at(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    match *bytes.get(at..at.checked_add(size)?)? {
        [a, b, c, d] => Some(u64::from(u32::from_ne_bytes([a, b, c, d]))),
        ref eight => Some(u64::from_ne_bytes(eight.try_into().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = include_str!("../../../tests/data/trace/6.18/header_page");
    const RECORDED: &[u8] = include_bytes!("../../../tests/data/trace/6.18/page");

    fn layout() -> PageLayout {
        parse_page_header(HEADER).unwrap()
    }

    fn head(kind: u32, delta: u32) -> [u8; 4] {
        let word = if cfg!(target_endian = "big") { kind << 27 | delta } else { kind | delta << 5 };
        word.to_ne_bytes()
    }

    fn page(commit: u64, data: &[u8]) -> Vec<u8> {
        let mut page = [1000_u64.to_ne_bytes(), commit.to_ne_bytes()].concat();
        page.extend(data);
        page.resize(4096, 0);
        page
    }

    fn decoded(page: &[u8]) -> (Vec<(u64, Vec<u8>)>, PageRead) {
        let mut entries = Vec::new();
        let read = decode_trace_page(page, &layout(), |entry| entries.push((entry.at_ns, entry.record.to_vec())));
        (entries, read)
    }

    #[test]
    fn a_page_that_a_kernel_wrote_is_read_to_its_end() {
        let (entries, read) = decoded(RECORDED);
        assert_eq!((entries.len(), read), (28, PageRead { lost: LostEvents::None, whole: true }));
        // As the kernel itself printed them: 13659.706473 to 13659.763731.
        assert_eq!(entries[0].0 / 1000, 13_659_706_473);
        assert_eq!(entries[27].0 / 1000, 13_659_763_731);
        assert!(entries.is_sorted_by_key(|(at_ns, _)| *at_ns));
    }

    #[test]
    fn a_page_is_as_long_as_one_can_be() {
        let with = |size: &str| HEADER.replace("size:4080", &format!("size:{size}"));
        assert_eq!(parse_page_header(HEADER).unwrap().length, 4096);
        assert_eq!(parse_page_header(&with("65520")).unwrap().length, 65536);
        for size in ["0", "1048577", "18446744073709551600", "99999999999"] {
            assert_eq!(parse_page_header(&with(size)), None, "{size}");
        }
        assert_eq!(parse_page_header(&HEADER.replace("offset:16", "offset:99999999999")), None);
    }

    #[test]
    fn the_heads_of_records_are_those_that_are_known() {
        let text = include_str!("../../../tests/data/trace/6.18/header_event");
        assert!(is_known_entry_header(text));
        assert!(!is_known_entry_header(&text.replace("27 bits", "28 bits")));
    }

    #[test]
    fn every_kind_of_entry_moves_the_time_as_the_kernel_does() {
        let data = [
            head(1, 5),
            *b"abcd",
            head(TIME_EXTEND, 3),
            2_u32.to_ne_bytes(),
            head(PADDING, 7), // discarded
            4_u32.to_ne_bytes(),
            head(0, 1),
            8_u32.to_ne_bytes(),
            *b"efgh",
            head(TIME_STAMP, 9),
            1_u32.to_ne_bytes(),
            head(1, 0),
            *b"ijkl",
            head(PADDING, 0),
            [255; 4],
        ]
        .concat();
        let (entries, read) = decoded(&page(data.len() as u64, &data));
        let later = 1005 + 3 + (2 << 27) + 7 + 1;
        let expected =
            [(1005, b"abcd".to_vec()), (later, b"efgh".to_vec()), ((1 << 27) + 9, b"ijkl".to_vec())].to_vec();
        assert_eq!((entries, read.whole), (expected, true));
    }

    #[test]
    fn what_was_lost_before_a_page_is_counted_where_the_kernel_says_how_much() {
        let data = [head(1, 0), *b"abcd", 77_u32.to_ne_bytes(), [0; 4]].concat();
        let lost = |flags: u64| decoded(&page(8 | flags, &data)).1.lost;
        assert_eq!(lost(0), LostEvents::None);
        assert_eq!(lost(MISSED_EVENTS), LostEvents::Some);
        assert_eq!(lost(MISSED_EVENTS | MISSED_STORED), LostEvents::Counted(77));
    }

    #[test]
    fn a_length_beyond_the_page_ends_it_and_is_told() {
        for length in [4_000_000_u32, u32::MAX] {
            let data = [head(1, 0), *b"abcd", head(0, 0), length.to_ne_bytes(), *b"efgh"].concat();
            let (entries, read) = decoded(&page(data.len() as u64, &data));
            assert_eq!((entries.len(), read.whole), (1, false));
        }
        let data = [head(1, 0), *b"abcd"].concat();
        assert!(!decoded(&page(8000, &data)).1.whole);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_loop(bytes in prop::collection::vec(any::<u8>(), 0..4200)) {
            let (entries, _) = decoded(&bytes);
            // An entry takes four bytes at the least.
            prop_assert!(entries.len() <= bytes.len() / 4);
        }

        #[test]
        fn a_recorded_page_with_flipped_bytes_or_cut_short_is_read_as_far_as_it_goes(
            flips in prop::collection::vec((0..RECORDED.len(), any::<u8>()), 0..8),
            length in 0..=RECORDED.len(),
        ) {
            let mut bytes = RECORDED.to_vec();
            for (at, value) in flips {
                bytes[at] = value;
            }
            bytes.truncate(length);
            let (entries, _) = decoded(&bytes);
            prop_assert!(entries.len() <= bytes.len() / 4);
        }
    }
}
