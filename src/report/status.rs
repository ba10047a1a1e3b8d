//! `tcpctl status` as a value.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counters::{CounterView, main_counters, window_ms};
use super::listeners::{ListenerView, SCHEMA, listener_views};
use crate::diagnose::Headline;
use crate::model::{Answer, Host, Settings, consequences};
use crate::snapshot::{Capabilities, Gap, HzSource, Netns, PortUse, Snapshot, SocketSource};
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
    /// How many sockets are in each state, under ss's names; nothing when they could not be read.
    pub states: Option<BTreeMap<&'static str, u64>>,
    /// Things that have a limit.
    pub limits: Vec<LimitView>,
    /// The listeners; nothing when sockets could not be read.
    pub listeners: Option<Vec<ListenerView>>,
    /// Ephemeral ports per destination, the fullest first; nothing when sockets could not be read.
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
    /// `after`, `never`, `per-second` or `count`.
    pub kind: &'static str,
    /// For `after`: the nominal time in milliseconds, rounded down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// For `after`: the latest time in milliseconds, rounded up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_ms: Option<u64>,
    /// For `per-second` and `count`: the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// The sysctls it follows from.
    pub keys: &'static [&'static str],
    /// The topic of `tcpctl explain` that has more.
    pub topic: &'static str,
    /// The answer itself, for the text form.
    #[serde(skip)]
    pub(super) answer: Answer,
}

/// The sysctls that limits are read from, besides those of the model.
const LIMIT_KEYS: [&str; 3] = ["net.ipv4.tcp_max_orphans", "net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_mem"];

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
            let counted = |state: TcpState| (state.name(), sockets.count(state));
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
            limits: limits(now),
            listeners: listener_views(now),
            ports: sockets.map(|sockets| sockets.ports.clone()),
            window_ms: earlier.and_then(|earlier| window_ms(earlier, now)),
            counters: main_counters(now, earlier),
            seconds: seconds(now),
            gaps: now.gaps.clone(),
        }
    }
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
    let fullest = now.sockets.as_ref().and_then(|sockets| sockets.ports.first());
    limits.extend(fullest.map(|fullest| ports_limit(now, fullest)));
    limits
}

fn ports_limit(now: &Snapshot, fullest: &PortUse) -> LimitView {
    let destination = std::net::SocketAddr::new(fullest.destination, fullest.destination_port);
    let known = now.sysctls.value("net.ipv4.ip_local_port_range").is_some();
    let available = now.kernel.version.filter(|_| known).map(|version| {
        let settings = Settings::from_values(&now.sysctls.values());
        crate::model::port_budget(&settings, version, fullest.destination.is_loopback()).available
    });
    LimitView {
        id: "ports",
        label: format!("ports to {destination}"),
        now: Some(fullest.used),
        limit: available,
        key: "net.ipv4.ip_local_port_range",
        of_host: false,
    }
}

/// The last of three numbers, such as the hard limit of `tcp_mem`.
fn third_number(now: &Snapshot, key: &str) -> Option<u64> {
    now.sysctls.value(key)?.split(' ').nth(2)?.parse().ok()
}

/// What the settings mean. Where a value that an answer needs could not be read, that answer is left out: the
/// model would put the kernel's initial value in its place.
fn seconds(now: &Snapshot) -> Option<Vec<SecondsView>> {
    use crate::snapshot::SysctlReading::Unreadable;
    let host = Host { version: now.kernel.version?, hz: now.kernel.hz.as_ref().map(|reading| reading.hz) };
    let settings = Settings::from_values(&now.sysctls.values());
    let readable = |keys: &[&str]| {
        let readings = || keys.iter().map(|key| now.sysctls.readings.get(*key));
        !readings().any(|reading| matches!(reading, Some(Unreadable(_)) | None))
    };
    let answers = consequences(&settings, &host);
    Some(answers.into_iter().filter(|(one, _)| readable(one.keys)).map(|(one, answer)| view(one, answer)).collect())
}

fn view(one: &'static crate::model::Consequence, answer: Answer) -> SecondsView {
    let (kind, at_ms, latest_ms, value) = match answer {
        Answer::After(window) => ("after", Some(window.at_us / 1_000), Some(window.latest_us.div_ceil(1_000)), None),
        Answer::Never => ("never", None, None, None),
        Answer::PerSecond(rate) => ("per-second", None, None, Some(rate)),
        Answer::Count(count) => ("count", None, None, Some(count)),
    };
    let (id, label, keys, topic) = (one.id, one.label, one.keys, one.topic);
    SecondsView { id, label, kind, at_ms, latest_ms, value, keys, topic, answer }
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

    #[test]
    fn an_answer_is_left_out_when_a_value_that_it_needs_could_not_be_read() {
        let mut now = snapshot();
        let key = "net.ipv4.tcp_synack_retries".parse().unwrap();
        now.sysctls.readings.insert(key, SysctlReading::Unreadable("Permission denied".to_owned()));
        let seconds = StatusView::new(&now, None, &[]).seconds.unwrap();
        assert!(seconds.iter().all(|one| one.id != "half-open-life"));
        assert!(seconds.iter().any(|one| one.id == "connect-gives-up"));
    }
}
