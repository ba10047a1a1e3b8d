//! A flood that was played beside its prediction, figure by figure.
//!
//! The prediction is that of the flood as it was played: from the jiffies at its first SYN, with each SYN and the client's
//! connect() when they really were. Counts must lie between the least and the most that the model's courses have by the moment
//! at which they were counted; that moment is as uncertain as the kernel's timers are late, and no more.

use std::thread;

use super::compare::{KERNEL_ALLOWANCE_US, LOADED_ALLOWANCE_US, NOTICED_ALLOWANCE_US};
use super::flood_follow::FloodConditions;
use super::flood_plan::FloodPlan;
use super::flood_run::{PlayedFlood, play_flood};
use super::{LabError, Replays};
use crate::model::{Errno, FloodForecast, FloodMoments, Outcome, Span, Window, flood_moments, forecast_flood};

/// A flood with its prediction.
#[derive(Clone, Debug)]
pub struct FloodProof {
    /// The prediction of the whole flood, until its last request is gone.
    pub predicted: FloodForecast,
    /// What the kernel did.
    pub played: PlayedFlood,
    /// Figure by figure.
    pub rows: Vec<FloodRow>,
    /// Whether the process kept the flood's pace, so that the comparison means something.
    pub conclusive: bool,
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodRow {
    /// Which.
    pub figure: FloodFigure,
    /// What was to be seen; nothing where the figure was not to have a value.
    pub predicted: Option<FloodExpected>,
    /// What was seen; nothing if it was not.
    pub measured: Option<FloodSeen>,
    /// How it fared.
    pub verdict: FloodVerdict,
}

/// Figures of a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FloodFigure {
    /// Most half-open requests at a time.
    HalfOpenPeak,
    /// When the queue was full for the first time.
    FullAt,
    /// `SyncookiesSent`.
    CookiesSent,
    /// `ListenDrops`.
    Dropped,
    /// `TCPReqQFullDrop`.
    QueueFullDrops,
    /// SYN-ACKs on the wire.
    SynAcks,
    /// Looks at the number of half-open requests that found what was to be found then.
    Looks,
    /// Half-open requests at the end of the run.
    HalfOpenLeft,
    /// When the last one was gone.
    LastGone,
    /// When the client's connect() returned, from its call.
    ClientServed,
    /// How many of the client's SYNs were answered by a cookie.
    ClientCookies,
}

/// What was to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloodExpected {
    /// So many.
    Count(Span),
    /// Then, in microseconds.
    Time(Window),
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloodSeen {
    /// So many.
    Count(u64),
    /// At a moment of this window, in microseconds.
    Time(Window),
}

/// How a figure fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloodVerdict {
    /// As predicted.
    Inside,
    /// Earlier, by so many microseconds.
    Early(u64),
    /// Later, by so many microseconds.
    Late(u64),
    /// Fewer than predicted, by so many.
    Fewer(u64),
    /// More than predicted, by so many.
    More(u64),
    /// It should have happened and did not.
    Missing,
    /// It happened and should not have.
    Extra,
    /// It was not to happen while the flood was played, and did not.
    Later,
}

impl FloodVerdict {
    /// Whether it contradicts the prediction.
    #[must_use]
    pub const fn is_wrong(self) -> bool {
        !matches!(self, Self::Inside | Self::Later)
    }
}

impl FloodProof {
    /// Whether nothing contradicts the prediction.
    #[must_use]
    pub fn agrees(&self) -> bool {
        !self.rows.iter().any(|row| row.verdict.is_wrong())
    }
}

/// Plays floods side by side, each in namespaces of its own, and holds them against their predictions. If the process
/// could not keep the pace of one of them, all are played again ([`Replays`]). Those that were stopped are judged by what was
/// played of them.
///
/// # Errors
/// When one cannot be played.
pub fn prove_floods(plans: &[FloodPlan], conditions: &FloodConditions) -> Result<Vec<FloodProof>, LabError> {
    let mut replays = Replays::default();
    loop {
        let proofs = play_floods(plans, conditions)?;
        let again = proofs.iter().any(|proof| !proof.conclusive) && !proofs.iter().any(|proof| proof.played.stopped);
        if !again || !replays.once_more() {
            return Ok(proofs);
        }
    }
}

