//! What a host is doing now, for the topics whose answer depends on it. Plain data, put in by the caller.

use std::net::{IpAddr, SocketAddr};

use super::ask::Ask;
use super::explanation::FigureTable;
use crate::catalog;
use crate::model::{KnownSettings, LimitedBy, QueueLimits};

/// Most lines of a table about this host; the rest is counted.
pub(super) const ROWS: usize = 10;

/// Something that a topic wants to know of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// Its listeners, with the processes that hold them.
    Listeners,
    /// Its sockets in CLOSE-WAIT, with the processes that hold them.
    CloseWait,
    /// Its sockets in TIME-WAIT, and local ports in use per destination.
    PortUse,
    /// Its ports that TCP and UDP share, with the processes that hold them.
    SharedPorts,
}

/// A fact, or why it is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Seen<T> {
    /// The answer is not about this host, or does not need the fact.
    #[default]
    NotAsked,
    /// It could not be read, and why: `cannot read /proc/net/udp: Permission denied`.
    Unread(String),
    /// It was read.
    Is(T),
}

/// What was read of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Its listeners.
    pub listeners: Seen<Vec<ListenerFact>>,
    /// Its sockets in CLOSE-WAIT.
    pub close_wait: Seen<CloseWaitFact>,
    /// Its sockets in TIME-WAIT and local ports in use.
    pub port_use: Seen<PortUseFact>,
    /// Its ports that TCP and UDP share.
    pub shared_ports: Seen<SharedPortsFact>,
    /// What could not be read of all this.
    pub gaps: Vec<FactGap>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactGap {
    /// What was tried.
    pub source: String,
    /// What the kernel answered, in words.
    pub reason: String,
    /// What is unknown because of it.
    pub consequence: String,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessFact {
    /// Process id.
    pub pid: i32,
    /// Its name; any text, since a process may call itself anything.
    pub name: String,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFact {
    /// Local address and port as people write them.
    pub local: String,
    /// Local address; unspecified means every address.
    pub address: IpAddr,
    /// Local port.
    pub port: u16,
    /// What the kernel keeps of the number given to listen(); nothing when the source cannot tell.
    pub backlog: Option<u32>,
    /// Completed connections that wait for accept(), likewise.
    pub accept_queue: Option<u32>,
    /// Half-open entries; with `shares_port` above 1 those of all that share the port.
    pub half_open: u64,
    /// How many listeners there are on this address and port, itself included.
    pub shares_port: u32,
    /// Who holds it; empty when unknown.
    pub processes: Vec<ProcessFact>,
}

/// A listener with the limits of its queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFigures {
    /// The listener.
    pub listener: ListenerFact,
    /// Its limits; nothing when the backlog or a setting is not known.
    pub limits: Option<QueueLimits>,
    /// What sets the accept queue's capacity: `listen()` or `somaxconn`; nothing when not known.
    pub accept_limited_by: Option<&'static str>,
    /// What sets the SYN queue's capacity: the same, `tcp_max_syn_backlog` or `tcp_syncookies`.
    pub half_open_limited_by: Option<&'static str>,
}

/// Sockets in CLOSE-WAIT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseWaitFact {
    /// How many there are.
    pub sockets: u64,
    /// Of these, how many no process has accepted yet.
    pub not_accepted: u64,
    /// Of the others, for how many the holder was looked for.
    pub traced: u64,
    /// Of the traced, for how many nobody was found.
    pub unknown: u64,
    /// Processes and how many of the traced each holds, the one with most first.
    pub holders: Vec<(ProcessFact, u64)>,
}

/// Sockets in TIME-WAIT, and local ports in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortUseFact {
    /// Sockets in TIME-WAIT.
    pub time_wait: u64,
    /// Local ports in use per source and destination, the fullest first; nothing when they were not counted, because
    /// the range of ports is unknown.
    pub destinations: Option<Vec<DestinationFact>>,
    /// Whether there may be more destinations, all with fewer ports.
    pub cut: bool,
}

/// Local ports in use towards one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationFact {
    /// Local address.
    pub source: IpAddr,
    /// Remote address and port.
    pub destination: SocketAddr,
    /// Ports of the ephemeral range in use, TIME-WAIT included.
    pub used: u64,
    /// Of these, those in TIME-WAIT, or in FIN-WAIT-2 without a socket.
    pub time_wait: u64,
}

