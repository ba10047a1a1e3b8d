//! A situation that is made, and how it goes on.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::case::CannotRun;

/// A situation, or why it cannot be made here.
pub(super) type Made = Result<Scene, CannotRun>;

/// The name of this process, as lists of sockets have it.
const COMM: &str = "/proc/self/comm";

/// What holds the sockets of a situation.
pub(super) struct Scene {
    held: Vec<Box<dyn Any>>,
    steps: BTreeMap<&'static str, Box<dyn FnOnce()>>,
    /// What this process was called before.
    called: String,
}

impl Scene {
    /// A situation whose sockets a process of this name holds: the test's own, which is called so meanwhile.
    pub(super) fn of(process: &str) -> Self {
        let called = fs::read_to_string(COMM).expect("the own name");
        fs::write(COMM, process).expect("the own name");
        Self { held: Vec::new(), steps: BTreeMap::new(), called }
    }

    /// The same, and this lasts as long.
    pub(super) fn holding(mut self, held: impl Any) -> Self {
        self.held.push(Box::new(held));
        self
    }

    /// The same, and this is what happens at `<!-- then: NAME -->`.
    pub(super) fn then(mut self, name: &'static str, step: impl FnOnce() + 'static) -> Self {
        self.steps.insert(name, Box::new(step));
        self
    }

    /// Goes on.
    pub(super) fn go_on(&mut self, name: &str) {
        let step = self.steps.remove(name).unwrap_or_else(|| panic!("the set-up has no step `{name}`"));
        step();
    }

    /// The steps that were not gone.
    pub(super) fn left(&self) -> Vec<&'static str> {
        self.steps.keys().copied().collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::write(COMM, self.called.trim_end());
    }
}

/// Something that goes on in a thread of its own, again and again after a pause, until this is dropped.
pub(super) struct GoingOn {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl GoingOn {
    /// Begins, in the calling thread's namespace.
    pub(super) fn every(pause: Duration, mut what: impl FnMut() + Send + 'static) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let ended = Arc::clone(&ended);
            move || {
                while !ended.load(Ordering::Relaxed) {
                    what();
                    std::thread::sleep(pause);
                }
            }
        });
        Self { ended, thread: Some(thread) }
    }
}

impl Drop for GoingOn {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
