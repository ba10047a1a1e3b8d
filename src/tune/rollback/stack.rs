//! The profiles that stand over one another for a key, and what the key has to be without one of them.

use crate::catalog::{normalize_value, same_value};
use crate::tune::journal::{Action, JournalEntry, JournalKey, JournalOutcome, StepKind};
use crate::tune::{Demand, Place};
use crate::units::SysctlKey;

/// What stands over a key in one boot and network namespace.
#[derive(Debug)]
pub(super) struct Stack<'a> {
    /// The value beneath all of it: what was there before the oldest that stands, or what somebody else wrote since.
    base: String,
    /// What stands, the oldest first.
    layers: Vec<Layer<'a>>,
}

/// One entry that stands for a key.
#[derive(Clone, Copy, Debug)]
struct Layer<'a> {
    entry: &'a JournalEntry,
    key: &'a JournalKey,
}

impl Layer<'_> {
    /// The value that it makes of the one beneath it.
    fn over(&self, beneath: &str) -> String {
        if self.key.demands.is_empty() {
            return normalize_value(&self.key.after);
        }
        let follow = |value: String, demand: &Demand| demand.wanted_from(&self.key.key, &value);
        self.key.demands.iter().fold(beneath.to_owned(), follow)
    }
}

impl<'a> Stack<'a> {
    /// What stands over a key, from the whole history of the namespace that `of` was written in.
    ///
    /// An apply that found another value than the history leaves there began anew, over what somebody else had written.
    pub(super) fn of(of: &JournalEntry, key: &SysctlKey, history: &'a [JournalEntry]) -> Self {
        let place = Place { boot_id: of.boot_id.clone(), netns: of.netns, netns_cookie: of.netns_cookie };
        let mut entries: Vec<&JournalEntry> = history.iter().filter(|entry| entry.is_of(&place)).collect();
        entries.sort_by_key(|entry| entry.id);
        let mut stack = Self { base: String::new(), layers: Vec::new() };
        for entry in entries {
            match entry.action {
                Action::Apply => stack.put(entry, key),
                Action::Rollback(undone) => {
                    if entry.outcome == Some(JournalOutcome::Applied) && !entry.left.contains(key) {
                        stack.layers.retain(|layer| layer.entry.id != undone);
                    }
                }
            }
        }
        stack
    }

    fn put(&mut self, entry: &'a JournalEntry, key: &SysctlKey) {
        if entry.outcome == Some(JournalOutcome::Undone) {
            return;
        }
        let was_reached = |found: &&JournalKey| entry.held.contains(found) || entry.reached(key);
        let Some(found) = entry.all_keys().find(|found| found.key == *key).filter(was_reached) else { return };
        let before = normalize_value(&found.before);
        if self.layers.is_empty() || !same_value(key, &self.value(), &before) {
            self.base = before;
            self.layers.clear();
        }
        self.layers.push(Layer { entry, key: found });
    }

    /// The value that all of it makes.
    pub(super) fn value(&self) -> String {
        self.layers.iter().fold(self.base.clone(), |beneath, layer| layer.over(&beneath))
    }

    /// The value that it makes without one entry, and the newest of the others; nothing when the entry is not in it.
    pub(super) fn without(&self, entry: u64) -> Option<(String, Option<u64>)> {
        let key = &self.layers.iter().find(|layer| layer.entry.id == entry)?.key.key;
        let others = || self.layers.iter().filter(|layer| layer.entry.id != entry);
        let value = others().fold(self.base.clone(), |beneath, layer| layer.over(&beneath));
        // One that would make the same of the value beneath everything holds nothing.
        let holds =
            (!same_value(key, &value, &self.base)).then(|| others().next_back().map(|layer| layer.entry.id)).flatten();
        Some((value, holds))
    }

    /// The newest entry of it.
    pub(super) fn newest(&self) -> Option<u64> {
        self.layers.last().map(|layer| layer.entry.id)
    }
}

impl JournalEntry {
    /// Whether a key may have been written: an entry that was finished wrote all of them, one that was not wrote those
    /// whose writing was begun and not put back.
    fn reached(&self, key: &SysctlKey) -> bool {
        if self.outcome == Some(JournalOutcome::Applied) {
            return true;
        }
        let last = self.steps.iter().rev().find(|step| step.key == *key);
        last.is_some_and(|step| !matches!(step.step, StepKind::Undone))
    }
}
