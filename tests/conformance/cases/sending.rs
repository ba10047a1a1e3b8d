//! Data and FINs that are lost, late, doubled or crossed.

use tcpctl::model::{Action, Fate, Host, Scenario, Segment, Settings, Side, WireRule};

use super::{Part, connect, established, first, ms, with_settings};

use Segment::{Ack, Data, Fin, Syn, SynAck};
use Side::{Client, Server};

pub(super) fn in_flight(host: Host) -> Vec<Part> {
    let both_lost = |times| {
        established(host)
            .calling(Client, Action::Send)
            .calling(Client, Action::Close)
            .losing_first(Client, Data, times)
            .losing_first(Client, Fin, times)
    };
    let two_lost = |times| {
        established(host).calling(Client, Action::Send).calling(Client, Action::Send).losing_first(Client, Data, times)
    };
    vec![
        ("data and FIN lost once", 3000, both_lost(1)),
        ("data and FIN lost twice", 4000, both_lost(2)),
        (
            "only the data lost",
            3000,
            established(host)
                .calling(Client, Action::Send)
                .calling(Client, Action::Close)
                .losing_first(Client, Data, 1),
        ),
        (
            "only the FIN lost",
            3000,
            established(host).calling(Client, Action::Send).calling(Client, Action::Close).losing_first(Client, Fin, 1),
        ),
        ("two segments lost once", 3000, two_lost(2)),
        ("two segments lost, and the probe", 4000, two_lost(3)),
        ("data lost three times", 4000, established(host).calling(Client, Action::Send).losing_first(Client, Data, 3)),
        (
            "more data while the first is being sent again",
            4000,
            established(host)
                .calling(Client, Action::Send)
                .calling_at(ms(1000), Client, Action::Send)
                .losing_first(Client, Data, 4),
        ),
    ]
}

pub(super) fn wire(host: Host) -> Vec<Part> {
    let slow = |scenario: Scenario| Scenario { rtt_us: ms(20), ..scenario };
    let duplicated = Fate::Duplicate { after_us: ms(50) };
    vec![
        (
            "data twice",
            1500,
            slow(established(host).calling(Client, Action::Send).ruled(first(Client, Data, 1, duplicated))),
        ),
        (
            "a FIN twice",
            1500,
            slow(Scenario::close(host, &Settings::default()).ruled(first(Client, Fin, 1, duplicated))),
        ),
        ("a SYN twice", 1500, slow(connect(host).ruled(first(Client, Syn, 1, duplicated)))),
        ("a SYN-ACK twice", 1500, slow(connect(host).ruled(first(Server, SynAck, 1, duplicated)))),
        ("data overtakes data", 1500, {
            let scenario = established(host).calling(Client, Action::Send).calling_at(ms(10), Client, Action::Send);
            slow(scenario.ruled(first(Client, Data, 1, Fate::Delay { by_us: ms(15) })))
        }),
        ("a FIN overtakes data", 1500, {
            let scenario = established(host).calling(Client, Action::Send).calling_at(ms(2), Client, Action::Close);
            slow(scenario.ruled(first(Client, Data, 1, Fate::Delay { by_us: ms(15) })))
        }),
        (
            "a SYN later than its copy",
            3000,
            connect(host).ruled(first(Client, Syn, 1, Fate::Delay { by_us: ms(1500) })),
        ),
        (
            "a SYN-ACK later than its copy",
            3000,
            connect(host).ruled(first(Server, SynAck, 1, Fate::Delay { by_us: ms(1500) })),
        ),
        (
            "an ACK that comes late",
            2500,
            slow(established(host).calling(Client, Action::Send).ruled(first(
                Server,
                Ack,
                1,
                Fate::Delay { by_us: ms(300) },
            ))),
        ),
        (
            "nothing for the first second",
            5000,
            established(host)
                .calling(Client, Action::Send)
                .ruled(WireRule { until_us: Some(ms(1000)), ..WireRule::every(Client, Fate::Lose) }),
        ),
    ]
}

