//! From what was read to what is said.

use super::course::{Course, run};
use super::reading::{Case, NOW_US, Reading};
use super::{
    Activity, Assumption, KnownOptions, LiveEnd, LiveForecast, LiveNext, NextStep, Progress, WhyUnknown, keeping,
    leaving, opening, sending,
};
use crate::model::wheel::rates;
use crate::model::{Host, KnownSettings, Segment, Window};
use crate::units::{Hz, LiveSocket, SocketTimer, TcpState};

/// What a live socket will do if nothing is heard for it, by the rules of this kernel and the settings of its
/// namespace. Times count from the reading. Its clock is put into the state in which it was seen, and run on.
#[must_use]
pub fn forecast_live(socket: &LiveSocket, known: &KnownOptions, host: &Host, settings: &KnownSettings) -> LiveForecast {
    let at_rate = |hz: Hz| {
        let (options, version) = (known.taken(), host.version);
        let reading = Reading { socket, known, options, settings: settings.settings(), version, hz };
        let case = case_of(&reading);
        let mut course = Course::default();
        for begin in &case.begins {
            course.include(run(begin.clone(), hz));
        }
        if case.begins.is_empty() && socket.timer != SocketTimer::Off {
            course.first = Some(reading.first(0));
        }
        (case, course)
    };
    let mut answers = rates(host.hz).map(at_rate);
    let (case, course) = answers.next().unwrap_or_else(|| (Case::staying(Activity::Quiet), Course::default()));
    let course = answers.fold(course, |mut all, (_, course)| {
        all.include(course);
        all
    });
    say(case, course, socket, settings)
}

/// Which rules are those of this socket.
fn case_of(reading: &Reading<'_>) -> Case {
    use TcpState::{Close, CloseWait, Closing, Estab, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent, TimeWait};
    let LiveSocket { state, timer, info, inode, .. } = *reading.socket;
    let full = inode != 0 || info.is_some();
    match (state, timer) {
        (Listen, _) => Case::staying(Activity::Listening),
        (Close, _) => Case::staying(Activity::Unconnected),
        (SynRecv, SocketTimer::Retransmit) if !full => opening::half_open(reading),
        (SynSent | SynRecv, SocketTimer::Retransmit) => opening::connecting(reading, state == SynRecv),
        (SynSent, _) => Case::unknown(Activity::Connecting, WhyUnknown::BetweenTimers),
        (SynRecv, _) => Case::unknown(Activity::HalfOpen, WhyUnknown::BetweenTimers),
        (TimeWait, _) => leaving::time_wait(reading),
        (FinWait2, SocketTimer::TimeWait) => leaving::fin_wait_2(reading, true),
        (FinWait2, SocketTimer::Keepalive) if reading.is_orphan() => leaving::fin_wait_2(reading, false),
        (_, SocketTimer::Retransmit) => sending::in_flight(reading),
        (_, SocketTimer::Probe) => keeping::probing(reading),
        (_, SocketTimer::Keepalive) => keeping::watched(reading),
        (FinWait1 | Closing | LastAck, _) => Case::unknown(Activity::InFlight, WhyUnknown::BetweenTimers),
        (FinWait2, _) => keeping::quiet(reading, Activity::AwaitingFin),
        (CloseWait, _) => keeping::quiet(reading, Activity::AwaitingClose),
        (Estab, _) => keeping::quiet(reading, Activity::Quiet),
    }
}

fn say(case: Case, course: Course, socket: &LiveSocket, settings: &KnownSettings) -> LiveForecast {
    let missing = settings.missing(&case.keys);
    let ends_by_timer = !case.begins.is_empty();
    let mut steps = course.steps;
    if ends_by_timer && !missing.is_empty() && !steps.contains(&NextStep::End) {
        steps.push(NextStep::End);
    }
    if steps.is_empty() && matches!(socket.timer, SocketTimer::Other(_)) {
        steps.push(NextStep::Send(Segment::Ack));
    }
    let known = case.unknown.or_else(|| (!missing.is_empty()).then_some(WhyUnknown::Settings(missing)));
    let end = match (known, course.end) {
        (Some(why), _) => LiveEnd::Unknown(why),
        (None, _) if course.cut_off => LiveEnd::Unknown(WhyUnknown::TooLong),
        (None, Some(window)) => LiveEnd::At { window: from_now(window), outcome: case.outcome },
        (None, None) => LiveEnd::Never,
    };
    let counted = course.count.filter(|_| matches!(end, LiveEnd::At { .. }));
    let progress = |done: u32| Progress { done, of: counted.map(|(least, most)| (done + least, done + most)) };
    let mut assumptions = case.assumptions;
    if let LiveEnd::Unknown(WhyUnknown::Beyond(option)) = end {
        // Neither the settings nor what was taken for granted is so.
        steps.clear();
        assumptions.retain(|assumption| *assumption != Assumption::Unset(option));
    }
    LiveForecast {
        activity: case.activity,
        progress: case.done.map(progress),
        next: course.first.map(|window| LiveNext { window: from_now(window), steps }),
        end,
        unless: case.unless,
        assumptions,
    }
}

