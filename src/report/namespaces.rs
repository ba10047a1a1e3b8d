//! `tcpctl status --all-netns`.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::listeners::{SCHEMA, plain, render_gaps};
use super::printable::printable;
use super::prose::hanging;
use crate::snapshot::{DifferentSetting, Gap, NamespaceFacts, NamespaceSurvey, Process};
use crate::units::TcpState;

/// How many settings of a namespace the text shows; the JSON form has all.
const SETTINGS_SHOWN: usize = 6;

/// `tcpctl status --all-netns --json`. The shape is a contract: it only grows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamespacesView {
    /// Version of this form.
    pub schema: u32,
    /// Inode of the namespace that settings are compared with; nothing when none could be read.
    pub compared_with: Option<u64>,
    /// Whether that is the initial one.
    pub compared_with_initial: bool,
    /// The namespaces, ascending by inode.
    pub namespaces: Vec<NamespaceView>,
    /// What could not be read of the list.
    pub gaps: Vec<Gap>,
}

/// One namespace in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamespaceView {
    /// Its inode.
    pub inode: u64,
    /// Whether it is the initial one; nothing when that could not be told.
    pub initial: Option<bool>,
    /// Whether it is the reader's own.
    pub own: bool,
    /// Files that it is bound to.
    pub bound: Vec<String>,
    /// The process with the lowest number in it; where none is in it, one that holds a descriptor of it.
    pub process: Option<Process>,
    /// How many processes are in it; where none is, how many have a thread in it.
    pub processes: u64,
    /// How many sockets are in each state; nothing when they could not be read, and for a state not counted.
    pub states: Option<BTreeMap<&'static str, Option<u64>>>,
    /// Settings that differ.
    pub settings: Vec<SettingView>,
    /// What could not be read of it.
    pub gaps: Vec<Gap>,
}

/// A setting that differs, in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingView {
    /// Its key.
    pub key: String,
    /// Its value in this namespace.
    pub here: String,
    /// Its value in the one compared with.
    pub there: String,
}

impl From<NamespaceSurvey> for NamespacesView {
    fn from(survey: NamespaceSurvey) -> Self {
        let NamespaceSurvey { compared_with, compared_with_initial, namespaces, gaps } = survey;
        let namespaces = namespaces.into_iter().map(NamespaceView::from).collect();
        Self { schema: SCHEMA, compared_with, compared_with_initial, namespaces, gaps }
    }
}

impl From<NamespaceFacts> for NamespaceView {
    fn from(facts: NamespaceFacts) -> Self {
        let NamespaceFacts { inode, initial, own, bound, process, processes, sockets, settings, gaps } = facts;
        let states = sockets
            .map(|sockets| TcpState::ALL.into_iter().map(|state| (state.name(), sockets.counted(state))).collect());
        let settings = settings
            .into_iter()
            .map(|DifferentSetting { key, here, there }| SettingView { key, here, there })
            .collect();
        Self { inode, initial, own, bound, process, processes, states, settings, gaps }
    }
}

/// Renders the namespaces, a paragraph each.
#[must_use]
pub fn render_namespaces(view: &NamespacesView, width: usize, ascii: bool) -> String {
    let mut text = String::new();
    let count = view.namespaces.len();
    let _ = match count {
        1 => writeln!(text, "1 network namespace"),
        _ => writeln!(text, "{count} network namespaces"),
    };
    for one in &view.namespaces {
        text.push('\n');
        text.push_str(&hanging("", &printable(&title(one)), width));
        // Where nothing could be read, the reason says so.
        if one.states.is_some() || one.gaps.is_empty() {
            text.push_str(&hanging("  ", &states(one), width));
        }
        if !one.settings.is_empty() {
            text.push_str(&hanging("  ", &printable(&settings(one, view)), width));
        }
        for gap in &one.gaps {
            let sentence = format!("{}: {} → {}", gap.source, gap.reason, gap.consequence);
            text.push_str(&hanging("  ? ", &printable(&sentence), width));
        }
    }
    render_gaps(&view.gaps, width, &mut text);
    if ascii { plain(&text) } else { text }
}

/// What it is called and who is in it.
fn title(one: &NamespaceView) -> String {
    let mut parts = vec![format!("netns {}", one.inode)];
    if one.initial == Some(true) {
        parts.push("initial".to_owned());
    }
    if one.own {
        parts.push("this one".to_owned());
    }
    parts.extend(one.bound.iter().cloned());
    parts.push(match (&one.process, one.processes.saturating_sub(1)) {
        (None, _) => "no process".to_owned(),
        (Some(process), 0) if one.processes == 0 => {
            format!("no process; held open by {}({})", process.name, process.pid)
        }
        (Some(process), 0) => format!("{}({})", process.name, process.pid),
        (Some(process), more) => format!("{}({}) and {more} more", process.name, process.pid),
    });
    parts.join(" · ")
}

