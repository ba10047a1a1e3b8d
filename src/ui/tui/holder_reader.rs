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
        if let (true, Ok(holders)) = (self.looking, self.found.recv_timeout(patience)) {
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
