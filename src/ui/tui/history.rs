//! What was seen lately, for peaks and graphs.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use super::facts::SeriesId;
use super::graph::Point;
use crate::snapshot::{Counters, Listener, Netns, Snapshot, SocketSource, Sockets};

/// Who a listener is, for as long as it lives: the kernel's cookie, or address and inode without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListenerId {
    address: IpAddr,
    port: u16,
    interface: u32,
    cookie: u64,
    inode: u64,
}

impl ListenerId {
    /// The identity of a listener.
    pub(super) fn of(listener: &Listener) -> Self {
        let Listener { address, port, interface, cookie, inode, .. } = *listener;
        // With a cookie the inode is not needed, and it can be unreadable now and then.
        Self { address, port, interface, cookie, inode: if cookie == 0 { inode } else { 0 } }
    }
}

/// What a listener's history keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListenerSample {
    /// Accept queue.
    pub(super) accept_queue: Option<u64>,
    /// Half-open entries.
    pub(super) half_open: u64,
    /// Drops since it was made.
    pub(super) drops: Option<u64>,
}

/// One reading, or the failure of one.
#[derive(Clone, Debug)]
struct Sample {
    unix_ms: u64,
    monotonic_ms: u64,
    /// Nothing when the whole reading failed.
    series: Option<BTreeMap<SeriesId, i64>>,
    /// Nothing when they were not read, and when they are kept no longer.
    listeners: Option<BTreeMap<ListenerId, ListenerSample>>,
    /// Whether a listener that is not among these was not there. Where sockets are missing, or come from tables without
    /// cookies, it may be one that was there under the same name or another.
    tells_all_listeners: bool,
    /// Of what this is: from one network namespace to another nothing rises.
    netns: Option<Netns>,
}

/// The readings of the last ten minutes; of listeners the last two.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    samples: VecDeque<Sample>,
    /// The processors' counters in the last reading, and what was dropped on all of them since the first. The sum of their
    /// counters is none: one that comes brings what it has counted long ago, and each begins anew at 2^32.
    softnet: Option<(Counters, u64)>,
}

/// How long readings are kept.
pub(super) const KEEP_MS: u64 = 600_000;
/// How long the figures of each listener are kept, since there may be thousands.
pub(super) const KEEP_LISTENERS_MS: u64 = 120_000;
/// At most so many, whatever the interval.
const KEEP_SAMPLES: usize = 2400;

/// A stretch of history in equal columns, ending at a time. Columns lie at multiples of their own length, so
/// that a graph moves by whole columns and does not shimmer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// End, milliseconds since 1970.
    pub(super) until_unix_ms: u64,
    /// Length.
    pub(super) length_ms: u64,
    /// Columns.
    pub(super) columns: usize,
}

impl History {
    /// Adds a reading.
    pub(super) fn push(&mut self, snapshot: &Snapshot) {
        let mut series: BTreeMap<SeriesId, i64> =
            SeriesId::all().filter_map(|id| Some((id, id.read(snapshot)?))).collect();
        series.remove(&SeriesId::SoftnetDropped);
        let dropped = self.dropped_in_all(snapshot).and_then(|dropped| i64::try_from(dropped).ok());
        series.extend(dropped.map(|dropped| (SeriesId::SoftnetDropped, dropped)));
        let listeners = |sockets: &Sockets| {
            let listed = sockets.listeners.iter();
            listed.map(|listener| (ListenerId::of(listener), listener_sample(listener))).collect()
        };
        self.add(Sample {
            unix_ms: snapshot.taken_unix_ms,
            monotonic_ms: snapshot.monotonic_ms,
            series: Some(series),
            listeners: snapshot.sockets.as_ref().map(listeners),
            tells_all_listeners: tells_all_listeners(snapshot),
            netns: Some(Netns { name: None, ..snapshot.netns.clone() }),
        });
    }

    /// What all processors dropped since the first reading; nothing when this or the one before does not tell.
    fn dropped_in_all(&mut self, snapshot: &Snapshot) -> Option<u64> {
        let rows = snapshot.counters.softnet.clone();
        let before = self.softnet.take();
        let now = Counters { softnet: Some(rows?), ..Counters::default() };
        let dropped = match &before {
            None => Some(0),
            Some((before, sum)) => now.softnet_dropped_since(before).map(|more| sum.saturating_add(more)),
        };
        self.softnet = Some((now, dropped.unwrap_or(0)));
        dropped
    }

