//! `tcpctl sockets`: a line for each socket, written as they come.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::digits::push_number_right;
use super::live_forecast::{assumption_signs, render_live_line};
use super::printable::printable;
use super::socket_cells::{
    Cgroups, Devices, EndTexts, push_ends, push_extended, push_info, push_memory, push_owners, push_timer,
    push_timer_of_ss,
};
use super::socket_moves::SocketMoves;
use crate::model::LiveForecast;
use crate::snapshot::{NamespaceName, SocketOwner};
use crate::units::TcpState;
use crate::wire::InetDiag;

/// Lines that are held back until it is known how wide their columns must be.
const SAMPLE: usize = 500;
/// A column of addresses grows to this with the sample: the longest IPv6 address, a device, and a port.
const WIDEST: usize = 64;
/// Stands between cells of lines that are held back.
const SEPARATOR: u8 = 0x1f;
/// Widths of the columns of states and, at the least, of queues.
const STATE: usize = 10;
const QUEUE: usize = 6;
/// Columns of queues, whose numbers stand to the right.
const QUEUES: usize = 2;
const HEADINGS: [&str; 5] = ["State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port"];

/// What a line of a socket shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketStyle {
    /// The names of the columns first.
    pub heading: bool,
    /// The processes that hold it.
    pub processes: bool,
    /// The running timer in a column.
    pub timer: bool,
    /// The running timer in the words of ss, and what the model says of it.
    pub forecast: bool,
    /// User, inode, cookie, mark.
    pub extended: bool,
    /// Memory.
    pub memory: bool,
    /// `tcp_info`.
    pub info: bool,
    /// All of it on one line instead of below the socket.
    pub one_line: bool,
    /// What changed since the reading before, in a column of its own.
    pub changes: bool,
    /// Letters of the column of namespaces; 0 for none.
    pub netns: usize,
}

/// What became of a socket since the reading before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketChange {
    /// It was there, in the same state.
    Same,
    /// It was not there.
    New,
    /// It was there, in another state.
    State(TcpState),
    /// It is not there any more; the line shows what it was.
    Gone,
}

/// What a row says of the time since the reading before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// What became of the socket.
    pub what: SocketChange,
    /// What moved in it; nothing in a first reading, and for one that was not there.
    pub moves: Option<SocketMoves>,
    /// Microseconds between the two readings.
    pub window_us: u64,
}

impl RowChange {
    /// Whether anything is to be told of it.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.what != SocketChange::Same || self.moved().is_some()
    }

    /// What moved, if anything did.
    #[must_use]
    pub fn moved(&self) -> Option<SocketMoves> {
        self.moves.filter(SocketMoves::is_some)
    }
}

impl From<SocketChange> for RowChange {
    fn from(what: SocketChange) -> Self {
        Self { what, moves: None, window_us: 0 }
    }
}

/// Writes lines. The first ones are held back until there are enough of them to know how wide columns must be; nothing
/// is allocated for those that follow.
#[derive(Debug)]
pub struct SocketLines<'a> {
    style: SocketStyle,
    devices: Cow<'a, Devices>,
    cgroups: Cgroups,
    /// The namespace, as wide as its column.
    netns: String,
    held: Vec<u8>,
    lines: usize,
    /// Widths of both queues, local address, peer address and timer; nothing as long as lines are held back.
    widths: Option<[usize; 5]>,
}

impl<'a> SocketLines<'a> {
    /// Lines of this style, with the names of the network devices.
    #[must_use]
    pub const fn new(style: SocketStyle, devices: &'a Devices) -> Self {
        let devices = Cow::Borrowed(devices);
        let cgroups = Cgroups::new();
        let netns = String::new();
        Self { style, devices, cgroups, netns, held: Vec::new(), lines: 0, widths: None }
    }

    /// The sockets that follow are of the namespace with these devices; its name is shown if it is one of several.
    pub fn enter(&mut self, name: Option<&NamespaceName>, devices: &Devices) {
        self.devices = Cow::Owned(devices.clone());
        let column = |name: &NamespaceName| format!("{:width$} ", printable(&name.name), width = self.style.netns);
        self.netns = name.map(column).unwrap_or_default();
    }

