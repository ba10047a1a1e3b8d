//! The thread that reads the kernel.

use std::collections::BTreeSet;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::run::{Arrival, Options, read_event, send, spawn};
use super::{DEFAULT_INTERVAL_MS, Event};
use crate::collect::{SocketReading, Source, live};
use crate::diagnose;
use crate::report::StatusView;
use crate::units::SysctlKey;

/// What the thread can be told.
#[derive(Clone, Copy, Debug)]
pub(super) enum CollectorRequest {
    /// Read now.
    ReadNow,
    /// Read this often.
    Interval(Duration),
}

/// Every sysctl that the screens, the model and the rules need.
pub(super) fn screen_keys() -> BTreeSet<SysctlKey> {
    StatusView::keys().chain(diagnose::keys()).filter_map(|key| key.parse().ok()).collect()
}

/// Starts the thread; it ends with the sender of its requests.
pub(super) fn start(options: &Options, sender: Sender<Arrival>) -> Sender<CollectorRequest> {
    let source = Source {
        proc_root: options.proc_root.clone(),
        netns: options.netns.clone(),
        keys: screen_keys().into_iter().collect(),
        sockets: SocketReading::Best,
        processes: true,
    };
    let (requests, told) = channel();
    spawn("reading", sender, move |sender| {
        let mut interval = Duration::from_millis(DEFAULT_INTERVAL_MS);
        loop {
            let began = Instant::now();
            let event = match live(&source) {
                Ok(snapshot) => read_event(snapshot),
                Err(error) => Event::ReadFailed(error.to_string()),
            };
            if !send(sender, event) {
                return;
            }
            // Reading never takes more than a fifth of one core: what takes long is followed by a long rest.
            let rest = began.elapsed();
            loop {
                let due = interval.max(5 * rest).saturating_sub(began.elapsed());
                match told.recv_timeout(due) {
                    Ok(CollectorRequest::Interval(wanted)) => interval = wanted,
                    Ok(CollectorRequest::ReadNow) | Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    });
    requests
}
