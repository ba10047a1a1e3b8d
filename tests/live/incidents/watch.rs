//! Two readings, and what happens between them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use tcpctl::collect;
use tcpctl::collect::Source;
use tcpctl::diagnose::{Findings, Stated, asked_rules, diagnose, diagnose_stated, keys};
use tcpctl::snapshot::Snapshot;
use tcpctl::sys::ProcRoot;
use tcpctl::wire::parse_paired_lines;

/// Reads what the rules need.
pub(super) fn reading() -> Snapshot {
    let keys = keys().into_iter().map(|key| key.parse().expect("a key")).collect();
    // Whose sockets they are is known, and looking for it at every process of the host takes long.
    let source = Source { processes: false, ..Source::own(keys) };
    collect::live(&source).expect("the own namespace can be read")
}

/// A second reading, so long after the first at least, and what the rules say.
pub(super) fn judged_after(before: &Snapshot, window: Duration) -> Findings {
    let due = before.monotonic_ms + u64::try_from(window.as_millis()).expect("a short window");
    sleep(Duration::from_millis(due.saturating_sub(tcpctl::sys::monotonic_ms())));
    diagnose(&reading(), Some(before))
}

/// The same after a second, with the processes that hold the sockets; these are all of the test's own.
pub(super) fn judged_with_processes(before: &Snapshot) -> Findings {
    sleep(SECOND);
    let mut now = reading();
    tcpctl::collect::name_owners("/proc".as_ref(), [&mut now]);
    diagnose(&now, Some(before))
}

/// The same with what is stated besides.
pub(super) fn judged_knowing(before: &Snapshot, stated: &Stated) -> Findings {
    let due = before.monotonic_ms + u64::try_from(SECOND.as_millis()).expect("a short window");
    sleep(Duration::from_millis(due.saturating_sub(tcpctl::sys::monotonic_ms())));
    diagnose_stated(&asked_rules(stated), &reading(), Some(before), stated)
}

/// What is known when timeouts are stated.
pub(super) fn timeouts(text: &str) -> Stated {
    Stated { timeouts: Some(text.parse().expect("timeouts")), files: None }
}

pub(super) const SECOND: Duration = Duration::from_millis(1200);

/// Waits until a counter of the namespace has come so far. The kernel tells nobody when it does, and many wait at once.
pub(super) fn wait_for(name: &str, least: i64) {
    wait_for_long(name, least, Duration::from_secs(10));
}

/// The same for what takes its time.
pub(super) fn wait_for_long(name: &str, least: i64, longest: Duration) {
    let began = Instant::now();
    loop {
        let now = tcp_ext(name);
        if now >= least {
            return;
        }
        assert!(began.elapsed() < longest, "{name} is {now} and does not become {least}");
        sleep(Duration::from_millis(20));
    }
}

/// A counter of the namespace.
pub(crate) fn tcp_ext(name: &str) -> i64 {
    let text = ProcRoot::new("/proc").read_net("netstat").expect("counters can be read");
    let counters = parse_paired_lines(&text).value;
    counters.get("TcpExt").and_then(|group| group.get(name)).copied().expect("this kernel counts it")
}

/// Demands that a finding says this.
pub(super) fn says(findings: &Findings, piece: &str) {
    let said: Vec<&str> = findings.findings.iter().map(|finding| finding.sentence.as_str()).collect();
    assert!(said.iter().any(|sentence| sentence.contains(piece)), "nobody says `{piece}`: {said:#?}");
}
