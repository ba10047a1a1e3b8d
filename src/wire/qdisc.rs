//! Queues of network devices (queueing disciplines), as rtnetlink tells them.
//!
//! `tc_dump_qdisc` and `tc_fill_qdisc` (net/sched/sch_api.c); the statistics are `gnet_stats_copy_queue`'s.

use super::inet_diag::Attributes;

/// `RTM_GETQDISC`, `NLM_F_REQUEST | NLM_F_DUMP`.
const RTM_GETQDISC: u16 = 38;
const REQUEST_DUMP: u16 = 0x301;
/// Bytes of `struct nlmsghdr` and of `struct tcmsg`.
const HEADER: u32 = 16;
const MESSAGE: usize = 20;
/// `TC_H_ROOT`: the queue that everything passes that a device sends.
const ROOT: u32 = 0xffff_ffff;
/// Attributes of a queue, and those inside its statistics.
const KIND: u16 = 1;
const STATS2: u16 = 7;
const STATS_QUEUE: u16 = 3;

/// The request for the queues of every device.
#[must_use]
pub fn qdisc_request(sequence: u32) -> Vec<u8> {
    let mut bytes = (HEADER + 20).to_ne_bytes().to_vec();
    bytes.extend(RTM_GETQDISC.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]); // nlmsg_pid
    bytes.extend([0; MESSAGE]);
    bytes
}

/// The queue that everything passes which a device sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootQdisc<'a> {
    /// Index of the device.
    pub device: u32,
    /// What it is: `fq_codel`, `tbf`.
    pub kind: &'a str,
    /// Bytes that wait in it.
    pub backlog_bytes: u32,
    /// Packets that it dropped, since it was made.
    pub dropped: u32,
}

impl<'a> RootQdisc<'a> {
    /// Whether the payload of an `RTM_NEWQDISC` is about a queue below another one, which tells nothing of its own.
    #[must_use]
    pub fn is_inner(payload: &[u8]) -> bool {
        let parent = payload.get(12..MESSAGE).and_then(<[u8]>::first_chunk);
        parent.is_some_and(|parent| u32::from_ne_bytes(*parent) != ROOT)
    }

    /// Reads the payload of an `RTM_NEWQDISC`; nothing for a queue that is no root, and for what cannot be read.
    #[must_use]
    pub fn decode(payload: &'a [u8]) -> Option<Self> {
        let (message, attributes) = payload.split_at_checked(MESSAGE)?;
        let word = |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        if word(message, 12)? != ROOT {
            return None;
        }
        let (mut kind, mut queue) = (None, None);
        for attribute in Attributes::new(attributes) {
            match attribute.number {
                KIND => kind = str::from_utf8(attribute.value).ok().map(|text| text.trim_end_matches('\0')),
                STATS2 => queue = Attributes::new(attribute.value).find(|inner| inner.number == STATS_QUEUE),
                _ => {}
            }
        }
        // `struct gnet_stats_queue`: qlen, backlog, drops, requeues, overlimits.
        let queue = queue?.value;
        Some(Self { device: word(message, 4)?, kind: kind?, backlog_bytes: word(queue, 4)?, dropped: word(queue, 8)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(number.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn record(parent: u32) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(3_u32.to_ne_bytes());
        bytes.extend(0x8001_0000_u32.to_ne_bytes());
        bytes.extend(parent.to_ne_bytes());
        bytes.extend(2_u32.to_ne_bytes());
        bytes.extend(attribute(KIND, b"tbf\0"));
        let queue: Vec<u8> = [4_u32, 6056, 123, 0, 900].iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.extend(attribute(STATS2, &[attribute(1, &[0; 16]), attribute(STATS_QUEUE, &queue)].concat()));
        bytes
    }

    #[test]
    fn the_root_of_a_device_is_read_and_no_other_queue() {
        let bytes = record(ROOT);
        let expected = RootQdisc { device: 3, kind: "tbf", backlog_bytes: 6056, dropped: 123 };
        assert_eq!(RootQdisc::decode(&bytes), Some(expected));
        assert_eq!(RootQdisc::decode(&record(0x8001_0000)), None);
        for length in 0..bytes.len() {
            assert_eq!(RootQdisc::decode(&bytes[..length]), None, "cut after {length} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = RootQdisc::decode(&bytes);
        }
    }
}
