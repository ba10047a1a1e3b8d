//! Plays scenarios on the kernel, one or many at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use super::bench::Bench;
use super::counters::{Moved, moved, read_counters};
use super::frame::Frame;
use super::network::Network;
use super::record::with_measured;
use super::{LabError, Punctuality};
use crate::model::{End, Event, Scenario, Side, Timeline};
use crate::sys::raise_priority;

/// Scenarios that are played at the same time begin this far apart, so that the timers of all do not fire in one tick.
const STAGGER: Duration = Duration::from_millis(7);
/// How long a scenario that nothing happens in goes on before it notices that it was told to stop.
pub(super) const STOP_NOTICED: Duration = Duration::from_millis(100);

/// How a scenario is to be played.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// For how long at the most.
    pub limit: Duration,
    /// Whether the packets are kept.
    pub capture: bool,
    /// Who wants to know of everything as soon as it is seen.
    pub follow: Option<Sender<Followed>>,
    /// Set, it ends the playing at once; what was seen until then is handed out.
    pub stop: Arc<AtomicBool>,
}

/// What somebody who follows a playing is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It begins, with what the connection has measured of the wire until then.
    Begins(Box<Scenario>),
    /// Something happened.
    Event(Event),
    /// A side ended in a way that no call reports.
    End(End),
}

impl Conditions {
    /// For at most so long, and nothing else.
    #[must_use]
    pub fn limited(limit: Duration) -> Self {
        Self { limit, capture: false, follow: None, stop: Arc::default() }
    }
}

/// A scenario as the kernel played it.
#[derive(Debug)]
pub struct Played {
    /// What happened, in windows of no width, but for states and ends that were seen between two looks.
    pub timeline: Timeline,
    /// How punctual the run was.
    pub punctuality: Punctuality,
    /// Whether the kernel's tick came before an application had closed that closes as soon as the peer has: the delayed
    /// ACK of the FIN went out by itself then.
    pub outrun: bool,
    /// The scenario with the times at which its calls and injections really took place, and with what the connection
    /// had measured of the wire when it began, where there was one.
    pub scenario: Scenario,
    /// The sysctls of both namespaces, as read back.
    pub pins: BTreeMap<Side, Vec<(String, String)>>,
    /// The counters of both namespaces that moved, and by how much.
    pub counters: BTreeMap<Side, Moved>,
    /// The packets in the order of their stamps, where they were to be kept.
    pub frames: Vec<Frame>,
    /// How long was played, since the beginning.
    pub took: Duration,
    /// Whether it was told to stop before it was over.
    pub stopped: bool,
}

/// A scenario whose namespaces stand, ready to be played.
struct Stage<'a> {
    scenario: &'a Scenario,
    conditions: &'a Conditions,
    network: Network,
}

/// Plays a scenario.
///
/// # Errors
/// When the private namespaces cannot be made (usually for want of rights), the wire fails, or the scenario has
/// something that cannot be played.
pub fn play(scenario: &Scenario, conditions: &Conditions) -> Result<Played, LabError> {
    let stage = Stage::build(scenario, conditions)?;
    thread::scope(|scope| join(scope.spawn(|| stage.play())))
}

/// Plays scenarios side by side: mostly they wait, so all take about as long as the longest. Every namespace is made
/// before the first one begins and lives until the last one has ended, since making and ending them disturbs others.
/// The answers come in the order of the scenarios.
#[must_use]
pub fn play_all(scenarios: &[(Scenario, Conditions)]) -> Vec<Result<Played, LabError>> {
    let stages: Vec<_> = scenarios.iter().map(|(scenario, conditions)| Stage::build(scenario, conditions)).collect();
    let played: Vec<_> = thread::scope(|scope| {
        let begin = |stage| {
            thread::sleep(STAGGER);
            scope.spawn(move || Stage::play(stage))
        };
        let players: Vec<_> = stages.iter().map(|stage| stage.as_ref().ok().map(begin)).collect();
        players.into_iter().map(|player| player.map(join)).collect()
    });
    let answers = played.into_iter().zip(stages);
    answers
        .map(|(played, stage)| played.unwrap_or_else(|| stage.and(Err(LabError::NotReady("its own thread")))))
        .collect()
}

fn join(player: thread::ScopedJoinHandle<'_, Result<Played, LabError>>) -> Result<Played, LabError> {
    player.join().unwrap_or(Err(LabError::NotReady("its own thread")))
}

impl<'a> Stage<'a> {
    fn build(scenario: &'a Scenario, conditions: &'a Conditions) -> Result<Self, LabError> {
        super::agenda::check_playable(scenario)?;
        Ok(Self { scenario, conditions, network: Network::build(scenario)? })
    }

    /// Plays it on the calling thread, whose priority ends with it.
    fn play(&self) -> Result<Played, LabError> {
        // Without the right to it the wire is as late as the host is busy, and says so.
        let _ = raise_priority();
        let (scenario, conditions, network) = (self.scenario, self.conditions, &self.network);
        let mut bench = Bench::new(scenario, network)?;
        bench.stop = Arc::clone(&conditions.stop);
        bench.prepare()?;
        let before = read_counters(network)?;
        bench.frames = conditions.capture.then(Vec::new);
        bench.record.follow(conditions.follow.clone());
        bench.clocks.begin();
        bench.begin()?;
        let begun = Instant::now();
        let deadline = begun + conditions.limit;
        let stopped = || conditions.stop.load(Ordering::Relaxed);
        while Instant::now() < deadline && !bench.is_over() && !stopped() {
            bench.turn(deadline.min(Instant::now() + STOP_NOTICED))?;
        }
        bench.read_taps()?;
        let took = begun.elapsed();
        let counters = moved(&before, &read_counters(network)?);
        let as_played = bench.agenda.as_played(scenario, bench.record.start_ns().unwrap_or(0));
        let as_played = with_measured(as_played, &bench.measured);
        let closed_late = |(side, since, until): &(Side, u64, u64)| bench.record.acknowledged(*side, *since, *until);
        let mut frames = bench.frames.take().unwrap_or_default();
        frames.sort_by_key(|frame| frame.unix_ns);
        Ok(Played {
            outrun: bench.closings.iter().any(closed_late),
            punctuality: bench.clocks.punctuality(bench.wire_late_us()),
            stopped: stopped() && !bench.is_over(),
            timeline: bench.record.into_timeline(scenario.about),
            scenario: as_played,
            pins: Side::BOTH.map(|side| (side, network.host(side).pins.clone())).into(),
            counters,
            frames,
            took,
        })
    }
}
