//! The part of `update` that goes from one screen to another.

use std::sync::Arc;

use super::event::Effect;
use super::jump::{self, Whereabouts};
use super::laboratory::LabRequest;
use super::profiles::{Region, TuneRequest};
use super::screen::Screen;
use super::state::{Frozen, INTERVALS_MS, Page, State};
use super::theme::Severity;
use super::{explaining, key_what_if, settings, view};
use crate::explain::{InLab, find_topic};
use crate::report::SocketGroupBy;
use crate::snapshot::NamespaceFacts;

/// Shows a screen.
pub(super) fn show(state: &mut State, screen: Screen) -> Vec<Effect> {
    state.page = None;
    state.screen = screen;
    if screen == Screen::Profiles && state.profiles.entries.is_none() && state.profiles.busy.is_none() {
        state.profiles.busy = Some("reading profiles and journal");
        return vec![Effect::Tune(TuneRequest::List)];
    }
    Vec::new()
}

/// Opens a page over the screen.
pub(super) fn open_page(state: &mut State, page: Page) {
    state.page = Some(page);
    state.page_scroll = 0;
}

/// Gives the selected row the screen to itself.
pub(super) fn open_row(state: &mut State) {
    let screen = state.screen;
    match view::selected_id(state, screen) {
        Some(id) => {
            let list = state.list_mut(screen);
            (list.selected, list.page, list.scroll) = (Some(id), true, 0);
        }
        None => state.say(Severity::Quiet, "there is no row to open"),
    }
}

/// Opens a socket; of a group, the sockets that are in it.
pub(super) fn open_socket(state: &mut State) {
    let Some(by) = state.sockets_want.group else {
        return open_row(state);
    };
    let Some(name) = view::selected_id(state, Screen::Sockets) else { return };
    let filter = match by {
        SocketGroupBy::Peer if name.parse::<std::net::IpAddr>().is_ok() => format!("dst {name}"),
        // An address of one link alone.
        SocketGroupBy::Peer if name.contains('%') => format!("dst {}", name.replace('%', " dev ")),
        SocketGroupBy::State => format!("state {}", name.to_ascii_lowercase().replace("estab", "established")),
        SocketGroupBy::Process if pid_of(&name).is_some() => {
            state.sockets_want.group = None;
            state.sockets_want.holder = pid_of(&name).map(|pid| (pid, name));
            *state.list_mut(Screen::Sockets) = super::listing::ListState::default();
            return;
        }
        _ => {
            state.say(Severity::Quiet, format!("ss has no words for the sockets of {name}; o shows them one by one"));
            return;
        }
    };
    state.sockets_want.group = None;
    filter_sockets(state, &filter);
}

