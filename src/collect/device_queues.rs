//! The queues of network devices.

use super::walk::DUMP_INTERRUPTED;
use crate::snapshot::{DeviceQueue, Gap, GapKind};
use crate::sys::{DumpStep, ProcRoot, RouteSocket, device_names};
use crate::wire::{MessageKind, Messages, RootQdisc, qdisc_request};

/// What is asked.
const SOURCE: &str = "rtnetlink RTM_GETQDISC";
/// The number of the request, which its answers carry.
const SEQUENCE: u32 = 1;

/// Reads the queue of each device of the calling thread's network namespace; devices without one drop nothing before
/// they send. `root` must show that namespace.
pub(super) fn read_device_queues(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<Vec<DeviceQueue>> {
    let mut told = Told::default();
    let step = |buffer: &[u8]| told.take(buffer);
    if let Err(error) = RouteSocket::open().and_then(|mut socket| socket.dump(&qdisc_request(SEQUENCE), step)) {
        let consequence = "drops of this host's own queues are unknown";
        gaps.push(Gap::new(SOURCE, GapKind::Failed, error.to_string(), consequence));
        return None;
    }
    let Told { found, interrupted, unknown } = told;
    if unknown > 0 {
        let reason = format!("{unknown} of its records cannot be understood");
        gaps.push(Gap::new(SOURCE, GapKind::Malformed, reason, "drops of as many queues are unknown"));
    }
    if interrupted {
        let reason = "the kernel says that the dump was interrupted by a change";
        gaps.push(Gap::new(SOURCE, GapKind::Failed, reason, "queues of single devices may be missing"));
    }
    if found.is_empty() {
        return Some(Vec::new());
    }
    let names = device_names(root);
    let named = |(index, queue): (u32, DeviceQueue)| match names.get(&index) {
        Some(name) => DeviceQueue { device: name.clone(), ..queue },
        None => queue,
    };
    Some(found.into_iter().map(named).collect())
}

/// What a dump told so far.
#[derive(Debug, Default)]
struct Told {
    /// Queues by the index of their device.
    found: Vec<(u32, DeviceQueue)>,
    interrupted: bool,
    /// Records that could not be understood.
    unknown: u64,
}

impl Told {
    fn take(&mut self, buffer: &[u8]) -> DumpStep {
        let mut messages = Messages::new(buffer);
        for message in messages.by_ref().filter(|message| message.sequence == SEQUENCE) {
            self.interrupted |= message.flags & DUMP_INTERRUPTED != 0;
            match message.kind {
                MessageKind::Data(_, payload) => match RootQdisc::decode(payload) {
                    Some(queue) => self.found.push((queue.device, stored(&queue))),
                    None => self.unknown += u64::from(!RootQdisc::is_inner(payload)),
                },
                MessageKind::Done(0) => return DumpStep::Done,
                MessageKind::Done(error) | MessageKind::Error(error) => return DumpStep::Error(error),
                MessageKind::Overrun => return DumpStep::Lost,
                MessageKind::Noop => {}
            }
        }
        // Behind what cannot be right there may be more devices.
        if messages.is_broken() { DumpStep::Lost } else { DumpStep::More }
    }
}

fn stored(queue: &RootQdisc<'_>) -> DeviceQueue {
    DeviceQueue {
        device: format!("device {}", queue.device),
        index: Some(queue.device),
        kind: queue.kind.to_owned(),
        dropped: queue.dropped.into(),
        waiting_bytes: queue.backlog_bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(SEQUENCE.to_ne_bytes());
        bytes.resize(16, 0);
        bytes.extend(payload);
        bytes
    }

    fn taken(buffer: &[u8]) -> (DumpStep, bool) {
        let mut told = Told::default();
        (told.take(buffer), told.interrupted)
    }

    #[test]
    fn what_is_cut_off_or_interrupted_is_told() {
        let end = message(3, 2, &[0; 4]);
        assert_eq!(taken(&end), (DumpStep::Done, false));
        assert_eq!(taken(&message(3, 2 | DUMP_INTERRUPTED, &[0; 4])), (DumpStep::Done, true));
        let whole = message(36, 2, &[0; 20]);
        assert_eq!(taken(&whole), (DumpStep::More, false));
        assert_eq!(taken(&whole[..30]), (DumpStep::Lost, false));
        assert_eq!(taken(&message(4, 0, &[])), (DumpStep::Lost, false));
        assert_eq!(taken(&message(2, 0, &(-95_i32).to_ne_bytes())), (DumpStep::Error(95), false));
    }

    #[test]
    fn a_root_queue_that_cannot_be_understood_is_counted_and_an_inner_one_is_none() {
        // Without a kind and its figures; the second is below another one.
        let root = [[0; 12].as_slice(), &u32::MAX.to_ne_bytes(), &[0; 4]].concat();
        let buffer = [message(36, 2, &root), message(36, 2, &[0; 20]), message(36, 2, &[0; 7])].concat();
        let mut told = Told::default();
        assert_eq!(told.take(&buffer), DumpStep::More);
        assert_eq!((told.found.len(), told.unknown), (0, 2));
    }

    #[test]
    fn what_answers_another_request_is_no_end_and_no_queue() {
        for kind in [2, 3, 4, 36] {
            let mut stale = message(kind, DUMP_INTERRUPTED, &[0; 4]);
            stale[8..12].copy_from_slice(&(SEQUENCE + 1).to_ne_bytes());
            assert_eq!(taken(&stale), (DumpStep::More, false), "{kind}");
        }
    }
}
