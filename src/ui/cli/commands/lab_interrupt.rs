//! Signals that end a playing in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;

use anyhow::Context as _;

use crate::sys::{HeldSignals, Rights, TerminalSignal, keep_rights, stop_process_group};
use crate::ui::cli::CliError;

/// Watches for a signal that asks to end.
pub(super) struct Interrupt {
    stop: Arc<AtomicBool>,
    number: Arc<AtomicU8>,
}

impl Interrupt {
    /// From now on the first signal stops what is played, and a second one ends the process at once. To be called
    /// before any other thread starts.
    pub(super) fn heed() -> Result<Self, CliError> {
        let held = HeldSignals::hold().context("cannot hold back signals").map_err(CliError::Failure)?;
        let interrupt = Self { stop: Arc::default(), number: Arc::default() };
        let (stop, number) = (Arc::clone(&interrupt.stop), Arc::clone(&interrupt.number));
        let watch = move || {
            // Waiting for signals takes no right. The thread that starts this one has heard whether giving up is refused.
            let _ = keep_rights(Rights::NONE);
            while let Ok(signal) = held.wait() {
                let stopped = match signal {
                    TerminalSignal::Stop => stop_process_group(),
                    TerminalSignal::End(signal) => {
                        number.store(signal, Ordering::Relaxed);
                        stop.store(true, Ordering::Relaxed);
                        held.release()
                    }
                };
                if stopped.is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("signal".to_owned())
            .spawn(watch)
            .context("cannot start a thread")
            .map_err(CliError::Failure)?;
        Ok(interrupt)
    }

    /// What is set when it is time to stop.
    pub(super) fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Whether it is time to stop.
    pub(super) fn is_set(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The signal that came.
    pub(super) fn signal(&self) -> Option<u8> {
        Some(self.number.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }
}
