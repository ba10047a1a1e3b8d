//! The rows of the table of listeners.

use std::net::IpAddr;

use crate::model::KnownSettings;
use crate::snapshot::{Listener, Snapshot};
use crate::ui::tui::history::ListenerId;
use crate::ui::tui::number::Cell;
use crate::ui::tui::state::State;
use crate::ui::tui::theme::Severity;
use crate::units::KernelVersion;

/// What the table is sorted by; the worst comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ui::tui) enum SortBy {
    /// Drops per second.
    #[default]
    Drops,
    /// Share of the accept queue in use.
    AcceptUse,
    /// Share of the SYN queue in use.
    SynUse,
    /// Port, the lowest first.
    Port,
}

impl SortBy {
    /// The next one.
    pub(in crate::ui::tui) const fn next(self) -> Self {
        match self {
            Self::Drops => Self::AcceptUse,
            Self::AcceptUse => Self::SynUse,
            Self::SynUse => Self::Port,
            Self::Port => Self::Drops,
        }
    }

    /// Its name in the title.
    pub(in crate::ui::tui) const fn name(self) -> &'static str {
        match self {
            Self::Drops => "drops/s ↓",
            Self::AcceptUse => "accept queue ↓",
            Self::SynUse => "SYN queue ↓",
            Self::Port => "port ↑",
        }
    }
}

/// One listener with its figures.
#[derive(Clone, Debug)]
pub(in crate::ui::tui) struct ListenerRow<'a> {
    /// The reading.
    pub(in crate::ui::tui) listener: &'a Listener,
    /// Who it is.
    pub(in crate::ui::tui) id: ListenerId,
    /// Accept queue.
    pub(in crate::ui::tui) accept: Cell,
    /// How many fit: `backlog + 1` (`sk_acceptq_is_full`).
    pub(in crate::ui::tui) accept_capacity: Cell,
    /// Half-open entries.
    pub(in crate::ui::tui) half_open: Cell,
    /// How many fit.
    pub(in crate::ui::tui) syn_capacity: Cell,
    /// Own drops, thousandths per second.
    pub(in crate::ui::tui) drops: Cell,
    /// How bad it is.
    pub(in crate::ui::tui) severity: Severity,
}

impl ListenerRow<'_> {
    /// `*:443`, `[::1]:80`, `10.0.0.7:9100`.
    pub(in crate::ui::tui) fn address(&self) -> String {
        address(self.listener)
    }

    /// `nginx(1203)`, with the number of further holders; `?` when none could be found.
    pub(in crate::ui::tui) fn owner(&self) -> String {
        match self.listener.processes.as_slice() {
            [] => "?".to_owned(),
            [one] => format!("{}({})", one.name, one.pid),
            [first, rest @ ..] => format!("{}({})+{}", first.name, first.pid, rest.len()),
        }
    }
}

/// The address of a listener; an IPv6 one that takes IPv4 as well is `*`, as in ss.
pub(in crate::ui::tui) fn address(listener: &Listener) -> String {
    let port = listener.port;
    match listener.address {
        IpAddr::V4(address) if address.is_unspecified() => format!("0.0.0.0:{port}"),
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) if address.is_unspecified() && listener.v6_only == Some(false) => format!("*:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    }
}

/// The listeners of a snapshot, sorted.
pub(in crate::ui::tui) fn listener_rows<'a>(
    state: &State,
    snapshot: &'a Snapshot,
    sort: SortBy,
) -> Vec<ListenerRow<'a>> {
    let listeners = snapshot.sockets.iter().flat_map(|sockets| &sockets.listeners);
    let model = Model::of(snapshot);
    let mut rows: Vec<ListenerRow<'a>> = listeners.map(|listener| row(state, model.as_ref(), listener)).collect();
    let use_of = |now: Cell, capacity: Cell| match (now.value(), capacity.value()) {
        (Some(now), Some(capacity)) => Some(u128::from(now) * 1_000_000 / u128::from(capacity.max(1))),
        _ => None,
    };
    // The sort is stable, so equal rows keep the snapshot's order by address and port.
    match sort {
        SortBy::Drops => rows.sort_by_key(|row| {
            core::cmp::Reverse((row.drops.value(), row.severity, use_of(row.accept, row.accept_capacity)))
        }),
        SortBy::AcceptUse => rows.sort_by_key(|row| core::cmp::Reverse(use_of(row.accept, row.accept_capacity))),
        SortBy::SynUse => rows.sort_by_key(|row| core::cmp::Reverse(use_of(row.half_open, row.syn_capacity))),
        SortBy::Port => rows.sort_by_key(|row| row.listener.port),
    }
    rows
}

/// What the queue rules need; nothing when the kernel version is unknown.
struct Model {
    settings: KnownSettings,
    version: KernelVersion,
}

impl Model {
    fn of(snapshot: &Snapshot) -> Option<Self> {
        let version = snapshot.kernel.version?;
        let settings = KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key));
        Some(Self { settings, version })
    }

    /// How many half-open entries a listener with this backlog keeps; nothing when a setting of it is unknown.
    fn half_open_capacity(&self, backlog: u32) -> Option<u64> {
        Some(self.settings.open_queue_limits(backlog, self.version)?.half_open_capacity)
    }
}

/// One listener with its figures, as a snapshot has it.
pub(in crate::ui::tui) fn listener_row<'a>(
    state: &State,
    snapshot: &Snapshot,
    listener: &'a Listener,
) -> ListenerRow<'a> {
    row(state, Model::of(snapshot).as_ref(), listener)
}

fn row<'a>(state: &State, model: Option<&Model>, listener: &'a Listener) -> ListenerRow<'a> {
    let id = ListenerId::of(listener);
    let until = state.shown_until();
    let accept = Cell::from_reading(listener.accept_queue.map(u64::from));
    let accept_capacity = Cell::from_reading(listener.backlog.map(|backlog| u64::from(backlog) + 1));
    let syn_capacity =
        Cell::from_reading(model.zip(listener.backlog).and_then(|(model, backlog)| model.half_open_capacity(backlog)));
    let drops = match (listener.drops, state.history.listener_drops_now(&id, until)) {
        (crate::snapshot::Drops::Unknown, _) => Cell::Unread,
        (_, Some(rate)) => Cell::Value(rate),
        _ => Cell::NotYet,
    };
    let reached = |now: Cell, limit: Cell, percent: u128| match (now.value(), limit.value()) {
        (Some(now), Some(limit)) => now > 0 && u128::from(now) * 100 >= u128::from(limit) * percent,
        _ => false,
    };
    let dropping = drops.value().is_some_and(|rate| rate > 0);
    // A port's sum must not be judged against one queue.
    let (half_open, own) = state.half_open(listener);
    let half_open = Cell::Value(half_open);
    let severity = if dropping || reached(accept, accept_capacity, 100) {
        Severity::Critical
    } else if reached(accept, accept_capacity, 80) || own && reached(half_open, syn_capacity, 80) {
        Severity::Warning
    } else {
        Severity::Quiet
    };
    ListenerRow { listener, id, accept, accept_capacity, half_open, syn_capacity, drops, severity }
}
