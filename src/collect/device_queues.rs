//! The queues of network devices.

use crate::snapshot::{DeviceQueue, Gap, GapKind};
use crate::sys::{DumpStep, ProcRoot, RouteSocket, device_names};
use crate::wire::{MessageKind, Messages, RootQdisc, qdisc_request};

/// Reads the queue of each device of the calling thread's network namespace; devices without one drop nothing before
/// they send. `root` must show that namespace.
pub(super) fn read_device_queues(root: &ProcRoot, gaps: &mut Vec<Gap>) -> Option<Vec<DeviceQueue>> {
    let mut found: Vec<(u32, DeviceQueue)> = Vec::new();
    let dumped =
        RouteSocket::open().and_then(|mut socket| socket.dump(&qdisc_request(1), |buffer| take(buffer, &mut found)));
    if let Err(error) = dumped {
        let consequence = "drops of this host's own queues are unknown";
        gaps.push(Gap::new("rtnetlink RTM_GETQDISC", GapKind::Failed, error.to_string(), consequence));
        return None;
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

fn take(buffer: &[u8], found: &mut Vec<(u32, DeviceQueue)>) -> DumpStep {
    for message in Messages::new(buffer) {
        match message.kind {
            MessageKind::Data(_, payload) => {
                found.extend(RootQdisc::decode(payload).map(|queue| (queue.device, stored(&queue))))
            }
            MessageKind::Done(0) => return DumpStep::Done,
            MessageKind::Done(error) | MessageKind::Error(error) => return DumpStep::Error(error),
            MessageKind::Overrun => return DumpStep::Lost,
            MessageKind::Noop => {}
        }
    }
    DumpStep::More
}

fn stored(queue: &RootQdisc<'_>) -> DeviceQueue {
    DeviceQueue {
        device: format!("device {}", queue.device),
        kind: queue.kind.to_owned(),
        dropped: queue.dropped.into(),
        waiting_bytes: queue.backlog_bytes.into(),
    }
}
