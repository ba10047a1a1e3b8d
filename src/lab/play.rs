//! Plays scenarios on the kernel, one or many at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::bench::Bench;
use super::counters::{Moved, demand_no_drops, moved, read_counters};
use super::frame::Frame;
use super::network::Network;
use super::record::with_measured;
use super::{LabError, Punctuality};
use crate::model::{End, Event, Measured, Scenario, Side, Start, Timeline};
use crate::sys::{raise_open_files, raise_priority};

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
    /// The packets in the order of their stamps, those before the beginning too, where they were to be kept.
    pub frames: Vec<Frame>,
    /// How many packets were no TCP and were not carried: the hosts are told to send none.
    pub not_carried: u64,
    /// How long was played, since the beginning.
    pub took: Duration,
    /// Whether it was told to stop before it was over.
    pub stopped: bool,
}

/// How often a scenario may begin until the wire is punctual while that is measured.
const BEGINNINGS: u32 = 5;
/// How much longer than the wire's a measured round trip may be, in microseconds: less than a tick.
const MEASURED_LATE_MOST_US: u64 = 3_000;

/// Whether the wire was late while a connection measured it, before the scenario began: each punctual sample then takes
/// some of that back, and the RTO that the prediction starts from with it.
pub(super) fn measured_a_late_wire(scenario: &Scenario, measured: &BTreeMap<Side, Measured>) -> bool {
    // A window that is filled is acknowledged late by the kernel itself.
    scenario.start != Start::WindowClosed
        && measured.values().any(|it| it.srtt_us > scenario.rtt_us + MEASURED_LATE_MOST_US)
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
    thread::scope(|scope| join(thread::Builder::new().spawn_scoped(scope, || stage.play()).map_err(LabError::Wire)?))
}

/// Plays scenarios side by side, at most so many at once: mostly they wait, so those that begin together take about as
/// long as the longest of them. They begin in their order. Every namespace is made before the first one begins and lives
/// until the last one has ended, since making and ending them disturbs others. `done` is told of each by its place, on a
/// thread that others wait for.
pub fn play_each(
    scenarios: &[(Scenario, Conditions)],
    at_once: usize,
    done: &(dyn Fn(usize, Result<Played, LabError>) + Sync),
) {
    // Each scenario holds a handful of files; with the usual limit of 1024 those of some hundred would not fit.
    let _ = raise_open_files();
    let mut stages = BTreeMap::new();
    for (place, (scenario, conditions)) in scenarios.iter().enumerate() {
        match Stage::build(scenario, conditions) {
            Ok(stage) => drop(stages.insert(place, stage)),
            Err(error) => done(place, Err(error)),
        }
    }
    let waiting = Mutex::new(stages.iter());
    let next = || {
        let mut waiting = waiting.lock().ok()?;
        let next = waiting.next()?;
        thread::sleep(STAGGER);
        Some(next)
    };
    thread::scope(|scope| {
        for _ in 0..at_once.min(stages.len()) {
            scope.spawn(|| {
                while let Some((place, stage)) = next() {
                    done(*place, stage.play());
                }
            });
        }
    });
}

fn join(player: thread::ScopedJoinHandle<'_, Result<Played, LabError>>) -> Result<Played, LabError> {
    player.join().unwrap_or(Err(LabError::NotReady("its own thread")))
}

impl<'a> Stage<'a> {
    fn build(scenario: &'a Scenario, conditions: &'a Conditions) -> Result<Self, LabError> {
        super::agenda::check_playable(scenario)?;
        Ok(Self { scenario, conditions, network: Network::build(scenario)? })
    }

    /// Plays it on the calling thread, whose priority ends with it. Where the wire was late while the connection that it
    /// begins with measured it, it begins anew with another.
    fn play(&self) -> Result<Played, LabError> {
        // Without the right to it the wire is as late as the host is busy, and says so.
        let _ = raise_priority();
        let mut late: Option<Network> = None;
        for _ in 1..BEGINNINGS {
            let network = late.as_ref().unwrap_or(&self.network);
            let mut bench = self.bench_on(network)?;
            bench.prepare()?;
            if !measured_a_late_wire(self.scenario, &bench.apps.measured()) {
                return self.play_on(network, bench);
            }
            drop(bench);
            late = Some(Network::build(self.scenario)?);
        }
        let network = late.as_ref().unwrap_or(&self.network);
        let mut bench = self.bench_on(network)?;
        bench.prepare()?;
        self.play_on(network, bench)
    }

    fn bench_on<'b>(&'b self, network: &'b Network) -> Result<Bench<'b>, LabError> {
        let mut bench = Bench::new(self.scenario, network)?;
        bench.frames = self.conditions.capture.then(Vec::new);
        bench.stop = Arc::clone(&self.conditions.stop);
        Ok(bench)
    }

    fn play_on(&self, network: &Network, mut bench: Bench<'_>) -> Result<Played, LabError> {
        let (scenario, conditions) = (self.scenario, self.conditions);
        let before = read_counters(network)?;
        bench.record.follow(conditions.follow.clone());
        bench.clocks.begin();
        bench.begin()?;
        let begun = Instant::now();
        let deadline = begun + conditions.limit;
        let stopped = || conditions.stop.load(Ordering::Relaxed);
        while Instant::now() < deadline && !bench.is_over() && !stopped() {
            bench.turn(deadline.min(Instant::now() + STOP_NOTICED))?;
        }
        // The last look may have seen a socket vanish of which its application has not heard yet.
        bench.notice()?;
        bench.read_taps()?;
        demand_no_drops(network)?;
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
            not_carried: bench.not_carried,
            took,
        })
    }
}
