//! Everything about one key on a page.

use serde::Serialize;

use super::answer::{AnswerView, answer_sentence};
use super::grid::render_grid;
use super::parameters::{ParameterRow, ParameterView, SCHEMA};
use super::printable::printable;
use super::prose::{hanging, in_ascii};
use crate::catalog::{Form, TakesEffect};
use crate::diagnose::RULES;
use crate::explain::{KeyEffect, topics};
use crate::snapshot::SysctlReading;
use crate::tune::{LintFinding, Provenance, Setting};
use crate::units::Hz;

/// One key, what follows from it, and what is said about its lines.
#[derive(Debug)]
pub struct ParameterPage<'a> {
    /// The key.
    pub row: &'a ParameterRow,
    /// What the model says of it.
    pub effects: &'a [KeyEffect],
    /// The value that is asked about, if one is.
    pub asked: Option<&'a str>,
    /// What lint says of the lines that set it.
    pub findings: &'a [LintFinding],
    /// The tick rate, on which some ranges depend.
    pub hz: Option<Hz>,
    /// The network namespace that was asked for and is not the initial one.
    pub namespace: Option<&'a str>,
}

/// The page in JSON.
#[derive(Debug, Serialize)]
pub struct ParameterPageView<'a> {
    schema: u32,
    #[serde(flatten)]
    parameter: ParameterView<'a>,
    effects: Vec<EffectView<'a>>,
    /// Topics of `explain` that depend on it.
    topics: Vec<&'static str>,
    /// Rules of `diagnose` that read it.
    rules: Vec<&'static str>,
    /// What lint says of the lines that set it.
    findings: Vec<FindingView<'a>>,
}

#[derive(Debug, Serialize)]
struct EffectView<'a> {
    label: &'a str,
    topic: &'static str,
    answers: Vec<EffectAnswerView<'a>>,
}

#[derive(Debug, Serialize)]
struct EffectAnswerView<'a> {
    value: &'a str,
    answer: AnswerView,
}

#[derive(Debug, Serialize)]
struct FindingView<'a> {
    rule: &'static str,
    file: &'a str,
    line: Option<usize>,
    message: &'a str,
}

impl<'a> From<&'a ParameterPage<'a>> for ParameterPageView<'a> {
    fn from(page: &'a ParameterPage<'a>) -> Self {
        let effect = |effect: &'a KeyEffect| EffectView {
            label: &effect.label,
            topic: effect.topic,
            answers: effect
                .answers
                .iter()
                .map(|(value, answer)| EffectAnswerView { value, answer: (*answer).into() })
                .collect(),
        };
        let finding = |finding: &'a LintFinding| FindingView {
            rule: finding.rule.id,
            file: &finding.file,
            line: finding.place.map(|place| place.line),
            message: &finding.message,
        };
        Self {
            schema: SCHEMA,
            parameter: page.row.into(),
            effects: page.effects.iter().map(effect).collect(),
            topics: topics_of(page.row.key.as_str()),
            rules: rules_of(page.row.key.as_str()),
            findings: page.findings.iter().map(finding).collect(),
        }
    }
}

fn topics_of(key: &str) -> Vec<&'static str> {
    topics().filter(|topic| topic.keys.contains(&key)).map(|topic| topic.id).collect()
}

fn rules_of(key: &str) -> Vec<&'static str> {
    RULES.iter().filter(|rule| rule.keys.contains(&key)).map(|rule| rule.id).collect()
}

