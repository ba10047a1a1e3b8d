//! `tcpctl listeners`: the two queues of each listener against what they hold.

use core::fmt::Write;
use std::net::IpAddr;

use serde::Serialize;

use super::figure;
use super::findings::painted;
use super::printable::printable;
use super::prose::hanging;
use crate::diagnose::Severity;
use crate::model::{KnownSettings, LimitedBy};
use crate::snapshot::{Gap, Listener, Netns, Process, Snapshot, SocketSource};

/// Version of the JSON forms of `status` and `listeners`.
pub(super) const SCHEMA: u32 = 1;

/// A listener in JSON. The shape is a contract: it only grows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListenerView {
    /// Local address.
    pub address: IpAddr,
    /// Local port.
    pub port: u16,
    /// Address and port as ss writes them.
    pub local: String,
    /// Whether an IPv6 listener refuses IPv4.
    pub v6_only: Option<bool>,
    /// Interface index it is bound to, 0 for none.
    pub interface: u32,
    /// Name of that interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Completed connections that wait for accept(), and how many can.
    pub accept_queue: QueueView,
    /// Half-open entries, and how many can be kept. With `syn_queue_shared` the sum over those listeners.
    pub syn_queue: QueueView,
    /// `min(listen() argument, somaxconn at that time)`, ss's Send-Q.
    pub backlog: Option<u32>,
    /// How many listeners share this address and port.
    pub shares_port: u32,
    /// Whether the half-open entries are those of all listeners that share the port: then nobody knows whose they are.
    pub syn_queue_shared: bool,
    /// Segments that this listener dropped since it was made: connections it refused, and with
    /// `TCP_DEFER_ACCEPT` the bare ACKs that it puts off.
    pub drops: Option<u32>,
    /// Processes that hold it.
    pub processes: Vec<Process>,
    /// Inode of the socket.
    pub inode: u64,
    /// Owner's user id.
    pub uid: u32,
    /// The kernel's id for the socket.
    pub cookie: u64,
}

impl ListenerView {
    /// Whether its SYN queue takes nothing more. Of listeners that share a port only the sum is known, where the kernel
    /// does not tell whose entries are whose, and no queue of theirs is called full.
    #[must_use]
    pub fn syn_queue_is_full(&self) -> bool {
        !self.syn_queue_shared && self.syn_queue.is_full()
    }
}

/// A queue in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QueueView {
    /// How many are in it; nothing when unknown.
    pub now: Option<u64>,
    /// How many it holds; nothing when unknown.
    pub capacity: Option<u64>,
    /// What sets the capacity: `application` (the number given to listen()), `somaxconn`,
    /// `tcp_max_syn_backlog` or `tcp_syncookies`; nothing when unknown.
    pub bound_by: Option<&'static str>,
}

impl QueueView {
    /// Whether nothing more goes in.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.now.zip(self.capacity).is_some_and(|(now, capacity)| capacity > 0 && now >= capacity)
    }

    /// Thousandths of the capacity that are in use.
    pub(super) fn use_milli(&self) -> u64 {
        let (now, capacity) = (self.now.unwrap_or(0), self.capacity.unwrap_or(0));
        now.saturating_mul(1_000).checked_div(capacity).unwrap_or(0)
    }
}

/// `tcpctl listeners --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListenersView {
    /// Version of this form.
    pub schema: u32,
    /// When it was read, milliseconds since 1970-01-01 UTC.
    pub taken_unix_ms: u64,
    /// The network namespace.
    pub netns: Netns,
    /// The listeners by address and port; nothing when sockets could not be read.
    pub listeners: Option<Vec<ListenerView>>,
    /// Where they and their queues were read; nothing when they could not be.
    pub source: Option<SocketSource>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

impl ListenersView {
    /// The listeners of a snapshot, or only those on one port.
    #[must_use]
    pub fn new(snapshot: &Snapshot, port: Option<u16>) -> Self {
        let listeners = listener_views(snapshot).map(|mut listeners| {
            listeners.retain(|listener| port.is_none_or(|port| listener.port == port));
            listeners
        });
        Self {
            schema: SCHEMA,
            taken_unix_ms: snapshot.taken_unix_ms,
            netns: snapshot.netns.clone(),
            listeners,
            source: snapshot.sockets.as_ref().map(|sockets| sockets.source),
            gaps: snapshot.gaps.clone(),
        }
    }
}

