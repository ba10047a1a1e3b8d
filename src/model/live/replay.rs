//! Every moment of a simulated course, looked at as sock_diag would and forecast anew.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use super::{KnownOptions, LiveEnd, LiveForecast, Unless, forecast_live};
use crate::model::endpoint::Clock;
use crate::model::play::{Course, Moment, Variant, play};
use crate::model::rto::RoundTrips;
use crate::model::timer::Timer;
use crate::model::wheel::{Wheel, granularity_ticks, ticks_ceil, ticks_floor};
use crate::model::{
    Action, Fate, Host, KnownSettings, Outcome, Scenario, Segment, Settings, Side, SocketOptions, Start, What, Window,
    WireRule,
};
use crate::units::{Hz, KernelVersion, LiveInfo, LiveSocket, SocketTimer, TcpState};

/// A scenario on one wheel.
#[derive(Clone, Debug)]
struct Played {
    scenario: Scenario,
    hz: Hz,
    phase: u64,
    busy: bool,
    /// Whether `tcp_info` tells how long timeouts have gone on.
    tells_rto_time: bool,
}

impl Played {
    fn course(&self) -> Course {
        let Self { hz, phase, busy, .. } = *self;
        let seen = RoundTrips::of_handshake(self.scenario.rtt_us.max(1));
        play(&self.scenario, Variant { hz, seen, wheel: Wheel::Exact { hz, phase, busy }, script: &[] })
    }

    /// Whole milliseconds of ticks, as `jiffies_to_msecs()` gives them.
    fn ms_of_ticks(&self, ticks: u64) -> u32 {
        u32::try_from((ticks * 1000).div_ceil(u64::from(self.hz.get()))).expect("no wait is that long")
    }

    /// How long ago it was, in ticks as milliseconds.
    fn ago_ms(&self, now_us: u64, at_us: u64) -> u32 {
        self.ms_of_ticks(ticks_floor(now_us, self.hz) - ticks_floor(at_us, self.hz))
    }