fn play_floods(plans: &[FloodPlan], conditions: &FloodConditions) -> Result<Vec<FloodProof>, LabError> {
    thread::scope(|scope| {
        let play = |(place, plan)| {
            let player = move || play_flood(plan, place, conditions);
            thread::Builder::new().spawn_scoped(scope, player).map_err(LabError::Wire)
        };
        let players: Vec<_> = plans.iter().enumerate().map(play).collect::<Result<_, _>>()?;
        let played = players.into_iter().map(|player| player.join().unwrap_or(Err(LabError::NotReady("a thread"))));
        played.map(|played| Ok(judge_flood(played?))).collect()
    })
}

/// Holds a flood that was played against its prediction.
#[must_use]
pub fn judge_flood(mut played: PlayedFlood) -> FloodProof {
    if played.stopped {
        // A shorter flood, then.
        played.plan.count = played.sent;
    }
    let called_us = played.client.called_us.unwrap_or(u64::MAX);
    let flood = played.plan.flood(called_us, Some(played.pace.clone()));
    let (predicted, moments) = (forecast_flood(&flood), flood_moments(&flood));
    let punctuality = played.punctuality;
    // The model keeps the SYNs of a tick together; where it is not known when ticks are, time 0 is somewhere in one.
    let tick_us = played.plan.host.hz.map_or(TICK_MOST_US, |hz| 1_000_000 / u64::from(hz.get()));
    let begins_us = tick_us + if played.pace.jiffies.is_some() { GRID_US } else { TICK_MOST_US };
    let allowance_us = if punctuality.is_loaded() { LOADED_ALLOWANCE_US } else { KERNEL_ALLOWANCE_US };
    let judge = Judge {
        predicted: &predicted,
        moments: &moments,
        played: &played,
        late_us: punctuality.wire_us.saturating_add(allowance_us),
        early_us: punctuality.tick_us.saturating_add(begins_us),
    };
    let rows = judge.rows();
    FloodProof { predicted, rows, conclusive: punctuality.is_conclusive() && played.sent == played.plan.count, played }
}

/// The longest tick there is, that of 100 a second.
const TICK_MOST_US: u64 = 10_000;
/// How exactly it is known when ticks are.
const GRID_US: u64 = 1_000;

/// What a flood is judged by.
struct Judge<'a> {
    predicted: &'a FloodForecast,
    moments: &'a FloodMoments,
    played: &'a PlayedFlood,
    /// How much later than predicted something may be seen.
    late_us: u64,
    /// How much earlier.
    early_us: u64,
}

