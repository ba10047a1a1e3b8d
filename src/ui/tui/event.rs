//! What comes into the state, and what comes out of it.

use std::sync::Arc;

use super::key::Key;
use super::laboratory::{LabNews, LabRequest};
use super::mouse::Mouse;
use super::profiles::{TuneReply, TuneRequest};
use super::state::Now;
use super::wants::{Found, Want};
use crate::snapshot::Snapshot;

/// What can happen.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted, which is no keys.
    Paste(String),
    /// The mouse was used.
    Mouse(Mouse),
    /// The terminal came to the front, or another window did.
    Focus(bool),
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// Time has passed.
    Clock(Now),
    /// The kernel was read.
    Read(Arc<Snapshot>),
    /// From now on a reading follows the one before after so many milliseconds, whatever was asked for.
    Paced(u64),
    /// The kernel could not be read, and why.
    ReadFailed(String),
    /// What the open screen wanted was read.
    Found(Found),
    /// A file was written, or why it was not.
    Exported(Result<String, String>),
    /// The laboratory tells of a playing, by its number.
    Lab(u64, LabNews),
    /// The tuning thread answered.
    Tuned(Box<TuneReply>),
}

/// What the state asks the outside to do. One place performs effects.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Leave and print the screen as text.
    QuitKeepingScreen,
    /// Draw everything anew, as the terminal may show something else.
    Redraw,
    /// Stop until the shell continues the process.
    Suspend,
    /// Read the kernel now.
    ReadNow,
    /// Read the kernel every so many milliseconds.
    SetInterval(u64),
    /// Rest, as nobody looks, or read as before and at once.
    Rest(bool),
    /// Read this besides what every screen needs.
    Want(Want),
    /// Look at another network namespace, by name, process id or path; nothing for the one of the start.
    Enter(Option<String>),
    /// Write this to a file that is not there yet.
    Export {
        /// Where.
        path: String,
        /// What.
        text: String,
    },
    /// Hand this to the clipboard of the terminal.
    Copy(String),
    /// Listen to the mouse, or leave it to the terminal.
    ListenToMouse(bool),
    /// Ask the laboratory.
    Lab(LabRequest),
    /// Ask the tuning thread.
    Tune(TuneRequest),
}

impl Effect {
    /// Whether performing it changes the host.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self, Self::Tune(request) if request.writes())
    }
}
