//! How many connections a listener's two queues hold, and which setting binds.
//!
//! Mirrors: `__inet_listen_sk()` (backlog and somaxconn), `sk_acceptq_is_full()`, `inet_csk_reqsk_queue_is_full()`
//! and `tcp_conn_request()`.
//!
//! Differs from the kernel: `tcp_max_syn_backlog` spares peers that tcp_metrics knows to be alive; the capacity
//! here is that for unknown peers. Kernels before 5.0 may keep only 16 bits of the backlog, which is left out.

use super::Settings;
use crate::units::KernelVersion;

/// What a listener's queues hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Completed connections that can wait for accept().
    pub accept_capacity: u64,
    /// Half-open entries that can be kept; with `tcp_syncookies` on, further SYNs get cookies instead.
    pub half_open_capacity: u64,
    /// What sets the half-open capacity.
    pub limited_by: LimitedBy,
}

/// What sets a capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitedBy {
    /// The number that the application gave to listen().
    Backlog,
    /// `net.core.somaxconn`, which is below that number.
    Somaxconn,
    /// `net.ipv4.tcp_max_syn_backlog`; only while `tcp_syncookies` is 0.
    MaxSynBacklog,
    /// `tcp_syncookies` 2: nothing is kept, every SYN gets a cookie.
    Syncookies,
}

impl LimitedBy {
    /// A stable name for outputs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::Somaxconn => "somaxconn",
            Self::MaxSynBacklog => "tcp_max_syn_backlog",
            Self::Syncookies => "tcp_syncookies",
        }
    }
}

/// The limits of a listener whose application calls listen() with `asked` under these settings.
///
/// For a listener that is already open give its present backlog (ss's Send-Q): a later change of somaxconn does
/// not reach it, so pass settings whose somaxconn is not below it.
///
/// ```
/// use tcpctl::model::{LimitedBy, Settings, queue_limits};
/// use tcpctl::units::KernelVersion;
///
/// let settings = Settings { somaxconn: 128, ..Settings::default() };
/// let limits = queue_limits(511, &settings, KernelVersion::new(6, 18));
/// assert_eq!((limits.accept_capacity, limits.limited_by), (129, LimitedBy::Somaxconn));
/// ```
#[must_use]
pub fn queue_limits(asked: u32, settings: &Settings, version: KernelVersion) -> QueueLimits {
    let backlog = asked.min(settings.somaxconn);
    let mut limited_by = if asked > settings.somaxconn { LimitedBy::Somaxconn } else { LimitedBy::Backlog };
    let mut half_open_capacity = u64::from(backlog) + u64::from(holds_one_more(version));
    match settings.syncookies {
        0 => {
            let capacity = capacity_without_cookies(settings.max_syn_backlog);
            if capacity < half_open_capacity {
                (half_open_capacity, limited_by) = (capacity, LimitedBy::MaxSynBacklog);
            }
        }
        2 => (half_open_capacity, limited_by) = (0, LimitedBy::Syncookies),
        _ => {}
    }
    QueueLimits { accept_capacity: u64::from(backlog) + 1, half_open_capacity, limited_by }
}

/// The last quarter of `tcp_max_syn_backlog` is kept for known peers: a SYN is dropped when
/// `max - queue < max >> 2`.
fn capacity_without_cookies(max_syn_backlog: i64) -> u64 {
    u64::try_from(max_syn_backlog.saturating_sub(max_syn_backlog >> 2).saturating_add(1)).unwrap_or(0)
}

/// Whether the SYN queue takes `backlog + 1` entries (`>` instead of `>=` in `inet_csk_reqsk_queue_is_full()`,
/// 3479c7549fb1 in 6.14 and in the stable releases of early 2025, whose numbers here are not verified).
fn holds_one_more(version: KernelVersion) -> bool {
    let since_patch = match (version.major, version.minor) {
        (5, 4) => 291,
        (5, 10) => 235,
        (5, 15) => 179,
        (6, 1) => 129,
        (6, 6) => 76,
        (6, 12) => 13,
        (6, 13) => 2,
        _ => return version.at_least(6, 14),
    };
    version.patch >= since_patch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(asked: u32, edit: impl FnOnce(&mut Settings)) -> (u64, u64, LimitedBy) {
        let mut settings = Settings::default();
        edit(&mut settings);
        let limits = queue_limits(asked, &settings, KernelVersion::new(6, 18));
        (limits.accept_capacity, limits.half_open_capacity, limits.limited_by)
    }

    /// Measured on 6.18.
    #[test]
    fn capacities_are_those_that_were_measured() {
        assert_eq!(limits(4, |_| {}), (5, 5, LimitedBy::Backlog));
        assert_eq!(limits(0, |_| {}), (1, 1, LimitedBy::Backlog));
        let no_cookies = |max| {
            move |settings: &mut Settings| {
                settings.syncookies = 0;
                settings.max_syn_backlog = max;
            }
        };
        assert_eq!(limits(8, no_cookies(4096)).1, 9);
        assert_eq!(limits(128, no_cookies(16)), (129, 13, LimitedBy::MaxSynBacklog));
        assert_eq!(limits(128, no_cookies(64)).1, 49);
        assert_eq!(limits(128, |settings| settings.max_syn_backlog = 16), (129, 129, LimitedBy::Backlog));
        assert_eq!(limits(128, |settings| settings.syncookies = 2), (129, 0, LimitedBy::Syncookies));
    }

    #[test]
    fn somaxconn_cuts_the_backlog() {
        assert_eq!(limits(1000, |settings| settings.somaxconn = 128), (129, 129, LimitedBy::Somaxconn));
    }

    #[test]
    fn a_negative_max_syn_backlog_leaves_room_for_one() {
        let capacity = limits(128, |settings| {
            settings.syncookies = 0;
            settings.max_syn_backlog = -1;
        });
        assert_eq!(capacity.1, 1);
    }

    #[test]
    fn older_kernels_keep_one_half_open_entry_less() {
        let capacity = |version: &str| {
            queue_limits(128, &Settings::default(), version.parse().expect("a version")).half_open_capacity
        };
        assert_eq!((capacity("6.1.90"), capacity("6.8"), capacity("6.14"), capacity("6.12.40")), (128, 128, 129, 129));
    }
}