impl Judge<'_> {
    fn rows(&self) -> Vec<FloodRow> {
        let sums = self.moments.sums(self.moment(self.played.counted_at));
        let counts = &self.played.counts;
        let queue_full = if self.predicted.drops_count_as_full() { sums.dropped } else { Span::default() };
        let bands = self.bands();
        let mut rows = vec![peak_row(&bands)];
        rows.extend(self.full_row(&bands));
        rows.extend([
            count_row(FloodFigure::CookiesSent, sums.cookies_sent, counts.cookies_sent),
            count_row(FloodFigure::Dropped, sums.dropped, counts.listen_drops),
            count_row(FloodFigure::QueueFullDrops, queue_full, counts.queue_full_drops),
            count_row(FloodFigure::SynAcks, sums.syn_acks_sent, counts.syn_acks),
            looks_row(&bands),
        ]);
        let left = self.moments.half_open(self.moment(self.played.counted_at));
        rows.push(count_row(FloodFigure::HalfOpenLeft, left, counts.half_open));
        rows.extend(self.gone_row());
        rows.extend(self.client_row());
        rows.extend(self.cookie_row());
        rows
    }

    /// When something that was seen in a window had happened by the model's time.
    const fn moment(&self, seen: Window) -> Window {
        Window {
            at_us: seen.at_us.saturating_sub(self.late_us),
            latest_us: seen.latest_us.saturating_add(self.early_us),
        }
    }

    /// Each look with what was to be found.
    fn bands(&self) -> Vec<Band> {
        let looks = self.played.looks.iter();
        looks.map(|(seen, found)| (*seen, *found, self.moments.half_open(self.moment(*seen)))).collect()
    }

    fn time_verdict(&self, seen: Window, predicted: Window, late_us: u64) -> FloodVerdict {
        let (first_us, last_us) = (seen.latest_us.saturating_add(self.early_us), predicted.latest_us + late_us);
        if first_us < predicted.at_us {
            FloodVerdict::Early(predicted.at_us - first_us)
        } else if seen.at_us > last_us {
            FloodVerdict::Late(seen.at_us - last_us)
        } else {
            FloodVerdict::Inside
        }
    }

    /// The first look that finds no room, if the queue is to be full or is.
    fn full_row(&self, bands: &[Band]) -> Option<FloodRow> {
        let capacity = self.predicted.limits.half_open_capacity;
        let predicted = self.moments.full_at();
        let measured = first_seen(bands, |level| level >= capacity).filter(|_| capacity > 0);
        let surely = bands.iter().any(|(_, _, band)| capacity > 0 && band.least >= capacity);
        let verdict = match (predicted, measured) {
            (None, None) => return None,
            (None, Some(_)) => FloodVerdict::Extra,
            (Some(_), None) if surely => FloodVerdict::Missing,
            // Between two looks it may be full for a moment.
            (Some(_), None) => FloodVerdict::Later,
            (Some(predicted), Some(seen)) => self.time_verdict(seen, predicted, self.late_us),
        };
        Some(time_row(FloodFigure::FullAt, predicted, measured, verdict))
    }

    fn gone_row(&self) -> Option<FloodRow> {
        let predicted = self.predicted.last_gone;
        let last = self.played.looks.iter().rposition(|(_, found)| *found > 0);
        let next = last.and_then(|last| self.played.looks.get(last + 1));
        let measured = last.and_then(|last| self.played.looks.get(last)).zip(next);
        let measured = measured.map(|((before, _), (after, _))| before.hull(*after));
        let verdict = match (predicted, measured) {
            (None, None) => return None,
            (None, Some(_)) => FloodVerdict::Extra,
            (Some(predicted), None) => self.awaited(predicted, 0, self.late_us),
            (Some(predicted), Some(seen)) => self.time_verdict(seen, predicted, self.late_us),
        };
        Some(time_row(FloodFigure::LastGone, predicted, measured, verdict))
    }

    /// What was not seen of something that counts from `from_us` on.
    const fn awaited(&self, predicted: Window, from_us: u64, late_us: u64) -> FloodVerdict {
        let latest_us = from_us.saturating_add(predicted.latest_us).saturating_add(late_us);
        if latest_us < self.played.counted_at.at_us { FloodVerdict::Missing } else { FloodVerdict::Later }
    }

    fn client_row(&self) -> Option<FloodRow> {
        const CERTAIN_PPM: u64 = 1_000_000;
        let called_us = self.played.client.called_us?;
        let (client, said) = (self.played.client, self.predicted.legitimate);
        let late_us = self.late_us.saturating_add(NOTICED_ALLOWANCE_US);
        let measured = client.returned.map(|(took_us, _)| Window::exactly(took_us));
        let verdict = match client.returned {
            None => self.awaited(said.possible, called_us, late_us),
            Some((took_us, errno)) => {
                let outcome = errno.map_or(Outcome::Established, Outcome::Failed);
                let tie = (1..CERTAIN_PPM).contains(&said.chance_ppm);
                if outcome == said.outcome
                    || (tie && matches!(outcome, Outcome::Established | Outcome::Failed(Errno::TimedOut)))
                {
                    self.time_verdict(Window::exactly(took_us), said.possible, late_us)
                } else {
                    FloodVerdict::Extra
                }
            }
        };
        Some(time_row(FloodFigure::ClientServed, Some(said.possible), measured, verdict))
    }

    /// Whether the client is served by a cookie follows from whether there was room when its SYN came.
    fn cookie_row(&self) -> Option<FloodRow> {
        let client = self.played.client;
        if !matches!(client.returned, Some((_, None))) || self.played.plan.settings.syncookies == 0 {
            return None;
        }
        let capacity = self.predicted.limits.half_open_capacity;
        let came_us = client.called_us?.saturating_add(self.played.plan.rtt_us / 2);
        let band = self.moments.half_open(self.moment(Window::exactly(came_us)));
        let expected = Span { least: u64::from(band.least >= capacity), most: u64::from(band.most >= capacity) };
        Some(count_row(FloodFigure::ClientCookies, expected, client.cookies))
    }
}

