//! `tcpctl status` as a value.

use core::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::answer::AnswerView;
use super::counters::{CounterView, main_counters, window_ms};
use super::listeners::{ListenerView, SCHEMA, listener_views, views_of};
use crate::diagnose::Headline;
use crate::model::{Answer, Consequence, Host, KnownSettings, Settings, consequences};
use crate::snapshot::{
    Capabilities, Gap, GapKind, HzSource, Listener, Netns, PortUse, Snapshot, SocketSource, Sockets,
};
use crate::units::{Hz, KernelVersion, TcpState};

/// `tcpctl status --json`. The shape is a contract: it only grows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatusView {
    /// Version of this form.
    pub schema: u32,
    /// When it was read, milliseconds since 1970-01-01 UTC.
    pub taken_unix_ms: u64,
    /// Host name.
    pub hostname: Option<String>,
    /// The kernel.
    pub kernel: KernelView,
    /// The network namespace.
    pub netns: Netns,
    /// What the reader was allowed to do.
    pub capabilities: Capabilities,
    /// What is wrong, in sentences, the worst first.
    pub headlines: Vec<Headline>,
    /// Where sockets were read; nothing when they could not be.
    pub socket_source: Option<SocketSource>,
    /// How many sockets are in each state, under ss's names; nothing when they could not be read. A state that was not
    /// counted is nothing as well.
    pub states: Option<BTreeMap<&'static str, Option<u64>>>,
    /// States with more or fewer sockets than in the earlier reading, and by how many; nothing when there was one reading
    /// only.
    pub state_changes: Option<BTreeMap<&'static str, i64>>,
    /// Half-open connections by how many SYN-ACKs were sent again for them: none, one, and so on; nothing when they were
    /// not counted.
    pub half_open_resent: Option<Vec<u64>>,
    /// Sums of states that the kernel counts by itself.
    pub sums: Vec<SumView>,
    /// Things that have a limit.
    pub limits: Vec<LimitView>,
    /// The listeners; nothing when sockets could not be read. Of sums only those nearest to refusing connections are here.
    pub listeners: Option<Vec<ListenerView>>,
    /// How many listeners are not in the list, each of them no nearer to refusing connections than those that are.
    pub listeners_left_out: usize,
    /// Ephemeral ports per destination, the fullest first; nothing when they were not counted.
    pub ports: Option<Vec<PortUse>>,
    /// Length of the window of the rates in milliseconds; nothing when there was one reading only.
    pub window_ms: Option<u64>,
    /// The main counters.
    pub counters: Vec<CounterView>,
    /// What the settings mean; nothing when the kernel version is unknown.
    pub seconds: Option<Vec<SecondsView>>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// The kernel in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelView {
    /// As `uname -r` prints it.
    pub release: Option<String>,
    /// Its version.
    pub version: Option<KernelVersion>,
    /// Its tick rate.
    pub hz: Option<Hz>,
    /// Where the tick rate was found.
    pub hz_source: Option<HzSource>,
}

/// The number of sockets in several states together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SumView {
    /// Stable id.
    pub id: &'static str,
    /// The states, in words.
    pub label: &'static str,
    /// How many; nothing when unknown.
    pub now: Option<u64>,
}

/// Something with a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LimitView {
    /// Stable id.
    pub id: &'static str,
    /// What it is, in words.
    pub label: String,
    /// How many there are; nothing when unknown.
    pub now: Option<u64>,
    /// How many there may be; nothing when unknown.
    pub limit: Option<u64>,
    /// The sysctl that sets the limit.
    pub key: &'static str,
    /// Whether the figure is of the whole host and not of this namespace.
    pub of_host: bool,
}

/// What a setting means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecondsView {
    /// Stable id.
    pub id: &'static str,
    /// The sentence that the answer ends.
    pub label: &'static str,
    /// The answer.
    #[serde(flatten)]
    pub shown: AnswerView,
    /// The sysctls it follows from.
    pub keys: &'static [&'static str],
    /// For `unknown`: those of them that this kernel has and that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<&'static str>,
    /// The topic of `tcpctl explain` that has more.
    pub topic: &'static str,
    /// The answer itself, for the text form.
    #[serde(skip)]
    pub(super) answer: Answer,
}

