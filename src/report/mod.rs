//! Values as text, JSON, metrics and diagrams.
//!
//! For: the one place where values become something that a person or another program reads.
//! Must not: read anything, judge, or hold rules about TCP; JSON shapes here are contracts that only grow.
//! Mirrors: the look of ss and sysctl where it is good, RFC-style sequence diagrams.

mod counters;
mod diagram;
mod explanation;
mod figure;
#[cfg(test)]
mod fixture;
mod listeners;
mod prose;
mod status;
mod status_text;
mod timeline;

pub use counters::{CounterView, MAIN_COUNTERS, MainCounter, main_counters};
pub use diagram::{DiagramStyle, render_diagram};
pub use explanation::{ExplanationView, TopicView, render_explanation, render_topics};
pub use listeners::{ListenerView, ListenersView, QueueView, listener_views, render_listeners};
pub use status::{KernelView, LimitView, SecondsView, StatusView};
pub use status_text::render_status;
pub use timeline::{EndView, EventView, TimelineView, render_timeline};
