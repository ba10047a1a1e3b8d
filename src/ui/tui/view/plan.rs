//! A plan: what would change, what that does in seconds, what it costs; and the question that writes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::found::with_found;
use super::frame::netns_words;
use super::tables::answer_text;
use crate::report::{count_changes, render_plan_memory};
use crate::tune::{Change, ListenerEffect, Plan, PlanKind, Skip, SkipReason};
use crate::ui::tui::state::State;
use crate::ui::tui::text::{columns, cut, draw_lines, left, right, rule, wrap};
use crate::ui::tui::theme::{Role, Theme};
use crate::units::SysctlKey;

/// Rows of the question's box.
const QUESTION_ROWS: u16 = 4;

/// Lines of the plan at the present width.
pub(in crate::ui::tui) fn plan_length(state: &State) -> usize {
    state.profiles.plan.as_ref().map_or(0, |plan| plan_lines(state, plan, usize::from(state.size.0)).len())
}

/// Lines of the plan, from its first, that must have been on the screen before it may be carried out: what changes
/// and what that does. The reasons below do not alter what is written.
pub(in crate::ui::tui) fn plan_deciding_length(state: &State) -> usize {
    let width = usize::from(state.size.0);
    state.profiles.plan.as_ref().map_or(0, |plan| deciding_lines(state, plan, width).len())
}

/// Lines of the plan that are on the screen at once.
pub(in crate::ui::tui) fn plan_height(state: &State) -> usize {
    usize::from(state.size.1.saturating_sub(4))
}

/// How far the plan can be scrolled.
pub(in crate::ui::tui) fn plan_scroll_limit(state: &State) -> usize {
    plan_length(state).saturating_sub(plan_height(state))
}

/// Draws the plan.
pub(super) fn draw(state: &State, buffer: &mut Buffer, body: Rect) {
    let Some(plan) = &state.profiles.plan else { return };
    let lines = plan_lines(state, plan, usize::from(body.width));
    let from = state.profiles.plan_scroll.min(lines.len().saturating_sub(usize::from(body.height)));
    let hidden = lines.len().saturating_sub(from + usize::from(body.height));
    draw_lines(buffer, body, with_found(state, lines).into_iter().skip(from));
    if hidden > 0 {
        let text = format!(" ↓ {hidden} more ");
        let width = u16::try_from(columns(&text)).unwrap_or(0).min(body.width);
        buffer.set_stringn(
            body.right() - width,
            body.bottom() - 1,
            text,
            usize::from(width),
            state.theme.style(Role::Bold),
        );
    }
}

/// Draws the question over the last rows of the body.
pub(super) fn draw_question(state: &State, buffer: &mut Buffer, body: Rect) {
    let Some(plan) = &state.profiles.question else { return };
    let height = QUESTION_ROWS.min(body.height);
    let area = Rect { y: body.bottom() - height, height, ..body };
    let width = usize::from(area.width);
    let inside = width.saturating_sub(4);
    let place = state.shown().map_or_else(
        || "this host".to_owned(),
        |snapshot| format!("{}, {}", snapshot.hostname.as_deref().unwrap_or("this host"), netns_words(state, snapshot)),
    );
    let changes = plan.changes.len();
    let count = |noun: &str| if changes == 1 { format!("1 {noun}") } else { format!("{changes} {noun}s") };
    let roomy = width >= 76;
    let (title, undo) = match plan.kind {
        PlanKind::Apply if roomy => (
            format!("━ Apply {} to {place}? ", count("change")),
            format!("{} after 60s unless you press K (keep).", they(changes)),
        ),
        PlanKind::Apply => {
            (format!("━ Apply {} to {place}? ", count("change")), "Undone after 60s unless K keeps it.".to_owned())
        }
        PlanKind::Rollback(_) => (
            format!("━ Undo {}: restore {} on {place}? ", plan.profile, count("value")),
            "The journal keeps the present values.".to_owned(),
        ),
    };
    let title = cut(&title, width.saturating_sub(2));
    let top = format!("┏{title}{}┓", "━".repeat(width.saturating_sub(2 + columns(&title))));
    let line = |text: &str| format!("┃ {} ┃", left(text, inside));
    let verb = if plan.kind == PlanKind::Apply { "apply" } else { "undo" };
    let bottom = format!("┗{}┛", "━".repeat(width.saturating_sub(2)));
    let style = state.theme.style(Role::Bold);
    let lines = [
        top,
        line(&undo),
        line(&format!("{}y  {verb}     Esc  do nothing", if roomy { "      " } else { "" })),
        bottom,
    ];
    draw_lines(buffer, area, lines.into_iter().map(|text| Line::styled(text, style)));
}

const fn they(changes: usize) -> &'static str {
    if changes == 1 { "It is undone" } else { "They are undone" }
}

/// A key as the plan prints it: `net.ipv4.` goes without saying.
fn key_text(key: &SysctlKey) -> &str {
    key.as_str().strip_prefix("net.ipv4.").unwrap_or(key.as_str())
}

