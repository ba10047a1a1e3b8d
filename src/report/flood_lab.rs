//! A flood on the kernel beside its prediction, as text and as JSON.

use serde::Serialize;

use super::answer::render_window;
use super::flood::CourseView;
use super::prose::{hanging, wrapped};
use super::table::{Align, render_table};
use crate::lab::{FloodExpected, FloodFigure, FloodPlan, FloodProof, FloodRow, FloodSeen, FloodVerdict, PlayedClient};
use crate::model::Outcome;
use crate::units::Micros;

/// Version of the JSON of a flood in the laboratory; the shape only grows.
const SCHEMA: u32 = 1;

/// A flood on the kernel in JSON.
#[derive(Debug, Serialize)]
pub struct FloodProofView {
    schema: u32,
    scenario: &'static str,
    #[serde(flatten)]
    run: FloodRunView,
}

/// One run.
#[derive(Debug, Serialize)]
pub(super) struct FloodRunView {
    flood: FloodPlanView,
    /// Whether nothing contradicts the prediction.
    agrees: bool,
    /// Whether the flood was sent at its pace, so that the comparison means something.
    conclusive: bool,
    /// Whether it was stopped before it was over; what is compared is what was played.
    stopped: bool,
    rows: Vec<RowView>,
    client: ClientView,
    /// What comes of the whole flood, until its last request is gone.
    predicted: CourseView,
    /// How late a SYN, a look or the client was at the most.
    lateness_us: u64,
    /// How far the kernel's tick was behind its clock, all together.
    tick_behind_us: u64,
    /// By how much the clock that stamps packets was set meanwhile.
    clock_set_us: u64,
    /// The sysctls of the private namespaces, read back.
    settings: Vec<PinsView>,
    /// Sysctls that could not be set there.
    not_set: Vec<NotSetView>,
}

#[derive(Debug, Serialize)]
struct FloodPlanView {
    family: String,
    count: u32,
    rate_per_s: u64,
    backlog: u32,
    rtt_us: u64,
    /// When the last counts were taken, after the first SYN.
    watched_us: u64,
}