    /// Notes that a reading failed.
    pub(super) fn push_hole(&mut self, unix_ms: u64) {
        self.add(Sample {
            unix_ms,
            monotonic_ms: 0,
            series: None,
            listeners: None,
            tells_all_listeners: false,
            netns: None,
        });
    }

    fn add(&mut self, sample: Sample) {
        let now = sample.unix_ms;
        self.samples.push_back(sample);
        while self.samples.front().is_some_and(|oldest| oldest.unix_ms.saturating_add(KEEP_MS) < now)
            || self.samples.len() > KEEP_SAMPLES
        {
            self.samples.pop_front();
        }
        let old = |sample: &&mut Sample| sample.unix_ms.saturating_add(KEEP_LISTENERS_MS) < now;
        for sample in self.samples.iter_mut().take_while(old) {
            sample.listeners = None;
        }
    }

    /// A gauge's readings over a span.
    pub(super) fn gauge(&self, id: SeriesId, span: Span) -> Vec<Point> {
        self.columns(span, |_, sample| sample.reading(id).and_then(|value| u64::try_from(value).ok()))
    }

    /// A counter's growth over a span, in thousandths per second.
    pub(super) fn rate(&self, id: SeriesId, span: Span) -> Vec<Point> {
        self.columns(span, |before, sample| rate_between(before?, sample, id))
    }

    /// A counter's growth between the last two readings up to a time, in thousandths per second.
    pub(super) fn rate_now(&self, id: SeriesId, until_unix_ms: u64) -> Option<u64> {
        let (before, last) = self.last_two(until_unix_ms)?;
        rate_between(before, last, id)
    }

    /// Growth of one counter in thousandths of a per cent of another's, between the last two readings.
    pub(super) fn share_now(&self, part: SeriesId, whole: SeriesId, until_unix_ms: u64) -> Option<u64> {
        let (before, last) = self.last_two(until_unix_ms)?;
        share_between(before, last, part, whole)
    }

    /// How much two counters grew together between the last two readings.
    pub(super) fn grown_now(&self, one: SeriesId, other: SeriesId, until_unix_ms: u64) -> Option<u64> {
        let (before, last) = self.last_two(until_unix_ms)?;
        last.grown_since(before, one)?.checked_add(last.grown_since(before, other)?)
    }

    /// Growth of one counter in thousandths of a per cent of another's, over a span.
    pub(super) fn share(&self, part: SeriesId, whole: SeriesId, span: Span) -> Vec<Point> {
        self.columns(span, |before, sample| share_between(before?, sample, part, whole))
    }

    /// Whether there are two readings up to a time, so that there can be rates.
    pub(super) fn has_interval(&self, until_unix_ms: u64) -> bool {
        self.last_two(until_unix_ms).is_some()
    }

    /// A listener's own drops in thousandths per second between the last two readings.
    pub(super) fn listener_drops_now(&self, id: &ListenerId, until_unix_ms: u64) -> Option<u64> {
        let (before, last) = self.last_two(until_unix_ms)?;
        listener_drops(before, last, id)
    }

    /// A figure of a listener over a span.
    pub(super) fn listener(
        &self,
        id: &ListenerId,
        span: Span,
        figure: fn(&ListenerSample) -> Option<u64>,
    ) -> Vec<Point> {
        self.columns(span, |_, sample| sample.listeners.as_ref()?.get(id).and_then(figure))
    }

    /// A listener's drops over a span, in thousandths per second.
    pub(super) fn listener_drop_rate(&self, id: &ListenerId, span: Span) -> Vec<Point> {
        self.columns(span, |before, sample| listener_drops(before?, sample, id))
    }

    /// The last two readings that worked, at or before a time.
    fn last_two(&self, until_unix_ms: u64) -> Option<(&Sample, &Sample)> {
        let mut good = self.samples.iter().rev().filter(|s| s.series.is_some() && s.unix_ms <= until_unix_ms);
        let last = good.next()?;
        Some((good.next()?, last))
    }