    /// What sock_diag shows at a time between this moment and the next on its side.
    fn seen(&self, course: &Course, moment: &Moment, now_us: u64) -> LiveSocket {
        let stands = &moment.standing;
        let running = moment.timers.iter().find(|(timer, _)| matches!(timer, Timer::Write | Timer::Life));
        let expires_ms = running.map_or(0, |(_, (armed_us, wait_us, _))| {
            let expires = ticks_floor(*armed_us, self.hz) + ticks_ceil(*wait_us, self.hz);
            self.ms_of_ticks(expires.saturating_sub(ticks_floor(now_us, self.hz)))
        });
        let heard_ms = self.ago_ms(now_us, stands.heard_us);
        let mut info = LiveInfo {
            sack: self.scenario.client.settings.sack,
            rto_us: u32::try_from(stands.rto_us).expect("an RTO"),
            unacked: u32::try_from(stands.in_flight).expect("few"),
            last_data_recv_ms: heard_ms,
            last_ack_recv_ms: heard_ms,
            snd_wnd: Some(65_535),
            ..LiveInfo::default()
        };
        let mut row_began_us = None;
        let (timer, counted) = match running.map(|(_, (.., clock))| clock) {
            None => (SocketTimer::Off, 0),
            Some(Clock::Syn(clock)) => {
                let again =
                    |what: &What| matches!(what, What::Send { segment: Segment::Syn | Segment::SynAck, copy: 1, .. });
                let mut sent = course.events.iter().filter(|(_, side, what)| *side == moment.side && again(what));
                row_began_us = sent.next().map(|(window, ..)| window.at_us);
                info.rto_us = u32::try_from(clock.rto_us()).expect("an RTO");
                (SocketTimer::Retransmit, clock.shown().0)
            }
            Some(Clock::SynAck) => (SocketTimer::Retransmit, stands.syn_acks.saturating_sub(1)),
            Some(Clock::Retransmit(clock)) => {
                let (retransmits, backoff, rto_us, stamp_us) = clock.shown();
                row_began_us = stamp_us;
                info.rto_us = u32::try_from(rto_us).expect("an RTO");
                info.backoff = u8::try_from(backoff).expect("few");
                info.ca_state = if retransmits > 0 { 4 } else { 0 };
                (SocketTimer::Retransmit, retransmits)
            }
            Some(Clock::Reordering) => {
                info.ca_state = 1;
                (SocketTimer::Retransmit, 0)
            }
            Some(Clock::Probe(clock)) => {
                let (unanswered, backoff, rto_us) = clock.shown();
                info.rto_us = u32::try_from(rto_us).expect("an RTO");
                info.backoff = u8::try_from(backoff).expect("few");
                (SocketTimer::Probe, unanswered)
            }
            Some(Clock::Keepalive(clock)) => {
                let (probes, heard_us) = clock.shown();
                (SocketTimer::Keepalive, if stands.heard_us > heard_us { 0 } else { probes })
            }
            Some(Clock::FinWait2Socket(_)) => (SocketTimer::Keepalive, 0),
            Some(Clock::FinWait2Minisock | Clock::TimeWait) => (SocketTimer::TimeWait, 0),
            Some(Clock::DelayedAck) => panic!("not a timer that sock_diag shows"),
        };
        let counted = u8::try_from(counted).expect("few");
        info.retransmits = if timer == SocketTimer::Retransmit { counted } else { 0 };
        if let Some(row_began_us) = row_began_us.filter(|_| counted > 0 && self.tells_rto_time) {
            info.total_rto_recoveries = Some(1);
            info.total_rto_time_ms = u32::try_from((now_us - row_began_us) / 1000).ok();
        }
        let small = stands.minisock || stands.request.is_some();
        LiveSocket {
            state: stands.state.unwrap_or(TcpState::Close),
            timer,
            expires_ms,
            retransmits: counted,
            inode: u32::from(!small && !stands.orphan),
            info: (!small).then_some(info),
        }
    }

    fn forecast(&self, socket: &LiveSocket, side: Side) -> LiveForecast {
        let end = self.scenario.endpoint(side);
        let values = end.settings.values().into_iter().map(|(key, value)| (key.parse().expect("a key"), value));
        let settings = KnownSettings::new(&values.collect(), |_| true);
        // What is not set is not known to be unset either.
        let known = KnownOptions {
            user_timeout_ms: Some(end.options.user_timeout_ms).filter(|ms| *ms > 0),
            thin_linear_timeouts: None,
            ..KnownOptions::from(end.options)
        };
        forecast_live(socket, &known, &Host { hz: Some(self.hz), ..self.scenario.host }, &settings)
    }

    /// Looks at each side at a part of the way between any two steps that timers alone make, in thousandths.
    fn check(&self, thousandths: u64) -> Result<u32, TestCaseError> {
        let course = self.course();
        let mut looked_at = 0;
        for side in Side::BOTH {
            let moments: Vec<_> = course.moments.iter().filter(|moment| moment.side == side).collect();
            let outside = moments.iter().rposition(|moment| moment.from_outside).unwrap_or(0);
            for (place, moment) in moments.iter().enumerate().skip(outside) {
                if matches!(moment.standing.state, None | Some(TcpState::Close)) {
                    continue;
                }
                let next_us = moments.get(place + 1).map(|next| next.at_us);
                let until_us = next_us.unwrap_or(moment.at_us + 10_000_000);
                let now_us = moment.at_us + (until_us - moment.at_us) * thousandths / 1000;
                let socket = self.seen(&course, moment, now_us);
                let forecast = self.forecast(&socket, side);
                let end = course.ends.get(&side).copied();
                // sock_diag shows one timer of several.
                let next_us = next_us.filter(|_| moment.timers.len() == 1);
                self.compare(&socket, &forecast, now_us, next_us, end)?;
                looked_at += 1;
            }
        }
        Ok(looked_at)
    }

