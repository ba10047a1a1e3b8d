//! An explanation as text and as JSON, and the list of topics.

use serde::Serialize;

use super::diagram::{DiagramStyle, render_diagram};
use super::prose::{hanging, wrapped};
use super::timeline::{TimelineView, render_timeline};
use crate::explain::{Explanation, Folklore, SettingRow, Topic};

/// Version of the JSON of `explain`; the shape only grows.
const SCHEMA: u32 = 1;

/// An explanation in JSON.
#[derive(Debug, Serialize)]
pub struct ExplanationView {
    /// Version of this shape.
    schema: u32,
    topic: &'static str,
    question: &'static str,
    kernel: KernelView,
    rtt_us: u64,
    answer: Vec<String>,
    timeline: Option<TimelineView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queues: Option<QueuesView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<PortsView>,
    settings: Vec<SettingView>,
    folklore: Vec<FolkloreView>,
    sources: &'static [&'static str],
    /// What-ifs that do not change this answer.
    unused_what_ifs: Vec<String>,
}

#[derive(Debug, Serialize)]
struct KernelView {
    version: String,
    /// Null when unknown: windows then cover every common rate.
    hz: Option<u32>,
}

#[derive(Debug, Serialize)]
struct QueuesView {
    asked: u32,
    backlog: u32,
    accept_capacity: u64,
    half_open_capacity: u64,
    limited_by: &'static str,
}

#[derive(Debug, Serialize)]
struct PortsView {
    available: u64,
    held_ms: u64,
    sustained_per_s: u64,
}

#[derive(Debug, Serialize)]
struct SettingView {
    key: &'static str,
    unit: &'static str,
    /// Null when this kernel does not have the key.
    value: Option<String>,
    /// `host`, `default` or `what-if`.
    source: Option<&'static str>,
    default: Option<String>,
}

#[derive(Debug, Serialize)]
struct FolkloreView {
    said: &'static str,
    kernel: &'static str,
}

impl From<&Explanation> for ExplanationView {
    fn from(explanation: &Explanation) -> Self {
        let figures = &explanation.figures;
        Self {
            schema: SCHEMA,
            topic: explanation.topic.id,
            question: explanation.topic.question,
            kernel: KernelView {
                version: explanation.host.version.to_string(),
                hz: explanation.host.hz.map(|hz| hz.get()),
            },
            rtt_us: explanation.rtt_us,
            answer: figures.answer.clone(),
            timeline: explanation.timeline.as_ref().map(TimelineView::from),
            queues: figures.queues.map(|queues| QueuesView {
                asked: queues.asked,
                backlog: queues.backlog,
                accept_capacity: queues.accept_capacity,
                half_open_capacity: queues.half_open_capacity,
                limited_by: queues.limited_by.name(),
            }),
            ports: figures.ports.map(|ports| PortsView {
                available: ports.available,
                held_ms: ports.held_ms,
                sustained_per_s: ports.sustained_per_s,
            }),
            settings: explanation.settings.iter().map(SettingView::from).collect(),
            folklore: explanation.topic.folklore.iter().map(FolkloreView::from).collect(),
            sources: explanation.topic.sources,
            unused_what_ifs: explanation.idle_what_ifs.clone(),
        }
    }
}

impl From<&SettingRow> for SettingView {
    fn from(row: &SettingRow) -> Self {
        Self {
            key: row.key,
            unit: row.unit,
            value: row.value.as_ref().map(|sourced| sourced.value.clone()),
            source: row.value.as_ref().map(|sourced| sourced.origin.name()),
            default: row.default.clone(),
        }
    }
}

impl From<&Folklore> for FolkloreView {
    fn from(folklore: &Folklore) -> Self {
        Self { said: folklore.said, kernel: folklore.kernel }
    }
}

