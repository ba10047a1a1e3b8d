//! When single sockets end, by the model's clocks and in the host's own time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::case::process_name;
use super::{Case, Finding, source};
use crate::model::{
    Assumption, Host, KnownOptions, KnownSettings, LiveEnd, LiveForecast, Outcome, WhyUnknown, Window, forecast_live,
};
use crate::snapshot::{Listener, Process, Sample, SocketRow};
use crate::units::Micros;

/// A day, from which on the time of day says too little.
const DAY_US: u64 = 86_400_000_000;

/// Destinations that are told as evidence.
const DESTINATIONS_TOLD: usize = 3;

/// What the model needs besides a socket.
pub(super) struct Forecaster {
    host: Host,
    settings: KnownSettings,
    taken_unix_ms: u64,
    options: KnownOptions,
}

/// The kernel and its settings as the model takes them.
///
/// # Errors
/// When the version of the kernel is not known, whose rules the clocks follow.
pub(super) fn model_host(case: &Case<'_>) -> Result<(Host, KnownSettings), String> {
    let now = case.now();
    let version = now.kernel.version.ok_or("the version of the kernel is not known")?;
    let host = Host { version, hz: now.kernel.hz.as_ref().map(|reading| reading.hz) };
    Ok((host, KnownSettings::new(&now.sysctls.values(), |key| now.has_key(key))))
}

/// When a socket ends, and how. Times count from the reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) window: Window,
    /// The ways in which it may end, each once; several when it is the fate of several.
    outcomes: Vec<Outcome>,
    /// Socket options that are taken to be unset, since the kernel tells nobody but the application.
    pub(super) unset: Vec<&'static str>,
}

impl Fate {
    /// "ETIMEDOUT", or "ETIMEDOUT or gone".
    pub(super) fn outcome(&self) -> String {
        let names: Vec<&str> = self.outcomes.iter().map(|outcome| outcome.name()).collect();
        names.join(" or ")
    }

    /// Adds the fate of another one.
    fn and(mut self, other: Self) -> Self {
        self.window = self.window.hull(other.window);
        let more: Vec<Outcome> = other.outcomes.into_iter().filter(|one| !self.outcomes.contains(one)).collect();
        self.outcomes.extend(more);
        let more: Vec<&str> = other.unset.into_iter().filter(|one| !self.unset.contains(one)).collect();
        self.unset.extend(more);
        self
    }

    /// The finding with what the forecast takes for granted.
    pub(super) fn assumed(&self, finding: Finding) -> Finding {
        self.unset.iter().fold(finding, |finding, option| {
            let what = format!("{option}, as the forecast takes it");
            finding.seen(what, "not set", "assumption: only the application can tell")
        })
    }
}

impl Forecaster {
    /// # Errors
    /// When the version of the kernel is not known, whose rules the clocks follow.
    pub(super) fn new(case: &Case<'_>) -> Result<Self, String> {
        let (host, settings) = model_host(case)?;
        Ok(Self { host, settings, taken_unix_ms: case.now().taken_unix_ms, options: KnownOptions::default() })
    }

    /// The same where TCP_USER_TIMEOUT is known.
    pub(super) fn with_user_timeout(mut self, user_us: u64) -> Self {
        self.options.user_timeout_ms = Some(u32::try_from(user_us / 1000).unwrap_or(u32::MAX));
        self
    }

    /// How this socket ends if nothing is heard for it.
    ///
    /// # Errors
    /// Why that is not known; a socket that no timer ends has no end to tell.
    pub(super) fn fate(&self, row: &SocketRow) -> Result<Fate, String> {
        let LiveForecast { end, assumptions, .. } =
            forecast_live(&row.clock, &self.options, &self.host, &self.settings);
        match end {
            LiveEnd::At { window, outcome } => {
                let unset = assumptions.into_iter().filter_map(|one| match one {
                    Assumption::Unset(option) => Some(option),
                    _ => None,
                });
                Ok(Fate { window, outcomes: vec![outcome], unset: unset.collect() })
            }
            LiveEnd::Never => Err("no timer ends it".to_owned()),
            LiveEnd::Unknown(why) => Err(match why {
                WhyUnknown::Settings(keys) => format!("{} could not be read", keys.join(" and ")),
                WhyUnknown::Beyond(option) => format!("it goes otherwise than the settings say: {option} is set on it"),
                WhyUnknown::NoTcpInfo => "the kernel was not asked for its tcp_info".to_owned(),
                WhyUnknown::WindowShrank | WhyUnknown::BetweenTimers | WhyUnknown::TooLong => {
                    "the reading does not tell enough of it".to_owned()
                }
            }),
        }
    }

