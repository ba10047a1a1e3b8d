//! What somebody who follows a flood is told while it is played.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;

use super::FloodPlan;
use crate::model::{Errno, Window, flood_moments, forecast_flood};

/// How floods are to be played.
#[derive(Clone, Debug, Default)]
pub struct FloodConditions {
    /// Whether the packets are kept.
    pub capture: bool,
    /// Who wants to know of everything as soon as it is seen.
    pub follow: Option<Sender<FloodFollowed>>,
    /// Set, it ends the playing at once; what was seen until then is handed out.
    pub stop: Arc<AtomicBool>,
}

/// Something that was seen of a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodFollowed {
    /// Which of the floods that are played side by side.
    pub place: usize,
    /// When, in microseconds after its first SYN.
    pub at_us: u64,
    /// What.
    pub sight: FloodSight,
}

/// What can be seen of a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloodSight {
    /// It begins; what was told of an earlier try is void.
    FirstSyn,
    /// The last SYN was sent.
    LastSyn,
    /// A look at the SYN queue.
    Look {
        /// Half-open requests that it found.
        half_open: u64,
        /// SYNs sent until then.
        sent: u32,
    },
    /// The honest client calls connect().
    ClientCalls,
    /// A SYN of the client's has come to the server.
    ClientSyn {
        /// Whether it was answered by a cookie.
        cookie: bool,
        /// Whether it was dropped.
        dropped: bool,
    },
    /// The client's connect() has returned.
    ClientReturned {
        /// How long it took, in microseconds.
        took_us: u64,
        /// How it failed, if it did.
        errno: Option<Errno>,
    },
}

/// What is to be seen of a flood, in microseconds after its first SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodOutlook {
    /// SYNs in all.
    pub count: u32,
    /// Half-open requests that fill the queue.
    pub capacity: u64,
    /// When it is full for the first time, if ever.
    pub full_at: Option<Window>,
    /// When the last request is gone, if ever.
    pub last_gone: Option<Window>,
    /// How long the client's connect() takes.
    pub client_takes: Window,
    /// When it is over at the latest.
    pub longest_us: u64,
}

impl FloodOutlook {
    /// Of a flood that is played as planned.
    #[must_use]
    pub fn new(plan: &FloodPlan) -> Self {
        let flood = plan.flood(plan.connects_at_us(), None);
        let forecast = forecast_flood(&flood);
        Self {
            count: plan.count,
            capacity: forecast.limits.half_open_capacity,
            full_at: flood_moments(&flood).full_at(),
            last_gone: forecast.last_gone,
            client_takes: forecast.legitimate.possible,
            longest_us: plan.longest_us(),
        }
    }
}

/// Tells a follower, if there is one.
#[derive(Debug, Default)]
pub(super) struct Follower {
    place: usize,
    follow: Option<Sender<FloodFollowed>>,
}

impl Follower {
    pub(super) const fn new(place: usize, follow: Option<Sender<FloodFollowed>>) -> Self {
        Self { place, follow }
    }

    pub(super) fn tell(&self, at_us: u64, sight: FloodSight) {
        if let Some(follow) = &self.follow {
            // Whoever has gone away misses nothing.
            let _ = follow.send(FloodFollowed { place: self.place, at_us, sight });
        }
    }

    pub(super) fn look(&self, at_us: u64, half_open: u64, sent: u32) {
        self.tell(at_us, FloodSight::Look { half_open, sent });
    }
}
