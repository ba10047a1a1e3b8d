//! Receipts of applies and rollbacks, and the journal, as text and as JSON.

use serde::Serialize;

use super::printable::printable_lines;
use super::prose::hanging;
use super::table::{Align, render_table};
use crate::tune::{Action, History, JournalEntry, JournalOutcome, Outcome, PlanKind, Receipt, StepKind};

/// Version of the JSON of receipts and of the history; the shapes only grow.
const SCHEMA: u32 = 1;

/// A receipt in JSON.
#[derive(Debug, Serialize)]
pub struct ReceiptView<'a> {
    schema: u32,
    kind: &'static str,
    /// `nothing`, `applied`, `undone` or `undo-failed`.
    outcome: &'static str,
    /// The journal's entry; null when there was nothing to write.
    entry: Option<u64>,
    profile: &'a str,
    written: Vec<WrittenView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView<'a>>,
}

#[derive(Debug, Serialize)]
struct WrittenView<'a> {
    key: &'a str,
    before: &'a str,
    wrote: &'a str,
    read_back: &'a str,
}

#[derive(Debug, Serialize)]
struct FailureView<'a> {
    key: &'a str,
    why: &'a str,
    undone: Vec<UndoneView<'a>>,
}

#[derive(Debug, Serialize)]
struct UndoneView<'a> {
    key: &'a str,
    before: &'a str,
    /// Why it could not be put back.
    failure: Option<&'a str>,
}

impl<'a> From<&'a Receipt> for ReceiptView<'a> {
    fn from(receipt: &'a Receipt) -> Self {
        let written = receipt.written.iter().map(|written| WrittenView {
            key: written.key.as_str(),
            before: &written.before,
            wrote: &written.wrote,
            read_back: &written.read_back,
        });
        Self {
            schema: SCHEMA,
            kind: match receipt.kind {
                PlanKind::Apply => "apply",
                PlanKind::Rollback(_) => "rollback",
            },
            outcome: outcome_word(&receipt.outcome),
            entry: receipt.entry,
            profile: &receipt.profile,
            written: written.collect(),
            failure: failure(&receipt.outcome),
        }
    }
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Nothing => "nothing",
        Outcome::Applied => "applied",
        Outcome::Undone { undone, .. } if undone.iter().all(|undone| undone.failure.is_none()) => "undone",
        Outcome::Undone { .. } => "undo-failed",
    }
}

fn failure(outcome: &Outcome) -> Option<FailureView<'_>> {
    let Outcome::Undone { key, why, undone, .. } = outcome else { return None };
    let undone = undone.iter().map(|undone| UndoneView {
        key: undone.key.as_str(),
        before: &undone.before,
        failure: undone.failure.as_deref(),
    });
    Some(FailureView { key: key.as_str(), why, undone: undone.collect() })
}

/// A receipt as text: what was written and read back, or what failed and what was put back.
#[must_use]
pub fn render_receipt(receipt: &Receipt, width: usize, ascii: bool) -> String {
    let entry = receipt.entry.map(|entry| format!("journal entry {entry}")).unwrap_or_default();
    let name = &receipt.profile;
    let text = match &receipt.outcome {
        Outcome::Nothing => format!("{name}: nothing to change\n"),
        Outcome::Applied => {
            let count = receipt.written.len();
            let done = match receipt.kind {
                PlanKind::Apply => format!("{name} is applied"),
                PlanKind::Rollback(of) => format!("entry {of} ({name}) is rolled back"),
            };
            let mut text = hanging("", &format!("{done}: {count} written and read back ({entry})"), width);
            text.push_str(&written_rows(receipt, width, ascii));
            if let (PlanKind::Apply, Some(entry)) = (receipt.kind, receipt.entry) {
                text.push_str(&hanging("  ", &format!("undo: tcpctl rollback {entry}"), width));
            }
            text
        }
        Outcome::Undone { key, why, undone, .. } => {
            let held = undone.iter().all(|undone| undone.failure.is_none());
            let ending = if held { "the host is as it was before" } else { "NOT everything could be put back" };
            let mut text = hanging("", &format!("{name} is not applied; {ending} ({entry})"), width);
            text.push_str(&hanging("  failed    ", &format!("{key}: {why}"), width));
            for undone in undone {
                text.push_str(&match &undone.failure {
                    None => hanging("  put back  ", &format!("{} = {}", undone.key, undone.before), width),
                    Some(why) => {
                        let sentence = format!("{} is not {} again: {why}", undone.key, undone.before);
                        hanging("  LEFT      ", &sentence, width)
                    }
                });
            }
            text
        }
    };
    printable_lines(&text)
}

fn written_rows(receipt: &Receipt, width: usize, ascii: bool) -> String {
    let arrow = if ascii { "->" } else { "→" };
    let rows: Vec<[String; 5]> = receipt
        .written
        .iter()
        .map(|written| {
            let read = format!("{} read back", if ascii { "ok" } else { "✓" });
            [written.key.to_string(), written.before.clone(), arrow.to_owned(), written.read_back.clone(), read]
        })
        .collect();
    let align = [Align::Left, Align::Right, Align::Left, Align::Right, Align::Left];
    render_table(&["key", "before", "", "now", ""], &align, &rows, width)
}

