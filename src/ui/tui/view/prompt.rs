//! The line that is typed, in the row of messages, so that it covers nothing that it filters.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::ui::tui::prompt::{Prompt, PromptKind};
use crate::ui::tui::state::State;
use crate::ui::tui::text::{columns, cut};
use crate::ui::tui::theme::Role;

/// Draws it; of a text that is too long the end is seen.
pub(super) fn draw(state: &State, prompt: &Prompt, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let sign = match prompt.kind {
        PromptKind::Search => "/",
        PromptKind::Command => ":",
        PromptKind::Export => "export to ",
    };
    let mut text = prompt.text.as_str();
    while columns(text) + columns(sign) + 3 > width {
        let mut rest = text.chars();
        rest.next();
        text = rest.as_str();
    }
    let start = format!(" {sign}{text}");
    let hint = cut(&format!("   {}", prompt.hint), width.saturating_sub(columns(&start) + 1));
    let line = Line::from(vec![
        Span::styled(start, state.theme.style(Role::Bold)),
        Span::styled("_", state.theme.style(Role::Selected)),
        Span::styled(hint, state.theme.style(Role::Dim)),
    ]);
    buffer.set_line(area.x, area.y, &line, area.width);
}
