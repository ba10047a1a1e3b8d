//! One traced event: as a line or two of text, and as a line of JSON.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde::Serialize;

use super::live_forecast::{LiveForecastView, render_live_line};
use super::printable::printable;
use super::prose::wrapped;
use crate::model::{Activity, Assumption, LiveForecast};
use crate::snapshot::NamespaceName;
use crate::trace::{Reason, Told, change_of_state, drop_reason, resend_of, reset_reason};
use crate::trace::{Resend, TraceKind};
use crate::units::{LiveSocket, TcpState};

/// An event with all that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct TraceRow<'a> {
    /// The event.
    pub told: &'a Told,
    /// When it happened, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// What the kernel said of the socket afterwards.
    pub asked: &'a TraceAnswer,
    /// Whose it is, where that was looked for and found.
    pub netns: Option<&'a TraceNetns>,
}

/// The network namespace of an event, which itself does not name one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceNetns {
    /// What it is called.
    pub name: NamespaceName,
    /// How that is known.
    pub from: NetnsFrom,
}

/// How the namespace of an event is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetnsFrom {
    /// It has the socket, and no other has one with these ends.
    Socket,
    /// It has the local address, and no other that is known has.
    Address,
}

/// What the kernel said of the socket of an event, a moment later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TraceAnswer {
    /// It was not asked: a later event of the same connection was there already, there was too much to do, or there is
    /// nothing to ask.
    #[default]
    NotAsked,
    /// The network namespace that is asked has no such socket, or none of all of them has.
    NoSocket {
        /// Whether all of them were asked.
        anywhere: bool,
    },
    /// The kernel refuses to say, or its answer is none: why.
    NotAnswered(String),
    /// Several namespaces have sockets with these ends.
    Several,
    /// This, and what follows from it.
    Socket(LiveSocket, Option<LiveForecast>),
}

/// Columns before what an event means, and how many there are for it at the least.
const INDENT: usize = 13;
const NARROWEST: usize = 40;

/// How text is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceStyle {
    /// Whether what it means stands on the same line.
    pub one_line: bool,
    /// Whether only ASCII may be written.
    pub ascii: bool,
    /// Columns of the terminal that what it means is to fit into; 0 for one line, however long.
    pub width: usize,
}

/// A traced event in JSON. The shape is a contract: it only grows.
#[derive(Clone, Debug, Serialize)]
pub struct TraceEventView<'a> {
    schema: u32,
    kind: &'static str,
    event: &'static str,
    at: String,
    unix_ns: u64,
    mono_ns: u64,
    cpu: u32,
    local: Option<String>,
    local_port: Option<u16>,
    peer: Option<String>,
    peer_port: Option<u16>,
    ends_from: &'static str,
    state: Option<&'static str>,
    new_state: Option<&'static str>,
    reason: Option<&'a str>,
    meaning: Option<&'static str>,
    source: Option<&'static str>,
    function: Option<&'a str>,
    tcp: Option<bool>,
    errno: Option<u32>,
    seen: Option<u32>,
    seen_from_begin: Option<bool>,
    by_reset: Option<bool>,
    resend: Option<&'static str>,
    socket: &'static str,
    forecast: Option<LiveForecastView>,
    netns: Option<u64>,
    netns_name: Option<&'a str>,
    netns_from: Option<&'static str>,
    explanation: String,
}

impl<'a> TraceRow<'a> {
    fn resend(&self) -> Option<Resend> {
        match (self.told.event.kind, self.asked) {
            (TraceKind::Retransmit, TraceAnswer::Socket(socket, _)) => resend_of(self.told.event.state, socket),
            (TraceKind::SynAck, TraceAnswer::Socket(socket, _)) => resend_of(Some(TcpState::SynRecv), socket),
            _ => None,
        }
    }

