//! The list of profiles, the history, and the way to a plan.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::plan;
use super::target::RowsShown;
use crate::tune::{Action, JournalEntry, JournalOutcome};
use crate::ui::tui::layout::{Frame, first_shown, take_rows};
use crate::ui::tui::number::{date, time_of_day};
use crate::ui::tui::profiles::{ProfileEntry, Region};
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{cut, draw_lines, left, mark_selected, rule, wrap};
use crate::ui::tui::theme::Role;

/// Where list, summary and history go.
struct Areas {
    list: Rect,
    summary: Rect,
    history: Rect,
}

fn areas(state: &State, frame: Frame) -> Areas {
    let mut rest = frame.body;
    let none = Rect { height: 0, ..rest };
    match (frame.kind.has_detail(), state.profiles.region) {
        (true, region) => {
            let entries = state.listed_profiles().len();
            let list_rows = (entries + 1).clamp(4, usize::from(rest.height) / 2);
            let list = take_rows(&mut rest, list_rows);
            let summary = if region == Region::List { summary_lines(state, usize::from(rest.width)).len() } else { 0 };
            Areas { list, summary: take_rows(&mut rest, summary), history: rest }
        }
        (false, Region::List) => Areas { list: rest, summary: none, history: none },
        (false, Region::History) => Areas { list: none, summary: none, history: rest },
    }
}

/// Draws the screen.
pub(super) fn draw(state: &State, buffer: &mut Buffer, frame: Frame) {
    if state.profiles.plan.is_some() {
        plan::draw(state, buffer, frame.body);
        return;
    }
    let Areas { list, summary, history } = areas(state, frame);
    if list.height > 0 {
        draw_list(state, buffer, list);
    }
    if summary.height > 0 {
        draw_lines(buffer, summary, summary_lines(state, usize::from(summary.width)));
    }
    if history.height > 0 {
        draw_history(state, buffer, history);
    }
}

/// First entry of the history that is shown in so many rows.
fn first_entry(state: &State, height: usize) -> usize {
    let focused = state.profiles.region == Region::History;
    if focused { first_shown(state.profiles.selected_entry_index(), height) } else { 0 }
}

/// The rows of the list and of the history.
pub(super) fn rows_shown(state: &State, frame: Frame) -> Vec<(Region, RowsShown)> {
    if state.profiles.plan.is_some() {
        return Vec::new();
    }
    let Areas { list, history, .. } = areas(state, frame);
    let below_title = |area: Rect| {
        let mut rest = area;
        take_rows(&mut rest, 1);
        rest
    };
    let (list, history) = (below_title(list), below_title(history));
    let profiles = &state.profiles;
    let (selected, entry) = (state.selected_profile_index(), profiles.selected_entry_index());
    let count = state.listed_profiles().len();
    let first = first_shown(selected, usize::from(list.height));
    let older = first_entry(state, usize::from(history.height));
    vec![
        (Region::List, RowsShown { area: list, first, each: 1, count, selected }),
        (
            Region::History,
            RowsShown { area: history, first: older, each: 1, count: profiles.journal().len(), selected: entry },
        ),
    ]
}

/// Whether a profile has an apply that is still in force here by the journal.
fn stands(state: &State, name: &str) -> bool {
    state.profiles.journal().iter().any(|entry| entry.profile == name && state.profiles.stands_here(entry))
}

fn entry_line(state: &State, entry: &ProfileEntry, width: usize, selected: bool) -> Line<'static> {
    let mark = if selected { ">" } else { " " };
    let name_width = (width / 3).clamp(12, 28);
    let (sign, text, role) = match &entry.summary {
        Ok(summary) if stands(state, &entry.name) => ("✓", format!("applied; {summary}"), Role::Plain),
        Ok(summary) => (" ", summary.clone(), Role::Plain),
        Err(problem) => ("!", problem.clone(), Role::Warning),
    };
    let name = left(&entry.name, name_width);
    let text = left(&text, width.saturating_sub(3 + name_width + 1));
    Line::styled(format!("{mark}{sign} {name} {text}"), state.theme.style(role))
}

fn draw_list(state: &State, buffer: &mut Buffer, area: Rect) {
    let width = usize::from(area.width);
    let mut rest = area;
    let Some(all) = state.profiles.entries.as_ref().map(Vec::len) else {
        draw_lines(buffer, area, [rule(state.theme, "Profiles", &[], width), Line::raw(" … reading profiles")]);
        return;
    };
    let entries = state.listed_profiles();
    let words = &state.list(Screen::Profiles).search;
    let search = if words.is_empty() { String::new() } else { format!("/{words}") };
    let count = if entries.len() == all { all.to_string() } else { format!("{} of {all}", entries.len()) };
    let title = take_rows(&mut rest, 1);
    draw_lines(
        buffer,
        title,
        [rule(state.theme, "Profiles", &[&count, &search, "Enter shows the plan, which writes nothing"], width)],
    );
    let selected = state.selected_profile_index();
    let height = usize::from(rest.height);
    let focused = state.profiles.region == Region::List;
    for (at, entry) in entries.iter().enumerate().skip(first_shown(selected, height)).take(height) {
        let place = take_rows(&mut rest, 1);
        let marked = focused && at == selected;
        buffer.set_line(place.x, place.y, &entry_line(state, entry, width, marked), place.width);
        if marked {
            mark_selected(buffer, state.theme, place);
        }
    }
    if entries.is_empty() {
        let text = if all == 0 {
            " there are no profiles".to_owned()
        } else {
            format!(" no profile has `{words}`; Esc shows all")
        };
        draw_lines(buffer, rest, [Line::raw(text)]);
    }
}

