//! Scripted scenarios: what the ends do with what the wire, the applications and the outside do to them.
//!
//! Each is checked as one line per segment that leaves and state that is entered, with its nominal time in
//! milliseconds. Where a time was measured on 6.18 (HZ 250) the test says so.

use tcpctl::model::{
    Action, Fate, Host, IcmpError, Injected, Injection, Number, Scenario, Segment, Settings, Side, SocketOptions,
    Start, Timeline, What, WireRule, forecast,
};
use tcpctl::units::{Hz, KernelVersion, TcpState};

const HOST: Host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };

/// The course in words: `0 client SYN`, `20 client =ESTAB`, `7000 client connect() ETIMEDOUT`.
fn course(timeline: &Timeline) -> Vec<String> {
    let words = timeline.events.iter().filter_map(|event| {
        let what = match &event.what {
            What::Send { segment, lost, .. } => format!("{}{}", segment.name(), if *lost { " lost" } else { "" }),
            What::State(state) => format!("={}", state.name()),
            What::Return(call, Some(errno)) => format!("{call}() {}", errno.name()),
            What::Call(_) | What::Return(_, None) | What::Arrive { .. } | What::Icmp(_) => return None,
        };
        Some(format!("{} {} {what}", event.window.at_us / 1000, event.side.name()))
    });
    words.collect()
}

fn check(scenario: &Scenario, expected: &[&str]) {
    assert_eq!(course(&forecast(scenario)), expected);
}

fn established() -> Scenario {
    Scenario::established(HOST, &Settings::default())
}

fn injected(at_us: u64, to: Side, segment: Segment, seq: Number, ack: Option<Number>) -> Injection {
    Injection { at_us, to, what: Injected::Segment { segment, seq, ack } }
}

/// When the server has the connection, in milliseconds.
fn accepted(timeline: &Timeline) -> Option<(u64, u64)> {
    let event = timeline
        .events
        .iter()
        .find(|event| event.side == Side::Server && matches!(event.what, What::State(TcpState::Estab)))?;
    Some((event.window.at_us / 1000, event.window.latest_us / 1000))
}

/// accept() was seen to return some 60 ms to half a second after these, by a program that looked from time to time.
#[test]
fn a_listener_that_defers_takes_a_silent_client_after_its_period() {
    for (seconds, nominal_ms) in [(1, 1000), (2, 3000), (3, 3000), (10, 15_000), (30, 31_000)] {
        let mut scenario = Scenario::connect(HOST, &Settings { synack_retries: 2, ..Settings::default() });
        scenario.server.options.defer_accept_s = Some(seconds);
        let timeline = forecast(&scenario);
        assert_eq!(accepted(&timeline).map(|(at_ms, _)| at_ms), Some(nominal_ms), "{seconds} s");
        // Nothing is sent again before the last moment.
        assert_eq!(timeline.sent(Side::Server, Segment::SynAck), 2);
    }
}

#[test]
fn a_listener_that_defers_takes_data_at_once_and_drops_who_never_answers() {
    let mut scenario = Scenario::connect(HOST, &Settings::default()).calling_at(500_000, Side::Client, Action::Send);
    scenario.server.options.defer_accept_s = Some(10);
    assert_eq!(accepted(&forecast(&scenario)), Some((500, 500)));
    let mut silent = Scenario::half_open(HOST, &Settings::default());
    silent.server.options.defer_accept_s = Some(3);
    let timeline = forecast(&silent);
    assert_eq!(timeline.end().map(|end| end.window.at_us), Some(63_000_000));
    assert_eq!(timeline.sent(Side::Server, Segment::SynAck), 6);
}

#[test]
fn a_delayed_syn_is_overtaken_by_its_copy_and_challenged() {
    let late = WireRule {
        segment: Some(Segment::Syn),
        nth: (1, Some(1)),
        ..WireRule::every(Side::Client, Fate::Delay { by_us: 3_000_000 })
    };
    let rule = WireRule { nth: (3, None), fate: Fate::Lose, ..late };
    check(
        &Scenario::connect(HOST, &Settings::default()).ruled(late).ruled(rule),
        &[
            "0 client =SYN-SENT",
            "0 client SYN",
            "1000 client SYN",
            "1000 server =SYN-RECV",
            "1000 server SYN-ACK",
            "1000 client =ESTAB",
            "1000 client ACK",
            "1000 server =ESTAB",
            "3000 server ACK",
        ],
    );
}

#[test]
fn a_duplicate_of_data_is_acknowledged_again() {
    let twice = WireRule {
        segment: Some(Segment::Data),
        ..WireRule::every(Side::Client, Fate::Duplicate { after_us: 30_000 })
    };
    check(
        &established().calling(Side::Client, Action::Send).ruled(twice),
        &["0 client DATA", "0 server ACK", "30 server ACK"],
    );
}

