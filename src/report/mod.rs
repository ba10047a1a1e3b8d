//! Values as text, JSON, metrics and diagrams.
//!
//! For: the one place where values become something that a person or another program reads.
//! Must not: read anything, judge, or hold rules about TCP; JSON shapes here are contracts that only grow.
//! Mirrors: the look of ss and sysctl where it is good, RFC-style sequence diagrams.

mod answer;
mod diagram;
mod explanation;
mod plan;
mod profiles;
mod prose;
mod receipt;
mod table;
mod timeline;
mod verification;

pub use answer::{AnswerView, render_answer, render_window};
pub use diagram::{DiagramStyle, render_diagram};
pub use explanation::{ExplanationView, TopicView, render_explanation, render_topics};
pub use plan::{PlanView, render_plan};
pub use profiles::{ProfileRow, ProfileView, ProfilesView, render_profile, render_profiles};
pub use receipt::{EntryView, HistoryView, ReceiptView, render_entry, render_history, render_receipt};
pub use table::{Align, render_table};
pub use timeline::{EndView, EventView, TimelineView, render_timeline};
pub use verification::{VerificationView, render_verification};