/// The states that have sockets.
fn states(one: &NamespaceView) -> String {
    let Some(states) = &one.states else { return "? sockets could not be read".to_owned() };
    let order = TcpState::ALL.into_iter().map(TcpState::name);
    let used: Vec<String> = order
        .filter_map(|name| states.get(name).copied().flatten().filter(|count| *count > 0).map(|count| (name, count)))
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    match used.as_slice() {
        [] if states.values().all(Option::is_some) => "no sockets of TCP".to_owned(),
        // What is merely bound is not counted everywhere.
        [] => "no connections and no listeners".to_owned(),
        used => used.join(" · "),
    }
}

/// The first settings that differ.
fn settings(one: &NamespaceView, view: &NamespacesView) -> String {
    let there = if view.compared_with_initial { "initial" } else { "this one" };
    let shown = one.settings.iter().take(SETTINGS_SHOWN);
    let mut parts: Vec<String> =
        shown.map(|setting| format!("{}={} ({there}: {})", setting.key, setting.here, setting.there)).collect();
    if let Some(more @ 1..) = one.settings.len().checked_sub(SETTINGS_SHOWN) {
        parts.push(format!("{more} more with --json"));
    }
    format!("other settings: {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{GapKind, SocketSource, Sockets};

    fn survey() -> NamespaceSurvey {
        let sockets = |counts: &[(TcpState, u64)]| Sockets {
            source: SocketSource::Masked,
            states: counts.iter().copied().collect(),
            listeners: Vec::new(),
            ports: Vec::new(),
            addresses: None,
            half_open_resent: None,
            samples: None,
        };
        let facts = |inode, initial, process: Option<(i32, &str)>, processes, sockets| NamespaceFacts {
            inode,
            initial: Some(initial),
            own: initial,
            bound: Vec::new(),
            process: process.map(|(pid, name)| Process { pid, name: name.to_owned() }),
            processes,
            sockets,
            settings: Vec::new(),
            gaps: Vec::new(),
        };
        let busy = sockets(&[(TcpState::Estab, 1_204), (TcpState::TimeWait, 88), (TcpState::Listen, 12)]);
        let setting = |number: u32| DifferentSetting {
            key: format!("net.ipv4.tcp_number_{number}"),
            here: "1".to_owned(),
            there: "0".to_owned(),
        };
        let named = NamespaceFacts {
            bound: vec!["/run/netns/blue".to_owned()],
            settings: (1..=8).map(setting).collect(),
            ..facts(4_026_532_201, false, None, 0, Some(sockets(&[(TcpState::Estab, 0)])))
        };
        let gone = NamespaceFacts {
            initial: None,
            gaps: vec![Gap::new("/proc/812/ns/net", GapKind::Absent, "it is gone", "its sockets are unknown")],
            ..facts(4_026_532_377, false, Some((812, "envoy\u{1b}[31m")), 3, None)
        };
        let namespaces = vec![facts(4_026_531_833, true, Some((1, "systemd")), 212, Some(busy)), named, gone];
        NamespaceSurvey {
            compared_with: Some(4_026_531_833),
            compared_with_initial: true,
            namespaces,
            gaps: vec![Gap::new("/proc/<pid>/ns/net", GapKind::Denied, "permission denied for 2 processes", "more")],
        }
    }

    #[test]
    fn namespaces_are_told_apart_with_owner_counts_and_settings() {
        let text = render_namespaces(&survey().into(), 80, false);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r"
        3 network namespaces

        netns 4026531833 · initial · this one · systemd(1) and 211 more
          ESTAB 1204 · TIME-WAIT 88 · LISTEN 12

        netns 4026532201 · /run/netns/blue · no process
          no connections and no listeners
          other settings: net.ipv4.tcp_number_1=1 (initial: 0), net.ipv4.tcp_number_2=1
          (initial: 0), net.ipv4.tcp_number_3=1 (initial: 0), net.ipv4.tcp_number_4=1
          (initial: 0), net.ipv4.tcp_number_5=1 (initial: 0), net.ipv4.tcp_number_6=1
          (initial: 0), 2 more with --json

        netns 4026532377 · envoy\x1b[31m(812) and 2 more
          ? /proc/812/ns/net: it is gone → its sockets are unknown

        Not read
        ? /proc/<pid>/ns/net: permission denied for 2 processes → more
        ");
    }

    #[test]
    fn what_was_not_counted_is_null() {
        let json = serde_json::to_value(NamespacesView::from(survey())).unwrap();
        let namespaces = &json["namespaces"];
        assert_eq!((&namespaces[0]["states"]["ESTAB"], &namespaces[0]["states"]["CLOSE"]), (&1204.into(), &().into()));
        assert!(namespaces[2]["states"].is_null());
        assert_eq!(namespaces[1]["settings"].as_array().map(Vec::len), Some(8));
    }

    #[test]
    fn only_ascii_is_printed_when_asked() {
        let text = render_namespaces(&survey().into(), 80, true);
        assert!(text.is_ascii(), "{text}");
    }
}
