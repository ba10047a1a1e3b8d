//! The only place that changes the state.

use std::sync::Arc;

use super::action::{Action, Context, Meaning, Motion, meaning};
use super::event::{Effect, Event};
use super::facts::{limits, listener_rows};
use super::profiles::{Region, TuneRequest};
use super::screen::Screen;
use super::state::{Frozen, INTERVALS_MS, Page, Picture, State};
use super::theme::Severity;
use super::{tuning, view};
use crate::diagnose::diagnose;
use crate::model::{Host, KnownSettings, consequences};
use crate::snapshot::Snapshot;

/// Takes what happened into the state; what the outside has to do is returned. No I/O, no clock.
pub fn update(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Clock(now) => {
            let before = view::picture_words(state);
            state.now = now;
            state.dirty |= before != view::picture_words(state);
        }
        Event::Key(key) => {
            state.dirty = true;
            return press(state, key);
        }
        Event::Resize(columns, rows) => {
            state.size = (columns, rows);
            clamp_scrolls(state);
            state.dirty = true;
        }
        Event::Read(snapshot) => {
            take_snapshot(state, snapshot);
            state.dirty |= state.frozen.is_none();
        }
        Event::ReadFailed(reason) => {
            state.history.push_hole(state.now.unix_ms);
            state.read_error = Some(reason);
            state.dirty |= state.frozen.is_none();
        }
        Event::Tuned(reply) => {
            state.dirty = true;
            return tuning::take_reply(state, *reply);
        }
    }
    Vec::new()
}

/// How far apart the two readings lie that rules about rates compare, when the interval is shorter.
const WINDOW_MS: u64 = 5000;

fn take_snapshot(state: &mut State, snapshot: Arc<Snapshot>) {
    state.history.push(&snapshot);
    state.read_error = None;
    state.now.unix_ms = state.now.unix_ms.max(snapshot.taken_unix_ms);
    let same =
        |picture: &&Picture| picture.snapshot.sysctls == snapshot.sysctls && picture.snapshot.kernel == snapshot.kernel;
    let consequences = match state.latest.as_ref().filter(same) {
        Some(picture) => picture.consequences.clone(),
        None => snapshot.kernel.version.map(|version| {
            let known = KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key));
            consequences(&known, &Host { version, hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz) })
        }),
    };
    let findings = Arc::new(diagnose(&snapshot, state.recent.front().map(Arc::as_ref)));
    let due = snapshot.monotonic_ms.saturating_sub(WINDOW_MS);
    // One reading is always kept, however long the interval is.
    while state.recent.len() > 1 && state.recent.get(1).is_some_and(|second| second.monotonic_ms <= due) {
        state.recent.pop_front();
    }
    if state.recent.back().is_some_and(|last| last.monotonic_ms <= due) {
        state.recent.clear();
    }
    state.recent.push_back(Arc::clone(&snapshot));
    state.latest = Some(Picture { snapshot, consequences, findings });
}

fn press(state: &mut State, key: super::key::Key) -> Vec<Effect> {
    let context = state.context();
    match meaning(key, context) {
        Meaning::Here(action) => {
            // What was said of an earlier key is no answer to this one. What failed stays until Esc.
            if state.message.as_ref().is_some_and(|message| message.severity != Severity::Critical) {
                state.message = None;
            }
            act(state, action, context)
        }
        Meaning::Elsewhere(binding) => {
            let places: Vec<&str> = binding.contexts.iter().map(|context| context.name()).collect();
            let text = format!("{key} does nothing in {}; it is for {}", context.name(), places.join(", "));
            state.say(Severity::Quiet, text);
            Vec::new()
        }
        Meaning::Unknown => {
            let hint = if context == Context::Question { "y or Esc answers the question" } else { "? lists the keys" };
            state.say(Severity::Quiet, format!("{key} has no meaning here; {hint}"));
            Vec::new()
        }
    }
}

fn act(state: &mut State, action: Action, context: Context) -> Vec<Effect> {
    match action {
        Action::Show(screen) => return show(state, screen),
        Action::Move(motion) => move_by(state, motion, context),
        Action::Open => return open(state, context),
        Action::Back => back(state, context),
        Action::NextRegion => {
            let region = &mut state.profiles.region;
            *region = if *region == Region::List { Region::History } else { Region::List };
        }
        Action::Sort => state.sort = state.sort.next(),
        Action::Freeze => freeze(state),
        Action::Slower => return change_interval(state, 1),
        Action::Faster => return change_interval(state, -1),
        Action::ReadNow => return vec![Effect::ReadNow],
        Action::Gaps => open_page(state, Page::Gaps),
        Action::Help if state.page == Some(Page::Help) => state.page = None,
        Action::Help => open_page(state, Page::Help),
        Action::AskApply => tuning::ask(state),
        Action::AskRollback => return tuning::ask_rollback(state),
        Action::Yes => return tuning::carry_out(state),
        Action::Quit => return vec![Effect::Quit],
        Action::QuitKeepingScreen => return vec![Effect::QuitKeepingScreen],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Suspend => return vec![Effect::Suspend],
    }
    Vec::new()
}

fn show(state: &mut State, screen: Screen) -> Vec<Effect> {
    state.page = None;
    state.screen = screen;
    if screen == Screen::Profiles && state.profiles.entries.is_none() && state.profiles.busy.is_none() {
        state.profiles.busy = Some("reading profiles and journal");
        return vec![Effect::Tune(TuneRequest::List)];
    }
    Vec::new()
}

fn open_page(state: &mut State, page: Page) {
    state.page = Some(page);
    state.page_scroll = 0;
}

