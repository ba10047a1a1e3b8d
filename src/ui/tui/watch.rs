//! The threads that wait: for keys, for signals, for the loss of the terminal.

use std::io;
use std::sync::mpsc::Sender;

use super::run::{Arrival, send, spawn};
use super::{Event, Key, Mouse};
use crate::sys::{HeldSignals, TerminalSignal, wait_for_hangup};

/// Holds back the signals that the program hears of by a thread; to be called before any thread starts.
pub(super) fn hold_signals() -> io::Result<HeldSignals> {
    HeldSignals::hold()
}

/// Stops the process group until it is continued.
pub(super) fn stop_process_group() -> io::Result<()> {
    crate::sys::stop_process_group()
}

/// Starts the threads.
pub(super) fn start(signals: HeldSignals, sender: &Sender<Arrival>) {
    spawn("signal", sender.clone(), move |sender| {
        while let Ok(signal) = signals.wait() {
            let arrival = match signal {
                TerminalSignal::Stop => Arrival::Stop,
                TerminalSignal::End(number) => Arrival::End(number),
            };
            if sender.send(arrival).is_err() {
                return;
            }
        }
    });
    spawn("hang-up", sender.clone(), |sender| {
        // When it cannot be watched for, SIGHUP is still heard.
        if wait_for_hangup().is_ok() {
            let _ = sender.send(Arrival::TerminalLost);
        } else {
            std::thread::park();
        }
    });
    spawn("input", sender.clone(), |sender| {
        while let Ok(input) = crossterm::event::read() {
            let event = match input {
                crossterm::event::Event::Key(key) => {
                    if Key::pressed(key).into_iter().any(|key| !send(sender, Event::Key(key))) {
                        return;
                    }
                    None
                }
                crossterm::event::Event::Mouse(mouse) => Mouse::from_terminal(mouse).map(Event::Mouse),
                crossterm::event::Event::Paste(text) => Some(Event::Paste(text)),
                crossterm::event::Event::FocusGained => Some(Event::Focus(true)),
                crossterm::event::Event::FocusLost => Some(Event::Focus(false)),
                crossterm::event::Event::Resize(columns, rows) => Some(Event::Resize(columns, rows)),
            };
            if event.is_some_and(|event| !send(sender, event)) {
                return;
            }
        }
        // Reading fails when the terminal is gone; the hang-up thread says so as well.
        let _ = sender.send(Arrival::TerminalLost);
    });
}