    /// One fate for several: from the first of their ends to the last. Nothing when none of them is known.
    pub(super) fn common_fate<'a>(&self, rows: impl IntoIterator<Item = &'a SocketRow>) -> Option<Fate> {
        rows.into_iter().filter_map(|row| self.fate(row).ok()).reduce(Fate::and)
    }

    /// "at 12:01:05 UTC (in 1m12s)", or between two such times.
    pub(super) fn when(&self, window: Window) -> String {
        let within = format!("in {:#}", Micros(window.latest_us));
        if window.latest_us >= DAY_US {
            return within;
        }
        let clock = |us: u64| {
            let seconds = (self.taken_unix_ms.saturating_add(us / 1000)) / 1000 % 86_400;
            format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        };
        let (first, last) = (clock(window.at_us), clock(window.latest_us));
        if first == last {
            return format!("at {first} UTC ({within})");
        }
        format!("from {first} to {last} UTC (the last {within})")
    }
}

/// Sockets of one process towards one destination.
#[derive(Debug)]
pub(super) struct Group<'a> {
    process: Option<&'a Process>,
    pub(super) remote: SocketAddr,
    pub(super) rows: Vec<&'a SocketRow>,
}

/// Sockets by their first process and their destination, the largest group first. An IPv4-mapped destination is the
/// IPv4 one.
pub(super) fn by_destination<'a>(rows: impl IntoIterator<Item = &'a SocketRow>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(Option<&Process>, SocketAddr), Vec<&SocketRow>> = BTreeMap::new();
    for row in rows {
        let remote = SocketAddr::new(row.remote.ip().to_canonical(), row.remote.port());
        groups.entry((row.processes.first(), remote)).or_default().push(row);
    }
    let group = |((process, remote), rows)| Group { process, remote, rows };
    let mut groups: Vec<Group<'_>> = groups.into_iter().map(group).collect();
    // The sort is stable: equal ones stay in the order of their names.
    groups.sort_by_key(|group| core::cmp::Reverse(group.rows.len()));
    groups
}

impl Group<'_> {
    /// " of nginx(812)", or nothing when the process is not known.
    pub(super) fn of_process(&self) -> String {
        self.process.map(|process| format!(" of {}", process_name(process))).unwrap_or_default()
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }
}

/// What more than half of these are alike in: " of nginx(812) to 10.0.0.9:5432", or " on port 443 from 10.0.0.9" where
/// their own port is what they share.
pub(super) fn whose<'a>(rows: impl IntoIterator<Item = &'a SocketRow>) -> String {
    let rows: Vec<&SocketRow> = rows.into_iter().collect();
    let of = holder(rows.iter().copied()).map(|process| format!(" of {}", process_name(process)));
    of.unwrap_or_default() + &ends(rows)
}

/// The process that holds more than half of these.
pub(super) fn holder<'a>(rows: impl IntoIterator<Item = &'a SocketRow>) -> Option<&'a Process> {
    of_most(rows.into_iter().map(|row| row.processes.first())).flatten()
}

/// The ends that more than half of these have: " to 10.0.0.9:5432", or " on port 443 from 10.0.0.9".
pub(super) fn ends<'a>(rows: impl IntoIterator<Item = &'a SocketRow>) -> String {
    let rows: Vec<&SocketRow> = rows.into_iter().collect();
    let remote_ip = |row: &&SocketRow| row.remote.ip().to_canonical();
    let mut text = String::new();
    if let Some(remote) = of_most(rows.iter().map(|row| SocketAddr::new(remote_ip(row), row.remote.port()))) {
        text.push_str(&format!(" to {remote}"));
        return text;
    }
    if let Some(port) = of_most(rows.iter().map(|row| row.local.port())) {
        text.push_str(&format!(" on port {port}"));
    }
    if let Some(address) = of_most(rows.iter().map(remote_ip)) {
        text.push_str(&format!(" from {address}"));
    }
    text
}

/// What more than half of these are.
fn of_most<T: Ord>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    let number = all.fold(0, |number, one| {
        *counts.entry(one).or_default() += 1;
        number + 1
    });
    counts.into_iter().find(|(_, count)| count * 2 > number).map(|(one, _)| one)
}