fn open(state: &mut State, context: Context) -> Vec<Effect> {
    match context {
        Context::Overview => {
            let span = state.span(1, 1);
            let rows = state.shown().map(|snapshot| limits(state, snapshot, span)).unwrap_or_default();
            match rows.iter().find(|row| row.id == state.selected_limit).and_then(|row| row.listener) {
                Some(listener) => {
                    state.selected_listener = Some(listener);
                    state.screen = Screen::Listeners;
                }
                None => state.say(Severity::Quiet, "Enter opens the listener of a queue; this row has none"),
            }
        }
        Context::Listeners => state.listener_page = true,
        Context::ProfileList => return tuning::open_plan(state),
        _ => {}
    }
    Vec::new()
}

fn back(state: &mut State, context: Context) {
    match context {
        Context::Question => {
            state.profiles.question = None;
            state.say(Severity::Quiet, "nothing was written");
        }
        Context::Help | Context::Gaps => state.page = None,
        Context::ListenerDetail => state.listener_page = false,
        Context::Plan => state.profiles.plan = None,
        Context::ProfileHistory => state.profiles.region = Region::List,
        Context::Overview | Context::Listeners | Context::ProfileList => state.message = None,
    }
}

fn freeze(state: &mut State) {
    if state.frozen.take().is_some() {
        state.say(Severity::Quiet, "live again");
    } else if let Some(picture) = state.latest.clone() {
        state.frozen = Some(Frozen { picture, since_unix_ms: state.now.unix_ms });
        state.say(Severity::Quiet, "frozen; history goes on being collected, f makes it live");
    } else {
        state.say(Severity::Quiet, "nothing was read yet, so there is nothing to freeze");
    }
}

fn change_interval(state: &mut State, step: isize) -> Vec<Effect> {
    let at = INTERVALS_MS.iter().position(|interval| *interval >= state.interval_ms).unwrap_or(0);
    let wanted = at.checked_add_signed(step).and_then(|at| INTERVALS_MS.get(at).copied());
    let Some(interval) = wanted else {
        let end = if step > 0 { "longest" } else { "shortest" };
        let text = format!("every {} is the {end} interval", super::number::duration_ms(state.interval_ms));
        state.say(Severity::Quiet, text);
        return Vec::new();
    };
    state.interval_ms = interval;
    state.say(Severity::Quiet, format!("reading every {}", super::number::duration_ms(interval)));
    vec![Effect::SetInterval(interval)]
}

/// Rows of a page.
fn page_rows(state: &State) -> usize {
    usize::from(state.size.1).saturating_sub(6).max(1)
}

/// The place after a motion in a list of so many.
fn moved(at: usize, count: usize, motion: Motion, page: usize) -> usize {
    let last = count.saturating_sub(1);
    match motion {
        Motion::Up => at.saturating_sub(1),
        Motion::Down => at + 1,
        Motion::PageUp => at.saturating_sub(page),
        Motion::PageDown => at + page,
        Motion::First => 0,
        Motion::Last => last,
    }
    .min(last)
}

fn move_by(state: &mut State, motion: Motion, context: Context) {
    let page = page_rows(state);
    match context {
        Context::Help | Context::Gaps => {
            let last = view::page_scroll_limit(state);
            state.page_scroll = moved(state.page_scroll, last + 1, motion, page);
        }
        Context::Plan => {
            let last = view::plan_scroll_limit(state);
            state.profiles.plan_scroll = moved(state.profiles.plan_scroll, last + 1, motion, page);
            tuning::note_seen(state);
        }
        Context::Overview if !state.kind().has_detail() => {
            let last = view::overview_scroll_limit(state);
            state.overview_scroll = moved(state.overview_scroll, last + 1, motion, page);
        }
        Context::Overview => {
            let ids = view::overview_limit_ids(state);
            let at = ids.iter().position(|id| *id == state.selected_limit).unwrap_or(0);
            if let Some(id) = ids.get(moved(at, ids.len(), motion, page)) {
                state.selected_limit = id;
            }
        }
        Context::Listeners | Context::ListenerDetail => move_listener(state, motion, page),
        Context::ProfileList => {
            let at = state.profiles.selected_index();
            let entries: &[_] = state.profiles.entries.as_deref().unwrap_or_default();
            let name = entries.get(moved(at, entries.len(), motion, page)).map(|entry| entry.name.clone());
            state.profiles.selected = name;
        }
        Context::ProfileHistory => {
            let journal = state.profiles.journal();
            let at = state.profiles.selected_entry_index();
            let id = journal.get(moved(at, journal.len(), motion, page)).map(|entry| entry.id);
            state.profiles.selected_entry = id;
        }
        Context::Question => {}
    }
}

fn move_listener(state: &mut State, motion: Motion, page: usize) {
    let ids: Vec<_> = match state.shown() {
        Some(snapshot) => listener_rows(state, snapshot, state.sort).iter().map(|row| row.id).collect(),
        None => Vec::new(),
    };
    let at = ids.iter().position(|id| Some(id) == state.selected_listener.as_ref()).unwrap_or(0);
    state.selected_listener = ids.get(moved(at, ids.len(), motion, page)).copied();
}

/// A larger terminal must not leave a text scrolled past its end.
fn clamp_scrolls(state: &mut State) {
    state.page_scroll = state.page_scroll.min(view::page_scroll_limit(state));
    state.overview_scroll = state.overview_scroll.min(view::overview_scroll_limit(state));
    state.profiles.plan_scroll = state.profiles.plan_scroll.min(view::plan_scroll_limit(state));
    tuning::note_seen(state);
}
