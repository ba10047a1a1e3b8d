//! What changes do, in the terms of the model.

use std::net::IpAddr;

use super::Change;
use crate::model::{
    Action, Answer, Consequence, ConsequenceRule, Host, KnownSettings, QueueLimits, Scenario, Settings, Side,
    consequences,
};
use crate::snapshot::Snapshot;
use crate::units::{KernelVersion, SysctlValues};

/// An answer of the model that differs before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Stable id of the consequence.
    pub id: &'static str,
    /// What it says, as the subject of a sentence.
    pub label: &'static str,
    /// Two or three words for a table column.
    pub short: &'static str,
    /// The topic of `explain` that has more.
    pub topic: &'static str,
    /// The answer with the values as they are.
    pub before: Answer,
    /// The answer with the values as they would be.
    pub after: Answer,
}

/// What the changes do to the queues of one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerEffect {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Its backlog: what the application asked for, cut to somaxconn when it called listen().
    pub backlog: u32,
    /// The limits with the values as they are.
    pub before: QueueLimits,
    /// The limits with the values as they would be, for the socket as it is open now.
    pub after: QueueLimits,
    /// Whether its backlog is the present somaxconn, so that a higher one may give it longer queues, but only once
    /// the application calls listen() again.
    pub held_by_somaxconn: bool,
}

/// Values as they are and as they would be.
struct Both {
    version: KernelVersion,
    before: SysctlValues,
    after: SysctlValues,
}

impl Both {
    /// Nothing when the kernel version is unknown, since the rules differ by version.
    fn new(changes: &[Change], snapshot: &Snapshot) -> Option<Self> {
        let before: SysctlValues = snapshot.sysctls.values();
        let mut after = before.clone();
        after.extend(changes.iter().map(|change| (change.key.clone(), change.after.clone())));
        Some(Self { version: snapshot.kernel.version?, before, after })
    }
}

/// Keys that the kernel does not look at while another one is not 0.
///
/// `tcp_conn_request` (net/ipv4/tcp_input.c) compares the queue with `sysctl_max_syn_backlog` only where
/// `sysctl_tcp_syncookies` is 0.
const IDLE_UNLESS_0: [(&str, &str); 1] = [("net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies")];

/// Says of each change to a key that the kernel will not look at why that is so.
pub(super) fn mark_idle(changes: &mut [Change], snapshot: &Snapshot) {
    for (key, other) in IDLE_UNLESS_0 {
        let planned = changes.iter().find(|change| change.key.as_str() == other);
        let value = planned.map(|change| change.after.as_str()).or_else(|| snapshot.sysctls.value(other));
        let Some(value) = value.filter(|value| *value != "0") else { continue };
        let why = format!("while {other} is not 0: it is {value} {}", if planned.is_some() { "then" } else { "now" });
        for change in changes.iter_mut().filter(|change| change.key.as_str() == key) {
            change.idle = Some(why.clone());
        }
    }
}

/// Questions that only a plan asks, since they are about connections that stand and not about a host as a whole.
pub(super) const FURTHER: &[Consequence] = &[
    Consequence {
        id: "data-given-up",
        label: "a connection whose data nobody acknowledges fails after",
        short: "data unanswered",
        topic: "data-lost",
        keys: &[
            "net.ipv4.tcp_retries2",
            "net.ipv4.tcp_rto_max_ms",
            "net.ipv4.tcp_rto_min_us",
            "net.ipv4.tcp_early_retrans",
        ],
        rule: ConsequenceRule::EndOf(|host, settings| {
            Scenario::established(host, settings).calling(Side::Client, Action::Send).silencing(Side::Client)
        }),
    },
    Consequence {
        id: "idle-peer-gone",
        label: "an idle connection with SO_KEEPALIVE whose peer is gone fails after",
        short: "idle peer gone",
        topic: "keepalive",
        keys: &["net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"],
        rule: ConsequenceRule::EndOf(|host, settings| {
            let mut scenario = Scenario::established(host, settings).silencing(Side::Client);
            scenario.client.options.keepalive = true;
            scenario
        }),
    },
    Consequence {
        id: "closed-data-given-up",
        label: "a closed socket whose last data nobody acknowledges is dropped after",
        short: "orphan unanswered",
        topic: "fin-lost",
        keys: &["net.ipv4.tcp_orphan_retries", "net.ipv4.tcp_rto_max_ms", "net.ipv4.tcp_rto_min_us"],
        rule: ConsequenceRule::EndOf(|host, settings| {
            Scenario::established(host, settings).calling(Side::Client, Action::Close).silencing(Side::Client)
        }),
    },
];

/// The answers of the model's own table and of [`FURTHER`], unknown where a setting is missing.
fn answers(values: &SysctlValues, snapshot: &Snapshot, host: &Host) -> Vec<(&'static Consequence, Answer)> {
    let known = KnownSettings::new(values, |key| snapshot.has_key(key));
    let settings = Settings::from_values(values);
    let mut answers = consequences(&known, host);
    answers.extend(FURTHER.iter().map(|one| match known.missing(one.keys).is_empty() {
        true => (one, one.answer(&settings, host)),
        false => (one, Answer::Unknown),
    }));
    answers
}

/// The answers of the model that the changes alter, in the order of its table.
///
/// Nothing when the kernel version is unknown, since the rules differ by version.
#[must_use]
pub fn plan_effects(changes: &[Change], snapshot: &Snapshot) -> Vec<Effect> {
    let Some(values) = Both::new(changes, snapshot) else { return Vec::new() };
    let host = Host { version: values.version, hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz) };
    let answers = |values: &SysctlValues| answers(values, snapshot, &host);
    let touched = |keys: &[&str]| changes.iter().any(|change| keys.contains(&change.key.as_str()));
    answers(&values.before)
        .into_iter()
        .zip(answers(&values.after))
        // What is not known before and after may differ all the same, when a change has a part in it.
        .filter(|((one, before), (_, after))| before != after || (*before == Answer::Unknown && touched(one.keys)))
        .map(|((consequence, before), (_, after))| Effect {
            id: consequence.id,
            label: consequence.label,
            short: consequence.short,
            topic: consequence.topic,
            before,
            after,
        })
        .collect()
}

/// The listeners whose queues the changes make longer or shorter, now or at the next listen().
///
/// Listeners whose backlog could not be read are left out, and all of them when a setting that limits them could not.
#[must_use]
pub fn plan_listener_effects(changes: &[Change], snapshot: &Snapshot) -> Vec<ListenerEffect> {
    let (Some(values), Some(sockets)) = (Both::new(changes, snapshot), &snapshot.sockets) else { return Vec::new() };
    let (before, after) = (Settings::from_values(&values.before), Settings::from_values(&values.after));
    let known = |values: &SysctlValues| KnownSettings::new(values, |key| snapshot.has_key(key));
    let (known_before, known_after) = (known(&values.before), known(&values.after));
    let raised = after.somaxconn > before.somaxconn;
    sockets
        .listeners
        .iter()
        .filter_map(|listener| {
            let backlog = listener.backlog?;
            let effect = ListenerEffect {
                address: listener.address,
                port: listener.port,
                backlog,
                before: known_before.open_queue_limits(backlog, values.version)?,
                after: known_after.open_queue_limits(backlog, values.version)?,
                held_by_somaxconn: raised && backlog == before.somaxconn,
            };
            (effect.before != effect.after || effect.held_by_somaxconn).then_some(effect)
        })
        .collect()
}