/// The listeners of a snapshot with their limits; nothing when sockets could not be read.
#[must_use]
pub fn listener_views(snapshot: &Snapshot) -> Option<Vec<ListenerView>> {
    Some(views_of(snapshot.sockets.as_ref()?.listeners.iter(), snapshot))
}

/// The same of some of them.
pub(super) fn views_of<'a>(listeners: impl Iterator<Item = &'a Listener>, snapshot: &Snapshot) -> Vec<ListenerView> {
    let known = KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key));
    listeners.map(|listener| view(listener, snapshot, &known)).collect()
}

fn view(listener: &Listener, snapshot: &Snapshot, known: &KnownSettings) -> ListenerView {
    let accept_queue = QueueView {
        now: listener.accept_queue.map(u64::from),
        // `sk_acceptq_is_full` compares with `>`, in every version.
        capacity: listener.backlog.map(|backlog| u64::from(backlog) + 1),
        bound_by: accept_bound_by(listener, snapshot),
    };
    let (capacity, bound_by) = syn_limit(listener, snapshot, known, accept_queue.bound_by);
    let source = snapshot.sockets.as_ref().map(|sockets| sockets.source);
    let counted = source.is_none_or(SocketSource::counts_half_open);
    ListenerView {
        address: listener.address,
        port: listener.port,
        local: listener_local(listener),
        v6_only: listener.v6_only,
        interface: listener.interface,
        device: listener.device.clone(),
        accept_queue,
        syn_queue: QueueView { now: counted.then_some(listener.half_open), capacity, bound_by },
        backlog: listener.backlog,
        shares_port: listener.shares_port,
        syn_queue_shared: listener.shares_port > 1
            && !listener.half_open_own
            && !source.is_some_and(SocketSource::tells_half_open_apart),
        drops: listener.drops.total(),
        processes: listener.processes.clone(),
        inode: listener.inode,
        uid: listener.uid,
        cookie: listener.cookie,
    }
}

/// A backlog that equals somaxconn was cut to it, or given so; any other is the application's own.
fn accept_bound_by(listener: &Listener, snapshot: &Snapshot) -> Option<&'static str> {
    let backlog = i64::from(listener.backlog?);
    let somaxconn = snapshot.sysctls.number("net.core.somaxconn")?;
    Some(if backlog == somaxconn { "somaxconn" } else { "application" })
}

/// What the SYN queue holds, by the model; nothing when the backlog, the version or a setting is unknown.
fn syn_limit(
    listener: &Listener,
    snapshot: &Snapshot,
    known: &KnownSettings,
    accept_bound_by: Option<&'static str>,
) -> (Option<u64>, Option<&'static str>) {
    let (Some(backlog), Some(version)) = (listener.backlog, snapshot.kernel.version) else { return (None, None) };
    let Some(limits) = known.open_queue_limits(backlog, version) else { return (None, None) };
    let bound_by = match limits.limited_by {
        LimitedBy::Backlog | LimitedBy::Somaxconn => accept_bound_by,
        other => Some(other.name()),
    };
    (Some(limits.half_open_capacity), bound_by)
}

/// Address and port as ss writes them: `*` for an IPv6 wildcard that takes IPv4 too.
#[must_use]
pub fn listener_local(listener: &Listener) -> String {
    // As rows of sockets have it.
    let interface = match (&listener.device, listener.interface) {
        (_, 0) => String::new(),
        (Some(name), _) => format!("%{}", printable(name)),
        (None, index) => format!("%if{index}"),
    };
    match listener.address {
        IpAddr::V6(address) if address.is_unspecified() && listener.v6_only != Some(true) => {
            format!("*{interface}:{}", listener.port)
        }
        IpAddr::V6(address) => format!("[{address}]{interface}:{}", listener.port),
        IpAddr::V4(address) => format!("{address}{interface}:{}", listener.port),
    }
}

