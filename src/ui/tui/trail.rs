//! The way back: where the user jumped from, so that Esc leads there again.

use super::action::Context;
use super::history::ListenerId;
use super::listing::ListState;
use super::navigate;
use super::screen::Screen;
use super::state::State;
use super::theme::Severity;
use super::wants::SocketsWant;

/// More jumps than anybody follows back.
const MOST: usize = 32;

/// A place that was left by a jump, and where the jump led.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    from: Whereabouts,
    /// The screen that the jump led to, whether to a page of it, and what is searched for there.
    to: (Screen, bool, String),
}

/// All that makes a place what it was for the user.
#[derive(Clone, Debug)]
struct Whereabouts {
    screen: Screen,
    list: ListState,
    sockets: SocketsWant,
    listener: (Option<ListenerId>, bool),
    /// Which of a topic's dials was selected.
    setting: usize,
    name: &'static str,
}

impl Whereabouts {
    fn of(state: &State) -> Self {
        Self {
            screen: state.screen,
            list: state.list(state.screen).clone(),
            sockets: state.sockets_want.clone(),
            listener: (state.selected_listener, state.listener_page),
            setting: state.explaining.setting,
            name: state.screen_context().name(),
        }
    }

    fn restore(self, state: &mut State) {
        state.page = None;
        state.screen = self.screen;
        *state.list_mut(self.screen) = self.list;
        match self.screen {
            Screen::Sockets => state.sockets_want = self.sockets,
            Screen::Listeners => (state.selected_listener, state.listener_page) = self.listener,
            Screen::Explain => state.explaining.setting = self.setting,
            _ => {}
        }
    }
}

/// Jumps, and remembers from where; what leads nowhere else is no jump.
pub(super) fn jump<T>(state: &mut State, go: impl FnOnce(&mut State) -> T) -> T {
    let from = Whereabouts::of(state);
    let gone = go(state);
    let to = place(state);
    let list = state.list(state.screen);
    let same = from.screen == state.screen && from.list.page == list.page && from.list.selected == list.selected;
    if !same || from.sockets != state.sockets_want {
        if state.trail.len() == MOST {
            state.trail.remove(0);
        }
        if state.message.is_none() {
            state.say(Severity::Quiet, format!("Esc goes back to {}", from.name));
        }
        state.trail.push(Visit { from, to });
    }
    gone
}

/// Goes back along the last jump, if the user is where it led; whether that is so.
pub(super) fn back(state: &mut State) -> bool {
    let here = place(state);
    match state.trail.pop_if(|visit| visit.to == here) {
        Some(visit) => {
            visit.from.restore(state);
            true
        }
        None => false,
    }
}

/// In a list: back along the last jump, if the user is where it led; else the groups and the search are cleared; and where
/// there is nothing to clear, back all the same.
pub(super) fn back_or_clear(state: &mut State) {
    let grouped = state.screen == Screen::Sockets && state.sockets_want.group.is_some();
    if !grouped && back(state) {
        return;
    }
    if !navigate::clear_search(state) && state.trail.last().is_some_and(|visit| visit.to.0 == state.screen) {
        state.trail.pop().into_iter().for_each(|visit| visit.from.restore(state));
    }
}

/// Where the user is, as far as it tells whether a jump led there.
fn place(state: &State) -> (Screen, bool, String) {
    let screen = state.screen;
    let page = match state.screen_context() {
        Context::ListenerDetail => true,
        _ => state.list(screen).page,
    };
    let search = match (screen, page) {
        // What is searched for is no matter on a page.
        (_, true) => String::new(),
        (Screen::Sockets, false) => format!("{} {:?}", state.sockets_want.filter, state.sockets_want.holder),
        (_, false) => state.list(screen).search.clone(),
    };
    (screen, page, search)
}
