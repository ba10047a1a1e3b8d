//! What is still to happen in a scenario, in the order of its keys.
//!
//! There are a handful of entries at a time, so that a sorted row is cheaper than a tree.

/// Nominal time, and the order of causes.
pub(super) type Key = (u64, u64);

/// Entries in the order of their keys, the next one at the row's end.
#[derive(Debug)]
pub(super) struct Pending<T> {
    row: Vec<(Key, T)>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { row: Vec::new() }
    }
}

impl<T> Pending<T> {
    /// Adds an entry; each key is used once.
    pub(super) fn insert(&mut self, key: Key, entry: T) {
        // What is added last is mostly nearer to the far end, where it is looked for last; there are few.
        let place = self.row.iter().rposition(|(other, _)| *other > key).map_or(0, |before| before + 1);
        self.row.insert(place, (key, entry));
    }

    /// The next one.
    pub(super) fn first(&self) -> Option<&(Key, T)> {
        self.row.last()
    }

    /// Takes the next one out.
    pub(super) fn pop_first(&mut self) -> Option<T> {
        self.row.pop().map(|(_, entry)| entry)
    }

    /// Takes the one with this key out.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.row.iter().rposition(|(other, _)| *other == key)?;
        Some(self.row.remove(place).1)
    }

    /// All of them, the next one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Key, T)> {
        self.row.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_the_order_of_their_keys() {
        let mut pending = Pending::default();
        for (order, at_us) in [(0, 30), (1, 10), (2, 20), (3, 10), (4, 40)] {
            pending.insert((at_us, order), order);
        }
        assert_eq!(pending.iter().map(|(_, entry)| *entry).collect::<Vec<_>>(), [1, 3, 2, 0, 4]);
        assert_eq!((pending.remove((20, 2)), pending.remove((20, 2))), (Some(2), None));
        assert_eq!(pending.first(), Some(&((10, 1), 1)));
        let taken: Vec<_> = core::iter::from_fn(|| pending.pop_first()).collect();
        assert_eq!(taken, [1, 3, 0, 4]);
    }
}
