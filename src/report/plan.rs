//! A plan as text.

use std::fmt::Write;

use super::answer::answer_sentence;
use super::printable::printable_lines;
use super::prose::hanging;
use super::table::{Align, render_table};
use crate::catalog::TakesEffect;
use crate::tune::{Conflict, FileChange, ListenerEffect, Plan, PlanKind, Skip, SkipReason, Verdict};

/// How many listeners are listed before the rest is counted.
const LISTENERS_SHOWN: usize = 6;

/// The value now: `?` when it could not be read, a dash when there is none.
pub(super) fn present(skip: &Skip, ascii: bool) -> &str {
    let unknown = match skip.why.verdict() {
        Verdict::Denied | Verdict::Hidden | Verdict::Differs => "?",
        _ if ascii => "-",
        _ => "–",
    };
    skip.present().unwrap_or(unknown)
}

/// Why a key is left out, in words.
#[must_use]
pub fn skip_reason(why: &SkipReason) -> String {
    match why {
        SkipReason::OnlyInInitialNamespace => "only the initial network namespace has it".to_owned(),
        SkipReason::Absent => "this kernel does not have it".to_owned(),
        SkipReason::Hidden(None) => "not visible here (is /proc/sys masked?)".to_owned(),
        SkipReason::Hidden(Some(version)) => {
            format!(
                "not visible here though Linux {version} has it (is /proc/sys masked, or the kernel built without?)"
            )
        }
        SkipReason::NotLoaded(module) => format!("the module {module}, which brings it, is not loaded"),
        SkipReason::OtherKernel { since, until } => match (since, until) {
            (Some(since), Some(until)) => format!("the rule is for Linux {since} to {until}"),
            (Some(since), None) => format!("the rule is for Linux {since} and newer"),
            (None, Some(until)) => format!("the rule is for Linux up to {until}"),
            (None, None) => "the rule is for other kernels".to_owned(),
        },
        SkipReason::NotHere(why) => (*why).to_owned(),
        SkipReason::NotKnown(what) => format!("its value follows from what is not known here: {what}"),
        SkipReason::NeverWritten(value) => {
            format!("it is {value}; the profile relies on another value and never writes this key")
        }
        SkipReason::Contradiction(wants) => format!("the profiles contradict each other ({wants})"),
        SkipReason::Unreadable(reason) => format!("it cannot be read: {reason}"),
        SkipReason::ReadOnlyHere(value) => {
            format!("it is {value} and can only be set in the initial network namespace")
        }
        SkipReason::ValueRefused(reason) => reason.clone(),
        SkipReason::BootedSince => {
            "the host was rebooted since, so that its value is not the entry's any more".to_owned()
        }
        SkipReason::ChangedSince(value) => format!("somebody else set it to {value} since; --force restores it too"),
        SkipReason::ChangedByEntry { value, entry } => {
            format!("entry {entry} of the journal set it to {value} since; --force restores it too")
        }
    }
}

/// A plan as text of at most `width` columns.
#[must_use]
pub fn render_plan(plan: &Plan, width: usize, ascii: bool) -> String {
    let mut text = heading(plan, width);
    text.push_str(&rows(plan, width, ascii));
    for (change, asked) in plan.changes.iter().filter_map(|change| Some((change, change.rounded.as_ref()?))) {
        let says =
            format!("{}: the kernel keeps it in whole ticks, and {asked} becomes {}", change.key.leaf(), change.after);
        text.push_str(&hanging("  ", &says, width));
    }
    text.push_str(&left_out(plan, width));
    for already in plan.already.iter().filter(|_| plan.kind != PlanKind::Apply) {
        if let Some(entry) = already.held_by {
            let says = format!("{} stays {}, which entry {entry} of the journal asks for", already.key, already.value);
            text.push_str(&hanging("  ", &says, width));
        }
    }
    text.push_str(&conflicts(plan, width));
    text.push_str(&file_sentence(plan, width));
    text.push_str(&effects(plan, width, ascii));
    text.push_str(&render_plan_memory(plan, width));
    text.push_str(&costs(plan, width));
    if !plan.notes.is_empty() {
        text.push_str("\nWhat no sysctl can do\n");
        for note in &plan.notes {
            text.push_str(&hanging("  - ", note, width));
        }
    }
    printable_lines(&text)
}

/// What is left out, with each reason once.
fn left_out(plan: &Plan, width: usize) -> String {
    let mut groups: Vec<(String, Vec<&Skip>)> = Vec::new();
    for skip in &plan.skipped {
        let contradiction = matches!(skip.why, SkipReason::Contradiction(_));
        let word = if skip.required && !contradiction { "required and left out" } else { "left out" };
        let why = format!("{word}: {}", skip_reason(&skip.why));
        match groups.iter_mut().find(|(other, _)| *other == why) {
            Some((_, skips)) => skips.push(skip),
            None => groups.push((why, vec![skip])),
        }
    }
    let mut text = String::new();
    for (why, skips) in groups {
        text.push_str(&hanging("  ", &why, width));
        for skip in skips {
            text.push_str(&hanging("    ", &format!("{} ({} {})", skip.key, skip.operator, skip.wanted), width));
        }
    }
    text
}

