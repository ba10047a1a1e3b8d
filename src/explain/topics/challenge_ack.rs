//! Stray segments in a connection that is open.

use crate::explain::{Ask, FigureTable, Figures, Folklore, Group, Topic};
use crate::model::{Action, Injected, Injection, Number, Outcome, Scenario, Segment, Side, Timeline, What, forecast};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "challenge-ack",
    group: Group::Living,
    question: "What does a stray SYN or RST do to an open connection?",
    keys: &["net.ipv4.tcp_challenge_ack_limit", "net.ipv4.tcp_invalid_ratelimit"],
    folklore: &[
        Folklore {
            said: "A RST within the window ends the connection.",
            kernel: "Only one with exactly the number that is expected next. Any other in the window is answered by an \
                     ACK that says which number would do (RFC 5961); one outside is dropped.",
        },
        Folklore {
            said: "A SYN in an open connection resets it.",
            kernel: "It is answered by the same ACK. A peer that was really rebooted answers that with a RST of the \
                     right number.",
        },
        Folklore {
            said: "Lower tcp_challenge_ack_limit against floods.",
            kernel: "A limit that all connections share was a side channel (CVE-2016-5696); since 6.1 there is none by \
                     default. One answer each 500 ms a socket (tcp_invalid_ratelimit) is what bounds them.",
        },
    ],
    sources: &["tcp_validate_incoming()", "tcp_send_challenge_ack()", "tcp_oow_rate_limited()", "RFC 5961 3, 4"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

/// A client that was rebooted connects again from the same port while the server still holds the old connection.
fn scenario(ask: &Ask) -> Scenario {
    Scenario::established(ask.host, &ask.settings())
        .calling(Side::Client, Action::Reboot)
        .calling(Side::Client, Action::Connect)
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let mut answer = vec![
        "A segment that does not fit must not be trusted: anyone can send one. The kernel answers with a challenge ACK, \
         which says what it expects, and only who sees that can answer it."
            .to_owned(),
    ];
    let end = timeline.and_then(|timeline| Some((timeline, timeline.end()?)));
    if let Some((timeline, end)) = end.filter(|(_, end)| end.outcome == Outcome::Established) {
        answer.push(format!(
            "In the diagram a rebooted client connects again from the same port. Its SYN is challenged, its RST fits, the \
             old connection ends with ECONNRESET, and SYN number {} succeeds: connected after {}.",
            timeline.sent(Side::Client, Segment::Syn),
            end.window,
        ));
    }
    answer.push(
        "At most one challenge goes out every 500 ms for a connection; stray segments between are dropped in silence \
         (TCPACKSkippedChallenge)."
            .to_owned(),
    );
    Figures { answer, tables: vec![strays(ask)], ..Figures::default() }
}

/// Numbers that lie in the window and outside, from the one that is expected.
const INSIDE: i32 = 1000;
const OUTSIDE: i32 = 1_000_000;

/// What a connection does with one stray segment.
fn strays(ask: &Ask) -> FigureTable {
    let cases = [
        ("RST", "exactly what is expected", Segment::Rst, 0),
        ("RST", "in the window", Segment::Rst, INSIDE),
        ("RST", "outside the window", Segment::Rst, OUTSIDE),
        ("SYN", "any", Segment::Syn, OUTSIDE),
    ];
    let rows = cases.map(|(name, number, segment, above)| {
        let timeline = forecast(&stray(ask, segment, above));
        let answers = timeline
            .events
            .iter()
            .any(|event| event.side == Side::Server && matches!(event.what, What::Send { segment: Segment::Ack, .. }));
        let end = timeline.end().map_or("", |end| match end.outcome {
            Outcome::Never => "stays",
            outcome => outcome.name(),
        });
        let answer = if answers { "challenge ACK" } else { "nothing" };
        vec![name.to_owned(), number.to_owned(), answer.to_owned(), end.to_owned()]
    });
    FigureTable {
        title: "One stray segment for an open connection".to_owned(),
        columns: vec!["segment", "its number", "is answered by", "the connection"],
        rows: rows.to_vec(),
    }
}

fn stray(ask: &Ask, segment: Segment, above: i32) -> Scenario {
    let what = Injected::Segment { segment, seq: Number::Fitting(above), ack: None };
    Scenario::established(ask.host, &ask.settings()).about(Side::Server).injecting(Injection {
        at_us: 0,
        to: Side::Server,
        what,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_reset_ends_a_connection() {
        let rows = strays(&Ask::of_defaults(0)).rows;
        let ends: Vec<(&str, &str)> = rows.iter().map(|row| (row[2].as_str(), row[3].as_str())).collect();
        assert_eq!(
            ends,
            [("nothing", "ECONNRESET"), ("challenge ACK", "stays"), ("nothing", "stays"), ("challenge ACK", "stays")]
        );
    }

    #[test]
    fn a_rebooted_client_is_challenged_and_connects_again() {
        let timeline = forecast(&scenario(&Ask::of_defaults(10_000)));
        assert_eq!(timeline.sent(Side::Client, Segment::Syn), 2);
        assert_eq!(timeline.sent(Side::Client, Segment::Rst), 1);
        assert_eq!(timeline.end().map(|end| end.outcome), Some(Outcome::Established));
    }
}