pub(super) fn talks(host: Host) -> Vec<Part> {
    let talk = |rtt_ms| Scenario { rtt_us: ms(rtt_ms), ..established(host) };
    let send = Action::Send;
    let with = |edit: fn(&mut Settings)| Scenario::established(host, &with_settings(edit));
    vec![
        ("both send at once", 2000, talk(20).calling(Client, send).calling(Server, send)),
        ("request and answer", 2000, talk(20).calling(Client, send).calling_at(ms(100), Server, send)),
        (
            "ping pong",
            2000,
            talk(20)
                .calling(Client, send)
                .calling_at(ms(100), Server, send)
                .calling_at(ms(200), Client, send)
                .calling_at(ms(300), Server, send),
        ),
        ("both close at once", 2000, talk(20).calling(Client, Action::Close).calling(Server, Action::Close)),
        (
            "both close at once, a FIN lost",
            3000,
            talk(20).calling(Client, Action::Close).calling(Server, Action::Close).losing_first(Client, Fin, 1),
        ),
        (
            "both close at once, ACKs lost",
            3000,
            talk(20)
                .calling(Client, Action::Close)
                .calling(Server, Action::Close)
                .losing_first(Client, Ack, 1)
                .losing_first(Server, Ack, 1),
        ),
        (
            "answer after half close",
            2000,
            talk(20).calling(Client, Action::Shutdown).calling_at(ms(100), Server, send).calling_at(
                ms(200),
                Server,
                Action::Close,
            ),
        ),
        (
            "data to half closed is lost once",
            3000,
            talk(20).calling(Client, Action::Shutdown).calling_at(ms(100), Server, send).losing_first(Server, Data, 1),
        ),
        (
            "middle of three lost",
            3000,
            talk(20)
                .calling(Client, send)
                .calling_at(ms(1), Client, send)
                .calling_at(ms(2), Client, send)
                .ruled(WireRule { segment: Some(Data), nth: (2, Some(2)), ..WireRule::every(Client, Fate::Lose) }),
        ),
        (
            "first of four lost",
            3000,
            talk(20)
                .calling(Client, send)
                .calling(Client, send)
                .calling(Client, send)
                .calling(Client, send)
                .losing_first(Client, Data, 1),
        ),
        (
            "first and third of four lost",
            3000,
            talk(20)
                .calling(Client, send)
                .calling(Client, send)
                .calling(Client, send)
                .calling(Client, send)
                .losing_first(Client, Data, 1)
                .ruled(WireRule { segment: Some(Data), nth: (3, Some(3)), ..WireRule::every(Client, Fate::Lose) }),
        ),
        (
            "last of four lost",
            3000,
            talk(20)
                .calling(Client, send)
                .calling(Client, send)
                .calling(Client, send)
                .calling(Client, send)
                .ruled(WireRule { segment: Some(Data), nth: (4, Some(4)), ..WireRule::every(Client, Fate::Lose) }),
        ),
        (
            "no SACK, first lost",
            3000,
            with(|s| s.sack = false).calling(Client, send).calling(Client, send).losing_first(Client, Data, 1),
        ),
        (
            "no SACK, both lost",
            3000,
            with(|s| s.sack = false).calling(Client, send).calling(Client, send).losing_first(Client, Data, 2),
        ),
        (
            "no early retrans",
            3000,
            with(|s| s.early_retrans = 0)
                .calling(Client, send)
                .calling(Client, Action::Close)
                .losing_first(Client, Data, 1)
                .losing_first(Client, Fin, 1),
        ),
        ("acks of data lost", 3000, talk(20).calling(Client, send).losing_first(Server, Ack, 2)),
        (
            "server dies while client sends",
            3000,
            talk(20).calling_at(ms(100), Server, Action::Die).calling_at(ms(100), Client, send),
        ),
        (
            "connect again after timeout",
            6000,
            Scenario::connect(host, &with_settings(|s| s.syn_retries = 1))
                .ruled(WireRule { until_us: Some(ms(3500)), ..WireRule::every(Client, Fate::Lose) })
                .calling_at(ms(4000), Client, Action::Connect),
        ),
        ("SYN-ACK lost twice", 5000, connect(host).losing_first(Server, SynAck, 2)),
        (
            "third segment lost, data follows",
            3000,
            connect(host).losing_first(Client, Ack, 1).calling_at(ms(300), Client, send),
        ),
        (
            "third segment lost, close follows",
            3000,
            connect(host).losing_first(Client, Ack, 1).calling_at(ms(300), Client, Action::Close),
        ),
        ("server user timeout", 4000, {
            let mut s = established(host).calling(Server, send).losing(Server, Data).about(Server);
            s.server.options.user_timeout_ms = 1500;
            s
        }),
        (
            "data twice and close at once",
            3000,
            connect(host)
                .calling(Client, send)
                .calling(Client, send)
                .calling(Client, Action::Close)
                .calling(Server, Action::CloseAfterPeer),
        ),
    ]
}
