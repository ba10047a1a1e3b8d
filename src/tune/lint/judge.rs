//! Asking every rule.

use std::collections::{BTreeMap, BTreeSet};

use super::{Hit, Judge, LineCase, LintCase, LintHost, LintRule, Severity, Spot, extreme, folk, lint_rules, values};
use crate::catalog::{self, Parameter, TakesEffect};
use crate::snapshot::SysctlReading;
use crate::tune::sysctl_d::{Assignment, Content, Home, Item, KeyTarget, Reader, SysctlFile, SysctlTree};
use crate::units::{SysctlKey, TextPlace};

/// Findings of one file after which the rest of it is not judged, and of one rule across files: so many tell nobody more.
const MOST_PER_FILE: usize = 200;

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct LintFinding {
    /// The rule that found it.
    pub rule: &'static LintRule,
    /// How bad it is; in files of packages never more than a note.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// Where in it, if that can be said.
    pub place: Option<TextPlace>,
    /// The key, if it is about one.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// Why that matters.
    pub why: String,
    /// What to write instead.
    pub instead: String,
}

/// What was judged and what was found.
#[derive(Clone, Debug)]
pub struct Linted {
    /// The findings by file, line and column.
    pub findings: Vec<LintFinding>,
    /// Files that were read.
    pub files: usize,
    /// Lines in them that assign or exclude.
    pub lines: usize,
    /// Directories that could not be listed, with the reason.
    pub unlisted: Vec<(String, String)>,
    /// Findings that a comment `tcpctl: allow RULE` above the line waved through.
    pub allowed: usize,
}

impl Linted {
    /// How many findings are this bad.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether something is wrong; notes are nothing wrong.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity != Severity::Note)
    }
}

/// Judges the files of a tree for a kernel.
#[must_use]
pub fn lint(tree: &SysctlTree, host: &LintHost) -> Linted {
    let case = LintCase::new(tree, host);
    let mut linted = Linted { findings: Vec::new(), files: 0, lines: 0, unlisted: tree.unlisted.clone(), allowed: 0 };
    // What no reader takes, by its name or because another file hides it, says nothing.
    let read: BTreeSet<&str> = [Reader::Systemd, Reader::Procps]
        .into_iter()
        .flat_map(|reader| tree.order(reader))
        .chain(tree.files.iter().filter(|file| file.home == Home::SysctlConf))
        .map(|file| file.path.as_str())
        .collect();
    for file in &tree.files {
        // A link to sysctl.conf is judged as sysctl.conf.
        if file.is_sysctl_conf {
            continue;
        }
        judge_file(&case, file, &mut linted);
        if read.contains(file.path.as_str()) {
            linted.files += usize::from(matches!(file.content, Content::Lines(_)));
            judge_lines(&case, file, &mut linted);
        }
    }
    for rule in lint_rules() {
        if let Judge::Whole(check) = rule.judge {
            let found = check(&case).into_iter().take(MOST_PER_FILE);
            linted.findings.extend(found.map(|(spot, hit)| finding(rule, spot, hit)));
        }
    }
    linted
        .findings
        .sort_by(|a, b| (&a.file, a.place, a.severity, a.rule.id).cmp(&(&b.file, b.place, b.severity, b.rule.id)));
    wave_through(tree, &mut linted);
    linted
}

/// A place in a file.
fn spot(file: &SysctlFile, place: Option<TextPlace>, key: Option<&str>) -> Spot {
    Spot { file: file.path.clone(), place, key: key.map(str::to_owned), vendor: file.is_vendor() }
}

fn judge_file(case: &LintCase<'_>, file: &SysctlFile, linted: &mut Linted) {
    for rule in lint_rules() {
        if let Judge::File(check) = rule.judge {
            linted.findings.extend(check(case, file).map(|hit| finding(rule, spot(file, None, None), hit)));
        }
    }
}

fn judge_lines(case: &LintCase<'_>, file: &SysctlFile, linted: &mut Linted) {
    let before = linted.findings.len();
    for item in file.items() {
        if linted.findings.len() - before >= MOST_PER_FILE {
            break;
        }
        match item {
            Item::Fault(place, fault) => {
                for rule in lint_rules() {
                    if let Judge::Fault(check) = rule.judge {
                        linted
                            .findings
                            .extend(check(fault).map(|hit| finding(rule, spot(file, Some(*place), None), hit)));
                    }
                }
            }
            Item::Assign(line) => {
                linted.lines += 1;
                linted.findings.extend(judge_line(case, file, line).into_iter().map(|(rule, hit)| {
                    let place = if hit.at_value { line.value_place } else { line.place };
                    finding(rule, spot(file, Some(place), Some(&line.spelled)), hit)
                }));
            }
            Item::Exclude(_) => linted.lines += 1,
        }
    }
}