fn heading(plan: &Plan, width: usize) -> String {
    let title = match plan.kind {
        PlanKind::Apply => format!("Plan: apply {}", plan.profile),
        PlanKind::Rollback(entry) => format!("Plan: roll back entry {entry} ({})", plan.profile),
    };
    let mut text = hanging("", &title, width);
    let kernel =
        plan.kernel.as_deref().map_or_else(|| "kernel unknown".to_owned(), |release| format!("Linux {release}"));
    text.push_str(&hanging("", &format!("{}, {kernel}", place(plan)), width));
    let mut counts = count_changes(plan);
    // Writing to a String cannot fail.
    if !plan.already.is_empty() {
        let _ = write!(counts, ", {} already so", plan.already.len());
    }
    if !plan.skipped.is_empty() {
        let _ = write!(counts, ", {} left out", plan.skipped.len());
    }
    if !plan.is_empty() {
        counts.push_str("; nothing is written yet");
    }
    text.push_str(&hanging("", &counts, width));
    text
}

/// How many keys change, in words: `3 of 5 keys change`.
#[must_use]
pub fn count_changes(plan: &Plan) -> String {
    let total = plan.changes.len() + plan.already.len() + plan.skipped.len();
    match (plan.changes.len(), total) {
        (0, _) if plan.is_blind() => "nothing can be seen".to_owned(),
        (0, _) => "nothing to change".to_owned(),
        (1, 1) => "1 of 1 key changes".to_owned(),
        (1, _) => format!("1 of {total} keys changes"),
        (many, _) => format!("{many} of {total} keys change"),
    }
}

/// The network namespace in words.
fn place(plan: &Plan) -> String {
    let inode = plan.netns.map(|inode| format!(" ({inode})")).unwrap_or_default();
    match (&plan.netns_name, plan.netns_initial) {
        (Some(name), _) => format!("network namespace {name}{inode}"),
        (None, Some(true)) => format!("the host's network namespace{inode}"),
        (None, Some(false)) => format!("a network namespace that is not the host's{inode}"),
        (None, None) => format!("a network namespace{inode}"),
    }
}

/// The table of keys: those that change first.
fn rows(plan: &Plan, width: usize, ascii: bool) -> String {
    let arrow = if ascii { "->" } else { "→" };
    let mut rows = Vec::new();
    for change in &plan.changes {
        let when = change.takes_effect.map_or("not known", TakesEffect::text);
        rows.push([
            change.key.to_string(),
            change.before.clone(),
            arrow.to_owned(),
            change.after.clone(),
            change.operator.to_string(),
            when.to_owned(),
        ]);
    }
    for already in &plan.already {
        rows.push([
            already.key.to_string(),
            already.value.clone(),
            "=".to_owned(),
            already.value.clone(),
            format!("{} {}", already.operator, already.wanted),
            "already so".to_owned(),
        ]);
    }
    if rows.is_empty() {
        return if plan.skipped.is_empty() { String::new() } else { "\n".to_owned() };
    }
    let head = ["key", "now", "", "then", "rule", "takes effect"];
    let align = [Align::Left, Align::Right, Align::Left, Align::Right, Align::Left, Align::Left];
    format!("\n{}", render_table(&head, &align, &rows, width))
}

/// What the plan does, in the terms of the model.
fn effects(plan: &Plan, width: usize, ascii: bool) -> String {
    let arrow = if ascii { "->" } else { "→" };
    if plan.changes.is_empty() {
        return String::new();
    }
    let mut text = String::from("\nWhat it does\n");
    for effect in &plan.effects {
        let (before, after) = (answer_sentence(effect.before), answer_sentence(effect.after));
        text.push_str(&hanging("  ", &format!("{} {after}; now {before}", effect.label), width));
    }
    for listener in plan.listeners.iter().take(LISTENERS_SHOWN) {
        text.push_str(&hanging("  ", &listener_sentence(listener, arrow), width));
    }
    if let Some(more) = plan.listeners.len().checked_sub(LISTENERS_SHOWN).filter(|more| *more > 0) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  and {more} more listeners (--json lists all)");
    }
    let idle: Vec<_> = plan.changes.iter().filter_map(|change| Some((change, change.idle.as_ref()?))).collect();
    for (change, why) in &idle {
        text.push_str(&hanging("  ", &format!("{} has no effect {why}", change.key.leaf()), width));
    }
    if plan.effects.is_empty() && plan.listeners.is_empty() && idle.is_empty() {
        text.push_str("  nothing that the model can put a figure on\n");
    }
    text
}

pub(super) fn file_path(file: &FileChange) -> String {
    file.directory.join(file.name).display().to_string()
}

