//! The findings: what is wrong, how that is known, what to do and what not.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::text::Line;

use super::listing::{gone_lines, labelled};
use crate::diagnose::{Finding, Severity};
use crate::ui::tui::jump;
use crate::ui::tui::listing::Listing;
use crate::ui::tui::number::duration_ms;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{left, rule};
use crate::ui::tui::theme::{self, Role};

/// Columns of the longest id of a rule.
const RULE: usize = 19;

/// What tells each finding from the others, and stays while its figures and its place in the list change: the rule, and
/// the addresses and processes that its sentence names; of those that name the same the number among them.
pub(in crate::ui::tui) fn finding_ids(findings: &[Finding]) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let id = |finding: &Finding| {
        let words = finding.sentence.split_whitespace().map(|word| word.trim_matches(['.', ',', ':', ';', '(']));
        let named: Vec<&str> = words.filter(|word| word.contains([':', '(', '/'])).collect();
        let subject = format!("{} {}", finding.rule, named.join(" "));
        let number = seen.entry(subject.clone()).and_modify(|number| *number += 1).or_insert(1);
        format!("{subject} {number}")
    };
    findings.iter().map(id).collect()
}

const fn severity_of(finding: &Finding) -> theme::Severity {
    match finding.severity {
        Severity::Critical => theme::Severity::Critical,
        Severity::Warning => theme::Severity::Warning,
        Severity::Notice => theme::Severity::Quiet,
    }
}

/// The list, the worst first, and behind it the rules that could not judge.
pub(super) fn listing(state: &State, width: usize) -> Listing<'_> {
    let Some(picture) = state.picture() else { return Listing::nothing("Findings", "… not read yet") };
    let findings = &*picture.findings;
    let list = state.list(Screen::Findings);
    let rows: Vec<(String, &Finding)> = finding_ids(&findings.findings)
        .into_iter()
        .zip(&findings.findings)
        .filter(|(_, finding)| list.admits(&[finding.rule, &finding.sentence]))
        .collect();
    let undecided: BTreeSet<&str> = findings.undecided.iter().map(|one| one.rule).collect();
    let open = undecided_words(&undecided).filter(|words| list.admits(&[OPEN, words]));
    let window = findings.window_ms.map_or("one reading".to_owned(), |ms| format!("window {}", duration_ms(ms)));
    let search = if list.search.is_empty() { String::new() } else { format!("/{}", list.search) };
    let empty = if findings.findings.is_empty() && undecided.is_empty() {
        format!("✓ nothing found: {} rules judged and are quiet", findings.rules.len())
    } else {
        format!("no finding has `{}`; Esc shows all", list.search)
    };
    let found = match findings.findings.len() {
        0 => "✓ nothing found".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    let ids = rows.iter().map(|(id, _)| id.clone()).chain(open.iter().map(|_| OPEN.to_owned())).collect();
    Listing {
        title: "Findings",
        facts: vec![
            found,
            format!("{} rules", findings.rules.len()),
            window,
            format!("{} could not judge", undecided.len()),
            search,
        ],
        heading: format!("   {} what is wrong", left("rule", RULE)),
        ids,
        line: Box::new(move |at| match rows.get(at) {
            Some((_, finding)) => {
                let severity = severity_of(finding);
                let text = left(&finding.sentence, width.saturating_sub(4 + RULE));
                (format!("{} {} {text}", severity.sign(), left(finding.rule, RULE)), severity.role())
            }
            None => {
                let words = left(open.as_deref().unwrap_or_default(), width.saturating_sub(4 + RULE));
                (format!("? {} {words}", left(OPEN, RULE)), Role::Dim)
            }
        }),
        empty,
    }
}

/// The row of the rules that could not judge, which has a page like a finding.
const OPEN: &str = "could not judge";

/// How many rules could not judge, and which; nothing where all could.
fn undecided_words(rules: &BTreeSet<&str>) -> Option<String> {
    let names = rules.iter().copied().collect::<Vec<_>>().join(", ");
    match rules.len() {
        0 => None,
        1 => Some(format!("1 rule: {names}")),
        count => Some(format!("{count} rules: {names}")),
    }
}

/// The selected finding in full; without any, what could not be judged.
pub(super) fn detail(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(picture) = state.picture() else { return Vec::new() };
    let Some(finding) = state.selected_finding() else { return undecided(state, &picture.findings.undecided, width) };
    let severity = severity_of(finding);
    let confidence = finding.confidence.word();
    let mut lines = vec![rule(state.theme, &format!("{} {}", finding.rule, severity.sign()), &[confidence], width)];
    lines.extend(gone_lines(state, width));
    lines.extend(labelled(state, "Says", &finding.sentence, width));
    for (at, evidence) in finding.evidence.iter().enumerate() {
        let label = if at == 0 { "Evidence" } else { "" };
        let text = format!("{}: {}  ({})", evidence.what, evidence.seen, evidence.place());
        lines.extend(labelled(state, label, &text, width));
    }
    let more = finding.topic.map(|topic| format!("x opens the topic {topic}")).unwrap_or_default();
    let place = match jump::whereabouts(finding.rule) {
        Some(jump::Whereabouts::Listeners) => "w shows the listeners".to_owned(),
        Some(jump::Whereabouts::Sockets(filter)) => format!("w shows the sockets: {filter}"),
        None => String::new(),
    };
    for (label, text) in [
        ("Cause", finding.cause.as_str()),
        ("Do", &finding.remedy),
        ("Not", finding.wrong_remedy),
        ("Disproved", &format!("by {}", finding.disproved_by)),
        ("Next", finding.next.unwrap_or_default()),
        ("Topic", &more),
        ("Where", &place),
    ] {
        if !text.is_empty() {
            lines.extend(labelled(state, label, text, width));
        }
    }
    lines
}

/// Rules that could not judge, each gap once.
fn undecided(state: &State, undecided: &[crate::diagnose::Undecided], width: usize) -> Vec<Line<'static>> {
    let mut gaps: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in undecided {
        match gaps.iter_mut().find(|(gap, _)| *gap == one.gap) {
            Some((_, rules)) => rules.push(one.rule),
            None => gaps.push((&one.gap, vec![one.rule])),
        }
    }
    if gaps.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![rule(state.theme, "Could not judge", &[], width)];
    for (gap, rules) in gaps {
        lines.extend(labelled(state, "?", &format!("{gap}: {}", rules.join(", ")), width));
    }
    lines
}