/// The sysctls that limits are read from, besides those of the model.
const LIMIT_KEYS: [&str; 2] = ["net.ipv4.tcp_max_orphans", "net.ipv4.tcp_mem"];

impl StatusView {
    /// The sysctls that a snapshot must have been asked for, so that nothing here is unknown for want of them.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        Settings::keys().chain(LIMIT_KEYS)
    }

    /// The status of a snapshot, with rates when an earlier one of the same namespace is given.
    #[must_use]
    pub fn new(now: &Snapshot, earlier: Option<&Snapshot>, headlines: &[Headline]) -> Self {
        let sockets = now.sockets.as_ref();
        let states = sockets.map(|sockets| {
            let counted = |state: TcpState| (state.name(), sockets.counted(state));
            TcpState::ALL.into_iter().map(counted).collect()
        });
        Self {
            schema: SCHEMA,
            taken_unix_ms: now.taken_unix_ms,
            hostname: now.hostname.clone(),
            kernel: KernelView {
                release: now.kernel.release.clone(),
                version: now.kernel.version,
                hz: now.kernel.hz.as_ref().map(|reading| reading.hz),
                hz_source: now.kernel.hz.as_ref().map(|reading| reading.source.clone()),
            },
            netns: now.netns.clone(),
            capabilities: now.capabilities,
            headlines: headlines.to_vec(),
            socket_source: sockets.map(|sockets| sockets.source),
            states,
            state_changes: earlier.and_then(|earlier| state_changes(earlier, now)),
            half_open_resent: sockets.and_then(|sockets| sockets.half_open_resent.clone()),
            sums: sums(now),
            limits: limits(now),
            listeners: listed_views(now),
            listeners_left_out: sockets.map_or(0, |sockets| sockets.listeners.len().saturating_sub(listed(sockets))),
            ports: counted_ports(sockets).map(<[PortUse]>::to_vec),
            window_ms: earlier.and_then(|earlier| window_ms(earlier, now)),
            counters: main_counters(now, earlier),
            seconds: seconds(now),
            gaps: now.gaps.clone(),
        }
    }
}

/// Listeners that are listed of a reading that is about sums, in which a list of thousands would cost more than all else.
const LISTED_OF_SUMS: usize = 64;

/// How many listeners are listed.
fn listed(sockets: &Sockets) -> usize {
    if sockets.source == SocketSource::Listeners { LISTED_OF_SUMS } else { usize::MAX }
}

/// The listeners that are listed, in the order in which they were read.
fn listed_views(now: &Snapshot) -> Option<Vec<ListenerView>> {
    let sockets = now.sockets.as_ref()?;
    let most = listed(sockets);
    if sockets.listeners.len() <= most {
        return listener_views(now);
    }
    let mut nearest: Vec<usize> = (0..sockets.listeners.len()).collect();
    nearest.sort_by_key(|index| Reverse(sockets.listeners.get(*index).map(nearness)));
    nearest.truncate(most);
    nearest.sort_unstable();
    let kept = nearest.into_iter().filter_map(|index| sockets.listeners.get(index));
    Some(views_of(kept, now))
}

/// How near a listener is to refusing connections: thousandths of its accept queue in use, and what it refused.
fn nearness(one: &Listener) -> (u64, u32) {
    let capacity = u64::from(one.backlog.unwrap_or(0)) + 1;
    (u64::from(one.accept_queue.unwrap_or(0)).saturating_mul(1_000) / capacity, one.drops.total().unwrap_or(0))
}

/// Nothing when sockets were not read in both, or not all of them.
fn state_changes(earlier: &Snapshot, now: &Snapshot) -> Option<BTreeMap<&'static str, i64>> {
    window_ms(earlier, now)?;
    if earlier.misses_sockets() || now.misses_sockets() {
        return None;
    }
    let (before, after) = (earlier.sockets.as_ref()?, now.sockets.as_ref()?);
    let change = |state: TcpState| {
        let (before, after) = before.counted(state).zip(after.counted(state))?;
        let change = i64::try_from(after).ok()?.checked_sub(i64::try_from(before).ok()?)?;
        (change != 0).then_some((state.name(), change))
    };
    Some(TcpState::ALL.into_iter().filter_map(change).collect())
}

/// The ports in use, when they were counted.
fn counted_ports(sockets: Option<&Sockets>) -> Option<&[PortUse]> {
    sockets.and_then(Sockets::counted_ports)
}

