//! Every incident at once, each in namespaces of its own, and what `diagnose` makes of it: the right verdict, and no other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tcpctl::diagnose::{Findings, Proof, RULES, Undecided};
use tcpctl::sys::{Namespace, SysctlFiles, raise_loopback};

use super::accepting::{bursts, every_worker_stuck, nobody_accepts, slow_accept, stuck_beside_working, stuck_worker};
use super::closing::{buckets, close_wait, closed_half, closed_unanswered, half_closed, unread_data};
use super::connecting::{died_of_silence, full_elsewhere, refused, unanswered};
use super::healthy::{beside_healthy, healthy, reused_ports, time_wait_of_a_server};
use super::path::{black_hole, damaged, late_segments, overtaken, transfer};
use super::ports::{bound_first, ports_bound, ports_over_two_windows, ports_used_up, ports_used_up_soon};
use super::requests::{false_cookies, flood, last_quarter, reset_handshakes, third_segments_lost};
use super::silence::{keepalive, one_session, peers_gone};
use super::speed::{
    deep_queue, peer_does_not_read, readers_stopped_long_ago, shrunk_buffer, small_send_buffer, small_window,
    stalled_readers,
};
use super::tracking::tracked;
use super::{connecting, path, settings, silence, speed};
use crate::case::{CannotRun, Case, Ran};
use crate::place::Place;
use crate::sources::is_exact;
use crate::wire::Fate;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("every incident has its verdict and no other", every_incident),
        Case::new("a second window tells when ports run out", ports_over_two_windows),
    ]
}

/// What is expected of each incident.
#[derive(Deserialize)]
struct Expected {
    undecided: BTreeSet<String>,
    incidents: BTreeMap<String, BTreeSet<String>>,
}

pub(super) type Judged = Result<Findings, CannotRun>;

/// The name of an incident, and what makes it.
type Incident = (&'static str, fn(&Place) -> Judged);

const INCIDENTS: &[Incident] = &[
    ("healthy and busy", healthy),
    ("TIME-WAIT of a server that closes first", time_wait_of_a_server),
    ("TIME-WAIT on every port, and taken again", reused_ports),
    ("nobody accepts", nobody_accepts),
    ("slow accept", slow_accept),
    ("bursts above a small backlog", |place| bursts(place, 4)),
    ("bursts above somaxconn", |place| {
        place.set("net.core.somaxconn", "4");
        bursts(place, 512)
    }),
    ("one of two workers stuck", stuck_worker),
    ("every worker stuck, beside another service", every_worker_stuck),
    ("flood, with cookies", |place| flood(place, 80, 1500)),
    ("flood, without cookies", |place| {
        place.set("net.ipv4.tcp_syncookies", "0");
        flood(place, 80, 1000)
    }),
    ("SYN queue full up to the last quarter, without cookies", last_quarter),
    ("acknowledgements that claim cookies", false_cookies),
    ("third segments that never come", third_segments_lost),
    ("SYNs from hosts that answer with a reset", reset_handshakes),
    ("SYNs to a closed port", |place| flood(place, 81, 200)),
    ("connects to a service that is not there", refused),
    ("connects to the second address of a service", connecting::second_address),
    ("connects to a silent host", unanswered),
    ("connects that died of silence", died_of_silence),
    ("ports to one destination used up", ports_used_up),
    ("ports to one destination used up soon", ports_used_up_soon),
    ("ports bound and not connected", ports_bound),
    ("lossy path", |place| transfer(place, true, |count| if count % 25 == 5 { Fate::Lose } else { Fate::Pass })),
    ("path that duplicates", |place| {
        transfer(place, true, |count| if count % 10 == 0 { Fate::Twice } else { Fate::Pass })
    }),
    ("path that damages", damaged),
    ("peers gone with data in flight", |_| peers_gone()),
    ("peers gone, and few retries", |place| {
        place.set("net.ipv4.tcp_retries2", "5");
        peers_gone()
    }),
    ("full segments lost on the way", black_hole),
    ("keepalive without answer", keepalive),
    ("close with unread data", unread_data),
    ("receive buffer below the offered window", shrunk_buffer),
    ("readers that stop", stalled_readers),
    ("readers that stopped long ago", readers_stopped_long_ago),
    ("a peer that does not read", peer_does_not_read),
    ("a table of tracked connections that fills up", tracked),
    ("CLOSE-WAIT leak", close_wait),
    ("half-closed, and the peer does not close", half_closed),
    ("closed, and nobody acknowledges", closed_unanswered),
    ("TIME-WAIT buckets overflow", buckets),
    ("a stuck listener beside one that works", stuck_beside_working),
    ("bind() before each connect, until no port is left", bound_first),
    ("connects to a full accept queue elsewhere", full_elsewhere),
    ("segments that overtake each other", overtaken),
    ("segments that arrive after their timers", late_segments),
    ("one session that hangs on a silent peer", one_session),
    ("closed, and the peers keep their side open", closed_half),
    ("a far peer with a small receive buffer", small_window),
    ("a send buffer that holds less than the path", small_send_buffer),
    ("a deep queue before the bottleneck", deep_queue),
    ("timeouts that do not fit into each other", silence::budget),
    ("a session without the option that is stated", silence::option_not_set),
    ("idle connections, and a load balancer that forgets", silence::forgotten_elsewhere),
    ("connects to a neighbour that is not there", connecting::no_neighbour),
    ("segments with old timestamps", path::old_timestamps),
    ("a queue of the own host that is too short", path::own_queue),
    ("a pause after each burst", speed::pauses),
    ("another congestion control was set", settings::congestion_kept),
    ("settings of the host in a namespace", settings::elsewhere),
    ("a line of a file that another file takes back", settings::taken_back),
    ("a line of a file that does harm", settings::harmful),
    ("nobody accepts, beside healthy traffic", |place| beside_healthy(place, nobody_accepts)),
    ("flood, with cookies, beside healthy traffic", |place| beside_healthy(place, |place| flood(place, 80, 1500))),
    ("peers gone with data in flight, beside healthy traffic", |place| beside_healthy(place, |_| peers_gone())),
    ("CLOSE-WAIT leak, beside healthy traffic", |place| beside_healthy(place, close_wait)),
    ("connects to a service that is not there, beside healthy traffic", |place| beside_healthy(place, refused)),
];

fn every_incident(_: &Place) -> Ran {
    // A namespace takes the size of its connection table from the one that it is made in, and looking at sockets walks
    // it. Since 6.1; without it looking takes longer, and nothing else changes.
    if let Ok(key) = "net.ipv4.tcp_child_ehash_entries".parse() {
        let _ = SysctlFiles::new("/proc").write(&key, "16384");
    }
    tcpctl::sys::raise_open_files().expect("the limit of open files can be raised");
    let expected: Expected = toml::from_str(include_str!("../../data/incidents.toml")).expect("the expectations");
    let names: BTreeSet<&str> = INCIDENTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected.incidents.keys().map(String::as_str).collect(), "what is expected is what is played");
    let outcomes: Vec<Judged> = std::thread::scope(|scope| {
        let runs: Vec<_> = INCIDENTS.iter().map(|(_, body)| scope.spawn(move || in_own_namespace(*body))).collect();
        // One that panicked has said why; what the others found is worth knowing as well.
        runs.into_iter().map(|run| run.join().unwrap_or_else(|_| Ok(nothing_judged()))).collect()
    });
    // What this machine cannot make is named, and takes nothing from the verdicts on the rest.
    let mut missing = Vec::new();
    let mut unproved = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut proved = BTreeSet::new();
    for ((name, _), outcome) in INCIDENTS.iter().zip(&outcomes) {
        let findings = match outcome {
            Ok(findings) => findings,
            Err(CannotRun(why)) => {
                missing.push(format!("{name}: {why}"));
                unproved.extend(expected.incidents[*name].iter().cloned());
                continue;
            }
        };
        let said: BTreeSet<String> = findings.findings.iter().map(|finding| finding.rule.to_owned()).collect();
        let undecided: BTreeSet<String> = findings.undecided.iter().map(|gap| gap.rule.to_owned()).collect();
        let expected_rules = &expected.incidents[*name];
        if said != *expected_rules || undecided.iter().any(|rule| !may_be_undecided(&expected, rule)) {
            wrong.push(format!("{name}: expected {expected_rules:?}\n{findings:#?}"));
        }
        proved.extend(said);
        for seen in findings.findings.iter().flat_map(|finding| &finding.evidence) {
            if !is_exact(&seen.source) {
                wrong.push(format!("{name}: {seen:?} does not say which field it is from"));
            }
        }
    }
    eprintln!("{}", confusion_table(&outcomes));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let live: BTreeSet<String> =
        RULES.iter().filter(|rule| rule.proof == Proof::Live).map(|rule| rule.id.to_owned()).collect();
    unproved.retain(|rule| !proved.contains(rule));
    proved.extend(unproved);
    assert_eq!(proved, live, "rules that say that they were proved live are those that were");
    match missing.len() {
        0 => Ok(()),
        number => Err(CannotRun(format!("{number} of {} incidents: {}", INCIDENTS.len(), missing.join("; ")))),
    }
}