/// What is done to the file that keeps values across boots.
fn file_sentence(plan: &Plan, width: usize) -> String {
    let Some(file) = &plan.file else { return String::new() };
    let path = file_path(file);
    let says = match (&file.before, &file.after) {
        _ if file.left => {
            format!("{path} was changed by somebody else since and is left alone; --force takes it back too")
        }
        (None, None) => format!("{path} is not there"),
        (Some(before), Some(after)) if before == after => format!("{path} stays as it is"),
        (None, Some(_)) => format!("{path} is written and keeps {} across boots", values(file.values.len())),
        (Some(_), Some(_)) if file.values.is_empty() => format!("{path} is written without the values of this entry"),
        (Some(_), Some(_)) => format!("{path} is replaced and keeps {} across boots", values(file.values.len())),
        (Some(_), None) => format!("{path} is removed"),
    };
    format!("\nAcross boots\n{}", hanging("  ", &says, width))
}

/// `1 value` or `3 values`.
fn values(count: usize) -> String {
    if count == 1 { "1 value".to_owned() } else { format!("{count} values") }
}

fn listener_sentence(effect: &ListenerEffect, arrow: &str) -> String {
    let name = match effect.address {
        std::net::IpAddr::V4(address) => format!("{address}:{}", effect.port),
        std::net::IpAddr::V6(address) => format!("[{address}]:{}", effect.port),
    };
    let (before, after) = (effect.before.half_open_capacity, effect.after.half_open_capacity);
    let capacity = if before == after {
        format!("listener {name} holds {before} half-open entries as now")
    } else {
        format!("listener {name} holds {before} {arrow} {after} half-open entries")
    };
    if effect.held_by_somaxconn {
        format!("{capacity}; its backlog is cut at somaxconn, so restart its service to let it ask for more")
    } else {
        capacity
    }
}

/// The risks, and how to get back.
fn costs(plan: &Plan, width: usize) -> String {
    if plan.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for change in &plan.changes {
        if let Some(risk) = &change.risk {
            text.push_str(&hanging("  ! ", &format!("{}: {risk}", change.key.leaf()), width));
        }
    }
    let whole: String = plan.costs.iter().map(|cost| hanging("  ! ", cost, width)).collect();
    text.insert_str(0, &whole);
    if !text.is_empty() {
        text.insert_str(0, "\nWhat it costs\n");
    }
    if !plan.not_for.is_empty() {
        text.push_str("\nWhen not to use it\n");
        for case in &plan.not_for {
            text.push_str(&hanging("  - ", case, width));
        }
    }
    let undo = match plan.kind {
        PlanKind::Apply if plan.file.is_some() => {
            "tcpctl rollback; the values of now and the file of now are kept in the journal."
        }
        PlanKind::Apply => {
            "tcpctl rollback; the values of now are kept in the journal. A reboot undoes it as well: nothing is \
             written to files in /etc."
        }
        PlanKind::Rollback(_) => "apply the profile again.",
    };
    text.push_str("\nHow to get back\n");
    text.push_str(&hanging("  ", undo, width));
    text
}

/// What stands in the way.
fn conflicts(plan: &Plan, width: usize) -> String {
    if plan.conflicts.is_empty() {
        return String::new();
    }
    let line = |conflict: &Conflict| {
        let key = conflict.key.as_ref().map(|key| format!("{}: ", key.leaf())).unwrap_or_default();
        hanging("  ! ", &format!("{key}{}", conflict.says), width)
    };
    format!("\nWhat stands in the way\n{}", plan.conflicts.iter().map(line).collect::<String>())
}

/// What buffers and orphans may take at worst; empty where a plan alters nothing of it.
#[must_use]
pub fn render_plan_memory(plan: &Plan, width: usize) -> String {
    let Some(worst) = &plan.memory else { return String::new() };
    let mut sentences = Vec::new();
    if worst.connection_before != worst.connection_after {
        let (before, after) = (size(worst.connection_before), size(worst.connection_after));
        sentences.push(format!("the buffers of one connection may grow to {after}; now {before}"));
    }
    match (worst.connections_to_pressure(), worst.pressure) {
        (Some(count), Some(pressure)) => sentences.push(format!(
            "{count} connections with full buffers are the {} that TCP may hold before it stops growing them (tcp_mem)",
            size(pressure)
        )),
        _ => sentences.push("what TCP may hold in all (tcp_mem) cannot be read here".to_owned()),
    }
    if let (Some(count), Some(memory)) = (worst.connections_to_memory(), worst.memory) {
        sentences.push(format!("{count} of them are the {} of this host", size(memory)));
    }
    if let Some(bytes) = worst.orphan_bytes() {
        sentences.push(format!("orphans may hold {} at the very worst, 64 KiB each", size(bytes)));
    }
    let sign = if worst.is_risky() { "  ! " } else { "  " };
    let lines: String = sentences.iter().map(|sentence| hanging(sign, sentence, width)).collect();
    format!("\nMemory at worst\n{lines}")
}

/// Bytes in a binary unit with one decimal: `119.3 MiB`.
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..0x10_0000 => (1_u64 << 10, "KiB"),
        0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
        _ => (1 << 30, "GiB"),
    };
    let tenths = (u128::from(bytes) * 10 + u128::from(unit / 2)) / u128::from(unit);
    if tenths % 10 == 0 { format!("{} {name}", tenths / 10) } else { format!("{}.{} {name}", tenths / 10, tenths % 10) }
}
