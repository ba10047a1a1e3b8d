//! Scenarios over IPv6.

use tcpctl::model::{
    Action, Host, IpVersion, Listener, Number, Scenario, Segment, Settings, Side, SocketOptions, Start,
};

use super::{Part, connect, established, forged, ms, outside, with_settings};

use Segment::{Data, Fin, Rst, Syn, SynAck};
use Side::{Client, Server};

fn over_ipv6(parts: Vec<Part>) -> Vec<Part> {
    parts.into_iter().map(|(name, until_ms, scenario)| (name, until_ms, scenario.over(IpVersion::V6))).collect()
}

pub(super) fn courses(host: Host) -> Vec<Part> {
    let (defaults, one_retry) = (Settings::default(), with_settings(|settings| settings.synack_retries = 1));
    let starting = |start| Scenario::beginning(host, &defaults, start);
    let at_once = Scenario { rtt_us: ms(40), ..starting(Start::Nothing) };
    let mut deferred = connect(host).about(Server);
    deferred.server.options = SocketOptions { defer_accept_s: Some(1), ..SocketOptions::default() };
    over_ipv6(vec![
        ("a connection opens and closes", 1500, Scenario::close(host, &defaults)),
        ("two SYNs lost", 4000, connect(host).losing_first(Client, Syn, 2)),
        ("two SYN-ACKs lost", 5000, connect(host).losing_first(Server, SynAck, 2)),
        ("data lost three times", 4000, established(host).calling(Client, Action::Send).losing_first(Client, Data, 3)),
        ("a FIN lost", 3000, Scenario::close(host, &defaults).losing_first(Client, Fin, 1)),
        ("a half-open entry dies", 6000, Scenario::half_open(host, &one_retry)),
        ("a closed window is probed", 3000, starting(Start::WindowClosed)),
        ("a server that has forgotten refuses", 1500, starting(Start::Forgotten).calling(Client, Action::Send)),
        ("nobody listens", 1000, starting(Start::Nothing).calling(Client, Action::Connect)),
        ("two open at once", 3000, at_once.calling(Client, Action::Connect).calling(Server, Action::Connect)),
        ("accept() is deferred", 3000, deferred),
        ("a place in the accept queue is taken", 3000, {
            let listener = Listener { backlog: 0, waiting: 0, joining: 1 };
            Scenario { listener, ..connect(host) }.calling_at(ms(1500), Server, Action::Accept).about(Server)
        }),
    ])
}

pub(super) fn from_outside(host: Host) -> Vec<Part> {
    let at = |at_ms, segment, seq| forged(Server, at_ms, segment, Number::Fitting(seq), None);
    let idle = || established(host).about(Server);
    let time_wait = Scenario::connect(host, &Settings::default())
        .calling(Server, Action::Close)
        .calling(Client, Action::CloseAfterPeer)
        .about(Server);
    over_ipv6(vec![
        ("RST, exact", 1500, idle().injecting(at(100, Rst, 0))),
        ("RST, in the window", 1500, idle().injecting(at(100, Rst, 1000))),
        ("RST at the last number of the window", 1500, idle().injecting(at(100, Rst, 64_260))),
        ("RST right above the window", 1500, idle().injecting(at(100, Rst, 64_261))),
        ("3 SYNs", 1500, [100, 400, 700].into_iter().fold(idle(), |scenario, ms| scenario.injecting(at(ms, Syn, 0)))),
        ("a new SYN in TIME-WAIT", 2000, time_wait.injecting(at(300, Syn, 1000))),
    ])
}

/// The same errors as over IPv4, which the kernel takes differently.
pub(super) fn icmpv6(host: Host) -> Vec<Part> {
    over_ipv6(outside::icmp(host))
}