/// What stands for an incident that could not be made: every rule is undecided.
fn nothing_judged() -> Findings {
    let gap =
        |rule: &tcpctl::diagnose::Rule| Undecided { rule: rule.id, gap: "the incident could not be made".to_owned() };
    Findings {
        window_ms: None,
        rules: Vec::new(),
        findings: Vec::new(),
        undecided: RULES.iter().map(gap).collect(),
        unnamed: Vec::new(),
    }
}

/// Rules whose limits only the initial namespace has.
fn may_be_undecided(expected: &Expected, rule: &str) -> bool {
    expected.undecided.contains(rule)
}

/// Incidents down, rules across by their number.
fn confusion_table(outcomes: &[Judged]) -> String {
    let mut text = String::new();
    for ((name, _), outcome) in INCIDENTS.iter().zip(outcomes) {
        let Ok(findings) = outcome else {
            text.push_str(&format!("{:width$} {name}, which cannot be made here\n", "", width = RULES.len()));
            continue;
        };
        let cell = |id: &str| match (
            findings.findings.iter().any(|finding| finding.rule == id),
            findings.undecided.iter().any(|gap| gap.rule == id),
        ) {
            (true, _) => '#',
            (false, true) => '?',
            (false, false) => '.',
        };
        let row: String = RULES.iter().map(|rule| cell(rule.id)).collect();
        text.push_str(&format!("{row} {name}\n"));
    }
    text
}

fn in_own_namespace(body: fn(&Place) -> Judged) -> Judged {
    let cannot = |error: &dyn core::fmt::Display| CannotRun(error.to_string());
    let namespace = Namespace::fresh().map_err(|error| cannot(&error))?;
    namespace
        .run(|| {
            let place = Place::here(&namespace);
            raise_loopback().map_err(|error| cannot(&error))?;
            body(&place)
        })
        .map_err(|error| cannot(&error))?
}
