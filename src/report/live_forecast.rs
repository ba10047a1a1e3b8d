//! What a live socket will do: one line, in full, and for programs.

use serde::Serialize;

use super::answer::render_window;
use super::prose::{hanging, wrapped};
use crate::model::{
    Activity, Assumption, LiveEnd, LiveForecast, NextStep, Outcome, Progress, Segment, Unless, WhyUnknown, Window,
};
use crate::units::Micros;

/// A forecast as JSON. Times count from the reading of the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveForecastView {
    /// What is going on, such as `connecting` or `time-wait`.
    pub activity: &'static str,
    /// How often something was done and will have been; nothing where nothing is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressView>,
    /// What the timer does next; nothing without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextView>,
    /// How it ends.
    pub end: LiveEndView,
    /// What would make it void, such as `answered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unless: Option<&'static str>,
    /// What was taken for granted, as sentences.
    pub assumptions: Vec<String>,
}

/// How often something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProgressView {
    /// So far.
    pub done: u32,
    /// In all when the end comes, at the least; nothing where the end is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<u32>,
    /// The same at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

/// What a timer does next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextView {
    /// Earliest time in milliseconds, rounded down.
    pub at_ms: u64,
    /// Latest time in milliseconds, rounded up.
    pub latest_ms: u64,
    /// What may happen then, the likelier first: `send-syn`, `look`, `end` and others.
    pub steps: Vec<String>,
}

/// How a socket ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LiveEndView {
    /// By a timer.
    Timer {
        /// Earliest time in milliseconds, rounded down.
        at_ms: u64,
        /// Latest time in milliseconds, rounded up.
        latest_ms: u64,
        /// The errno's name, or `gone`.
        outcome: &'static str,
    },
    /// Not by itself.
    Never,
    /// Nobody can tell.
    Unknown {
        /// Why.
        why: String,
    },
}

impl From<&LiveForecast> for LiveForecastView {
    fn from(forecast: &LiveForecast) -> Self {
        let next = forecast.next.as_ref().map(|next| {
            let (at_ms, latest_ms) = millis(next.window);
            NextView { at_ms, latest_ms, steps: next.steps.iter().map(|step| step_id(*step)).collect() }
        });
        let end = match &forecast.end {
            LiveEnd::At { window, outcome } => {
                let (at_ms, latest_ms) = millis(*window);
                LiveEndView::Timer { at_ms, latest_ms, outcome: outcome.name() }
            }
            LiveEnd::Never => LiveEndView::Never,
            LiveEnd::Unknown(why) => LiveEndView::Unknown { why: reason(why) },
        };
        let progress = |Progress { done, of }| ProgressView {
            done,
            least: of.map(|(least, _)| least),
            most: of.map(|(_, most)| most),
        };
        Self {
            activity: activity_id(forecast.activity),
            progress: forecast.progress.map(progress),
            next,
            end,
            unless: forecast.unless.map(unless_id),
            assumptions: forecast.assumptions.iter().map(|assumption| sentence(*assumption)).collect(),
        }
    }
}

/// Whole milliseconds that hold the window.
const fn millis(window: Window) -> (u64, u64) {
    (window.at_us / 1000, window.latest_us.div_ceil(1000))
}

/// The forecast in one line: `SYN retry 3 of 10, next in 1.9 s, gives up in 58 s (62 s at most) unless answered`.
#[must_use]
pub fn render_live_line(forecast: &LiveForecast) -> String {
    let mut parts = vec![doing(forecast)];
    parts.extend(next(forecast));
    match &forecast.end {
        LiveEnd::At { window, outcome } => {
            let unless = forecast.unless.map_or_else(String::new, |unless| format!(" unless {}", unless_words(unless)));
            parts.push(format!("{} in {}{unless}", ending(*outcome, forecast.activity), span(*window)));
        }
        LiveEnd::Never => {}
        LiveEnd::Unknown(_) => parts.push("end unknown".to_owned()),
    }
    parts.join(", ")
}