/// The window as seen from the reading.
fn from_now(window: Window) -> Window {
    let since = |us: u64| us.saturating_sub(NOW_US);
    Window { at_us: since(window.at_us), latest_us: since(window.latest_us) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Errno, Outcome, Settings};
    use crate::units::{KernelVersion, LiveInfo, SysctlValues};

    const HOST: Host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };

    fn settings(settings: &Settings) -> KnownSettings {
        let value = |(key, value): (&str, String)| (key.parse().expect("a key"), value);
        KnownSettings::new(&settings.values().into_iter().map(value).collect(), |_| true)
    }

    fn socket(state: TcpState, timer: SocketTimer, expires_ms: u32, retransmits: u8) -> LiveSocket {
        LiveSocket { state, timer, expires_ms, retransmits, inode: 7, info: None }
    }

    fn with(socket: LiveSocket, rto_ms: u32, backoff: u8) -> LiveSocket {
        let info = LiveInfo {
            retransmits: socket.retransmits,
            backoff,
            sack: true,
            rto_us: rto_ms * 1000,
            rtt_us: 30,
            unacked: 1,
            ca_state: if socket.retransmits > 0 { 4 } else { 0 },
            snd_wnd: Some(65_536),
            ..LiveInfo::default()
        };
        LiveSocket { info: Some(info), ..socket }
    }

    fn told(socket: &LiveSocket) -> LiveForecast {
        forecast_live(socket, &KnownOptions::default(), &HOST, &settings(&Settings::default()))
    }

    /// The end in tenths of a second.
    fn end_tenths(forecast: &LiveForecast) -> (u64, u64, Outcome) {
        match &forecast.end {
            LiveEnd::At { window, outcome } => (window.at_us / 100_000, window.latest_us.div_ceil(100_000), *outcome),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_connect_is_followed_from_any_of_its_retries_to_its_end() {
        let third = with(socket(TcpState::SynSent, SocketTimer::Retransmit, 900, 3), 1000, 0);
        let forecast = told(&third);
        assert_eq!(
            (forecast.activity, forecast.progress),
            (Activity::Connecting, Some(Progress { done: 3, of: Some((10, 10)) }))
        );
        // Of 131 s, 3.1 s are over.
        assert_eq!(end_tenths(&forecast), (1279, 1329, Outcome::Failed(Errno::TimedOut)));
        let next = forecast.next.expect("a timer");
        assert_eq!((next.steps, next.window.at_us / 1000), (vec![NextStep::Send(Segment::Syn)], 900));
        let last = with(socket(TcpState::SynSent, SocketTimer::Retransmit, 4000, 10), 64_000, 6);
        assert_eq!(end_tenths(&told(&last)), (40, 61, Outcome::Failed(Errno::TimedOut)));
    }

    #[test]
    fn a_half_open_entry_may_have_been_asked_again_which_its_timer_does_not_count() {
        let request = LiveSocket { inode: 0, ..socket(TcpState::SynRecv, SocketTimer::Retransmit, 1900, 3) };
        let forecast = told(&request);
        // One timer and two copies of the SYN, or three timers: 1.9 + 4 + 8 + 16 + 32 s, or without the 4 and the 8.
        assert_eq!(end_tenths(&forecast), (499, 648, Outcome::Gone));
        assert_eq!(forecast.progress, Some(Progress { done: 3, of: Some((5, 7)) }));
    }

    #[test]
    fn retransmission_is_judged_by_when_it_began() {
        let sixth = |total_rto_time_ms| {
            let mut seen = with(socket(TcpState::Estab, SocketTimer::Retransmit, 10_000, 6), 13_056, 6);
            let info = seen.info.as_mut().expect("tcp_info");
            (info.total_rto_recoveries, info.total_rto_time_ms) = (Some(1), total_rto_time_ms);
            told(&seen)
        };
        assert_eq!(end_tenths(&sixth(None)).0, 9127);
        assert_eq!(sixth(Some(16_000)).progress.and_then(|progress| progress.of), Some((15, 15)));
        // An orphan's limit is that of 8 retries, 102.2 s.
        let fin = LiveSocket {
            inode: 0,
            state: TcpState::FinWait1,
            ..with(socket(TcpState::FinWait1, SocketTimer::Retransmit, 10_000, 6), 13_056, 6)
        };
        assert_eq!(end_tenths(&told(&fin)), (883, 927, Outcome::Gone));
    }

    #[test]
    fn what_no_timer_ends_never_ends() {
        for (state, activity) in [
            (TcpState::Estab, Activity::Quiet),
            (TcpState::CloseWait, Activity::AwaitingClose),
            (TcpState::FinWait2, Activity::AwaitingFin),
            (TcpState::Listen, Activity::Listening),
        ] {
            let forecast = told(&socket(state, SocketTimer::Off, 0, 0));
            assert_eq!((forecast.activity, forecast.end, forecast.next), (activity, LiveEnd::Never, None));
        }
    }

    #[test]
    fn a_closed_connection_is_forgotten_when_its_timer_fires() {
        let waiting = LiveSocket { inode: 0, ..socket(TcpState::TimeWait, SocketTimer::TimeWait, 30_000, 0) };
        assert_eq!(end_tenths(&told(&waiting)), (300, 321, Outcome::Gone));
        // 90 s are 30 s in a full socket and 30 s in a minisock.
        let long = settings(&Settings { fin_timeout_s: 90, ..Settings::default() });
        let full =
            LiveSocket { inode: 0, ..with(socket(TcpState::FinWait2, SocketTimer::Keepalive, 20_000, 0), 204, 0) };
        let forecast = forecast_live(&full, &KnownOptions::default(), &HOST, &long);
        assert_eq!(end_tenths(&forecast), (500, 542, Outcome::Gone));
        assert_eq!(forecast.next.map(|next| next.steps), Some(vec![NextStep::Shrink]));
        // At 60 s there is a minisock at once: this one, and one that has longer to go, had TCP_LINGER2 set.
        let longer = LiveSocket { expires_ms: 31_500, ..full };
        for (socket, settings) in [(&full, &settings(&Settings::default())), (&longer, &long)] {
            let forecast = forecast_live(socket, &KnownOptions::default(), &HOST, settings);
            assert_eq!(forecast.end, LiveEnd::Unknown(WhyUnknown::Beyond("TCP_LINGER2")));
        }
        let known = KnownOptions { linger2_s: Some(100), ..KnownOptions::default() };
        let forecast = forecast_live(&full, &known, &HOST, &settings(&Settings::default()));
        assert_eq!(end_tenths(&forecast), (600, 642, Outcome::Gone));
    }

    #[test]
    fn settings_that_could_not_be_read_leave_the_end_open() {
        let syn = with(socket(TcpState::SynSent, SocketTimer::Retransmit, 900, 3), 1000, 0);
        let unread = KnownSettings::new(&SysctlValues::new(), |key| key != "net.ipv4.tcp_rto_max_ms");
        let forecast = forecast_live(&syn, &KnownOptions::default(), &HOST, &unread);
        let keys = vec!["net.ipv4.tcp_syn_linear_timeouts", "net.ipv4.tcp_syn_retries"];
        assert_eq!(forecast.end, LiveEnd::Unknown(WhyUnknown::Settings(keys)));
        assert_eq!(forecast.progress, Some(Progress { done: 3, of: None }));
    }

    #[test]
    fn more_than_the_settings_allow_is_the_work_of_an_option() {
        let syn = with(socket(TcpState::SynSent, SocketTimer::Retransmit, 900, 12), 120_000, 8);
        assert_eq!(told(&syn).end, LiveEnd::Unknown(WhyUnknown::Beyond("TCP_SYNCNT")));
        let idle = with(socket(TcpState::Estab, SocketTimer::Keepalive, 9_000_000, 0), 204, 0);
        assert_eq!(told(&idle).end, LiveEnd::Unknown(WhyUnknown::Beyond("TCP_KEEPIDLE")));
        // Probes go out though the peer was heard a moment ago, as TCP_KEEPIDLE of Go's sockets makes them.
        let soon = with(socket(TcpState::Estab, SocketTimer::Keepalive, 9000, 2), 204, 0);
        assert_eq!(told(&soon).end, LiveEnd::Unknown(WhyUnknown::Beyond("TCP_KEEPIDLE")));
        // The sixth timeout came 12.6 s after the first, and the limit of 3 retries is 3 s.
        let few = settings(&Settings { syn_retries: 2, retries2: 3, ..Settings::default() });
        let data = with(socket(TcpState::Estab, SocketTimer::Retransmit, 10_000, 6), 13_056, 6);
        let end = forecast_live(&data, &KnownOptions::default(), &HOST, &few).end;
        assert_eq!(end, LiveEnd::Unknown(WhyUnknown::Beyond("TCP_USER_TIMEOUT")));
        // Two retries end by time before a sixth SYN.
        let syn = with(socket(TcpState::SynSent, SocketTimer::Retransmit, 900, 6), 4000, 2);
        let end = forecast_live(&syn, &KnownOptions::default(), &HOST, &few).end;
        assert_eq!(end, LiveEnd::Unknown(WhyUnknown::Beyond("TCP_SYNCNT")));
    }
}
