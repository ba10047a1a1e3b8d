//! What IPv6 changes: which ICMP errors end what, and what applications learn of them.

use tcpctl::model::{
    Action, Host, IcmpError, Injected, Injection, IpVersion, Outcome, Scenario, Segment, Settings, Side, What, forecast,
};
use tcpctl::units::Hz;

fn host(version: &str) -> Host {
    Host { version: version.parse().expect("a version"), hz: Hz::new(250) }
}

fn heard(to: Side, at_us: u64, error: IcmpError) -> Injection {
    Injection { at_us, to, what: Injected::Icmp { error, in_call: false } }
}

/// How a side ends, and when, in milliseconds.
fn end(scenario: &Scenario, side: Side) -> (&'static str, u64) {
    let timeline = forecast(scenario);
    let end = timeline.ends.iter().find(|end| end.side == side).expect("it ends");
    (end.outcome.name(), end.window.at_us / 1000)
}

#[test]
fn each_icmpv6_error_ends_a_connect_with_its_own_errno() {
    let connect = |error| {
        let scenario = Scenario::connect(host("6.18"), &Settings::default())
            .over(IpVersion::V6)
            .losing(Side::Client, Segment::Syn)
            .injecting(heard(Side::Client, 100_000, error));
        end(&scenario, Side::Client)
    };
    assert_eq!(
        IcmpError::ALL.map(connect),
        [("ENETUNREACH", 100), ("EHOSTUNREACH", 100), ("ECONNREFUSED", 100), ("EACCES", 100), ("EHOSTUNREACH", 100)]
    );
}

/// Measured on 6.18: over IPv6 just those errors end the entry that over IPv4 do not.
#[test]
fn a_half_open_entry_is_ended_by_other_errors_than_over_ipv4() {
    let settings = Settings { synack_retries: 0, ..Settings::default() };
    let ended_by = |family| {
        IcmpError::ALL.map(|error| {
            let scenario = Scenario::half_open(host("6.18"), &settings).over(family).injecting(heard(
                Side::Server,
                300_000,
                error,
            ));
            end(&scenario, Side::Server) == (Outcome::Gone.name(), 300)
        })
    };
    let v4 = ended_by(IpVersion::V4);
    assert_eq!(v4, [true, true, false, false, true]);
    assert_eq!(ended_by(IpVersion::V6), v4.map(|ends| !ends));
}

#[test]
fn only_a_missing_route_takes_a_doubling_back_and_only_since_5_8() {
    let settings = Settings { retries2: 2, ..Settings::default() };
    // Without an error the data goes out again at 0.2, 0.4 and 0.8 s. One that is heard at 0.5 s takes a doubling back.
    let third_copy_ms = |version, family, error| {
        let scenario = Scenario::established(host(version), &settings)
            .over(family)
            .calling(Side::Client, Action::Send)
            .silencing(Side::Client)
            .injecting(heard(Side::Client, 500_000, error));
        let timeline = forecast(&scenario);
        let sent = timeline.events.iter().filter(|event| matches!(event.what, What::Send { .. }));
        sent.map(|event| event.window.at_us / 1000).nth(3)
    };
    let [net, host_, ..] = IcmpError::ALL;
    assert_eq!([net, host_].map(|error| third_copy_ms("6.18", IpVersion::V4, error)), [Some(612); 2]);
    assert_eq!([net, host_].map(|error| third_copy_ms("6.18", IpVersion::V6, error)), [Some(612), Some(816)]);
    assert_eq!(["5.8", "5.7"].map(|version| third_copy_ms(version, IpVersion::V6, net)), [Some(612), Some(816)]);
}

/// Measured on 6.18, over both: its number lies before what is waited for.
#[test]
fn an_error_about_what_is_acknowledged_leaves_no_trace() {
    let settings = Settings { retries2: 2, ..Settings::default() };
    for family in IpVersion::BOTH {
        let scenario = Scenario::established(host("6.18"), &settings)
            .over(family)
            .injecting(heard(Side::Client, 100_000, IcmpError::AdminProhibited))
            .calling_at(200_000, Side::Client, Action::Send)
            .silencing(Side::Client);
        assert_eq!(end(&scenario, Side::Client).0, "ETIMEDOUT");
    }
}
