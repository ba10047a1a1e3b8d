//! Receipts of applies and rollbacks, and the journal, as text and as JSON.

use std::path::Path;

use serde::Serialize;

use super::printable::printable_lines;
use super::prose::hanging;
use super::table::{Align, render_table};
use crate::tune::{
    Action, History, JournalEntry, JournalOutcome, Outcome, Place, PlanKind, Receipt, StepKind, Unreadable,
};
use crate::units::SysctlKey;

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
    /// What a rollback left as it was.
    left: Vec<&'a str>,
    /// The file that keeps values across boots; null when it was not touched.
    file: Option<FileView>,
    /// The file that a rollback left as it was; null when it left none.
    file_left: Option<String>,
    /// The file that is written only when it is confirmed; null when there is none.
    file_on_confirm: Option<String>,
    /// When it is undone unless it is confirmed, milliseconds since 1970-01-01 UTC; null when it is not.
    confirm_until_unix_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView<'a>>,
}

#[derive(Debug, Serialize)]
struct FileView {
    path: String,
    /// Whether it is there now; it was removed otherwise.
    exists: bool,
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
    /// Why the file is not what it was before; null where it is.
    file_failure: Option<&'a str>,
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
            left: receipt.left.iter().map(SysctlKey::as_str).collect(),
            file: receipt
                .file
                .as_ref()
                .map(|(path, exists)| FileView { path: path.display().to_string(), exists: *exists }),
            file_left: receipt.file_left.as_ref().map(|path| path.display().to_string()),
            file_on_confirm: receipt.file_on_confirm.as_ref().map(|path| path.display().to_string()),
            confirm_until_unix_ms: receipt.confirm_until_unix_ms,
            failure: failure(&receipt.outcome),
        }
    }
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Nothing => "nothing",
        Outcome::Applied => "applied",
        Outcome::Undone { .. } if outcome.is_whole() => "undone",
        Outcome::Undone { .. } => "undo-failed",
    }
}

fn failure(outcome: &Outcome) -> Option<FailureView<'_>> {
    let Outcome::Undone { key, why, undone, file_failure, .. } = outcome else { return None };
    let undone = undone.iter().map(|undone| UndoneView {
        key: undone.key.as_str(),
        before: &undone.before,
        failure: undone.failure.as_deref(),
    });
    Some(FailureView { key, why, undone: undone.collect(), file_failure: file_failure.as_deref() })
}

/// A receipt as text: what was written and read back, or what failed and what was put back.
#[must_use]
pub fn render_receipt(receipt: &Receipt, width: usize, ascii: bool) -> String {
    let entry = receipt.entry.map(|entry| format!("journal entry {entry}")).unwrap_or_default();
    let name = &receipt.profile;
    let text = match &receipt.outcome {
        Outcome::Nothing => {
            let mut text = format!("{name}: nothing to change\n");
            text.push_str(&left_rows(receipt, width));
            text.push_str(&afterwards(receipt, width));
            text
        }
        Outcome::Applied => {
            let count = receipt.written.len();
            let done = match receipt.kind {
                PlanKind::Apply => format!("{name} is applied"),
                PlanKind::Rollback(of) if receipt.left.is_empty() && receipt.file_left.is_none() => {
                    format!("entry {of} ({name}) is rolled back")
                }
                PlanKind::Rollback(of) => format!("entry {of} ({name}) is rolled back in part"),
            };
            let mut text = hanging("", &format!("{done}: {count} written and read back ({entry})"), width);
            text.push_str(&written_rows(receipt, width, ascii));
            text.push_str(&left_rows(receipt, width));
            text.push_str(&afterwards(receipt, width));
            text
        }
        Outcome::Undone { key, why, undone, file_failure, .. } => {
            let ending = if receipt.outcome.is_whole() {
                "the host is as it was before"
            } else {
                "NOT everything could be put back"
            };
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
            if let Some(why) = file_failure {
                text.push_str(&hanging("  LEFT      ", &format!("the file is not what it was before: {why}"), width));
            }
            text
        }
    };
    printable_lines(&text)
}

