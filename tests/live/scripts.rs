//! Scripts: what applications do later, what the wire delays and repeats, and what comes from outside, on the kernel
//! and in the model.
//!
//! A case is a handful of scenarios, which are played side by side.

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use tcpctl::lab::{Comparison, Conditions, LabError, judge, play, prove_beginning};
use tcpctl::model::{
    Action, Fate, Host, IcmpError, Injected, Injection, Listener, Number, Scenario, Segment, Settings, Side,
    SocketOptions, Start, WireRule,
};

use crate::case::{CannotRun, Case, Ran};
use crate::connect::host;
use crate::place::Place;

use Number::{Fitting, Initial};
use Segment::{Ack, Data, Fin, Rst, Syn, SynAck};
use Side::{Client, Server};

/// A scenario with its name, and how long it is looked at, in milliseconds.
pub(crate) type Part = (&'static str, u64, Scenario);

/// Scenarios that are played at the same time; more of them make each other late.
const AT_ONCE: usize = 8;
/// Starts are this far apart, so that the timers of all do not fire in one tick.
const STAGGER: Duration = Duration::from_millis(7);

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a listener that defers accept() waits for data as predicted", |place| check(place, deferring)),
        Case::new("an old duplicate of a SYN is sorted out as predicted", |place| check(place, old_syns)),
        Case::new("two ends that open at once meet as predicted", |place| check(place, simultaneous)),
        Case::new("segments that do not fit are challenged as predicted", |place| check(place, challenges)),
        Case::new("TIME-WAIT takes what comes as predicted", |place| check(place, time_wait)),
        Case::new("TIME-WAIT makes room for the next connection as predicted", |place| check(place, reuse)),
        Case::new("orphans and half-closed connections end as predicted", |place| check(place, orphans)),
        Case::new("data and FIN that are lost together are sent again as predicted", |place| check(place, in_flight)),
        Case::new("ICMP errors are heard as predicted", |place| check(place, icmp)),
        Case::new("options that change while a timer runs count as predicted", |place| check(place, options)),
        Case::new("a wire that delays and repeats is borne as predicted", |place| check(place, wire)),
        Case::new("ends that both talk and close are told apart as predicted", |place| check(place, talks)),
        Case::new("applications that come late are served as predicted", |place| check(place, latecomers)),
    ]
}

