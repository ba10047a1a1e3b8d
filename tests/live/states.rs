//! What is answered in which state, and how what is cut short ends, on the kernel and in the model.

use tcpctl::model::{
    Action, Fate, Host, IcmpError, Listener, Number, Scenario, Segment, Settings, Side, SocketOptions, Start, WireRule,
};

use crate::case::Case;
use crate::scripts::{Part, check, connect, established, forged, ms, unreachable, with_settings};

use Number::{Fitting, Initial};
use Segment::{Ack, Data, Fin, Rst, Syn, SynAck};
use Side::{Client, Server};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("segments for a connection that is not open are answered as predicted", |place| check(place, strays)),
        Case::new("what is cut short ends as predicted", |place| check(place, cut_short)),
    ]
}

fn strays(host: Host) -> Vec<Part> {
    let fits = Some(Fitting(0));
    let silent = || connect(host).losing(Client, Syn);
    let to_c = |at_ms, segment, seq, ack| forged(Client, at_ms, segment, seq, ack);
    let to_s = |at_ms, segment, seq, ack| forged(Server, at_ms, segment, seq, ack);
    let half = || connect(host).losing(Server, SynAck).about(Server);
    let fw2 = || Scenario::closed_alone(host, &Settings::default());
    let last_ack = || Scenario::close(host, &Settings::default()).losing(Server, Fin).about(Server);
    vec![
        ("SYN-SENT: RST without ACK", 2500, silent().injecting(to_c(300, Rst, Fitting(0), None))),
        ("SYN-SENT: RST, exact", 2500, silent().injecting(to_c(300, Rst, Fitting(0), fits))),
        ("SYN-SENT: RST, wrong ACK", 2500, silent().injecting(to_c(300, Rst, Fitting(0), Some(Fitting(5))))),
        ("SYN-SENT: wrong ACK", 2500, silent().injecting(to_c(300, Ack, Fitting(0), Some(Fitting(5))))),
        ("SYN-SENT: wrong ACK after a copy", 4500, silent().injecting(to_c(1300, Ack, Fitting(0), Some(Fitting(5))))),
        ("SYN-SENT: right bare ACK", 2500, silent().injecting(to_c(300, Ack, Fitting(0), fits))),
        ("SYN-SENT: a forged SYN", 4500, silent().injecting(to_c(300, Syn, Fitting(0), None))),
        ("SYN-SENT: a FIN", 2500, silent().injecting(to_c(300, Fin, Fitting(0), fits))),
        ("SYN-RECV: RST, exact", 3500, half().injecting(to_s(300, Rst, Fitting(0), None))),
        ("SYN-RECV: RST in the window", 3500, half().injecting(to_s(300, Rst, Fitting(100), None))),
        ("SYN-RECV: RST below", 3500, half().injecting(to_s(300, Rst, Fitting(-100), None))),
        ("SYN-RECV: wrong ACK", 3500, half().injecting(to_s(300, Ack, Fitting(0), Some(Fitting(7))))),
        (
            "SYN-RECV: ACK below, twice",
            3500,
            half().injecting(to_s(300, Ack, Fitting(-100), fits)).injecting(to_s(400, Ack, Fitting(-100), fits)),
        ),
        ("SYN-RECV: data without ACK", 3500, half().injecting(to_s(300, Data, Fitting(0), None))),
        ("SYN-RECV: FIN", 3500, half().injecting(to_s(300, Fin, Fitting(0), fits))),
        (
            "SYN-RECV: the SYN again, twice",
            3500,
            half().injecting(to_s(300, Syn, Initial(0), None)).injecting(to_s(400, Syn, Initial(0), None)),
        ),
        ("FIN-WAIT-2: RST", 2000, fw2().injecting(to_c(300, Rst, Fitting(0), None))),
        ("FIN-WAIT-2: RST in window", 2000, fw2().injecting(to_c(300, Rst, Fitting(10), None))),
        ("FIN-WAIT-2: RST below", 2000, fw2().injecting(to_c(300, Rst, Fitting(-10), None))),
        ("FIN-WAIT-2: SYN", 2000, fw2().injecting(to_c(300, Syn, Fitting(0), None))),
        ("FIN-WAIT-2: SYN below", 2000, fw2().injecting(to_c(300, Syn, Fitting(-10), None))),
        ("FIN-WAIT-2: ACK", 2000, fw2().injecting(to_c(300, Ack, Fitting(0), fits))),
        ("FIN-WAIT-2: old data", 2000, fw2().injecting(to_c(300, Data, Fitting(-1), fits))),
        ("FIN-WAIT-2: a FIN too far", 2000, fw2().injecting(to_c(300, Fin, Fitting(1), fits))),
        ("LAST-ACK: RST", 2000, last_ack().injecting(to_s(300, Rst, Fitting(0), None))),
        ("LAST-ACK: data", 2000, last_ack().injecting(to_s(300, Data, Fitting(0), fits))),
        ("LAST-ACK: SYN", 2000, last_ack().injecting(to_s(300, Syn, Fitting(100), None))),
        ("LAST-ACK: the FIN again", 2000, last_ack().injecting(to_s(300, Fin, Fitting(-1), fits))),
    ]
}

