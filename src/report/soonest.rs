//! The sockets that end first, of however many: each is played to its end only if its timer fires early enough.

use std::collections::{BTreeMap, BinaryHeap};

use crate::model::{Host, KnownOptions, KnownSettings, LiveEnd, LiveForecast, forecast_live};
use crate::units::{SocketTimer, TcpState};
use crate::wire::InetDiag;

/// What the ends of sockets hang on.
#[derive(Clone, Debug)]
pub struct Forecaster {
    /// The kernel.
    pub host: Host,
    /// The settings of the namespace, and which of them are known.
    pub settings: KnownSettings,
}

impl Forecaster {
    /// What becomes of a socket; nothing for one that is not connected.
    #[must_use]
    pub fn of(&self, found: &InetDiag<'_>) -> Option<LiveForecast> {
        let socket = found.live_socket()?;
        let connected = !matches!(socket.state, TcpState::Listen | TcpState::Close);
        connected.then(|| forecast_live(&socket, &KnownOptions::default(), &self.host, &self.settings))
    }
}

/// The kernel tells what is left of a timer in milliseconds rounded up from ticks: so much it may be less.
const ROUNDED_US: u64 = 10_000;

/// What sockets are ordered by: the kind of end, when, the longest send queue, and as they came.
type Rank = (Kind, u64, u32, u64);

/// Kinds of ends, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// At a time that is known.
    At,
    /// At one that is not.
    Unknown,
    /// By itself never.
    Never,
    /// It is not connected, or the host's settings are not known.
    Unplayed,
}

/// A socket that is kept.
#[derive(Debug)]
struct Kept {
    rank: Rank,
    record: Vec<u8>,
    forecast: Option<LiveForecast>,
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// Of all sockets that are pushed those that end first.
#[derive(Debug)]
pub struct SoonestSockets<'a> {
    forecaster: Option<&'a Forecaster>,
    most: usize,
    /// The one that ends last is on top.
    kept: BinaryHeap<Kept>,
    pushed: u64,
    /// What becomes of sockets without a timer: their state alone says it.
    without_timer: BTreeMap<TcpState, Kind>,
}

impl<'a> SoonestSockets<'a> {
    /// Keeps at most so many.
    #[must_use]
    pub const fn new(most: usize, forecaster: Option<&'a Forecaster>) -> Self {
        Self { forecaster, most, kept: BinaryHeap::new(), pushed: 0, without_timer: BTreeMap::new() }
    }

    /// Keeps a socket, unless enough end before it.
    pub fn push(&mut self, found: &InetDiag<'_>) {
        self.pushed += 1;
        let queue = u32::MAX - found.send_queue();
        let earliest = self.earliest(found);
        let full = self.kept.len() >= self.most;
        let too_late = |rank: Rank| full && self.kept.peek().is_none_or(|last| rank > last.rank);
        if too_late((earliest.0, earliest.1, queue, self.pushed)) {
            return;
        }
        let forecast = self.forecaster.and_then(|forecaster| forecaster.of(found));
        let (kind, at_us) = end_of(forecast.as_ref());
        if found.timer() == SocketTimer::Off
            && let Some(state) = found.state()
        {
            self.without_timer.insert(state, kind);
        }
        let rank = (kind, at_us, queue, self.pushed);
        if too_late(rank) {
            return;
        }
        if full {
            self.kept.pop();
        }
        let (head, attributes) = found.bytes();
        self.kept.push(Kept { rank, record: [head.as_slice(), attributes].concat(), forecast });
    }

    /// The earliest end that it may have: nothing ends before its timer fires.
    fn earliest(&self, found: &InetDiag<'_>) -> (Kind, u64) {
        if self.forecaster.is_none() {
            return (Kind::Unplayed, 0);
        }
        match found.timer() {
            SocketTimer::Off => {
                let known = found.state().and_then(|state| self.without_timer.get(&state));
                (known.copied().unwrap_or(Kind::At), 0)
            }
            _ => (Kind::At, (u64::from(found.expires_ms()) * 1000).saturating_sub(ROUNDED_US)),
        }
    }