/// The forecast in full, as lines of at most `width` columns: the line, why the end is not known, and what was taken
/// for granted.
#[must_use]
pub fn render_live_details(forecast: &LiveForecast, width: usize) -> String {
    let mut text = wrapped(&format!("{}.", render_live_line(forecast)), width);
    match &forecast.end {
        LiveEnd::At { window, outcome: Outcome::Failed(errno) } => {
            let ends = format!("The application then gets {}, {} from the reading.", errno.name(), span(*window));
            text.push_str(&wrapped(&ends, width));
        }
        LiveEnd::Unknown(why) => text.push_str(&wrapped(&format!("End unknown: {}.", reason(why)), width)),
        LiveEnd::At { .. } | LiveEnd::Never => {}
    }
    if !forecast.assumptions.is_empty() {
        text.push_str("Taken for granted:\n");
        for assumption in &forecast.assumptions {
            text.push_str(&hanging("- ", &sentence(*assumption), width));
        }
    }
    text
}

/// A sign for each thing that may be taken for granted, and the options that it is about.
const OPTIONS: [(char, &str); 10] = [
    ('a', "TCP_SYNCNT"),
    ('b', "TCP_USER_TIMEOUT"),
    ('c', "TCP_RTO_MAX_MS"),
    ('d', "TCP_KEEPIDLE"),
    ('e', "TCP_KEEPINTVL"),
    ('f', "TCP_KEEPCNT"),
    ('g', "TCP_DEFER_ACCEPT"),
    ('h', "SO_KEEPALIVE"),
    ('i', "TCP_THIN_LINEAR_TIMEOUTS"),
    ('j', "TCP_LINGER2"),
];

/// The sign of an assumption: small for an option of the socket itself, `?` for one that has none here.
fn sign_of(assumption: Assumption) -> char {
    let of = |option: &str| OPTIONS.iter().find(|(_, name)| *name == option).map_or('?', |(sign, _)| *sign);
    match assumption {
        Assumption::Unset(option) => of(option),
        Assumption::UnsetOnListener(option) => of(option).to_ascii_uppercase(),
        Assumption::QueueHalfEmpty => 'q',
        Assumption::NoSecondSyn => 's',
        Assumption::NoSoftError => 'x',
        Assumption::OrphansWithinLimits => 'o',
    }
}

/// What a forecast takes for granted, a letter each, in their order; `render_assumptions` says what they mean.
#[must_use]
pub(super) fn assumption_signs(forecast: &LiveForecast) -> String {
    let mut signs: Vec<char> = forecast.assumptions.iter().map(|assumption| sign_of(*assumption)).collect();
    signs.sort_unstable();
    signs.dedup();
    signs.into_iter().collect()
}

/// What the letters behind forecasts mean, a line each.
#[must_use]
pub fn render_assumptions(assumed: impl Iterator<Item = Assumption>) -> String {
    let mut lines: Vec<String> =
        assumed.map(|assumption| format!("  {} {}\n", sign_of(assumption), sentence(assumption))).collect();
    lines.sort_unstable();
    lines.dedup();
    format!("forecasts hold as far as what the letters behind them stand for is so:\n{}", lines.concat())
}

