//! ICMP errors, and options that change while a timer runs.

use tcpctl::model::{Action, Fate, Host, IcmpError, Scenario, Segment, Settings, Side, SocketOptions, Start, WireRule};

use super::{Part, connect, established, ms, unreachable, with_settings};

use Segment::{Data, Syn, SynAck};
use Side::{Client, Server};

pub(super) fn icmp(host: Host) -> Vec<Part> {
    let silent = |error| connect(host).losing(Client, Syn).injecting(unreachable(Client, 300, error));
    let sending = |error| {
        let settings = with_settings(|settings| settings.retries2 = 2);
        Scenario::established(host, &settings)
            .calling(Client, Action::Send)
            .losing(Client, Data)
            .injecting(unreachable(Client, 1000, error))
            .injecting(unreachable(Client, 2000, error))
    };
    let half_open =
        |error| connect(host).losing(Server, SynAck).injecting(unreachable(Server, 300, error)).about(Server);
    let opening_at_once = |error| {
        Scenario::beginning(host, &Settings::default(), Start::Nothing)
            .calling(Client, Action::Connect)
            .calling(Server, Action::Connect)
            .losing(Client, SynAck)
            .losing(Server, SynAck)
            .injecting(unreachable(Client, 300, error))
    };
    // What was sent last is acknowledged, so the error is about nothing that the kernel waits for.
    let idle = |error| {
        let settings = with_settings(|settings| settings.retries2 = 2);
        Scenario::established(host, &settings)
            .calling(Client, Action::Send)
            .injecting(unreachable(Client, 300, error))
            .calling_at(ms(600), Client, Action::Send)
            .ruled(WireRule { from_us: ms(500), ..WireRule::every(Client, Fate::Lose) })
    };
    vec![
        ("host unreachable, SYN-SENT", 2000, silent(IcmpError::HostUnreachable)),
        ("net unreachable, SYN-SENT", 2000, silent(IcmpError::NetUnreachable)),
        ("port unreachable, SYN-SENT", 2000, silent(IcmpError::PortUnreachable)),
        ("prohibited, SYN-SENT", 2000, silent(IcmpError::AdminProhibited)),
        ("time exceeded, SYN-SENT", 2000, silent(IcmpError::TimeExceeded)),
        ("host unreachable, data in flight", 5000, sending(IcmpError::HostUnreachable)),
        ("prohibited, data in flight", 5000, sending(IcmpError::AdminProhibited)),
        ("net unreachable, data in flight", 5000, sending(IcmpError::NetUnreachable)),
        ("port unreachable, data in flight", 5000, sending(IcmpError::PortUnreachable)),
        ("time exceeded, data in flight", 5000, sending(IcmpError::TimeExceeded)),
        ("prohibited, nothing in flight", 4000, idle(IcmpError::AdminProhibited)),
        ("host unreachable, SYN-RECV of two that open at once", 2000, opening_at_once(IcmpError::HostUnreachable)),
        ("prohibited, SYN-RECV of two that open at once", 2000, opening_at_once(IcmpError::AdminProhibited)),
        ("host unreachable, SYN-RECV", 2500, half_open(IcmpError::HostUnreachable)),
        ("net unreachable, SYN-RECV", 2500, half_open(IcmpError::NetUnreachable)),
        ("port unreachable, SYN-RECV", 2500, half_open(IcmpError::PortUnreachable)),
        ("prohibited, SYN-RECV", 2500, half_open(IcmpError::AdminProhibited)),
        ("time exceeded, SYN-RECV", 2500, half_open(IcmpError::TimeExceeded)),
    ]
}

pub(super) fn options(host: Host) -> Vec<Part> {
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
