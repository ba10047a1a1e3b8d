//! `tcpctl sockets --json`: an object for each socket, on a line of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

use super::digits::push_number;
use super::live_forecast::LiveForecastView;
use super::socket_cells::{Cgroups, EndTexts, place_of, push_ends};
use super::socket_lines::{RowChange, SocketChange};
use crate::model::LiveForecast;
use crate::snapshot::{NamespaceName, SocketOwner};
use crate::units::{SocketTimer, TcpState};
use crate::wire::{InetDiag, SocketFacts, TcpInfo};

/// Writes sockets as JSON. The shape is a contract: it only grows. What the kernel did not send is left out.
#[derive(Debug)]
pub struct SocketJson<'a> {
    devices: Cow<'a, BTreeMap<u32, String>>,
    netns: Option<NamespaceName>,
    cgroups: Cgroups,
    processes: bool,
    changes: bool,
    /// Whether `tcp_info` and memory are shown where they were read.
    info: bool,
    memory: bool,
    /// Why the holders of some sockets cannot be seen.
    unseen: Option<String>,
}

impl<'a> SocketJson<'a> {
    /// With the processes or not, and with what changed since the reading before or not.
    #[must_use]
    pub const fn new(devices: &'a BTreeMap<u32, String>, processes: bool, changes: bool) -> Self {
        let devices = Cow::Borrowed(devices);
        Self {
            devices,
            netns: None,
            cgroups: Cgroups::new(),
            processes,
            changes,
            info: true,
            memory: true,
            unseen: None,
        }
    }

    /// Says of sockets whose holders are not seen that this is why.
    pub fn name_unseen(&mut self, reason: Option<String>) {
        self.unseen = reason;
    }

    /// Which of `tcp_info` and memory are shown where they were read; both if nothing is said.
    pub const fn show(&mut self, info: bool, memory: bool) {
        self.info = info;
        self.memory = memory;
    }

    /// Cgroups that are shown by their paths, with the unit or container that they are.
    pub fn name_cgroups(&mut self, cgroups: BTreeMap<u64, String>) {
        self.cgroups = cgroups;
    }

    /// The sockets that follow are of the namespace with these devices; its name is shown if it is one of several.
    pub fn enter(&mut self, name: Option<&NamespaceName>, devices: &BTreeMap<u32, String>) {
        self.devices = Cow::Owned(devices.clone());
        self.netns = name.cloned();
    }

