//! How connections close: TIME-WAIT and the next connection, orphans, and what is cut short.

use tcpctl::model::{
    Action, Fate, Host, IcmpError, Listener, Number, Scenario, Segment, Settings, Side, SocketOptions, Start, WireRule,
};

use super::{Part, connect, established, forged, ms, unreachable, with_settings};

use Number::Fitting;
use Segment::{Ack, Data, Fin, Rst, Syn, SynAck};
use Side::{Client, Server};

pub(super) fn time_wait(host: Host) -> Vec<Part> {
    let client_waits = |settings: &Settings| Scenario::close(host, settings);
    let defaults = Settings::default();
    let rfc1337 = with_settings(|settings| settings.rfc1337 = true);
    let buckets = |count| with_settings(|settings| settings.max_tw_buckets = count);
    let server_waits = Scenario::connect(host, &defaults)
        .calling(Server, Action::Close)
        .calling(Client, Action::CloseAfterPeer)
        .about(Server);
    let fits = Some(Fitting(0));
    let twice = |segment, seq| {
        let one = |at_ms| forged(Client, at_ms, segment, Fitting(seq), fits);
        client_waits(&defaults).injecting(one(300)).injecting(one(500)).injecting(one(1000))
    };
    let rst = forged(Client, 300, Rst, Fitting(0), None);
    let syn = |seq| forged(Server, 300, Syn, Fitting(seq), None);
    vec![
        ("RST", 2000, client_waits(&defaults).injecting(rst)),
        ("RST with tcp_rfc1337", 2000, client_waits(&rfc1337).injecting(rst)),
        ("RST in the window", 2000, client_waits(&defaults).injecting(forged(Client, 300, Rst, Fitting(100), None))),
        ("3 bare ACKs", 2000, twice(Ack, 0)),
        ("3 ACKs below the window", 2000, twice(Ack, -1)),
        ("old data, 3 times", 2000, twice(Data, -2)),
        ("the FIN again, 3 times", 2000, twice(Fin, -1)),
        ("new data", 2000, twice(Data, 0)),
        ("a new SYN above", 2000, server_waits.clone().injecting(syn(1000))),
        ("a new SYN at the edge", 2000, server_waits.clone().injecting(syn(0))),
        ("a new SYN below", 2000, server_waits.injecting(syn(-1000))),
        ("no buckets", 2000, client_waits(&buckets(0))),
        ("-1 bucket", 2000, client_waits(&buckets(-1))),
        ("1 bucket", 2000, client_waits(&buckets(1))),
    ]
}

pub(super) fn reuse(host: Host) -> Vec<Part> {
    let again = |at_ms, edit: fn(&mut Settings)| {
        let settings = with_settings(edit);
        Scenario::close(host, &settings).calling_at(ms(at_ms), Client, Action::Connect)
    };
    let server_waits = |settings: &Settings| {
        Scenario::connect(host, settings)
            .calling(Server, Action::Close)
            .calling(Client, Action::CloseAfterPeer)
            .calling_at(ms(500), Client, Action::Connect)
    };
    let on = |settings: &mut Settings| settings.tw_reuse = 1;
    let slow = |settings: &mut Settings| (settings.tw_reuse, settings.tw_reuse_delay_ms) = (1, 3000);
    let fast = |settings: &mut Settings| (settings.tw_reuse, settings.tw_reuse_delay_ms) = (1, 1);
    let off = |settings: &mut Settings| settings.tw_reuse = 0;
    let bare = |settings: &mut Settings| (settings.tw_reuse, settings.timestamps) = (1, false);
    let loopback_only = |settings: &mut Settings| settings.tw_reuse = 2;
    vec![
        ("after 0.5 s", 1500, again(500, on)),
        ("after 1.5 s", 3000, again(1500, on)),
        ("after 1.5 s, delay 3 s", 3000, again(1500, slow)),
        ("after 3.5 s, delay 3 s", 5000, again(3500, slow)),
        ("after 0.1 s, delay 1 ms", 1500, again(100, fast)),
        ("after 1.5 s, tcp_tw_reuse 0", 3000, again(1500, off)),
        ("after 1.5 s, no timestamps", 3000, again(1500, bare)),
        ("after 1.5 s, loopback only", 3000, again(1500, loopback_only)),
        ("where the server waits", 2000, server_waits(&Settings::default())),
        ("where the server waits, no timestamps", 2000, server_waits(&with_settings(bare))),
    ]
}

pub(super) fn orphans(host: Host) -> Vec<Part> {
    let half_closed = || Scenario::closed_alone(host, &Settings::default());
    let mut no_linger = half_closed();
    no_linger.client.options.linger2_s = Some(-1);
    let short = with_settings(|settings| settings.fin_timeout_s = 1);
    let shutdown_first =
        Scenario::connect(host, &short).calling(Client, Action::Shutdown).calling_at(ms(2000), Client, Action::Close);
    let dying = |orphan_retries| {
        let settings = with_settings(|settings| settings.orphan_retries = orphan_retries);
        Scenario::established(host, &settings).silencing(Client).calling(Client, Action::Send).calling_at(
            ms(500),
            Client,
            Action::Die,
        )
    };
    vec![
        ("data for an orphan in FIN-WAIT-2", 2000, half_closed().calling_at(ms(300), Server, Action::Send)),
        ("FIN for an orphan in FIN-WAIT-2", 2000, half_closed().calling_at(ms(300), Server, Action::Close)),
        ("TCP_LINGER2 -1", 2000, no_linger),
        ("FIN-WAIT-2 of 1 s counts from close()", 5000, shutdown_first),
        ("data after shutdown()", 2000, {
            let scenario = Scenario::connect(host, &short).calling(Client, Action::Shutdown);
            scenario.calling_at(ms(300), Server, Action::Send).calling_at(ms(600), Server, Action::Send)
        }),
        ("the process in CLOSE-WAIT dies", 2000, half_closed().calling_at(ms(500), Server, Action::Die)),
        ("close() with a RST", 2000, connect(host).calling_at(ms(300), Client, Action::Abort)),
        ("the server's close() with a RST", 2000, connect(host).calling_at(ms(300), Server, Action::Abort)),
        (
            "the process in SYN-SENT dies",
            4000,
            connect(host).losing(Client, Syn).calling_at(ms(1500), Client, Action::Die),
        ),
        ("the process dies with data in flight, 1 retry", 4000, dying(1)),
        ("the process dies with data in flight, 3 retries", 8000, dying(3)),
    ]
}

pub(super) fn cut_short(host: Host) -> Vec<Part> {
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
