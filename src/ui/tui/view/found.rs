//! The text that has the screen, for whoever searches in it, and the mark of what was found.

use ratatui::text::Line;

use super::{listeners, listing, pages, plan, profiles};
use crate::ui::tui::action::Context;
use crate::ui::tui::find::marked;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::theme::Role;

/// The lines of the text that is scrolled in the place that is open; of the history a line for each entry.
pub(in crate::ui::tui) fn text_of_place(state: &State) -> Vec<String> {
    let width = usize::from(state.size.0);
    let lines = match (state.place(), &state.profiles.plan) {
        (Context::ProfileHistory, _) => return profiles::history_texts(state, width),
        (Context::Plan, Some(shown)) => plan::plan_lines(state, shown, width),
        _ if state.page.is_some() => pages::lines_of(state, width),
        (Context::ListenerDetail, _) => listeners::page_lines(state),
        (_, _) if state.screen != Screen::Listeners => listing::page_lines(state, width),
        _ => Vec::new(),
    };
    lines.iter().map(text_of).collect()
}

fn text_of(line: &Line<'_>) -> String {
    line.spans.iter().map(|span| span.content.as_ref()).collect()
}

/// The lines with the one marked that was found: bold, and with the key that found it in its first column.
pub(super) fn with_found(state: &State, mut lines: Vec<Line<'static>>) -> Vec<Line<'static>> {
    let line = marked(state).and_then(|at| lines.get_mut(at));
    if let Some(line) = line
        && state.find.is_in(&text_of(line))
    {
        let text = text_of(line);
        let mut rest = text.chars();
        rest.next();
        *line = Line::styled(format!("/{}", rest.as_str()), state.theme.style(Role::Bold));
    }
    lines
}
