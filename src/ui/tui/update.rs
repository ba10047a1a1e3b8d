//! The only place that changes the state.

use std::sync::Arc;

use super::action::{Action, Binding, Context, Meaning, Motion, meaning};
use super::event::{Effect, Event};
use super::facts::limits;
use super::profiles::Region;
use super::prompt::PromptKind;
use super::screen::Screen;
use super::state::{Page, Picture, State};
use super::theme::Severity;
use super::wants::{Found, SocketsReading};
use super::{clipboard, explaining, find, gone, key_what_if, mouse, navigate, prompt, trail, tuning, view};
use crate::catalog::canonical_value;
use crate::diagnose::diagnose;
use crate::model::{Host, KnownSettings, consequences};
use crate::snapshot::Snapshot;

/// Takes what happened into the state; what the outside has to do is returned. No I/O, no clock.
pub fn update(state: &mut State, event: Event) -> Vec<Effect> {
    let (before, dirty) = (state.want(), state.dirty);
    let passes = matches!(
        event,
        Event::Clock(_) | Event::Read(_) | Event::Paced(_) | Event::ReadFailed(_) | Event::Found(_) | Event::Lab(..)
    );
    let mut effects = focus(state, &event);
    effects.extend(take(state, event));
    if passes && state.is_resting() {
        state.dirty = dirty;
    }
    explaining::refresh(state);
    key_what_if::refresh(state);
    gone::refresh(state);
    let want = state.want();
    if want != before {
        effects.push(Effect::Want(want));
    }
    effects
}

/// Rests while another window is in front. Whoever presses a key looks, whatever the terminal says.
fn focus(state: &mut State, event: &Event) -> Vec<Effect> {
    let focused = match event {
        Event::Focus(focused) => *focused,
        Event::Key(_) | Event::Mouse(_) => true,
        _ => return Vec::new(),
    };
    if state.unfocused != focused {
        return Vec::new();
    }
    state.unfocused = !focused;
    state.dirty = true;
    if state.preferences.pause { vec![Effect::Rest(!focused)] } else { Vec::new() }
}

