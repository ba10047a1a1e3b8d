//! A timeline as JSON and as a table.

use serde::Serialize;

use super::prose::hanging;
use super::sequence::{STRAY, label};
use crate::model::{End, Event, Timeline, What, Window};

/// A timeline in JSON. The shape is a contract: it only grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineView {
    /// What happens, by nominal time.
    pub events: Vec<EventView>,
    /// How the side ends that the scenario is about; nothing if it does not end.
    pub end: Option<EndView>,
    /// How each side ends, the same side first.
    pub ends: Vec<EndView>,
    /// Other courses that are as possible (ties).
    pub alternatives: Vec<TimelineView>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventView {
    /// Nominal time in milliseconds, rounded down.
    pub at_ms: u64,
    /// Latest time in milliseconds, rounded up.
    pub latest_ms: u64,
    /// `client` or `server`.
    pub side: &'static str,
    /// `call`, `return`, `send`, `arrive`, `icmp` or `state`.
    pub kind: &'static str,
    /// The segment of `send` and `arrive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<&'static str>,
    /// How often it was sent before, for `send` and for what arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<u32>,
    /// Whether the wire loses it, for `send`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<bool>,
    /// Whether it comes from outside, for what arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stray: Option<bool>,
    /// The state entered, under ss's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// The system call of `call` and `return`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<&'static str>,
    /// The error that a call returns with; absent for success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<&'static str>,
    /// The ICMP error that arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp: Option<&'static str>,
}

/// One ending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndView {
    /// Nominal time in milliseconds, rounded down.
    pub at_ms: u64,
    /// Latest time in milliseconds, rounded up.
    pub latest_ms: u64,
    /// `client` or `server`.
    pub side: &'static str,
    /// The errno's name, `established`, `gone` or `never`.
    pub outcome: &'static str,
}

/// Whole milliseconds that hold the window.
fn millis(window: Window) -> (u64, u64) {
    (window.at_us / 1000, window.latest_us.div_ceil(1000))
}

impl From<&Timeline> for TimelineView {
    fn from(timeline: &Timeline) -> Self {
        Self {
            events: timeline.events.iter().map(EventView::from).collect(),
            end: timeline.end().map(EndView::from),
            ends: timeline.ends.iter().map(EndView::from).collect(),
            alternatives: timeline.alternatives.iter().map(Self::from).collect(),
        }
    }
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        let (at_ms, latest_ms) = millis(event.window);
        let mut view = Self {
            at_ms,
            latest_ms,
            side: event.side.name(),
            kind: "",
            segment: None,
            copy: None,
            lost: None,
            stray: None,
            state: None,
            call: None,
            errno: None,
            icmp: None,
        };
        match &event.what {
            What::Call(call) => (view.kind, view.call) = ("call", Some(*call)),
            What::Return(call, errno) => {
                (view.kind, view.call, view.errno) = ("return", Some(*call), errno.map(|errno| errno.name()));
            }
            What::Send { segment, copy, lost } => {
                (view.kind, view.segment) = ("send", Some(segment.name()));
                (view.copy, view.lost) = (Some(*copy), Some(*lost));
            }
            What::Arrive { segment, copy } => {
                (view.kind, view.segment) = ("arrive", Some(segment.name()));
                (view.copy, view.stray) = (*copy, copy.is_none().then_some(true));
            }
            What::Icmp(error) => (view.kind, view.icmp) = ("icmp", Some(error.name())),
            What::State(state) => (view.kind, view.state) = ("state", Some(state.name())),
        }
        view
    }
}

impl From<&End> for EndView {
    fn from(end: &End) -> Self {
        let (at_ms, latest_ms) = millis(end.window);
        Self { at_ms, latest_ms, side: end.side.name(), outcome: end.outcome.name() }
    }
}

/// The timeline as a table: nominal and latest time in seconds, side, and what happens; events of one side at
/// one time share a line, and what does not fit into `width` goes on below.
#[must_use]
pub fn render_timeline(timeline: &Timeline, width: usize) -> String {
    let mut text = format!("{:>10} {:>10}  {:<6}  {}\n", "at (s)", "latest", "side", "what happens");
    let mut rest = timeline.events.as_slice();
    while let Some((first, _)) = rest.split_first() {
        let together = rest.iter().take_while(|event| event.side == first.side && event.window == first.window).count();
        let (group, after) = rest.split_at(together);
        let words: Vec<String> = group.iter().map(|event| words(&event.what)).collect();
        let (at, latest) = (seconds(first.window.at_us), seconds(first.window.latest_us));
        let lead = format!("{at:>10} {latest:>10}  {:<6}  ", first.side.name());
        text.push_str(&hanging(&lead, &words.join("; "), width));
        rest = after;
    }
    text
}

/// Seconds with milliseconds.
fn seconds(us: u64) -> String {
    format!("{}.{:03}", us / 1_000_000, us / 1000 % 1000)
}

/// An event in words.
pub(super) fn words(what: &What) -> String {
    match what {
        What::Call(call) => format!("{call}()"),
        What::Return(call, Some(errno)) => format!("{call}() fails: {}", errno.name()),
        What::Return(call, None) => format!("{call}() returns"),
        What::Send { segment, copy, lost } => {
            format!("{}{}", label(*segment, *copy), if *lost { ", lost" } else { "" })
        }
        What::Arrive { segment, copy: None } => format!("{STRAY} {} arrives", segment.name()),
        What::Arrive { segment, .. } => format!("{} arrives", segment.name()),
        What::Icmp(error) => format!("ICMP {} arrives", error.name()),
        What::State(state) => (*state).to_string(),
    }
}