fn cut_short(host: Host) -> Vec<Part> {
    let send = Action::Send;
    let silent = || connect(host).losing(Client, Syn);
    let to_c = |at_ms, segment, seq, ack| forged(Client, at_ms, segment, seq, ack);
    let shut = || connect(host).calling(Client, Action::Shutdown);
    let short = with_settings(|s| s.fin_timeout_s = 1);
    let closed_window = |edit: fn(&mut Settings)| Scenario::beginning(host, &with_settings(edit), Start::WindowClosed);
    vec![
        ("shutdown, then abort", 2000, shut().calling_at(ms(300), Client, Action::Abort)),
        (
            "shutdown, then die",
            4000,
            Scenario::connect(host, &short).calling(Client, Action::Shutdown).calling_at(ms(300), Client, Action::Die),
        ),
        ("CLOSE-WAIT, abort", 2000, shut().calling_at(ms(300), Server, Action::Abort)),
        (
            "abort with data in flight",
            2000,
            established(host).losing(Client, Data).calling(Client, send).calling_at(ms(50), Client, Action::Abort),
        ),
        (
            "close, data in flight, RST comes",
            2000,
            established(host)
                .losing(Client, Data)
                .calling(Client, send)
                .calling_at(ms(50), Client, Action::Close)
                .injecting(to_c(300, Rst, Fitting(0), None)),
        ),
        (
            "closed window, process dies",
            6000,
            closed_window(|s| s.orphan_retries = 2).silencing(Client).calling_at(ms(500), Client, Action::Die),
        ),
        (
            "closed window, user timeout later",
            6000,
            closed_window(|_| {}).calling_at(
                ms(500),
                Client,
                Action::SetOptions(SocketOptions { user_timeout_ms: 2000, ..SocketOptions::default() }),
            ),
        ),
        ("listener of abort_on_overflow gets room", 4000, {
            let mut s = Scenario { listener: Listener { backlog: 0, waiting: 0, joining: 1 }, ..connect(host) }
                .calling_at(ms(500), Server, Action::Accept);
            s.server.settings.abort_on_overflow = true;
            s
        }),
        ("keepalive with data in flight", 6000, {
            let mut s = established(host).silencing(Client).calling_at(ms(500), Client, send);
            s.client.options = SocketOptions {
                keepalive: true,
                keepidle_s: Some(1),
                keepintvl_s: Some(1),
                keepcnt: Some(2),
                ..SocketOptions::default()
            };
            s
        }),
        ("keepalive on the server", 6000, {
            let mut s =
                connect(host).about(Server).ruled(WireRule { from_us: ms(500), ..WireRule::every(Server, Fate::Lose) });
            s.server.options = SocketOptions {
                keepalive: true,
                keepidle_s: Some(1),
                keepintvl_s: Some(1),
                keepcnt: Some(2),
                ..SocketOptions::default()
            };
            s
        }),
        ("simultaneous: RST in SYN-RECV", 3000, {
            let mut s = Scenario::beginning(host, &Settings::default(), Start::Nothing)
                .calling(Client, Action::Connect)
                .calling(Server, Action::Connect)
                .losing(Client, SynAck)
                .losing(Server, SynAck)
                .injecting(to_c(300, Rst, Fitting(0), None));
            s.rtt_us = ms(40);
            s
        }),
        ("simultaneous: ICMP in SYN-RECV", 3000, {
            let mut s = Scenario::beginning(host, &Settings::default(), Start::Nothing)
                .calling(Client, Action::Connect)
                .calling(Server, Action::Connect)
                .losing(Client, SynAck)
                .losing(Server, SynAck)
                .injecting(unreachable(Client, 300, IcmpError::HostUnreachable));
            s.rtt_us = ms(40);
            s
        }),
        (
            "Forgotten, the client sends",
            2000,
            Scenario::beginning(host, &Settings::default(), Start::Forgotten).calling(Client, send),
        ),
        (
            "SYNCNT set later",
            5000,
            silent().calling_at(
                ms(500),
                Client,
                Action::SetOptions(SocketOptions { syncnt: Some(1), ..SocketOptions::default() }),
            ),
        ),
        (
            "LINGER2 -1 set in FIN-WAIT-2, then close",
            2000,
            shut()
                .calling_at(
                    ms(300),
                    Client,
                    Action::SetOptions(SocketOptions { linger2_s: Some(-1), ..SocketOptions::default() }),
                )
                .calling_at(ms(500), Client, Action::Close),
        ),
    ]
}