fn take(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        // `focus` has taken it.
        Event::Focus(_) => {}
        Event::Clock(now) => {
            let words = |state: &State| {
                let words = (view::picture_words(state), view::counted_down(state), view::countdown_words(state));
                let lab = matches!(state.screen, Screen::Lab).then(|| state.laboratory.elapsed_us(state.now.unix_ms));
                (words, lab.flatten().map(|elapsed_us| elapsed_us / 1_000_000))
            };
            let before = words(state);
            state.now = now;
            state.dirty |= before != words(state);
            return tuning::note_time(state);
        }
        Event::Exported(Ok(path)) => {
            state.say(Severity::Quiet, format!("✓ written: {path}"));
            state.dirty = true;
        }
        Event::Exported(Err(reason)) => {
            state.say(Severity::Warning, reason);
            state.dirty = true;
        }
        Event::Lab(run, news) => {
            state.laboratory.take(run, news, state.now.unix_ms);
            state.dirty |= matches!(state.screen, Screen::Lab);
        }
        Event::Found(found) => take_found(state, found),
        Event::Paste(text) => {
            state.dirty = true;
            prompt::paste(state, &text);
        }
        Event::Key(key) => {
            state.dirty = true;
            return press(state, key);
        }
        Event::Mouse(mouse) => {
            state.dirty = true;
            return mouse::take(state, mouse);
        }
        Event::Resize(columns, rows) => {
            state.size = (columns, rows);
            clamp_scrolls(state);
            state.dirty = true;
        }
        // What was read before another namespace was entered comes too late.
        Event::Read(snapshot) if state.entered.is_some_and(|inode| snapshot.netns.inode != Some(inode)) => {}
        Event::Read(snapshot) => {
            let effects = tuning::ask_journal(state, &snapshot);
            take_snapshot(state, snapshot);
            state.dirty |= state.frozen.is_none();
            return effects;
        }
        Event::Paced(ms) => {
            state.dirty |= state.pace_ms != ms;
            state.pace_ms = ms;
        }
        Event::ReadFailed(reason) if state.never_read() && state.entered.is_some() => {
            state.dirty = true;
            return navigate::leave_unreadable(state, reason);
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
    state.first_netns = state.first_netns.or(snapshot.netns.inode);
    state.history.push(&snapshot);
    let before = state.latest.as_ref().filter(|_| state.read_error.is_none());
    state.reading_gap_ms =
        before.map_or(0, |latest| snapshot.monotonic_ms.saturating_sub(latest.snapshot.monotonic_ms));
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
    // What was asked about and has come true is asked about no more.
    let values = snapshot.sysctls.values();
    let same = |key: &str, asked: &str| values.get(key).is_some_and(|value| same_value(key, value, asked));
    state.explaining.what_if.retain(|key, asked| !same(key, asked));
    state.latest = Some(Picture { snapshot, consequences, findings });
}

/// Whether two texts are one value of a key.
fn same_value(key: &str, one: &str, other: &str) -> bool {
    canonical_value(key, one) == canonical_value(key, other)
}

/// Takes what the open screen wanted. A frozen picture keeps what it has, unless something else was asked since.
fn take_found(state: &mut State, found: Found) {
    let frozen = state.frozen.is_some();
    match found {
        Found::Sockets(reading) => {
            let answers = |old: &Arc<SocketsReading>| old.want == state.sockets_want;
            if reading.want != state.sockets_want || (frozen && state.sockets.as_ref().is_some_and(answers)) {
                return;
            }
            state.sockets = Some(reading);
        }
        Found::SynQueues(_) if frozen => return,
        // The reading that they belong to follows.
        Found::SynQueues(queues) => {
            state.syn_queues = queues;
            return;
        }
        Found::Parameters(_) if frozen && state.parameters.is_some() => return,
        Found::Parameters(reading) => {
            let same = |key: &str, asked: &str| {
                let rows = reading.rows.iter().flatten();
                let mut values = rows.filter(|row| row.key.as_str() == key).filter_map(|row| row.value());
                values.any(|value| same_value(key, value, asked))
            };
            state.explaining.what_if.retain(|key, asked| !same(key, asked));
            state.parameters = Some(reading);
        }
        Found::Namespaces(_) if frozen && state.namespaces.is_some() => return,
        Found::Namespaces(survey) => state.namespaces = Some(survey),
    }
    state.dirty = true;
}

fn press(state: &mut State, key: super::key::Key) -> Vec<Effect> {
    let context = state.context();
    if let (Context::Prompt, super::key::Key::Char(letter)) = (context, key) {
        prompt::type_char(state, letter);
        return Vec::new();
    }
    match meaning(key, context) {
        Meaning::Here(action) => {
            forget_answer(state);
            act(state, action, context)
        }
        Meaning::Elsewhere(binding) => {
            say_elsewhere(state, &key.to_string(), binding, context);
            Vec::new()
        }
        Meaning::Unknown => {
            let hint = if context == Context::Question { "y or Esc answers the question" } else { "? lists the keys" };
            state.say(Severity::Quiet, format!("{key} has no meaning here; {hint}"));
            Vec::new()
        }
    }
}

/// What was said of an earlier key is no answer to this one. What failed stays until Esc.
pub(super) fn forget_answer(state: &mut State) {
    if state.message.as_ref().is_some_and(|message| message.severity != Severity::Critical) {
        state.message = None;
    }
}

/// Says that a key, or a click on it, is for other places.
pub(super) fn say_elsewhere(state: &mut State, key: &str, binding: &Binding, context: Context) {
    let answers = context == Context::Question;
    let mut places: Vec<&str> = binding.contexts.iter().map(|context| context.name()).collect();
    places.dedup();
    let place = if answers { "y or Esc answers it".to_owned() } else { format!("it is for {}", places.join(", ")) };
    let text = format!("{key} does nothing in {}; {place}", context.name());
    // The line that is typed stands where messages do.
    match &mut state.prompt {
        Some(prompt) => prompt.hint = text,
        None => state.say(Severity::Quiet, text),
    }
}

/// Does what an action asks for.
pub(super) fn act(state: &mut State, action: Action, context: Context) -> Vec<Effect> {
    match action {
        Action::Show(screen) => {
            // Who goes somewhere else has come from nowhere.
            state.trail.clear();
            return navigate::show(state, screen);
        }
        Action::Move(motion) => move_by(state, motion, context),
        Action::Open => return open(state, context),
        Action::Back => back(state, context),
        Action::NextRegion => {
            let region = &mut state.profiles.region;
            *region = if *region == Region::List { Region::History } else { Region::List };
        }
        Action::Sort if context == Context::Sockets => navigate::sort_sockets(state, false),
        Action::Sort => state.sort = state.sort.next(),
        Action::Reverse => navigate::sort_sockets(state, true),
        Action::Group => navigate::group_sockets(state),
        Action::Search => prompt::open(state, PromptKind::Search),
        Action::Find => find::open(state),
        Action::FindNext => find::go_on(state, true),
        Action::FindPrevious => find::go_on(state, false),
        Action::Export => prompt::open(state, PromptKind::Export),
        Action::Copy => return clipboard::copy(state, clipboard::What::Selected),
        Action::Mouse => return mouse::toggle(state),
        Action::Command => prompt::open(state, PromptKind::Command),
        Action::Accept => return prompt::accept(state),
        Action::Complete => prompt::complete(state),
        Action::Erase => prompt::erase(state),
        Action::EraseAll => prompt::erase_all(state),
        Action::ChangedOnly => navigate::changed_only(state),
        Action::Explain => return trail::jump(state, navigate::explain_selected),
        Action::Profile => return trail::jump(state, navigate::profile_of_selected),
        Action::Whereabouts => return trail::jump(state, navigate::show_whereabouts),
        Action::Step(step) if context == Context::ParameterPage => key_what_if::step(state, step),
        Action::Step(step) => explaining::step(state, step),
        Action::Freeze => navigate::freeze(state),
        Action::Slower => return navigate::change_interval(state, 1),
        Action::Faster => return navigate::change_interval(state, -1),
        Action::ReadNow => return vec![Effect::ReadNow],
        Action::Gaps => navigate::open_page(state, Page::Gaps),
        Action::Help if state.page == Some(Page::Help) => state.page = None,
        Action::Help => navigate::open_page(state, Page::Help),
        Action::AskApply => tuning::ask(state),
        Action::AskRollback => return tuning::ask_rollback(state),
        Action::Keep => return tuning::keep(state),
        Action::Return => return navigate::return_to_first(state),
        Action::Play => return trail::jump(state, navigate::play),
        Action::Values => tuning::show_values(state),
        Action::Verify => return tuning::verify(state),
        Action::Yes => return tuning::carry_out(state),
        Action::Quit => return vec![Effect::Quit],
        Action::QuitKeepingScreen => return vec![Effect::QuitKeepingScreen],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Suspend => return vec![Effect::Suspend],
    }
    Vec::new()
}

fn open(state: &mut State, context: Context) -> Vec<Effect> {
    match context {
        Context::Overview => {
            let span = state.span(1, 1);
            let rows = state.shown().map(|snapshot| limits(state, snapshot, span)).unwrap_or_default();
            match rows.iter().find(|row| row.id == view::selected_limit(state)).and_then(|row| row.listener) {
                Some(listener) => trail::jump(state, |state| {
                    state.selected_listener = Some(listener);
                    (state.screen, state.listener_page) = (Screen::Listeners, false);
                    state.list_mut(Screen::Listeners).search.clear();
                }),
                None => state.say(Severity::Quiet, "Enter opens the listener of a queue; this row has none"),
            }
        }
        Context::Listeners => navigate::open_listener(state),
        Context::ProfileList => return tuning::open_plan(state),
        Context::ProfileHistory => tuning::open_entry(state),
        Context::Sockets => navigate::open_socket(state),
        Context::Topics | Context::Findings | Context::Parameters | Context::Lab => navigate::open_row(state),
        Context::Namespaces => return navigate::enter_namespace(state),
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
        Context::Help | Context::Gaps | Context::ProfileValues | Context::Verification | Context::Entry => {
            state.page = None;
        }
        Context::ListenerDetail if trail::back(state) => {}
        Context::ListenerDetail => state.listener_page = false,
        Context::Plan => state.profiles.plan = None,
        Context::ProfileHistory => state.profiles.region = Region::List,
        Context::Prompt => prompt::cancel(state),
        Context::SocketPage | Context::TopicPage | Context::FindingPage | Context::ParameterPage | Context::LabPage => {
            if !trail::back(state) {
                let screen = state.screen;
                state.list_mut(screen).page = false;
            }
        }
        // What is critical stays until Esc; the search is the next that Esc takes away.
        Context::Overview
        | Context::OverviewText
        | Context::Listeners
        | Context::ProfileList
        | Context::Sockets
        | Context::Topics
        | Context::Findings
        | Context::Parameters
        | Context::Lab
        | Context::Namespaces => {
            if state.message.take().is_none() {
                trail::back_or_clear(state);
            }
        }
    }
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
        Motion::To(row) => row,
        Motion::Scroll(rows) => at.saturating_add_signed(rows),
    }
    .min(last)
}

