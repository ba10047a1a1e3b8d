//! The laboratory: topics that the real kernel plays, what is predicted beside what is measured.

use ratatui::text::Line;

use super::listing::labelled;
use crate::explain::{InLab, find_topic, topics};
use crate::lab::{longest, predicted_end_us};
use crate::report::{render_expected, render_progress};
use crate::ui::tui::explaining;
use crate::ui::tui::listing::Listing;
use crate::ui::tui::number::duration_ms;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{fold, left, rule};
use crate::ui::tui::theme::Role;

/// Columns by which what does not fit into a line stands further in below it.
const CONTINUED: usize = 4;
/// Columns of the longest id of a topic.
const ID: usize = 19;

/// The topics that can be played.
pub(super) fn listing(state: &State, width: usize) -> Listing<'_> {
    let list = state.list(Screen::Lab);
    let mut rows: Vec<_> = topics().filter(|topic| topic.in_lab() == InLab::Plays).collect();
    let all = rows.len();
    rows.retain(|topic| list.admits(&[topic.id, topic.question]));
    let lab = &state.laboratory;
    let playing = if lab.is_playing { format!("playing {}", lab.topic.unwrap_or("?")) } else { String::new() };
    let search = if list.search.is_empty() { String::new() } else { format!("/{}", list.search) };
    Listing {
        title: "Laboratory",
        facts: vec![format!("{} of {all} scenarios", rows.len()), search, playing],
        heading: String::new(),
        ids: rows.iter().map(|topic| topic.id.to_owned()).collect(),
        line: Box::new(move |at| match rows.get(at) {
            Some(topic) => {
                let sign = if lab.is_playing && lab.topic == Some(topic.id) { "●" } else { " " };
                let question = left(topic.question, width.saturating_sub(4 + ID));
                (format!("{sign} {} {question}", left(topic.id, ID)), Role::Plain)
            }
            None => (String::new(), Role::Plain),
        }),
        empty: format!("no scenario has `{}`; Esc shows all", list.search),
    }
}

/// What is played, line by line; of a topic that is not, what playing it means.
pub(super) fn detail(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(id) = super::selected_id(state, Screen::Lab) else { return Vec::new() };
    let lab = &state.laboratory;
    if lab.topic == Some(id.as_str()) {
        let verdict = if lab.is_playing { "playing: L stops it" } else { "over: L plays it again" };
        let mut lines = vec![rule(state.theme, &lab.command, &[verdict], width)];
        lines.extend(lab.lines.iter().flat_map(|line| {
            let role = if line.contains('✗') || line.starts_with('!') { Role::Warning } else { Role::Plain };
            let parts = fold(line, width.saturating_sub(1), CONTINUED);
            parts.into_iter().map(move |part| Line::styled(format!(" {part}"), state.theme.style(role)))
        }));
        lines.extend(still_to_come(state, width));
        return lines;
    }
    let mut lines = vec![rule(state.theme, &id, &[], width)];
    let mut say = |label: &str, text: &str| lines.extend(labelled(state, label, text, width));
    say("Plays", find_topic(&id).map_or("", |topic| topic.question));
    if let Some((end_us, most)) = lasts(state, &id) {
        let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let text =
            format!("≈{} with this host's settings, {} at most", duration_ms(end_us / 1000), duration_ms(most_ms));
        say("Takes", &text);
    }
    say("Where", "in two network namespaces of its own, which vanish with it; no packet leaves the host");
    say("Command", &format!("tcpctl lab {id} --live"));
    say("", "L starts it; predicted and measured times come side by side, ✓ where the kernel kept to the window");
    lines
}

/// Events of what is played that are foretold and shown before they happen.
const AHEAD: usize = 3;

/// What is predicted and cannot have been measured yet, and how far the playing has come.
fn still_to_come(state: &State, width: usize) -> Vec<Line<'static>> {
    let lab = &state.laboratory;
    let (Some(elapsed_us), Some(predicted)) = (lab.elapsed_us(state.now.unix_ms), lab.predicted.as_deref()) else {
        return Vec::new();
    };
    let expected = render_expected(predicted, elapsed_us, state.theme.ascii);
    let more = expected.len().saturating_sub(AHEAD);
    let style = state.theme.style(Role::Dim);
    let ahead = expected.into_iter().take(AHEAD).map(|line| format!(" {}", line.trim_end()));
    let mut lines: Vec<Line<'static>> = ahead.map(|line| Line::styled(line, style)).collect();
    if more > 0 {
        lines.push(Line::styled(format!("         … {more} more are predicted"), style));
    }
    let end_us = predicted_end_us(predicted);
    let bar = render_progress(elapsed_us, end_us, None, width.saturating_sub(3), state.theme.ascii);
    let late = if elapsed_us > end_us { "  until the kernel ends it" } else { " predicted" };
    lines.push(Line::raw(format!(" {bar}{late}")));
    lines
}

/// How long a topic is played: when its last predicted end is over, and at most.
fn lasts(state: &State, id: &str) -> Option<(u64, std::time::Duration)> {
    let predicted = explaining::predicted(state, find_topic(id).ok()?, false)?;
    Some((predicted_end_us(&predicted), longest(&predicted)))
}