    /// The highest value in each column. A reading stands for the time since the one before it.
    fn columns(&self, span: Span, value: impl Fn(Option<&Sample>, &Sample) -> Option<u64>) -> Vec<Point> {
        let column_ms = (span.length_ms / span.columns.max(1) as u64).max(1);
        let last_column = span.until_unix_ms / column_ms;
        let first_column = (last_column + 1).saturating_sub(span.columns as u64);
        let mut points = vec![Point::Before; span.columns];
        let mut before: Option<&Sample> = None;
        for sample in self.samples.iter().filter(|sample| sample.unix_ms <= span.until_unix_ms) {
            let end = sample.unix_ms / column_ms;
            let start = before.map_or(end, |before| (before.unix_ms / column_ms + 1).min(end));
            let point = match value(before.filter(|before| before.series.is_some()), sample) {
                Some(value) => Point::Value(value),
                // The first rate needs two readings: that is not a hole.
                None if before.is_none() && sample.series.is_some() => Point::Before,
                None => Point::Hole,
            };
            for column in start.max(first_column)..=end {
                let place = column.checked_sub(first_column).and_then(|at| usize::try_from(at).ok());
                if let Some(slot) = place.and_then(|at| points.get_mut(at)) {
                    *slot = higher(*slot, point);
                }
            }
            before = Some(sample);
        }
        // The newest column may not have been reached yet: its reading is the last one.
        if let [.., earlier, last @ Point::Before] = points.as_mut_slice() {
            *last = *earlier;
        }
        points
    }
}

impl Sample {
    fn reading(&self, id: SeriesId) -> Option<i64> {
        self.series.as_ref()?.get(&id).copied()
    }

    /// How long after another one of the same namespace, in milliseconds; nothing where it is of another one.
    fn ms_since(&self, before: &Self) -> Option<u64> {
        let is_another = self.netns.as_ref().zip(before.netns.as_ref()).is_some_and(|(now, old)| now.is_another(old));
        self.monotonic_ms.checked_sub(before.monotonic_ms).filter(|ms| *ms > 0 && !is_another)
    }

    /// How much a counter rose. One that went back (it was set anew) tells nothing.
    fn grown_since(&self, before: &Self, id: SeriesId) -> Option<u64> {
        self.ms_since(before)?;
        u64::try_from(self.reading(id)?.checked_sub(before.reading(id)?)?).ok()
    }
}

fn listener_sample(listener: &Listener) -> ListenerSample {
    ListenerSample {
        accept_queue: listener.accept_queue.map(u64::from),
        half_open: listener.half_open,
        drops: listener.drops.total().map(u64::from),
    }
}

/// A hole shows in a column even where another reading of the same column worked.
fn higher(one: Point, other: Point) -> Point {
    match (one, other) {
        (Point::Hole, _) | (_, Point::Hole) => Point::Hole,
        (Point::Before, point) | (point, Point::Before) => point,
        (Point::Value(a), Point::Value(b)) => Point::Value(a.max(b)),
    }
}

/// Growth per second in thousandths.
fn per_second(grown: u64, elapsed_ms: u64) -> Option<u64> {
    u64::try_from((u128::from(grown) * 1_000_000).checked_div(u128::from(elapsed_ms))?).ok()
}

fn rate_between(before: &Sample, after: &Sample, id: SeriesId) -> Option<u64> {
    per_second(after.grown_since(before, id)?, after.ms_since(before)?)
}

fn share_between(before: &Sample, after: &Sample, part: SeriesId, whole: SeriesId) -> Option<u64> {
    let (part, whole) = (u128::from(after.grown_since(before, part)?), u128::from(after.grown_since(before, whole)?));
    if whole == 0 {
        return Some(if part == 0 { 0 } else { 100_000 });
    }
    u64::try_from(part * 100_000 / whole).ok().map(|share| share.min(100_000))
}

fn tells_all_listeners(snapshot: &Snapshot) -> bool {
    let is_table = |sockets: &Sockets| sockets.source == SocketSource::ProcNetTcp;
    !snapshot.misses_sockets() && !snapshot.sockets.as_ref().is_some_and(is_table)
}

