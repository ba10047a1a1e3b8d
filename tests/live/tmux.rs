//! A shell in tmux, driven as people do: keys in, the screen out. What tmux understands of what a program writes is no
//! code of ours, so that a mistake in our own terminal cannot hide one of the interface.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Longest wait for something that must appear, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// No line of tmux's own, and no settings of whoever runs this.
const SETTINGS: &str = "set -g status off\nset -g remain-on-exit on\n";

/// A tmux of its own with one shell in it, which inherits the namespace of the thread that starts it.
pub(crate) struct Tmux {
    directory: tempfile::TempDir,
    /// Something comes whenever the shell or what runs in it has written.
    written: Receiver<()>,
}

impl Tmux {
    /// Whether there is a tmux to start.
    pub(crate) fn is_installed() -> bool {
        Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success())
    }

    /// Starts a shell in so many columns and rows.
    pub(crate) fn start(columns: u16, rows: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("settings"), SETTINGS).unwrap();
        let pipe = path("written");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let tmux = Self { written: listen(pipe.clone()), directory };
        let size = (columns.to_string(), rows.to_string());
        tmux.run(&["new-session", "-d", "-x", &size.0, "-y", &size.1, "exec env PS1='shell> ' ENV= sh -i"]);
        tmux.run(&["pipe-pane", &format!("exec cat >'{}'", pipe.display())]);
        tmux
    }

    /// A directory that lasts as long as this.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Presses keys; what is no letter is told by its byte.
    pub(crate) fn press(&self, keys: &str) {
        for key in keys.split_inclusive(['\r', '\u{1b}', '\u{1a}', '\t']) {
            let letters = key.trim_end_matches(['\r', '\u{1b}', '\u{1a}', '\t']);
            if !letters.is_empty() {
                self.run(&["send-keys", "-l", "--", letters]);
            }
            match key.chars().last() {
                Some('\r') => drop(self.run(&["send-keys", "Enter"])),
                Some('\u{1b}') => drop(self.run(&["send-keys", "Escape"])),
                Some('\u{1a}') => drop(self.run(&["send-keys", "C-z"])),
                Some('\t') => drop(self.run(&["send-keys", "Tab"])),
                _ => {}
            }
        }
    }

    /// Gives the window another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.run(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.run(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// Waits until all of these texts are on the screen at once, and hands it out.
    pub(crate) fn wait_for(&self, texts: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.text();
            if texts.iter().all(|text| screen.contains(text)) {
                return screen;
            }
            match self.written.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                // tmux shows what it hands on before it answers again; more of it needs no second look.
                Ok(()) => while self.written.try_recv().is_ok() {},
                Err(RecvTimeoutError::Timeout) => panic!("{texts:?} did not come together on\n{screen}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the shell has ended; {texts:?} is not on\n{screen}"),
            }
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let path = |name: &str| self.directory.path().join(name);
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(path("socket")).arg("-f").arg(path("settings")).args(arguments);
        command
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .env_remove("XDG_CONFIG_HOME")
            .env("HOME", self.home());
        let output = command.output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It takes the shell and what runs in it with it. One that never began has nothing to end.
        let socket = self.directory.path().join("socket");
        let _ = Command::new("tmux").arg("-S").arg(socket).arg("kill-server").output();
    }
}

/// Tells of everything that comes out of a pipe.
fn listen(pipe: PathBuf) -> Receiver<()> {
    let (sender, written) = channel();
    std::thread::spawn(move || {
        // Opens when tmux opens the other end.
        let mut pipe = File::open(pipe).unwrap();
        let mut bytes = [0; 4096];
        while let Ok(1..) = pipe.read(&mut bytes) {
            if sender.send(()).is_err() {
                return;
            }
        }
    });
    written
}