/// What changes and what that does.
fn deciding_lines(state: &State, plan: &Plan, width: usize) -> Vec<Line<'static>> {
    let what = match plan.kind {
        PlanKind::Apply => format!("Plan: {}", plan.profile),
        PlanKind::Rollback(entry) => format!("Undo {} (entry {entry})", plan.profile),
    };
    let change = count_changes(plan);
    let mut lines = vec![rule(state.theme, &what, &[&change, "nothing written yet"], width)];
    lines.extend(key_lines(state.theme, plan, width));
    let effects_title = rule(state.theme, "What it does, on this host", &[], width);
    lines.push(effects_title);
    lines.extend(effect_lines(state.theme, plan, width));
    lines
}

/// The plan as a text.
pub(super) fn plan_lines(state: &State, plan: &Plan, width: usize) -> Vec<Line<'static>> {
    let mut lines = deciding_lines(state, plan, width);
    if !plan.conflicts.is_empty() {
        lines.push(rule(state.theme, "What stands in the way", &[], width));
        for conflict in &plan.conflicts {
            let key = conflict.key.as_ref().map(|key| format!("{}: ", key.leaf())).unwrap_or_default();
            let parts = wrap(&format!("{key}{}", conflict.says), width.saturating_sub(4));
            for (at, part) in parts.into_iter().enumerate() {
                let sign = if at == 0 { "!" } else { " " };
                lines.push(Line::styled(format!(" {sign} {part}"), state.theme.style(Role::Warning)));
            }
        }
    }
    let memory = render_plan_memory(plan, width.saturating_sub(2));
    if !memory.is_empty() {
        lines.push(rule(state.theme, "Memory at worst", &[], width));
        lines.extend(memory.trim_start().lines().skip(1).map(|line| Line::raw(format!(" {line}"))));
    }
    let advice = advice_lines(state.theme, plan, width);
    if !advice.is_empty() {
        lines.push(rule(state.theme, "Reasons, costs and what no setting can do", &[], width));
        lines.extend(advice);
    }
    lines
}

/// Columns of keys and values.
fn widths(width: usize) -> (usize, usize) {
    let value = if width >= 120 { 24 } else { 9 };
    let rest = if width >= 80 { 24 } else { 0 };
    (width.saturating_sub(3 + 2 * value + 5 + rest).min(56), value)
}

fn key_lines(theme: Theme, plan: &Plan, width: usize) -> Vec<Line<'static>> {
    let (key_width, value_width) = widths(width);
    let row = |sign: &str, key: &SysctlKey, now: &str, arrow: &str, wanted: &str, rest: String, role: Role| {
        let text = format!(
            " {sign} {}{}  {arrow}  {}{rest}",
            left(key_text(key), key_width),
            right(now, value_width),
            left(wanted, value_width),
        );
        // Values that do not fit go below each other, so that none is ever cut in a plan.
        if columns(now) > value_width || columns(wanted) > value_width || columns(key_text(key)) > key_width {
            let mut lines = vec![Line::styled(format!(" {sign} {}{rest}", key_text(key)), theme.style(role))];
            lines.extend(
                wrap(&format!("{now} {arrow} {wanted}"), width.saturating_sub(6))
                    .into_iter()
                    .map(|part| Line::styled(format!("     {part}"), theme.style(role))),
            );
            return lines;
        }
        vec![Line::styled(text, theme.style(role))]
    };
    let heading = format!(
        "   {}{}  →  {}{}",
        left("key (net.ipv4. unless said)", key_width),
        right("now", value_width),
        left("wanted", value_width),
        if width >= 80 { "rule      takes effect" } else { "" }
    );
    let mut lines = vec![Line::styled(heading, theme.style(Role::Dim))];
    let tail = |rule: &str, when: &str| {
        if width >= 80 { format!("{} {}", left(rule, 9), left(when, 14)) } else { String::new() }
    };
    for change in &plan.changes {
        let when = change.takes_effect.map_or("?", |takes_effect| takes_effect.text());
        let rest = tail(change.operator.word(), when);
        lines.extend(row("±", &change.key, &change.before, "→", &change.after, rest, Role::Change));
    }
    for already in &plan.already {
        let rest = tail(already.operator.word(), "already so");
        lines.extend(row(" ", &already.key, &already.value, "=", &already.value, rest, Role::Plain));
    }
    for skip in &plan.skipped {
        let (sign, now, why) = skip_words(skip);
        let rest = tail(skip.operator.word(), if skip.required { "REQUIRED" } else { "left out" });
        lines.extend(row(sign, &skip.key, now, "·", &skip.wanted, rest, Role::Dim));
        lines.extend(
            wrap(&why, width.saturating_sub(6))
                .into_iter()
                .map(|part| Line::styled(format!("     {part}"), theme.style(Role::Dim))),
        );
    }
    lines
}

