//! The cases: short ones of every kind, and those in which kernels differ by version.

use tcpctl::model::{
    Action, Host, Injected, Injection, Number, Scenario, Segment, Settings, Side, SocketOptions, Start,
};

use Number::Fitting;
use Segment::{Ack, Data, Fin, Rst, Syn, SynAck};
use Side::{Client, Server};

/// A scenario with a name.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// How long it is looked at, in milliseconds; nothing for as long as the prediction lasts.
    pub(crate) until_ms: Option<u64>,
    pub(crate) scenario: Scenario,
}

/// Every case.
pub(crate) fn cases(host: Host) -> Vec<Case> {
    [opening(host), established(host), closing(host), challenged(host)].into_iter().flatten().collect()
}

fn whole(name: &'static str, scenario: Scenario) -> Case {
    Case { name, until_ms: None, scenario }
}

fn beginning(name: &'static str, until_ms: u64, scenario: Scenario) -> Case {
    Case { name, until_ms: Some(until_ms), scenario }
}

fn with(edit: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    edit(&mut settings);
    settings
}

fn opening(host: Host) -> Vec<Case> {
    let silent =
        |retries| Scenario::connect(host, &with(|settings| settings.syn_retries = retries)).losing(Client, Syn);
    let half_open = |retries| Scenario::half_open(host, &with(|settings| settings.synack_retries = retries));
    let one_retry = with(|settings| (settings.syn_retries, settings.synack_retries) = (1, 1));
    let both = || {
        let scenario = Scenario::beginning(host, &Settings::default(), Start::Nothing)
            .calling(Client, Action::Connect)
            .calling(Server, Action::Connect);
        Scenario { rtt_us: 40_000, ..scenario }
    };
    let overflowing = |abort| {
        let settings = with(|settings| (settings.abort_on_overflow, settings.synack_retries) = (abort, 1));
        Scenario::overflowing(host, &settings)
    };
    vec![
        whole("connect() to a silent address, 1 retry", silent(1)),
        whole("connect() to a silent address, 2 retries", silent(2)),
        whole("a half-open entry, no retry", half_open(0)),
        whole("a half-open entry, 1 retry", half_open(1)),
        whole("every SYN-ACK is lost, 1 retry each", Scenario::connect(host, &one_retry).losing(Server, SynAck)),
        whole("a full accept queue", overflowing(false)),
        whole("a full accept queue that resets", overflowing(true)),
        beginning("both open at once", 3000, both()),
        beginning("both open at once, a SYN-ACK is lost", 3000, both().losing_first(Client, SynAck, 1)),
    ]
}

fn established(host: Host) -> Vec<Case> {
    let few = with(|settings| settings.retries2 = 3);
    let sending =
        |settings: &Settings| Scenario::established(host, settings).calling(Client, Action::Send).losing(Client, Data);
    let mut timed = sending(&Settings::default());
    timed.client.options.user_timeout_ms = 2000;
    let mut kept = Scenario::established(host, &Settings::default()).silencing(Client);
    kept.client.options = SocketOptions {
        keepalive: true,
        keepidle_s: Some(1),
        keepintvl_s: Some(1),
        keepcnt: Some(2),
        ..SocketOptions::default()
    };
    let window = with(|settings| settings.retries2 = 3);
    vec![
        whole("data is lost, tcp_retries2 3", sending(&few)),
        whole("data is lost, TCP_USER_TIMEOUT 2 s", timed),
        whole("keepalive to a peer that is gone, 1 s, 1 s, 2 probes", kept),
        beginning("a window that stays closed", 5000, Scenario::beginning(host, &window, Start::WindowClosed)),
        beginning(
            "the first of three segments is lost",
            3000,
            [Action::Send; 3]
                .into_iter()
                .fold(Scenario::established(host, &Settings::default()), |scenario, call| {
                    scenario.calling(Client, call)
                })
                .losing_first(Client, Data, 1),
        ),
    ]
}

fn closing(host: Host) -> Vec<Case> {
    let orphan =
        |retries| Scenario::close(host, &with(|settings| settings.orphan_retries = retries)).losing(Client, Fin);
    let dying = with(|settings| settings.orphan_retries = 1);
    let dying = Scenario::established(host, &dying).silencing(Client).calling(Client, Action::Send).calling_at(
        500_000,
        Client,
        Action::Die,
    );
    let short = with(|settings| settings.fin_timeout_s = 2);
    let again = |at_ms: u64| {
        let settings = with(|settings| settings.tw_reuse = 1);
        Scenario::close(host, &settings).calling_at(at_ms * 1000, Client, Action::Connect)
    };
    vec![
        whole("the FIN of an orphan is lost, 1 retry", orphan(1)),
        whole("the process dies with data in flight, 1 retry", dying),
        whole("FIN-WAIT-2 of 2 s", Scenario::closed_alone(host, &short)),
        beginning("TIME-WAIT is reused after 1.5 s", 3000, again(1500)),
        beginning("TIME-WAIT is not reused after 0.5 s", 1500, again(500)),
    ]
}

fn challenged(host: Host) -> Vec<Case> {
    let at = |at_ms: u64, segment, seq, ack| Injection {
        at_us: at_ms * 1000,
        to: Server,
        what: Injected::Segment { segment, seq: Fitting(seq), ack },
    };
    let with = |injections: &[Injection]| {
        let established = Scenario::established(host, &Settings::default()).about(Server);
        injections.iter().fold(established, |scenario, one| scenario.injecting(*one))
    };
    let fits = Some(Fitting(0));
    let twice = |ack| [100, 200].map(|at_ms| at(at_ms, Ack, 0, Some(Fitting(ack))));
    vec![
        beginning("a RST that fits", 1500, with(&[at(100, Rst, 0, None)])),
        beginning("three RSTs in the window", 1500, with(&[100, 400, 700].map(|ms| at(ms, Rst, 1000, None)))),
        beginning("a RST outside the window", 1500, with(&[at(100, Rst, 10_000_000, None)])),
        beginning("three SYNs", 1500, with(&[100, 400, 700].map(|ms| at(ms, Syn, 0, None)))),
        beginning("two segments of old data", 1500, with(&[100, 200].map(|ms| at(ms, Data, -1, fits)))),
        beginning("two ACKs of what was never sent", 1500, with(&twice(1000))),
        beginning("two ACKs of long ago", 1500, with(&twice(-100_000))),
        beginning("an ACK of a little before", 1500, with(&[at(100, Ack, 0, Some(Fitting(-1000)))])),
    ]
}
