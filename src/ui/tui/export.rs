//! What is on the screen as a text or as JSON, for a file.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Value, json};

use super::action::{Binding, valid_bindings};
use super::profiles::{ProfileEntry, Region};
use super::screen::Screen;
use super::state::{Page, State};
use super::view;
use crate::diagnose::{self, Findings};
use crate::explain::find_topic;
use crate::report::{
    EntryView, ExplanationView, FindingsView, HistoryView, ListenersView, LiveForecastView, NamespacesView,
    ParameterPage, ParameterPageView, ParameterRow, ParametersView, PlanView, ProfileRow, ProfileView, ProfilesView,
    SocketRow, StatusView, TopicsView, VerificationView,
};
use crate::snapshot::Snapshot;
use crate::units::TcpState;

/// Version of the JSON of sockets and playings, which have no other shape; it only grows.
const SCHEMA: u32 = 1;
/// Least columns of a text, so that little is cut on narrow terminals.
const COLUMNS: u16 = 120;

/// The name that a file is given unless another is typed.
pub(super) fn file_name(state: &State) -> String {
    format!("tcpctl-{}.txt", name(state.screen))
}

const fn name(screen: Screen) -> &'static str {
    match screen {
        Screen::Overview => "overview",
        Screen::Listeners => "listeners",
        Screen::Sockets => "sockets",
        Screen::Explain => "explain",
        Screen::Profiles => "profiles",
        Screen::Findings => "findings",
        Screen::Parameters => "params",
        Screen::Lab => "lab",
        Screen::Namespaces => "netns",
    }
}

/// What a file of this name holds: JSON where it ends so, else the text of the screen; or why there is nothing.
pub(super) fn contents(state: &State, path: &str) -> Result<String, String> {
    if !path.ends_with(".json") {
        return Ok(text(state));
    }
    let value = json(state)?;
    serde_json::to_string_pretty(&value).map(|text| text + "\n").map_err(|error| error.to_string())
}

/// The screen with every row of its list and of its text, however high the terminal is.
fn text(state: &State) -> String {
    let needed = view::rows_needed(state) + view::page_scroll_limit(state);
    let (columns, rows) = state.size;
    drawn(state, columns.max(COLUMNS), rows.max(u16::try_from(needed).unwrap_or(u16::MAX)))
}

/// The screen as it stands.
pub(super) fn picture(state: &State) -> String {
    drawn(state, state.size.0, state.size.1)
}

/// The page that has the screen, or the screen, without what every screen has above and below.
pub(super) fn page(state: &State) -> String {
    let text = text(state);
    let lines: Vec<&str> = text.lines().skip(2).collect();
    let body = lines.get(..lines.len().saturating_sub(2)).unwrap_or_default().join("\n");
    body.trim_end().to_owned()
}

/// The selected row, as wide as it is where the list has the whole width.
pub(super) fn selected_row(state: &State) -> Option<String> {
    let text = drawn(state, view::WIDEST_LIST, state.size.1.max(24));
    text.lines().skip(2).find_map(|line| line.strip_prefix('>')).map(|line| line.trim().to_owned())
}

fn drawn(state: &State, columns: u16, rows: u16) -> String {
    let mut sized = state.clone();
    (sized.prompt, sized.message, sized.find) = (None, None, Default::default());
    sized.size = (columns, rows);
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    view::draw(&sized, &mut buffer);
    super::run::lines_of(&buffer)
}