    fn compare(
        &self,
        socket: &LiveSocket,
        forecast: &LiveForecast,
        now_us: u64,
        next_us: Option<u64>,
        end: Option<(Window, Outcome)>,
    ) -> Result<(), TestCaseError> {
        let told = format!("{socket:?}\n{forecast:?}\nnext {next_us:?}, end {end:?}, now {now_us}\n{self:?}");
        let holds = |window: Window, at_us: u64| (window.at_us..=window.latest_us).contains(&(at_us - now_us));
        if let (Some(next), Some(next_us)) = (&forecast.next, next_us) {
            prop_assert!(holds(next.window, next_us), "the next step\n{told}");
        }
        match (&forecast.end, end) {
            // The peer answers each probe, which the simulation knows and a look at the socket cannot.
            (LiveEnd::At { .. }, Some((_, Outcome::Never | Outcome::Established)))
                if matches!(forecast.unless, Some(Unless::Heard | Unless::ProbeAnswered)) => {}
            (LiveEnd::At { window, outcome }, Some((at, ended))) => {
                prop_assert_eq!(*outcome, ended, "{}", told);
                prop_assert!(holds(*window, at.at_us), "the end\n{told}");
            }
            (LiveEnd::Never, Some((_, Outcome::Never | Outcome::Established)) | None) => {}
            _ => return Err(TestCaseError::fail(format!("another kind of end\n{told}"))),
        }
        Ok(())
    }
}

fn versions() -> impl Strategy<Value = KernelVersion> {
    let version = |(major, minor, patch)| KernelVersion { major, minor, patch };
    select(vec![
        (4, 14, 0),
        (4, 19, 50),
        (4, 19, 100),
        (5, 4, 0),
        (5, 10, 0),
        (6, 1, 0),
        (6, 5, 0),
        (6, 15, 0),
        (6, 18, 0),
    ])
    .prop_map(version)
}

prop_compose! {
    fn settings()(
        syn_retries in 1..=7_u32,
        syn_linear_timeouts in 0..=5_u32,
        synack_retries in 0..=6_u32,
        retries2 in 0..=16_u32,
        orphan_retries in 0..=9_u32,
        keepalive_probes in 1..=9_u32,
        keepalive_time_s in 1..=8000_i64,
        keepalive_intvl_s in 1..=100_i64,
        fin_timeout_s in -1..=130_i64,
        rto_max_ms in prop_oneof![Just(120_000_u32), 1000..=120_000_u32],
        thin_linear_timeouts: bool,
        sack: bool,
    ) -> Settings {
        Settings {
            syn_retries, syn_linear_timeouts, synack_retries, retries2, orphan_retries, keepalive_probes,
            keepalive_time_s, keepalive_intvl_s, fin_timeout_s, rto_max_ms, thin_linear_timeouts, sack,
            ..Settings::default()
        }
    }
}

prop_compose! {
    fn options()(
        syncnt in proptest::option::of(1..=9_u8),
        user_timeout_ms in prop_oneof![2 => Just(0_u32), 1 => 1..=30_000_u32],
        linger2_s in proptest::option::of(0..=130_i32),
        keepidle_s in proptest::option::of(1..=100_u32),
        keepintvl_s in proptest::option::of(1..=100_u32),
        keepcnt in proptest::option::of(1..=12_u8),
        rto_max_ms in proptest::option::of(1000..=120_000_u32),
        keepalive: bool,
    ) -> SocketOptions {
        SocketOptions {
            syncnt, user_timeout_ms, linger2_s, keepidle_s, keepintvl_s, keepcnt, rto_max_ms, keepalive,
            ..SocketOptions::default()
        }
    }
}