    /// Writes the object of a socket behind `out`, without a line end.
    pub fn push<'b>(
        &self,
        found: &InetDiag<'_>,
        change: impl Into<RowChange>,
        owners: impl Iterator<Item = &'b SocketOwner>,
        forecast: Option<&LiveForecast>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"state\":\"");
        out.extend_from_slice(found.state().map_or("?", TcpState::name).as_bytes());
        out.push(b'"');
        if self.changes {
            push_change(out, &change.into());
        }
        if let Some(NamespaceName { inode, name }) = &self.netns {
            number(out, br#","netns":"#, *inode);
            text(out, "netns_name", name);
        }
        number(out, br#","recv_q":"#, found.receive_queue());
        // Which of a listener is its backlog.
        if !(found.state() == Some(TcpState::Listen) && found.is_of_table()) {
            number(out, br#","send_q":"#, found.send_queue());
        }
        let texts = EndTexts::of(found);
        out.extend_from_slice(b",\"local_address\":\"");
        out.extend_from_slice(texts.local.as_bytes());
        out.push(b'"');
        number(out, br#","local_port":"#, found.source_port());
        out.extend_from_slice(b",\"peer_address\":\"");
        out.extend_from_slice(texts.peer.as_bytes());
        out.push(b'"');
        number(out, br#","peer_port":"#, found.destination_port());
        self.push_interface(out, found);
        out.extend_from_slice(b",\"local\":\"");
        push_ends(out, found, &texts, &self.devices, |out| out.extend_from_slice(b"\",\"peer\":\""));
        out.push(b'"');
        push_timer(out, found);
        number(out, br#","uid":"#, found.uid());
        number(out, br#","inode":"#, found.inode());
        if !found.is_of_table() {
            number(out, br#","cookie":"#, found.cookie());
        }
        let facts = found.facts();
        push_facts(out, &facts);
        self.push_objects(out, &facts);
        if let Some(path) = facts.cgroup_id.and_then(|id| self.cgroups.get(&id)) {
            let place = place_of(path);
            for (name, value) in
                [("cgroup", Some(path)), ("unit", place.unit.as_ref()), ("container", place.container.as_ref())]
            {
                if let Some(value) = value {
                    text(out, name, value);
                }
            }
        }
        if let Some(forecast) = forecast {
            out.extend_from_slice(b",\"forecast\":");
            // Writing to a Vec cannot fail, and neither can making JSON of texts and numbers.
            drop(serde_json::to_writer(&mut *out, &LiveForecastView::from(forecast)));
        }
        if self.processes {
            out.extend_from_slice(b",\"processes\":[");
            for (at, owner) in owners.enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                drop(serde_json::to_writer(&mut *out, owner));
            }
            out.push(b']');
            // What has no inode has no holder either; of everything else somebody does who could not be seen.
            if out.ends_with(b"[]") && found.inode() != 0 {
                text(out, "processes_unknown", self.unseen.as_deref().unwrap_or("nobody that can be seen holds it"));
            }
        }
        out.push(b'}');
    }

    fn push_objects(&self, out: &mut Vec<u8>, facts: &SocketFacts<'_>) {
        if let Some(memory) = facts.memory.filter(|_| self.memory) {
            object(out, "memory", |visit| {
                visit("receive_bytes", memory.receive_bytes().map(u64::from));
                visit("receive_limit_bytes", memory.receive_limit_bytes().map(u64::from));
                visit("transmit_bytes", memory.transmit_bytes().map(u64::from));
                visit("send_limit_bytes", memory.send_limit_bytes().map(u64::from));
                visit("forward_bytes", memory.forward_bytes().map(u64::from));
                visit("queued_bytes", memory.queued_bytes().map(u64::from));
                visit("option_bytes", memory.option_bytes().map(u64::from));
                visit("backlog_bytes", memory.backlog_bytes().map(u64::from));
                visit("drops", memory.drops().map(u64::from));
            });
        }
        if let Some(info) = facts.info.filter(|_| self.info) {
            object(out, "tcp_info", |visit| TcpInfo::of(info).each(visit));
        }
    }

    fn push_interface(&self, out: &mut Vec<u8>, found: &InetDiag<'_>) {
        if found.interface() != 0 {
            number(out, br#","interface":"#, found.interface());
            if let Some(name) = self.devices.get(&found.interface()) {
                text(out, "device", name);
            }
        }
    }
}

fn push_change(out: &mut Vec<u8>, change: &RowChange) {
    let (word, before) = match change.what {
        SocketChange::Same if change.moved().is_some() => ("moved", None),
        SocketChange::Same => ("present", None),
        SocketChange::New => ("new", None),
        SocketChange::Gone => ("gone", None),
        SocketChange::State(before) => ("state", Some(before)),
    };
    text(out, "change", word);
    if let Some(before) = before {
        text(out, "state_before", before.name());
    }
    if let Some(moves) = change.moves {
        out.extend_from_slice(b",\"since_last\":");
        drop(serde_json::to_writer(&mut *out, &moves.json(change.window_us)));
    }
}

fn push_timer(out: &mut Vec<u8>, found: &InetDiag<'_>) {
    let name = match found.timer() {
        SocketTimer::Off => return,
        SocketTimer::Retransmit => "retransmit",
        SocketTimer::Keepalive => "keepalive",
        SocketTimer::TimeWait => "time-wait",
        SocketTimer::Probe => "probe",
        SocketTimer::Other(_) => "other",
    };
    out.extend_from_slice(b",\"timer\":{\"name\":\"");
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
    number(out, br#","expires_ms":"#, found.expires_ms());
    number(out, br#","count":"#, found.retransmits());
    out.push(b'}');
}

fn push_facts(out: &mut Vec<u8>, facts: &SocketFacts<'_>) {
    if let Some(shutdown) = facts.shutdown {
        number(out, br#","shutdown":"#, shutdown);
    }
    if let Some(mark) = facts.mark {
        number(out, br#","mark":"#, mark);
    }
    if let Some(id) = facts.cgroup_id {
        number(out, br#","cgroup_id":"#, id);
    }
    if let Some(v6_only) = facts.v6_only {
        drop(write!(out, ",\"v6_only\":{v6_only}"));
    }
    for (name, value) in [("congestion", facts.congestion), ("upper_layer", facts.upper_layer)] {
        if let Some(value) = value {
            text(out, name, value);
        }
    }
}

/// An object of numbers.
fn object(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut dyn FnMut(&'static str, Option<u64>))) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":{");
    let mut first = true;
    fill(&mut |name, value| {
        if let Some(value) = value {
            if !core::mem::take(&mut first) {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            push_number(out, value);
        }
    });
    out.push(b'}');
}

/// A number behind its key, which is written with the comma before it and the colon behind.
#[inline]
fn number<const LENGTH: usize>(out: &mut Vec<u8>, key: &[u8; LENGTH], value: impl Into<u64>) {
    out.extend_from_slice(key);
    push_number(out, value);
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    drop(serde_json::to_writer(&mut *out, value));
}
