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

/// One key of the footer and where it stands.
struct Entry {
    binding: &'static Binding,
    /// Column of its first character, and how many columns it takes.
    at: u16,
    width: u16,
    with_label: bool,
}

/// The key that stands at a column.
pub(super) fn binding_at(state: &State, area: Rect, column: u16) -> Option<&'static Binding> {
    let found = entries(state, area).into_iter().find(|entry| (entry.at..entry.at + entry.width).contains(&column));
    found.map(|entry| entry.binding)
}

/// What is shown, and where. What is pinned to the right is never lost.
fn entries(state: &State, area: Rect) -> Vec<Entry> {
    let context = state.context();
    let of_place = |place| valid_bindings(context).filter(move |binding| binding.place == place);
    let pinned: Vec<&'static Binding> = of_place(Place::Pinned).collect();
    let left: Vec<&'static Binding> = of_place(Place::Footer).collect();
    let width = usize::from(area.width);
    let pinned_width = |words: bool| pinned.iter().map(|row| 2 + entry_columns(row, words)).sum::<usize>();
    let keys_only: usize = left.iter().map(|row| 2 + entry_columns(row, false)).sum();
    // The words of the pinned keys go before a key of the left part does.
    let words = keys_only + pinned_width(true) <= width;
    let (labelled, shown) = fit(&left, width.saturating_sub(pinned_width(words)));
    let mut shown_entries = Vec::new();
    let mut at = area.x + 1;
    for (index, binding) in left.into_iter().take(shown).enumerate() {
        let entry = Entry::new(binding, at, index < labelled);
        at = at.saturating_add(entry.width + 2);
        shown_entries.push(entry);
    }
    let mut at = area.right().saturating_sub(u16::try_from(pinned_width(words)).unwrap_or(u16::MAX)).max(area.x);
    for binding in pinned {
        let entry = Entry::new(binding, at.saturating_add(2), words);
        at = entry.at.saturating_add(entry.width);
        shown_entries.push(entry);
    }
    shown_entries
}

impl Entry {
    fn new(binding: &'static Binding, at: u16, with_label: bool) -> Self {
        let width = u16::try_from(entry_columns(binding, with_label)).unwrap_or(u16::MAX);
        Self { binding, at, width, with_label }
    }
}

/// Draws the footer.
pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    for entry in entries(state, area) {
        let binding = entry.binding;
        let read_only = matches!(binding.action, Action::AskApply | Action::AskRollback | Action::Yes)
            && state.read_only_reason().is_some();
        let role = if read_only { Role::Dim } else { Role::Bold };
        let label = if entry.with_label { format!(" {}", binding.label) } else { String::new() };
        let line = Line::from(vec![Span::styled(binding.shown, state.theme.style(role)), Span::raw(label)]);
        buffer.set_line(entry.at, area.y, &line, area.right().saturating_sub(entry.at));
    }
}