/// Ports on which TCP listens and that a UDP socket has as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedPortsFact {
    /// How many ports there are.
    pub total: u64,
    /// The lowest of them, perhaps all.
    pub ports: Vec<SharedPortFact>,
}

/// A port that both protocols have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedPortFact {
    /// Its number.
    pub port: u16,
    /// The listeners of TCP.
    pub tcp: PortSideFact,
    /// The sockets of UDP.
    pub udp: PortSideFact,
}

/// One protocol's sockets on a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSideFact {
    /// Local addresses.
    pub addresses: Vec<IpAddr>,
    /// Who holds them; empty when unknown.
    pub processes: Vec<ProcessFact>,
}

impl ListenerFact {
    /// Completed connections that can wait: `sk_acceptq_is_full` compares with `>`, in every version. Nothing when the
    /// backlog is not known.
    #[must_use]
    pub fn accept_capacity(&self) -> Option<u64> {
        self.backlog.map(|backlog| u64::from(backlog) + 1)
    }

    /// Its limits, under the settings of the question. A change of somaxconn does not reach an open listener.
    pub(super) fn figures(&self, ask: &Ask) -> ListenerFigures {
        let values = ask.values.iter().map(|(key, sourced)| (key.clone(), sourced.value.clone())).collect();
        let known = KnownSettings::new(&values, |key| catalog::exists(key, ask.host.version));
        let limits = self.backlog.and_then(|backlog| known.open_queue_limits(backlog, ask.host.version));
        let somaxconn = ask.values.get("net.core.somaxconn").and_then(|sourced| sourced.value.parse::<u32>().ok());
        // A backlog that equals somaxconn was cut to it, or given so; any other is the application's own.
        let by_listen = |(backlog, somaxconn)| if backlog == somaxconn { "somaxconn" } else { "listen()" };
        let accept_limited_by = self.backlog.zip(somaxconn).map(by_listen);
        let half_open_limited_by = limits.and_then(|limits| match limits.limited_by {
            LimitedBy::Backlog | LimitedBy::Somaxconn => accept_limited_by,
            other => Some(other.name()),
        });
        ListenerFigures { listener: self.clone(), limits, accept_limited_by, half_open_limited_by }
    }
}

impl ListenerFigures {
    /// Thousandths of the fuller queue's capacity that are in use.
    fn fullness(&self) -> u64 {
        let part = |now: u64, capacity: u64| now.saturating_mul(1000).checked_div(capacity).unwrap_or(0);
        let Some(limits) = self.limits else { return 0 };
        let accept = part(self.listener.accept_queue.map_or(0, u64::from), limits.accept_capacity);
        accept.max(part(self.listener.half_open, limits.half_open_capacity))
    }

    /// A line of the table of listeners.
    fn row(&self) -> Vec<String> {
        let shown = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let ListenerFigures { listener, limits, accept_limited_by, half_open_limited_by } = self;
        let at_most = if listener.shares_port > 1 && listener.half_open > 0 { "≤" } else { "" };
        let limit = match (accept_limited_by, half_open_limited_by) {
            (Some(accept), Some(syn)) if accept != syn => format!("{accept}; SYNs: {syn}"),
            (Some(accept), _) => (*accept).to_owned(),
            (None, _) => "?".to_owned(),
        };
        vec![
            listener.local.clone(),
            format!("{}/{}", shown(listener.accept_queue.map(u64::from)), shown(listener.accept_capacity())),
            format!("{at_most}{}/{}", listener.half_open, shown(limits.map(|limits| limits.half_open_capacity))),
            limit,
            processes(&listener.processes),
        ]
    }
}

/// The listeners with their limits, the fullest first.
pub(super) fn listener_figures(ask: &Ask, listeners: &[ListenerFact]) -> Vec<ListenerFigures> {
    let mut figures: Vec<ListenerFigures> = listeners.iter().map(|one| one.figures(ask)).collect();
    figures.sort_by_key(|one| (core::cmp::Reverse(one.fullness()), one.listener.port));
    figures
}