/// The selected profile in full.
fn summary_lines(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(entry) = state.selected_profile() else { return Vec::new() };
    let (Ok(text) | Err(text)) = &entry.summary;
    let mut lines = vec![Line::raw(""), rule(state.theme, &entry.name, &[&entry.origin], width)];
    lines.extend(wrap(text, width.saturating_sub(2)).into_iter().map(|line| Line::raw(format!(" {line}"))));
    lines.push(Line::raw(""));
    lines
}

fn draw_history(state: &State, buffer: &mut Buffer, area: Rect) {
    let width = usize::from(area.width);
    let mut rest = area;
    let journal = state.profiles.journal();
    let title = take_rows(&mut rest, 1);
    draw_lines(buffer, title, [rule(state.theme, "History", &["newest first"], width)]);
    match &state.profiles.history {
        None => draw_lines(buffer, rest, [Line::raw(" …")]),
        Some(Err(reason)) => {
            let lines = wrap(&format!("? {reason}"), width.saturating_sub(2));
            draw_lines(buffer, rest, lines.into_iter().map(|line| Line::raw(format!(" {line}"))));
        }
        Some(Ok(entries)) if entries.is_empty() => {
            draw_lines(buffer, rest, [Line::raw(" nothing was applied here yet")]);
        }
        Some(Ok(_)) => {
            let selected = state.profiles.selected_entry_index();
            let focused = state.profiles.region == Region::History;
            let height = usize::from(rest.height);
            let from = first_entry(state, height);
            for (at, entry) in journal.iter().enumerate().skip(from).take(height) {
                let place = take_rows(&mut rest, 1);
                let marked = focused && at == selected;
                buffer.set_line(place.x, place.y, &journal_line(state, entry, marked), place.width);
                if marked {
                    mark_selected(buffer, state.theme, place);
                }
            }
        }
    }
}

/// The history as it is shown, a line for each entry.
pub(super) fn history_texts(state: &State, width: usize) -> Vec<String> {
    let line = |entry| cut(&journal_line(state, entry, false).to_string(), width);
    state.profiles.journal().iter().map(line).collect()
}

/// Why an apply that was never rolled back does not stand here.
fn elsewhere(state: &State, entry: &JournalEntry) -> &'static str {
    match &state.profiles.place {
        None => "whether it stands is unknown",
        Some(place) if entry.boot_id != place.boot_id => "ended with its boot",
        Some(_) => "in another netns",
    }
}

fn journal_line(state: &State, entry: &JournalEntry, selected: bool) -> Line<'static> {
    let mark = if selected { ">" } else { " " };
    let offset = state.now.utc_offset_s;
    let when = format!("{} {}", date(entry.started_unix_ms, offset), time_of_day(entry.started_unix_ms, offset));
    let what = match entry.action {
        Action::Apply => format!("applied {}", entry.profile),
        Action::Rollback(of) => format!("rolled back {} (entry {of})", entry.profile),
    };
    let count = |count| if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
    let keys = count(entry.keys.len());
    let left = entry.left(state.profiles.journal()).len();
    let what_is_left = if left == 0 { "file".to_owned() } else { count(left) };
    let in_part = format!("{what_is_left} left: tcpctl rollback {} --force", entry.id);
    let (sign, outcome, role) = match entry.outcome {
        Some(JournalOutcome::Applied) if left < entry.keys.len() && state.profiles.stands_here(entry) => {
            ("!", in_part.as_str(), Role::Warning)
        }
        Some(JournalOutcome::Applied) if state.profiles.stands_here(entry) => ("✓", "stands", Role::Plain),
        Some(JournalOutcome::Applied) if entry.stands(state.profiles.journal()) => {
            (" ", elsewhere(state, entry), Role::Dim)
        }
        Some(JournalOutcome::Applied) if entry.action == Action::Apply => (" ", "rolled back since", Role::Plain),
        Some(JournalOutcome::Applied) if entry.is_partial(state.profiles.journal()) => {
            (" ", "done in part", Role::Plain)
        }
        Some(JournalOutcome::Applied) => (" ", "done", Role::Plain),
        Some(JournalOutcome::Undone) => ("!", "a key failed, all put back", Role::Warning),
        Some(JournalOutcome::UndoFailed) => ("✗", "a key failed, not all put back", Role::Critical),
        None => ("✗", "stopped half way: tcpctl rollback", Role::Critical),
    };
    let style = state.theme.style(role);
    Line::from(vec![
        Span::styled(format!("{mark}{sign} {} {when}  ", entry.id), style),
        Span::styled(format!("{what}, {keys}, {outcome}"), style),
    ])
}