/// What is going on, and how far it has come.
fn doing(forecast: &LiveForecast) -> String {
    let never = forecast.end == LiveEnd::Never;
    let counted = |what: &str, none: &str| match forecast.progress {
        Some(Progress { done: 0, .. }) => none.to_owned(),
        Some(Progress { done, of: Some((least, most)) }) if least < most => {
            format!("{what} {done} of {least} to {most}")
        }
        Some(Progress { done, of: Some((_, most)) }) => format!("{what} {done} of {most}"),
        Some(Progress { done, of: None }) => format!("{what} {done}"),
        None => what.to_owned(),
    };
    match forecast.activity {
        Activity::Connecting => counted("SYN retry", "SYN not answered yet"),
        Activity::HalfOpen => counted("SYN-ACK retry", "SYN-ACK not answered yet"),
        Activity::InFlight => "in flight".to_owned(),
        Activity::Retransmitting => counted("resend", "in flight"),
        Activity::Probing => counted("window probe", "window closed, no probe unanswered"),
        Activity::Watched => "idle".to_owned(),
        Activity::KeepaliveProbing => counted("keepalive probe", "idle"),
        Activity::AwaitingFin if never => "waits for the peer to close; no timer ends it".to_owned(),
        Activity::AwaitingFin => "waits for the peer to close".to_owned(),
        Activity::TimeWait => "waits for late segments".to_owned(),
        Activity::AwaitingClose if never => "waits for the application to close; no timer ends it".to_owned(),
        Activity::AwaitingClose => "waits for the application to close".to_owned(),
        Activity::Quiet => "idle; no timer ends it".to_owned(),
        Activity::Listening => "listens".to_owned(),
        Activity::Unconnected => "not connected".to_owned(),
    }
}

/// What the timer does next, where that is not the end.
fn next(forecast: &LiveForecast) -> Option<String> {
    let next = forecast.next.as_ref()?;
    let after = Micros(coarse(next.window.at_us, false));
    let what = match (forecast.activity, next.steps.first()) {
        (_, Some(NextStep::End)) => return None,
        (Activity::InFlight, _) => "sent again",
        (Activity::Watched, Some(NextStep::Look)) => "looked at",
        (Activity::Watched, _) => "keepalive probe",
        (_, Some(NextStep::Send(Segment::Ack))) => "delayed ACK",
        (_, Some(NextStep::Shrink)) => "kept smaller",
        (_, None) => "timer",
        _ => "next",
    };
    Some(format!("{what} in {after}"))
}

/// What the end is.
const fn ending(outcome: Outcome, activity: Activity) -> &'static str {
    match (outcome, activity) {
        (Outcome::Failed(_), _) => "gives up",
        (_, Activity::HalfOpen) => "dropped",
        _ => "gone",
    }
}

/// `58 s (62 s at most)`; the first is not rounded up and the second not down.
fn span(window: Window) -> String {
    let least = Micros(coarse(window.at_us, false)).to_string();
    let most = Micros(coarse(window.latest_us, true)).to_string();
    if least == most { least } else { format!("{least} ({most} at most)") }
}

/// The same in a table, as short as `render_window` has it: `59–61s`.
#[must_use]
pub fn render_live_window(window: Window, ascii: bool) -> String {
    let (at_us, latest_us) = (coarse(window.at_us, false), coarse(window.latest_us, true));
    render_window(Window { at_us, latest_us }, ascii)
}

/// Microseconds until the earliest end of a window, as exact as forecasts say them: nothing comes before.
#[must_use]
pub const fn rounded_down_us(us: u64) -> u64 {
    coarse(us, false)
}

/// As exact as a person wants to know it: whole seconds from 10 s on, else tenths, and milliseconds below one.
const fn coarse(us: u64, up: bool) -> u64 {
    let unit_us = match us {
        0..1_000_000 => 1_000,
        1_000_000..10_000_000 => 100_000,
        _ => 1_000_000,
    };
    if up { us.div_ceil(unit_us) * unit_us } else { us / unit_us * unit_us }
}

const fn activity_id(activity: Activity) -> &'static str {
    match activity {
        Activity::Connecting => "connecting",
        Activity::HalfOpen => "half-open",
        Activity::InFlight => "in-flight",
        Activity::Retransmitting => "retransmitting",
        Activity::Probing => "probing",
        Activity::Watched => "watched",
        Activity::KeepaliveProbing => "keepalive-probing",
        Activity::AwaitingFin => "awaiting-fin",
        Activity::TimeWait => "time-wait",
        Activity::AwaitingClose => "awaiting-close",
        Activity::Quiet => "quiet",
        Activity::Listening => "listening",
        Activity::Unconnected => "unconnected",
    }
}

