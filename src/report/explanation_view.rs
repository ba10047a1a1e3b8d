//! An explanation as JSON. The shape is a contract that only grows; `man/tcpctl-explain.schema.json` describes it.

use serde::Serialize;

use super::facts_view::FactsView;
use super::flood::FloodView;
use super::timeline::TimelineView;
use crate::explain::{
    Case, Explanation, FigureTable, Figures, Folklore, PortFigures, SettingRow, SocketOptionRow, Topic,
};
use crate::model::{Host, SegmentSizes, WheelWait};

/// Version of the JSON of `explain`; the shape only grows.
pub(super) const SCHEMA: u32 = 1;

/// An explanation in JSON.
#[derive(Debug, Serialize)]
pub struct ExplanationView {
    #[serde(flatten)]
    heading: HeadingView,
    #[serde(flatten)]
    case: CaseView,
    #[serde(flatten)]
    background: BackgroundView,
}

/// One topic answered for several values in JSON.
#[derive(Debug, Serialize)]
pub struct VariantsView {
    #[serde(flatten)]
    heading: HeadingView,
    /// A case for each combination of values.
    comparison: Vec<VariantView>,
    #[serde(flatten)]
    background: BackgroundView,
}

/// What is asked, and for which kernel.
#[derive(Debug, Serialize)]
struct HeadingView {
    /// Version of this shape.
    schema: u32,
    topic: &'static str,
    question: &'static str,
    kernel: KernelView,
    rtt_us: u64,
}

/// The answer for one set of values.
#[derive(Debug, Serialize)]
struct CaseView {
    answer: Vec<String>,
    timeline: Option<TimelineView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queues: Option<QueuesView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<PortsView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flood: Option<FloodView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mss: Option<MssView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timers: Vec<TimerView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tables: Vec<TableView>,
    /// What was read of the host for the topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<FactsView>,
    settings: Vec<SettingView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    socket_options: Vec<SocketOptionView>,
    /// What-ifs that do not change this answer.
    unused_what_ifs: Vec<String>,
}

#[derive(Debug, Serialize)]
struct VariantView {
    varied: Vec<VariedView>,
    #[serde(flatten)]
    case: CaseView,
}

#[derive(Debug, Serialize)]
struct VariedView {
    key: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct BackgroundView {
    folklore: Vec<FolkloreView>,
    sources: &'static [&'static str],
}

#[derive(Debug, Serialize)]
pub(super) struct KernelView {
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
    /// The same by the loopback.
    loopback: LoopbackView,
    /// The rate that is asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_per_s: Option<u64>,
    /// How long the ports last at that rate; null for as long as one likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    exhausted_after_ms: Option<Option<u64>>,
}

#[derive(Debug, Serialize)]
struct LoopbackView {
    held_ms: u64,
    sustained_per_s: u64,
}

#[derive(Debug, Serialize)]
struct MssView {
    mtu: u32,
    data: u64,
    ipv4: SegmentSizesView,
    ipv6: SegmentSizesView,
}

#[derive(Debug, Serialize)]
struct SegmentSizesView {
    mss: u64,
    data_per_segment: u64,
    segments: u64,
    lost_segment_bytes: u64,
    /// Null when one IP packet cannot hold the data.
    fragments: Option<u64>,
    lost_fragment_bytes: u64,
}

#[derive(Debug, Serialize)]
struct TimerView {
    hz: u32,
    wait_ms: u64,
    granularity_us: u64,
    at_ms: u64,
    latest_ms: u64,
}

