//! The first rows of the overview: what the rules say.

use crate::diagnose;
use crate::ui::tui::state::State;
use crate::ui::tui::theme::Severity;

/// One of the sentences at the top of the overview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ui::tui) struct Headline {
    /// How bad it is.
    pub(in crate::ui::tui) severity: Severity,
    /// What it is.
    pub(in crate::ui::tui) text: String,
}

/// What to say first, the worst before the rest; never empty.
pub(in crate::ui::tui) fn headlines(state: &State) -> Vec<Headline> {
    let quiet = |text: String| vec![Headline { severity: Severity::Quiet, text }];
    let Some(picture) = state.picture() else {
        return quiet("… reading the kernel for the first time".to_owned());
    };
    let found = diagnose::headlines(&picture.findings);
    if found.is_empty() {
        return quiet(quiet_words(&picture.findings));
    }
    found
        .into_iter()
        .map(|headline| {
            let severity = match headline.severity {
                diagnose::Severity::Critical => Severity::Critical,
                diagnose::Severity::Warning => Severity::Warning,
                diagnose::Severity::Notice => Severity::Quiet,
            };
            Headline { severity, text: headline.sentence }
        })
        .collect()
}

/// The sentence of a host without trouble; it claims no more than could be judged.
fn quiet_words(findings: &diagnose::Findings) -> String {
    let undecided =
        findings.undecided.iter().map(|undecided| undecided.rule).collect::<std::collections::BTreeSet<_>>();
    let quiet = findings.rules.len().saturating_sub(undecided.len());
    let rules = if quiet == 1 { "rule" } else { "rules" };
    match (undecided.len(), findings.window_ms) {
        (0, _) => format!("✓ nothing hurts: {quiet} {rules} quiet"),
        (count, None) => format!("✓ nothing hurts so far: {quiet} {rules} quiet, {count} need a second reading"),
        (count, Some(_)) => format!("? {quiet} {rules} quiet, {count} could not judge: 6 says why"),
    }
}