    /// Hands them on, the first to end first.
    pub fn each(self, mut visit: impl FnMut(&InetDiag<'_>, Option<LiveForecast>)) {
        for kept in self.kept.into_sorted_vec() {
            if let Some(found) = InetDiag::decode(&kept.record) {
                visit(&found, kept.forecast);
            }
        }
    }
}

/// When it ends at the earliest, in microseconds; what is not known comes behind, and what never ends after that.
fn end_of(forecast: Option<&LiveForecast>) -> (Kind, u64) {
    match forecast.map(|forecast| &forecast.end) {
        Some(LiveEnd::At { window, .. }) => (Kind::At, window.at_us),
        Some(LiveEnd::Unknown(_)) => (Kind::Unknown, 0),
        Some(LiveEnd::Never) => (Kind::Never, 0),
        None => (Kind::Unplayed, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Hz, KernelVersion, SysctlValues};
    use proptest::prelude::*;

    fn forecaster() -> Forecaster {
        let values: SysctlValues = crate::catalog::defaults(KernelVersion::new(6, 18), Some(8 << 20));
        let hz = Hz::new(250);
        Forecaster {
            host: Host { version: KernelVersion::new(6, 18), hz },
            settings: KnownSettings::new(&values, |_| true),
        }
    }

    prop_compose! {
        /// Records as the kernel sends them, without attributes, with few different numbers so that some are equal.
        fn records()(
            state in 1..=12_u8, timer in 0..=5_u8, retransmits in 0..9_u8, expires_ms in 0..9_u32, queue in 0..3_u32,
            inode in 0..2_u32, far: bool,
        ) -> Vec<u8> {
            let mut bytes = vec![0; 72];
            bytes[..4].copy_from_slice(&[2, state, timer, retransmits]);
            let expires_ms = expires_ms * if far { 100_000 } else { 700 };
            bytes[52..56].copy_from_slice(&expires_ms.to_ne_bytes());
            bytes[60..64].copy_from_slice(&queue.to_ne_bytes());
            bytes[68..72].copy_from_slice(&inode.to_ne_bytes());
            bytes
        }
    }

    proptest! {
        #[test]
        fn of_many_those_are_kept_that_end_first(all in prop::collection::vec(records(), 0..60), most in 1..20_usize) {
            let forecaster = forecaster();
            let mut soonest = SoonestSockets::new(most, Some(&forecaster));
            all.iter().for_each(|record| soonest.push(&InetDiag::decode(record).unwrap()));
            let mut kept = Vec::new();
            soonest.each(|found, forecast| kept.push((found.bytes().0.to_vec(), forecast)));
            let mut wanted: Vec<_> = all
                .iter()
                .map(|record| (record.clone(), forecaster.of(&InetDiag::decode(record).unwrap())))
                .collect();
            wanted.sort_by_key(|(record, forecast)| {
                let (kind, at_us) = end_of(forecast.as_ref());
                (kind, at_us, u32::MAX - InetDiag::decode(record).unwrap().send_queue())
            });
            wanted.truncate(most);
            prop_assert_eq!(kept, wanted);
        }
    }

    #[test]
    fn without_settings_the_longest_queues_are_kept() {
        let mut soonest = SoonestSockets::new(1, None);
        for queue in [1_u32, 3, 2] {
            let mut record = vec![0; 72];
            (record[0], record[1]) = (2, 1);
            record[60..64].copy_from_slice(&queue.to_ne_bytes());
            soonest.push(&InetDiag::decode(&record).unwrap());
        }
        let mut kept = Vec::new();
        soonest.each(|found, forecast| kept.push((found.send_queue(), forecast)));
        assert_eq!(kept, [(3, None)]);
    }
}
