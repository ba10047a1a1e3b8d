//! Timeouts that are stated and do not fit into each other, or not into what the kernel grants.
//!
//! `tcp_write_timeout` gives up after what `tcp_retries2` comes to, or after `TCP_USER_TIMEOUT` where that is set. Who
//! fails over wants each timeout shorter than the next: the application's, its pool's, TCP_USER_TIMEOUT, the kernel's.

use crate::diagnose::case::STATED;
use crate::diagnose::forecast::{by_destination, is_opened_here, leads_to_full_listener, model_host};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Timeouts, Verdict};
use crate::model::{
    Action, Answer, Consequence, ConsequenceRule, Host, KnownSettings, Scenario, Side, SocketOptions, Window,
};
use crate::snapshot::{Listener, SocketRow};
use crate::units::{Micros, SocketTimer, duration_text};

const RETRIES2: &str = "net.ipv4.tcp_retries2";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "failover-budget",
    looks_for: "stated timeouts that do not fit into each other and into what the kernel grants",
    topic: Some("data-lost"),
    reads: &[Input::Stated("timeouts"), Input::Sockets("single connections, with tcp_info")],
    keys: SILENT_PEER.keys,
    threshold: "a stated timeout that is not shorter than the next of: app, pool, user (TCP_USER_TIMEOUT), and what \
                tcp_retries2 comes to by the model; a connection here that lives on after the stated TCP_USER_TIMEOUT \
                would have ended it, or whose keepalive begins later than stated: then the option is not set on it",
    confidence: Confidence::Certain,
    next: Some(
        "tcpctl sockets, for the clocks of each connection; strace -e setsockopt, for what the application sets",
    ),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_retries2 on every host, to mend one application's order; shorter keepalive: it rests while \
                   data is unacknowledged",
    disproved_by: "timeouts that are not what was stated",
    check: |case| judge(case).into(),
};

/// When a connection ends whose peer has gone silent with data in flight.
const SILENT_PEER: Consequence = Consequence {
    id: "silent-peer",
    label: "a connection whose peer acknowledges nothing fails after",
    short: "silent peer",
    topic: "data-lost",
    keys: &[
        RETRIES2,
        "net.ipv4.tcp_rto_min_us",
        "net.ipv4.tcp_rto_max_ms",
        "net.ipv4.tcp_early_retrans",
        "net.ipv4.tcp_sack",
        "net.ipv4.tcp_thin_linear_timeouts",
    ],
    rule: ConsequenceRule::EndOf(|host, settings| {
        Scenario::established(host, settings).calling(Side::Client, Action::Send).silencing(Side::Client)
    }),
};

/// One timeout of the chain: what it is, and from when to when it expires.
struct Link {
    name: &'static str,
    window: Window,
}

impl Link {
    fn stated(name: &'static str, us: Option<u64>) -> Option<Self> {
        us.map(|us| Self { name, window: Window { at_us: us, latest_us: us } })
    }

    /// "30s", or "12.8s to 13.4s".
    fn time(&self) -> String {
        match (self.window.at_us, self.window.latest_us) {
            (from, to) if from == to => duration_text(from),
            (from, to) => format!("{:#} to {:#}", Micros(from), Micros(to)),
        }
    }
}

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let stated = || "no timeouts are stated: diagnose --timeouts app=5s,pool=30s,user=20s".to_owned();
    let timeouts = case.stated().timeouts.ok_or_else(stated)?;
    let mut verdict = Verdict::quiet();
    match kernels_end(case, None) {
        Ok(kernel) => verdict.findings.extend(order(case, &timeouts, kernel)),
        Err(gap) => verdict.gaps.push(gap),
    }
    for found in [outlived(case, &timeouts), unguarded(case, &timeouts)] {
        match found {
            Ok(finding) => verdict.findings.extend(finding),
            Err(gap) => verdict.gaps.push(gap),
        }
    }
    Ok(verdict)
}

/// When the kernel gives up on a silent peer, by the model.
pub(super) fn kernels_end(case: &Case<'_>, user_us: Option<u64>) -> Result<Window, String> {
    let (host, settings): (Host, KnownSettings) = model_host(case)?;
    let missing = settings.missing(SILENT_PEER.keys);
    if !missing.is_empty() {
        return Err(format!("{} could not be read", missing.join(" and ")));
    }
    let set = |options: &mut SocketOptions| {
        options.user_timeout_ms = user_us.map_or(0, |us| u32::try_from(us / 1000).unwrap_or(u32::MAX));
    };
    match SILENT_PEER.answer_known(&settings, &host, set) {
        Answer::After(window) => Ok(window),
        _ => Err("when the kernel gives up on a silent peer cannot be told".to_owned()),
    }
}