/// An explanation as text.
#[must_use]
pub fn render_explanation(explanation: &Explanation, style: DiagramStyle) -> String {
    let width = style.width;
    let topic = explanation.topic;
    let hz = explanation.host.hz.map_or("HZ unknown".to_owned(), |hz| format!("HZ {hz}"));
    let mut text = format!("{}\n", topic.question);
    text.push_str(&format!("For Linux {}, {hz}.\n\n", explanation.host.version));
    for sentence in &explanation.figures.answer {
        text.push_str(&wrapped(sentence, width));
    }
    if let Some(timeline) = &explanation.timeline {
        text.push('\n');
        text.push_str(&render_diagram(timeline, style));
        text.push_str("\nTimeline (a timer may be late, never early: from the first to the second time)\n");
        text.push_str(&render_timeline(timeline));
        if !timeline.alternatives.is_empty() {
            let others = timeline.alternatives.len();
            let ways = if others == 1 { "1 other course is".to_owned() } else { format!("{others} other courses are") };
            text.push_str(&wrapped(
                &format!("{ways} as likely, where timers meet (a tie); --json has them whole."),
                width,
            ));
        }
    }
    text.push_str("\nSettings that matter\n");
    text.push_str(&render_settings(&explanation.settings));
    for key in &explanation.idle_what_ifs {
        text.push_str(&wrapped(&format!("{key} was set as a what-if and does not change this answer."), width));
    }
    if !topic.folklore.is_empty() {
        text.push_str("\nWhat people say, and what the kernel does\n");
        for folklore in topic.folklore {
            text.push_str(&hanging(
                if style.ascii { "  \"" } else { "  “" },
                &closing_quote(folklore.said, style.ascii),
                width,
            ));
            text.push_str(&hanging("    ", folklore.kernel, width));
        }
    }
    text.push_str(&format!("\n{}", hanging("Sources: ", &topic.sources.join(", "), width)));
    text
}

fn closing_quote(said: &str, ascii: bool) -> String {
    format!("{said}{}", if ascii { "\"" } else { "”" })
}

fn render_settings(settings: &[SettingRow]) -> String {
    let longest = settings.iter().map(|row| row.key.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in settings {
        let (value, source) = match &row.value {
            Some(sourced) => (shown(&sourced.value), sourced.origin.name()),
            None => ("-".to_owned(), "not in this kernel"),
        };
        let default = match (&row.default, &row.value) {
            (Some(default), Some(sourced)) if *default == sourced.value => "the default".to_owned(),
            (Some(default), _) => format!("default {}", shown(default)),
            (None, _) => String::new(),
        };
        let line = format!("  {:<longest$}  {value:>11}  {:<10}  {source:<8} {default}", row.key, row.unit);
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    text
}

/// A value, or a word for an empty one.
fn shown(value: &str) -> String {
    if value.is_empty() { "none".to_owned() } else { value.to_owned() }
}

/// The list of topics by group.
#[must_use]
pub fn render_topics<'a>(topics: impl Iterator<Item = &'a Topic>) -> String {
    let topics: Vec<&Topic> = topics.collect();
    let longest = topics.iter().map(|topic| topic.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut group = None;
    for topic in topics {
        if group != Some(topic.group) {
            text.push_str(&format!("{}{}\n", if group.is_some() { "\n" } else { "" }, topic.group.title()));
            group = Some(topic.group);
        }
        text.push_str(&format!("  {:<longest$}  {}\n", topic.id, topic.question));
    }
    text.push_str("\ntcpctl explain TOPIC answers for this host; --set, --kernel, --hz ask what if.\n");
    text
}

/// A topic of the list in JSON.
#[derive(Debug, Serialize)]
pub struct TopicView {
    id: &'static str,
    group: &'static str,
    question: &'static str,
}

/// The list of topics with the version of its shape.
#[derive(Debug, Serialize)]
pub struct TopicsView {
    schema: u32,
    topics: Vec<TopicView>,
}

impl TopicsView {
    /// The view of some topics.
    pub fn new<'a>(topics: impl Iterator<Item = &'a Topic>) -> Self {
        Self { schema: SCHEMA, topics: topics.map(TopicView::from).collect() }
    }
}

impl From<&Topic> for TopicView {
    fn from(topic: &Topic) -> Self {
        Self { id: topic.id, group: topic.group.title(), question: topic.question }
    }
}