/// A look: when, what it found, and what was to be found.
type Band = (Window, u64, Span);

fn time_row(
    figure: FloodFigure,
    predicted: Option<Window>,
    measured: Option<Window>,
    verdict: FloodVerdict,
) -> FloodRow {
    FloodRow { figure, predicted: predicted.map(FloodExpected::Time), measured: measured.map(FloodSeen::Time), verdict }
}

fn count_row(figure: FloodFigure, predicted: Span, measured: u64) -> FloodRow {
    let verdict = match measured {
        fewer if fewer < predicted.least => FloodVerdict::Fewer(predicted.least - fewer),
        more if more > predicted.most => FloodVerdict::More(more - predicted.most),
        _ => FloodVerdict::Inside,
    };
    FloodRow {
        figure,
        predicted: Some(FloodExpected::Count(predicted)),
        measured: Some(FloodSeen::Count(measured)),
        verdict,
    }
}

/// The highest number found, beside the highest that was to be found by looking then.
fn peak_row(bands: &[Band]) -> FloodRow {
    let least = bands.iter().map(|(_, _, band)| band.least).max().unwrap_or(0);
    let most = bands.iter().map(|(_, _, band)| band.most).max().unwrap_or(0);
    let found = bands.iter().map(|(_, found, _)| *found).max().unwrap_or(0);
    count_row(FloodFigure::HalfOpenPeak, Span { least, most }, found)
}

fn looks_row(bands: &[Band]) -> FloodRow {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let right = bands.iter().filter(|(_, found, band)| (band.least..=band.most).contains(found)).count();
    let all = count(bands.len());
    count_row(FloodFigure::Looks, Span { least: all, most: all }, count(right))
}

