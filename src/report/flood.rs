//! A flood and what would help, as JSON and as a table.

use serde::Serialize;

use super::answer::render_window;
use super::figure::render_count as count;
use super::prose::hanging;
use super::table::{Align, render_table};
use crate::explain::{FloodFigures, InputQueue, Remedy};
use crate::model::{FloodForecast, Legitimate, Outcome, Span, SteadyFlood, Window};
use crate::units::Micros;

/// A flood in JSON. Times are milliseconds after its first SYN, nominal ones rounded down and latest ones up. The
/// honest client is counted in none of the flood's own figures.
#[derive(Debug, Serialize)]
pub(super) struct FloodView {
    rate_per_s: u64,
    count: u64,
    asked: u32,
    #[serde(flatten)]
    course: CourseView,
    occupancy: Vec<LevelView>,
    /// The packets that wait before TCP; null when `netdev_max_backlog` is not known.
    input_queue: Option<InputQueueView>,
    remedies: Vec<RemedyView>,
}

/// What comes of a flood.
#[derive(Debug, Serialize)]
pub(super) struct CourseView {
    backlog: u32,
    half_open_capacity: u64,
    limited_by: &'static str,
    taken: u64,
    half_open_peak: u64,
    cookies_sent: u64,
    dropped: u64,
    syn_acks_sent: u64,
    half_open_after_pruning: u64,
    /// Null when the queue is never full.
    full_at_ms: Option<u64>,
    last_syn_ms: u64,
    /// Null when no entry was kept.
    last_gone: Option<WindowView>,
    /// Over every phase of the timer wheel.
    ranges: RangesView,
    steady: SteadyView,
    legitimate: LegitimateView,
}

#[derive(Debug, Serialize)]
struct WindowView {
    at_ms: u64,
    latest_ms: u64,
}

#[derive(Debug, Serialize)]
struct LevelView {
    at_ms: u64,
    half_open: u64,
}

#[derive(Debug, Serialize)]
struct RangesView {
    cookies_sent: SpanView,
    dropped: SpanView,
    half_open_after_pruning: SpanView,
}

#[derive(Debug, Serialize)]
struct SpanView {
    least: u64,
    most: u64,
}

/// The same flood if it never ended.
#[derive(Debug, Serialize)]
struct SteadyView {
    half_open: u64,
    cookies_per_s: u64,
    dropped_per_s: u64,
    syn_acks_per_s: u64,
    room_ppm: u64,
}

/// The honest client; its times count from its connect().
#[derive(Debug, Serialize)]
struct LegitimateView {
    /// After the flood's first SYN.
    connects_at_ms: u64,
    /// `established` or the errno's name.
    outcome: &'static str,
    at_ms: u64,
    latest_ms: u64,
    /// SYNs that it takes, at least and at most.
    attempts: u64,
    attempts_most: u64,
    /// When the likeliest of these does it.
    likeliest: WindowView,
    chance_ppm: u64,
    by_cookie: bool,
}

#[derive(Debug, Serialize)]
struct InputQueueView {
    packets: u64,
    holds_us: u64,
}

#[derive(Debug, Serialize)]
struct RemedyView {
    id: &'static str,
    what: String,
    is_now: bool,
    #[serde(flatten)]
    course: CourseView,
}

impl From<Window> for WindowView {
    fn from(window: Window) -> Self {
        Self { at_ms: window.at_us / 1000, latest_ms: window.latest_us.div_ceil(1000) }
    }
}

impl From<Span> for SpanView {
    fn from(span: Span) -> Self {
        Self { least: span.least, most: span.most }
    }
}

impl From<SteadyFlood> for SteadyView {
    fn from(steady: SteadyFlood) -> Self {
        Self {
            half_open: steady.half_open,
            cookies_per_s: steady.cookies_per_s,
            dropped_per_s: steady.dropped_per_s,
            syn_acks_per_s: steady.syn_acks_per_s,
            room_ppm: steady.room_ppm,
        }
    }
}

impl From<Legitimate> for LegitimateView {
    fn from(client: Legitimate) -> Self {
        let WindowView { at_ms, latest_ms } = client.at.into();
        Self {
            connects_at_ms: client.connects_at_us / 1000,
            outcome: client.outcome.name(),
            at_ms,
            latest_ms,
            attempts: client.attempts.0,
            attempts_most: client.attempts.1,
            likeliest: client.likeliest.into(),
            chance_ppm: client.chance_ppm,
            by_cookie: client.by_cookie,
        }
    }
}

