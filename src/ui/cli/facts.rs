//! What a topic wants to know of the host, read as the global options say.

use super::CliError;
use super::context::Context;
use crate::collect::{SocketReading, Source, Wanted, survey};
use crate::explain::{
    CloseWaitFact, DestinationFact, Fact, FactGap, HostFacts, ListenerFact, PortSideFact, PortUseFact, ProcessFact,
    Seen, SharedPortFact, SharedPortsFact,
};
use crate::report::listener_local;
use crate::snapshot::{
    CloseWait, Gap, Listener, PortSide, PortUse, Process, SharedPorts, Snapshot, SocketSurvey, Sockets,
};
use crate::units::TcpState;

/// What sockets and their owners are read from, as gaps name it.
const OF_SOCKETS: [&str; 5] = ["sock_diag", "/net/tcp", "/net/tcp6", "/ip_local_port_range", "/<pid>/fd"];

/// Reads what is wanted and nothing else; with nothing wanted no socket is looked at.
pub(super) fn read_facts(wants: &[Fact], context: &Context<'_>) -> Result<HostFacts, CliError> {
    if wants.is_empty() {
        return Ok(HostFacts::default());
    }
    let wanted = |fact| wants.contains(&fact);
    let source = Source {
        proc_root: context.proc_root.clone(),
        netns: context.netns.clone(),
        keys: Vec::new(),
        // The use of ports takes a walk through every socket, the queues of listeners do not.
        sockets: match (wanted(Fact::PortUse), wanted(Fact::Listeners)) {
            (true, _) => SocketReading::Best,
            (false, true) => SocketReading::States,
            (false, false) => SocketReading::Skip,
        },
        processes: wanted(Fact::Listeners),
        syn_queues: context.syn_queues.clone(),
    };
    if let Some(stored) = &context.stored {
        return Ok(stored_facts(wants, stored.last()));
    }
    let besides = Wanted { close_wait: wanted(Fact::CloseWait), shared_ports: wanted(Fact::SharedPorts) };
    let SocketSurvey { sockets, close_wait, shared_ports, gaps } = survey(&source, besides)?;
    Ok(HostFacts {
        listeners: seen(wanted(Fact::Listeners), sockets.as_ref().map(listeners), &gaps),
        close_wait: seen(wanted(Fact::CloseWait), close_wait.map(close_wait_fact), &gaps),
        port_use: seen(wanted(Fact::PortUse), sockets.as_ref().map(|found| port_use(found, &gaps)), &gaps),
        shared_ports: seen(wanted(Fact::SharedPorts), shared_ports.map(shared_ports_fact), &gaps),
        gaps: gaps.into_iter().map(gap).collect(),
    })
}

/// What a stored snapshot has of it.
fn stored_facts(wants: &[Fact], snapshot: &Snapshot) -> HostFacts {
    let wanted = |fact| wants.contains(&fact);
    let sockets = snapshot.sockets.as_ref();
    // Other gaps are of what no fact needs.
    let of_sockets = |gap: &&Gap| OF_SOCKETS.iter().any(|source| gap.source == *source || gap.source.ends_with(source));
    let gaps: Vec<Gap> = snapshot.gaps.iter().filter(of_sockets).cloned().collect();
    let not_stored = || "a stored snapshot has no single sockets".to_owned();
    HostFacts {
        listeners: seen(wanted(Fact::Listeners), sockets.map(listeners), &gaps),
        close_wait: if wanted(Fact::CloseWait) { Seen::Unread(not_stored()) } else { Seen::NotAsked },
        port_use: seen(wanted(Fact::PortUse), sockets.map(|found| port_use(found, &gaps)), &gaps),
        shared_ports: if wanted(Fact::SharedPorts) { Seen::Unread(not_stored()) } else { Seen::NotAsked },
        gaps: gaps.into_iter().map(gap).collect(),
    }
}

/// What was found, or the reason why nothing was: the reading that failed is the last to have left a gap.
fn seen<T>(wanted: bool, found: Option<T>, gaps: &[Gap]) -> Seen<T> {
    match found {
        _ if !wanted => Seen::NotAsked,
        Some(found) => Seen::Is(found),
        None => Seen::Unread(
            gaps.last()
                .map_or_else(|| "no source answered".to_owned(), |gap| format!("{}: {}", gap.source, gap.reason)),
        ),
    }
}

fn gap(gap: Gap) -> FactGap {
    FactGap { source: gap.source, reason: gap.reason, consequence: gap.consequence }
}

fn process(process: Process) -> ProcessFact {
    ProcessFact { pid: process.pid, name: process.name }
}

fn listeners(sockets: &Sockets) -> Vec<ListenerFact> {
    let fact = |one: &Listener| ListenerFact {
        local: listener_local(one),
        address: one.address,
        port: one.port,
        backlog: one.backlog,
        accept_queue: one.accept_queue,
        half_open: one.half_open,
        shares_port: one.shares_port,
        processes: one.processes.iter().cloned().map(process).collect(),
    };
    sockets.listeners.iter().map(fact).collect()
}

fn port_use(sockets: &Sockets, gaps: &[Gap]) -> PortUseFact {
    let fact = |row: &PortUse| DestinationFact {
        source: row.source,
        destination: (row.destination, row.destination_port).into(),
        used: row.used,
        time_wait: row.time_wait,
    };
    let uncounted = gaps.iter().any(|gap| gap.source.ends_with("ip_local_port_range"));
    PortUseFact {
        time_wait: sockets.count(TcpState::TimeWait),
        destinations: (!uncounted).then(|| sockets.ports.iter().map(fact).collect()),
        cut: sockets.ports.len() >= Sockets::PORT_USE_KEPT,
    }
}

fn close_wait_fact(found: CloseWait) -> CloseWaitFact {
    let CloseWait { sockets, not_accepted, traced, unknown, holders } = found;
    let holders = holders.into_iter().map(|holder| (process(holder.process), holder.sockets)).collect();
    CloseWaitFact { sockets, not_accepted, traced, unknown, holders }
}

fn shared_ports_fact(found: SharedPorts) -> SharedPortsFact {
    let side = |side: PortSide| PortSideFact {
        addresses: side.addresses,
        processes: side.processes.into_iter().map(process).collect(),
    };
    let ports = found.ports.into_iter();
    SharedPortsFact {
        total: found.total,
        ports: ports.map(|one| SharedPortFact { port: one.port, tcp: side(one.tcp), udp: side(one.udp) }).collect(),
    }
}