#[derive(Debug, Serialize)]
struct TableView {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
pub(super) struct SettingView {
    key: &'static str,
    unit: &'static str,
    /// Null when this kernel does not have the key.
    value: Option<String>,
    /// `host`, `default`, `file` or `what-if`.
    source: Option<&'static str>,
    default: Option<String>,
    /// The end that has this value; absent when both have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct SocketOptionView {
    name: &'static str,
    unit: &'static str,
    value: i32,
    /// Null when the topic has no scenario.
    side: Option<&'static str>,
    /// `file` or `what-if`.
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct FolkloreView {
    said: &'static str,
    kernel: &'static str,
}

impl From<&Explanation> for ExplanationView {
    fn from(explanation: &Explanation) -> Self {
        Self {
            heading: HeadingView::from(explanation),
            case: CaseView::from(explanation),
            background: BackgroundView::from(explanation.topic),
        }
    }
}

impl VariantsView {
    /// The view of the same topic answered for each combination; nothing when there is none.
    #[must_use]
    pub fn new(cases: &[Case]) -> Option<Self> {
        let first = &cases.first()?.explanation;
        let comparison = cases.iter().map(|Case { varied, explanation }| VariantView {
            varied: varied.iter().map(|(key, value)| VariedView { key: key.clone(), value: value.clone() }).collect(),
            case: CaseView::from(explanation),
        });
        Some(Self {
            heading: HeadingView::from(first),
            comparison: comparison.collect(),
            background: BackgroundView::from(first.topic),
        })
    }
}

impl From<&Explanation> for HeadingView {
    fn from(explanation: &Explanation) -> Self {
        Self {
            schema: SCHEMA,
            topic: explanation.topic.id,
            question: explanation.topic.question,
            kernel: KernelView::from(explanation.host),
            rtt_us: explanation.rtt_us,
        }
    }
}

impl From<Host> for KernelView {
    fn from(host: Host) -> Self {
        Self { version: host.version.to_string(), hz: host.hz.map(|hz| hz.get()) }
    }
}

impl From<&Explanation> for CaseView {
    fn from(explanation: &Explanation) -> Self {
        let Figures { answer, queues, ports, flood, mss, waits, tables, listeners: _ } = &explanation.figures;
        Self {
            answer: answer.clone(),
            timeline: explanation.timeline.as_ref().map(TimelineView::from),
            queues: queues.map(|queues| QueuesView {
                asked: queues.asked,
                backlog: queues.backlog,
                accept_capacity: queues.accept_capacity,
                half_open_capacity: queues.half_open_capacity,
                limited_by: queues.limited_by.name(),
            }),
            ports: ports.map(|PortFigures { budget, loopback, at_rate }| PortsView {
                available: budget.available,
                held_ms: budget.held_ms,
                sustained_per_s: budget.sustained_per_s,
                loopback: LoopbackView { held_ms: loopback.held_ms, sustained_per_s: loopback.sustained_per_s },
                rate_per_s: at_rate.map(|(rate_per_s, _)| rate_per_s),
                exhausted_after_ms: at_rate.map(|(_, after_ms)| after_ms),
            }),
            flood: flood.as_ref().map(FloodView::from),
            mss: mss.map(|mss| MssView {
                mtu: mss.mtu,
                data: mss.data,
                ipv4: SegmentSizesView::from(mss.ipv4),
                ipv6: SegmentSizesView::from(mss.ipv6),
            }),
            timers: waits.iter().map(TimerView::from).collect(),
            tables: tables.iter().map(TableView::from).collect(),
            facts: FactsView::of(explanation),
            settings: explanation.settings.iter().map(SettingView::from).collect(),
            socket_options: explanation.socket_options.iter().map(SocketOptionView::from).collect(),
            unused_what_ifs: explanation.idle_what_ifs.clone(),
        }
    }
}

impl From<SegmentSizes> for SegmentSizesView {
    fn from(sizes: SegmentSizes) -> Self {
        let SegmentSizes { mss, data_per_segment, segments, lost_segment_bytes, fragments, lost_fragment_bytes } =
            sizes;
        Self { mss, data_per_segment, segments, lost_segment_bytes, fragments, lost_fragment_bytes }
    }
}

impl From<&WheelWait> for TimerView {
    fn from(wait: &WheelWait) -> Self {
        Self {
            hz: wait.hz.get(),
            wait_ms: wait.wait_us / 1000,
            granularity_us: wait.granularity_us,
            at_ms: wait.window.at_us / 1000,
            latest_ms: wait.window.latest_us.div_ceil(1000),
        }
    }
}

impl From<&FigureTable> for TableView {
    fn from(table: &FigureTable) -> Self {
        Self { title: table.title.clone(), columns: table.columns.clone(), rows: table.rows.clone() }
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
            side: row.side.map(|side| side.name()),
        }
    }
}

impl From<&SocketOptionRow> for SocketOptionView {
    fn from(row: &SocketOptionRow) -> Self {
        Self {
            name: row.name,
            unit: row.unit,
            value: row.value,
            side: row.side.map(|side| side.name()),
            source: row.origin.name(),
        }
    }
}

impl From<&Topic> for BackgroundView {
    fn from(topic: &Topic) -> Self {
        Self { folklore: topic.folklore.iter().map(FolkloreView::from).collect(), sources: topic.sources }
    }
}

impl From<&Folklore> for FolkloreView {
    fn from(folklore: &Folklore) -> Self {
        Self { said: folklore.said, kernel: folklore.kernel }
    }
}

/// The list of topics in JSON, with the version of its shape.
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

/// A topic of the list.
#[derive(Debug, Serialize)]
struct TopicView {
    id: &'static str,
    group: &'static str,
    question: &'static str,
}

impl From<&Topic> for TopicView {
    fn from(topic: &Topic) -> Self {
        Self { id: topic.id, group: topic.group.title(), question: topic.question }
    }
}