#[derive(Debug, Serialize)]
struct RowView {
    figure: &'static str,
    predicted: Option<ExpectedView>,
    measured: Option<SeenView>,
    verdict: &'static str,
    /// By how many, or by how many microseconds, it lies outside.
    off: u64,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ExpectedView {
    Count { least: u64, most: u64 },
    Time { at_us: u64, latest_us: u64 },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum SeenView {
    Count(u64),
    /// It happened between these.
    Time {
        from_us: u64,
        until_us: u64,
    },
}

/// The honest client.
#[derive(Debug, Serialize)]
struct ClientView {
    /// When it called connect(), after the first SYN; null if it had not yet.
    called_us: Option<u64>,
    /// `established`, the errno's name, or null when it had no answer yet.
    outcome: Option<&'static str>,
    took_us: Option<u64>,
    by_cookie: bool,
    syns: u32,
    syns_dropped: u64,
}

#[derive(Debug, Serialize)]
struct PinsView {
    side: &'static str,
    values: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct NotSetView {
    key: String,
    reason: String,
}

impl FloodProofView {
    /// Puts it together.
    #[must_use]
    pub fn new(proof: &FloodProof) -> Self {
        Self { schema: SCHEMA, scenario: "syn-flood", run: FloodRunView::new(proof) }
    }
}

impl FloodRunView {
    pub(super) fn new(proof: &FloodProof) -> Self {
        let played = &proof.played;
        let plan = &played.plan;
        Self {
            flood: FloodPlanView {
                family: plan.family.name().to_ascii_lowercase(),
                count: plan.count,
                rate_per_s: plan.rate_per_s,
                backlog: plan.backlog,
                rtt_us: plan.rtt_us,
                watched_us: played.counted_at.at_us,
            },
            agrees: proof.agrees(),
            conclusive: proof.conclusive,
            stopped: played.stopped,
            rows: proof.rows.iter().map(RowView::from).collect(),
            client: ClientView::from(played.client),
            predicted: CourseView::from(&proof.predicted),
            lateness_us: played.punctuality.wire_us,
            tick_behind_us: played.punctuality.tick_us,
            clock_set_us: played.punctuality.clock_us,
            settings: played
                .pins
                .iter()
                .map(|(side, values)| PinsView { side: side.name(), values: values.clone() })
                .collect(),
            not_set: played
                .not_set
                .iter()
                .map(|(key, reason)| NotSetView { key: key.clone(), reason: reason.clone() })
                .collect(),
        }
    }
}

impl From<&FloodRow> for RowView {
    fn from(row: &FloodRow) -> Self {
        let predicted = row.predicted.map(|expected| match expected {
            FloodExpected::Count(span) => ExpectedView::Count { least: span.least, most: span.most },
            FloodExpected::Time(window) => ExpectedView::Time { at_us: window.at_us, latest_us: window.latest_us },
        });
        let measured = row.measured.map(|seen| match seen {
            FloodSeen::Count(number) => SeenView::Count(number),
            FloodSeen::Time(window) => SeenView::Time { from_us: window.at_us, until_us: window.latest_us },
        });
        let (verdict, off) = verdict_word(row.verdict);
        Self { figure: figure_id(row.figure), predicted, measured, verdict, off }
    }
}

impl From<PlayedClient> for ClientView {
    fn from(client: PlayedClient) -> Self {
        Self {
            called_us: client.called_us,
            outcome: client.returned.map(|(_, errno)| errno.map_or(Outcome::Established.name(), |errno| errno.name())),
            took_us: client.returned.map(|(took_us, _)| took_us),
            by_cookie: client.cookies > 0 && matches!(client.returned, Some((_, None))),
            syns: client.syns,
            syns_dropped: client.dropped,
        }
    }
}

const fn figure_id(figure: FloodFigure) -> &'static str {
    match figure {
        FloodFigure::HalfOpenPeak => "half_open_peak",
        FloodFigure::FullAt => "full_at",
        FloodFigure::CookiesSent => "cookies_sent",
        FloodFigure::Dropped => "dropped",
        FloodFigure::QueueFullDrops => "queue_full_drops",
        FloodFigure::SynAcks => "syn_acks_sent",
        FloodFigure::Looks => "looks",
        FloodFigure::HalfOpenLeft => "half_open_left",
        FloodFigure::LastGone => "last_gone",
        FloodFigure::ClientServed => "client_returned",
        FloodFigure::ClientCookies => "client_cookies",
    }
}

/// A figure in a table's first column.
pub(super) fn figure_label(figure: FloodFigure, proof: &FloodProof) -> String {
    match figure {
        FloodFigure::HalfOpenPeak => "half-open entries at most".to_owned(),
        FloodFigure::FullAt => "SYN queue full after".to_owned(),
        FloodFigure::CookiesSent => "cookies (SyncookiesSent)".to_owned(),
        FloodFigure::Dropped => "drops (ListenDrops)".to_owned(),
        FloodFigure::QueueFullDrops => "queue full (TCPReqQFullDrop)".to_owned(),
        FloodFigure::SynAcks => "SYN-ACKs sent".to_owned(),
        FloodFigure::Looks => "looks that found what they should".to_owned(),
        FloodFigure::HalfOpenLeft => format!("half-open after {}", end_of(proof)),
        FloodFigure::LastGone => "last entry gone after".to_owned(),
        FloodFigure::ClientServed => "client's connect() takes".to_owned(),
        FloodFigure::ClientCookies => "client served by a cookie".to_owned(),
    }
}

/// When the last counts were taken.
pub(super) fn end_of(proof: &FloodProof) -> String {
    format!("{:#}", Micros(proof.played.counted_at.at_us))
}

const fn verdict_word(verdict: FloodVerdict) -> (&'static str, u64) {
    match verdict {
        FloodVerdict::Inside => ("inside", 0),
        FloodVerdict::Early(us) => ("early", us),
        FloodVerdict::Late(us) => ("late", us),
        FloodVerdict::Fewer(number) => ("fewer", number),
        FloodVerdict::More(number) => ("more", number),
        FloodVerdict::Missing => ("missing", 0),
        FloodVerdict::Extra => ("extra", 0),
        FloodVerdict::Later => ("later", 0),
    }
}

/// What was to be seen, as a cell.
pub(super) fn predicted_cell(row: &FloodRow, proof: &FloodProof, ascii: bool) -> String {
    let dash = if ascii { "-" } else { "–" };
    match (row.figure, row.predicted) {
        (_, None) => dash.to_owned(),
        (FloodFigure::ClientCookies, Some(FloodExpected::Count(span))) if span.least == span.most => {
            yes_or_no(span.least).to_owned()
        }
        (_, Some(FloodExpected::Count(span))) if span.least == span.most => span.least.to_string(),
        (_, Some(FloodExpected::Count(span))) => format!("{}{dash}{}", span.least, span.most),
        (FloodFigure::ClientServed, Some(FloodExpected::Time(_))) if proof.predicted.legitimate.attempts == (1, 1) => {
            "1 RTT".to_owned()
        }
        (_, Some(FloodExpected::Time(window))) => render_window(window, ascii),
    }
}

/// What was seen, as a cell.
pub(super) fn measured_cell(row: &FloodRow, ascii: bool) -> String {
    let none = match row.verdict {
        FloodVerdict::Later => "not yet",
        _ if ascii => "-",
        _ => "–",
    };
    match (row.figure, row.measured) {
        (_, None) => none.to_owned(),
        (FloodFigure::ClientCookies, Some(FloodSeen::Count(number))) => yes_or_no(number).to_owned(),
        (_, Some(FloodSeen::Count(number))) => number.to_string(),
        // Seen at once, or between two looks.
        (_, Some(FloodSeen::Time(window))) if window.at_us == window.latest_us => {
            format!("{:#}", Micros(window.latest_us))
        }
        (_, Some(FloodSeen::Time(window))) => render_window(window, ascii),
    }
}

const fn yes_or_no(number: u64) -> &'static str {
    if number == 0 { "no" } else { "yes" }
}

/// How a figure fared, as a cell: nothing for what was not awaited.
fn verdict_cell(verdict: FloodVerdict, ascii: bool) -> String {
    let (good, bad) = if ascii { ("ok", "!!") } else { ("✓", "✗") };
    match verdict {
        FloodVerdict::Inside => good.to_owned(),
        FloodVerdict::Later => String::new(),
        FloodVerdict::Early(us) | FloodVerdict::Late(us) => {
            format!("{bad} {} by {} ms", verdict_word(verdict).0, us.div_ceil(1000))
        }
        FloodVerdict::Fewer(number) | FloodVerdict::More(number) => {
            format!("{bad} {number} {}", verdict_word(verdict).0)
        }
        FloodVerdict::Missing | FloodVerdict::Extra => format!("{bad} {}", verdict_word(verdict).0),
    }
}

/// A flood on the kernel as a table: predicted, measured, verdict.
#[must_use]
pub fn render_flood_proof(proof: &FloodProof, width: usize, ascii: bool) -> String {
    let rows: Vec<_> = proof
        .rows
        .iter()
        .map(|row| {
            [
                figure_label(row.figure, proof),
                predicted_cell(row, proof, ascii),
                measured_cell(row, ascii),
                verdict_cell(row.verdict, ascii),
            ]
        })
        .collect();
    let align = [Align::Left, Align::Right, Align::Right, Align::Left];
    let mut text = render_table(&["figure", "predicted", "measured", ""], &align, &rows, width);
    for (key, reason) in &proof.played.not_set {
        text.push_str(&hanging("  ", &format!("not set: {key}: {reason}"), width));
    }
    text.push('\n');
    let stopped = if proof.played.stopped {
        let (after, sent) = (Micros(proof.played.counted_at.at_us), proof.played.sent);
        format!("Stopped after {after}, when {sent} SYNs had been sent. ")
    } else {
        String::new()
    };
    let agreement = agreement(core::slice::from_ref(proof));
    text.push_str(&wrapped(&format!("{stopped}{} {agreement}", client_sentence(proof)), width));
    text
}

/// How the client fared, as a sentence.
fn client_sentence(proof: &FloodProof) -> String {
    let client = proof.played.client;
    let dropped = match client.dropped {
        0 => String::new(),
        1 => "; one SYN of its was dropped".to_owned(),
        number => format!("; {number} of its SYNs were dropped"),
    };
    match client.returned {
        Some((took_us, None)) if client.cookies > 0 => {
            format!("The client was served by a cookie after {}{dropped}.", Micros(took_us))
        }
        Some((took_us, None)) => format!("The client found room after {}{dropped}.", Micros(took_us)),
        Some((took_us, Some(errno))) => {
            format!("The client's connect() failed with {} after {}{dropped}.", errno.name(), Micros(took_us))
        }
        None if client.called_us.is_none() => "The client had not called connect() yet.".to_owned(),
        None => format!("The client had no answer in {}{dropped}.", Micros(waited_us(proof))),
    }
}

/// For how long the client has waited at the end.
pub(super) const fn waited_us(proof: &FloodProof) -> u64 {
    match proof.played.client.called_us {
        Some(called_us) => proof.played.counted_at.at_us.saturating_sub(called_us),
        None => 0,
    }
}

/// Whether kernel and model agree, and how punctual that was.
pub(super) fn agreement(proofs: &[FloodProof]) -> String {
    let rows = || proofs.iter().flat_map(|proof| &proof.rows);
    let (wrong, later) = (
        rows().filter(|row| row.verdict.is_wrong()).count(),
        rows().filter(|row| row.verdict == FloodVerdict::Later).count(),
    );
    let compared = rows().count() - later;
    let late_us = proofs.iter().map(|proof| proof.played.punctuality.wire_us).max().unwrap_or(0);
    let verdict = match wrong {
        0 => format!("Kernel and model agree on all {compared} figures"),
        wrong => format!("Kernel and model disagree on {wrong} of {compared} figures"),
    };
    format!("{verdict}; this process was at most {} late.", Micros(late_us.div_ceil(100) * 100))
}

/// What is about to be played, as text: one flood, or the same without and with a profile.
#[must_use]
pub fn render_flood_heading(plans: &[FloodPlan], profile: Option<&str>, width: usize) -> String {
    let Some(plan) = plans.first() else { return String::new() };
    let longest_us = plans.iter().map(FloodPlan::longest_us).max().unwrap_or(0);
    let twice = match profile {
        Some(profile) => format!("twice, without and with {profile}, side by side "),
        None => String::new(),
    };
    wrapped(
        &format!(
            "Playing it {twice}on this kernel: {} SYNs at {}/s against listen(fd, {}), an honest client after {}; at \
             most {} s. The kernel log may get a line about it.",
            plan.count,
            plan.rate_per_s,
            plan.backlog,
            Micros(plan.connects_at_us()),
            longest_us.div_ceil(1_000_000)
        ),
        width,
    )
}
