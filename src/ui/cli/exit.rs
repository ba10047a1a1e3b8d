//! Exit codes and the errors that lead to them.

use std::process::ExitCode;

use crate::collect::{CollectError, SocketRowsError, Whose};

/// How a command that worked ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing to report: 0.
    Ok,
    /// Done, and there are findings or drift: 1.
    Findings,
    /// Done as far as it could be: some of what was named gave no answer: 3.
    Incomplete,
    /// Ended in order by the signal with this number: 128 and the number, as a shell would say.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Ok => Self::SUCCESS,
            Exit::Findings => Self::from(1),
            Exit::Incomplete => Self::from(3),
            Exit::Signal(number) => Self::from(number.saturating_add(128)),
        }
    }
}

/// Why a command did not do what was asked. The text says what was tried, on what, what the answer was and
/// what can be done.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The request cannot be right: 2.
    #[error("{0}")]
    Usage(String),
    /// The request is right and failed: 3.
    #[error("{0:#}")]
    Failure(anyhow::Error),
    /// The request is right and this process may not do it: 4.
    #[error("{0}")]
    NotPermitted(String),
    /// Writing the output failed; a closed pipe counts as success.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

/// A namespace or proc root that is not there is a mistake of the caller, one that is closed needs another caller.
impl From<CollectError> for CliError {
    fn from(error: CollectError) -> Self {
        match error.whose() {
            Whose::Request => Self::Usage(error.to_string()),
            Whose::Permission => Self::NotPermitted(error.to_string()),
            Whose::Kernel => Self::failure(error),
        }
    }
}

/// A filter that is wrong is a mistake of the caller; one that asks for marks needs another caller.
impl From<SocketRowsError> for CliError {
    fn from(error: SocketRowsError) -> Self {
        match error.whose() {
            Whose::Request => Self::Usage(error.to_string()),
            Whose::Permission => Self::NotPermitted(error.to_string()),
            Whose::Kernel => Self::failure(error),
        }
    }
}

impl CliError {
    /// A failure from any error.
    pub fn failure(error: impl Into<anyhow::Error>) -> Self {
        Self::Failure(error.into())
    }

    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failure(_) => 3,
            Self::NotPermitted(_) => 4,
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => 3,
        }
    }
}
