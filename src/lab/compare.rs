//! Measured against predicted, event by event.
//!
//! The windows are the model's. What is added to their ends is the measuring error alone: ticks of the kernel's
//! softirq, and how late this very process carried packets, which it measures itself. To their beginnings comes how
//! far the tick was behind. A run in which that was too late proves nothing and says so.

use std::collections::BTreeMap;

use super::Punctuality;
use super::states::state_rows;
use crate::model::{End, Outcome, Segment, Side, Timeline, What, Window};

/// Added to the end of a window for what the kernel stamped itself: its softirq may run a tick or two late.
pub(super) const KERNEL_ALLOWANCE_US: u64 = 10_000;
/// The same on a loaded machine.
pub(super) const LOADED_ALLOWANCE_US: u64 = 25_000;
/// Added for what this process had to notice: a call that returned, an entry that vanished.
pub(super) const NOTICED_ALLOWANCE_US: u64 = 25_000;

/// How one event fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Inside its window.
    Inside,
    /// Earlier than its window, by so many microseconds.
    Early(u64),
    /// Later than its window with the allowance, by so many microseconds.
    Late(u64),
    /// Predicted, and did not happen.
    Missing,
    /// Happened, and was not predicted.
    Extra,
}

/// One event, predicted, measured or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where.
    pub side: Side,
    /// What, in words: `SYN`, `connect() ETIMEDOUT`, `gone`.
    pub what: String,
    /// When it was to happen.
    pub predicted: Option<Window>,
    /// When it happened, in microseconds.
    pub measured_us: Option<u64>,
    /// How it fared.
    pub verdict: Verdict,
}

/// A whole comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Every event by time.
    pub rows: Vec<Row>,
    /// Which course it was compared with: 0 for the main one, else the number of the alternative.
    pub course: usize,
    /// Whether the wire was punctual enough for the comparison to mean something.
    pub conclusive: bool,
}

impl Comparison {
    /// Whether everything that was predicted happened in its window, and nothing else.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.rows.iter().all(|row| row.verdict == Verdict::Inside)
    }
}

/// Whether all that is wrong is later than its window, by no more than this process overslept, and that is more than any
/// allowance: then the machine stood still for so long, and the kernel's own timers with it.
fn stood_still(rows: &[Row], slept_us: u64) -> bool {
    let mut wrong = rows.iter().filter(|row| row.verdict != Verdict::Inside).peekable();
    let is_late = |row: &Row| matches!(row.verdict, Verdict::Late(by_us) if by_us <= slept_us);
    slept_us > LOADED_ALLOWANCE_US && wrong.peek().is_some() && wrong.all(is_late)
}

/// Compares what the kernel did with the prediction; where that is a tie, with the course that fits best.
#[must_use]
pub fn compare(predicted: &Timeline, measured: &Timeline, punctuality: &Punctuality) -> Comparison {
    compare_until(predicted, measured, punctuality, u64::MAX)
}

/// The same for what happens until `until_us` microseconds; what may happen later is not looked at.
#[must_use]
pub fn compare_until(
    predicted: &Timeline,
    measured: &Timeline,
    punctuality: &Punctuality,
    until_us: u64,
) -> Comparison {
    let conclusive = punctuality.is_conclusive();
    let courses = core::iter::once(predicted).chain(&predicted.alternatives);
    let all = courses.enumerate().map(|(course, timeline)| {
        let rows = rows(timeline, measured, punctuality, until_us);
        Comparison { rows, course, conclusive }
    });
    let wrong = |comparison: &Comparison| comparison.rows.iter().filter(|row| row.verdict != Verdict::Inside).count();
    let mut best = all.min_by_key(wrong).unwrap_or(Comparison { rows: Vec::new(), course: 0, conclusive });
    best.conclusive &= !stood_still(&best.rows, punctuality.slept_us);
    best
}

/// What is compared: segments that a side sends, calls that return, and ends that nobody's call reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Send(Segment),
    Return(Option<&'static str>),
    Failed(&'static str),
    Gone,
}

impl Kind {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Send(segment) => segment.name().to_owned(),
            Self::Return(Some(errno)) => format!("connect() {errno}"),
            Self::Return(None) => "connect() returns".to_owned(),
            Self::Failed(errno) => format!("connection {errno}"),
            Self::Gone => "entry gone".to_owned(),
        }
    }

    pub(super) const fn allowance_us(&self, loaded: bool) -> u64 {
        match self {
            Self::Send(_) if loaded => LOADED_ALLOWANCE_US,
            Self::Send(_) => KERNEL_ALLOWANCE_US,
            Self::Return(_) | Self::Failed(_) | Self::Gone => NOTICED_ALLOWANCE_US,
        }
    }
}