/// What the rules about values and the folk rules say of values that are about to be set: what the kernel would take, and
/// what is hardly meant. Each with the reason that it is set for, which counts as the comment above a line does.
#[must_use]
pub fn lint_values<'a>(
    settings: impl IntoIterator<Item = (&'a SysctlKey, &'a str, &'a str)>,
    host: &LintHost,
) -> Vec<LintFinding> {
    let line = |(key, value, reason): (&SysctlKey, &str, &str)| {
        // A reason is on one line, and waves nothing through.
        let reason: String = reason.chars().filter(|letter| !letter.is_control() && *letter != ':').collect();
        format!("# {reason}\n{key} = {value}\n")
    };
    let text: String = settings.into_iter().map(line).collect();
    let file = SysctlFile::from_bytes("", Home::Given, text.as_bytes());
    let tree = SysctlTree { files: vec![file], ..SysctlTree::default() };
    lint(&tree, host).findings.into_iter().filter(is_about_values).collect()
}

/// What the same rules say of the values that were read of a host, where they are not the kernel's own: what they would say
/// of a file that sets them. `source` is where they were read from; there are no lines to point at.
#[must_use]
pub fn lint_recorded(source: &str, host: &LintHost) -> Linted {
    let default = |key: &SysctlKey| catalog::default_value(key.as_str(), host.version?, host.memory_kib);
    let values = host.sysctls.readings.iter().filter_map(|(key, reading)| match reading {
        SysctlReading::Value(value) if catalog::find(key.as_str()).is_some_and(is_written) => Some((key, value)),
        _ => None,
    });
    // All of them are there to be looked at by rules about another one.
    let text: String = values.clone().map(|(key, value)| format!("{key} = {}\n", value.replace('\n', " "))).collect();
    let file = SysctlFile::from_bytes(source, Home::Given, text.as_bytes());
    let mut linted = lint(&SysctlTree { files: vec![file], ..SysctlTree::default() }, host);
    let own: BTreeSet<&str> = values
        .filter(|(key, value)| !default(key).is_some_and(|default| catalog::same_value(key, value, &default)))
        .map(|(key, _)| key.as_str())
        .collect();
    linted
        .findings
        .retain(|finding| is_about_values(finding) && finding.key.as_deref().is_some_and(|key| own.contains(key)));
    for finding in &mut linted.findings {
        finding.place = None;
        let key = finding.key.as_deref().unwrap_or_default();
        let leaf = key.rsplit('.').next().unwrap_or(key);
        if !finding.message.contains(leaf) {
            finding.message = format!("{leaf}: {}", finding.message);
        }
    }
    linted
}

/// Whether a key is one that is written, and looked at.
const fn is_written(row: &Parameter) -> bool {
    !matches!(row.takes_effect, TakesEffect::ReadOnly | TakesEffect::Never)
}

/// Whether a finding is about what a value does, and no mere note.
fn is_about_values(finding: &LintFinding) -> bool {
    let mut rules = values::RULES.iter().chain(extreme::RULES).chain(folk::RULES);
    finding.severity != Severity::Note && rules.any(|rule| rule.id == finding.rule.id)
}

fn judge_line(case: &LintCase<'_>, file: &SysctlFile, line: &Assignment) -> Vec<(&'static LintRule, Hit)> {
    let key = if let KeyTarget::Key(key) = &line.target { Some(key) } else { None };
    let case = LineCase {
        case,
        file,
        line,
        key,
        row: key.and_then(|key| catalog::find(key.as_str())),
        value: intended(&line.value),
    };
    let mut hits = Vec::new();
    for rule in lint_rules() {
        if let Judge::Line(check) = rule.judge {
            hits.extend(check(&case).map(|hit| (rule, hit)));
        }
    }
    hits
}

/// The value without quotes around it and without what looks like a comment behind it.
fn intended(value: &str) -> String {
    let value = catalog::normalize_value(value);
    let bare = [" #", " ;"].iter().fold(value.as_str(), |rest, sign| rest.split(sign).next().unwrap_or(rest));
    bare.trim_matches(['"', '\'', ' ']).to_owned()
}

fn finding(rule: &'static LintRule, spot: Spot, hit: Hit) -> LintFinding {
    LintFinding {
        rule,
        // What packages ship is deliberate, and not the administrator's to mend.
        severity: if spot.vendor { Severity::Note } else { rule.severity },
        file: spot.file,
        place: spot.place,
        key: spot.key,
        message: hit.message,
        why: hit.why.unwrap_or_else(|| rule.why.to_owned()),
        instead: hit.instead.unwrap_or_else(|| rule.instead.to_owned()),
    }
}

/// Takes out what a comment right above the line allows: `# tcpctl: allow RULE, RULE – reason`.
fn wave_through(tree: &SysctlTree, linted: &mut Linted) {
    let mut comments: BTreeMap<(&str, usize), &str> = BTreeMap::new();
    for file in &tree.files {
        for item in file.items() {
            if let Item::Assign(line) = item
                && let Some((_, ids)) = line.comment.split_once("tcpctl: allow ")
            {
                comments.insert((&file.path, line.place.line), ids);
            }
        }
    }
    let allows = |finding: &LintFinding| {
        let place = finding.place.and_then(|place| comments.get(&(finding.file.as_str(), place.line)));
        place.is_some_and(|ids| ids.split([',', ' ']).any(|id| id == finding.rule.id))
    };
    let before = linted.findings.len();
    linted.findings.retain(|finding| !allows(finding));
    linted.allowed = before - linted.findings.len();
}
