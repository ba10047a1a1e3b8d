//! A program on a pseudo-terminal, and what its screen shows: as much of a terminal as the interface writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Longest wait for something that must appear, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program and its screen.
pub(crate) struct Screen {
    child: Child,
    master: File,
    output: Receiver<Vec<u8>>,
    cells: BTreeMap<(usize, usize), char>,
    cursor: (usize, usize),
    /// What came of a sequence or a character that is not whole yet.
    rest: Vec<u8>,
}

impl Screen {
    /// Starts a program on a terminal of so many columns and rows; it inherits the namespace of this thread.
    pub(crate) fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        tcsetwinsize(&slave, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
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
        Self { child, master, output, cells: BTreeMap::new(), cursor: (0, 0), rest: Vec::new() }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until all of these texts are on the screen at once, and hands it out.
    pub(crate) fn wait_for(&mut self, texts: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.text();
            if texts.iter().all(|text| screen.contains(text)) {
                return screen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(_) => panic!("{texts:?} did not come together on\n{screen}"),
            }
        }
    }

    /// Waits until the program has ended.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// What is on the screen.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut at = (0, 0);
        for ((row, column), letter) in &self.cells {
            while at.0 < *row {
                text.push('\n');
                at = (at.0 + 1, 0);
            }
            text.extend(std::iter::repeat_n(' ', column.saturating_sub(at.1)));
            text.push(*letter);
            at.1 = column + 1;
        }
        text
    }

    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        loop {
            let rest = std::mem::take(&mut self.rest);
            let used = self.step(&rest);
            self.rest = rest[used..].to_vec();
            if used == 0 {
                return;
            }
        }
    }

    /// Takes one sequence or character; 0 when it is not whole yet.
    fn step(&mut self, bytes: &[u8]) -> usize {
        match bytes {
            [] | [0x1b] => 0,
            [0x1b, b'[', rest @ ..] => match rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) {
                Some(end) => {
                    self.sequence(&String::from_utf8_lossy(&rest[..end]), rest[end]);
                    end + 3
                }
                None => 0,
            },
            [0x1b, _, ..] => 2,
            [b'\r', ..] => {
                self.cursor.1 = 0;
                1
            }
            [b'\n', ..] => {
                self.cursor.0 += 1;
                1
            }
            [first, ..] => {
                let length = match first {
                    0..=0x7f => 1,
                    0x80..=0xdf => 2,
                    0xe0..=0xef => 3,
                    _ => 4,
                };
                let Some(letter) = bytes.get(..length) else { return 0 };
                let letter = String::from_utf8_lossy(letter).chars().next().unwrap_or(' ');
                self.cells.insert(self.cursor, letter);
                self.cursor.1 += 1;
                length
            }
        }
    }

    fn sequence(&mut self, parameters: &str, kind: u8) {
        let number = |at: usize| {
            let part = parameters.split(';').nth(at).and_then(|part| part.parse::<usize>().ok());
            part.unwrap_or(1).max(1)
        };
        match kind {
            b'H' => self.cursor = (number(0) - 1, number(1) - 1),
            b'C' => self.cursor.1 += number(0),
            b'J' => self.cells.clear(),
            b'K' => self.cells.retain(|place, _| place.0 != self.cursor.0 || place.1 < self.cursor.1),
            // Colours and modes move nothing.
            _ => {}
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A case that failed leaves no program behind; one that has ended is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
