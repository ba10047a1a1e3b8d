//! The accept queue is full.

use crate::explain::topics::TYPICAL_BACKLOG;
use crate::explain::{Ask, Figures, Folklore, Group, QueueFigures, Topic};
use crate::model::{Errno, Outcome, Scenario, Segment, Side, Timeline, forecast, queue_limits};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "accept-queue-full",
    group: Group::Queues,
    question: "What happens when the accept queue is full?",
    keys: &[
        "net.core.somaxconn",
        "net.ipv4.tcp_abort_on_overflow",
        "net.ipv4.tcp_synack_retries",
        "net.ipv4.tcp_syn_retries",
        "net.ipv4.tcp_syn_linear_timeouts",
        "net.ipv4.tcp_syncookies",
    ],
    folklore: &[
        Folklore {
            said: "Set tcp_abort_on_overflow=1, so that clients see an error at once.",
            kernel: "Only a client whose SYN was taken before the queue filled gets that RST. A SYN that finds the \
                     queue full is dropped without a word whatever the setting, and so is the answer to a cookie.",
        },
        Folklore {
            said: "connect() succeeded, so the server has the connection.",
            kernel: "The client is connected when the SYN-ACK arrives. Whether the server has a place for it shows \
                     only afterwards.",
        },
        Folklore {
            said: "With SYN cookies on, no SYN is dropped.",
            kernel: "The accept queue is looked at even when a cookie is wanted: full means dropped (ListenOverflows, \
                     ListenDrops).",
        },
    ],
    sources: &[
        "tcp_conn_request()",
        "tcp_v4_syn_recv_sock()",
        "tcp_check_req()",
        "sk_acceptq_is_full()",
        "reqsk_timer_handler()",
    ],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

fn scenario(ask: &Ask) -> Scenario {
    Scenario::overflowing(ask.host, &ask.settings())
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let settings = ask.settings();
    let asked = ask.backlog.unwrap_or(TYPICAL_BACKLOG);
    let limits = queue_limits(asked, &settings, ask.host.version);
    let mut sentences = vec![format!(
        "It is full with {} connections that wait for accept(), one more than the backlog: listen(fd, {asked}), \
         somaxconn {}. ss shows Recv-Q above Send-Q.",
        limits.accept_capacity, settings.somaxconn
    )];
    let unanswered = forecast(&Scenario::connect(ask.host, &settings).losing(Side::Client, Segment::Syn));
    if let Some(end) = unanswered.end() {
        sentences.push(format!(
            "A SYN that comes then is dropped, cookies or not: ListenOverflows and ListenDrops rise by one each time. \
             The client tries again, {} SYNs in all, and fails with {} after {} unless accept() makes room.",
            unanswered.sent(Side::Client, Segment::Syn),
            end.outcome.name(),
            end.window
        ));
    }
    sentences.extend(timeline.and_then(third_segment_sentence));
    sentences.push(
        "The remedy is an application that accepts faster, or a longer backlog for bursts: raise what it gives to \
         listen(), and somaxconn with it; both take effect at the next listen()."
            .to_owned(),
    );
    Figures {
        answer: sentences,
        queues: Some(QueueFigures {
            asked,
            backlog: asked.min(settings.somaxconn),
            accept_capacity: limits.accept_capacity,
            half_open_capacity: limits.half_open_capacity,
            limited_by: limits.limited_by,
        }),
        ..Figures::default()
    }
}

/// What the drawing shows: the queue fills between SYN and third segment.
fn third_segment_sentence(timeline: &Timeline) -> Option<String> {
    let end = timeline.end()?;
    Some(match end.outcome {
        Outcome::Failed(errno @ Errno::ConnectionReset) => format!(
            "If the queue filled after the SYN was taken (drawn below): connect() succeeds, the third segment is \
             answered with a RST (tcp_abort_on_overflow=1), and the client's next call fails with {} ({} after \
             connect()). ListenOverflows, ListenDrops, EmbryonicRsts.",
            errno.name(),
            end.window
        ),
        _ => {
            let again = timeline.sent(Side::Server, Segment::SynAck).saturating_sub(1);
            format!(
                "If the queue filled after the SYN was taken (drawn below): connect() succeeds, the third segment is \
                 ignored (tcp_abort_on_overflow=0), and the server keeps the request and sends the SYN-ACK {again} \
                 more times. Each answer to it, and the client's data, is another try and counts in ListenOverflows \
                 and ListenDrops. After {} the server forgets; the client believes to be connected until it sends and \
                 gets a RST.",
                end.window
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Host, Settings, What};
    use crate::units::{Hz, KernelVersion};

    fn course(abort_on_overflow: bool) -> Timeline {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let settings = Settings { abort_on_overflow, ..Settings::default() };
        forecast(&Scenario { rtt_us: 10_000, ..Scenario::overflowing(host, &settings) })
    }

    fn end(timeline: &Timeline, side: Side) -> (Outcome, u64) {
        let end = timeline.ends.iter().find(|end| end.side == side).expect("an end");
        (end.outcome, end.window.at_us / 1000)
    }

    /// Measured on 6.18: the client's ACK is tried again at 1, 3, 7, 15 and 31 s.
    #[test]
    fn an_ignored_third_segment_keeps_the_request_for_its_whole_life() {
        let timeline = course(false);
        assert_eq!(end(&timeline, Side::Server), (Outcome::Gone, 63_005));
        assert_eq!(end(&timeline, Side::Client), (Outcome::Established, 10));
        assert_eq!(timeline.sent(Side::Server, Segment::SynAck), 6);
        assert_eq!(timeline.sent(Side::Client, Segment::Ack), 6);
    }

    #[test]
    fn an_aborted_one_resets_a_client_that_is_connected() {
        let timeline = course(true);
        assert_eq!(end(&timeline, Side::Client), (Outcome::Failed(Errno::ConnectionReset), 20));
        assert_eq!(end(&timeline, Side::Server).0, Outcome::Gone);
        let returned = |what: &What| matches!(what, What::Return("connect", None));
        assert!(timeline.events.iter().any(|event| returned(&event.what)));
        assert_eq!(timeline.sent(Side::Server, Segment::Rst), 1);
    }
}
