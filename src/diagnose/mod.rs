//! Judges a snapshot, or two of them a window apart.
//!
//! For: saying what is wrong, how it is known, what to do, what not to do, and what would disprove it.
//! Must not: read anything, change anything, or pass over in silence what it could not judge.
//! Mirrors: which counters move in which incident on a live kernel (`tcp_conn_request`, `tcp_v4_syn_recv_sock`,
//! `inet_csk_complete_hashdance`, `__inet_hash_connect`, `tcp_time_wait`, `enqueue_to_backlog`); each rule cites its own.

mod case;
mod evidence;
mod finding;
mod forecast;
mod judge;
mod namespaces;
mod rule;
mod rules;
mod source;
mod stated;
mod table;

pub use case::Case;
pub use finding::{Confidence, Evidence, Finding, Findings, Headline, Severity, Undecided};
pub use judge::{
    UnknownRule, asked_rules, diagnose, diagnose_stated, diagnose_with, headlines, keys, rules_that_want_a_rate,
    select_rules,
};
pub use namespaces::{JudgedNamespace, NamespaceFindings, NamespaceName, diagnose_namespaces};
pub use rule::{Input, Proof, Rule, Verdict};
pub use rules::{PortsEnd, PortsLeft, ports_left};
pub use stated::{FaultKind, FileFault, SettingFiles, SettledValue, Stated, Timeouts, TimeoutsError};
pub use table::RULES;
