//! `tcpctl diagnose --all-netns`: findings by network namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::findings::{FindingsStyle, SCHEMA, one_finding};
use super::listeners::{plain, render_gaps};
use super::printable::printable;
use super::prose::hanging;
use crate::diagnose::{Findings, JudgedNamespace, NamespaceFindings, NamespaceName};
use crate::units::Micros;

/// What was found in all namespaces, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamespaceFindingsView<'a> {
    /// Version of this shape.
    schema: u32,
    #[serde(flatten)]
    findings: &'a NamespaceFindings,
}

impl<'a> NamespaceFindingsView<'a> {
    /// The view of findings.
    #[must_use]
    pub fn new(findings: &'a NamespaceFindings) -> Self {
        Self { schema: SCHEMA, findings }
    }
}

/// The findings of the host, then those of each namespace that has any below its name, then what all of it rests on.
#[must_use]
pub fn render_namespace_findings(all: &NamespaceFindings, style: FindingsStyle) -> String {
    let mut text = String::new();
    if let Some(host) = all.host.as_ref().filter(|host| !host.findings.is_empty()) {
        text.push_str("the host\n");
        text.push_str(&paragraph(host, style));
    }
    for one in &all.namespaces {
        let Some(judged) = one.judged.as_ref().filter(|judged| !judged.findings.is_empty()) else { continue };
        text.push_str(&hanging("", &printable(&title(&one.name)), style.width));
        text.push_str(&paragraph(judged, style));
    }
    text.push_str(&hanging("", &summary(all, style.verbose), style.width));
    for one in &all.namespaces {
        text.push_str(&unread(one, style.width));
    }
    for gone in &all.gone {
        text.push_str(&hanging(
            "? ",
            &printable(&format!("{}: it is gone since the reading before", title(gone))),
            style.width,
        ));
    }
    text.push_str(&undecided(all, style.width));
    let mut gaps = String::new();
    render_gaps(&all.gaps, style.width, &mut gaps);
    text.push_str(&gaps);
    if style.ascii { plain(&text) } else { text }
}

/// What could not be judged: each gap once, with the rules that it holds up and in how many namespaces.
fn undecided(all: &NamespaceFindings, width: usize) -> String {
    let mut rows: BTreeMap<&str, (BTreeSet<&str>, usize)> = BTreeMap::new();
    for judged in all.all() {
        let gaps: BTreeSet<&str> = judged.undecided.iter().map(|one| one.gap.as_str()).collect();
        for gap in gaps {
            rows.entry(gap).or_default().1 += 1;
        }
        for one in &judged.undecided {
            rows.entry(&one.gap).or_default().0.insert(one.rule);
        }
    }
    let mut unasked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in &all.unasked {
        unasked.entry(&one.gap).or_default().insert(one.rule);
    }
    let names = |rules: &BTreeSet<&str>| rules.iter().copied().collect::<Vec<_>>().join(", ");
    let in_some = rows.iter().map(|(gap, (rules, number))| match number {
        1 => format!("{gap} ({})", names(rules)),
        many => format!("{gap} (in {many} of them: {})", names(rules)),
    });
    let nowhere = unasked.iter().map(|(gap, rules)| format!("{gap} (not judged: {})", names(rules)));
    in_some.chain(nowhere).map(|row| hanging("? ", &printable(&row), width)).collect()
}

fn paragraph(findings: &Findings, style: FindingsStyle) -> String {
    let mut text = String::new();
    findings.findings.iter().for_each(|finding| text.push_str(&one_finding(finding, style)));
    if !style.verbose {
        text.push('\n');
    }
    text
}

/// Why a namespace could not be read.
fn unread(one: &JudgedNamespace, width: usize) -> String {
    let Some(gap) = &one.gap else { return String::new() };
    hanging("? ", &printable(&format!("{}: {} ({})", title(&one.name), gap.reason, gap.source)), width)
}

/// What a namespace is called.
fn title(name: &NamespaceName) -> String {
    let mut parts = vec![format!("netns {}", name.inode)];
    parts.extend(name.initial.then(|| "initial".to_owned()));
    parts.extend(name.own.then(|| "this one".to_owned()));
    parts.extend(name.bound.iter().cloned());
    parts.extend(name.process.as_ref().map(|process| format!("{}({})", process.name, process.pid)));
    parts.join(" · ")
}

/// How much was found where, over which window, and what could not be judged in how many of them.
fn summary(all: &NamespaceFindings, verbose: bool) -> String {
    let found: usize = all.all().map(|judged| judged.findings.len()).sum();
    let judged: Vec<&Findings> = all.namespaces.iter().filter_map(|one| one.judged.as_ref()).collect();
    let where_found = judged.iter().filter(|judged| !judged.findings.is_empty()).count();
    let mut text = match found {
        0 => "nothing found".to_owned(),
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let _ = match judged.len() {
        1 => write!(text, ": 1 network namespace"),
        many if where_found > 0 => write!(text, ": {where_found} of {many} network namespaces"),
        many => write!(text, ": {many} network namespaces"),
    };
    match judged.iter().filter_map(|judged| judged.window_ms).max() {
        Some(ms) => {
            let _ = write!(text, ", {} watched, all at once", Micros(ms.saturating_mul(1000)));
        }
        None => text.push_str(", one reading"),
    }
    let unclear = judged.iter().filter(|judged| !judged.undecided.is_empty()).count();
    if unclear > 0 {
        let _ = write!(text, "; in {unclear} some rules could not judge");
    }
    if found > 0 && !verbose {
        text.push_str("; -v shows evidence, cause and remedy");
    }
    text
}