fn listener_drops(before: &Sample, after: &Sample, id: &ListenerId) -> Option<u64> {
    // A listener that was not there before has dropped what it has dropped since it was made. Where nobody looked, or not
    // at all of them, nothing is known.
    let earlier = match before.listeners.as_ref()?.get(id) {
        Some(sample) => sample.drops?,
        None if before.tells_all_listeners => 0,
        None => return None,
    };
    let later = after.listeners.as_ref()?.get(id)?.drops?;
    // sk_drops has 32 bits and may wrap. By more than half of that it does not rise between two readings: it fell.
    let grown = u32::try_from(later).ok()?.wrapping_sub(u32::try_from(earlier).ok()?);
    if grown > 1 << 31 {
        return None;
    }
    per_second(grown.into(), after.ms_since(before)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Gap, GapKind};
    use crate::units::TcpState;

    fn history(readings: &[(u64, Option<i64>)]) -> History {
        let mut history = History::default();
        for &(s, value) in readings {
            history.add(Sample {
                unix_ms: s * 1000,
                monotonic_ms: s * 1000,
                series: value.map(|value| BTreeMap::from([(SeriesId::TcpExt("ListenDrops"), value)])),
                listeners: None,
                tells_all_listeners: true,
                netns: None,
            });
        }
        history
    }

    const SPAN: Span = Span { until_unix_ms: 9_000, length_ms: 10_000, columns: 10 };

    #[test]
    fn a_rate_is_growth_over_the_time_that_passed() {
        let history = history(&[(0, Some(100)), (2, Some(110))]);
        assert_eq!(history.rate_now(SeriesId::TcpExt("ListenDrops"), 9_000), Some(5000));
    }

    #[test]
    fn the_first_reading_has_no_rate_and_an_absent_counter_never_has() {
        assert_eq!(history(&[(0, Some(7))]).rate_now(SeriesId::TcpExt("ListenDrops"), 9_000), None);
        assert!(!history(&[(0, Some(7))]).has_interval(9_000));
        assert_eq!(history(&[(0, Some(7)), (1, Some(8))]).rate_now(SeriesId::Tcp("OutRsts"), 9_000), None);
    }

    #[test]
    fn a_failed_reading_is_a_hole_and_not_a_zero() {
        let history = history(&[(5, Some(0)), (6, Some(0)), (7, None), (8, Some(4)), (9, Some(4))]);
        use Point::{Before, Hole, Value};
        let rates = history.rate(SeriesId::TcpExt("ListenDrops"), SPAN);
        assert_eq!(rates, [Before, Before, Before, Before, Before, Before, Value(0), Hole, Hole, Value(0)]);
        let gauge = history.gauge(SeriesId::TcpExt("ListenDrops"), SPAN);
        assert_eq!(gauge.get(5..), Some([Value(0), Value(0), Hole, Value(4), Value(4)].as_slice()));
    }

    #[test]
    fn a_frozen_picture_does_not_see_later_readings() {
        let history = history(&[(1, Some(0)), (2, Some(10)), (3, Some(1000))]);
        assert_eq!(history.rate_now(SeriesId::TcpExt("ListenDrops"), 2_000), Some(10_000));
    }

    #[test]
    fn memory_is_bounded_in_time_and_number() {
        let mut history = History::default();
        for s in 0..2000 {
            history.push_hole(s * 1000);
        }
        assert_eq!(history.samples.len(), 601);
        for ms in 0..5000 {
            history.push_hole(2_000_000 + ms);
        }
        assert!(history.samples.len() <= KEEP_SAMPLES);
    }

    /// When in seconds, what the listener dropped if sockets were read, and what each processor did.
    type Pushed<'a> = (u64, Option<u32>, &'a [(u32, u64)]);

    fn pushed(readings: &[Pushed<'_>]) -> History {
        let stored = include_str!("../../../tests/data/snapshots/version-1.json");
        let mut history = History::default();
        for (s, drops, cpus) in readings {
            let mut snapshot = crate::snapshot::parse_stored(stored).unwrap().last().clone();
            (snapshot.taken_unix_ms, snapshot.monotonic_ms) = (s * 1000, s * 1000);
            let row = |&(cpu, dropped): &(u32, u64)| crate::snapshot::SoftnetCpu {
                cpu: Some(cpu),
                processed: 0,
                dropped,
                time_squeeze: 0,
            };
            snapshot.counters.softnet = Some(cpus.iter().map(row).collect());
            match drops {
                None => snapshot.sockets = None,
                Some(drops) => {
                    let listener = &mut snapshot.sockets.as_mut().unwrap().listeners[0];
                    (listener.cookie, listener.drops) = (9, crate::snapshot::Drops::Total(*drops));
                }
            }
            history.push(&snapshot);
        }
        history
    }

    fn only_listener(history: &History) -> ListenerId {
        *history.samples.iter().find_map(|sample| sample.listeners.as_ref()?.keys().next()).unwrap()
    }

    #[test]
    fn a_listener_that_nobody_looked_at_has_not_dropped_all_of_its_drops_since() {
        let history = pushed(&[(1, Some(5000), &[]), (2, None, &[]), (3, Some(5004), &[]), (4, Some(5006), &[])]);
        let id = only_listener(&history);
        let now = |s: u64| history.listener_drops_now(&id, s * 1000);
        assert_eq!([now(2), now(3), now(4)], [None, None, Some(2000)]);
        // The figures of listeners are kept for less long than the rest.
        let history =
            pushed(&[(1, Some(5000), &[]), (2, Some(5001), &[]), (121, Some(5002), &[]), (123, Some(5003), &[])]);
        let span = Span { until_unix_ms: 123_000, length_ms: 124_000, columns: 124 };
        let rates = history.listener_drop_rate(&only_listener(&history), span);
        let most =
            rates.iter().filter_map(|point| if let Point::Value(rate) = point { Some(*rate) } else { None }).max();
        assert_eq!(most, Some(500), "{rates:?}");
        // Its counter has 32 bits.
        let history = pushed(&[(1, Some(u32::MAX), &[]), (2, Some(1), &[])]);
        assert_eq!(history.listener_drops_now(&only_listener(&history), 2000), Some(2000));
    }

    /// Readings one second apart of a host whose listener has dropped 77, the second one as `harm` leaves it.
    fn harmed(harm: impl Fn(&mut Snapshot)) -> History {
        let stored = include_str!("../../../tests/data/snapshots/version-1.json");
        let mut history = History::default();
        for s in 1..=3 {
            let mut snapshot = crate::snapshot::parse_stored(stored).unwrap().last().clone();
            (snapshot.taken_unix_ms, snapshot.monotonic_ms) = (s * 1000, s * 1000);
            let sockets = snapshot.sockets.as_mut().unwrap();
            sockets.source = SocketSource::SockDiag;
            sockets.states = BTreeMap::from([(TcpState::Estab, 5)]);
            (sockets.addresses, sockets.ports) = (Some(Vec::new()), Vec::new());
            let listener = &mut sockets.listeners[0];
            (listener.cookie, listener.drops) = (9, crate::snapshot::Drops::Total(77));
            if s == 2 {
                harm(&mut snapshot);
            }
            history.push(&snapshot);
        }
        history
    }

    fn lose_records(snapshot: &mut Snapshot) {
        snapshot.gaps.push(Gap::new("sock_diag", GapKind::Malformed, "1 of its records cannot be understood", ""));
    }

    #[test]
    fn a_listener_that_one_reading_lost_or_named_otherwise_has_not_dropped_all_of_its_drops_since() {
        let by_tables = harmed(|snapshot| {
            let sockets = snapshot.sockets.as_mut().unwrap();
            sockets.source = SocketSource::ProcNetTcp;
            let listener = &mut sockets.listeners[0];
            (listener.cookie, listener.drops) = (0, crate::snapshot::Drops::Unknown);
        });
        let lost = harmed(|snapshot| {
            snapshot.sockets.as_mut().unwrap().listeners.clear();
            lose_records(snapshot);
        });
        for history in [by_tables, lost] {
            let id = only_listener(&history);
            assert_eq!(history.listener_drops_now(&id, 3000), None);
        }
        // One that was made meanwhile has dropped all of them since.
        let made = harmed(|snapshot| snapshot.sockets.as_mut().unwrap().listeners.clear());
        assert_eq!(made.listener_drops_now(&only_listener(&made), 3000), Some(77_000));
        // One that is known is known, whatever others are missing.
        let others_lost = harmed(lose_records);
        assert_eq!(others_lost.listener_drops_now(&only_listener(&others_lost), 3000), Some(0));
    }

    #[test]
    fn drops_that_went_back_are_not_a_rise() {
        let history = pushed(&[(1, Some(10), &[]), (2, Some(3), &[])]);
        assert_eq!(history.listener_drops_now(&only_listener(&history), 2000), None);
    }

    #[test]
    fn counts_of_sockets_of_which_some_are_missing_are_holes() {
        let history = harmed(lose_records);
        let span = Span { until_unix_ms: 3000, length_ms: 3000, columns: 3 };
        use Point::{Hole, Value};
        assert_eq!(history.gauge(SeriesId::State(TcpState::Estab), span), [Value(5), Hole, Value(5)]);
        assert_eq!(history.gauge(SeriesId::FullestDestination, span), [Value(0), Hole, Value(0)]);
    }

    #[test]
    fn a_processor_that_comes_has_dropped_nothing_since_and_one_that_goes_hides_nothing() {
        let end = u64::from(u32::MAX);
        let history = pushed(&[
            (1, None, &[(0, 5)]),
            (2, None, &[(0, 6), (1, 90_000)]),
            (3, None, &[(0, 8), (1, end)]),
            (4, None, &[(0, 9), (1, 1)]),
            (5, None, &[(0, 12)]),
        ]);
        let now = |s: u64| history.rate_now(SeriesId::SoftnetDropped, s * 1000);
        let rise = end - 90_000 + 2;
        assert_eq!([now(2), now(3), now(4), now(5)], [Some(1000), Some(rise * 1000), Some(3000), Some(3000)]);
    }

    #[test]
    fn from_one_namespace_to_another_nothing_rises() {
        let mut history = history(&[(1, Some(10)), (2, Some(15))]);
        for (sample, cookie) in history.samples.iter_mut().zip([1, 2]) {
            sample.netns = Some(Netns { inode: Some(7), name: None, initial: None, cookie: Some(cookie) });
        }
        assert_eq!(history.rate_now(SeriesId::TcpExt("ListenDrops"), 9_000), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_clocks_and_counters_do_a_rate_is_of_what_rose_or_there_is_none(
            readings in proptest::collection::vec(
                (proptest::prelude::any::<u64>(), 0..20_000_u64, proptest::option::of(proptest::prelude::any::<i64>())),
                0..12,
            ),
            until: u64, columns in 0..40_usize,
        ) {
            let id = SeriesId::TcpExt("ListenDrops");
            let mut history = History::default();
            for &(unix_ms, monotonic_ms, total) in &readings {
                let series = total.map(|total| BTreeMap::from([(id, total)]));
                history.add(Sample {
                    unix_ms, monotonic_ms, series, listeners: None, tells_all_listeners: true, netns: None,
                });
            }
            for until_unix_ms in [until, u64::MAX, readings.last().map_or(0, |last| last.0)] {
                let span = Span { until_unix_ms, length_ms: 60_000, columns };
                proptest::prop_assert_eq!(history.rate(id, span).len(), columns);
                let expected = history.last_two(until_unix_ms).and_then(|(before, last)| {
                    let rise = last.reading(id)?.checked_sub(before.reading(id)?)?;
                    let ms = last.monotonic_ms.checked_sub(before.monotonic_ms).filter(|ms| *ms > 0)?;
                    Some(u128::try_from(rise).ok()? * 1_000_000 / u128::from(ms))
                });
                let expected = expected.and_then(|rate| u64::try_from(rate).ok());
                proptest::prop_assert_eq!(history.rate_now(id, until_unix_ms), expected);
            }
        }
    }

    #[test]
    fn a_counter_that_went_back_is_not_a_rate() {
        let id = SeriesId::TcpExt("ListenDrops");
        assert_eq!(history(&[(1, Some(10)), (2, Some(5))]).rate_now(id, 9_000), None);
        assert_eq!(history(&[(1, Some(10)), (1, Some(15))]).rate_now(id, 9_000), None, "no time passed");
    }
}
