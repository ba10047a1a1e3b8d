//! The first rows of the overview when no rules have judged: what the limits and the drop counters say.

use super::{RateRow, limits, rates};
use crate::ui::tui::history::Span;
use crate::ui::tui::state::{Headline, State};
use crate::ui::tui::theme::Severity;

/// What to say first, the worst before the rest; never empty once there is a snapshot.
pub(in crate::ui::tui) fn headlines(state: &State, span: Span) -> Vec<Headline> {
    let Some(snapshot) = state.shown() else {
        return vec![Headline {
            severity: Severity::Quiet,
            text: "reading the kernel for the first time …".to_owned(),
        }];
    };
    if let Some(findings) = &state.findings {
        return findings.clone();
    }
    let mut found: Vec<Headline> = limits(state, snapshot, span)
        .into_iter()
        .filter(|row| row.severity > Severity::Quiet)
        .map(|row| {
            let full = if row.severity == Severity::Critical { "is full" } else { "is nearly full" };
            let (now, limit) = (row.now.text(row.write), row.limit.text(row.write));
            Headline { severity: row.severity, text: format!("{} {full}: {now} of {limit} ({})", row.label, row.binds) }
        })
        .collect();
    found.extend(rates(state, span).into_iter().filter(RateRow::is_headline).map(|row| Headline {
        severity: row.severity,
        text: format!("{}: {} now, peak {}", row.label, row.now.text(row.write), row.peak.text(row.write)),
    }));
    found.sort_by_key(|headline| core::cmp::Reverse(headline.severity));
    if found.is_empty() {
        found.push(quiet(state, span));
    }
    found
}

/// The sentence of a host without trouble; it claims no more than could be seen.
fn quiet(state: &State, span: Span) -> Headline {
    let text = if !state.history.has_interval(span.until_unix_ms) {
        "✓ no limit is reached; drops are known after the second reading"
    } else if state.shown().is_some_and(|snapshot| snapshot.sockets.is_none() || snapshot.counters.netstat.is_none()) {
        "? no trouble in what could be read, but not everything could be: see i"
    } else {
        "✓ no limit is near, and no drops are counted now"
    };
    Headline { severity: Severity::Quiet, text: text.to_owned() }
}