/// Until when a prediction speaks: one that goes on for ever shows only its beginning.
fn horizon_us(predicted: &Timeline) -> u64 {
    let asks = |what: &What| matches!(what, What::Send { segment: Segment::Keepalive | Segment::Probe, .. });
    match predicted.end() {
        // What merely stays as it is has nothing more to show.
        Some(End { outcome: Outcome::Never, .. }) if predicted.events.iter().any(|event| asks(&event.what)) => {
            let latest = predicted.events.iter().map(|event| event.window.latest_us).max().unwrap_or(0);
            latest.saturating_add(LOADED_ALLOWANCE_US)
        }
        _ => u64::MAX,
    }
}

/// The windows of each kind of event on each side, in order, up to a time.
pub(super) fn by_kind(timeline: &Timeline, horizon_us: u64) -> BTreeMap<(Side, Kind), Vec<Window>> {
    let mut kinds: BTreeMap<(Side, Kind), Vec<Window>> = BTreeMap::new();
    for event in timeline.events.iter().filter(|event| event.window.at_us <= horizon_us) {
        let kind = match &event.what {
            What::Send { segment, .. } => Kind::Send(*segment),
            What::Return(_, errno) => Kind::Return(errno.map(|errno| errno.name())),
            What::Call(_) | What::Arrive { .. } | What::Icmp(_) | What::State(_) => continue,
        };
        kinds.entry((event.side, kind)).or_default().push(event.window);
    }
    for End { window, side, outcome } in &timeline.ends {
        let kind = match outcome {
            Outcome::Gone => Kind::Gone,
            // The end of a connect() is there as its return.
            Outcome::Failed(errno) if !kinds.contains_key(&(*side, Kind::Return(Some(errno.name())))) => {
                Kind::Failed(errno.name())
            }
            Outcome::Failed(_) | Outcome::Established | Outcome::Never => continue,
        };
        if window.at_us <= horizon_us {
            kinds.entry((*side, kind)).or_default().push(*window);
        }
    }
    kinds
}

fn rows(predicted: &Timeline, measured: &Timeline, punctuality: &Punctuality, until_us: u64) -> Vec<Row> {
    // An end that the wire brings something to is as late as the wire.
    let hears = |side: Side| {
        measured.events.iter().any(|event| event.side == side && matches!(event.what, What::Arrive { .. }))
    };
    let wire_us = Side::BOTH.map(|side| (side, if hears(side) { punctuality.wire_us } else { 0 }));
    let wire_us = BTreeMap::from(wire_us);
    let horizon_us = if until_us == u64::MAX { horizon_us(predicted) } else { until_us };
    let timelines = (predicted, measured);
    // What is due right after it may be seen before, where the tick is behind.
    let due_us = until_us.saturating_add(punctuality.tick_us);
    let (predicted, mut measured) = (by_kind(predicted, due_us), by_kind(measured, horizon_us));
    let mut rows = Vec::new();
    for ((side, kind), windows) in predicted {
        let wire_us = wire_us.get(&side).copied().unwrap_or(0);
        let slept_us = if matches!(kind, Kind::Send(_)) { 0 } else { punctuality.slept_us };
        let allowance_us = kind.allowance_us(punctuality.is_loaded()).saturating_add(wire_us).saturating_add(slept_us);
        let mut measured_here = measured.remove(&(side, kind.clone())).unwrap_or_default().into_iter();
        for window in windows {
            let seen = measured_here.next();
            let measured_us = seen.map(|seen| seen.latest_us);
            if measured_us.is_none() && window.latest_us.saturating_add(allowance_us) > until_us {
                // It may still come.
                continue;
            }
            let verdict = seen.map_or(Verdict::Missing, |seen| {
                // A timer that was armed while the tick was behind is that much early, and everything after it.
                let seen = Window { latest_us: seen.latest_us.saturating_add(punctuality.tick_us), ..seen };
                judge(seen, window, allowance_us)
            });
            rows.push(Row { side, what: kind.words(), predicted: Some(window), measured_us, verdict });
        }
        rows.extend(measured_here.map(|extra| extra_row(side, &kind, extra)));
    }
    for ((side, kind), windows) in measured {
        rows.extend(windows.into_iter().map(|extra| extra_row(side, &kind, extra)));
    }
    for side in Side::BOTH {
        let late_us = wire_us.get(&side).copied().unwrap_or(0) + NOTICED_ALLOWANCE_US + punctuality.slept_us;
        rows.extend(state_rows(side, timelines, late_us, horizon_us));
    }
    rows.sort_by_key(|row| (row.measured_us.or(row.predicted.map(|window| window.at_us)), row.side));
    rows
}

