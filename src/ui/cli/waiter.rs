//! The process that undoes an apply unless it is confirmed.

use super::CliError;
use super::context::Context;
use crate::tune;

/// What is to be started before the first write, if a confirmation is asked for.
pub(super) struct Waiter {
    within_ms: Option<u64>,
    waiter: tune::Waiter,
}

impl Waiter {
    pub(super) fn new(within_ms: Option<u64>, context: &Context<'_>) -> Result<Self, CliError> {
        let program = std::env::current_exe().map_err(CliError::failure)?;
        let waiter = tune::Waiter::new(program, &context.proc_root, &context.state_dir).map_err(CliError::failure)?;
        Ok(Self { within_ms, waiter })
    }

    /// Starts it for an entry, where one is asked for.
    pub(super) fn start(&mut self, entry: u64) -> Result<(), String> {
        self.within_ms.map_or(Ok(()), |within_ms| self.waiter.start(entry, within_ms))
    }
}