/// How the listeners do: a sentence, and a table unless there are none.
pub(super) fn tell_listeners(figures: &[ListenerFigures]) -> (String, Option<FigureTable>) {
    if figures.is_empty() {
        return ("This host has no listeners now.".to_owned(), None);
    }
    let full: Vec<&str> =
        figures.iter().filter(|one| one.fullness() >= 1000).map(|one| one.listener.local.as_str()).collect();
    let unknown = figures.iter().filter(|one| one.limits.is_none()).count();
    let state = match full.as_slice() {
        _ if unknown == figures.len() => "; the limits are not known".to_owned(),
        [] => ", none with a full queue".to_owned(),
        [only] => format!("; {only} has a full queue"),
        [first, ..] => format!("; {} have a full queue, such as {first}", full.len()),
    };
    let table = FigureTable {
        title: title("Listeners of this host: entries and room, the fullest first", figures.len(), ROWS),
        columns: vec!["address:port", "accept queue", "SYN queue", "limit set by", "process"],
        rows: figures.iter().take(ROWS).map(ListenerFigures::row).collect(),
    };
    (format!("This host has {}{state}.", counted(figures.len(), "listener")), Some(table))
}

/// Who holds sockets in CLOSE-WAIT: sentences, and a table unless nobody is known to.
pub(super) fn tell_close_wait(fact: &CloseWaitFact) -> (Vec<String>, Option<FigureTable>) {
    let mut sentences = vec![match fact.sockets {
        0 => "On this host no socket is in CLOSE-WAIT now.".to_owned(),
        1 => "On this host 1 socket is in CLOSE-WAIT now.".to_owned(),
        many => format!("On this host {many} sockets are in CLOSE-WAIT now."),
    }];
    if fact.not_accepted > 0 {
        let (wait, them) = if fact.not_accepted == 1 { ("waits", "it") } else { ("wait", "them") };
        sentences.push(format!(
            "{} of them {wait} in the accept queue of a listener: no process has accepted {them}.",
            fact.not_accepted
        ));
    }
    let with_file = fact.sockets.saturating_sub(fact.not_accepted);
    if fact.traced < with_file {
        sentences.push(format!("The processes are those of {} of the other {with_file}.", fact.traced));
    }
    if fact.unknown > 0 {
        sentences.push(format!("For {} the process is not known.", fact.unknown));
    }
    let row = |(process, sockets): &(ProcessFact, u64)| {
        vec![process.name.clone(), process.pid.to_string(), sockets.to_string()]
    };
    let table = (!fact.holders.is_empty()).then(|| FigureTable {
        title: title("Processes that have not closed, the one with most first", fact.holders.len(), ROWS),
        columns: vec!["process", "pid", "sockets in CLOSE-WAIT"],
        rows: fact.holders.iter().take(ROWS).map(row).collect(),
    });
    (sentences, table)
}

/// How many ports are taken, against those there are: a sentence, and a table if there is more than one destination.
pub(super) fn tell_port_use(fact: &PortUseFact, available: u64) -> (String, Option<FigureTable>) {
    let waiting = match fact.time_wait {
        0 => "On this host no socket is in TIME-WAIT now".to_owned(),
        1 => "On this host 1 socket is in TIME-WAIT now".to_owned(),
        many => format!("On this host {many} sockets are in TIME-WAIT now"),
    };
    let Some(destinations) = &fact.destinations else {
        return (format!("{waiting}; how many ports are taken is not known."), None);
    };
    let Some(fullest) = destinations.first() else {
        return (format!("{waiting}; no port of the range is taken by a connection that it opened."), None);
    };
    let left = available.saturating_sub(fullest.used);
    let sentence = format!(
        "{waiting}. Most ports towards one destination are taken by {} (from {}): {} of {available} ({}), {} of them \
         in TIME-WAIT; {}.",
        fullest.destination,
        fullest.source,
        fullest.used,
        share(fullest.used, available),
        fullest.time_wait,
        if left == 0 { "connect() fails there until one is free".to_owned() } else { format!("{left} are left") }
    );
    let row = |one: &DestinationFact| {
        vec![
            one.destination.to_string(),
            one.source.to_string(),
            one.used.to_string(),
            one.time_wait.to_string(),
            share(one.used, available),
        ]
    };
    let table = (destinations.len() > 1).then(|| {
        let more = destinations.len().saturating_sub(ROWS);
        let heading = "Ports taken towards each destination, the fullest first";
        FigureTable {
            title: if fact.cut {
                format!("{heading} (and at least {more} more)")
            } else {
                title(heading, destinations.len(), ROWS)
            },
            columns: vec!["to", "from", "ports", "in TIME-WAIT", "of those there are"],
            rows: destinations.iter().take(ROWS).map(row).collect(),
        }
    });
    (sentence, table)
}

