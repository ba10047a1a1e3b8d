//! A simulated scenario as text and JSON.

use serde::Serialize;

use super::diagram::DiagramStyle;
use super::explanation::{endings, render_course, render_settings, render_socket_options};
use super::explanation_view::{KernelView, SCHEMA, SettingView, SocketOptionView};
use super::printable::printable;
use super::prose::{in_ascii, wrapped};
use super::timeline::TimelineView;
use crate::explain::Simulation;
use crate::model::IpVersion;
use crate::model::{End, Outcome};
use crate::units::Micros;

/// A simulation in JSON: the shape of an explanation, with a scenario in the place of a topic.
#[derive(Debug, Serialize)]
pub struct SimulationView {
    /// Version of this shape.
    schema: u32,
    scenario: ScenarioView,
    kernel: KernelView,
    /// What carries the segments: `ipv4` or `ipv6`.
    family: String,
    rtt_us: u64,
    timeline: TimelineView,
    settings: Vec<SettingView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    socket_options: Vec<SocketOptionView>,
    /// Settings that were given and change nothing here.
    unused_what_ifs: Vec<String>,
    /// Rules of the wire that are for no segment, counted from 1 in the order of the file.
    unused_wire_rules: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct ScenarioView {
    name: String,
    summary: String,
}

impl From<&Simulation> for SimulationView {
    fn from(simulation: &Simulation) -> Self {
        Self {
            schema: SCHEMA,
            scenario: ScenarioView { name: simulation.name.clone(), summary: simulation.summary.clone() },
            kernel: KernelView::from(simulation.host),
            family: simulation.family.name().to_ascii_lowercase(),
            rtt_us: simulation.rtt_us,
            timeline: TimelineView::from(&simulation.timeline),
            settings: simulation.settings.iter().map(SettingView::from).collect(),
            socket_options: simulation.socket_options.iter().map(SocketOptionView::from).collect(),
            unused_what_ifs: simulation.unused.clone(),
            unused_wire_rules: simulation.idle_rules.clone(),
        }
    }
}

/// A simulation as text: how it ends, the diagram, the timeline, and what it was played with.
#[must_use]
pub fn render_simulation(simulation: &Simulation, style: DiagramStyle) -> String {
    let width = style.width;
    let hz = simulation.host.hz.map_or("HZ unknown".to_owned(), |hz| format!("HZ {hz}"));
    let mut text = wrapped(&format!("{}: {}", printable(&simulation.name), printable(&simulation.summary)), width);
    let rtt = Micros(simulation.rtt_us);
    let over = if simulation.family == IpVersion::V4 { "" } else { " over IPv6" };
    text.push_str(&format!("For Linux {}, {hz}, round trip {rtt}{over}.\n\n", simulation.host.version));
    for end in &simulation.timeline.ends {
        let tie = endings(&simulation.timeline, end.side, style.ascii).is_some();
        let sentence = format!("{}{}", ending(end), if tie { " A tie: below are its other endings." } else { "" });
        text.push_str(&wrapped(&sentence, width));
    }
    for number in &simulation.idle_rules {
        text.push_str(&wrapped(&format!("Rule {number} of [[wire]] is for no segment that is sent here."), width));
    }
    text.push_str(&render_course(&simulation.timeline, style));
    if !simulation.settings.is_empty() || !simulation.socket_options.is_empty() {
        text.push_str("\nSettings that were given, and those that are not the kernel's defaults\n");
    }
    text.push_str(&render_settings(&simulation.settings, width));
    text.push_str(&render_socket_options(&simulation.socket_options, width));
    for key in &simulation.unused {
        text.push_str(&wrapped(&format!("{key} was given and does not change this course."), width));
    }
    if style.ascii { in_ascii(&text) } else { text }
}

/// How a side ends, as a sentence.
fn ending(end: &End) -> String {
    let (side, window) = (end.side.name(), end.window);
    match end.outcome {
        Outcome::Failed(errno) => format!("The {side} fails with {} after {window}.", errno.name()),
        Outcome::Established => format!("The {side} is connected after {window} and stays so."),
        Outcome::Gone => format!("The {side} has forgotten the connection after {window}."),
        Outcome::Never => format!("The {side} does not end by itself."),
    }
}