fn extra_row(side: Side, kind: &Kind, window: Window) -> Row {
    Row { side, what: kind.words(), predicted: None, measured_us: Some(window.at_us), verdict: Verdict::Extra }
}

/// What was seen happened somewhere between its own two ends.
pub(super) fn judge(seen: Window, window: Window, allowance_us: u64) -> Verdict {
    let latest_us = window.latest_us.saturating_add(allowance_us);
    if seen.latest_us < window.at_us {
        Verdict::Early(window.at_us - seen.latest_us)
    } else if seen.at_us > latest_us {
        Verdict::Late(seen.at_us - latest_us)
    } else {
        Verdict::Inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Errno, Event, Host, Scenario, Settings, forecast};
    use crate::units::{Hz, KernelVersion, TcpState};

    fn predicted(syn_retries: u32) -> Timeline {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let settings = Settings { syn_retries, ..Settings::default() };
        forecast(&Scenario::connect(host, &settings).losing(Side::Client, Segment::Syn))
    }

    /// A measurement of a connect with one retry, as it was seen on 6.18.
    fn measured(times_us: &[u64], end_us: u64) -> Timeline {
        let send = |(copy, at_us): (usize, &u64)| Event {
            window: Window::exactly(*at_us),
            side: Side::Client,
            what: What::Send { segment: Segment::Syn, copy: u32::try_from(copy).expect("few"), lost: true },
        };
        let mut events: Vec<Event> = times_us.iter().enumerate().map(send).collect();
        let (side, what) = (Side::Client, What::State(TcpState::SynSent));
        events.push(Event { window: Window { at_us: 0, latest_us: 3000 }, side, what });
        events.push(Event {
            window: Window::exactly(end_us),
            side: Side::Client,
            what: What::Return("connect", Some(Errno::TimedOut)),
        });
        Timeline { events, ends: Vec::new(), alternatives: Vec::new() }
    }

    fn late(wire_us: u64) -> Punctuality {
        Punctuality { wire_us, ..Punctuality::default() }
    }

    #[test]
    fn a_tick_that_was_behind_excuses_as_much_and_no_more() {
        let early = |by_us: u64| {
            let seen = measured(&[0, 1_000_000 - by_us, 2_048_000], 3_073_000);
            compare(&predicted(1), &seen, &Punctuality { tick_us: 2000, ..Punctuality::default() }).agrees()
        };
        assert!(early(2000) && !early(2001));
    }

    #[test]
    fn what_is_due_after_the_end_of_the_comparison_may_be_seen_before_it_where_the_tick_is_behind() {
        let seen = measured(&[0, 999_000], 9_000_000);
        let verdicts = |tick_us| {
            let behind = Punctuality { tick_us, ..Punctuality::default() };
            of_segments(compare_until(&predicted(1), &seen, &behind, 999_500))
        };
        assert_eq!(verdicts(1000), [Verdict::Inside, Verdict::Inside]);
        assert_eq!(verdicts(0), [Verdict::Inside, Verdict::Extra]);
    }

    /// What came of all but states.
    fn of_segments(comparison: Comparison) -> Vec<Verdict> {
        let rows = comparison.rows.into_iter();
        rows.filter(|row| !row.what.starts_with("enters ")).map(|row| row.verdict).collect()
    }

    fn verdicts(syn_retries: u32, times_us: &[u64], end_us: u64) -> Vec<Verdict> {
        of_segments(compare(&predicted(syn_retries), &measured(times_us, end_us), &late(0)))
    }

    #[test]
    fn a_course_inside_its_windows_agrees() {
        let comparison = compare(&predicted(1), &measured(&[0, 1_024_000, 2_048_000], 3_073_000), &late(0));
        assert!(comparison.agrees(), "{comparison:?}");
        assert_eq!(comparison.rows.len(), 5);
    }

    #[test]
    fn early_late_missing_and_extra_events_are_told_apart() {
        use Verdict::{Early, Extra, Inside, Late, Missing};
        assert_eq!(verdicts(1, &[0, 999_000, 2_048_000], 3_073_000), [Inside, Early(1000), Inside, Inside]);
        assert_eq!(verdicts(1, &[0, 1_024_000, 2_170_000], 3_073_000), [Inside, Inside, Late(100_000), Inside]);
        assert_eq!(verdicts(1, &[0, 1_024_000], 3_073_000), [Inside, Inside, Missing, Inside]);
        assert_eq!(
            verdicts(1, &[0, 1_024_000, 2_048_000, 2_500_000], 3_073_000),
            [Inside, Inside, Inside, Extra, Inside]
        );
    }

    #[test]
    fn a_wrong_model_is_found_out() {
        assert!(!compare(&predicted(2), &measured(&[0, 1_024_000, 2_048_000], 3_073_000), &late(0)).agrees());
    }

    /// The client hears nothing, so that a late wire excuses nothing there; at the server it does.
    #[test]
    fn a_late_wire_excuses_only_what_it_brought_and_not_more_than_it_was_late() {
        let excused = compare(&predicted(1), &measured(&[0, 1_024_000, 2_100_000], 3_073_000), &late(40_000));
        assert!(!excused.agrees() && excused.conclusive);
        assert!(!compare(&predicted(1), &measured(&[0], 0), &late(60_000)).conclusive);
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let half_open = forecast(&Scenario::half_open(host, &Settings { synack_retries: 0, ..Settings::default() }));
        let event = |side, at_us, what| Event { window: Window::exactly(at_us), side, what };
        let seen = |syn_ack_us| Timeline {
            events: vec![
                event(Side::Client, 0, What::Send { segment: Segment::Syn, copy: 0, lost: false }),
                event(Side::Server, 0, What::Arrive { segment: Segment::Syn, copy: Some(0) }),
                event(Side::Server, syn_ack_us, What::State(TcpState::SynRecv)),
                event(Side::Server, syn_ack_us, What::Send { segment: Segment::SynAck, copy: 0, lost: true }),
            ],
            ends: vec![End { window: Window::exactly(1_030_000), side: Side::Server, outcome: Outcome::Gone }],
            alternatives: Vec::new(),
        };
        assert!(compare(&half_open, &seen(30_000), &late(25_000)).agrees());
        assert!(!compare(&half_open, &seen(60_000), &late(25_000)).agrees());
    }

    #[test]
    fn a_machine_that_stood_still_for_as_long_proves_nothing() {
        let conclusive = |seen: &Timeline, slept_us| {
            let slept = Punctuality { slept_us, ..Punctuality::default() };
            let comparison = compare(&predicted(1), seen, &slept);
            assert!(!comparison.agrees());
            comparison.conclusive
        };
        let late_by_30_ms = measured(&[0, 1_024_000, 2_100_000], 3_073_000);
        assert!(!conclusive(&late_by_30_ms, 49_000) && !conclusive(&late_by_30_ms, 30_000));
        assert!(conclusive(&late_by_30_ms, 29_999), "by more than this process overslept");
        let missing = measured(&[0, 1_024_000], 3_073_000);
        assert!(conclusive(&missing, 49_000), "no pause of the machine takes an event away");
        let late_by_5_ms = measured(&[0, 1_024_000, 2_075_000], 3_073_000);
        assert!(conclusive(&late_by_5_ms, 24_000), "the allowance has that already");
    }

    /// A keepalive that is answered goes on for ever and is shown in its beginning; what stays as it is has been shown.
    #[test]
    fn nothing_more_is_to_come_of_what_stays_as_it_is() {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let stays = forecast(&Scenario::established(host, &Settings::default()));
        let stray = |segment| Event {
            window: Window::exactly(9_000_000_000),
            side: Side::Client,
            what: What::Send { segment, copy: 0, lost: false },
        };
        let seen = |segment| Timeline { events: vec![stray(segment)], ends: Vec::new(), alternatives: Vec::new() };
        assert!(!compare(&stays, &seen(Segment::Rst), &late(0)).agrees());
        let mut kept = Scenario::established(host, &Settings::default());
        (kept.client.options.keepalive, kept.client.options.keepidle_s) = (true, Some(1));
        let rows = compare(&forecast(&kept), &seen(Segment::Keepalive), &late(0)).rows;
        assert!(rows.iter().all(|row| row.verdict == Verdict::Missing), "{rows:?}");
    }

    #[test]
    fn what_may_come_after_the_end_of_the_comparison_is_not_missed() {
        let verdicts = |times_us: &[u64], until_us| -> Vec<Verdict> {
            of_segments(compare_until(&predicted(1), &measured(times_us, 9_000_000), &late(0), until_us))
        };
        assert_eq!(verdicts(&[0, 1_024_000], 1_500_000), [Verdict::Inside, Verdict::Inside]);
        assert_eq!(verdicts(&[0], 1_020_000), [Verdict::Inside]);
        assert_eq!(verdicts(&[0], 1_500_000), [Verdict::Inside, Verdict::Missing]);
        assert_eq!(verdicts(&[0, 1_024_000, 1_100_000], 1_500_000).last(), Some(&Verdict::Extra));
    }
}