/// Ways in which an end is left alone with its timers.
const WAYS: [&str; 13] = [
    "syn",
    "syn-ack",
    "data",
    "fin",
    "orphan",
    "window",
    "window-orphan",
    "idle",
    "fin-wait-2",
    "time-wait",
    "last-ack",
    "simultaneous",
    "half-closed",
];

fn scenario(way: &str, host: Host, settings: &Settings) -> Scenario {
    let established = || Scenario::established(host, settings).silencing(Side::Client);
    match way {
        "syn" => Scenario::connect(host, settings).losing(Side::Client, Segment::Syn),
        "syn-ack" => Scenario::half_open(host, settings),
        "data" => established().calling(Side::Client, Action::Send),
        "fin" => established().calling(Side::Client, Action::Shutdown),
        "orphan" => established().calling(Side::Client, Action::Close),
        "window" => Scenario::beginning(host, settings, Start::WindowClosed).silencing(Side::Client),
        "window-orphan" => Scenario::beginning(host, settings, Start::WindowClosed).silencing(Side::Client).calling_at(
            700_000,
            Side::Client,
            Action::Close,
        ),
        "idle" => established(),
        "fin-wait-2" => Scenario::closed_alone(host, settings),
        "time-wait" => Scenario::close(host, settings),
        "last-ack" => Scenario::close(host, settings).losing(Side::Server, Segment::Fin),
        "simultaneous" => Scenario::beginning(host, settings, Start::Nothing)
            .calling(Side::Client, Action::Connect)
            .calling(Side::Server, Action::Connect)
            .losing(Side::Client, Segment::SynAck)
            .losing(Side::Server, Segment::SynAck),
        _ => {
            // The FIN is acknowledged, and then the path breaks.
            let broken = |from| WireRule { from_us: 1_000_000, ..WireRule::every(from, Fate::Lose) };
            let scenario = Scenario::established(host, settings).calling(Side::Client, Action::Shutdown);
            scenario.ruled(broken(Side::Client)).ruled(broken(Side::Server))
        }
    }
}

prop_compose! {
    fn played()(
        way in select(WAYS.to_vec()),
        version in versions(),
        hz in select(Hz::COMMON.to_vec()),
        settings in settings(),
        options in options(),
        rtt_us in prop_oneof![Just(0_u64), 0..=300_000_u64],
        phase in 0..100_000_u64,
        busy: bool,
        tells_rto_time: bool,
    ) -> Played {
        let host = Host { version, hz: Some(hz) };
        let mut scenario = Scenario { rtt_us, ..scenario(way, host, &settings) };
        scenario.client.options = options;
        scenario.server.options = options;
        let longest = granularity_ticks(7_200_000_000, hz);
        Played { scenario, hz, phase: phase % longest, busy, tells_rto_time }
    }
}

proptest! {
    // Always the same cases, so that what is found is found by everybody; PROPTEST_RNG_SEED and PROPTEST_CASES try others.
    #![proptest_config(ProptestConfig { cases: 1500, rng_seed: RngSeed::Fixed(1500), ..ProptestConfig::default() })]

    /// The clock that is put together from what is seen ends when the simulated one does.
    #[test]
    fn at_any_moment_the_end_that_comes_is_foretold(played in played(), thousandths in 0..1000_u64) {
        played.check(thousandths)?;
    }
}

#[test]
fn each_way_is_looked_at_while_a_timer_runs() {
    for way in WAYS {
        let hz = Hz::new(250).expect("a tick rate");
        let host = Host { version: KernelVersion::new(6, 18), hz: Some(hz) };
        let mut scenario = scenario(way, host, &Settings::default());
        scenario.client.options.keepalive = true;
        scenario.rtt_us = 20_000;
        let played = Played { scenario, hz, phase: 77, busy: true, tells_rto_time: true };
        let looked_at = played.check(500).unwrap_or_else(|error| panic!("{way}: {error}"));
        assert!(looked_at > 0, "{way}");
    }
}