fn step_id(step: NextStep) -> String {
    match step {
        NextStep::Send(segment) => format!("send-{}", segment.name().to_ascii_lowercase()),
        NextStep::Resend => "resend".to_owned(),
        NextStep::LossProbe => "loss-probe".to_owned(),
        NextStep::Look => "look".to_owned(),
        NextStep::Shrink => "shrink".to_owned(),
        NextStep::End => "end".to_owned(),
    }
}

const fn unless_id(unless: Unless) -> &'static str {
    match unless {
        Unless::Answered => "answered",
        Unless::Completed => "completed",
        Unless::Acknowledged => "acknowledged",
        Unless::ProbeAnswered => "probe-answered",
        Unless::Heard => "heard",
        Unless::PeerCloses => "peer-closes",
        Unless::Disturbed => "disturbed",
    }
}

const fn unless_words(unless: Unless) -> &'static str {
    match unless {
        Unless::Answered => "answered",
        Unless::Completed => "answered or asked again",
        Unless::Acknowledged => "acknowledged",
        Unless::ProbeAnswered => "the peer answers",
        Unless::Heard => "the peer is heard",
        Unless::PeerCloses => "it does",
        Unless::Disturbed => "one comes",
    }
}

fn sentence(assumption: Assumption) -> String {
    match assumption {
        Assumption::Unset(option) => format!("{option} is not set on it, which only its application can tell"),
        Assumption::UnsetOnListener(option) => format!("{option} is not set on its listener"),
        Assumption::QueueHalfEmpty => {
            "the listener's SYN queue stays less than half full, so that nothing is pruned".to_owned()
        }
        Assumption::NoSecondSyn => {
            "the client does not send its SYN again, which would make the entry live longer".to_owned()
        }
        Assumption::NoSoftError => "no ICMP error came, which would be the error at the end".to_owned(),
        Assumption::OrphansWithinLimits => "orphans and TCP memory stay below their limits".to_owned(),
    }
}

