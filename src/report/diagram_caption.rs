//! The words around a diagram that is read away from the screen: what it shows, for which kernel, and how it ends.

use super::printable::printable;
use crate::explain::{Explanation, Origin, SettingRow, Simulation, SocketOptionRow};
use crate::model::{Host, Outcome, Timeline};
use crate::units::Micros;

/// A course with what stands around it: what a diagram is drawn from.
#[derive(Clone, Debug)]
pub struct Pictured<'a> {
    title: String,
    host: Host,
    rtt_us: u64,
    settings: &'a [SettingRow],
    socket_options: &'a [SocketOptionRow],
    pub(super) timeline: Option<&'a Timeline>,
}

impl<'a> From<&'a Explanation> for Pictured<'a> {
    fn from(explanation: &'a Explanation) -> Self {
        let Explanation { topic, host, rtt_us, timeline, settings, socket_options, .. } = explanation;
        let (title, timeline) = (topic.question.to_owned(), timeline.as_ref());
        Self { title, host: *host, rtt_us: *rtt_us, settings, socket_options, timeline }
    }
}

impl<'a> From<&'a Simulation> for Pictured<'a> {
    fn from(simulation: &'a Simulation) -> Self {
        let Simulation { summary, host, rtt_us, timeline, settings, socket_options, .. } = simulation;
        let (title, timeline) = (printable(summary), Some(timeline));
        Self { title, host: *host, rtt_us: *rtt_us, settings, socket_options, timeline }
    }
}

/// Title, lines above and lines below.
pub(super) struct Caption {
    pub(super) title: String,
    pub(super) above: Vec<String>,
    pub(super) below: Vec<String>,
}

impl Caption {
    pub(super) fn of(pictured: &Pictured<'_>, timeline: &Timeline) -> Self {
        let hz = pictured.host.hz.map_or("HZ unknown".to_owned(), |hz| format!("HZ {hz}"));
        let rtt = Micros(pictured.rtt_us);
        let mut above = vec![format!("Linux {}, {hz}, round trip {rtt}", pictured.host.version)];
        let settings: Vec<String> = pictured.settings.iter().filter_map(setting).collect();
        if !settings.is_empty() {
            above.push(settings.join(", "));
        }
        let options: Vec<String> = pictured
            .socket_options
            .iter()
            .filter_map(|row| Some(format!("{}={} on the {}", row.name, row.value, row.side?.name())))
            .collect();
        if !options.is_empty() {
            above.push(options.join(", "));
        }
        let mut below: Vec<String> = timeline
            .ends
            .iter()
            .map(|end| match end.outcome {
                Outcome::Never => format!("The {} does not end by itself.", end.side.name()),
                outcome => format!("The {}: {} after {}.", end.side.name(), outcome.name(), end.window),
            })
            .collect();
        if !timeline.alternatives.is_empty() {
            let others = timeline.alternatives.len();
            let are = if others == 1 { "course is" } else { "courses are" };
            below.push(format!("A tie: {others} other {are} as likely, where timers meet; this is one of them."));
        }
        below.push("Times are windows: a kernel timer is never early and may be late.".to_owned());
        Self { title: pictured.title.clone(), above, below }
    }
}

/// `tcp_syn_retries=3 (what-if)`.
fn setting(row: &SettingRow) -> Option<String> {
    let sourced = row.value.as_ref()?;
    let leaf = row.key.rsplit('.').next().unwrap_or(row.key);
    let origin = match sourced.origin {
        Origin::Default => "",
        Origin::Host => " (host)",
        Origin::File => " (file)",
        Origin::WhatIf => " (what-if)",
    };
    let value = if sourced.value.is_empty() { "none" } else { sourced.value.as_str() };
    let side = row.side.map_or(String::new(), |side| format!("{} ", side.name()));
    Some(format!("{side}{leaf}={value}{origin}"))
}