/// What is shown, and no more: the rows that are searched for in their order, or what has the page.
fn json(state: &State) -> Result<Value, String> {
    let picture = state.picture().ok_or_else(nothing)?;
    let snapshot = picture.snapshot.as_ref();
    if let Some(page) = state.page {
        return json_of_page(state, page);
    }
    let value = match state.screen {
        Screen::Overview => {
            let earlier = state.recent.front().map(AsRef::as_ref);
            let view = StatusView::new(snapshot, earlier, &diagnose::headlines(&picture.findings));
            serde_json::to_value(searched(state, view))
        }
        Screen::Listeners => serde_json::to_value(ListenersView::new(&with_listeners(state, snapshot), None)),
        Screen::Sockets => return sockets(state),
        Screen::Explain if state.list(Screen::Explain).page => {
            let answered = state.explaining.answered.as_ref().ok_or_else(nothing)?;
            let shown = answered.shown().ok_or_else(nothing)?;
            serde_json::to_value(ExplanationView::from(shown))
        }
        Screen::Explain => {
            let (_, ids) = view::listed_ids(state);
            serde_json::to_value(TopicsView::new(ids.iter().filter_map(|id| find_topic(id).ok())))
        }
        Screen::Profiles => return profiles(state),
        Screen::Findings => serde_json::to_value(FindingsView::new(&findings(state, &picture.findings))),
        Screen::Parameters => return parameters(state, snapshot),
        Screen::Lab if state.list(Screen::Lab).page => Ok(json!({
            "schema": SCHEMA, "command": state.laboratory.command, "lines": state.laboratory.lines,
        })),
        Screen::Lab => Ok(json!({ "schema": SCHEMA, "scenarios": view::listed_ids(state).1 })),
        Screen::Namespaces => {
            let mut survey = state.namespaces.as_ref().ok_or_else(nothing)?.as_ref().clone()?;
            let (_, ids) = view::listed_ids(state);
            survey.namespaces.retain(|facts| ids.contains(&facts.inode.to_string()));
            serde_json::to_value(NamespacesView::from(survey))
        }
    };
    value.map_err(|error| error.to_string())
}

/// The overview with those rows alone that are searched for.
fn searched(state: &State, mut view: StatusView) -> StatusView {
    let list = state.list(Screen::Overview);
    if list.search.is_empty() {
        return view;
    }
    if let Some(states) = &mut view.states {
        states.retain(|name, _| list.admits(&[name]));
    }
    if let Some(changes) = &mut view.state_changes {
        changes.retain(|name, _| list.admits(&[name]));
    }
    view.sums.retain(|sum| list.admits(&[sum.label]));
    view.limits.retain(|limit| list.admits(&[&limit.label]));
    view.counters.retain(|counter| list.admits(&[counter.label, counter.name]));
    if let Some(listeners) = &mut view.listeners {
        listeners.retain(|listener| list.admits(&["accept queue", "SYN-RECV", &listener.local]));
    }
    if let Some(ports) = &mut view.ports {
        ports.retain(|port| list.admits(&["ports", &format!("{}:{}", port.destination, port.destination_port)]));
    }
    view
}

fn nothing() -> String {
    "nothing was read yet".to_owned()
}

/// What has a page over the screen.
fn json_of_page(state: &State, page: Page) -> Result<Value, String> {
    let value = match page {
        Page::Help => {
            let context = state.screen_context();
            let key = |row: &'static Binding| json!({ "keys": row.keys.iter().map(ToString::to_string).collect::<Vec<_>>(), "does": row.help });
            let keys: Vec<Value> = valid_bindings(context).map(key).collect();
            Ok(json!({ "schema": SCHEMA, "place": context.name(), "keys": keys }))
        }
        Page::Gaps => serde_json::to_value(state.gaps()).map(|gaps| json!({ "schema": SCHEMA, "gaps": gaps })),
        Page::Values => {
            let entry = state.selected_profile().ok_or("no profile is selected")?;
            let profile = entry.profile.as_deref().ok_or("the profile cannot be used")?;
            let file = (entry.origin != "built in").then_some(entry.origin.as_str());
            serde_json::to_value(ProfileView::new(profile, file))
        }
        Page::Verification => {
            let verified = state.profiles.verified.as_ref().ok_or_else(nothing)?;
            serde_json::to_value(VerificationView::new(&verified.plan, &verified.kept))
        }
        Page::Entry => {
            let entry = state.profiles.shown_entry().ok_or("no entry is selected")?;
            serde_json::to_value(EntryView::new(entry, &state.profiles.whole_history()))
        }
    };
    value.map_err(|error| error.to_string())
}

/// The snapshot with those listeners alone that are shown, in their order.
fn with_listeners(state: &State, snapshot: &Snapshot) -> Snapshot {
    if let Some((seen_in, listener)) = state.listener_opened() {
        let mut shown = seen_in.clone();
        if let Some(sockets) = &mut shown.sockets {
            sockets.listeners = vec![listener.clone()];
        }
        return shown;
    }
    let mut shown = snapshot.clone();
    if let Some(sockets) = &mut shown.sockets {
        sockets.listeners = view::listed_listeners(state, snapshot).iter().map(|row| row.listener.clone()).collect();
    }
    shown
}

