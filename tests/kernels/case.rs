//! How a case that the live tests have as well ends; a failure is a panic.

/// Why it cannot run on this machine.
#[derive(Debug)]
pub(crate) struct CannotRun(pub(crate) String);

/// How it ended.
pub(crate) type Ran = Result<(), CannotRun>;