/// Each pair of neighbours in the chain that is in the wrong order.
fn order(case: &Case<'_>, timeouts: &Timeouts, kernel: Window) -> Vec<Finding> {
    let chain: Vec<Link> = [
        Link::stated("app", timeouts.app_us),
        Link::stated("pool", timeouts.pool_us),
        Link::stated("user", timeouts.user_us),
        Some(Link { name: "tcp_retries2", window: kernel }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let wrong = chain.windows(2).filter_map(|pair| match pair {
        [first, next] if first.window.latest_us >= next.window.at_us => Some(misfit(case, &chain, first, next)),
        _ => None,
    });
    let mut found: Vec<Finding> = wrong.collect();
    if let (Some(probe), Some(limit)) = (timeouts.keepalive_us, timeouts.idle_us)
        && probe >= limit
    {
        let [probe, limit] = [probe, limit].map(duration_text);
        let sentence = format!("keepalive={probe} begins after idle={limit} has let the connection go");
        found.push(
            Finding::new(&RULE, Severity::Warning, sentence)
                .seen("keepalive", probe, STATED)
                .seen("idle", limit, STATED)
                .because("what forgets idle connections on the way does so before the first probe")
                .remedy("TCP_KEEPIDLE at a third of that limit and less, so that two probes may be lost"),
        );
    }
    found
}

fn misfit(case: &Case<'_>, chain: &[Link], first: &Link, next: &Link) -> Finding {
    let (mine, theirs) = (first.time(), next.time());
    let kernel = next.name == "tcp_retries2";
    let sentence = match (first.name, kernel) {
        ("user", true) => {
            format!("user={mine} outlasts net.ipv4.tcp_retries2, which ends it after {theirs}, and replaces it")
        }
        (name, true) => {
            format!("{name}={mine} outlasts the connection: net.ipv4.tcp_retries2 ends it after {theirs}")
        }
        (name, false) => format!("{name}={mine} is not shorter than {}={theirs}", next.name),
    };
    let (cause, remedy) = match (first.name, kernel) {
        ("user", true) => (
            "TCP_USER_TIMEOUT takes the place of tcp_retries2, and here it makes a hung connection live longer",
            "a TCP_USER_TIMEOUT that is longer than the pool's timeout and shorter than that",
        ),
        (_, true) => (
            "the kernel gives up before who waits for the answer does: every silence of that length is an error at once, \
             and no timeout of the application is ever reached",
            "timeouts of the application below that, or a longer net.ipv4.tcp_retries2: 8 and more where the host is \
             shared; TCP_USER_TIMEOUT on the sockets that want to fail sooner",
        ),
        ("app", _) => (
            "the outer timeout expires first: the request is given up while the inner one still waits, and its retry \
             meets the same hung connection",
            "an application timeout that leaves room for the next one, or a shorter one there",
        ),
        _ => (
            "the connection dies under who still waits for it: the error comes from the kernel, and the pool's own \
             handling of timeouts never runs",
            "TCP_USER_TIMEOUT longer than the pool's timeout, and shorter than what tcp_retries2 comes to",
        ),
    };
    chain_seen(Finding::new(&RULE, Severity::Warning, sentence), chain)
        .settings(case, &[RETRIES2, "net.ipv4.tcp_rto_max_ms"])
        .because(cause)
        .remedy(remedy)
}

/// Adds every timeout of the chain.
fn chain_seen(finding: Finding, chain: &[Link]) -> Finding {
    chain.iter().fold(finding, |finding, link| match link.name {
        "tcp_retries2" => finding.seen("until the kernel gives up, at the least RTO", link.time(), source::MODEL),
        name => finding.seen(name, link.time(), STATED),
    })
}

/// Connections that a TCP_USER_TIMEOUT as stated would have ended.
fn outlived(case: &Case<'_>, timeouts: &Timeouts) -> Result<Option<Finding>, String> {
    let Some(user_us) = timeouts.user_us else { return Ok(None) };
    let (sample, end) = (&case.samples()?.resending, kernels_end(case, Some(user_us))?);
    let listeners = &case.sockets()?.listeners;
    let lives_on = |row: &&SocketRow| {
        is_own(row, listeners)
            && !leads_to_full_listener(row, listeners)
            && silent_us(row).is_some_and(|us| us > end.latest_us)
    };
    let groups = by_destination(sample.rows.iter().filter(lives_on));
    let Some(group) = groups.first() else { return Ok(None) };
    let longest = group.rows.iter().filter_map(|row| silent_us(row)).max().unwrap_or(0);
    let (limit, longest) = (duration_text(user_us), Micros(longest));
    let sentence = format!(
        "{}{} to {} has been sent again for {longest:#} and more, although user={limit} is stated",
        match group.count() {
            1 => "a connection".to_owned(),
            many => format!("one of {many} connections"),
        },
        group.of_process(),
        group.remote
    );
    Ok(Some(
        Finding::new(&RULE, Severity::Warning, sentence)
            .only(Confidence::Likely)
            .seen("user", limit, STATED)
            .seen("such connections to there", group.count().to_string(), source::TIMEOUTS)
            .seen(
                "since the first timeout, at the least (idiag_retrans, tcpi_rto)",
                format!("{longest:#}"),
                "sock_diag idiag_retrans and sock_diag INET_DIAG_INFO tcpi_rto",
            )
            .because("TCP_USER_TIMEOUT is not set on it, or not to that: the kernel would have ended it by now")
            .remedy("setsockopt(TCP_USER_TIMEOUT) before connect(), on each socket: libraries open their own"),
    ))
}

/// How long timeouts have sent again for it, at the least, in microseconds: each waited twice as long as the one before,
/// and the timer that runs has waited for nothing yet.
pub(super) fn silent_us(row: &SocketRow) -> Option<u64> {
    let info = row.clock.info.filter(|_| row.clock.timer == SocketTimer::Retransmit)?;
    let waits = (1..row.clock.retransmits).map(|back| u64::from(info.rto_us).checked_shr(u32::from(back)).unwrap_or(0));
    Some(waits.sum())
}

/// Whether a process of this host opened it: of those that clients opened others know the timeouts.
fn is_own(row: &SocketRow, listeners: &[Listener]) -> bool {
    row.clock.inode != 0 && is_opened_here(row, listeners)
}

/// Idle connections whose keepalive begins later than stated, or not at all.
fn unguarded(case: &Case<'_>, timeouts: &Timeouts) -> Result<Option<Finding>, String> {
    let Some(stated_us) = timeouts.keepalive_us else { return Ok(None) };
    let none = || "idle connections were not kept one by one".to_owned();
    let sample = case.samples()?.idle.as_ref().ok_or_else(none)?;
    let listeners = &case.sockets()?.listeners;
    let is_late = |row: &&SocketRow| match row.clock.timer {
        SocketTimer::Off => true,
        SocketTimer::Keepalive => u64::from(row.clock.expires_ms) * 1000 > stated_us,
        _ => false,
    };
    let late: Vec<&SocketRow> = sample.rows.iter().filter(|row| is_own(row, listeners)).filter(is_late).collect();
    let groups = by_destination(late.iter().copied());
    let Some(group) = groups.first() else { return Ok(None) };
    let without = late.iter().filter(|row| row.clock.timer == SocketTimer::Off).count();
    let stated = duration_text(stated_us);
    let sentence = format!(
        "keepalive={stated} is stated, and {} idle connections have none within it, such as{} to {}",
        late.len(),
        group.of_process(),
        group.remote
    );
    Ok(Some(
        Finding::new(&RULE, Severity::Warning, sentence)
            .only(Confidence::Likely)
            .seen("keepalive", stated, STATED)
            .seen("such connections", late.len().to_string(), "sock_diag idiag_timer, idiag_expires")
            .seen(
                "of idle ones that were looked at",
                sample.rows.len().to_string(),
                "sock_diag idiag_state, idiag_rqueue, idiag_wqueue",
            )
            .seen("of such connections without SO_KEEPALIVE (no timer)", without.to_string(), "sock_diag idiag_timer")
            .because("the options are not set on these sockets, or to more: a dead peer is noticed later than planned")
            .remedy("SO_KEEPALIVE and TCP_KEEPIDLE on each socket; net.ipv4.tcp_keepalive_time alone turns nothing on"),
    ))
}
