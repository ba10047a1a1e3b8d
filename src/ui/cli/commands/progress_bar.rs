//! A line that is drawn anew in its place: on standard error, where that and standard output are a terminal.

use std::io::{self, IsTerminal, Write};

/// The line, and how much of it is on the screen.
pub(super) struct ProgressBar {
    terminal: Option<io::Stderr>,
    shown: usize,
}

impl ProgressBar {
    /// Nothing is drawn where standard error is no terminal, nor where standard output is none: what a pipe brings to the
    /// same screen would come in between.
    pub(super) fn new() -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Self { terminal: (stdout.is_terminal() && stderr.is_terminal()).then_some(stderr), shown: 0 }
    }

    /// Whether it is drawn.
    pub(super) fn is_drawn(&self) -> bool {
        self.terminal.is_some()
    }

    /// Draws this in the place of what was there.
    pub(super) fn draw(&mut self, text: &str) {
        let length = text.chars().count();
        let Some(terminal) = &mut self.terminal else { return };
        let rest = " ".repeat(self.shown.saturating_sub(length));
        // A terminal that is gone has nobody who misses it.
        let _ = write!(terminal, "\r{text}{rest}").and_then(|()| terminal.flush());
        self.shown = length;
    }

    /// Leaves the line empty for something else.
    pub(super) fn clear(&mut self) {
        let Some(terminal) = self.terminal.as_mut().filter(|_| self.shown > 0) else { return };
        let _ = write!(terminal, "\r{}\r", " ".repeat(self.shown)).and_then(|()| terminal.flush());
        self.shown = 0;
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        self.clear();
    }
}