    /// The forecast, where it is about what the event is about.
    fn forecast(&self) -> Option<&'a LiveForecast> {
        let TraceAnswer::Socket(_, forecast) = self.asked else { return None };
        let is_about = self.told.event.kind == TraceKind::State || self.resend() == Some(Resend::Timeout);
        forecast.as_ref().filter(|_| is_about)
    }

    fn meaning(&self) -> Option<&'static Reason> {
        let reason = self.told.event.reason.as_deref()?;
        match self.told.event.kind {
            TraceKind::ResetSent => reset_reason(reason),
            TraceKind::Drop => drop_reason(reason),
            _ => None,
        }
    }

    /// The event as JSON.
    #[must_use]
    pub fn view(&self) -> TraceEventView<'a> {
        let (told, event) = (self.told, &self.told.event);
        let is_resend = matches!(event.kind, TraceKind::Retransmit | TraceKind::SynAck);
        let meaning = self.meaning();
        TraceEventView {
            schema: 1,
            kind: "event",
            event: event.kind.row().name,
            at: stamp(self.unix_ns, "%Y-%m-%dT%H:%M:%S%.6fZ"),
            unix_ns: self.unix_ns,
            mono_ns: event.at_ns,
            cpu: event.cpu,
            local: told.ends.map(|ends| ends.local.ip().to_string()),
            local_port: told.ends.map(|ends| ends.local.port()),
            peer: told.ends.map(|ends| ends.peer.ip().to_string()),
            peer_port: told.ends.map(|ends| ends.peer.port()),
            ends_from: told.from.name(),
            state: event.state.map(TcpState::name),
            new_state: event.new_state.map(TcpState::name),
            reason: event.reason.as_deref(),
            meaning: meaning.map(|reason| reason.text),
            source: meaning.map(|reason| reason.source),
            function: told.function.as_deref(),
            tcp: told.is_tcp,
            errno: event.error,
            seen: is_resend.then_some(told.seen),
            seen_from_begin: is_resend.then_some(told.whole),
            by_reset: (event.new_state == Some(TcpState::Close)).then_some(told.by_reset),
            resend: self.resend().map(Resend::name),
            socket: match self.asked {
                TraceAnswer::NotAsked => "not-asked",
                TraceAnswer::NoSocket { .. } => "none",
                TraceAnswer::NotAnswered(_) => "refused",
                TraceAnswer::Several => "several",
                TraceAnswer::Socket(..) => "found",
            },
            forecast: self.forecast().map(LiveForecastView::from),
            netns: self.netns.map(|netns| netns.name.inode),
            netns_name: self.netns.map(|netns| netns.name.name.as_str()),
            netns_from: self.netns.map(|netns| match netns.from {
                NetnsFrom::Socket => "socket",
                NetnsFrom::Address => "address",
            }),
            explanation: self.explanation(),
        }
    }

    /// The event as text, with a line end behind each line.
    #[must_use]
    pub fn render(&self, style: TraceStyle) -> String {
        let event = &self.told.event;
        let end = |pick: fn(&crate::trace::TraceEnds) -> SocketAddr| {
            self.told.ends.as_ref().map_or_else(|| "?".to_owned(), |ends| end(pick(ends)))
        };
        let (local, peer) = (end(|ends| ends.local), end(|ends| ends.peer));
        let time = stamp(self.unix_ns, "%H:%M:%S%.3f");
        let state = event.state.filter(|_| event.new_state.is_none()).map_or("", TcpState::name);
        let mut line = format!("{time} {:<8} {local:<21} {peer:<21} {state:<11}", event.kind.row().short);
        let explanation = printable(&self.explanation());
        let explanation = if style.ascii { explanation.replace('…', "...") } else { explanation };
        if style.one_line {
            let _ = write!(line, " {explanation}");
        }
        let mut text = line.trim_end().to_owned();
        text.push('\n');
        if !style.one_line && !explanation.is_empty() {
            match style.width.checked_sub(INDENT) {
                Some(columns) if columns >= NARROWEST => {
                    for line in wrapped(&explanation, columns).lines() {
                        let _ = writeln!(text, "{:INDENT$}{line}", "");
                    }
                }
                _ => drop(writeln!(text, "{:INDENT$}{explanation}", "")),
            }
        }
        text
    }

    /// What it means, in one line.
    #[must_use]
    pub fn explanation(&self) -> String {
        let mut text = self.meant();
        if let Some(TraceNetns { name, from }) = self.netns {
            let by = if *from == NetnsFrom::Address { " by its address" } else { "" };
            let _ = write!(text, "; netns {}{by}", name.name);
        }
        text
    }

    fn meant(&self) -> String {
        let (told, event) = (self.told, &self.told.event);
        match event.kind {
            TraceKind::Retransmit | TraceKind::SynAck => self.resent(),
            TraceKind::State => self.changed(),
            TraceKind::ResetReceived => "a RST from the peer ends the connection".to_owned(),
            TraceKind::ResetSent => match (event.reason.as_deref(), self.meaning()) {
                (Some(name), Some(reason)) => format!("{name}: {}", reason.text),
                (Some(name), None) => name.to_owned(),
                (None, _) => "this kernel does not say why".to_owned(),
            },
            TraceKind::Drop => {
                let name = event.reason.as_deref().unwrap_or("dropped, this kernel does not say why");
                let mut text =
                    self.meaning().map_or_else(|| name.to_owned(), |reason| format!("{name}: {}", reason.text));
                if let Some(function) = &told.function {
                    let _ = write!(text, "; in {function}()");
                }
                if told.is_tcp.is_none() {
                    text.push_str("; TCP or not is not told");
                }
                text
            }
            TraceKind::BadChecksum => {
                "broken on the way or by a device; dropped, the peer will send it again".to_owned()
            }
        }
    }

    fn resent(&self) -> String {
        let event = &self.told.event;
        let mut parts = Vec::new();
        if let Some(error) = event.error {
            let error = std::io::Error::from_raw_os_error(i32::try_from(error).unwrap_or(0)).to_string();
            parts.push(format!("not sent: {}", error.split(" (os error").next().unwrap_or(&error)));
        }
        match (self.asked, self.resend()) {
            (TraceAnswer::Socket(_, forecast), Some(Resend::Timeout)) => {
                let is_data = forecast.as_ref().is_some_and(|forecast| forecast.activity == Activity::Retransmitting);
                let begins = if is_data { "timeout: " } else { "" };
                parts.extend(forecast.as_ref().map(|forecast| format!("{begins}{}", render_live_line(forecast))));
                // A SYN that comes again is answered at once, and counts as a retry.
                if forecast.as_ref().is_some_and(|told| told.assumptions.contains(&Assumption::NoSecondSyn)) {
                    parts.push("if the peer sent no second SYN".to_owned());
                }
            }
            (TraceAnswer::Socket(..), Some(resend)) => parts.extend(resend.text().map(str::to_owned)),
            (TraceAnswer::NoSocket { anywhere: false }, _) => {
                parts.push("no socket of this network namespace, or gone".to_owned());
            }
            (TraceAnswer::NoSocket { anywhere: true }, _) => {
                parts.push("gone, or in a network namespace that is not found".to_owned())
            }
            (TraceAnswer::NotAnswered(reason), _) => {
                parts.push(format!("the kernel did not say what its socket does: {reason}"));
            }
            (TraceAnswer::Several, _) => {
                parts.push("several network namespaces have a socket with these ends".to_owned());
            }
            (TraceAnswer::Socket(..) | TraceAnswer::NotAsked, _) => {}
        }
        let is_handshake =
            event.kind == TraceKind::SynAck || matches!(event.state, Some(TcpState::SynSent | TcpState::SynRecv));
        let of = match (self.told.whole, is_handshake) {
            (false, _) => "seen",
            (true, true) => "of the handshake",
            (true, false) => "of the connection",
        };
        parts.push(format!("{} resend {of}", ordinal(self.told.seen)));
        parts.join("; ")
    }

    fn changed(&self) -> String {
        let event = &self.told.event;
        let name = |state: Option<TcpState>| state.map_or("?", TcpState::name);
        let mut text = format!("{} > {}", name(event.state), name(event.new_state));
        let meaning = match (event.state, event.new_state) {
            (Some(TcpState::SynSent), Some(TcpState::Close)) if self.told.by_reset => {
                Some("refused: a RST answered the SYN")
            }
            (_, Some(TcpState::Close)) if self.told.by_reset => Some("ended by the peer's RST"),
            (Some(from), Some(to)) => change_of_state(from, to),
            _ => None,
        };
        if let Some(meaning) = meaning {
            let _ = write!(text, ": {meaning}");
        }
        if let (TraceAnswer::Socket(socket, _), Some(forecast)) = (self.asked, self.forecast()) {
            let kept = if event.new_state == Some(socket.state) {
                String::new()
            } else {
                format!("{}: ", socket.state.name())
            };
            let _ = write!(text, "; {kept}{}", render_live_line(forecast));
        }
        text
    }
}

/// The heading of the lines.
#[must_use]
pub fn render_trace_heading() -> String {
    format!("{:<12} {:<8} {:<21} {:<21} {}\n", "UTC", "EVENT", "LOCAL", "PEER", "STATE")
}

/// An end; a port of 0 stands for all.
fn end(address: SocketAddr) -> String {
    if address.port() != 0 {
        return address.to_string();
    }
    match address {
        SocketAddr::V4(four) => format!("{}:*", four.ip()),
        SocketAddr::V6(six) => format!("[{}]:*", six.ip()),
    }
}

/// `1st`, `2nd`.
fn ordinal(count: u32) -> String {
    let ending = match (count % 10, count % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{count}{ending}")
}

/// A time of UTC.
pub(super) fn stamp(unix_ns: u64, format: &str) -> String {
    let stamp = jiff::Timestamp::from_nanosecond(i128::from(unix_ns));
    stamp.map_or_else(|_| "?".to_owned(), |stamp| stamp.strftime(format).to_string())
}