fn move_by(state: &mut State, motion: Motion, context: Context) {
    let page = page_rows(state);
    match context {
        Context::Help | Context::Gaps | Context::ProfileValues | Context::Verification | Context::Entry => {
            let last = view::page_scroll_limit(state);
            state.page_scroll = moved(state.page_scroll, last + 1, motion, page);
        }
        Context::Plan => {
            let last = view::plan_scroll_limit(state);
            state.profiles.plan_scroll = moved(state.profiles.plan_scroll, last + 1, motion, page);
            tuning::note_seen(state);
        }
        Context::OverviewText => {
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
        Context::Listeners => move_listener(state, motion, page),
        Context::ProfileList => {
            let at = state.selected_profile_index();
            let entries = state.listed_profiles();
            let name = entries.get(moved(at, entries.len(), motion, page)).map(|entry| entry.name.clone());
            state.profiles.selected = name;
        }
        Context::ProfileHistory => {
            let journal = state.profiles.journal();
            let at = state.profiles.selected_entry_index();
            let id = journal.get(moved(at, journal.len(), motion, page)).map(|entry| entry.id);
            state.profiles.selected_entry = id;
        }
        Context::TopicPage if matches!(motion, Motion::Up | Motion::Down | Motion::To(_)) => {
            let dials = state.explaining.answered.as_ref().map_or(0, |answered| answered.dials().len());
            state.explaining.setting = moved(state.explaining.setting.min(dials), dials, motion, page);
        }
        Context::ListenerDetail
        | Context::SocketPage
        | Context::TopicPage
        | Context::FindingPage
        | Context::ParameterPage
        | Context::LabPage => {
            let last = view::detail_scroll_limit(state);
            let screen = state.screen;
            let list = state.list_mut(screen);
            list.scroll = moved(list.scroll, last + 1, motion, page);
        }
        Context::Sockets
        | Context::Topics
        | Context::Findings
        | Context::Parameters
        | Context::Lab
        | Context::Namespaces => {
            let (at, ids) = view::listed_ids(state);
            let at = moved(at, ids.len(), motion, page);
            let screen = state.screen;
            let list = state.list_mut(screen);
            (list.selected, list.at, list.scroll) = (ids.get(at).cloned(), at, 0);
            if screen == Screen::Explain {
                state.explaining.setting = 0;
            }
        }
        // What is typed filters the list; the arrows go through it, or through what would complete the line.
        Context::Prompt if prompt::listed(state).is_empty() && prompt::is_search(state) => {
            move_by(state, motion, state.screen_context());
        }
        Context::Prompt => prompt::choose(state, motion == Motion::Down),
        Context::Question => {}
    }
}

fn move_listener(state: &mut State, motion: Motion, page: usize) {
    let ids: Vec<_> = match state.shown() {
        Some(snapshot) => view::listed_listeners(state, snapshot).iter().map(|row| row.id).collect(),
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
    if state.screen.is_listing() || state.listener_page {
        let limit = view::detail_scroll_limit(state);
        let screen = state.screen;
        let list = state.list_mut(screen);
        list.scroll = list.scroll.min(limit);
    }
    tuning::note_seen(state);
}
