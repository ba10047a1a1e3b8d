//! What was read of a socket, with what is known beside it.

use super::course::Begin;
use super::machine::Machine;
use super::{Activity, Assumption, Unless};
use super::{KnownOptions, WhyUnknown};
use crate::model::rto::largest_rto_us;
use crate::model::wheel::{granularity_ticks, ticks_ceil, ticks_to_us};
use crate::model::{Outcome, Settings, SocketOptions, Window};
use crate::units::{Hz, KernelVersion, LiveInfo, LiveSocket, TcpState};

/// The moment of the reading on the clocks' scale, in microseconds: so late that whatever came before is there too.
pub(super) const NOW_US: u64 = 1 << 50;

/// How far a time in milliseconds may be from what it was made of, in microseconds.
const ROUNDING_US: u64 = 1000;

/// A socket at the moment it was read, on a kernel with this tick rate.
pub(super) struct Reading<'a> {
    pub(super) socket: &'a LiveSocket,
    pub(super) known: &'a KnownOptions,
    /// The known options, and those unset that are not known.
    pub(super) options: SocketOptions,
    pub(super) settings: &'a Settings,
    pub(super) version: KernelVersion,
    pub(super) hz: Hz,
}

/// What is said of a socket before its clock runs on.
pub(super) struct Case {
    pub(super) activity: Activity,
    /// How often something was done already.
    pub(super) done: Option<u32>,
    /// Clocks that may be in it: one of them is.
    pub(super) begins: Vec<Begin>,
    pub(super) outcome: Outcome,
    pub(super) unless: Option<Unless>,
    pub(super) assumptions: Vec<Assumption>,
    /// Settings that decide.
    pub(super) keys: Vec<&'static str>,
    /// Why its end is not known.
    pub(super) unknown: Option<WhyUnknown>,
}

impl Case {
    /// A socket that no timer ends.
    pub(super) fn staying(activity: Activity) -> Self {
        Self {
            activity,
            done: None,
            begins: Vec::new(),
            outcome: Outcome::Never,
            unless: None,
            assumptions: Vec::new(),
            keys: Vec::new(),
            unknown: None,
        }
    }

    /// A socket of which is not known how it ends.
    pub(super) fn unknown(activity: Activity, why: WhyUnknown) -> Self {
        Self { unknown: Some(why), ..Self::staying(activity) }
    }
}

impl Reading<'_> {
    /// Whether its application has closed it. A connection that waits for accept() has no inode either, but no FIN.
    pub(super) const fn is_orphan(&self) -> bool {
        use TcpState::{Closing, FinWait1, FinWait2, LastAck};
        self.socket.inode == 0 && matches!(self.socket.state, FinWait1 | FinWait2 | Closing | LastAck)
    }

    /// How it ends when a timer gives up.
    pub(super) const fn outcome(&self) -> Outcome {
        if self.is_orphan() { Outcome::Gone } else { Outcome::Failed(crate::model::Errno::TimedOut) }
    }

    pub(super) fn info(&self) -> Option<&LiveInfo> {
        self.socket.info.as_ref()
    }

    /// What is left of the wait, in microseconds.
    pub(super) fn left_us(&self) -> u64 {
        u64::from(self.socket.expires_ms) * 1000
    }

    /// The largest RTO: what the socket's was says more than the settings.
    pub(super) fn rto_max_us(&self) -> u64 {
        let seen_us = self.info().map_or(0, |info| u64::from(info.rto_us));
        largest_rto_us(self.settings, &self.options, self.version, self.hz).max(seen_us)
    }

    /// How late a timer of this wait may be, its handler and the rounding to whole ticks included, in microseconds.
    pub(super) fn late_us(&self, wait_us: u64) -> u64 {
        let ticks = ticks_ceil(wait_us, self.hz) + granularity_ticks(wait_us, self.hz) + 1;
        ticks_to_us(ticks, self.hz).saturating_sub(wait_us)
    }

    /// When the timer fires that was armed for `wait_us` at the most. The kernel gives the time left in whole ticks of
    /// the present one; since the wheel fires a tick after the asked one at the earliest, it is not earlier than that.
    pub(super) fn first(&self, wait_us: u64) -> Window {
        let left_us = self.left_us();
        // jiffies_to_msecs() rounds up where a tick is no whole number of milliseconds.
        let rounded_us = if 1000_u32.is_multiple_of(self.hz.get()) { 0 } else { ROUNDING_US };
        let late_us = self.late_us(wait_us.max(left_us));
        Window { at_us: NOW_US + left_us.saturating_sub(rounded_us), latest_us: NOW_US + left_us + late_us }
    }

    /// A clock whose timer was armed for `wait_us` at the most.
    pub(super) fn begin(&self, machine: Machine, wait_us: u64) -> Begin {
        Begin { machine, first: self.first(wait_us) }
    }

    /// How long ago a wait of so much may have been over: the kernel shows nothing below 0.
    pub(super) fn overdue_us(&self, wait_us: u64) -> u64 {
        if self.left_us() == 0 { self.late_us(wait_us) } else { 0 }
    }

    /// How long ago a row of waits began: those of `past_us`, all of them over (each at the least and at the most), and
    /// the present one of `wait_us`, of which some is left. With `TCP_USER_TIMEOUT` a wait is cut to end with it.
    pub(super) fn age_us(&self, past_us: impl Iterator<Item = (u64, u64)>, wait_us: u64) -> Age {
        let (least, most) = past_us.fold((0_u64, 0_u64), |sum, (least, most)| {
            (sum.0.saturating_add(least), sum.1.saturating_add(most).saturating_add(self.late_us(most)))
        });
        let cut_us = match u64::from(self.options.user_timeout_ms) * 1000 {
            0 => u64::MAX,
            user_timeout_us => user_timeout_us,
        };
        let tick_us = ticks_to_us(1, self.hz);
        let left_us = self.left_us();
        let whole_us = ticks_to_us(ticks_ceil(wait_us, self.hz), self.hz);
        let ends = |begun_us: u64, wait_us| begun_us.saturating_add(wait_us).min(cut_us).saturating_sub(left_us);
        Age {
            least_us: ends(least, wait_us).saturating_sub(ROUNDING_US),
            most_us: ends(most, whole_us).saturating_add(self.overdue_us(wait_us) + tick_us + ROUNDING_US),
        }
    }

    /// What `tcp_info` tells of how long ago the present row of timeouts began (6.7): exactly for the first row of the
    /// connection, else only that it is not longer.
    pub(super) fn narrow_by_rto_time(&self, age: Age, before: Age) -> Age {
        let Some((rows, total_ms)) = self.info().and_then(|info| info.total_rto_recoveries.zip(info.total_rto_time_ms))
        else {
            return age;
        };
        let total_us = u64::from(total_ms) * 1000;
        let told = Age {
            least_us: if rows == 1 { total_us.saturating_sub(ROUNDING_US) + before.least_us } else { 0 },
            most_us: total_us + ROUNDING_US + before.most_us,
        };
        if rows == 0 {
            return age;
        }
        let (least_us, most_us) = (age.least_us.max(told.least_us), age.most_us.min(told.most_us));
        // Waits that were not as long as they are taken to be: what the kernel counted is right.
        if least_us <= most_us { Age { least_us, most_us } } else { told }
    }
}

/// How long ago something was, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Age {
    pub(super) least_us: u64,
    pub(super) most_us: u64,
}

impl Age {
    /// When it was, at the earliest and at the latest.
    pub(super) fn times_us(self) -> [u64; 2] {
        [self.most_us, self.least_us].map(|age_us| NOW_US.saturating_sub(age_us))
    }
}
