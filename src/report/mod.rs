//! Values as text, JSON, metrics and diagrams.
//!
//! For: the one place where values become something that a person or another program reads.
//! Must not: read anything, judge, or hold rules about TCP; JSON shapes here are contracts that only grow.
//! Mirrors: the look of ss and sysctl where it is good, RFC-style sequence diagrams.

mod diagram;
mod explanation;
mod prose;
mod timeline;

pub use diagram::{DiagramStyle, render_diagram};
pub use explanation::{ExplanationView, TopicView, render_explanation, render_topics};
pub use timeline::{EndView, EventView, TimelineView, render_timeline};
