//! What is on the screen as a text or as JSON, for a file.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Value, json};

use super::screen::Screen;
use super::state::State;
use super::view;
use crate::diagnose;
use crate::report::{
    ExplanationView, FindingsView, ListenersView, LiveForecastView, NamespacesView, ParametersView, PlanView,
    SocketRow, StatusView,
};
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
    (sized.prompt, sized.message) = (None, None);
    sized.size = (columns, rows);
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    view::draw(&sized, &mut buffer);
    super::run::lines_of(&buffer)
}

fn json(state: &State) -> Result<Value, String> {
    let nothing = || "nothing was read yet".to_owned();
    let picture = state.picture().ok_or_else(nothing)?;
    let snapshot = picture.snapshot.as_ref();
    let value = match state.screen {
        Screen::Overview => {
            let earlier = state.recent.front().map(AsRef::as_ref);
            serde_json::to_value(StatusView::new(snapshot, earlier, &diagnose::headlines(&picture.findings)))
        }
        Screen::Listeners => serde_json::to_value(ListenersView::new(snapshot, None)),
        Screen::Sockets => {
            let reading = state.sockets.as_ref().ok_or_else(nothing)?;
            let rows = reading.rows.as_ref().map_err(Clone::clone)?;
            let sockets: Vec<Value> = rows.iter().map(socket).collect();
            Ok(json!({
                "schema": SCHEMA, "filter": reading.want.filter, "passed": reading.passed, "sockets": sockets,
                "groups": reading.groups, "gaps": reading.gaps,
            }))
        }
        Screen::Explain => {
            let answered = state.explaining.answered.as_ref().ok_or_else(nothing)?;
            let shown = answered.shown().ok_or_else(nothing)?;
            serde_json::to_value(ExplanationView::from(shown))
        }
        Screen::Profiles => {
            let plan = state.profiles.plan.as_deref().ok_or("open a plan first; a list has no JSON of its own")?;
            serde_json::to_value(PlanView::from(plan))
        }
        Screen::Findings => serde_json::to_value(FindingsView::new(&picture.findings)),
        Screen::Parameters => {
            let reading = state.parameters.as_ref().ok_or_else(nothing)?;
            let rows = reading.rows.as_ref().map_err(Clone::clone)?;
            serde_json::to_value(ParametersView::new(rows, snapshot))
        }
        Screen::Lab => Ok(json!({
            "schema": SCHEMA, "command": state.laboratory.command, "lines": state.laboratory.lines,
        })),
        Screen::Namespaces => {
            let survey = state.namespaces.as_ref().ok_or_else(nothing)?;
            serde_json::to_value(NamespacesView::from(survey.as_ref().clone()?))
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