#[test]
fn a_rule_of_the_wire_holds_from_its_time_to_its_time() {
    let rule = WireRule { from_us: 500_000, until_us: Some(5_000_000), ..WireRule::every(Side::Client, Fate::Lose) };
    let settings = Settings { syn_linear_timeouts: 0, ..Settings::default() };
    let mut scenario = Scenario::connect(HOST, &settings).losing_first(Side::Client, Segment::Syn, 1).ruled(rule);
    scenario.rtt_us = 10_000;
    let lost: Vec<bool> = forecast(&scenario)
        .events
        .iter()
        .filter_map(|event| match event.what {
            What::Send { segment: Segment::Syn, lost, .. } => Some(lost),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [true, true, true, false]);
}

#[test]
fn where_a_rule_ends_within_a_window_it_is_a_tie() {
    let rule = WireRule { until_us: Some(1_010_000), ..WireRule::every(Side::Client, Fate::Lose) };
    let settings = Settings { syn_retries: 2, syn_linear_timeouts: 0, ..Settings::default() };
    let timeline = forecast(&Scenario::connect(HOST, &settings).ruled(rule));
    let outcomes = core::iter::once(&timeline).chain(&timeline.alternatives);
    let mut sent: Vec<usize> = outcomes.map(|timeline| timeline.sent(Side::Client, Segment::Syn)).collect();
    sent.sort_unstable();
    assert_eq!(sent, [2, 3], "the second SYN leaves before 1.01 s, or after");
}

#[test]
fn only_a_reset_with_the_exact_number_ends_a_connection() {
    let rst = |above| {
        let stray = injected(0, Side::Server, Segment::Rst, Number::Fitting(above), None);
        course(&forecast(&established().injecting(stray)))
    };
    assert_eq!(rst(0), ["0 server =CLOSE"]);
    assert_eq!(rst(1), ["0 server ACK"]);
    assert_eq!(rst(-1), [""; 0]);
    assert_eq!(rst(1_000_000), [""; 0]);
}

#[test]
fn a_challenge_goes_out_at_most_every_500_ms() {
    let syn = |at_us| injected(at_us, Side::Server, Segment::Syn, Number::Fitting(7), None);
    check(
        &established().injecting(syn(0)).injecting(syn(400_000)).injecting(syn(600_000)),
        &["0 server ACK", "600 server ACK"],
    );
}

/// A server that closed first waits; the client's side is gone.
fn server_waits(settings: &Settings) -> Scenario {
    Scenario::established(HOST, settings)
        .calling(Side::Server, Action::Close)
        .calling(Side::Client, Action::CloseAfterPeer)
        .about(Side::Server)
}

#[test]
fn a_reset_ends_time_wait_unless_rfc_1337_is_heeded() {
    let end_ms = |rfc1337| {
        let settings = Settings { rfc1337, ..Settings::default() };
        let rst = injected(5_000_000, Side::Server, Segment::Rst, Number::Fitting(0), None);
        let timeline = forecast(&server_waits(&settings).injecting(rst));
        timeline.end().map(|end| end.window.at_us / 1000)
    };
    assert_eq!(end_ms(false), Some(5000));
    assert_eq!(end_ms(true), Some(60_000), "it starts nothing anew either");
}

#[test]
fn a_new_syn_takes_the_place_of_a_time_wait_if_its_number_is_above() {
    let states = |above| -> Vec<String> {
        let syn = injected(5_000_000, Side::Server, Segment::Syn, Number::Fitting(above), None);
        let events = course(&forecast(&server_waits(&Settings::default()).injecting(syn)));
        events.into_iter().filter(|line| line.starts_with("5000 ")).collect()
    };
    assert_eq!(states(100), ["5000 server =SYN-RECV", "5000 server SYN-ACK", "5000 client RST", "5000 server =CLOSE"]);
    // Below it is answered, and the peer, which knows of nothing, refuses the answer: that ends the wait.
    assert_eq!(states(-100), ["5000 server ACK", "5000 client RST", "5000 server =CLOSE"]);
}

#[test]
fn a_port_in_time_wait_is_taken_back_as_the_settings_allow() {
    let again = |tw_reuse, timestamps| {
        let settings = Settings { tw_reuse, timestamps, ..Settings::default() };
        let scenario = Scenario::close(HOST, &settings).calling_at(2_000_000, Side::Client, Action::Connect);
        let events = course(&forecast(&scenario));
        events.into_iter().find(|line| line.starts_with("2000 client")).unwrap_or_default()
    };
    assert_eq!(again(1, true), "2000 client =SYN-SENT");
    assert_eq!(again(0, true), "2000 client connect() EADDRNOTAVAIL");
    assert_eq!(again(1, false), "2000 client connect() EADDRNOTAVAIL");
    assert_eq!(again(2, true), "2000 client connect() EADDRNOTAVAIL", "2 is for the loopback");
}

/// Measured on 6.1.192 and 6.18.44.
#[test]
fn before_6_10_a_fin_does_not_wait_for_room_in_the_congestion_window() {
    let sent = |version: &str| {
        let host = Host { version: version.parse().expect("a version"), ..HOST };
        let settings = Settings { orphan_retries: 1, ..Settings::default() };
        let scenario = Scenario::established(host, &settings)
            .silencing(Side::Client)
            .calling(Side::Client, Action::Send)
            .calling_at(500_000, Side::Client, Action::Die);
        let predicted = forecast(&scenario);
        [Segment::Data, Segment::Fin].map(|segment| predicted.sent(Side::Client, segment))
    };
    // The data is sent again once with the FIN in the same segment.
    assert_eq!(sent("6.1.192"), [3, 2]);
    assert_eq!(sent("6.10"), [4, 0]);
    assert_eq!(sent("6.18.44"), [4, 0]);
}

/// Seen on 6.1.192: taken back after 0.5 s, when a second began in between.
#[test]
fn before_6_14_a_port_in_time_wait_is_taken_back_in_a_later_second() {
    let outcomes = |version: &str, after_ms: u64| -> Vec<bool> {
        let host = Host { version: version.parse().expect("a version"), ..HOST };
        let settings = Settings { tw_reuse: 1, ..Settings::default() };
        let again = Scenario::close(host, &settings).calling_at(after_ms * 1000, Side::Client, Action::Connect);
        let predicted = forecast(&again);
        let courses = core::iter::once(&predicted).chain(&predicted.alternatives);
        let mut outcomes: Vec<bool> = courses.map(|course| course.sent(Side::Client, Segment::Syn) == 2).collect();
        outcomes.sort_unstable();
        outcomes
    };
    assert_eq!(outcomes("6.1.192", 500), [false, true], "a tie");
    assert_eq!(outcomes("6.12.117", 999), [false, true], "a tie");
    assert_eq!(outcomes("6.1.192", 1000), [true]);
    assert_eq!(outcomes("6.14", 500), [false]);
    assert_eq!(outcomes("6.14", 1500), [true]);
}

#[test]
fn an_icmp_error_ends_a_connect_and_is_noted_on_an_open_connection() {
    let error =
        |error, in_call| Injection { at_us: 100_000, to: Side::Client, what: Injected::Icmp { error, in_call } };
    let connect = |injection| {
        let settings = Settings { syn_retries: 1, syn_linear_timeouts: 0, ..Settings::default() };
        let lost = Scenario::connect(HOST, &settings).losing(Side::Client, Segment::Syn);
        course(&forecast(&lost.injecting(injection))).last().cloned().unwrap_or_default()
    };
    for (kind, errno) in [
        (IcmpError::HostUnreachable, "EHOSTUNREACH"),
        (IcmpError::NetUnreachable, "ENETUNREACH"),
        (IcmpError::PortUnreachable, "ECONNREFUSED"),
        (IcmpError::AdminProhibited, "EHOSTUNREACH"),
        (IcmpError::TimeExceeded, "EHOSTUNREACH"),
    ] {
        assert_eq!(connect(error(kind, false)), format!("100 client connect() {errno}"));
        assert_eq!(connect(error(kind, true)), format!("3000 client connect() {errno}"));
    }
}

#[test]
fn a_broken_path_takes_a_doubling_back() {
    // The first retransmission is at 408 ms, and the RTO is 408 ms from then on. At 500 ms one doubling is taken back:
    // 204 ms after the retransmission the data goes out again.
    let unreachable = Injection {
        at_us: 500_000,
        to: Side::Client,
        what: Injected::Icmp { error: IcmpError::HostUnreachable, in_call: false },
    };
    let settings = Settings { retries2: 2, ..Settings::default() };
    let lost = Scenario::established(HOST, &settings)
        .calling(Side::Client, Action::Send)
        .silencing(Side::Client)
        .injecting(unreachable);
    let timeline = forecast(&lost);
    let times_ms: Vec<u64> = timeline
        .events
        .iter()
        .filter(|event| matches!(event.what, What::Send { .. }))
        .map(|event| event.window.at_us / 1000)
        .collect();
    assert_eq!(times_ms.get(..4), Some([0, 204, 408, 612].as_slice()));
    assert_eq!(timeline.end().map(|end| end.outcome.name()), Some("EHOSTUNREACH"));
}

#[test]
fn an_application_that_dies_leaves_orphans_and_half_open_entries() {
    check(&established().calling(Side::Client, Action::Abort), &["0 client RST", "0 client =CLOSE", "0 server =CLOSE"]);
    check(
        &Scenario::connect(HOST, &Settings::default()).losing(Side::Client, Segment::Syn).calling_at(
            500_000,
            Side::Client,
            Action::Die,
        ),
        &["0 client =SYN-SENT", "0 client SYN lost", "500 client =CLOSE"],
    );
    check(
        &Scenario::half_open(HOST, &Settings::default()).calling_at(500_000, Side::Server, Action::Die),
        &["0 client SYN", "0 server =SYN-RECV", "0 server SYN-ACK lost", "1000 server =CLOSE"],
    );
}

#[test]
fn what_is_sent_while_the_peer_is_silent_waits_behind_what_is_lost() {
    let settings = Settings { orphan_retries: 1, early_retrans: 0, ..Settings::default() };
    let scenario = Scenario::established(HOST, &settings)
        .calling(Side::Client, Action::Send)
        .calling_at(300_000, Side::Client, Action::Die)
        .silencing(Side::Client);
    let timeline = forecast(&scenario);
    assert_eq!(timeline.sent(Side::Client, Segment::Fin), 0, "the FIN waits behind the data");
    // tcp_orphan_retries=1: 0.6 s from the first retransmission at 0.204 s, tested at its timers.
    assert_eq!(timeline.end().map(|end| end.window.at_us / 1000), Some(1428));
}

#[test]
fn options_that_are_set_late_count_from_the_next_timer_on() {
    let options = SocketOptions { user_timeout_ms: 1000, ..SocketOptions::default() };
    let scenario = established()
        .calling(Side::Client, Action::Send)
        .calling_at(700_000, Side::Client, Action::SetOptions(options))
        .silencing(Side::Client);
    // Sent again at 0.408 s; the timer that is armed already fires at 0.816 s, and is then cut to 1 s after 0.408 s.
    assert_eq!(forecast(&scenario).end().map(|end| end.window.at_us / 1000), Some(1408));
}

#[test]
fn accept_makes_room_for_a_client_that_waits() {
    let settings = Settings::default();
    let waits = Scenario::overflowing(HOST, &settings).calling_at(2_500_000, Side::Server, Action::Accept);
    // The ACK that answers the SYN-ACK of 3 s finds a place.
    assert_eq!(accepted(&forecast(&waits)).map(|(at_ms, _)| at_ms), Some(3000));
    let mut full = Scenario::connect(HOST, &settings);
    (full.listener.backlog, full.listener.waiting) = (4, 5);
    let refused = full.clone().calling_at(1_500_000, Side::Server, Action::Accept);
    assert_eq!(accepted(&forecast(&refused)).map(|(at_ms, _)| at_ms), Some(2000), "the SYN of 2 s is taken");
    full.listener.waiting = 4;
    assert_eq!(accepted(&forecast(&full)).map(|(at_ms, _)| at_ms), Some(0));
}

#[test]
fn opening_at_once_makes_one_connection() {
    let both = Scenario::beginning(HOST, &Settings::default(), Start::Nothing)
        .calling(Side::Client, Action::Connect)
        .calling(Side::Server, Action::Connect);
    let timeline = forecast(&both);
    assert!(timeline.ends.iter().all(|end| end.outcome.name() == "established"), "{:?}", timeline.ends);
    assert_eq!(timeline.sent(Side::Client, Segment::SynAck), 1);
}

#[test]
fn nobody_listens_until_somebody_does() {
    let nobody = Scenario::beginning(HOST, &Settings::default(), Start::Nothing).calling(Side::Client, Action::Connect);
    check(
        &nobody,
        &["0 client =SYN-SENT", "0 client SYN", "0 server RST", "0 client =CLOSE", "0 client connect() ECONNREFUSED"],
    );
    let later = nobody.losing_first(Side::Client, Segment::Syn, 1).calling_at(500_000, Side::Server, Action::Listen);
    assert_eq!(accepted(&forecast(&later)).map(|(at_ms, _)| at_ms), Some(1000));
}

#[test]
fn shutdown_keeps_fin_wait_2_until_the_application_closes() {
    let settings = Settings { fin_timeout_s: 5, ..Settings::default() };
    let shut = Scenario::established(HOST, &settings).calling(Side::Client, Action::Shutdown);
    assert_eq!(forecast(&shut).end().map(|end| end.outcome.name()), Some("never"));
    let closed = shut.calling_at(2_000_000, Side::Client, Action::Close);
    assert_eq!(forecast(&closed).end().map(|end| end.window.at_us / 1000), Some(7000));
}
