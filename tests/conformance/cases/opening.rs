//! How connections open: deferred accept(), old duplicates of a SYN, both ends at once, and who comes late.

use tcpctl::model::{Action, Fate, Host, Listener, Number, Scenario, Segment, Settings, Side, Start};

use super::{Part, connect, first, forged, ms, with_settings};

use Number::Initial;
use Segment::{Ack, Rst, Syn, SynAck};
use Side::{Client, Server};

pub(super) fn deferring(host: Host) -> Vec<Part> {
    let deferred = |seconds| {
        let mut scenario = connect(host).about(Server);
        scenario.server.options.defer_accept_s = Some(seconds);
        scenario
    };
    vec![
        ("1 s, silent client", 3000, deferred(1)),
        ("3 s, silent client", 5000, deferred(3)),
        ("10 s, silent client", 6000, deferred(10)),
        ("3 s, data at 0.5 s", 4000, deferred(3).calling_at(ms(500), Client, Action::Send)),
        ("10 s, data at 0.5 s", 4000, deferred(10).calling_at(ms(500), Client, Action::Send)),
        ("1 s, every ACK lost", 5000, deferred(1).losing(Client, Ack)),
        ("3 s, every ACK lost", 5000, deferred(3).losing(Client, Ack)),
    ]
}

pub(super) fn old_syns(host: Host) -> Vec<Part> {
    let old =
        |below: i32, rst_lost: bool| {
            let scenario = connect(host)
                .ruled(first(Client, Syn, 1, Fate::Delay { by_us: ms(200) }))
                .injecting(forged(Server, 50, Syn, Initial(-below), None));
            if rst_lost { scenario.losing_first(Client, Rst, 1) } else { scenario }
        };
    vec![
        ("10 below, the RST comes first", 3000, old(10, false)),
        ("20 million below, the RST comes first", 3000, old(20_000_000, false)),
        ("10 below, the RST is lost", 4000, old(10, true)),
        ("20 million below, the RST is lost", 4000, old(20_000_000, true)),
    ]
}

pub(super) fn simultaneous(host: Host) -> Vec<Part> {
    let both = |syn_retries| {
        let settings = with_settings(|settings| settings.syn_retries = syn_retries);
        let mut scenario = Scenario::beginning(host, &settings, Start::Nothing)
            .calling(Client, Action::Connect)
            .calling(Server, Action::Connect);
        scenario.rtt_us = ms(40);
        scenario
    };
    vec![
        ("nothing lost", 3000, both(6)),
        ("one SYN lost", 3000, both(6).losing_first(Client, Syn, 1)),
        ("one SYN-ACK lost", 3000, both(6).losing_first(Client, SynAck, 1)),
        ("both first SYN-ACKs lost", 4000, both(6).losing_first(Client, SynAck, 1).losing_first(Server, SynAck, 1)),
        ("every SYN-ACK lost, 1 retry", 7000, both(1).losing(Client, SynAck).losing(Server, SynAck)),
        ("every SYN-ACK lost, 2 retries", 8000, both(2).losing(Client, SynAck).losing(Server, SynAck)),
    ]
}

pub(super) fn latecomers(host: Host) -> Vec<Part> {
    let queue = |waiting, joining| {
        let listener = Listener { backlog: 0, waiting, joining };
        Scenario { listener, ..connect(host) }.calling_at(ms(2500), Server, Action::Accept)
    };
    let nobody = || Scenario::beginning(host, &Settings::default(), Start::Nothing).calling(Client, Action::Connect);
    vec![
        ("accept() makes room for a SYN", 5000, queue(1, 0)),
        ("accept() makes room for a third segment", 5000, queue(0, 1).about(Server)),
        ("nobody listens", 1000, nobody()),
        (
            "listen() after a refusal",
            2000,
            nobody().calling_at(ms(300), Server, Action::Listen).calling_at(ms(600), Client, Action::Connect),
        ),
        (
            "listen() between two SYNs",
            3000,
            nobody().calling_at(ms(500), Server, Action::Listen).losing_first(Client, Syn, 1),
        ),
        (
            "the server sends and closes",
            2000,
            connect(host)
                .calling_at(ms(200), Server, Action::Send)
                .calling_at(ms(400), Server, Action::Close)
                .calling(Client, Action::CloseAfterPeer),
        ),
        (
            "the server reboots, the client sends",
            2000,
            connect(host).calling_at(ms(300), Server, Action::Reboot).calling_at(ms(600), Client, Action::Send),
        ),
        (
            "the client reboots and connects again",
            4000,
            connect(host).calling_at(ms(300), Client, Action::Reboot).calling_at(ms(600), Client, Action::Connect),
        ),
        (
            "the server dies",
            2000,
            connect(host).calling_at(ms(300), Server, Action::Die).calling_at(ms(600), Client, Action::Send),
        ),
    ]
}

/// The queue fills between the SYN and the third segment, by a connection of which nothing is in the record.
pub(super) fn full_queue(host: Host) -> Vec<Part> {
    let overflowing = |abort_on_overflow, synack_retries| {
        let settings = with_settings(|settings| {
            (settings.abort_on_overflow, settings.synack_retries) = (abort_on_overflow, synack_retries);
        });
        Scenario::overflowing(host, &settings)
    };
    let full = |syn_retries| {
        let settings = with_settings(|settings| settings.syn_retries = syn_retries);
        Scenario { listener: Listener { backlog: 0, waiting: 1, joining: 0 }, ..Scenario::connect(host, &settings) }
    };
    vec![
        ("third segment, 0 retries", 3000, overflowing(false, 0)),
        ("third segment, 1 retry", 5000, overflowing(false, 1)),
        ("third segment, 2 retries", 9000, overflowing(false, 2)),
        ("third segment, tcp_abort_on_overflow", 3000, overflowing(true, 1)),
        ("SYN, 1 retry", 8000, full(1)),
    ]
}
