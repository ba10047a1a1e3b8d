//! Findings about sysctl.d files as text and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::printable::printable;
use super::prose::{hanging, in_ascii};
use crate::tune::{LintFinding, LintRule, Linted, Severity, lint_rules};

/// Version of the JSON; the shapes only grow.
const SCHEMA: u32 = 1;

/// What was found, in JSON.
#[derive(Debug, Serialize)]
pub struct LintView<'a> {
    schema: u32,
    /// The kernel that the files were judged for; null when it is not known.
    kernel: Option<&'a str>,
    files: usize,
    lines: usize,
    rules: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    /// Findings that comments in the files allow.
    allowed: usize,
    findings: Vec<FindingView<'a>>,
    /// Directories that could not be listed.
    unlisted: Vec<UnlistedView<'a>>,
}

#[derive(Debug, Serialize)]
struct FindingView<'a> {
    rule: &'static str,
    severity: Severity,
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    key: Option<&'a str>,
    message: &'a str,
    why: &'a str,
    instead: &'a str,
    topic: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct UnlistedView<'a> {
    directory: &'a str,
    reason: &'a str,
}

/// The rules, in JSON.
#[derive(Debug, Serialize)]
pub struct LintRulesView {
    schema: u32,
    rules: Vec<LintRuleView>,
}

#[derive(Debug, Serialize)]
struct LintRuleView {
    id: &'static str,
    severity: Severity,
    finds: &'static str,
    why: &'static str,
    instead: &'static str,
    topic: Option<&'static str>,
}

impl<'a> LintView<'a> {
    /// The findings with the kernel they are for.
    #[must_use]
    pub fn new(linted: &'a Linted, kernel: Option<&'a str>) -> Self {
        Self {
            schema: SCHEMA,
            kernel,
            files: linted.files,
            lines: linted.lines,
            rules: lint_rules().count(),
            errors: linted.count(Severity::Error),
            warnings: linted.count(Severity::Warning),
            notes: linted.count(Severity::Note),
            allowed: linted.allowed,
            findings: linted.findings.iter().map(FindingView::from).collect(),
            unlisted: linted.unlisted.iter().map(|(directory, reason)| UnlistedView { directory, reason }).collect(),
        }
    }
}

impl<'a> From<&'a LintFinding> for FindingView<'a> {
    fn from(finding: &'a LintFinding) -> Self {
        Self {
            rule: finding.rule.id,
            severity: finding.severity,
            file: &finding.file,
            line: finding.place.map(|place| place.line),
            column: finding.place.map(|place| place.column),
            key: finding.key.as_deref(),
            message: &finding.message,
            why: &finding.why,
            instead: &finding.instead,
            topic: finding.rule.topic,
        }
    }
}

impl LintRulesView {
    /// Every rule.
    #[must_use]
    pub fn all() -> Self {
        let view = |rule: &'static LintRule| LintRuleView {
            id: rule.id,
            severity: rule.severity,
            finds: rule.finds,
            why: rule.why,
            instead: rule.instead,
            topic: rule.topic,
        };
        Self { schema: SCHEMA, rules: lint_rules().map(view).collect() }
    }
}

/// The findings, one after the other as compilers print theirs, and a line that sums them up.
#[must_use]
pub fn render_lint(linted: &Linted, kernel: Option<&str>, width: usize, ascii: bool) -> String {
    let mut text = String::new();
    for finding in &linted.findings {
        text.push_str(&one(finding, width));
        text.push('\n');
    }
    for (directory, reason) in &linted.unlisted {
        let sentence = format!("{} cannot be listed: {}", printable(directory), printable(reason));
        text.push_str(&hanging("? ", &sentence, width));
    }
    text.push_str(&hanging("", &summary(linted, kernel), width));
    if ascii { in_ascii(&text) } else { text }
}

fn one(finding: &LintFinding, width: usize) -> String {
    let place = finding.place.map_or(String::new(), |place| format!(":{}:{}", place.line, place.column));
    let word = finding.severity.word();
    let head = format!("{}{place}: {word}: {}", finding.file, finding.message);
    // The place stays whole, so that editors and terminals find it.
    let mut text = indented(&printable(&head), "", width);
    text.push_str(&hanging("    Why      ", &printable(&finding.why), width));
    text.push_str(&hanging("    Instead  ", &printable(&finding.instead), width));
    let more = finding.rule.topic.map_or(String::new(), |topic| format!("; tcpctl explain {topic}"));
    text.push_str(&hanging("    Rule     ", &format!("{}{more}", finding.rule.id), width));
    let colour = match finding.severity {
        Severity::Error => anstyle::AnsiColor::Red,
        Severity::Warning => anstyle::AnsiColor::Yellow,
        Severity::Note => anstyle::AnsiColor::Cyan,
    };
    let paint = colour.on_default() | anstyle::Effects::BOLD;
    text.replacen(&format!(" {word}:"), &format!(" {paint}{word}{paint:#}:"), 1)
}

/// The text in lines of at most `width` columns; further lines are set in by four.
fn indented(text: &str, lead: &str, width: usize) -> String {
    let set = hanging("    ", text, width);
    format!("{lead}{}", set.strip_prefix("    ").unwrap_or(&set))
}

fn counted(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

fn summary(linted: &Linted, kernel: Option<&str>) -> String {
    let (errors, warnings, notes) =
        (linted.count(Severity::Error), linted.count(Severity::Warning), linted.count(Severity::Note));
    let parts: Vec<String> = [(errors, "error", "errors"), (warnings, "warning", "warnings"), (notes, "note", "notes")]
        .into_iter()
        .filter(|(number, _, _)| *number > 0)
        .map(|(number, one, many)| counted(number, one, many))
        .collect();
    let found = if parts.is_empty() { "nothing found".to_owned() } else { parts.join(", ") };
    let allowed = match linted.allowed {
        0 => String::new(),
        number => format!(", {number} allowed by comments"),
    };
    let kernel = kernel.map_or_else(
        || "for no particular kernel, since its version is not known".to_owned(),
        |kernel| format!("for Linux {}", printable(kernel)),
    );
    format!(
        "{found}{allowed}: {}, {}, {} rules, {kernel}",
        counted(linted.files, "file", "files"),
        counted(linted.lines, "setting", "settings"),
        lint_rules().count()
    )
}

/// The list of rules.
#[must_use]
pub fn render_lint_rules(width: usize, ascii: bool) -> String {
    let mut text = String::new();
    for rule in lint_rules() {
        let _ = writeln!(text, "{} ({})", rule.id, rule.severity.word());
        text.push_str(&hanging("    Finds    ", rule.finds, width));
        text.push_str(&hanging("    Why      ", rule.why, width));
        text.push_str(&hanging("    Instead  ", rule.instead, width));
    }
    if ascii { in_ascii(&text) } else { text }
}
