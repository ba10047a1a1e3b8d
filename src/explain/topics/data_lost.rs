//! What if the peer vanishes with data in flight.

use crate::catalog;
use crate::explain::course::ends_within;
use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Action, Scenario, Segment, Side, Timeline, forecast};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "data-lost",
    group: Group::Living,
    question: "What if the peer vanishes with data in flight?",
    keys: &[
        "net.ipv4.tcp_retries2",
        "net.ipv4.tcp_rto_min_us",
        "net.ipv4.tcp_rto_max_ms",
        "net.ipv4.tcp_early_retrans",
        "net.ipv4.tcp_sack",
        "net.ipv4.tcp_thin_linear_timeouts",
    ],
    folklore: &[
        Folklore {
            said: "15 retransmissions, 924.6 s.",
            kernel: "tcp_retries2 is a time: 924.6 s from the first retransmission that the RTO timer sends, tested at each timer. How many segments that is depends on the round-trip time, and the end is later.",
        },
        Folklore {
            said: "A shorter keepalive finds it sooner.",
            kernel: "Keepalive rests while data is unacknowledged. TCP_USER_TIMEOUT is the tool.",
        },
    ],
    sources: &[
        "tcp_retransmit_timer()",
        "retransmits_timed_out()",
        "tcp_model_timeout()",
        "tcp_schedule_loss_probe()",
        "tcp_write_timeout()",
    ],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

/// The remedies that are worked out: a user timeout and a longest RTO, in milliseconds.
const USER_TIMEOUT_MS: u32 = 30_000;
const RTO_MAX_MS: u32 = 5_000;

fn scenario(ask: &Ask) -> Scenario {
    Scenario::established(ask.host, &ask.settings()).calling(Side::Client, Action::Send).silencing(Side::Client)
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = Vec::new();
    if let Some((timeline, end)) = timeline.and_then(|timeline| Some((timeline, timeline.end()?))) {
        answer.push(format!(
            "The connection fails with {} after {}; the data is sent {} times, the tail loss probe included.",
            end.outcome.name(),
            end.window,
            timeline.sent(Side::Client, Segment::Data),
        ));
        for other in timeline.alternatives.iter().filter_map(Timeline::end) {
            answer.push(format!("Or after {}: the lateness of timers decides (a tie).", other.window));
        }
    }
    answer.push(
        "The RTO is that of a connection fresh from its handshake: the round trip and twice of it, at least 200 ms. An \
         older connection has an RTO nearer to the round trip and 200 ms."
            .to_owned(),
    );
    answer.extend(shortened(ask));
    Figures { answer, ..Figures::default() }
}

/// What the application and the host can do about it, and when it would end then.
fn shortened(ask: &Ask) -> Vec<String> {
    let end = |scenario: Scenario| {
        ends_within(&forecast(&Scenario { rtt_us: ask.rtt_us, ..scenario })).map(|window| window.to_string())
    };
    let mut by_application = scenario(ask);
    by_application.client.options.user_timeout_ms = USER_TIMEOUT_MS;
    let mut sentences: Vec<String> = Vec::new();
    sentences.extend(end(by_application).map(|window| {
        format!("If the application sets TCP_USER_TIMEOUT={USER_TIMEOUT_MS} (ms), it ends after {window}.")
    }));
    if catalog::exists("net.ipv4.tcp_rto_max_ms", ask.host.version) && ask.settings().rto_max_ms > RTO_MAX_MS {
        let mut by_host = scenario(ask);
        by_host.client.settings.rto_max_ms = RTO_MAX_MS;
        sentences.extend(end(by_host).map(|window| {
            format!("With tcp_rto_max_ms={RTO_MAX_MS} the doublings stop there, and it ends after {window}.")
        }));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_remedies_end_it_sooner_than_the_default() {
        let ask = Ask::of_defaults(20_000);
        let timeline = forecast(&Scenario { rtt_us: ask.rtt_us, ..scenario(&ask) });
        assert!(timeline.end().unwrap().window.at_us > 900_000_000);
        let sentences = shortened(&ask);
        assert_eq!(sentences.len(), 2, "{sentences:?}");
        assert!(sentences[0].contains("it ends after 30"), "{sentences:?}");
    }
}
