//! Playing a topic in the laboratory: by the program itself as a child, whose lines are shown as they come. The child is
//! a process of its own, since the laboratory takes the rights that it needs before any thread starts.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use super::Event;
use super::run::{Arrival, send};
use crate::model::Timeline;
use crate::report::render_live_head;

/// What is asked of the laboratory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabRequest {
    /// Play a topic.
    Start {
        /// Number of this playing, by which its lines are told from those of one before.
        run: u64,
        /// The arguments behind `tcpctl`.
        arguments: Vec<String>,
    },
    /// End what is played.
    Stop,
}

/// What the laboratory tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabNews {
    /// A line of its output.
    Line(String),
    /// It is over; what it said on standard error.
    Ended(String),
}

/// Longest run of lines that is kept.
const MOST_LINES: usize = 2000;

/// The state of the screen of the laboratory.
#[derive(Clone, Debug, Default)]
pub(super) struct Laboratory {
    /// Number of the present playing, or of the last.
    pub(super) run: u64,
    /// What was or is played.
    pub(super) topic: Option<&'static str>,
    /// The command that does the same.
    pub(super) command: String,
    pub(super) lines: Vec<String>,
    pub(super) is_playing: bool,
    /// What the model foretells with the settings that are played.
    pub(super) predicted: Option<Arc<Timeline>>,
    /// When the first event was due, on the clock of the state.
    pub(super) began_unix_ms: Option<u64>,
}

impl Laboratory {
    /// Takes what the laboratory tells; news of an earlier playing come too late.
    pub(super) fn take(&mut self, run: u64, news: LabNews, now_unix_ms: u64) {
        if run != self.run {
            return;
        }
        match news {
            // The heading comes when the playing begins.
            LabNews::Line(line) if self.began_unix_ms.is_none() && line == render_live_head().trim_end() => {
                self.began_unix_ms = Some(now_unix_ms);
                self.lines.push(line);
            }
            LabNews::Line(line) if self.lines.len() < MOST_LINES => self.lines.push(line),
            LabNews::Line(_) => {}
            LabNews::Ended(complaint) => {
                self.is_playing = false;
                self.lines.extend(complaint.lines().map(|line| format!("! {line}")));
            }
        }
    }
}

impl Laboratory {
    /// How long it has been playing, in microseconds; nothing when nothing plays.
    pub(super) fn elapsed_us(&self, now_unix_ms: u64) -> Option<u64> {
        let began = self.began_unix_ms.filter(|_| self.is_playing)?;
        Some(now_unix_ms.saturating_sub(began).saturating_mul(1000))
    }
}

/// What plays: at most one child at a time.
pub(super) struct Player {
    sender: Sender<Arrival>,
    proc_root: PathBuf,
    /// The namespace whose settings are played.
    pub(super) netns: Option<String>,
    child: Option<Arc<Mutex<Child>>>,
}

impl Player {
    pub(super) fn new(sender: Sender<Arrival>, proc_root: PathBuf, netns: Option<String>) -> Self {
        Self { sender, proc_root, netns, child: None }
    }

    /// Does what is asked.
    pub(super) fn perform(&mut self, request: LabRequest) {
        // The namespaces of the one before vanish with it.
        if let Some(child) = self.child.take()
            && let Ok(mut child) = child.lock()
        {
            // It may have ended by itself.
            let _ = child.kill();
        }
        if let LabRequest::Start { run, arguments } = request
            && let Err(error) = self.start(run, &arguments)
        {
            let news = LabNews::Ended(format!("the laboratory cannot be started: {error}"));
            send(&self.sender, Event::Lab(run, news));
        }
    }

    fn start(&mut self, run: u64, arguments: &[String]) -> std::io::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--proc").arg(&self.proc_root);
        if let Some(netns) = &self.netns {
            command.arg("--netns").arg(netns);
        }
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (output, complaints) = (child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        self.child = Some(Arc::clone(&child));
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
                let Ok(line) = line else { break };
                if !send(&sender, Event::Lab(run, LabNews::Line(line))) {
                    break;
                }
            }
            let mut complaint = String::new();
            // What cannot be read of it is not said.
            let _ = complaints.map(|mut complaints| complaints.read_to_string(&mut complaint));
            if let Ok(mut child) = child.lock() {
                let _ = child.wait();
            }
            send(&sender, Event::Lab(run, LabNews::Ended(complaint)));
        });
        Ok(())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.perform(LabRequest::Stop);
    }
}
