//! What a page was opened on, as it was last read: it stays on the page when it is gone, and nothing takes its place.

use std::sync::Arc;

use super::facts::address;
use super::history::ListenerId;
use super::screen::Screen;
use super::state::State;
use super::view;
use super::wants::SocketsReading;
use crate::diagnose::{Finding, Findings};
use crate::report::SocketRow;
use crate::snapshot::{Listener, Snapshot};

/// The last reading in which something was that has a page.
#[derive(Clone, Debug)]
pub(super) enum LastKnown {
    /// A socket, by its cookie.
    Socket(Arc<SocketsReading>, String),
    /// A finding, by its id.
    Finding(Arc<Findings>, String),
    /// A listener.
    Listener(Arc<Snapshot>, ListenerId),
}

/// What an open page is about.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) known: LastKnown,
    /// When the first reading was made that did not have it any more, in milliseconds since 1970.
    pub(super) gone_since: Option<u64>,
}

/// Keeps what the open page is about as it was last read; to be called after everything that happens.
pub(super) fn refresh(state: &mut State) {
    let screen = state.screen;
    if !is_page(state, screen) {
        state.opened.remove(&screen);
        return;
    }
    match present(state, screen) {
        Some(known) => drop(state.opened.insert(screen, Opened { known, gone_since: None })),
        None => {
            let read = read_at(state, screen);
            if let (Some(opened), Some(read)) = (state.opened.get_mut(&screen), read) {
                opened.gone_since = opened.gone_since.or(Some(read));
            }
        }
    }
}

fn is_page(state: &State, screen: Screen) -> bool {
    match screen {
        Screen::Listeners => state.listener_page,
        Screen::Sockets | Screen::Findings => state.list(screen).page,
        _ => false,
    }
}

/// The present reading, if it has what the page is about.
fn present(state: &State, screen: Screen) -> Option<LastKnown> {
    let selected = || state.list(screen).selected.clone();
    match screen {
        Screen::Sockets => {
            let (reading, id) = (state.sockets.clone()?, selected()?);
            socket_of(&reading, &id).is_some().then_some(LastKnown::Socket(reading, id))
        }
        Screen::Findings => {
            let (findings, id) = (Arc::clone(&state.picture()?.findings), selected()?);
            finding_of(&findings, &id).is_some().then_some(LastKnown::Finding(findings, id))
        }
        Screen::Listeners => {
            let (snapshot, id) = (Arc::clone(&state.picture()?.snapshot), state.selected_listener?);
            listener_of(&snapshot, &id).is_some().then_some(LastKnown::Listener(snapshot, id))
        }
        _ => None,
    }
}

/// When the present reading was made; nothing when there is none that could have it.
fn read_at(state: &State, screen: Screen) -> Option<u64> {
    match screen {
        Screen::Sockets => {
            let reading = state.sockets.as_ref().filter(|reading| reading.want == state.sockets_want)?;
            reading.rows.as_ref().ok().map(|_| reading.taken_unix_ms)
        }
        Screen::Listeners => {
            let snapshot = state.shown()?;
            snapshot.sockets.as_ref().map(|_| snapshot.taken_unix_ms)
        }
        _ => state.shown().map(|snapshot| snapshot.taken_unix_ms),
    }
}

fn socket_of<'a>(reading: &'a SocketsReading, id: &str) -> Option<&'a SocketRow> {
    reading.rows.as_ref().ok()?.iter().find(|row| row.cookie.to_string() == id)
}

fn finding_of<'a>(findings: &'a Findings, id: &str) -> Option<&'a Finding> {
    view::finding_ids(&findings.findings)
        .into_iter()
        .zip(&findings.findings)
        .find(|(one, _)| one == id)
        .map(|(_, one)| one)
}

fn listener_of<'a>(snapshot: &'a Snapshot, id: &ListenerId) -> Option<&'a Listener> {
    snapshot.sockets.as_ref()?.listeners.iter().find(|listener| ListenerId::of(listener) == *id)
}

impl State {
    /// The socket that is selected, or that the open page is about, with the reading that it is of.
    pub(super) fn socket_shown(&self) -> Option<(&SocketsReading, &SocketRow)> {
        if let Some(Opened { known: LastKnown::Socket(reading, id), .. }) = self.opened.get(&Screen::Sockets) {
            return socket_of(reading, id).map(|row| (reading.as_ref(), row));
        }
        let reading = self.sockets.as_deref()?;
        let selected = view::selected_id(self, Screen::Sockets)?;
        socket_of(reading, &selected).map(|row| (reading, row))
    }

    /// The finding that is selected, or that the open page is about.
    pub(super) fn selected_finding(&self) -> Option<&Finding> {
        if let Some(Opened { known: LastKnown::Finding(findings, id), .. }) = self.opened.get(&Screen::Findings) {
            return finding_of(findings, id);
        }
        let selected = view::selected_id(self, Screen::Findings)?;
        finding_of(&self.picture()?.findings, &selected)
    }

    /// The snapshot in which the listener of the open page was last seen.
    pub(super) fn listener_opened(&self) -> Option<(&Snapshot, &Listener)> {
        match self.opened.get(&Screen::Listeners) {
            Some(Opened { known: LastKnown::Listener(snapshot, id), .. }) => {
                listener_of(snapshot, id).map(|listener| (snapshot.as_ref(), listener))
            }
            _ => None,
        }
    }

    /// Since when what the open page is about is gone, and what can be said of it; nothing while it is there.
    pub(super) fn gone(&self) -> Option<(u64, String)> {
        let opened = self.opened.get(&self.screen)?;
        let since = opened.gone_since?;
        let what = match &opened.known {
            LastKnown::Socket(reading, id) => gone_socket(self, socket_of(reading, id)),
            LastKnown::Finding(..) => "the rule finds it no more".to_owned(),
            LastKnown::Listener(snapshot, id) => {
                let name = listener_of(snapshot, id).map_or_else(String::new, address);
                let again = self
                    .shown()
                    .and_then(|snapshot| snapshot.sockets.as_ref())
                    .is_some_and(|sockets| sockets.listeners.iter().any(|listener| address(listener) == name));
                if again { format!("it was closed; another one listens on {name}") } else { "it was closed".to_owned() }
            }
        };
        Some((since, what))
    }
}

/// What became of a socket that the readings do not have any more, as far as they tell.
fn gone_socket(state: &State, row: Option<&SocketRow>) -> String {
    let rows = state.sockets.as_ref().and_then(|reading| reading.rows.as_ref().ok());
    let same = rows
        .into_iter()
        .flatten()
        .find(|other| row.is_some_and(|row| row.local == other.local && row.peer == other.peer));
    if let Some(same) = same {
        let name = same.state.map_or("?", crate::units::TcpState::name);
        return format!("closed; its pair of addresses is {name} now");
    }
    let left_out = state
        .sockets
        .as_ref()
        .is_some_and(|reading| reading.passed > reading.rows.as_ref().map_or(0, |rows| rows.len() as u64));
    let all = state.sockets_want.filter.is_empty() && state.sockets_want.holder.is_none();
    match (left_out, all) {
        (true, _) => format!("closed, or no longer among the first {}", SocketsReading::MOST),
        (false, false) => "closed, or it passes the filter no more".to_owned(),
        (false, true) => "closed".to_owned(),
    }
}