/// The page.
#[must_use]
pub fn render_parameter_page(page: &ParameterPage<'_>, width: usize, ascii: bool) -> String {
    let row = page.row;
    let mut text = hanging("", &format!("{} = {}", row.key, row.shown(ascii)), width);
    let about =
        crate::catalog::elsewhere(row.key.as_str()).map(|other| format!("about {}; no parameter of TCP", other.about));
    let about = row.known.map(|known| known.affects.to_owned()).or(about);
    text.extend(about.map(|about| hanging("", &about, width)));
    let facts = facts(page);
    if !facts.is_empty() {
        text.push('\n');
    }
    for (label, said) in facts {
        text.push_str(&hanging(&format!("  {label:<13} "), &printable(&said), width));
    }
    text.push_str(&effects(page, width, ascii));
    text.push_str(&sources(page, width));
    text.push_str(&more(page, width));
    if ascii { in_ascii(&text) } else { text }
}

fn facts(page: &ParameterPage<'_>) -> Vec<(&'static str, String)> {
    let row = page.row;
    let mut facts = Vec::new();
    let mut fact = |label, said: String| facts.push((label, said));
    match &row.reading {
        Some(SysctlReading::Unreadable(reason)) => fact("No value", reason.clone()),
        Some(SysctlReading::Absent) | None => fact("No value", absence(row)),
        Some(SysctlReading::Value(_)) => {}
    }
    match (&row.default, row.known.zip(row.version).and_then(|(known, version)| known.default(version))) {
        (Some(default), _) if default.is_empty() => fact("Default", "empty".to_owned()),
        (Some(default), _) => fact("Default", default.clone()),
        (None, Some(crate::catalog::Default::Described(how))) => fact("Default", how.to_owned()),
        (None, _) => {}
    }
    let Some(known) = row.known else { return facts };
    fact("Unit", known.unit.to_owned());
    if known.takes_effect != TakesEffect::ReadOnly {
        fact("Takes", takes(page));
    }
    fact("Takes effect", known.takes_effect.text().to_owned());
    if let Some(scope) = row.scope() {
        fact("Scope", scope.text().to_owned());
    }
    if let Some(since) = known.per_namespace_since.filter(|since| since.major > 0) {
        fact("", format!("one for the host before {since}"));
    }
    match (known.since.major > 0, known.removed) {
        (true, Some(removed)) => fact("Kernels", format!("from {} to before {removed}", known.since)),
        (true, None) => fact("Kernels", format!("from {} on", known.since)),
        (false, Some(removed)) => fact("Kernels", format!("before {removed}")),
        (false, None) => {}
    }
    if !known.note.is_empty() {
        fact("Note", known.note.to_owned());
    }
    if !known.misunderstood.is_empty() {
        fact("Mistaken", known.misunderstood.to_owned());
    }
    facts
}

/// Why there is no value.
fn absence(row: &ParameterRow) -> String {
    match (row.version, row.exists(), crate::catalog::module_of(row.key.as_str())) {
        (Some(version), false, _) => format!("Linux {version} does not have it"),
        (_, _, Some(module)) => format!("it comes with the module {module}, which is not loaded"),
        _ => "it is not here: only the initial network namespace has it, or /proc/sys is masked".to_owned(),
    }
}

/// What the kernel takes.
fn takes(page: &ParameterPage<'_>) -> String {
    let Some(known) = page.row.known else { return String::new() };
    let range = page.row.version.and_then(|version| known.range(version));
    let range = range.map(|range| format!("{} to {}", range.min.as_number(page.hz), range.max.as_number(page.hz)));
    match (known.form, range) {
        (Form::Numbers(1), Some(range)) => range,
        (Form::Numbers(1), None) => "any number of 32 bits".to_owned(),
        (Form::Numbers(count), Some(range)) => format!("{count} numbers, each {range}"),
        (Form::Numbers(count), None) => format!("{count} numbers"),
        (Form::Name, _) => "one word".to_owned(),
        (Form::Words, _) => "words separated by blanks".to_owned(),
        (Form::Ports, _) => "ports and ranges separated by commas, or nothing".to_owned(),
        (Form::Hex, _) => "hexadecimal digits".to_owned(),
    }
}