/// Plays the scenarios, and demands of each that every event lies in its window and that there is no other.
pub(crate) fn check(place: &Place, parts: fn(Host) -> Vec<Part>) -> Ran {
    let parts = parts(host(place)?);
    let played = parts.chunks(AT_ONCE).flat_map(|some| {
        thread::scope(|scope| {
            let players = some.iter().map(|(_, until_ms, scenario)| {
                thread::sleep(STAGGER);
                scope.spawn(move || play(scenario, &Conditions::limited(Duration::from_millis(*until_ms))))
            });
            let players: Vec<_> = players.collect();
            players.into_iter().map(|thread| thread.join().expect("the lab does not panic")).collect::<Vec<_>>()
        })
    });
    let proofs = parts.iter().zip(played).map(|((name, until_ms, scenario), played)| {
        let first = played.map(|played| judge(played, until_ms * 1000));
        let inconclusive = first.as_ref().is_ok_and(|proof| !proof.comparison.conclusive);
        (name, if inconclusive { prove_beginning(scenario, until_ms * 1000) } else { first })
    });
    let (mut wrong, mut late) = (String::new(), None);
    for (name, proof) in proofs {
        let proof = match proof {
            Ok(proof) => proof,
            Err(LabError::NotPlayable(what)) => panic!("{name}: not playable: {what}"),
            Err(error) => return Err(CannotRun(format!("{name}: {error}"))),
        };
        if !proof.comparison.conclusive {
            late = Some(format!("{name}: the wire was {} us late, twice", proof.played.punctuality.wire_us));
        } else if !proof.comparison.agrees() {
            describe(&mut wrong, name, &proof.comparison);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    late.map_or(Ok(()), |late| Err(CannotRun(late)))
}

fn describe(text: &mut String, name: &str, comparison: &Comparison) {
    writeln!(text, "\n{name} (course {}):", comparison.course).expect("a string takes it");
    for row in &comparison.rows {
        let predicted = row.predicted.map(|window| format!("{}..{}", window.at_us, window.latest_us));
        let (predicted, measured) = (predicted.unwrap_or_default(), row.measured_us.map_or(-1, u64::cast_signed));
        let side = row.side.name();
        writeln!(text, "  {side} {:<24} {predicted:>24} {measured:>10} {:?}", row.what, row.verdict)
            .expect("a string takes it");
    }
}

pub(crate) fn ms(ms: u64) -> u64 {
    ms * 1000
}

/// A segment that arrives from outside at a time in milliseconds.
pub(crate) fn forged(to: Side, at_ms: u64, segment: Segment, seq: Number, ack: Option<Number>) -> Injection {
    Injection { at_us: ms(at_ms), to, what: Injected::Segment { segment, seq, ack } }
}

/// An ICMP error that arrives at a time in milliseconds.
pub(crate) fn unreachable(to: Side, at_ms: u64, error: IcmpError) -> Injection {
    Injection { at_us: ms(at_ms), to, what: Injected::Icmp { error, in_call: false } }
}

/// The first segments of a kind meet a fate.
fn first(from: Side, segment: Segment, count: u32, fate: Fate) -> WireRule {
    WireRule { segment: Some(segment), nth: (1, Some(count)), ..WireRule::every(from, fate) }
}

pub(crate) fn connect(host: Host) -> Scenario {
    Scenario::connect(host, &Settings::default())
}

pub(crate) fn established(host: Host) -> Scenario {
    Scenario::established(host, &Settings::default())
}

pub(crate) fn with_settings(edit: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    edit(&mut settings);
    settings
}

fn deferring(host: Host) -> Vec<Part> {
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

fn old_syns(host: Host) -> Vec<Part> {
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

fn simultaneous(host: Host) -> Vec<Part> {
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

fn challenges(host: Host) -> Vec<Part> {
    let with = |injections: &[Injection]| {
        injections.iter().fold(established(host).about(Server), |scenario, one| scenario.injecting(*one))
    };
    let at = |at_ms, segment, seq, ack| forged(Server, at_ms, segment, Fitting(seq), ack);
    let fits = Some(Fitting(0));
    let half_closed = established(host).about(Server).calling(Client, Action::Shutdown);
    vec![
        ("RST, exact", 1500, with(&[at(100, Rst, 0, None)])),
        ("RST, in the window", 1500, with(&[at(100, Rst, 1000, None)])),
        ("RST, below the window", 1500, with(&[at(100, Rst, -1000, None)])),
        ("RST, above the window", 1500, with(&[at(100, Rst, 10_000_000, None)])),
        ("3 RSTs in the window", 1500, with(&[100, 400, 700].map(|at_ms| at(at_ms, Rst, 1000, None)))),
        ("3 SYNs", 1500, with(&[100, 400, 700].map(|at_ms| at(at_ms, Syn, 0, None)))),
        ("a SYN far off", 1500, with(&[at(100, Syn, 20_000_000, None)])),
        ("a SYN-ACK", 1500, with(&[at(100, SynAck, -1, fits)])),
        ("2 segments of old data", 1500, with(&[100, 200].map(|at_ms| at(at_ms, Data, -1, fits)))),
        ("2 ACKs below the window", 1500, with(&[100, 200].map(|at_ms| at(at_ms, Ack, -1000, fits)))),
        ("data that acknowledges what was never sent", 1500, with(&[at(100, Data, 0, Some(Fitting(1000)))])),
        ("2 ACKs of what was never sent", 1500, with(&[100, 200].map(|ms| at(ms, Ack, 0, Some(Fitting(1000)))))),
        ("an ACK of a little before", 1500, with(&[at(100, Ack, 0, Some(Fitting(-1000)))])),
        ("2 ACKs of long ago", 1500, with(&[100, 200].map(|ms| at(ms, Ack, 0, Some(Fitting(-100_000)))))),
        ("RST of the FIN in CLOSE-WAIT", 1500, half_closed.clone().injecting(at(200, Rst, -1, None))),
        ("RST below the FIN in CLOSE-WAIT", 1500, half_closed.injecting(at(200, Rst, -2, None))),
        ("a FIN that never was sent", 1500, with(&[at(100, Fin, 0, fits)])),
    ]
}

fn time_wait(host: Host) -> Vec<Part> {
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

fn reuse(host: Host) -> Vec<Part> {
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

fn orphans(host: Host) -> Vec<Part> {
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

fn in_flight(host: Host) -> Vec<Part> {
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

fn icmp(host: Host) -> Vec<Part> {
    let silent = |error| connect(host).losing(Client, Syn).injecting(unreachable(Client, 300, error));
    let sending = |error| {
        let settings = with_settings(|settings| settings.retries2 = 3);
        Scenario::established(host, &settings)
            .calling(Client, Action::Send)
            .losing(Client, Data)
            .injecting(unreachable(Client, 1000, error))
            .injecting(unreachable(Client, 2000, error))
    };
    let half_open =
        |error| connect(host).losing(Server, SynAck).injecting(unreachable(Server, 300, error)).about(Server);
    vec![
        ("host unreachable, SYN-SENT", 2000, silent(IcmpError::HostUnreachable)),
        ("net unreachable, SYN-SENT", 2000, silent(IcmpError::NetUnreachable)),
        ("port unreachable, SYN-SENT", 2000, silent(IcmpError::PortUnreachable)),
        ("prohibited, SYN-SENT", 2000, silent(IcmpError::AdminProhibited)),
        ("time exceeded, SYN-SENT", 2000, silent(IcmpError::TimeExceeded)),
        ("host unreachable, data in flight", 8000, sending(IcmpError::HostUnreachable)),
        ("prohibited, data in flight", 8000, sending(IcmpError::AdminProhibited)),
        ("host unreachable, SYN-RECV", 2500, half_open(IcmpError::HostUnreachable)),
        ("net unreachable, SYN-RECV", 2500, half_open(IcmpError::NetUnreachable)),
        ("port unreachable, SYN-RECV", 2500, half_open(IcmpError::PortUnreachable)),
        ("prohibited, SYN-RECV", 2500, half_open(IcmpError::AdminProhibited)),
        ("time exceeded, SYN-RECV", 2500, half_open(IcmpError::TimeExceeded)),
    ]
}

fn options(host: Host) -> Vec<Part> {
    let sending = || established(host).calling(Client, Action::Send).losing(Client, Data);
    let set = |options| Action::SetOptions(options);
    let user_timeout = |user_timeout_ms| set(SocketOptions { user_timeout_ms, ..SocketOptions::default() });
    let kept = SocketOptions {
        keepalive: true,
        keepidle_s: Some(1),
        keepintvl_s: Some(1),
        keepcnt: Some(2),
        ..SocketOptions::default()
    };
    let patient = SocketOptions { keepidle_s: Some(2), ..kept };
    vec![
        ("TCP_USER_TIMEOUT 2 s after 1 s", 5000, sending().calling_at(ms(1000), Client, user_timeout(2000))),
        ("TCP_USER_TIMEOUT 0.5 s after 1 s", 5000, sending().calling_at(ms(1000), Client, user_timeout(500))),
        (
            "SO_KEEPALIVE after 0.3 s, peer gone",
            6000,
            established(host).silencing(Client).calling_at(ms(300), Client, set(kept)),
        ),
        ("SO_KEEPALIVE after 0.3 s, peer alive", 4000, established(host).calling_at(ms(300), Client, set(kept))),
        ("TCP_KEEPIDLE raised after 0.5 s", 6500, {
            let mut scenario = established(host).silencing(Client).calling_at(ms(500), Client, set(patient));
            scenario.client.options = kept;
            scenario
        }),
        ("SO_KEEPALIVE off after 1.5 s", 4000, {
            let mut scenario = established(host).silencing(Client);
            scenario.client.options = kept;
            scenario.calling_at(ms(1500), Client, set(SocketOptions { keepalive: false, ..kept }))
        }),
        (
            "TCP_USER_TIMEOUT in SYN-SENT",
            5000,
            connect(host).losing(Client, Syn).calling_at(ms(1500), Client, user_timeout(2500)),
        ),
    ]
}

fn wire(host: Host) -> Vec<Part> {
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

fn talks(host: Host) -> Vec<Part> {
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

fn latecomers(host: Host) -> Vec<Part> {
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