/// The journal in JSON: its entries as they are stored, each with whether it still stands.
#[derive(Debug, Serialize)]
pub struct HistoryView<'a> {
    schema: u32,
    entries: Vec<EntryView<'a>>,
    unreadable: Vec<UnreadableView<'a>>,
}

/// An entry of the journal in JSON.
#[derive(Debug, Serialize)]
pub struct EntryView<'a> {
    /// Whether it was applied and not rolled back since.
    stands: bool,
    #[serde(flatten)]
    entry: &'a JournalEntry,
}

#[derive(Debug, Serialize)]
struct UnreadableView<'a> {
    file: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a History> for HistoryView<'a> {
    fn from(history: &'a History) -> Self {
        let unreadable = history.unreadable.iter().map(|(file, reason)| UnreadableView { file, reason });
        Self {
            schema: SCHEMA,
            entries: history.entries.iter().map(|entry| EntryView::new(entry, history)).collect(),
            unreadable: unreadable.collect(),
        }
    }
}

impl<'a> EntryView<'a> {
    /// One entry of a history.
    #[must_use]
    pub fn new(entry: &'a JournalEntry, history: &History) -> Self {
        Self { stands: entry.stands(&history.entries), entry }
    }
}

/// The journal as a table, the newest entry first. Who did it is in the entry itself: the lines must fit.
#[must_use]
pub fn render_history(history: &History, width: usize) -> String {
    let rows: Vec<[String; 5]> = history
        .entries
        .iter()
        .rev()
        .map(|entry| {
            let netns = entry.netns_name.clone().unwrap_or_else(|| entry.netns.to_string());
            [entry.id.to_string(), time(entry.started_unix_ms), what(entry), netns, ending(entry, history).to_owned()]
        })
        .collect();
    let mut text = if rows.is_empty() {
        "nothing was applied yet\n".to_owned()
    } else {
        let align = [Align::Right, Align::Left, Align::Left, Align::Left, Align::Left];
        render_table(&["id", "when (UTC)", "what", "netns", "state"], &align, &rows, width)
    };
    for (file, reason) in &history.unreadable {
        text.push_str(&hanging("! ", &format!("{file} cannot be understood: {reason}"), width));
    }
    printable_lines(&text)
}

/// One entry whole: what was to be written and each step.
#[must_use]
pub fn render_entry(entry: &JournalEntry, history: &History, width: usize, ascii: bool) -> String {
    let arrow = if ascii { "->" } else { "→" };
    let kernel = entry.kernel.as_deref().unwrap_or("unknown");
    let netns = entry.netns_name.as_ref().map_or_else(String::new, |name| format!("{name} "));
    let mut text = format!(
        "entry {}: {}, {} UTC, by uid {}\n  network namespace {netns}({}), Linux {kernel}\n  boot {}\n  {}\n\n",
        entry.id,
        what(entry),
        time(entry.started_unix_ms),
        entry.uid,
        entry.netns,
        entry.boot_id,
        ending(entry, history),
    );
    let rows: Vec<[String; 5]> = entry
        .keys
        .iter()
        .map(|key| {
            let step = entry.steps.iter().rev().find(|step| step.key == key.key).map(|step| &step.step);
            [key.key.to_string(), key.before.clone(), arrow.to_owned(), key.after.clone(), step_text(step)]
        })
        .collect();
    let align = [Align::Left, Align::Right, Align::Left, Align::Right, Align::Left];
    text.push_str(&render_table(&["key", "before", "", "after", "last step"], &align, &rows, width));
    printable_lines(&text)
}

fn step_text(step: Option<&StepKind>) -> String {
    match step {
        None => "not reached".to_owned(),
        Some(StepKind::Writing) => "being written".to_owned(),
        Some(StepKind::Written(_)) => "written, read back".to_owned(),
        Some(StepKind::Failed(why)) => format!("failed: {why}"),
        Some(StepKind::Undone) => "put back".to_owned(),
        Some(StepKind::UndoFailed(why)) => format!("not put back: {why}"),
    }
}

fn what(entry: &JournalEntry) -> String {
    match entry.action {
        Action::Apply => format!("apply {}", entry.profile),
        Action::Rollback(of) => format!("roll back {of}"),
    }
}

fn ending(entry: &JournalEntry, history: &History) -> &'static str {
    match (entry.action, entry.outcome) {
        (_, None) if entry.stands(&history.entries) || entry.action != Action::Apply => "half done",
        (_, Some(JournalOutcome::Undone)) => "failed, undone",
        (_, Some(JournalOutcome::UndoFailed)) => "failed, not undone",
        (Action::Rollback(_), _) => "done",
        (Action::Apply, _) if entry.stands(&history.entries) => "stands",
        (Action::Apply, _) => "rolled back",
    }
}

/// A time as `2026-11-22 09:40:12`, in UTC.
fn time(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.strftime("%F %T").to_string())
}