/// What `/proc/net/snmp` and `sockstat` say without a walk through sockets.
fn sums(now: &Snapshot) -> Vec<SumView> {
    let figure = |figure: Option<i64>| figure.and_then(|figure| u64::try_from(figure).ok());
    let open = figure(now.counters.tcp("CurrEstab"));
    let in_use = figure(now.counters.sockstat("TCP", "inuse"));
    let in_use6 = match figure(now.counters.sockstat("TCP6", "inuse")) {
        // There is no such group in a kernel without IPv6, which has no gap for it.
        None if !has_gap(now, |source| source.ends_with("/sockstat6")) => Some(0),
        known => known,
    };
    let listening = now.sockets.as_ref().and_then(|sockets| sockets.counted(TcpState::Listen));
    // What nobody understood or could read may be a listener.
    let listening = listening.filter(|_| !now.misses_sockets());
    let in_use = in_use.zip(in_use6).and_then(|(four, six)| four.checked_add(six));
    let connected = in_use.zip(listening).and_then(|(in_use, listening)| rest_of(in_use, listening));
    // Linux 6.10, and stable releases since, count CLOSE-WAIT as open (RFC 4022 wants it so); earlier ones did not.
    let with_close_wait = now.kernel.version.is_some_and(|version| version.at_least(6, 10));
    let (label, rest) = if with_close_wait {
        ("ESTAB, CLOSE-WAIT", "SYN-SENT, FIN-WAIT-1, owned FIN-WAIT-2, LAST-ACK, CLOSING")
    } else {
        ("ESTAB, and CLOSE-WAIT in some kernels", "the other states of connections but SYN-RECV")
    };
    vec![
        SumView { id: "open", label, now: open },
        SumView {
            id: "time-wait",
            label: "TIME-WAIT, waiting FIN-WAIT-2",
            now: figure(now.counters.sockstat("TCP", "tw")),
        },
        SumView {
            id: "opening-and-closing",
            label: rest,
            now: connected.zip(open).and_then(|(connected, open)| rest_of(connected, open)),
        },
    ]
}

/// What is left of a count without another, which was taken a moment before or after: a few sockets come or go in between.
/// Nothing where the two contradict each other.
fn rest_of(all: u64, part: u64) -> Option<u64> {
    let moved = 16 + all / 64;
    (part <= all.saturating_add(moved)).then(|| all.saturating_sub(part))
}

/// Whether something of a source could not be read or understood. Another source in its place is as good.
fn has_gap(now: &Snapshot, is_meant: impl Fn(&str) -> bool) -> bool {
    let spoils = |kind| !matches!(kind, GapKind::Absent | GapKind::Substituted);
    now.gaps.iter().any(|gap| spoils(gap.kind) && is_meant(&gap.source))
}

/// The limits of the host and of the fullest destination.
fn limits(now: &Snapshot) -> Vec<LimitView> {
    let figure = |name| now.counters.sockstat("TCP", name).and_then(|figure| u64::try_from(figure).ok());
    let setting = |key| now.sysctls.number(key).and_then(|value| u64::try_from(value).ok());
    let limit = |id, label: &str, now, key, of_host| {
        let label = label.to_owned();
        LimitView { id, label, now, limit: setting(key), key, of_host }
    };
    let mut limits = vec![
        // `tw` is what the kernel compares with the limit: TIME_WAIT and FIN_WAIT_2 minisocks.
        limit("time-wait", "TIME-WAIT and waiting FIN-WAIT-2", figure("tw"), "net.ipv4.tcp_max_tw_buckets", false),
        limit("orphans", "orphans, host-wide", figure("orphan"), "net.ipv4.tcp_max_orphans", true),
        LimitView {
            id: "memory",
            label: "TCP memory in pages, host-wide".to_owned(),
            now: figure("mem"),
            limit: third_number(now, "net.ipv4.tcp_mem"),
            key: "net.ipv4.tcp_mem",
            of_host: true,
        },
    ];
    let fullest = counted_ports(now.sockets.as_ref()).and_then(<[PortUse]>::first);
    limits.extend(fullest.map(|fullest| ports_limit(now, fullest)));
    limits
}

