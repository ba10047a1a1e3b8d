//! What was read of the host for an explanation, as JSON.

use std::net::IpAddr;

use serde::Serialize;

use crate::explain::{
    CloseWaitFact, DestinationFact, Explanation, FactGap, ListenerFigures, PortSideFact, PortUseFact, ProcessFact,
    Seen, SharedPortFact, SharedPortsFact,
};

/// What was read of the host. A field is absent when the topic does not want it, and null when it could not be read.
#[derive(Debug, Serialize)]
pub(super) struct FactsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    listeners: Option<Option<Vec<ListenerFactView>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close_wait: Option<Option<CloseWaitView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port_use: Option<Option<PortUseView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_ports: Option<Option<SharedPortsView>>,
    gaps: Vec<GapView>,
}

#[derive(Debug, Serialize)]
struct GapView {
    source: String,
    reason: String,
    consequence: String,
}

#[derive(Debug, Serialize)]
struct ProcessView {
    pid: i32,
    name: String,
}

#[derive(Debug, Serialize)]
struct ListenerFactView {
    local: String,
    address: IpAddr,
    port: u16,
    backlog: Option<u32>,
    accept_queue: Option<u32>,
    accept_capacity: Option<u64>,
    /// `listen()` or `somaxconn`.
    accept_limited_by: Option<&'static str>,
    half_open: u64,
    half_open_capacity: Option<u64>,
    /// The same, `tcp_max_syn_backlog` or `tcp_syncookies`.
    half_open_limited_by: Option<&'static str>,
    shares_port: u32,
    processes: Vec<ProcessView>,
}

#[derive(Debug, Serialize)]
struct CloseWaitView {
    sockets: u64,
    not_accepted: u64,
    traced: u64,
    unknown: u64,
    processes: Vec<HolderView>,
}

#[derive(Debug, Serialize)]
struct HolderView {
    pid: i32,
    name: String,
    sockets: u64,
}

#[derive(Debug, Serialize)]
struct PortUseView {
    time_wait: u64,
    /// Null when the range of ports is unknown.
    destinations: Option<Vec<DestinationView>>,
    /// Whether there may be more destinations, with fewer ports each.
    cut: bool,
}

#[derive(Debug, Serialize)]
struct DestinationView {
    source: IpAddr,
    destination: IpAddr,
    port: u16,
    used: u64,
    time_wait: u64,
    /// Ports there are in all.
    available: Option<u64>,
}

#[derive(Debug, Serialize)]
struct SharedPortsView {
    total: u64,
    ports: Vec<SharedPortView>,
}

#[derive(Debug, Serialize)]
struct SharedPortView {
    port: u16,
    tcp: PortSideView,
    udp: PortSideView,
}

#[derive(Debug, Serialize)]
struct PortSideView {
    addresses: Vec<IpAddr>,
    processes: Vec<ProcessView>,
}

impl FactsView {
    /// The facts of an explanation; nothing when none was asked for.
    pub(super) fn of(explanation: &Explanation) -> Option<Self> {
        let facts = &explanation.facts;
        let available = explanation.figures.ports.map(|ports| ports.budget.available);
        let view = Self {
            listeners: shown(&facts.listeners, |_| {
                explanation.figures.listeners.iter().map(ListenerFactView::from).collect()
            }),
            close_wait: shown(&facts.close_wait, |fact| CloseWaitView::from(fact)),
            port_use: shown(&facts.port_use, |fact| PortUseView::new(fact, available)),
            shared_ports: shown(&facts.shared_ports, |fact| SharedPortsView::from(fact)),
            gaps: facts.gaps.iter().map(GapView::from).collect(),
        };
        let asked = view.listeners.is_some()
            || view.close_wait.is_some()
            || view.port_use.is_some()
            || view.shared_ports.is_some();
        asked.then_some(view)
    }
}

/// Nothing when not asked, null when not read.
fn shown<T, V>(seen: &Seen<T>, view: impl FnOnce(&T) -> V) -> Option<Option<V>> {
    match seen {
        Seen::NotAsked => None,
        Seen::Unread(_) => Some(None),
        Seen::Is(fact) => Some(Some(view(fact))),
    }
}

impl From<&FactGap> for GapView {
    fn from(gap: &FactGap) -> Self {
        Self { source: gap.source.clone(), reason: gap.reason.clone(), consequence: gap.consequence.clone() }
    }
}

impl From<&ProcessFact> for ProcessView {
    fn from(process: &ProcessFact) -> Self {
        Self { pid: process.pid, name: process.name.clone() }
    }
}

impl From<&ListenerFigures> for ListenerFactView {
    fn from(figures: &ListenerFigures) -> Self {
        let ListenerFigures { listener, limits, accept_limited_by, half_open_limited_by } = figures;
        Self {
            local: listener.local.clone(),
            address: listener.address,
            port: listener.port,
            backlog: listener.backlog,
            accept_queue: listener.accept_queue,
            accept_capacity: listener.accept_capacity(),
            accept_limited_by: *accept_limited_by,
            half_open: listener.half_open,
            half_open_capacity: limits.map(|limits| limits.half_open_capacity),
            half_open_limited_by: *half_open_limited_by,
            shares_port: listener.shares_port,
            processes: listener.processes.iter().map(ProcessView::from).collect(),
        }
    }
}

impl From<&CloseWaitFact> for CloseWaitView {
    fn from(fact: &CloseWaitFact) -> Self {
        let holder = |(process, sockets): &(ProcessFact, u64)| HolderView {
            pid: process.pid,
            name: process.name.clone(),
            sockets: *sockets,
        };
        Self {
            sockets: fact.sockets,
            not_accepted: fact.not_accepted,
            traced: fact.traced,
            unknown: fact.unknown,
            processes: fact.holders.iter().map(holder).collect(),
        }
    }
}

impl PortUseView {
    fn new(fact: &PortUseFact, available: Option<u64>) -> Self {
        let row = |one: &DestinationFact| DestinationView {
            source: one.source,
            destination: one.destination.ip(),
            port: one.destination.port(),
            used: one.used,
            time_wait: one.time_wait,
            available,
        };
        Self {
            time_wait: fact.time_wait,
            destinations: fact.destinations.as_ref().map(|all| all.iter().map(row).collect()),
            cut: fact.cut,
        }
    }
}

impl From<&SharedPortsFact> for SharedPortsView {
    fn from(fact: &SharedPortsFact) -> Self {
        Self { total: fact.total, ports: fact.ports.iter().map(SharedPortView::from).collect() }
    }
}

impl From<&SharedPortFact> for SharedPortView {
    fn from(fact: &SharedPortFact) -> Self {
        Self { port: fact.port, tcp: PortSideView::from(&fact.tcp), udp: PortSideView::from(&fact.udp) }
    }
}

impl From<&PortSideFact> for PortSideView {
    fn from(side: &PortSideFact) -> Self {
        Self { addresses: side.addresses.clone(), processes: side.processes.iter().map(ProcessView::from).collect() }
    }
}
