//! The pages over a screen: help, from the key table, and what could not be read.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::found::with_found;
use super::listing::text_lines;
use crate::report::{has_drift, render_entry, render_profile, render_verification};
use crate::snapshot::GapKind;
use crate::ui::tui::action::valid_bindings;
use crate::ui::tui::palette::VERBS;
use crate::ui::tui::state::{Page, State};
use crate::ui::tui::text::{draw_lines, left, rule, wrap};
use crate::ui::tui::theme::Role;

/// How far the open page can be scrolled.
pub(in crate::ui::tui) fn page_scroll_limit(state: &State) -> usize {
    let length = lines_of(state, usize::from(state.size.0)).len();
    length.saturating_sub(usize::from(state.size.1.saturating_sub(4)))
}

/// All lines of the open page; none without one.
pub(super) fn lines_of(state: &State, width: usize) -> Vec<Line<'static>> {
    match state.page {
        Some(Page::Help) => help_lines(state, width),
        Some(Page::Gaps) => gap_lines(state, width),
        Some(Page::Values) => value_lines(state, width),
        Some(Page::Verification) => verification_lines(state, width),
        Some(Page::Entry) => entry_lines(state, width),
        None => Vec::new(),
    }
}

/// Draws the open page from where it is scrolled to.
pub(super) fn draw(state: &State, buffer: &mut Buffer, body: Rect) {
    let lines = lines_of(state, usize::from(body.width));
    let from = state.page_scroll.min(lines.len().saturating_sub(usize::from(body.height)));
    draw_lines(buffer, body, with_found(state, lines).into_iter().skip(from));
}

fn entry_lines(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(entry) = state.profiles.shown_entry() else { return Vec::new() };
    let history = state.profiles.whole_history();
    let command = format!("tcpctl history {}", entry.id);
    let mut lines = vec![rule(state.theme, &format!("Entry {} of the history", entry.id), &[&command], width)];
    lines.extend(text_lines(&render_entry(entry, &history, width.saturating_sub(2), false)));
    lines
}

fn value_lines(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(entry) = state.selected_profile() else { return Vec::new() };
    let Some(profile) = &entry.profile else { return Vec::new() };
    let file = (entry.origin != "built in").then_some(entry.origin.as_str());
    let count = format!("{} keys", profile.rules.len());
    let mut lines = vec![rule(state.theme, &format!("Values of {}", entry.name), &[&count], width)];
    lines.extend(text_lines(&render_profile(profile, file, width.saturating_sub(2))));
    lines
}

fn verification_lines(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(verified) = &state.profiles.verified else { return Vec::new() };
    let verdict =
        if has_drift(&verified.plan, &verified.kept) { "! it is not as the profile wants" } else { "✓ as wanted" };
    let title = format!("Verified: {}", verified.plan.profile);
    let mut lines = vec![rule(state.theme, &title, &[verdict, "nothing was written"], width)];
    let text = render_verification(&verified.plan, &verified.kept, width.saturating_sub(2), false);
    lines.extend(text_lines(&text));
    lines
}

fn help_lines(state: &State, width: usize) -> Vec<Line<'static>> {
    let context = state.screen_context();
    let title = format!("Keys in {}", context.name());
    let mut lines = vec![rule(state.theme, &title, &[], width), Line::raw(format!(" {}", state.screen.question()))];
    lines.push(Line::raw(" Lower case never changes the host; A and U ask first, and only y writes."));
    for binding in valid_bindings(context) {
        let keys: Vec<String> = binding.keys.iter().map(ToString::to_string).collect();
        let mut parts = wrap(binding.help, width.saturating_sub(17)).into_iter();
        lines.push(Line::from(vec![
            Span::styled(format!("   {}", left(&keys.join(" "), 13)), state.theme.style(Role::Bold)),
            Span::raw(parts.next().unwrap_or_default()),
        ]));
        lines.extend(parts.map(|part| Line::raw(format!("{}{part}", " ".repeat(16)))));
    }
    lines.push(rule(state.theme, "Commands, after a colon", &["Tab completes"], width));
    for verb in VERBS {
        let typed = format!("{} {}", verb.name, verb.argument);
        lines.push(Line::raw(format!(
            "   {}{}",
            left(&typed, 21),
            left(verb.help(), width.saturating_sub(24)).trim_end()
        )));
    }
    lines.push(rule(state.theme, "Signs", &[], width));
    for (sign, text) in [
        ("✗", "loses connections now"),
        ("!", "will hurt"),
        ("✓", "verified, or nothing to say"),
        ("±", "would change, or a what-if"),
        ("●", "differs from the default; of namespaces, the one on the screens"),
        ("→ ←", "bytes that are not acknowledged, bytes that are not read"),
        ("?", "could not be read; i says why"),
        ("–", "does not apply here"),
        ("…", "not known yet: the first interval is not over"),
    ] {
        lines.push(Line::raw(format!("   {}{text}", left(sign, 13))));
    }
    lines
}

fn gap_lines(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(snapshot) = state.shown() else {
        return vec![rule(state.theme, "Not readable", &[], width), Line::raw(" … not read yet")];
    };
    let gaps = state.gaps();
    let count = gaps.len().to_string();
    let mut lines = vec![rule(state.theme, "Not readable", &[&count], width)];
    let capabilities = snapshot.capabilities;
    let rights =
        state.read_only_reason().unwrap_or_else(|| format!("uid {} may read and write here", capabilities.euid));
    lines.extend(wrap(&rights, width.saturating_sub(2)).into_iter().map(|part| Line::raw(format!(" {part}"))));
    if gaps.is_empty() {
        lines.push(Line::raw(" ✓ everything that was tried could be read"));
    }
    for gap in gaps {
        let kind = match gap.kind {
            GapKind::Absent => "absent",
            GapKind::Denied => "denied",
            GapKind::Malformed => "malformed",
            GapKind::Failed => "failed",
            GapKind::Substituted => "substituted",
        };
        let text = format!("{} ({kind}): {} → {}", gap.source, gap.reason, gap.consequence);
        for (at, part) in wrap(&text, width.saturating_sub(4)).into_iter().enumerate() {
            lines.push(Line::raw(format!(" {} {part}", if at == 0 { "?" } else { " " })));
        }
    }
    lines
}