impl Finding {
    /// Adds where the first few of these sockets lead, and whose they are.
    #[must_use]
    pub(super) fn destinations<'a>(self, rows: impl IntoIterator<Item = &'a SocketRow>) -> Self {
        by_destination(rows).iter().take(DESTINATIONS_TOLD).fold(self, |finding, group| {
            let what = format!("of those looked at{}, to {}", group.of_process(), group.remote);
            finding.seen(what, group.count().to_string(), source::ENDS)
        })
    }
}

impl Finding {
    /// Adds the ends that more than half of some sockets have, where they have any.
    #[must_use]
    pub(super) fn shared(self, ends: &str) -> Self {
        if ends.is_empty() { self } else { self.seen("what more than half of them share", ends.trim(), source::ENDS) }
    }

    /// Adds how many of how many were looked at one by one, where not all of them were.
    #[must_use]
    pub(super) fn looked_at(self, sample: &Sample, source: &str) -> Self {
        if is_all(sample) {
            return self;
        }
        let seen = format!("{} of {}", sample.rows.len(), sample.total);
        self.seen("such sockets that were looked at one by one, of all of their kind", seen, source)
    }
}

/// Whether all sockets of a kind were kept.
fn is_all(sample: &Sample) -> bool {
    u64::try_from(sample.rows.len()).is_ok_and(|rows| rows >= sample.total)
}

/// A number of sockets of a sample: it is of those that were looked at, which may be fewer than there are.
pub(super) fn counted(count: u64, sample: &Sample) -> String {
    if is_all(sample) { count.to_string() } else { format!("at least {count}") }
}

/// The same of connections: "a connection", "5 connections", "at least 256 connections".
pub(super) fn connections(count: u64, sample: &Sample) -> String {
    match counted(count, sample).as_str() {
        "1" => "a connection".to_owned(),
        several => format!("{several} connections"),
    }
}

/// Whether a socket leads to this very host: then the reason may be among its listeners.
pub(super) fn leads_here(row: &SocketRow) -> bool {
    let remote: IpAddr = row.remote.ip().to_canonical();
    remote.is_loopback() || remote == row.local.ip().to_canonical()
}

/// Whether a process of this host opened it. Those that clients opened are of a listener here: some of them always vanish,
/// pause or sit behind a bad line, so of these one says nothing of this host.
pub(super) fn is_opened_here(row: &SocketRow, listeners: &[Listener]) -> bool {
    !listeners.iter().any(|one| one.port == row.local.port())
}

/// Whether a socket leads to a listener of this very host that has no room: then that one has its verdict.
pub(super) fn leads_to_full_listener(row: &SocketRow, listeners: &[Listener]) -> bool {
    leads_here(row) && listeners.iter().any(|one| one.port == row.remote.port() && one.accept_queue > one.backlog)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Errno;
    use crate::units::KernelVersion;

    #[test]
    fn several_ends_are_told_together_and_none_is_forgotten() {
        let fate = |at_us, outcome, unset| Fate {
            window: Window { at_us, latest_us: at_us + 1 },
            outcomes: vec![outcome],
            unset: vec![unset],
        };
        let (failed, gone) = (Outcome::Failed(Errno::TimedOut), Outcome::Gone);
        let all = fate(5, failed, "TCP_SYNCNT").and(fate(2, gone, "TCP_LINGER2")).and(fate(9, failed, "TCP_SYNCNT"));
        assert_eq!((all.window, all.outcome().as_str()), (Window { at_us: 2, latest_us: 10 }, "ETIMEDOUT or gone"));
        assert_eq!(all.unset, ["TCP_SYNCNT", "TCP_LINGER2"]);
    }

    fn forecaster() -> Forecaster {
        let host = Host { version: KernelVersion { major: 6, minor: 18, patch: 0 }, hz: None };
        // 23:59:50 UTC of some day.
        let taken_unix_ms = 1_700_006_390_000;
        let settings = KnownSettings::new(&BTreeMap::new(), |_| true);
        Forecaster { host, settings, taken_unix_ms, options: KnownOptions::default() }
    }

    #[test]
    fn times_are_those_of_the_snapshots_own_clock() {
        let window = |at_us, latest_us| Window { at_us, latest_us };
        let forecaster = forecaster();
        assert_eq!(forecaster.when(window(3_000_000, 3_400_000)), "at 23:59:53 UTC (in 3.4s)");
        assert_eq!(forecaster.when(window(9_000_000, 72_000_000)), "from 23:59:59 to 00:01:02 UTC (the last in 1m12s)");
        assert_eq!(forecaster.when(window(0, 2 * DAY_US)), "in 2d00h");
    }
}