/// Which ports both protocols have: a sentence, and a table unless there are none.
pub(super) fn tell_shared_ports(fact: &SharedPortsFact) -> (String, Option<FigureTable>) {
    let sentence = match fact.total {
        0 => "On this host no port has both a TCP listener and a UDP socket now.".to_owned(),
        1 => "On this host 1 port has both a TCP listener and a UDP socket now.".to_owned(),
        many => format!("On this host {many} ports have both a TCP listener and a UDP socket now."),
    };
    let side = |side: &PortSideFact| {
        let addresses: Vec<String> = side.addresses.iter().map(IpAddr::to_string).collect();
        format!("{} on {}", processes(&side.processes), addresses.join(", "))
    };
    let row = |one: &SharedPortFact| vec![one.port.to_string(), side(&one.tcp), side(&one.udp)];
    let total = usize::try_from(fact.total).unwrap_or(usize::MAX);
    let table = (!fact.ports.is_empty()).then(|| FigureTable {
        title: title("Ports that both have", total, ROWS),
        columns: vec!["port", "TCP", "UDP"],
        rows: fact.ports.iter().take(ROWS).map(row).collect(),
    });
    (sentence, table)
}

/// A heading that says how many lines are left out.
fn title(heading: &str, lines: usize, shown: usize) -> String {
    match lines.saturating_sub(shown) {
        0 => heading.to_owned(),
        more => format!("{heading} (and {more} more)"),
    }
}

/// `1 listener`, `3 listeners`.
fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// `nginx(1203)`, with the number of further holders; `?` when nobody was found.
fn processes(processes: &[ProcessFact]) -> String {
    match processes {
        [] => "?".to_owned(),
        [only] => format!("{}({})", only.name, only.pid),
        [first, others @ ..] => format!("{}({}) +{}", first.name, first.pid, others.len()),
    }
}

