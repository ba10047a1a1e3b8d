//! The line that is typed, in the row of messages, so that it covers nothing that it filters.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::ui::tui::layout::first_shown;
use crate::ui::tui::prompt::{Prompt, PromptKind, listed};
use crate::ui::tui::state::State;
use crate::ui::tui::text::{columns, cut, draw_lines, left, rule, wrap};
use crate::ui::tui::theme::Role;

/// Most rows of the list of what could complete a command.
const MOST: usize = 8;

/// Draws what could complete a command over the last rows of the screen, above the line that is typed.
pub(super) fn draw_listed(state: &State, buffer: &mut Buffer, body: Rect) {
    let found = listed(state);
    let hint = state.prompt.as_ref().map_or(0, |prompt| hint_rows(prompt, usize::from(body.width)).len());
    let body = Rect { height: body.height.saturating_sub(u16::try_from(hint).unwrap_or(0)), ..body };
    let chosen = state.prompt.as_ref().and_then(|prompt| prompt.chosen);
    let rows = found.len().min(MOST).min(usize::from(body.height / 2));
    let Some(first) = rows.checked_sub(1).map(|_| first_shown(chosen.unwrap_or(0), rows)) else { return };
    let height = u16::try_from(rows + 1).unwrap_or(body.height).min(body.height);
    let area = Rect { y: body.bottom() - height, height, ..body };
    let width = usize::from(area.width);
    let count = found.len().to_string();
    let name = if found.len() == 1 { "way to go on" } else { "ways to go on" };
    let mut lines = vec![rule(state.theme, &format!("{count} {name}"), &["Tab or ↑↓ takes one, Enter goes"], width)];
    let longest = found.iter().map(|one| columns(&one.text)).max().unwrap_or(0).min(width / 2);
    lines.extend(found.iter().enumerate().skip(first).take(rows).map(|(at, one)| {
        let mark = if chosen == Some(at) { ">" } else { " " };
        let role = if chosen == Some(at) { Role::Selected } else { Role::Plain };
        let text = format!("{mark} {}  {}", left(&one.text, longest), one.help);
        Line::styled(left(&text, width), state.theme.style(role))
    }));
    lines.resize(usize::from(height), Line::raw(" ".repeat(width)));
    draw_lines(buffer, area, lines);
}

/// What is said of the line, where it does not fit beside it: rows above it.
fn hint_rows(prompt: &Prompt, width: usize) -> Vec<String> {
    let beside = width.saturating_sub(columns(sign(prompt.kind)) + columns(&prompt.text) + 6);
    if columns(&prompt.hint) <= beside { Vec::new() } else { wrap(&prompt.hint, width.saturating_sub(2)) }
}

const fn sign(kind: PromptKind) -> &'static str {
    match kind {
        PromptKind::Search | PromptKind::Find(_) => "/",
        PromptKind::Command => ":",
        PromptKind::Export => "export to ",
    }
}

/// Draws it; of a text that is too long the end is seen. What is said of it stands behind it, or above it.
pub(super) fn draw(state: &State, prompt: &Prompt, body: Rect, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let sign = sign(prompt.kind);
    let mut text = prompt.text.as_str();
    while columns(text) + columns(sign) + 3 > width {
        let mut rest = text.chars();
        rest.next();
        text = rest.as_str();
    }
    let start = format!(" {sign}{text}");
    let above = hint_rows(prompt, width);
    let hint = if above.is_empty() {
        cut(&format!("   {}", prompt.hint), width.saturating_sub(columns(&start) + 1))
    } else {
        String::new()
    };
    let height = u16::try_from(above.len()).unwrap_or(u16::MAX).min(body.height / 2);
    let lines =
        above.into_iter().map(|part| Line::styled(left(&format!(" {part}"), width), state.theme.style(Role::Dim)));
    draw_lines(buffer, Rect { y: area.y - height, height, ..area }, lines);
    let line = Line::from(vec![
        Span::styled(start, state.theme.style(Role::Bold)),
        Span::styled("_", state.theme.style(Role::Selected)),
        Span::styled(hint, state.theme.style(Role::Dim)),
    ]);
    buffer.set_line(area.x, area.y, &line, area.width);
}
