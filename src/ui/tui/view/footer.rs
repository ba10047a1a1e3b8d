//! The footer: the keys that are valid here, from the key table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::ui::tui::action::{Action, Binding, Place, valid_bindings};
use crate::ui::tui::state::State;
use crate::ui::tui::text::columns;
use crate::ui::tui::theme::Role;

/// Columns of one entry with or without its words.
fn entry_columns(binding: &Binding, with_label: bool) -> usize {
    let label = if with_label { 1 + columns(binding.label) } else { 0 };
    columns(binding.shown) + label
}

/// How many entries keep their words, and how many are shown at all: words go first, from the right.
fn fit(entries: &[&Binding], room: usize) -> (usize, usize) {
    let total = |labelled: usize, shown: usize| {
        let entries = entries.iter().take(shown).enumerate();
        entries.map(|(at, binding)| 2 + entry_columns(binding, at < labelled)).sum::<usize>()
    };
    for labelled in (0..=entries.len()).rev() {
        if total(labelled, entries.len()) <= room {
            return (labelled, entries.len());
        }
    }
    let shown = (0..entries.len()).rev().find(|shown| total(0, *shown) <= room).unwrap_or(0);
    (0, shown)
}

/// Draws the footer. What is pinned to the right is never lost.
pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let context = state.context();
    let of_place = |place| valid_bindings(context).filter(move |binding| binding.place == place);
    let pinned: Vec<&Binding> = of_place(Place::Pinned).collect();
    let left: Vec<&Binding> = of_place(Place::Footer).collect();
    let width = usize::from(area.width);
    let pinned_width = |words: bool| pinned.iter().map(|row| 2 + entry_columns(row, words)).sum::<usize>();
    let keys_only: usize = left.iter().map(|row| 2 + entry_columns(row, false)).sum();
    // The words of the pinned keys go before a key of the left part does.
    let words = keys_only + pinned_width(true) <= width;
    let (labelled, shown) = fit(&left, width.saturating_sub(pinned_width(words)));
    let span = |binding: &Binding, with_label: bool| {
        let read_only = matches!(binding.action, Action::AskApply | Action::AskRollback | Action::Yes)
            && state.read_only_reason().is_some();
        let role = if read_only { Role::Dim } else { Role::Bold };
        let label = if with_label { format!(" {}", binding.label) } else { String::new() };
        [Span::styled(binding.shown, state.theme.style(role)), Span::raw(label)]
    };
    let mut spans = Vec::new();
    for (at, binding) in left.iter().take(shown).enumerate() {
        spans.push(Span::raw(if at == 0 { " " } else { "  " }));
        spans.extend(span(binding, at < labelled));
    }
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    let mut spans = Vec::new();
    for binding in pinned {
        spans.push(Span::raw("  "));
        spans.extend(span(binding, words));
    }
    let line = Line::from(spans);
    let line_width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
    buffer.set_line(area.right() - line_width, area.y, &line, line_width);
}