fn reason(why: &WhyUnknown) -> String {
    match why {
        WhyUnknown::Settings(keys) => format!("{} could not be read", keys.join(" and ")),
        WhyUnknown::NoTcpInfo => "tcp_info is needed for it and was not asked for".to_owned(),
        WhyUnknown::Beyond(option) => {
            format!("it does not go as the settings say, so {option} is set on it or they were changed")
        }
        WhyUnknown::WindowShrank => "the peer has shrunk its window to nothing under data in flight".to_owned(),
        WhyUnknown::BetweenTimers => "it was read between two timers".to_owned(),
        WhyUnknown::TooLong => "its timers go on for too long to be followed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Host, KnownOptions, KnownSettings, Settings, forecast_live};
    use crate::units::{Hz, KernelVersion, LiveInfo, LiveSocket, SocketTimer, TcpState};

    /// A socket as Linux 6.18 at HZ 250 shows it: timer, what is left of it, what it counts, RTO and backoff.
    fn told(
        state: TcpState,
        timer: SocketTimer,
        expires_ms: u32,
        counted: u8,
        rto_ms: u32,
        backoff: u8,
    ) -> LiveForecast {
        let heard_ms = if counted > 0 { 7_300_000 } else { 60_000 };
        let info = LiveInfo {
            retransmits: counted,
            backoff,
            sack: true,
            rto_us: rto_ms * 1000,
            rtt_us: 30,
            unacked: 1,
            ca_state: if counted > 0 { 4 } else { 0 },
            snd_wnd: Some(65_536),
            last_ack_recv_ms: heard_ms,
            last_data_recv_ms: heard_ms,
            ..LiveInfo::default()
        };
        let info = (rto_ms > 0).then_some(info);
        let inode = u32::from(rto_ms > 0 && state != TcpState::FinWait1);
        let socket = LiveSocket { state, timer, expires_ms, retransmits: counted, inode, info };
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let values =
            Settings::default().values().into_iter().map(|(key, value)| (key.parse().unwrap(), value)).collect();
        forecast_live(&socket, &KnownOptions::default(), &host, &KnownSettings::new(&values, |_| true))
    }

    fn samples() -> Vec<LiveForecast> {
        use SocketTimer::{Keepalive, Off, Probe, Retransmit, TimeWait};
        use TcpState::{CloseWait, Estab, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent};
        vec![
            told(SynSent, Retransmit, 900, 0, 1000, 0),
            told(SynSent, Retransmit, 1900, 6, 4000, 2),
            told(SynSent, Retransmit, 4000, 10, 64_000, 6),
            told(SynSent, Retransmit, 900, 12, 64_000, 6),
            told(SynRecv, Retransmit, 900, 0, 0, 0),
            told(SynRecv, Retransmit, 1900, 3, 0, 0),
            told(Estab, Off, 0, 0, 204, 0),
            told(Estab, Retransmit, 180, 0, 204, 0),
            told(Estab, Retransmit, 10_000, 6, 13_056, 6),
            told(FinWait1, Retransmit, 10_000, 6, 13_056, 6),
            told(Estab, Probe, 5_000, 5, 204, 5),
            told(Estab, Probe, 5_000, 0, 204, 5),
            told(Estab, Keepalive, 7_140_000, 0, 204, 0),
            told(Estab, Keepalive, 40_000, 2, 204, 0),
            told(CloseWait, Off, 0, 0, 204, 0),
            told(LastAck, Off, 0, 0, 204, 0),
            told(FinWait2, Off, 0, 0, 204, 0),
            told(FinWait2, TimeWait, 30_000, 0, 0, 0),
            told(TcpState::TimeWait, TimeWait, 59_000, 0, 0, 0),
            told(Listen, Off, 0, 0, 0, 0),
        ]
    }

    #[test]
    fn a_line_says_what_goes_on_and_when_it_ends() {
        let lines: Vec<_> = samples().iter().map(render_live_line).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        SYN not answered yet, next in 900 ms, gives up in 130 s (136 s at most) unless answered
        SYN retry 6 of 10, next in 1.9 s, gives up in 121 s (127 s at most) unless answered
        SYN retry 10 of 10, gives up in 4 s (6.1 s at most) unless answered
        SYN retry 12, timer in 900 ms, end unknown
        SYN-ACK not answered yet, next in 900 ms, dropped in 62 s (66 s at most) unless answered or asked again
        SYN-ACK retry 3 of 5 to 7, next in 1.9 s, dropped in 49 s (65 s at most) unless answered or asked again
        idle; no timer ends it
        in flight, sent again in 180 ms, gives up in 928 s (949 s at most) unless acknowledged
        resend 6 of 15, next in 10 s, gives up in 912 s (932 s at most) unless acknowledged
        resend 6 of 8, next in 10 s, gone in 88 s (93 s at most) unless acknowledged
        window probe 5 of 15, next in 5 s, gives up in 920 s (940 s at most) unless the peer answers
        window closed, no probe unanswered, next in 5 s, gives up in 25 min 20 s (25 min 51 s at most) unless the peer answers
        idle, keepalive probe in 119 min 0 s, gives up in 2 h 10 min (2 h 12 min at most) unless the peer is heard
        keepalive probe 2 of 9, next in 40 s, gives up in 565 s (582 s at most) unless the peer is heard
        waits for the application to close; no timer ends it
        in flight, end unknown
        waits for the peer to close; no timer ends it
        waits for the peer to close, gone in 30 s (33 s at most) unless it does
        waits for late segments, gone in 59 s (62 s at most) unless one comes
        listens
        ");
    }

    #[test]
    fn the_details_name_what_was_taken_for_granted() {
        let of = |place: usize| samples().get(place).map(|forecast| render_live_details(forecast, 80)).unwrap();
        insta::assert_snapshot!([of(1), of(3)].join("\n"), @r"
        SYN retry 6 of 10, next in 1.9 s, gives up in 121 s (127 s at most) unless
        answered.
        The application then gets ETIMEDOUT, 121 s (127 s at most) from the reading.
        Taken for granted:
        - TCP_SYNCNT is not set on it, which only its application can tell
        - TCP_USER_TIMEOUT is not set on it, which only its application can tell
        - TCP_RTO_MAX_MS is not set on it, which only its application can tell
        - no ICMP error came, which would be the error at the end

        SYN retry 12, timer in 900 ms, end unknown.
        End unknown: it does not go as the settings say, so TCP_SYNCNT is set on it or
        they were changed.
        Taken for granted:
        - TCP_USER_TIMEOUT is not set on it, which only its application can tell
        - TCP_RTO_MAX_MS is not set on it, which only its application can tell
        - no ICMP error came, which would be the error at the end
        ");
    }

    #[test]
    fn each_assumption_has_a_sign_of_its_own_that_a_line_and_the_legend_share() {
        let signs: Vec<_> = samples().iter().map(assumption_signs).collect();
        assert_eq!((signs[1].as_str(), signs[6].as_str()), ("abcx", ""));
        let assumed: Vec<Assumption> = samples().into_iter().flat_map(|forecast| forecast.assumptions).collect();
        let legend = render_assumptions(assumed.iter().copied());
        let told: Vec<char> = legend.lines().skip(1).filter_map(|line| line.chars().nth(2)).collect();
        let mut different = told.clone();
        different.dedup();
        assert_eq!(told, different, "{legend}");
        assert!(!told.contains(&'?') && signs.concat().chars().all(|sign| told.contains(&sign)), "{legend}");
        assert!(legend.contains("  b TCP_USER_TIMEOUT is not set on it, which only its application can tell\n"));
        assert!(legend.contains("  A TCP_SYNCNT is not set on its listener\n"), "{legend}");
    }

    #[test]
    fn the_shape_for_programs_is_stable() {
        let of = |place: usize| samples().get(place).map(LiveForecastView::from).unwrap();
        insta::assert_json_snapshot!([of(1), of(3), of(6)], @r#"
        [
          {
            "activity": "connecting",
            "progress": {
              "done": 6,
              "least": 10,
              "most": 10
            },
            "next": {
              "at_ms": 1900,
              "latest_ms": 2160,
              "steps": [
                "send-syn"
              ]
            },
            "end": {
              "kind": "timer",
              "at_ms": 121900,
              "latest_ms": 126784,
              "outcome": "ETIMEDOUT"
            },
            "unless": "answered",
            "assumptions": [
              "TCP_SYNCNT is not set on it, which only its application can tell",
              "TCP_USER_TIMEOUT is not set on it, which only its application can tell",
              "TCP_RTO_MAX_MS is not set on it, which only its application can tell",
              "no ICMP error came, which would be the error at the end"
            ]
          },
          {
            "activity": "connecting",
            "progress": {
              "done": 12
            },
            "next": {
              "at_ms": 900,
              "latest_ms": 2952,
              "steps": []
            },
            "end": {
              "kind": "unknown",
              "why": "it does not go as the settings say, so TCP_SYNCNT is set on it or they were changed"
            },
            "unless": "answered",
            "assumptions": [
              "TCP_USER_TIMEOUT is not set on it, which only its application can tell",
              "TCP_RTO_MAX_MS is not set on it, which only its application can tell",
              "no ICMP error came, which would be the error at the end"
            ]
          },
          {
            "activity": "quiet",
            "end": {
              "kind": "never"
            },
            "assumptions": []
          }
        ]
        "#);
    }
}
