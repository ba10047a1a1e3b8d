//! The connections there are, and which of them goes when there is no place left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// The places.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Counts up at every word of a client, and so tells who has been silent longest.
    turn: u64,
    members: BTreeMap<u64, Member>,
}

#[derive(Debug)]
struct Member {
    /// The turn at which it began to wait for its client; nothing while it is being answered.
    waiting_since: Option<u64>,
    /// Whether it has ever asked for anything: then an answer may still be on its way.
    asked: bool,
    abort: Option<AbortHandle>,
}

/// A place in the crowd; dropping it frees the place.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    id: u64,
}

impl Crowd {
    /// A place for one more of at most so many. Where all are taken, the one that has waited longest for its client is
    /// closed; nothing where all of them are being answered.
    pub(super) fn enter(self: &Arc<Self>, most: usize) -> Option<Seat> {
        self.with(|inner| {
            if inner.members.len() >= most {
                let waiting = inner.members.iter().filter_map(|(id, one)| Some((one.waiting_since?, *id)));
                let (_, longest) = waiting.min()?;
                inner.close(longest);
            }
            let id = inner.next_turn();
            inner.members.insert(id, Member { waiting_since: Some(id), asked: false, abort: None });
            Some(Seat { crowd: Arc::clone(self), id })
        })
    }

    /// Closes all whose clients have never asked for anything.
    pub(super) fn close_silent(&self) {
        self.with(|inner| {
            let silent = inner.members.iter().filter(|(_, one)| !one.asked);
            let ids: Vec<u64> = silent.map(|(id, _)| *id).collect();
            ids.into_iter().for_each(|id| inner.close(id));
        });
    }

    /// How the connection of a place is closed.
    pub(super) fn closes_by(&self, id: u64, abort: AbortHandle) {
        self.with(|inner| match inner.members.get_mut(&id) {
            Some(member) => member.abort = Some(abort),
            // Its place was given away before it had begun.
            None => abort.abort(),
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        // No act stops half way, so what a panic elsewhere left is whole.
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    fn close(&mut self, id: u64) {
        if let Some(abort) = self.members.remove(&id).and_then(|member| member.abort) {
            abort.abort();
        }
    }
}

impl Seat {
    /// Which place it is.
    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    /// A request has come, or its answer has gone.
    pub(super) fn answering(&self, is_answering: bool) {
        self.crowd.with(|inner| {
            let turn = inner.next_turn();
            if let Some(member) = inner.members.get_mut(&self.id) {
                member.waiting_since = (!is_answering).then_some(turn);
                member.asked = true;
            }
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.with(|inner| inner.members.remove(&self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_been_silent_longest_goes_first_and_who_is_answered_stays() {
        let crowd = Arc::new(Crowd::default());
        let ids = || crowd.with(|inner| inner.members.keys().copied().collect::<Vec<_>>());
        let seats: Vec<Seat> = (0..3).map_while(|_| crowd.enter(3)).collect();
        let [first, second, third] = seats.as_slice() else { panic!("three places") };
        // The first one has asked and got its answer, the second is being answered.
        first.answering(true);
        first.answering(false);
        second.answering(true);
        let fourth = crowd.enter(3).unwrap();
        assert_eq!(ids(), [first.id(), second.id(), fourth.id()], "the third has never said a word");
        third.answering(true);
        assert_eq!(ids().len(), 3, "what was closed does not come back");
        [first, &fourth].into_iter().for_each(|seat| seat.answering(true));
        assert!(crowd.enter(3).is_none(), "all are being answered");
        first.answering(false);
        let fifth = crowd.enter(3).unwrap();
        assert_eq!(ids(), [second.id(), fourth.id(), fifth.id()]);
        fourth.answering(false);
        crowd.close_silent();
        assert_eq!(ids(), [second.id(), fourth.id()], "an answer may be on its way to who has asked");
        drop(seats);
        assert_eq!(ids(), [fourth.id()]);
    }
}
