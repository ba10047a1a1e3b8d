//! Why there is TIME-WAIT at all.

use crate::explain::{Ask, FigureTable, Figures, Folklore, Group, Topic};
use crate::model::{
    Action, Injected, Injection, Number, Outcome, Scenario, Segment, Settings, Side, TIME_WAIT_US, Timeline, What,
    forecast,
};
use crate::units::{Micros, TcpState};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "why-time-wait",
    group: Group::Closing,
    question: "Why is there a TIME-WAIT at all?",
    keys: &[
        "net.ipv4.tcp_max_tw_buckets",
        "net.ipv4.tcp_tw_reuse",
        "net.ipv4.tcp_tw_reuse_delay",
        "net.ipv4.tcp_timestamps",
        "net.ipv4.tcp_rfc1337",
    ],
    folklore: &[
        Folklore {
            said: "TIME-WAIT is a leak to be tuned away.",
            kernel: "It is the memory of a connection that is over, of about 0.3 KiB, without which the next one on the \
                     same ports can be given the data of the last.",
        },
        Folklore {
            said: "A RST ends TIME-WAIT, so it protects nothing (RFC 1337).",
            kernel: "One with exactly the expected number does, unless tcp_rfc1337 is 1: then it changes nothing.",
        },
        Folklore {
            said: "Timestamps make it superfluous.",
            kernel: "They are a second defence: a segment with an older timestamp is refused (PAWS). That is why \
                     tcp_tw_reuse needs them on both sides.",
        },
    ],
    sources: &["tcp_timewait_state_process()", "tcp_time_wait()", "tcp_twsk_unique()", "RFC 9293 3.6.1", "RFC 1337"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

/// When an old segment comes late, and when the client connects again, in microseconds.
const LATE_US: u64 = 1_000_000;
const AGAIN_US: u64 = 2_000_000;
const STRAY_US: u64 = 3_000_000;

/// The last ACK is lost, and a copy of old data comes late: TIME-WAIT takes both.
fn scenario(ask: &Ask) -> Scenario {
    last_ack_lost(ask, ask.settings()).injecting(Injection { at_us: LATE_US, to: Side::Client, what: OLD_DATA })
}

/// A copy of what the connection has delivered already, before its FIN.
const OLD_DATA: Injected =
    Injected::Segment { segment: Segment::Data, seq: Number::Fitting(-2), ack: Some(Number::Fitting(0)) };

fn last_ack_lost(ask: &Ask, settings: Settings) -> Scenario {
    let mut scenario = Scenario::established(ask.host, &ask.settings())
        .calling(Side::Client, Action::Close)
        .calling(Side::Server, Action::CloseAfterPeer)
        .losing_first(Side::Client, Segment::Ack, 1);
    scenario.client.settings = settings;
    scenario.rtt_us = ask.rtt_us;
    scenario
}

/// The same settings, but no TIME-WAIT is kept.
fn without(settings: &Settings) -> Settings {
    Settings { max_tw_buckets: 0, ..settings.clone() }
}

/// The client connects again from the same port, and then data of the old connection arrives at the server with a
/// number that fits the new one.
fn connected_again(ask: &Ask, settings: Settings) -> Scenario {
    let mut scenario = Scenario::close(ask.host, &ask.settings()).calling_at(AGAIN_US, Side::Client, Action::Connect);
    scenario.client.settings = settings;
    scenario.rtt_us = ask.rtt_us;
    let what = Injected::Segment { segment: Segment::Data, seq: Number::Fitting(0), ack: Some(Number::Fitting(0)) };
    scenario.injecting(Injection { at_us: STRAY_US, to: Side::Server, what })
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let settings = ask.settings();
    let mut answer = vec![
        "For two things. The last ACK may be lost: then the FIN comes again, and someone must be there to say that all \
         is well. And segments of the old connection may still be under way: a new one between the same addresses and \
         ports must not take them for its own."
            .to_owned(),
    ];
    let end = timeline.and_then(|timeline| timeline.ends.iter().find(|end| end.side == Side::Client));
    answer.push(match end {
        _ if !settings.keeps_time_wait() => {
            "Here tcp_max_tw_buckets is 0: there is no TIME-WAIT, and the diagram shows what that costs.".to_owned()
        }
        Some(end) if end.window.at_us < TIME_WAIT_US => format!(
            "In the diagram the repeated FIN is answered. So is a late copy of old data, but the peer has forgotten all and \
             answers with a RST, which fits and ends the wait after {}: the hazard of RFC 1337, against which \
             tcp_rfc1337=1 helps.",
            end.window
        ),
        Some(end) => format!(
            "In the diagram the repeated FIN and a late copy of old data are answered and start the {} anew, and the RST \
             that the peer sends for the second answer ends nothing (tcp_rfc1337=1); the socket is gone after {}.",
            Micros(TIME_WAIT_US),
            end.window
        ),
        None => String::new(),
    });
    answer.push(
        "Without it the peer that closes properly gets a RST for its FIN, and a segment of before lands in the next \
         connection if its number fits."
            .to_owned(),
    );
    Figures { answer, tables: vec![counterfactual(ask, &settings)], ..Figures::default() }
}

/// What each of the two comes to with TIME-WAIT and without.
fn counterfactual(ask: &Ask, settings: &Settings) -> FigureTable {
    let kept =
        if settings.keeps_time_wait() { settings.clone() } else { Settings { max_tw_buckets: 1, ..settings.clone() } };
    let fin = |settings: &Settings| {
        let timeline = forecast(&last_ack_lost(ask, settings.clone()));
        let refused = timeline.sent(Side::Client, Segment::Rst) > 0;
        if refused { "refused with a RST" } else { "answered, TIME-WAIT starts again" }.to_owned()
    };
    let again = |settings: &Settings| second_connection(&forecast(&connected_again(ask, settings.clone())));
    let row = |what: &str, of: &dyn Fn(&Settings) -> String| vec![what.to_owned(), of(&kept), of(&without(settings))];
    FigureTable {
        title: "With TIME-WAIT, and without".to_owned(),
        columns: vec!["", "with it", "without it"],
        rows: vec![
            row("the last ACK is lost, the FIN comes again", &fin),
            row("connect() from the same port 2 s later, then an old segment that fits", &again),
        ],
    }
}

/// How a connection from the same port fares.
fn second_connection(timeline: &Timeline) -> String {
    let refused = timeline.events.iter().find_map(|event| match event.what {
        What::Return(_, Some(errno)) if event.side == Side::Client => Some(errno.name()),
        _ => None,
    });
    if let Some(errno) = refused {
        return format!("connect() fails with {errno}: the port is held");
    }
    let opened = timeline
        .events
        .iter()
        .filter(|event| event.side == Side::Server && matches!(event.what, What::State(TcpState::Estab)));
    let delivered = timeline.events.iter().any(|event| {
        event.side == Side::Server
            && event.window.at_us >= STRAY_US
            && matches!(event.what, What::Send { segment: Segment::Ack, .. })
    });
    match (opened.count(), delivered, timeline.end().map(|end| end.outcome)) {
        (2, true, Some(Outcome::Established)) => "connects, and is given the old data".to_owned(),
        (2, ..) => "connects".to_owned(),
        _ => "does not connect".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_time_wait_a_fin_is_refused_and_old_data_is_delivered() {
        let ask = Ask::of_defaults(10_000);
        let rows = counterfactual(&ask, &ask.settings()).rows;
        assert_eq!(rows[0][1..], ["answered, TIME-WAIT starts again", "refused with a RST"]);
        assert!(rows[1][1].contains("EADDRNOTAVAIL"), "{rows:?}");
        assert!(rows[1][2].contains("given the old data"), "{rows:?}");
    }
}
