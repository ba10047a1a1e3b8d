//! What the entries that stand demand.

use crate::tune::conflict::Standing;
use crate::tune::journal::{History, JournalEntry};
use crate::tune::{Demand, Operator, Place};

/// Everything that the entries which stand in a place demand, the oldest first.
#[must_use]
pub fn standing_demands(history: &History, place: &Place) -> Vec<Standing> {
    let entries = &history.entries;
    let here = entries.iter().filter(|entry| entry.is_of(place));
    let demands = |entry: &JournalEntry| -> Vec<Standing> {
        let of = |key: &crate::tune::JournalKey| {
            let written = || vec![Demand { operator: Operator::Set, value: key.after.clone() }];
            let demands = if key.demands.is_empty() { written() } else { key.demands.clone() };
            Standing { entry: entry.id, profile: entry.profile.clone(), key: key.key.clone(), demands }
        };
        entry.left(entries).into_iter().map(of).collect()
    };
    here.flat_map(demands).collect()
}
