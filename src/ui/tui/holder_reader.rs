//! Who holds which socket, found out beside the readings: looking through the descriptors of all processes takes longer
//! than listing the sockets, and is worth no share of a processor that somebody else needs.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::collect::Holders;

/// So long it looks without a rest, which is enough for hosts with some thousand sockets.
const AT_ONCE: Duration = Duration::from_millis(40);
/// Then it rests so many times as long as it looks: a twelfth of one processor.
const RESTS: u32 = 11;
/// A reading waits so long for what was asked; what comes later is of the next one.
const PATIENCE: Duration = Duration::from_millis(80);
/// What is known is found out anew after so long, as a process may have handed a socket on.
const OLD: Duration = Duration::from_secs(30);

/// What looks for holders, and what it found last.
pub(super) struct HolderReader {
    requests: Sender<()>,
    found: Receiver<Holders>,
    latest: Option<Holders>,
    /// When the present look began, or the last one ended.
    since: Instant,
    looking: bool,
    /// Sockets for which the present look was asked.
    wanted: BTreeSet<u32>,
    /// Sockets that were there before the last look, which did not find who holds them.
    unheld: BTreeSet<u32>,
}

impl HolderReader {
    /// Starts the thread; it ends with this.
    pub(super) fn start(proc_root: &Path) -> Self {
        let (requests, asked) = channel();
        let (sender, found) = channel();
        let root = proc_root.to_owned();
        std::thread::spawn(move || look(&root, &asked, &sender));
        Self {
            requests,
            found,
            latest: None,
            since: Instant::now(),
            looking: false,
            wanted: BTreeSet::new(),
            unheld: BTreeSet::new(),
        }
    }

    /// What is known of who holds these sockets: where something of it is missing or old a look is begun, and waited for
    /// if it is short. Nothing before the first one has ended.
    pub(super) fn of(&mut self, inodes: impl Iterator<Item = u32>) -> Option<&mut Holders> {
        self.take(Duration::ZERO);
        let inodes: BTreeSet<u32> = inodes.filter(|inode| *inode != 0).collect();
        let known = |holders: &Holders, inode: &u32| holders.knows(*inode) || self.unheld.contains(inode);
        let complete = self.latest.as_ref().is_some_and(|holders| inodes.iter().all(|inode| known(holders, inode)));
        if !self.looking && (!complete || self.since.elapsed() >= OLD) {
            (self.looking, self.since, self.wanted) = (true, Instant::now(), inodes);
            // A thread that has ended leaves holders unknown, and is no reason to show no sockets.
            let _ = self.requests.send(());
            self.take(PATIENCE);
        }
        let known = self.latest.as_mut()?;
        known.count_anew();
        Some(known)
    }

    /// Whether who holds this socket may yet be found out.
    pub(super) fn is_open(&self, inode: u32) -> bool {
        let known = |holders: &Holders| holders.knows(inode);
        inode != 0 && self.looking && !self.unheld.contains(&inode) && !self.latest.as_ref().is_some_and(known)
    }

    fn take(&mut self, patience: Duration) {
        // Where no look goes on there is nothing to wait for.
        if self.looking
            && let Ok(holders) = self.found.recv_timeout(patience)
        {
            (self.looking, self.since) = (false, Instant::now());
            let wanted = core::mem::take(&mut self.wanted);
            self.unheld = wanted.into_iter().filter(|inode| !holders.knows(*inode)).collect();
            self.latest = Some(holders);
        }
    }
}

/// Looks as often as it is asked, with rests.
fn look(root: &Path, asked: &Receiver<()>, sender: &Sender<Holders>) {
    while asked.recv().is_ok() {
        let begun = Instant::now();
        let mut last = begun;
        let holders = Holders::read_paced(root, &mut || {
            if begun.elapsed() > AT_ONCE {
                std::thread::sleep(last.elapsed() * RESTS);
            }
            last = Instant::now();
        });
        if sender.send(holders).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Longer than any look at two processes takes.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn who_holds_a_socket_is_looked_for_once_and_again_for_one_that_is_new() {
        let root = tempfile::tempdir().unwrap();
        let descriptors = root.path().join("1203/fd");
        std::fs::create_dir_all(&descriptors).unwrap();
        symlink("socket:[77]", descriptors.join("3")).unwrap();
        let mut reader = HolderReader::start(root.path());
        reader.of([77, 78, 0].into_iter());
        reader.take(LONG);
        let pids = |reader: &mut HolderReader, inode: u32| -> Vec<u32> {
            reader.latest.as_mut().unwrap().of(inode).map(|owner| owner.pid).collect()
        };
        assert_eq!(pids(&mut reader, 77), [1203]);
        assert_eq!(pids(&mut reader, 78), [0_u32; 0], "nobody holds it");
        // What was looked for in vain is not looked for at every reading, and is not said to be looked for.
        assert!(reader.of([77, 78].into_iter()).is_some());
        assert!(!reader.looking && !reader.is_open(78) && !reader.is_open(0));
        symlink("socket:[79]", descriptors.join("4")).unwrap();
        reader.of([77, 79].into_iter());
        reader.take(LONG);
        assert_eq!(pids(&mut reader, 79), [1203]);
    }

    #[test]
    fn before_a_look_has_ended_nobody_is_known_and_the_socket_is_open() {
        let (requests, _asked) = channel();
        let (_sender, found) = channel();
        let since = Instant::now();
        let sets = (BTreeSet::new(), BTreeSet::new());
        // The other ends are held here: nobody answers.
        let mut reader =
            HolderReader { requests, found, latest: None, since, looking: false, wanted: sets.0, unheld: sets.1 };
        assert!(reader.of([77].into_iter()).is_none());
        assert!(reader.is_open(77) && !reader.is_open(0));
    }

    #[test]
    fn who_cannot_be_looked_into_is_a_gap() {
        let mut reader = HolderReader::start(Path::new("/no/such/proc"));
        reader.of([77].into_iter());
        reader.take(LONG);
        let holders = reader.latest.as_mut().unwrap();
        assert_eq!(holders.of(77).count(), 0);
        assert!(holders.gap().is_some_and(|gap| gap.consequence.contains("unknown")), "{:?}", holders.gap());
    }
}