fn effects(page: &ParameterPage<'_>, width: usize, ascii: bool) -> String {
    let mut text = String::new();
    let own = page.row.value();
    let default = page.row.default.as_deref();
    for effect in page.effects {
        text.push('\n');
        text.push_str(&hanging("", &format!("{} ({})", effect.label, effect.topic), width));
        let rows: Vec<Vec<String>> = effect
            .answers
            .iter()
            .map(|(value, answer)| {
                let mark = match (own == Some(value), default == Some(value)) {
                    _ if page.asked == Some(value) => "what if",
                    (true, true) => "now, default",
                    (true, false) => "now",
                    (false, true) => "default",
                    (false, false) => "",
                };
                vec![value.clone(), answer_sentence(*answer), mark.to_owned()]
            })
            .collect();
        let grid = render_grid(&["value", "answer", ""], &rows, width);
        // The heading of the columns says nothing that the line above does not.
        text.push_str(grid.split_once('\n').map_or("", |(_, rows)| rows));
    }
    if ascii { in_ascii(&text) } else { text }
}

fn line(setting: &Setting) -> String {
    let pattern = if setting.by_glob { format!(" ({})", setting.spelled) } else { String::new() };
    format!("{}:{}:{}{pattern} sets {}", setting.file, setting.place.line, setting.place.column, setting.value)
}

fn sources(page: &ParameterPage<'_>, width: usize) -> String {
    let read_only = page.row.known.is_some_and(|known| known.takes_effect == TakesEffect::ReadOnly);
    let nothing_said = |one: &Provenance| one.boot.decided_by.is_none() && one.boot.overridden.is_empty();
    if (read_only || !page.row.exists()) && page.row.provenance.as_ref().is_none_or(nothing_said) {
        return String::new();
    }
    let mut text = String::from("\n");
    let mut say = |label: &str, said: &str| {
        text.push_str(&hanging(&format!("  {label:<13} "), &printable(said), width));
    };
    let Some(provenance) = &page.row.provenance else {
        let name =
            page.namespace.map_or_else(|| "this network namespace".to_owned(), |name| format!("the namespace {name}"));
        say("After a boot", &format!("files of sysctl.d do not reach {name}; they set the initial one"));
        return text;
    };
    let Provenance { boot, after_boot, doubt, .. } = provenance;
    match (&boot.decided_by, after_boot) {
        (Some(winner), Some(value)) => {
            say("After a boot", value);
            say("Decided by", &line(winner));
        }
        (Some(winner), None) => say("Decided by", &line(winner)),
        (None, Some(value)) => say("After a boot", &format!("{value}, the kernel's default: no file sets it")),
        (None, None) => say("After a boot", "the kernel's default: no file sets it"),
    }
    if let Some((file, place)) = &boot.cancelled_by {
        say("", &format!("{file}:{}:{} takes away what files before it say", place.line, place.column));
    }
    for loser in &boot.overridden {
        say("Overridden", &line(loser));
    }
    if let Some(other) = provenance.differs_by_hand() {
        say("By hand", &format!("`sysctl --system` would give {} ({}:{})", other.value, other.file, other.place.line));
    }
    if let Some(doubt) = doubt {
        say("Unless", doubt);
    }
    for finding in page.findings {
        let place = finding.place.map_or(String::new(), |place| format!(":{}", place.line));
        say("Lint", &format!("{}{place}: {} ({})", finding.file, finding.message, finding.rule.id));
    }
    text
}

/// Where more is said of it.
fn more(page: &ParameterPage<'_>, width: usize) -> String {
    let (topics, rules) = (topics_of(page.row.key.as_str()), rules_of(page.row.key.as_str()));
    let mut text = String::new();
    if !topics.is_empty() {
        text.push_str(&hanging("  Topics        ", &format!("tcpctl explain {}", topics.join(", ")), width));
    }
    if !rules.is_empty() {
        text.push_str(&hanging("  Rules         ", &format!("tcpctl diagnose {}", rules.join(", ")), width));
    }
    text
}