    /// Cgroups that are shown by their paths.
    pub fn name_cgroups(&mut self, cgroups: BTreeMap<u64, String>) {
        self.cgroups = cgroups;
    }

    /// How many lines there were.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.lines
    }

    /// Writes the line of a socket behind `out`, or holds it back. `forecast` is what is said of its timer.
    pub fn push<'b>(
        &mut self,
        found: &InetDiag<'_>,
        change: impl Into<RowChange>,
        owners: impl Iterator<Item = &'b SocketOwner>,
        forecast: Option<&LiveForecast>,
        out: &mut Vec<u8>,
    ) {
        let change = change.into();
        self.lines += 1;
        if self.widths.is_some() {
            return self.push_cells(found, change, owners, forecast, out);
        }
        let mut held = core::mem::take(&mut self.held);
        self.push_cells(found, change, owners, forecast, &mut held);
        self.held = held;
        if self.lines >= SAMPLE {
            self.release(out);
        }
    }

    /// Writes what is held back, and the heading where there was no line.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.widths.is_none() {
            self.release(out);
        }
    }

    fn push_cells<'b>(
        &self,
        found: &InetDiag<'_>,
        change: RowChange,
        owners: impl Iterator<Item = &'b SocketOwner>,
        forecast: Option<&LiveForecast>,
        line: &mut Vec<u8>,
    ) {
        let (style, widths) = (self.style, self.widths);
        if style.changes {
            line.extend_from_slice(match change.what {
                SocketChange::Same if change.moved().is_some() => b"* ",
                SocketChange::Same => b"  ",
                SocketChange::New => b"+ ",
                SocketChange::State(_) => b"~ ",
                SocketChange::Gone => b"- ",
            });
        }
        line.extend_from_slice(self.netns.as_bytes());
        let start = line.len();
        line.extend_from_slice(found.state().map_or("?", TcpState::name).as_bytes());
        line.resize(start + STATE + 1, b' ');
        let [receive, send, to_peer, to_timer, to_process] = widths.map_or([None; 5], |widths| widths.map(Some));
        if widths.is_none() {
            line.push(SEPARATOR);
        }
        push_queue(line, Some(found.receive_queue()), receive);
        // Which of a listener is its backlog.
        let is_told = !(found.state() == Some(TcpState::Listen) && found.is_of_table());
        push_queue(line, is_told.then(|| found.send_queue()), send);
        let start = line.len();
        let peer = push_ends(line, found, &EndTexts::of(found), &self.devices, |line| end_cell(line, start, to_peer));
        end_cell(line, peer, to_timer);
        if style.timer {
            let start = line.len();
            push_timer(line, found);
            end_cell(line, start, to_process);
        }
        if style.processes {
            // Nobody holds what has no inode; of everything else somebody does who could not be seen.
            push_owners(line, owners, if found.inode() == 0 { b'-' } else { b'?' });
        }
        if let SocketChange::State(before) = change.what {
            line.extend_from_slice(b"  was ");
            line.extend_from_slice(before.name().as_bytes());
        }
        self.push_details(found, change, forecast, line);
        end_line(line);
    }

    /// What stands behind the columns, or below them.
    fn push_details(
        &self,
        found: &InetDiag<'_>,
        change: RowChange,
        forecast: Option<&LiveForecast>,
        line: &mut Vec<u8>,
    ) {
        let style = self.style;
        let moved = change.moved().filter(|_| style.changes);
        if !(style.forecast || style.extended || style.memory || style.info || moved.is_some()) {
            return;
        }
        let facts = found.facts();
        let (separator, mut first): (&[u8], bool) = if style.one_line { (b" ", false) } else { (b"\n\t ", true) };
        let mut detail = |write: &mut dyn FnMut(&mut Vec<u8>)| {
            let before = line.len();
            line.extend_from_slice(if first { separator } else { b" " });
            let start = line.len();
            write(line);
            if line.len() == start { line.truncate(before) } else { first = false }
        };
        if let Some(moved) = moved {
            detail(&mut |line| line.extend_from_slice(moved.words(change.window_us).as_bytes()));
        }
        if style.forecast {
            match forecast {
                Some(forecast) => detail(&mut |line| {
                    line.extend_from_slice(render_live_line(forecast).as_bytes());
                    let signs = assumption_signs(forecast);
                    if !signs.is_empty() {
                        line.extend_from_slice(format!(" [{signs}]").as_bytes());
                    }
                }),
                None => detail(&mut |line| push_timer_of_ss(line, found)),
            }
        }
        if style.extended {
            detail(&mut |line| push_extended(line, found, &facts, &self.cgroups));
        }
        if style.memory {
            detail(&mut |line| push_memory(line, &facts));
        }
        if style.info {
            detail(&mut |line| push_info(line, found, &facts));
        }
    }

    /// Writes the heading and the lines held back, now that it is known how wide they are.
    fn release(&mut self, out: &mut Vec<u8>) {
        let timer = if self.style.timer { "Timer".len() } else { 0 };
        let mut widths = [QUEUE, QUEUE, HEADINGS[3].len(), HEADINGS[4].len(), timer];
        let is_row = |line: &&[u8]| line.contains(&SEPARATOR);
        for line in self.held.split(|byte| *byte == b'\n').filter(is_row) {
            let cells = line.split(|byte| *byte == SEPARATOR).skip(1);
            for (width, cell) in widths.iter_mut().take(self.columns()).zip(cells) {
                *width = cell.len().clamp(*width, WIDEST);
            }
        }
        if self.style.heading {
            self.push_heading(widths, out);
        }
        let held = core::mem::take(&mut self.held);
        for line in held.split_inclusive(|byte| *byte == b'\n') {
            if !is_row(&line) {
                out.extend_from_slice(line);
                continue;
            }
            let mut cells = line.strip_suffix(b"\n").unwrap_or(line).split(|byte| *byte == SEPARATOR);
            let mut row = cells.next().unwrap_or_default().to_vec();
            for (place, width) in widths.iter().take(self.columns()).enumerate() {
                let start = row.len();
                let cell = cells.next().unwrap_or_default();
                if place < QUEUES {
                    row.resize(start + width.saturating_sub(cell.len()), b' ');
                }
                row.extend_from_slice(cell);
                end_cell(&mut row, start, Some(*width));
            }
            row.extend_from_slice(cells.next().unwrap_or_default());
            end_line(&mut row);
            out.append(&mut row);
        }
        self.widths = Some(widths);
    }

    /// How many columns there are whose width hangs on what is in them.
    const fn columns(&self) -> usize {
        if self.style.timer { QUEUES + 3 } else { QUEUES + 2 }
    }

    fn push_heading(&self, widths: [usize; 5], out: &mut Vec<u8>) {
        let mut start = if self.style.changes { "  " } else { "" }.to_owned();
        if self.style.netns > 0 {
            start.push_str(&format!("{:width$} ", "Netns", width = self.style.netns));
        }
        let [state, receive, send, local, peer] = HEADINGS;
        let [received, sent, to_peer, to_timer, to_process] = widths;
        let mut heading =
            format!("{start}{state:STATE$} {receive:>received$} {send:>sent$} {local:to_peer$} {peer:to_timer$} ");
        if self.style.timer {
            heading.push_str(&format!("{:to_process$} ", "Timer"));
        }
        if self.style.processes {
            heading.push_str("Process");
        }
        out.extend_from_slice(heading.trim_end().as_bytes());
        out.push(b'\n');
    }
}

/// Writes a queue, or `-` for one that is not told, into its column or as a cell whose width is not known yet.
fn push_queue(line: &mut Vec<u8>, queue: Option<u32>, width: Option<usize>) {
    match (queue, width) {
        (Some(queue), width) => push_number_right(line, queue, width.unwrap_or(0)),
        (None, width) => {
            line.resize(line.len() + width.unwrap_or(1) - 1, b' ');
            line.push(b'-');
        }
    }
    line.push(if width.is_some() { b' ' } else { SEPARATOR });
}

/// Ends a cell that began at `start`: fills its column, or marks its end where that is not known yet.
fn end_cell(line: &mut Vec<u8>, start: usize, width: Option<usize>) {
    match width {
        Some(width) => {
            let end = line.len().max(start + width) + 1;
            line.resize(end, b' ');
        }
        None => line.push(SEPARATOR),
    }
}

/// Ends a line without blanks at its end.
fn end_line(line: &mut Vec<u8>) {
    while line.last() == Some(&b' ') {
        line.pop();
    }
    line.push(b'\n');
}