/// Sign, present value and reason of a key that is left out.
fn skip_words(skip: &Skip) -> (&'static str, &str, String) {
    match &skip.why {
        SkipReason::OnlyInInitialNamespace => ("–", "–", "only the initial network namespace has this key".to_owned()),
        SkipReason::Absent => ("–", "–", "this kernel has no such key".to_owned()),
        SkipReason::Hidden(_) => {
            ("?", "?", "not visible here though the kernel has it: is /proc/sys masked?".to_owned())
        }
        SkipReason::NotLoaded(module) => ("–", "–", format!("the module {module}, which brings it, is not loaded")),
        SkipReason::OtherKernel { since, until } => {
            let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
            let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
            ("–", "–", format!("the rule is for other kernels:{since}{until}"))
        }
        SkipReason::NotHere(why) => ("·", "–", (*why).to_owned()),
        SkipReason::NotKnown(what) => ("?", "?", format!("its value follows from what is not known: {what}")),
        SkipReason::NeverWritten(value) => {
            ("!", value, "the profile relies on another value, and never writes it".to_owned())
        }
        SkipReason::Contradiction(wants) => ("!", "?", format!("the profiles contradict each other: {wants}")),
        SkipReason::Unreadable(reason) => ("?", "?", format!("not readable: {reason}")),
        SkipReason::ReadOnlyHere(value) => ("–", value, "read-only in this network namespace".to_owned()),
        SkipReason::ValueRefused(reason) => ("!", "?", format!("this kernel would refuse it: {reason}")),
        SkipReason::BootedSince => ("–", "–", "the host was rebooted since".to_owned()),
        SkipReason::ChangedByEntry { value, entry } => {
            ("!", value, format!("entry {entry} of the history changed it since; it is left alone"))
        }
        SkipReason::ChangedSince(value) => ("!", value, "somebody else changed it since; it is left alone".to_owned()),
    }
}

fn effect_lines(theme: Theme, plan: &Plan, width: usize) -> Vec<Line<'static>> {
    let idle: Vec<_> = plan.changes.iter().filter_map(|change| Some((change, change.idle.as_ref()?))).collect();
    if plan.effects.is_empty() && plan.listeners.is_empty() && idle.is_empty() {
        return vec![Line::raw("   no time or count that the model knows is altered")];
    }
    let answer = 15;
    let label = width.saturating_sub(3 + 2 * answer + 5).min(46);
    let line = |effect: &crate::tune::Effect| {
        Line::from(vec![
            Span::raw(format!("   {}", left(effect.short, label))),
            Span::raw(right(&answer_text(effect.before), answer)),
            Span::styled(format!("  →  {}", answer_text(effect.after)), theme.style(Role::Predicted)),
        ])
    };
    let idle = idle.into_iter().flat_map(|(change, why)| {
        let text = format!("{}: no effect {}", change.key.leaf(), why.replace("net.ipv4.", ""));
        wrap(&text, width.saturating_sub(3)).into_iter().map(|part| Line::raw(format!("   {part}")))
    });
    plan.effects
        .iter()
        .map(line)
        .chain(plan.listeners.iter().map(|listener| listener_line(theme, listener, label)))
        .chain(idle)
        .collect()
}

/// What the plan does to the SYN queue of a listener that is open.
fn listener_line(theme: Theme, effect: &ListenerEffect, label: usize) -> Line<'static> {
    let name = format!("SYN queue of {}", std::net::SocketAddr::new(effect.address, effect.port));
    let (before, after) = (effect.before.half_open_capacity, effect.after.half_open_capacity);
    let after = if effect.held_by_somaxconn {
        format!("  →  {after}, more once it calls listen() again")
    } else if before == after {
        format!("  =  {after}, its own backlog {} binds", effect.backlog)
    } else {
        format!("  →  {after}")
    };
    Line::from(vec![
        Span::raw(format!("   {}{}", left(&name, label), right(&before.to_string(), 15))),
        Span::styled(after, theme.style(Role::Predicted)),
    ])
}

fn advice_lines(theme: Theme, plan: &Plan, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut add = |sign: &str, text: &str, role: Role| {
        for (at, part) in wrap(text, width.saturating_sub(4)).into_iter().enumerate() {
            let sign = if at == 0 { sign } else { " " };
            lines.push(Line::styled(format!(" {sign} {part}"), theme.style(role)));
        }
    };
    for Change { key, reason, risk, .. } in &plan.changes {
        if !reason.is_empty() {
            add(" ", &format!("{}: {reason}", key.leaf()), Role::Plain);
        }
        if let Some(risk) = risk {
            add("!", &format!("{}: {risk}", key.leaf()), Role::Warning);
        }
    }
    for (sign, texts) in [("!", &plan.costs), ("–", &plan.not_for), ("·", &plan.notes)] {
        for text in texts {
            let text = if sign == "–" { format!("not for: {text}") } else { text.clone() };
            add(sign, &text, Role::Plain);
        }
    }
    lines
}
