//! What if the third handshake segment, the ACK, is lost.

use crate::explain::{Ask, Figures, Folklore, Group, Topic};
use crate::model::{Action, Scenario, Segment, Side, Timeline, forecast};
use crate::units::Micros;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "third-ack-lost",
    group: Group::Opening,
    question: "What if the third handshake segment, the ACK, is lost?",
    keys: &["net.ipv4.tcp_synack_retries"],
    folklore: &[Folklore {
        said: "An ACK is never sent again.",
        kernel: "Not by a timer. It is sent in answer to every further SYN-ACK, so one loss costs a second; only if all of them are lost does the server forget.",
    }],
    sources: &["reqsk_timer_handler()", "tcp_check_req()", "tcp_send_challenge_ack()"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::connect(ask.host, &ask.settings()).losing(Side::Client, Segment::Ack).about(Side::Server)
}

/// A whole second, one to two seconds later.
const fn next_second_but_one(us: u64) -> u64 {
    (us / 1_000_000).saturating_add(2).saturating_mul(1_000_000)
}

/// What becomes of data that the client sends at this time, when the server has forgotten it.
fn sent_too_late(ask: &Ask, at_us: u64) -> Option<String> {
    let late = Scenario { rtt_us: ask.rtt_us, ..scenario(ask) }.calling_at(at_us, Side::Client, Action::Send);
    let timeline = forecast(&late.about(Side::Client));
    let end = timeline.end()?;
    let reset = timeline.sent(Side::Server, Segment::Rst) > 0;
    reset.then(|| {
        format!(
            "A client that sends its first data after that, say at {}, is answered by a RST and has {} at {}.",
            Micros(at_us),
            end.outcome.name(),
            end.window
        )
    })
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = vec![
        "The client is connected after one round trip and knows of nothing. The server has a half-open entry and \
         sends its SYN-ACK again; each copy makes the client send the ACK again."
            .to_owned(),
    ];
    if let Some(end) = timeline.and_then(Timeline::end) {
        answer.push(format!("If every ACK is lost, the server drops the entry after {} and tells nobody.", end.window));
        answer.extend(sent_too_late(ask, next_second_but_one(end.window.latest_us)));
    }
    answer.push(
        "Data sent before that completes the handshake (see ack-with-data). A client that only reads waits for ever, \
         unless it uses keepalive."
            .to_owned(),
    );
    Figures { answer, ..Figures::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_comes_when_the_server_has_forgotten_is_reset_and_earlier_data_is_not() {
        let ask = Ask::of_defaults(20_000);
        let late = sent_too_late(&ask, 70_000_000).unwrap();
        assert!(late.contains("has ECONNRESET at 70 s"), "{late}");
        assert_eq!(sent_too_late(&ask, 10_000_000), None);
    }
}