fn ports_limit(now: &Snapshot, fullest: &PortUse) -> LimitView {
    let destination = std::net::SocketAddr::new(fullest.destination, fullest.destination_port);
    let known = KnownSettings::new(&now.sysctls.values(), |key| now.has_key(key));
    LimitView {
        id: "ports",
        label: format!("ports to {destination}"),
        now: Some(fullest.used),
        limit: known.ports_available(),
        key: "net.ipv4.ip_local_port_range",
        of_host: false,
    }
}

/// The last of three numbers, such as the hard limit of `tcp_mem`.
fn third_number(now: &Snapshot, key: &str) -> Option<u64> {
    now.sysctls.value(key)?.split(' ').nth(2)?.parse().ok()
}

/// What the settings mean; nothing when the kernel version is unknown.
fn seconds(now: &Snapshot) -> Option<Vec<SecondsView>> {
    let host = Host { version: now.kernel.version?, hz: now.kernel.hz.as_ref().map(|reading| reading.hz) };
    let known = KnownSettings::new(&now.sysctls.values(), |key| now.has_key(key));
    let answers = consequences(&known, &host).into_iter();
    Some(answers.map(|(one, answer)| view(one, answer, known.missing(one.keys))).collect())
}

fn view(one: &'static Consequence, answer: Answer, missing: Vec<&'static str>) -> SecondsView {
    let (id, label, keys, topic) = (one.id, one.label, one.keys, one.topic);
    SecondsView { id, label, shown: answer.into(), keys, missing, topic, answer }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::snapshot;
    use super::*;
    use crate::snapshot::SysctlReading;

    #[test]
    fn the_contract_of_the_json_form_holds() {
        let json = serde_json::to_value(StatusView::new(&snapshot(), None, &[])).unwrap();
        assert_eq!((&json["schema"], &json["kernel"]["version"]), (&1.into(), &"6.18.3".into()));
        assert_eq!((&json["kernel"]["hz"], &json["netns"]["inode"]), (&250.into(), &4_026_531_833_u64.into()));
        for state in TcpState::ALL {
            assert!(json["states"][state.name()].is_u64(), "{state}");
        }
        assert_eq!(
            json["listeners"][2]["accept_queue"],
            serde_json::json!({
                "now": 512, "capacity": 512, "bound_by": "application",
            })
        );
        assert_eq!(json["gaps"], serde_json::json!([]));
        let connect = &json["seconds"][0];
        assert_eq!((&connect["id"], &connect["at_ms"]), (&"connect-gives-up".into(), &131_000.into()));
    }

    #[test]
    fn sockets_that_could_not_be_read_are_null() {
        let mut now = snapshot();
        now.sockets = None;
        let json = serde_json::to_value(StatusView::new(&now, None, &[])).unwrap();
        for field in ["states", "listeners", "ports", "socket_source"] {
            assert!(json[field].is_null(), "{field}");
        }
    }

    /// Unreadable, not there although this kernel has it, never asked for: none of them is the initial value.
    #[test]
    fn an_answer_is_unknown_when_a_value_that_it_needs_could_not_be_read() {
        let key: crate::units::SysctlKey = "net.ipv4.tcp_synack_retries".parse().unwrap();
        for reading in
            [Some(SysctlReading::Unreadable("Permission denied".to_owned())), Some(SysctlReading::Absent), None]
        {
            let mut now = snapshot();
            now.sysctls.readings.remove(&key);
            now.sysctls.readings.extend(reading.map(|reading| (key.clone(), reading)));
            let json = serde_json::to_value(StatusView::new(&now, None, &[])).unwrap();
            let half_open = &json["seconds"][1];
            assert_eq!((&half_open["id"], &half_open["kind"]), (&"half-open-life".into(), &"unknown".into()));
            assert_eq!(half_open["missing"], serde_json::json!(["net.ipv4.tcp_synack_retries"]));
            assert_eq!(json["seconds"][0]["kind"], "after");
        }
    }

    #[test]
    fn the_limit_of_ports_is_unknown_without_the_list_of_reserved_ports() {
        let mut now = snapshot();
        let limit = |now: &Snapshot| StatusView::new(now, None, &[]).limits.last().unwrap().limit;
        assert_eq!(limit(&now), Some(28_232));
        now.sysctls.readings.remove("net.ipv4.ip_local_reserved_ports");
        assert_eq!(limit(&now), None);
    }
}