/// Between which two looks something was so for the first time.
fn first_seen(bands: &[Band], so: impl Fn(u64) -> bool) -> Option<Window> {
    let first = bands.iter().position(|(_, found, _)| so(*found))?;
    let (seen, ..) = bands.get(first)?;
    let before = first.checked_sub(1).and_then(|before| bands.get(before));
    Some(before.map_or(*seen, |(before, ..)| before.hull(*seen)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{FloodCounts, PlayedClient, Punctuality};
    use crate::model::{Host, PlayedPace, Settings};
    use crate::units::{Hz, KernelVersion};

    /// 300 SYNs at 1000/s against a backlog of 128; requests without retries. The looks find what the model says, so that
    /// one thing can be wrong at a time.
    fn played() -> PlayedFlood {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let settings = Settings { synack_retries: 0, ..Settings::default() };
        let plan = FloodPlan::new(host, &settings, None, None, Some(300), 0).unwrap();
        let pace = PlayedPace { jiffies: Some(5), ..PlayedPace::default() };
        let moments = flood_moments(&plan.flood(150_000, Some(pace.clone())));
        let look = |at_us| (Window::exactly(at_us), moments.half_open(Window::exactly(at_us)).least);
        PlayedFlood {
            sent: 300,
            counts: FloodCounts { syn_acks: 300, cookies_sent: 171, queue_full_cookies: 171, ..FloodCounts::default() },
            counted_at: Window::exactly(1_400_000),
            looks: (0..140).map(|turn| look(turn * 10_000)).collect(),
            client: PlayedClient {
                called_us: Some(150_000),
                returned: Some((200, None)),
                syns: 1,
                cookies: 1,
                dropped: 0,
            },
            pace,
            pins: Vec::new(),
            not_set: Vec::new(),
            punctuality: Punctuality::default(),
            frames: Vec::new(),
            stopped: false,
            plan,
        }
    }

    fn wrong(edit: impl FnOnce(&mut PlayedFlood)) -> Vec<(FloodFigure, FloodVerdict)> {
        let mut played = played();
        edit(&mut played);
        let rows = judge_flood(played).rows;
        rows.into_iter().filter(|row| row.verdict.is_wrong()).map(|row| (row.figure, row.verdict)).collect()
    }

    #[test]
    fn what_the_model_says_agrees_and_each_other_number_does_not() {
        use FloodFigure::{ClientCookies, ClientServed, CookiesSent, Dropped, HalfOpenLeft, Looks, SynAcks};
        use FloodVerdict::{Extra, Fewer, Late, More};
        assert_eq!(wrong(|_| {}), []);
        assert_eq!(wrong(|played| played.counts.cookies_sent -= 1), [(CookiesSent, Fewer(1))]);
        assert_eq!(wrong(|played| played.counts.listen_drops += 2), [(Dropped, More(2))]);
        assert_eq!(wrong(|played| played.counts.syn_acks += 1), [(SynAcks, More(1))]);
        assert_eq!(wrong(|played| played.counts.half_open = 1), [(HalfOpenLeft, More(1))]);
        assert_eq!(wrong(|played| played.looks[50].1 -= 1), [(Looks, Fewer(1))]);
        assert_eq!(wrong(|played| played.client.cookies = 0), [(ClientCookies, Fewer(1))]);
        let late = |played: &mut PlayedFlood| played.client.returned = Some((1_000_000, None));
        assert_eq!(wrong(late), [(ClientServed, Late(965_000))]);
        let failed = |played: &mut PlayedFlood| played.client.returned = Some((200, Some(Errno::TimedOut)));
        assert_eq!(wrong(failed), [(ClientServed, Extra)]);
    }

    #[test]
    fn what_does_not_happen_is_missed_only_where_it_was_awaited() {
        let silent = |played: &mut PlayedFlood| played.client.returned = None;
        assert_eq!(wrong(silent), [(FloodFigure::ClientServed, FloodVerdict::Missing)]);
        // The requests live on: seen by every look after their time, and at the end.
        let immortal = |played: &mut PlayedFlood| {
            played.looks.iter_mut().skip(100).for_each(|(_, level)| *level = 129);
            played.counts.half_open = 129;
        };
        let figures: Vec<_> = wrong(immortal).into_iter().map(|(figure, _)| figure).collect();
        assert_eq!(figures, [FloodFigure::Looks, FloodFigure::HalfOpenLeft, FloodFigure::LastGone]);
        // Cut before they die, nothing is missed.
        let cut = |played: &mut PlayedFlood| {
            played.looks.truncate(90);
            played.counts.half_open = 129;
            played.counted_at = Window::exactly(900_000);
        };
        assert_eq!(wrong(cut), []);
    }

    #[test]
    fn a_flood_that_was_stopped_is_judged_by_what_was_played() {
        let stopped = |played: &mut PlayedFlood| {
            (played.sent, played.stopped) = (100, true);
            played.counts = FloodCounts { syn_acks: 100, half_open: 100, ..FloodCounts::default() };
            played.counted_at = Window::exactly(99_500);
            played.looks.truncate(10);
            played.client = PlayedClient::default();
        };
        assert_eq!(wrong(stopped), []);
        let mut played = played();
        stopped(&mut played);
        played.counts.half_open = 50;
        let proof = judge_flood(played);
        assert!(proof.conclusive && !proof.agrees());
        assert!(proof.rows.iter().all(|row| row.figure != FloodFigure::ClientServed), "it has not called connect()");
    }

    #[test]
    fn a_flood_that_was_late_or_cut_short_proves_nothing() {
        let conclusive = |edit: fn(&mut PlayedFlood)| {
            let mut played = played();
            edit(&mut played);
            judge_flood(played).conclusive
        };
        assert!(conclusive(|_| {}));
        assert!(!conclusive(|played| played.punctuality.wire_us = 60_000));
        assert!(!conclusive(|played| played.sent -= 1));
    }
}