/// What was done to the file, how to keep the changes, and how to get back.
fn afterwards(receipt: &Receipt, width: usize) -> String {
    let mut text = String::new();
    if let Some((path, exists)) = &receipt.file {
        let done = if *exists { "is written" } else { "is removed" };
        text.push_str(&hanging("  ", &format!("{} {done}", path.display()), width));
    }
    if let (PlanKind::Rollback(of), Some(path)) = (receipt.kind, &receipt.file_left) {
        text.push_str(&hanging("! ", &file_left(path, of), width));
    }
    let (PlanKind::Apply, Some(entry)) = (receipt.kind, receipt.entry) else { return text };
    if let Some(until) = receipt.confirm_until_unix_ms {
        let until = time(until);
        let says = format!("undone at {until} UTC unless you keep it: tcpctl confirm {entry}");
        text.push_str(&hanging("! ", &says, width));
    }
    if let Some(path) = &receipt.file_on_confirm {
        let says = format!("{} is written only then; a reboot before undoes everything", path.display());
        text.push_str(&hanging("  ", &says, width));
    }
    text.push_str(&hanging("  ", &format!("undo: tcpctl rollback {entry}"), width));
    text
}

/// `1 key` or `3 keys`.
fn keys(count: usize) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{count} keys") }
}

/// What to do about keys that a rollback of this entry left.
fn left_sentence(count: usize, entry: u64) -> String {
    format!("{} left; `tcpctl rollback {entry} --force`", keys(count))
}

/// What to do about a file that a rollback of this entry left.
fn file_left(path: &Path, entry: u64) -> String {
    let path = path.display();
    format!("{path} left, since somebody else changed it; `tcpctl rollback {entry} --force` takes it back too")
}

/// What a rollback left as it was, and how to restore that too.
fn left_rows(receipt: &Receipt, width: usize) -> String {
    let PlanKind::Rollback(entry) = receipt.kind else { return String::new() };
    if receipt.left.is_empty() {
        return String::new();
    }
    let mut text = hanging("! ", &left_sentence(receipt.left.len(), entry), width);
    for key in &receipt.left {
        text.push_str(&hanging("  left  ", key.as_str(), width));
    }
    text
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
    /// Whether it was applied and not wholly rolled back since.
    stands: bool,
    /// The keys for which it stands.
    standing: Vec<&'a str>,
    /// The file for which it stands; null when it wrote none or that was taken back.
    file_standing: Option<String>,
    /// For a rollback, whether it left something as it was.
    partial: bool,
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
        let unreadable = history.unreadable.iter().map(|bad| UnreadableView { file: &bad.file, reason: &bad.reason });
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
        let standing: Vec<_> = entry.left(&history.entries).into_iter().map(|key| key.key.as_str()).collect();
        let file_standing = entry.file_standing(&history.entries).map(|path| path.display().to_string());
        let (stands, partial) = (entry.stands(&history.entries), entry.is_partial(&history.entries));
        Self { stands, standing, file_standing, partial, entry }
    }
}

