//! Samples of listeners.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::exposition::Sample;
use super::kernel::{counted, one};
use super::measured::Measured;
use crate::report::listeners::{ListenerView, listener_views};
use crate::snapshot::{Listener, Snapshot};

/// Listening addresses that are exported at most; those that drop most and are fullest go first.
pub(super) const LISTENERS_MAX: usize = 200;

/// What the listeners on one address, port and interface come to. One label set must be one sample, and a cookie
/// or inode as label would make a new series at every restart of a service.
#[derive(Clone, Debug, Default)]
pub(super) struct ListenerGroup {
    pub(super) process: String,
    pub(super) sockets: u64,
    /// Nothing as soon as one of the sockets does not tell.
    pub(super) accept_queue: Option<u64>,
    pub(super) capacity: Option<u64>,
    pub(super) fullest_percent: Option<u64>,
    pub(super) half_open: Option<u64>,
    pub(super) half_open_capacity: Option<u64>,
    pub(super) drops: Option<u64>,
}

impl ListenerGroup {
    fn first(listener: &Listener, view: &ListenerView, own: bool) -> Self {
        let none = Self {
            accept_queue: Some(0),
            capacity: Some(0),
            fullest_percent: Some(0),
            half_open: Some(0),
            half_open_capacity: Some(0),
            drops: Some(0),
            ..Self::default()
        };
        none.with(listener, view, own)
    }

    /// With another one, whose half-open entries are its own or those of all.
    fn with(mut self, listener: &Listener, view: &ListenerView, own: bool) -> Self {
        let queue = listener.accept_queue.map(u64::from);
        let capacity = listener.backlog.map(|backlog| u64::from(backlog) + 1);
        let percent = queue.zip(capacity).map(|(queue, capacity)| queue * 100 / capacity);
        let sum = |total: Option<u64>, more: Option<u64>| Some(total?.saturating_add(more?));
        self.sockets += 1;
        self.accept_queue = sum(self.accept_queue, queue);
        self.capacity = sum(self.capacity, capacity);
        self.fullest_percent = self.fullest_percent.zip(percent).map(|(fullest, percent)| fullest.max(percent));
        // Where they are not told apart, each row of a shared port holds the sum of all already.
        let half_open = view.syn_queue.now;
        self.half_open = if own {
            sum(self.half_open, half_open)
        } else {
            self.half_open.zip(half_open).map(|(most, more)| most.max(more))
        };
        self.half_open_capacity = sum(self.half_open_capacity, view.syn_queue.capacity);
        self.drops = sum(self.drops, listener.drops.total().map(u64::from));
        if let Some(process) = listener.processes.first().filter(|_| self.process.is_empty()) {
            self.process.clone_from(&process.name);
        }
        self
    }
}

/// Address, port, interface.
type Place = (IpAddr, u16, u32);

/// The listening addresses that are told of, by address, and how many more there are.
#[derive(Clone, Debug)]
pub(super) struct ExportedListeners {
    groups: Vec<(Place, ListenerGroup)>,
    left_out: usize,
}

/// Nothing where sockets could not be read, or not all: one that was not understood may have listened beside those that
/// were, or been half-open, and each sum would be too low.
pub(super) fn exported_listeners(snapshot: &Snapshot) -> Option<ExportedListeners> {
    let mut groups: BTreeMap<Place, ListenerGroup> = BTreeMap::new();
    let sockets = counted(snapshot)?;
    let own = sockets.source.tells_half_open_apart();
    let views = listener_views(snapshot).unwrap_or_default();
    for (listener, view) in sockets.listeners.iter().zip(&views) {
        let place = (listener.address, listener.port, listener.interface);
        let own = own || listener.half_open_own;
        let group = match groups.remove(&place) {
            Some(group) => group.with(listener, view, own),
            None => ListenerGroup::first(listener, view, own),
        };
        groups.insert(place, group);
    }
    let mut groups: Vec<(Place, ListenerGroup)> = groups.into_iter().collect();
    let left_out = groups.len().saturating_sub(LISTENERS_MAX);
    if left_out > 0 {
        groups.sort_by_key(|(place, group)| (std::cmp::Reverse((group.drops, group.fullest_percent)), *place));
        groups.truncate(LISTENERS_MAX);
        groups.sort_by_key(|(place, _)| *place);
    }
    Some(ExportedListeners { groups, left_out })
}

/// A figure of every listening address that is exported.
pub(super) fn of_listeners(measured: &Measured<'_>, of: fn(&ListenerGroup) -> Option<u64>) -> Vec<Sample> {
    let sample = |((address, port, interface), group): &(Place, ListenerGroup)| {
        let sample = Sample::new(of(group)?).label("address", address.to_string()).label("port", port.to_string());
        let interface = if *interface == 0 { String::new() } else { interface.to_string() };
        Some(sample.label("interface", interface).label("process", group.process.clone()))
    };
    measured.listeners.iter().flat_map(|listeners| &listeners.groups).filter_map(sample).collect()
}

pub(super) fn listeners_left_out(measured: &Measured<'_>) -> Vec<Sample> {
    one(measured.listeners.as_ref().map(|listeners| listeners.left_out))
}
