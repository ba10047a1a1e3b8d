//! The terminal interface on a pseudo-terminal: it ends in order, and the terminal is as it was.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running interface and the other end of its terminal.
struct Session {
    child: Child,
    master: File,
    /// Kept open, so that the terminal's state can be looked at after the end.
    slave: OwnedFd,
    output: Receiver<Vec<u8>>,
    seen: Vec<u8>,
    /// What is read instead of the host: an empty proc file system.
    _proc: tempfile::TempDir,
}

impl Session {
    /// Starts the interface and waits for its first frame.
    fn start(environment: &[(&str, &str)]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        tcsetwinsize(&slave, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let proc = tempfile::tempdir().unwrap();
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_tcpctl"))
            .arg("--proc")
            .arg(proc.path())
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .envs(environment.iter().copied())
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .unwrap();
        let master = File::from(master);
        let (sender, output) = channel();
        let mut reader = master.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut session = Self { child, master, slave, output, seen: Vec::new(), _proc: proc };
        session.wait_for("Against limits");
        session
    }

    /// Waits until the terminal was sent this text.
    fn wait_for(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.seen).contains(text) {
            let more = self.output.recv_timeout(PATIENCE);
            self.seen.extend(more.unwrap_or_else(|_| panic!("no `{text}` in {}", String::from_utf8_lossy(&self.seen))));
        }
    }

    fn is_cooked(&self) -> bool {
        let modes = tcgetattr(self.slave.as_fd()).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end and demands a terminal as it was before.
    fn ends_in_order_with(mut self, code: i32) -> String {
        assert_eq!(self.child.wait().unwrap().code(), Some(code));
        assert!(self.is_cooked(), "the terminal was left raw");
        self.wait_for("\u{1b}[?1049l");
        self.wait_for("\u{1b}[?25h");
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

#[test]
fn a_key_leaves_and_gives_the_terminal_back() {
    let mut session = Session::start(&[]);
    assert!(!session.is_cooked());
    session.master.write_all(b"q").unwrap();
    session.ends_in_order_with(0);
}

#[test]
fn leaving_with_a_capital_q_prints_the_screen_as_text() {
    let mut session = Session::start(&[]);
    session.master.write_all(b"Q").unwrap();
    session.wait_for("\u{1b}[?1049l");
    session.wait_for("q quit\r\n");
    // One read may bring the end of the alternate screen and what is kept after it together.
    let seen = String::from_utf8_lossy(&session.seen).into_owned();
    let kept = seen.rsplit_once("\u{1b}[?1049l").unwrap().1;
    assert!(kept.contains("[1Overview]"), "{kept}");
    session.ends_in_order_with(0);
}

#[test]
fn each_signal_that_ends_it_gives_the_terminal_back() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let session = Session::start(&[]);
        session.signal(signal);
        session.ends_in_order_with(code);
    }
}

#[test]
fn a_lost_terminal_ends_it() {
    let Session { mut child, master, slave, output, .. } = Session::start(&[]);
    // Its reader holds a copy of the master, so the terminal hangs up only when that one ends as well.
    drop((output, slave));
    drop(master);
    // The reader notices that nobody listens with the next bytes, which come with the next clock.
    assert_eq!(child.wait().unwrap().code(), Some(129));
}

#[test]
fn without_colour_no_colour_is_sent() {
    let mut session = Session::start(&[("NO_COLOR", "1")]);
    session.master.write_all(b"q").unwrap();
    let sent = session.ends_in_order_with(0);
    let codes: Vec<&str> =
        sent.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once('m')).map(|(code, _)| code).collect();
    let codes = codes.into_iter().filter(|code| code.chars().all(|letter| letter.is_ascii_digit() || letter == ';'));
    for code in codes {
        assert!(!code.is_empty(), "an empty style command wipes reverse and bold");
        assert!(!code.starts_with("38") && !code.starts_with("48"), "colour {code}");
    }
}

#[test]
fn a_frozen_screen_sends_not_one_byte() {
    let mut session = Session::start(&[]);
    session.master.write_all(b"f").unwrap();
    session.wait_for("FROZEN");
    // The frame that says so may come in several parts; after it nothing does.
    while session.output.recv_timeout(Duration::from_millis(500)).is_ok() {}
    assert_eq!(session.output.recv_timeout(Duration::from_secs(3)).ok(), None);
    session.master.write_all(b"q").unwrap();
    session.ends_in_order_with(0);
}

#[test]
fn nothing_is_written_to_the_home_directory() {
    let home = tempfile::tempdir().unwrap();
    let mut session = Session::start(&[("HOME", home.path().to_str().unwrap())]);
    session.master.write_all(b"3469q").unwrap();
    session.ends_in_order_with(0);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