fn sockets(state: &State) -> Result<Value, String> {
    if state.list(Screen::Sockets).page {
        let (reading, row) = state.socket_shown().ok_or_else(nothing)?;
        return Ok(json!({ "schema": SCHEMA, "taken_unix_ms": reading.taken_unix_ms, "sockets": [socket(row)] }));
    }
    let reading = state.sockets.as_ref().ok_or_else(nothing)?;
    let rows = reading.rows.as_ref().map_err(Clone::clone)?;
    let sockets: Vec<Value> = rows.iter().map(socket).collect();
    let holder = reading.want.holder.as_ref().map(|(_, name)| name);
    Ok(json!({
        "schema": SCHEMA, "filter": reading.want.filter, "holder": holder, "passed": reading.passed,
        "sockets": sockets, "groups": reading.groups, "gaps": reading.gaps,
    }))
}

/// The findings that are shown; what could not be judged stays with them.
fn findings(state: &State, all: &Findings) -> Findings {
    let ids = match state.list(Screen::Findings) {
        list if list.page => list.selected.iter().cloned().collect(),
        _ => view::listed_ids(state).1,
    };
    if let (true, Some(one)) = (state.list(Screen::Findings).page, state.selected_finding()) {
        return Findings { findings: vec![one.clone()], ..all.clone() };
    }
    let named = view::finding_ids(&all.findings).into_iter().zip(&all.findings);
    let shown = named.filter(|(id, _)| ids.contains(id)).map(|(_, finding)| finding.clone());
    Findings { findings: shown.collect(), ..all.clone() }
}

fn parameters(state: &State, snapshot: &Snapshot) -> Result<Value, String> {
    let reading = state.parameters.as_ref().ok_or_else(nothing)?;
    let rows = reading.rows.as_ref().map_err(Clone::clone)?;
    let value = if let (true, Some(row)) = (state.list(Screen::Parameters).page, state.selected_parameter()) {
        let answered = state.explaining.key.as_deref().filter(|answered| answered.key == row.key);
        let page = ParameterPage {
            row,
            effects: answered.map(|answered| answered.effects.as_slice()).unwrap_or_default(),
            asked: answered.and_then(|answered| answered.asked.as_deref()),
            findings: &[],
            hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz),
            namespace: snapshot.netns.name.as_deref(),
        };
        serde_json::to_value(ParameterPageView::from(&page))
    } else {
        let (_, ids) = view::listed_ids(state);
        let shown: Vec<ParameterRow> = rows.iter().filter(|row| ids.contains(&row.key.to_string())).cloned().collect();
        serde_json::to_value(ParametersView::new(&shown, snapshot))
    };
    value.map_err(|error| error.to_string())
}

fn profiles(state: &State) -> Result<Value, String> {
    let value = match (&state.profiles.plan, state.profiles.region) {
        (Some(plan), _) => serde_json::to_value(PlanView::from(plan.as_ref())),
        (None, Region::History) => serde_json::to_value(HistoryView::from(&state.profiles.whole_history())),
        (None, Region::List) => {
            let row = |entry: &ProfileEntry| {
                let (Ok(summary) | Err(summary)) = &entry.summary;
                ProfileRow {
                    name: entry.name.clone(),
                    summary: summary.clone(),
                    file: (entry.origin != "built in").then(|| entry.origin.clone()),
                    keys: entry.profile.as_ref().map(|profile| profile.rules.len()),
                }
            };
            let rows: Vec<ProfileRow> = state.listed_profiles().into_iter().map(row).collect();
            serde_json::to_value(ProfilesView::from(rows.as_slice()))
        }
    };
    value.map_err(|error| error.to_string())
}

fn socket(row: &SocketRow) -> Value {
    json!({
        "state": row.state.map(TcpState::name), "recv_q": row.receive_queue, "send_q": row.send_queue,
        "local": row.local, "peer": row.peer, "timer": row.timer, "owner": row.owner, "identity": row.identity,
        "memory": row.memory, "info": row.info, "cookie": row.cookie,
        "forecast": row.forecast.as_ref().map(LiveForecastView::from),
    })
}
