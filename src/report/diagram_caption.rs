//! The words around a diagram that is read away from the screen: what it shows, for which kernel, and how it ends.

use crate::explain::{Explanation, Origin};
use crate::model::{Outcome, Timeline};
use crate::units::Micros;

/// Title, lines above and lines below.
pub(super) struct Caption {
    pub(super) title: String,
    pub(super) above: Vec<String>,
    pub(super) below: Vec<String>,
}

impl Caption {
    pub(super) fn of(explanation: &Explanation, timeline: &Timeline) -> Self {
        let hz = explanation.host.hz.map_or("HZ unknown".to_owned(), |hz| format!("HZ {hz}"));
        let rtt = Micros(explanation.rtt_us);
        let mut above = vec![format!("Linux {}, {hz}, round trip {rtt}", explanation.host.version)];
        let settings: Vec<String> = explanation.settings.iter().filter_map(setting).collect();
        if !settings.is_empty() {
            above.push(settings.join(", "));
        }
        let options: Vec<String> = explanation
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
        Self { title: explanation.topic.question.to_owned(), above, below }
    }
}

/// `tcp_syn_retries=3 (what-if)`.
fn setting(row: &crate::explain::SettingRow) -> Option<String> {
    let sourced = row.value.as_ref()?;
    let leaf = row.key.rsplit('.').next().unwrap_or(row.key);
    let origin = match sourced.origin {
        Origin::Default => "",
        Origin::Host => " (host)",
        Origin::WhatIf => " (what-if)",
    };
    let value = if sourced.value.is_empty() { "none" } else { sourced.value.as_str() };
    Some(format!("{leaf}={value}{origin}"))
}
