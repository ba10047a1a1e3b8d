//! The rules of `diagnose` themselves: as text, as JSON, and as a manual page made from their table.

use serde::Serialize;

use super::printable::printable;
use super::prose::hanging;
use crate::diagnose::{Proof, RULES, Rule};

/// Version of the JSON of a rule; the shape only grows.
const SCHEMA: u32 = 1;

/// A rule in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleView {
    /// Version of this shape.
    schema: u32,
    id: &'static str,
    looks_for: &'static str,
    reads: Vec<String>,
    settings: &'static [&'static str],
    threshold: &'static str,
    confidence: &'static str,
    wrong_remedy: &'static str,
    disproved_by: &'static str,
    next: Option<&'static str>,
    topic: Option<&'static str>,
    proof: String,
    /// `host` or `namespace`.
    judges: &'static str,
}

impl RuleView {
    /// The view of a rule.
    #[must_use]
    pub fn new(rule: &Rule) -> Self {
        Self {
            schema: SCHEMA,
            id: rule.id,
            looks_for: rule.looks_for,
            reads: rule.reads.iter().map(ToString::to_string).collect(),
            settings: rule.keys,
            threshold: rule.threshold,
            confidence: rule.confidence.word(),
            wrong_remedy: rule.wrong_remedy,
            disproved_by: rule.disproved_by,
            next: rule.next,
            topic: rule.topic,
            proof: proof(rule.proof),
            judges: if rule.is_host_wide() { "host" } else { "namespace" },
        }
    }
}

/// What a rule says of that it judges the host; nothing for one that judges a namespace, as most do.
fn host_wide(rule: &Rule) -> &'static str {
    if rule.is_host_wide() { "the whole host: what it reads is the same in every network namespace" } else { "" }
}

/// How a rule was proved, in words.
fn proof(proof: Proof) -> String {
    match proof {
        Proof::Live => "on recreated incidents of a running kernel, and on written readings".to_owned(),
        Proof::Written(why) => format!("on written readings: {why}"),
    }
}

/// Everything about a rule that does not depend on the host.
#[must_use]
pub fn render_rule(rule: &Rule, width: usize) -> String {
    let mut text = hanging(&format!("{}: ", rule.id), rule.looks_for, width);
    text.push('\n');
    for (place, input) in rule.reads.iter().map(ToString::to_string).chain(settings(rule)).enumerate() {
        let label = if place == 0 { "Reads" } else { "" };
        text.push_str(&hanging(&format!("  {label:<10} "), &printable(&input), width));
    }
    let more = rule.topic.map(|topic| format!("tcpctl explain {topic}")).unwrap_or_default();
    for (label, sentence) in [
        ("Speaks at", rule.threshold),
        ("Sure", rule.confidence.word()),
        ("Not", rule.wrong_remedy),
        ("Disproved", &format!("by {}", rule.disproved_by)),
        ("Next", rule.next.unwrap_or_default()),
        ("Proved", &proof(rule.proof)),
        ("Judges", host_wide(rule)),
        ("More", &more),
    ] {
        if !sentence.is_empty() {
            text.push_str(&hanging(&format!("  {label:<10} "), &printable(sentence), width));
        }
    }
    text
}

fn settings(rule: &Rule) -> impl Iterator<Item = String> {
    rule.keys.iter().map(|key| format!("/proc/sys {key}"))
}

const BEFORE: &str = r#".TH TCPCTL\-RULES 7 "" "tcpctl" "Miscellaneous Information"
.SH NAME
tcpctl\-rules \- the rules of tcpctl diagnose
.SH DESCRIPTION
.B tcpctl diagnose
reads a host twice, a window apart, and asks every rule in this order.
A rule finds something, is quiet, or says what it lacks to judge; what an earlier rule claims, a later one leaves alone, so
that one situation has one verdict.
Rates are of the window and relative to traffic.
.PP
A finding has a sentence, its evidence with the source of each number, its cause, what to do, what does not help, what
would disprove it, and how sure it is:
.B certain
where the kernel counts this very thing,
.B likely
where nothing else that is common looks like it,
.B possible
where something else may, and the next command tells.
.SH RULES
"#;

const LAST: &str = r#".SH SEE ALSO
.BR tcpctl\-diagnose (1),
.BR tcpctl\-explain (1),
.BR tcp (7),
.BR ss (8)
"#;

/// The manual page tcpctl-rules(7).
#[must_use]
pub fn render_rules_manual() -> String {
    let mut page = BEFORE.to_owned();
    for rule in RULES {
        page.push_str(&entry(rule));
    }
    page.push_str(LAST);
    page
}

fn entry(rule: &Rule) -> String {
    let reads: Vec<String> = rule.reads.iter().map(ToString::to_string).chain(settings(rule)).collect();
    let mut text = format!(".SS {}\nLooks for {}.\n", escaped(rule.id), escaped(rule.looks_for));
    let more = rule.topic.map(|topic| format!("tcpctl explain {topic}")).unwrap_or_default();
    for (label, sentence) in [
        ("Reads", reads.join("; ").as_str()),
        ("Speaks at", rule.threshold),
        ("Sure", rule.confidence.word()),
        ("Does not help", rule.wrong_remedy),
        ("Disproved by", rule.disproved_by),
        ("Next", rule.next.unwrap_or_default()),
        ("Proved", &proof(rule.proof)),
        ("More", &more),
    ] {
        if !sentence.is_empty() {
            text.push_str(&format!(".TP\n.B {label}\n{}.\n", escaped(sentence)));
        }
    }
    text
}

/// Text with the signs escaped that roff takes for its own.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
