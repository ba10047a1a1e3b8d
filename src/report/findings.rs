//! Findings as text and as JSON.

use serde::Serialize;

use super::printable::printable;
use super::prose::hanging;
use crate::diagnose::{Finding, Findings, Severity};
use crate::snapshot::Gap;
use crate::units::Micros;

/// Version of the JSON of `diagnose`; the shape only grows.
pub(super) const SCHEMA: u32 = 1;

/// Columns of the longest id of a rule, and a sign and blanks before and after it.
const LEAD_COLUMNS: usize = 2 + 19 + 2;

/// How findings are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingsStyle {
    /// Columns that may be used.
    pub width: usize,
    /// Whether only ASCII may be used for signs.
    pub ascii: bool,
    /// Whether to show evidence, cause and remedy.
    pub verbose: bool,
}

/// Findings in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingsView<'a> {
    /// Version of this shape.
    schema: u32,
    #[serde(flatten)]
    findings: &'a Findings,
}

impl<'a> FindingsView<'a> {
    /// The view of findings.
    #[must_use]
    pub fn new(findings: &'a Findings) -> Self {
        Self { schema: SCHEMA, findings }
    }
}

/// The findings, the worst first, then what was judged and what could not be.
#[must_use]
pub fn render_findings(findings: &Findings, style: FindingsStyle) -> String {
    let mut text = String::new();
    findings.findings.iter().for_each(|finding| text.push_str(&one_finding(finding, style)));
    if !findings.findings.is_empty() && !style.verbose {
        text.push('\n');
    }
    text.push_str(&hanging("", &summary(findings, style.verbose), style.width));
    text.push_str(&gaps(findings, style.width));
    text
}

/// One finding, with its evidence if that is asked for.
pub(super) fn one_finding(finding: &Finding, style: FindingsStyle) -> String {
    let mut text = headline(finding, style);
    if style.verbose {
        text.push_str(&details(finding, style.width));
    }
    text
}

/// What could not be judged: each gap once, with the rules that it holds up.
fn gaps(findings: &Findings, width: usize) -> String {
    let mut rows: Vec<(&str, Vec<&str>)> = Vec::new();
    for undecided in &findings.undecided {
        match rows.iter_mut().find(|(gap, _)| *gap == undecided.gap) {
            Some((_, rules)) => rules.push(undecided.rule),
            None => rows.push((&undecided.gap, vec![undecided.rule])),
        }
    }
    /// More names than these say less than their number.
    const NAMED: usize = 8;
    let row = |(gap, rules): &(&str, Vec<&str>)| {
        let whose = if rules.len() > NAMED { format!("{} rules", rules.len()) } else { rules.join(", ") };
        hanging("? ", &printable(&format!("{gap} ({whose})")), width)
    };
    let unnamed = |gap: &Gap| hanging("? ", &printable(&format!("{}: {}", gap.reason, gap.consequence)), width);
    rows.iter().map(row).chain(findings.unnamed.iter().map(unnamed)).collect()
}

/// A severity's sign, which stands for it without colour.
pub(super) fn sign(severity: Severity, ascii: bool) -> &'static str {
    match severity {
        Severity::Critical if ascii => "X",
        Severity::Critical => "✗",
        Severity::Warning => "!",
        Severity::Notice if ascii => "-",
        Severity::Notice => "·",
    }
}

fn lead(sign: &str, rule: &str) -> String {
    format!("{:<LEAD_COLUMNS$}", format!("{sign} {rule}"))
}

/// The sign is coloured after the text is set, so that escape codes do not count as columns.
fn headline(finding: &Finding, style: FindingsStyle) -> String {
    let sign = sign(finding.severity, style.ascii);
    let text = hanging(&lead(sign, finding.rule), &printable(&finding.sentence), style.width);
    painted(finding.severity, sign, &text)
}

/// A text that begins with a sign, which gets its severity's colour.
pub(super) fn painted(severity: Severity, sign: &str, text: &str) -> String {
    let colour = match severity {
        Severity::Critical => anstyle::AnsiColor::Red,
        Severity::Warning => anstyle::AnsiColor::Yellow,
        Severity::Notice => anstyle::AnsiColor::Blue,
    };
    let paint = colour.on_default() | anstyle::Effects::BOLD;
    text.strip_prefix(sign).map_or_else(|| text.to_owned(), |rest| format!("{paint}{sign}{paint:#}{rest}"))
}

fn details(finding: &Finding, width: usize) -> String {
    let mut text = String::new();
    let columns = finding.evidence.iter().map(|evidence| printable(&evidence.seen).chars().count()).max().unwrap_or(0);
    for (place, evidence) in finding.evidence.iter().enumerate() {
        let label = if place == 0 { "Evidence" } else { "" };
        let lead = format!("  {label:<10} {:<columns$}  ", printable(&evidence.seen));
        text.push_str(&hanging(&lead, &printable(&format!("{} ({})", evidence.what, evidence.place())), width));
    }
    let more = finding.topic.map(|topic| format!("tcpctl explain {topic}")).unwrap_or_default();
    for (label, sentence) in [
        ("Cause", finding.cause.as_str()),
        ("Do", &finding.remedy),
        ("Not", finding.wrong_remedy),
        ("Sure", finding.confidence.word()),
        ("Disproved", &format!("by {}", finding.disproved_by)),
        ("Next", finding.next.unwrap_or_default()),
        ("More", &more),
    ] {
        if !sentence.is_empty() {
            text.push_str(&hanging(&format!("  {label:<10} "), &printable(sentence), width));
        }
    }
    text.push('\n');
    text
}

/// What was judged, over which window, and where more is.
fn summary(findings: &Findings, verbose: bool) -> String {
    let found = match findings.findings.len() {
        0 => "nothing found".to_owned(),
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let rules = match findings.rules.len() {
        1 => "1 rule".to_owned(),
        many => format!("{many} rules"),
    };
    let window = match findings.window_ms {
        Some(ms) => format!("{} watched", Micros(ms.saturating_mul(1000))),
        None => "one reading".to_owned(),
    };
    let mut open: Vec<&str> = findings.undecided.iter().map(|undecided| undecided.rule).collect();
    open.dedup();
    let undecided = match open.len() {
        0 => String::new(),
        many => format!(", {many} could not judge"),
    };
    let hint = if verbose || findings.findings.is_empty() { "" } else { "; -v shows evidence, cause and remedy" };
    format!("{found}: {rules}, {window}{undecided}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::RULES;

    #[test]
    fn the_lead_has_room_for_every_rule() {
        for rule in RULES {
            assert!(rule.id.len() + 4 <= LEAD_COLUMNS, "{}", rule.id);
        }
    }
}