impl From<&FloodForecast> for CourseView {
    fn from(forecast: &FloodForecast) -> Self {
        let [cookies_sent, dropped, half_open_after_pruning] = forecast.spans.map(SpanView::from);
        Self {
            backlog: forecast.backlog,
            half_open_capacity: forecast.limits.half_open_capacity,
            limited_by: forecast.limits.limited_by.name(),
            taken: forecast.taken,
            half_open_peak: forecast.half_open_peak,
            cookies_sent: forecast.cookies_sent,
            dropped: forecast.dropped,
            syn_acks_sent: forecast.syn_acks_sent,
            half_open_after_pruning: forecast.half_open_after_pruning,
            full_at_ms: forecast.full_at_us.map(|us| us / 1000),
            last_syn_ms: forecast.last_syn_us / 1000,
            last_gone: forecast.last_gone.map(WindowView::from),
            ranges: RangesView { cookies_sent, dropped, half_open_after_pruning },
            steady: forecast.steady.into(),
            legitimate: forecast.legitimate.into(),
        }
    }
}

impl From<&Remedy> for RemedyView {
    fn from(remedy: &Remedy) -> Self {
        let course = CourseView::from(&remedy.forecast);
        Self { id: remedy.id, what: remedy.what.clone(), is_now: remedy.is_now, course }
    }
}

impl From<&FloodFigures> for FloodView {
    fn from(figures: &FloodFigures) -> Self {
        let level = |(at_us, half_open): &(u64, u64)| LevelView { at_ms: at_us / 1000, half_open: *half_open };
        let input_queue = |queue: InputQueue| InputQueueView { packets: queue.packets, holds_us: queue.holds_us };
        Self {
            rate_per_s: figures.flood.rate_per_s,
            count: figures.flood.count,
            asked: figures.asked,
            course: CourseView::from(&figures.forecast),
            occupancy: figures.forecast.occupancy.iter().map(level).collect(),
            input_queue: figures.input_queue.map(input_queue),
            remedies: figures.remedies.iter().map(RemedyView::from).collect(),
        }
    }
}

/// Half-open entries over time, and what each change would do to this flood.
#[must_use]
pub(super) fn render_flood(figures: &FloodFigures, width: usize, ascii: bool) -> String {
    let mut text = hanging("Half-open over time: ", &occupancy(&figures.forecast), width);
    text.push_str("\nWhat helps: the same flood after each change alone, and after all\n");
    let mut rows = vec![row("as it is".to_owned(), &figures.forecast, ascii)];
    for remedy in &figures.remedies {
        let now = if remedy.is_now { " *" } else { "" };
        rows.push(row(format!("{}{now}", remedy.what), &remedy.forecast, ascii));
    }
    let head = ["change", "peak", "cookies", "dropped", "left", "empty at", "client"];
    let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Right, Align::Left];
    text.push_str(&render_table(&head, &align, &rows, width));
    let legend = "peak: half-open at most; left: when each has had its third timer; client: when an honest one's \
                  connect() most likely returns.";
    text.push_str(&hanging("  ", legend, width));
    if figures.remedies.iter().any(|remedy| remedy.is_now) {
        text.push_str("  * is as it is now\n");
    }
    text
}

/// Where the number changes: `129 after 3ms, 64 after 8s`.
fn occupancy(forecast: &FloodForecast) -> String {
    let mut before = 0;
    let mut changes = Vec::new();
    for (at_us, level) in &forecast.occupancy {
        if *level != before {
            changes.push(format!("{} after {:#}", count(*level), Micros(*at_us)));
            before = *level;
        }
    }
    if changes.is_empty() { "none".to_owned() } else { changes.join(", ") }
}

/// When an honest client's connect() returns, as a cell.
pub(super) fn client(forecast: &FloodForecast, ascii: bool) -> String {
    let client = forecast.legitimate;
    match client.outcome {
        Outcome::Established if client.attempts.1 == 1 => "1 RTT".to_owned(),
        Outcome::Established => render_window(client.likeliest, ascii),
        outcome => outcome.name().to_owned(),
    }
}

fn row(what: String, forecast: &FloodForecast, ascii: bool) -> [String; 7] {
    [
        what,
        count(forecast.half_open_peak),
        count(forecast.cookies_sent),
        count(forecast.dropped),
        count(forecast.half_open_after_pruning),
        forecast.last_gone.map_or("-".to_owned(), |gone| render_window(gone, ascii)),
        client(forecast, ascii),
    ]
}