/// Renders the table, the fullest queues first.
#[must_use]
pub fn render_listeners(view: &ListenersView, width: usize, ascii: bool) -> String {
    let mut text = String::new();
    match &view.listeners {
        None => text.push_str("The listeners are unknown: sockets could not be read.\n"),
        Some(listeners) if listeners.is_empty() => text.push_str("No listeners.\n"),
        Some(listeners) => {
            let mut notes = notes(listeners);
            if view.source.is_some_and(SocketSource::tells_half_open_apart) {
                notes.push(
                    "SYN queues are those of the kernel, read by a BPF program; --no-bpf does without".to_owned(),
                );
            }
            render_table(listeners, &mut text);
            render_notes(&notes, width, &mut text);
        }
    }
    render_gaps(&view.gaps, width, &mut text);
    if ascii { plain(&text) } else { text }
}

/// The text with its few signs outside ASCII spelt out.
pub(super) fn plain(text: &str) -> String {
    text.replace('·', "-").replace('→', "->").replace('≤', "<=").replace('–', "-").replace('…', "...")
}

/// Heading of each column; the last is the address, which alone may be too long for the line.
const HEADINGS: [&str; 6] = ["accept queue", "SYN queue", "drops", "limit set by", "process", "address:port"];

fn render_table(listeners: &[ListenerView], text: &mut String) {
    let mut order: Vec<&ListenerView> = listeners.iter().collect();
    order.sort_by_key(|one| (core::cmp::Reverse(pressure(one)), one.port));
    let rows: Vec<[String; 6]> = order.iter().map(|one| cells(one)).collect();
    let columns: Vec<usize> = (0..5)
        .map(|at| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(String::as_str);
            let heading = HEADINGS.get(at).copied();
            cells.chain(heading).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut line = |cells: &[&str], full: bool| {
        let mut out = String::from(if full { "!" } else { " " });
        for (at, cell) in cells.iter().enumerate() {
            let column = columns.get(at).copied().unwrap_or(0);
            // Numbers to the right, words to the left.
            let _ = if at < 3 { write!(out, " {cell:>column$} ") } else { write!(out, " {cell:<column$} ") };
        }
        text.push_str(&painted(Severity::Warning, "!", out.trim_end()));
        text.push('\n');
    };
    line(&HEADINGS, false);
    for (row, one) in rows.iter().zip(&order) {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        line(&cells, one.accept_queue.is_full() || one.syn_queue_is_full());
    }
}

/// Which listeners come first: those nearest to refusing, then those that refused most.
pub(super) fn pressure(one: &ListenerView) -> (u64, u32) {
    (one.accept_queue.use_milli().max(one.syn_queue.use_milli()), one.drops.unwrap_or(0))
}

fn cells(one: &ListenerView) -> [String; 6] {
    let unknown = || "?".to_owned();
    let shown = |number: Option<u64>| number.map_or_else(unknown, |number| number.to_string());
    let queue = |queue: &QueueView| format!("{}/{}", shown(queue.now), shown(queue.capacity));
    // Of listeners that share a port each has some of the sum, none has more than it.
    let at_most = if one.syn_queue_shared && one.syn_queue.now != Some(0) { "≤" } else { "" };
    [
        queue(&one.accept_queue),
        format!("{at_most}{}", queue(&one.syn_queue)),
        shown(one.drops.map(u64::from)),
        match one.accept_queue.bound_by {
            Some("application") => "listen()".to_owned(),
            Some(other) => other.to_owned(),
            None => unknown(),
        },
        processes(&one.processes),
        one.local.clone(),
    ]
}

/// `nginx(1203)`, with the number of further holders; `?` when nobody was found.
pub(super) fn processes(processes: &[Process]) -> String {
    match processes {
        [] => "?".to_owned(),
        [only] => format!("{}({})", printable(&only.name), only.pid),
        [first, others @ ..] => format!("{}({}) +{}", printable(&first.name), first.pid, others.len()),
    }
}

/// What the signs and words of the table mean.
fn notes(listeners: &[ListenerView]) -> Vec<String> {
    let mut notes = Vec::new();
    if listeners.iter().any(|one| one.accept_queue.is_full() || one.syn_queue_is_full()) {
        notes.push("! the queue is full: it takes nothing more until an entry leaves".to_owned());
    }
    let bound_by = |name| listeners.iter().any(|one| one.syn_queue.bound_by == Some(name));
    if bound_by("tcp_max_syn_backlog") {
        notes
            .push("SYN queues are held below the backlog by tcp_max_syn_backlog, since tcp_syncookies is 0".to_owned());
    }
    if bound_by("tcp_syncookies") {
        notes.push("SYN queues are not used: tcp_syncookies is 2, every SYN gets a cookie".to_owned());
    }
    if listeners.iter().any(|one| one.syn_queue_shared) {
        notes.push(
            "≤ half-open entries of all listeners on that port together; the kernel does not tell whose".to_owned(),
        );
    }
    if listeners.iter().any(|one| one.accept_queue.bound_by == Some("somaxconn")) {
        notes.push("somaxconn is read at listen(): after raising it, the application must listen again".to_owned());
    }
    notes
}

fn render_notes(notes: &[String], width: usize, text: &mut String) {
    if !notes.is_empty() {
        text.push('\n');
    }
    for note in notes {
        text.push_str(&hanging("  ", note, width));
    }
}

/// What could not be read, one entry after the other.
pub(super) fn render_gaps(gaps: &[Gap], width: usize, text: &mut String) {
    if !gaps.is_empty() {
        text.push_str("\nNot read\n");
    }
    for gap in gaps {
        let sentence = format!("{}: {} → {}", gap.source, gap.reason, gap.consequence);
        text.push_str(&hanging("? ", &printable(&sentence), width));
    }
}

/// The use of a limit for the status screen.
pub(super) fn use_of(queue: &QueueView) -> String {
    queue.now.zip(queue.capacity).map_or_else(|| "?".to_owned(), |(now, capacity)| figure::share(now, capacity))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{listener, snapshot};
    use super::*;
    use crate::snapshot::SysctlReading;
    use crate::units::KernelVersion;

    fn text(snapshot: &Snapshot) -> String {
        let coloured = render_listeners(&ListenersView::new(snapshot, None), 80, false);
        anstream::adapter::strip_str(&coloured).to_string()
    }

    #[test]
    fn the_sign_of_a_full_queue_is_coloured_and_the_rest_is_not() {
        let coloured = render_listeners(&ListenersView::new(&snapshot(), None), 80, false);
        assert_eq!(coloured.matches('\u{1b}').count(), 3, "{coloured:?}");
        assert!(coloured.contains("\u{1b}[1m\u{1b}[33m!\u{1b}[0m"), "{coloured:?}");
    }

    fn set(snapshot: &mut Snapshot, key: &str, value: &str) {
        snapshot.sysctls.readings.insert(key.parse().unwrap(), SysctlReading::Value(value.to_owned()));
    }

    #[test]
    fn the_fullest_listener_comes_first() {
        insta::assert_snapshot!("fullest_first", text(&snapshot()));
    }

    #[test]
    fn only_the_last_column_runs_over_80() {
        let mut now = snapshot();
        let long = listener("2001:db8:1234:5678:9abc:def0:1234:5678", 65_535, 4096, 0, 0);
        let processes = vec![Process { pid: 4_194_303, name: "systemd-resolve".to_owned() }; 12];
        now.sockets.as_mut().unwrap().listeners.push(Listener { processes, ..long });
        let text = text(&now);
        let line = text.lines().find(|line| line.contains("2001:")).unwrap();
        assert!(line.find("[2001:").unwrap() < 80, "{text}");
    }

    #[test]
    fn listeners_that_share_a_port_show_an_upper_bound() {
        let mut now = snapshot();
        let shared = Listener { shares_port: 2, ..listener("0.0.0.0", 80, 128, 0, 9) };
        now.sockets.as_mut().unwrap().listeners = vec![shared.clone(), shared];
        insta::assert_snapshot!("shared_port", text(&now));
    }

    #[test]
    fn of_listeners_that_share_a_port_none_is_called_full() {
        let mut now = snapshot();
        let alone = listener("0.0.0.0", 80, 4, 0, 7);
        let shared = Listener { shares_port: 3, ..alone.clone() };
        now.sockets.as_mut().unwrap().listeners = vec![shared.clone(), shared.clone(), shared];
        assert!(!text(&now).contains('!'), "{}", text(&now));
        now.sockets.as_mut().unwrap().listeners = vec![alone];
        assert!(text(&now).contains('!'), "{}", text(&now));
    }

    #[test]
    fn queues_that_the_kernel_told_are_each_listeners_own() {
        let mut now = snapshot();
        let shared = |half_open| Listener { shares_port: 2, ..listener("0.0.0.0", 80, 128, 0, half_open) };
        let sockets = now.sockets.as_mut().unwrap();
        sockets.listeners = vec![shared(9), shared(4)];
        sockets.source = SocketSource::Queues;
        let view = ListenersView::new(&now, None);
        assert_eq!(serde_json::to_value(&view).unwrap()["source"], "sock-diag-listeners-and-bpf");
        assert!(view.listeners.iter().flatten().all(|one| !one.syn_queue_shared && one.shares_port == 2));
        let text = text(&now);
        assert!(text.contains(" 9/129 ") && text.contains(" 4/129 ") && !text.contains('≤'), "{text}");
        assert!(text.contains("read by a BPF program"), "{text}");
        now.sockets.as_mut().unwrap().source = SocketSource::Listeners;
        assert!(listener_views(&now).unwrap().iter().all(|one| one.syn_queue.now.is_none() && one.syn_queue_shared));
    }

    #[test]
    fn the_setting_that_binds_is_named() {
        let mut now = snapshot();
        set(&mut now, "net.core.somaxconn", "128");
        set(&mut now, "net.ipv4.tcp_syncookies", "0");
        set(&mut now, "net.ipv4.tcp_max_syn_backlog", "64");
        let views = listener_views(&now).unwrap();
        let redis = views.iter().find(|view| view.port == 6379).unwrap();
        assert_eq!((redis.accept_queue.bound_by, redis.accept_queue.capacity), (Some("somaxconn"), Some(129)));
        assert_eq!((redis.syn_queue.bound_by, redis.syn_queue.capacity), (Some("tcp_max_syn_backlog"), Some(49)));
    }

    #[test]
    fn an_older_kernel_holds_one_half_open_entry_less() {
        let mut now = snapshot();
        now.kernel.version = Some(KernelVersion::new(5, 14));
        let view = &listener_views(&now).unwrap()[2];
        assert_eq!((view.accept_queue.capacity, view.syn_queue.capacity), (Some(512), Some(511)));
    }

    #[test]
    fn without_version_or_backlog_no_capacity_is_guessed() {
        let mut now = snapshot();
        now.kernel.version = None;
        assert!(listener_views(&now).unwrap().iter().all(|view| view.syn_queue.capacity.is_none()));
        let mut now = snapshot();
        now.sockets.as_mut().unwrap().listeners[0].backlog = None;
        let view = &listener_views(&now).unwrap()[0];
        assert_eq!((view.accept_queue.capacity, view.accept_queue.bound_by), (None, None));
    }

    #[test]
    fn without_syncookies_no_capacity_is_guessed() {
        let mut now = snapshot();
        now.sysctls.readings.remove("net.ipv4.tcp_syncookies");
        assert!(listener_views(&now).unwrap().iter().all(|view| view.syn_queue.capacity.is_none()));
        set(&mut now, "net.ipv4.tcp_syncookies", "1");
        now.sysctls.readings.remove("net.ipv4.tcp_max_syn_backlog");
        assert_eq!(listener_views(&now).unwrap()[2].syn_queue.capacity, Some(512), "only used without cookies");
    }

    #[test]
    fn one_port_can_be_asked_for() {
        let view = ListenersView::new(&snapshot(), Some(6379));
        assert_eq!(view.listeners.unwrap().len(), 1);
        assert_eq!(
            text(&Snapshot { sockets: None, ..snapshot() }),
            "The listeners are unknown: sockets could not be read.\n"
        );
    }

    #[test]
    fn addresses_are_written_as_ss_writes_them() {
        let local_of = |address: &str, v6_only, interface| {
            listener_local(&Listener { v6_only, interface, ..listener(address, 80, 1, 0, 0) })
        };
        assert_eq!(local_of("::", Some(false), 0), "*:80");
        assert_eq!(local_of("::", Some(true), 0), "[::]:80");
        assert_eq!(local_of("0.0.0.0", None, 3), "0.0.0.0%if3:80");
        assert_eq!(local_of("fe80::1", Some(true), 2), "[fe80::1]%if2:80");
        let named = Listener { interface: 2, device: Some("eth0".to_owned()), ..listener("0.0.0.0", 80, 1, 0, 0) };
        assert_eq!(listener_local(&named), "0.0.0.0%eth0:80");
    }
}