/// The number of the process with a name such as `nginx(1203)`.
fn pid_of(name: &str) -> Option<u32> {
    let (_, behind) = name.rsplit_once('(')?;
    behind.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// Wants the sockets that pass a filter.
pub(super) fn filter_sockets(state: &mut State, filter: &str) {
    (state.sockets_want.filter, state.sockets_want.holder) = (filter.to_owned(), None);
    *state.list_mut(Screen::Sockets) = super::listing::ListState::default();
}

/// Clears what rows are searched for; whether there was something to clear.
pub(super) fn clear_search(state: &mut State) -> bool {
    if state.screen == Screen::Sockets {
        if state.sockets_want.group.take().is_some() {
            return true;
        }
        let filtered = !state.sockets_want.filter.is_empty() || state.sockets_want.holder.is_some();
        if filtered {
            filter_sockets(state, "");
        }
        return filtered;
    }
    let screen = state.screen;
    let list = state.list_mut(screen);
    let searched = !list.search.is_empty() || list.changed_only;
    list.search.clear();
    list.changed_only = false;
    searched
}

/// Gives the selected listener the screen to itself.
pub(super) fn open_listener(state: &mut State) {
    let rows = state.shown().map(|snapshot| view::listed_listeners(state, snapshot));
    let rows: Vec<_> = rows.into_iter().flatten().map(|row| row.id).collect();
    let selected = rows.iter().find(|id| Some(**id) == state.selected_listener).or_else(|| rows.first()).copied();
    match selected {
        Some(id) => {
            (state.selected_listener, state.listener_page) = (Some(id), true);
            state.list_mut(Screen::Listeners).scroll = 0;
        }
        None => state.say(Severity::Quiet, "there is no row to open"),
    }
}

/// Sorts sockets by the next column, or turns the order round.
pub(super) fn sort_sockets(state: &mut State, reverse: bool) {
    if reverse {
        state.sockets_want.reverse = !state.sockets_want.reverse;
    } else {
        state.sockets_want.order = state.sockets_want.order.next();
    }
}

/// Counts sockets by the next thing that they have in common.
pub(super) fn group_sockets(state: &mut State) {
    let by = match state.sockets_want.group {
        None => Some(SocketGroupBy::Peer),
        Some(SocketGroupBy::Peer) => Some(SocketGroupBy::Process),
        Some(SocketGroupBy::Process) => Some(SocketGroupBy::State),
        Some(SocketGroupBy::State | SocketGroupBy::Listener | SocketGroupBy::Netns) => None,
    };
    group_sockets_by(state, by);
}

/// Counts sockets by this, or shows them one by one.
pub(super) fn group_sockets_by(state: &mut State, by: Option<SocketGroupBy>) {
    state.sockets_want.group = by;
    *state.list_mut(Screen::Sockets) = super::listing::ListState::default();
}

/// Shows only parameters that are not at their default, or all.
pub(super) fn changed_only(state: &mut State) {
    let list = state.list_mut(Screen::Parameters);
    list.changed_only = !list.changed_only;
}

/// Shows a topic, by its id.
pub(super) fn show_topic(state: &mut State, id: &str) -> Vec<Effect> {
    match find_topic(id) {
        Ok(topic) => {
            let effects = show(state, Screen::Explain);
            let list = state.list_mut(Screen::Explain);
            *list = super::listing::ListState::default();
            (list.selected, list.page) = (Some(topic.id.to_owned()), true);
            state.explaining.setting = 0;
            effects
        }
        Err(error) => {
            state.say(Severity::Warning, error.to_string());
            Vec::new()
        }
    }
}

/// Shows the topic that explains what is selected.
pub(super) fn explain_selected(state: &mut State) -> Vec<Effect> {
    match jump::topic(state) {
        Some(id) => show_topic(state, id),
        None => {
            state.say(Severity::Quiet, "no topic of explain is about this");
            Vec::new()
        }
    }
}

/// Shows what was applied and rolled back.
pub(super) fn show_history(state: &mut State) -> Vec<Effect> {
    let effects = show(state, Screen::Profiles);
    (state.profiles.plan, state.profiles.region) = (None, Region::History);
    effects
}

/// Shows the findings: all, or those with these words.
pub(super) fn show_findings(state: &mut State, words: &str) -> Vec<Effect> {
    let list = state.list_mut(Screen::Findings);
    (list.search, list.page) = (words.to_owned(), false);
    show(state, Screen::Findings)
}

/// Shows the laboratory, and the page of a scenario.
pub(super) fn show_scenario(state: &mut State, id: &str) -> Vec<Effect> {
    if !id.is_empty() {
        match find_topic(id) {
            Ok(topic) => {
                let list = state.list_mut(Screen::Lab);
                *list = super::listing::ListState::default();
                (list.selected, list.page) = (Some(topic.id.to_owned()), true);
            }
            Err(error) => {
                state.say(Severity::Warning, error.to_string());
                return Vec::new();
            }
        }
    }
    show(state, Screen::Lab)
}

/// Shows the profiles, with one of them selected.
pub(super) fn show_profile(state: &mut State, name: &str) -> Vec<Effect> {
    let effects = show(state, Screen::Profiles);
    if !name.is_empty() {
        state.profiles.plan = None;
        state.profiles.region = Region::List;
        state.profiles.selected = Some(name.to_owned());
        state.list_mut(Screen::Profiles).search.clear();
    }
    effects
}

/// Makes a plan of what is asked about; else shows a profile that sets what the selected row is about.
pub(super) fn profile_of_selected(state: &mut State) -> Vec<Effect> {
    if let Some(effects) = key_what_if::plan(state) {
        return effects;
    }
    let keys = jump::keys_to_change(state);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match jump::profile_for(&keys) {
        Some((name, key)) => {
            let effects = show_profile(state, &name);
            state.say(Severity::Quiet, format!("{name} sets {key}; Enter shows its plan, which writes nothing"));
            effects
        }
        None if keys.is_empty() => {
            state.say(Severity::Quiet, "no setting is about this, so no profile is");
            Vec::new()
        }
        None => {
            state.say(Severity::Quiet, format!("no built-in profile sets {}", keys.join(" or ")));
            Vec::new()
        }
    }
}

/// Shows the sockets or listeners that the selected row is about.
pub(super) fn show_whereabouts(state: &mut State) -> Vec<Effect> {
    let place = match state.screen {
        Screen::Findings => state.selected_finding().and_then(|finding| jump::whereabouts(finding.rule)),
        _ => {
            let port = view::selected_listener_port(state);
            return match port {
                Some(port) => {
                    let effects = show(state, Screen::Sockets);
                    state.sockets_want.group = None;
                    filter_sockets(state, &format!("sport = :{port}"));
                    effects
                }
                None => Vec::new(),
            };
        }
    };
    match place {
        Some(Whereabouts::Listeners) => show(state, Screen::Listeners),
        Some(Whereabouts::Sockets(filter)) => {
            let effects = show(state, Screen::Sockets);
            state.sockets_want.group = None;
            filter_sockets(state, filter);
            effects
        }
        None => {
            state.say(Severity::Quiet, "this is about no socket or listener of its own");
            Vec::new()
        }
    }
}

/// What names a namespace to who enters it: a file that it is bound to, or a process in it.
fn name_of(facts: &NamespaceFacts) -> Option<String> {
    facts.bound.first().cloned().or_else(|| facts.process.as_ref().map(|process| process.pid.to_string()))
}

/// Looks at the selected namespace from now on.
pub(super) fn enter_namespace(state: &mut State) -> Vec<Effect> {
    let selected = view::selected_id(state, Screen::Namespaces);
    let survey = state.namespaces.clone();
    let facts = survey.iter().filter_map(|survey| survey.as_ref().as_ref().ok()).flat_map(|survey| &survey.namespaces);
    let Some(facts) = facts.into_iter().find(|facts| Some(facts.inode.to_string()) == selected) else {
        state.say(Severity::Quiet, "there is no namespace to enter");
        return Vec::new();
    };
    let Some(name) = name_of(facts) else {
        state.say(Severity::Warning, "nothing names this namespace any more: no process is in it and no file holds it");
        return Vec::new();
    };
    let (inode, own, called) = (facts.inode, facts.own, view::namespace_name(facts));
    if state.entered.or(state.first_netns) == Some(inode) {
        state.screen = Screen::Overview;
        state.say(Severity::Quiet, "this is the network namespace that was shown already");
        return Vec::new();
    }
    // That of the start needs no entering, for which not everybody has the right.
    let name = (state.first_netns != Some(inode)).then_some(name);
    let effects = enter(state, inode, name, &called);
    state.entered_own |= own && !effects.is_empty();
    effects
}

/// Looks at the namespace of the start again.
pub(super) fn return_to_first(state: &mut State) -> Vec<Effect> {
    match state.first_netns {
        Some(first) if state.entered.is_some_and(|entered| entered != first) => {
            enter(state, first, None, "that of the start")
        }
        _ => {
            state.say(Severity::Quiet, "this is the network namespace of the start");
            Vec::new()
        }
    }
}

/// Goes back from a namespace that was entered and could not be read even once: it is gone, or not for this user.
pub(super) fn leave_unreadable(state: &mut State, reason: String) -> Vec<Effect> {
    let effects = return_to_first(state);
    if effects.is_empty() {
        state.read_error = Some(reason);
    } else {
        state.say(Severity::Warning, reason);
    }
    effects
}

/// Looks at a namespace from now on: by its name, or by none at that of the start.
fn enter(state: &mut State, inode: u64, name: Option<String>, called: &str) -> Vec<Effect> {
    if state.profiles.busy.is_some() {
        state.say(Severity::Quiet, "something is being written or planned; enter the namespace after it");
        return Vec::new();
    }
    let fresh = State::new(state.theme, state.size, state.now);
    let kept = core::mem::replace(state, fresh);
    (state.interval_ms, state.namespaces, state.lists) = (kept.interval_ms, kept.namespaces, kept.lists);
    (state.sockets_want, state.preferences, state.first_netns) =
        (kept.sockets_want, kept.preferences, kept.first_netns);
    // What is played goes on, with the number by which its lines are known.
    (state.laboratory, state.sort) = (kept.laboratory, kept.sort);
    // Pages are about what was in the other namespace.
    for screen in [Screen::Sockets, Screen::Findings] {
        state.list_mut(screen).page = false;
    }
    state.screen = Screen::Overview;
    (state.entered, state.entered_name) = (Some(inode), name.clone());
    let called = if called == inode.to_string() { String::new() } else { format!(" ({called})") };
    state.say(Severity::Quiet, format!("from now on: network namespace {inode}{called}; 9 leads to the others"));
    vec![Effect::Enter(name)]
}

/// So far down that the newest line is seen.
const TO_THE_END: usize = 1 << 20;

/// Plays the selected topic in the laboratory, on its page with the what-ifs; or stops what is played.
pub(super) fn play(state: &mut State) -> Vec<Effect> {
    if state.laboratory.is_playing {
        state.say(Severity::Quiet, "stopping what is played");
        return vec![Effect::Lab(LabRequest::Stop)];
    }
    let id = view::selected_id(state, state.screen);
    let Some(topic) = id.and_then(|id| find_topic(&id).ok()) else {
        state.say(Severity::Quiet, "there is no scenario to play");
        return Vec::new();
    };
    if let InLab::Cannot(reason) = topic.in_lab() {
        state.say(Severity::Quiet, format!("the lab does not play {}: {reason}", topic.id));
        return Vec::new();
    }
    let mut arguments = vec!["lab".to_owned(), topic.id.to_owned(), "--live".to_owned()];
    let asks = state.screen == Screen::Explain;
    if asks {
        arguments.extend(explaining::arguments(state, topic, true));
    }
    let predicted = explaining::predicted(state, topic, asks).map(Arc::new);
    let lab = &mut state.laboratory;
    (lab.run, lab.topic, lab.is_playing) = (lab.run + 1, Some(topic.id), true);
    (lab.predicted, lab.began_unix_ms) = (predicted, None);
    lab.command = format!("tcpctl {}", arguments.join(" "));
    lab.lines.clear();
    let run = lab.run;
    let mut effects = show(state, Screen::Lab);
    let list = state.list_mut(Screen::Lab);
    list.search.clear();
    (list.selected, list.page, list.scroll) = (Some(topic.id.to_owned()), true, TO_THE_END);
    effects.push(Effect::Lab(LabRequest::Start { run, arguments }));
    effects
}

/// Freezes the picture, or lets it live.
pub(super) fn freeze(state: &mut State) {
    if state.frozen.take().is_some() {
        state.say(Severity::Quiet, "live again");
    } else if let Some(picture) = state.latest.clone() {
        state.frozen = Some(Frozen { picture, since_unix_ms: state.now.unix_ms });
        state.say(Severity::Quiet, "frozen; history goes on being collected, f makes it live");
    } else {
        state.say(Severity::Quiet, "nothing was read yet, so there is nothing to freeze");
    }
}

/// Reads more or less often.
pub(super) fn change_interval(state: &mut State, step: isize) -> Vec<Effect> {
    let at = INTERVALS_MS.iter().position(|interval| *interval >= state.interval_ms).unwrap_or(0);
    let wanted = at.checked_add_signed(step).and_then(|at| INTERVALS_MS.get(at).copied());
    match wanted {
        Some(interval) => {
            settings::note(state, "interval", super::number::duration_ms(interval));
            set_interval(state, interval)
        }
        None => {
            let end = if step > 0 { "longest" } else { "shortest" };
            let text = format!("every {} is the {end} interval", super::number::duration_ms(state.interval_ms));
            state.say(Severity::Quiet, text);
            Vec::new()
        }
    }
}

/// Reads this often.
pub(super) fn set_interval(state: &mut State, ms: u64) -> Vec<Effect> {
    let [shortest, .., longest] = INTERVALS_MS;
    state.interval_ms = ms.clamp(shortest, longest);
    let interval = super::number::duration_ms(state.interval_ms);
    let remembered = if state.preferences.changed.contains_key("interval") {
        settings::remembered_words(state)
    } else {
        String::new()
    };
    state.say(Severity::Quiet, format!("reading every {interval}{remembered}"));
    vec![Effect::SetInterval(state.interval_ms)]
}