/// A part of a whole: `2.9%`, `<0.1%` for little, `100.0%` only for all.
fn share(part: u64, whole: u64) -> String {
    match part.saturating_mul(1000).saturating_add(whole / 2).checked_div(whole) {
        None => "there are none".to_owned(),
        Some(0) if part > 0 => "<0.1%".to_owned(),
        Some(1000..) if part < whole => "99.9%".to_owned(),
        Some(milli) => format!("{}.{}%", milli / 10, milli % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, name: &str) -> ProcessFact {
        ProcessFact { pid, name: name.to_owned() }
    }

    fn listener(port: u16, backlog: Option<u32>, accept_queue: u32, half_open: u64) -> ListenerFact {
        ListenerFact {
            local: format!("0.0.0.0:{port}"),
            address: IpAddr::from([0, 0, 0, 0]),
            port,
            backlog,
            accept_queue: Some(accept_queue),
            half_open,
            shares_port: 1,
            processes: vec![process(1203, "nginx")],
        }
    }

    #[test]
    fn each_listener_has_its_limits_and_what_sets_them() {
        let ask = Ask::of_defaults(0);
        let listeners = [listener(80, Some(4096), 0, 3), listener(443, Some(5), 6, 0), listener(22, None, 0, 0)];
        let figures = listener_figures(&ask, &listeners);
        let (sentence, table) = tell_listeners(&figures);
        assert_eq!(sentence, "This host has 3 listeners; 0.0.0.0:443 has a full queue.");
        let rows = table.unwrap().rows;
        assert_eq!(rows[0], ["0.0.0.0:443", "6/6", "0/6", "listen()", "nginx(1203)"]);
        assert_eq!(rows[1], ["0.0.0.0:22", "0/?", "0/?", "?", "nginx(1203)"]);
        assert_eq!(rows[2], ["0.0.0.0:80", "0/4097", "3/4097", "somaxconn", "nginx(1203)"]);
        assert_eq!(tell_listeners(&[]).0, "This host has no listeners now.");
    }

    #[test]
    fn a_table_has_ten_lines_and_says_how_many_more_there_are() {
        let ask = Ask::of_defaults(0);
        let listeners: Vec<_> = (1..=34).map(|port| listener(port, Some(128), 0, 0)).collect();
        let table = tell_listeners(&listener_figures(&ask, &listeners)).1.unwrap();
        assert_eq!(table.rows.len(), 10);
        assert!(table.title.ends_with("(and 24 more)"), "{}", table.title);
    }

    #[test]
    fn close_wait_names_who_holds_most_and_who_was_never_asked() {
        let fact = CloseWaitFact {
            sockets: 40,
            not_accepted: 3,
            traced: 37,
            unknown: 2,
            holders: vec![(process(812, "java"), 30), (process(9, "worker"), 5)],
        };
        let (sentences, table) = tell_close_wait(&fact);
        assert_eq!(sentences[0], "On this host 40 sockets are in CLOSE-WAIT now.");
        assert!(sentences[1].starts_with("3 of them wait in the accept queue"), "{sentences:?}");
        assert_eq!(sentences[2], "For 2 the process is not known.");
        assert_eq!(table.unwrap().rows[0], ["java", "812", "30"]);
        let (sentences, table) = tell_close_wait(&CloseWaitFact::default());
        assert_eq!((sentences.len(), table), (1, None));
        let cut = CloseWaitFact { sockets: 100, traced: 60, ..CloseWaitFact::default() };
        assert_eq!(tell_close_wait(&cut).0[1], "The processes are those of 60 of the other 100.");
    }

    fn destination(port: u16, used: u64) -> DestinationFact {
        DestinationFact {
            source: IpAddr::from([10, 0, 0, 7]),
            destination: SocketAddr::from(([10, 0, 0, 5], port)),
            used,
            time_wait: used - used / 40,
        }
    }

    #[test]
    fn the_fullest_destination_is_set_against_the_ports_there_are() {
        let destinations = Some(vec![destination(443, 812), destination(80, 3)]);
        let fact = PortUseFact { time_wait: 1204, destinations, cut: false };
        let (sentence, table) = tell_port_use(&fact, 28_232);
        assert_eq!(
            sentence,
            "On this host 1204 sockets are in TIME-WAIT now. Most ports towards one destination are taken by \
             10.0.0.5:443 (from 10.0.0.7): 812 of 28232 (2.9%), 792 of them in TIME-WAIT; 27420 are left."
        );
        assert_eq!(table.unwrap().rows[1], ["10.0.0.5:80", "10.0.0.7", "3", "3", "<0.1%"]);
        let full = PortUseFact { destinations: Some(vec![destination(443, 10)]), ..PortUseFact::default() };
        assert!(tell_port_use(&full, 10).0.ends_with("connect() fails there until one is free."));
    }

    #[test]
    fn ports_that_were_not_counted_are_not_none() {
        let fact = PortUseFact { time_wait: 1, destinations: None, cut: false };
        let (sentence, _) = tell_port_use(&fact, 10);
        assert_eq!(sentence, "On this host 1 socket is in TIME-WAIT now; how many ports are taken is not known.");
        let none = PortUseFact { destinations: Some(Vec::new()), ..fact };
        assert!(tell_port_use(&none, 10).0.contains("no port of the range is taken"));
    }

    #[test]
    fn a_shared_port_names_both_sides() {
        let side = |process| PortSideFact {
            addresses: vec![IpAddr::from([0, 0, 0, 0]), IpAddr::from([0_u8; 16])],
            processes: vec![process],
        };
        let port = SharedPortFact { port: 53, tcp: side(process(7, "named")), udp: PortSideFact::default() };
        let (sentence, table) = tell_shared_ports(&SharedPortsFact { total: 1, ports: vec![port] });
        assert_eq!(sentence, "On this host 1 port has both a TCP listener and a UDP socket now.");
        assert_eq!(table.unwrap().rows[0][1], "named(7) on 0.0.0.0, ::");
    }
}