/// The journal as a table, the newest entry first, and what there is to do about entries that did not end well.
/// `place` is where this is, as far as that is known: nothing can be done about entries of another boot.
#[must_use]
pub fn render_history(history: &History, place: Option<&Place>, width: usize) -> String {
    let rows: Vec<[String; 6]> = history
        .entries
        .iter()
        .rev()
        .map(|entry| {
            // The name may mean another namespace by now, or none.
            let name = entry.netns_name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
            let netns = format!("{}{name}", entry.netns);
            let who = entry.login_uid.unwrap_or(entry.uid).to_string();
            [
                entry.id.to_string(),
                time(entry.started_unix_ms),
                who,
                netns,
                ending_in(entry, history, place),
                what(entry),
            ]
        })
        .collect();
    let mut text = if rows.is_empty() {
        "nothing was applied yet\n".to_owned()
    } else {
        let align = [Align::Right, Align::Left, Align::Right, Align::Left, Align::Left, Align::Left];
        render_table(&["id", "when (UTC)", "uid", "netns", "state", "what"], &align, &rows, width)
    };
    let present = |entry: &&JournalEntry| place.is_none_or(|place| entry.boot_id == place.boot_id);
    for entry in history.entries.iter().rev().filter(present) {
        if let Some(remedy) = remedy(entry, history) {
            text.push_str(&hanging("! ", &format!("entry {}: {remedy}", entry.id), width));
        }
    }
    for entry in history.entries.iter().rev() {
        if let Some(why) = &entry.why {
            text.push_str(&hanging("  ", &format!("entry {}: {why}", entry.id), width));
        }
    }
    for Unreadable { file, reason, .. } in &history.unreadable {
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
    let title = format!("entry {}: {}, {} UTC, by {}", entry.id, what(entry), time(entry.started_unix_ms), who(entry));
    let mut text = hanging("", &title, width);
    text.push_str(&hanging("  ", &format!("network namespace {netns}({}), Linux {kernel}", entry.netns), width));
    text.push_str(&hanging("  ", &format!("boot {}", entry.boot_id), width));
    let state = remedy(entry, history).unwrap_or_else(|| ending(entry, history));
    text.push_str(&hanging("  ", &state, width));
    text.push('\n');
    if let Some(why) = &entry.why {
        text.push_str(&hanging("  why: ", why, width));
        text.push('\n');
    }
    if let Some(persist) = &entry.persist {
        let done = match &persist.after {
            _ if entry.is_unconfirmed() => "written when it is confirmed, and not before",
            Some(_) => "written",
            None => "removed",
        };
        text.push_str(&hanging("  ", &format!("file in {}: {done}", persist.directory), width));
        text.push('\n');
    }
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
    if !entry.held.is_empty() {
        let held: Vec<&str> = entry.held.iter().map(|key| key.key.leaf()).collect();
        text.push_str(&hanging("  already so: ", &held.join(", "), width));
    }
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

/// Who did it: the user of the process, and who had logged in where that is another one.
fn who(entry: &JournalEntry) -> String {
    match entry.login_uid {
        Some(login) if login != entry.uid => format!("uid {} (logged in as uid {login})", entry.uid),
        _ => format!("uid {}", entry.uid),
    }
}

fn what(entry: &JournalEntry) -> String {
    match entry.action {
        Action::Apply => format!("apply {}", entry.profile),
        Action::Rollback(of) => format!("roll back {of}"),
    }
}

/// As [`ending`], where this is: nothing of an earlier boot waits any more.
fn ending_in(entry: &JournalEntry, history: &History, place: Option<&Place>) -> String {
    let rebooted = place.is_some_and(|place| place.boot_id != entry.boot_id);
    if rebooted && entry.is_unconfirmed() && entry.stands(&history.entries) {
        return "undone by the reboot".to_owned();
    }
    ending(entry, history)
}

fn ending(entry: &JournalEntry, history: &History) -> String {
    let left = entry.left(&history.entries).len();
    let file = entry.file_standing(&history.entries).is_some();
    match (entry.action, entry.outcome) {
        (_, Some(JournalOutcome::Undone)) => "failed, undone".to_owned(),
        (Action::Rollback(_), None) => "stopped half way".to_owned(),
        (Action::Rollback(_), Some(JournalOutcome::UndoFailed)) => "failed, not undone".to_owned(),
        (Action::Rollback(_), Some(JournalOutcome::Applied)) if entry.is_partial(&history.entries) => {
            "done in part".to_owned()
        }
        (Action::Rollback(_), Some(JournalOutcome::Applied)) => "done".to_owned(),
        (Action::Apply, _) if left == 0 && file => "file left".to_owned(),
        (Action::Apply, _) if left == 0 => "rolled back".to_owned(),
        (Action::Apply, _) if left < entry.all_keys().count() => format!("{} left", keys(left)),
        (Action::Apply, None) => "stopped half way".to_owned(),
        (Action::Apply, Some(JournalOutcome::UndoFailed)) => "failed, not undone".to_owned(),
        (Action::Apply, Some(JournalOutcome::Applied)) if entry.is_unconfirmed() => "to be confirmed".to_owned(),
        (Action::Apply, Some(JournalOutcome::Applied)) => "stands".to_owned(),
    }
}

/// What to do about an entry that left something behind.
fn remedy(entry: &JournalEntry, history: &History) -> Option<String> {
    let left = entry.left(&history.entries).len();
    let of = match entry.action {
        Action::Apply if left == 0 => {
            return entry.file_standing(&history.entries).map(|path| file_left(&path, entry.id));
        }
        Action::Apply if left > 0 && left < entry.all_keys().count() => return Some(left_sentence(left, entry.id)),
        Action::Apply => entry.id,
        Action::Rollback(of) => {
            let stands = |entry: &JournalEntry| entry.id == of && entry.stands(&history.entries);
            history.entries.iter().any(stands).then_some(of)?
        }
    };
    match entry.outcome {
        _ if entry.is_unconfirmed() => {
            let until = entry.confirm.map_or_else(String::new, |confirm| time(confirm.until_unix_ms));
            Some(format!(
                "waits for `tcpctl confirm {of}`, without which it is undone at {until} UTC; if that is past and it still \
                 waits, what was to undo it was killed: run `tcpctl rollback {of}`"
            ))
        }
        None => Some(format!("stopped half way; run `tcpctl rollback {of}`")),
        Some(JournalOutcome::UndoFailed) => Some(format!("not everything was put back; run `tcpctl rollback {of}`")),
        Some(JournalOutcome::Applied | JournalOutcome::Undone) => None,
    }
}

/// A time as `2026-11-22 09:40:12`, in UTC.
fn time(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.strftime("%F %T").to_string())
}
