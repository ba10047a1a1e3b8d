//! Profiles as text and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::printable::printable_lines;
use super::prose::{hanging, hanging_deeper};
use crate::tune::{Operator, Profile};

/// Version of the JSON; the shapes only grow.
const SCHEMA: u32 = 1;

/// A row of the list of profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileRow {
    /// The name.
    pub name: String,
    /// What it is for, or what is wrong with it.
    pub summary: String,
    /// The file; nothing for a built-in profile.
    pub file: Option<String>,
    /// How many keys it has a rule for; nothing for a profile with a mistake.
    pub keys: Option<usize>,
}

/// The list of profiles in JSON.
#[derive(Debug, Serialize)]
pub struct ProfilesView<'a> {
    schema: u32,
    profiles: &'a [ProfileRow],
}

impl<'a> From<&'a [ProfileRow]> for ProfilesView<'a> {
    fn from(profiles: &'a [ProfileRow]) -> Self {
        Self { schema: SCHEMA, profiles }
    }
}

/// The list of profiles as text.
#[must_use]
pub fn render_profiles(rows: &[ProfileRow], width: usize) -> String {
    let mut text = String::new();
    for row in rows {
        let keys = row.keys.map_or_else(|| "not usable".to_owned(), |keys| format!("{keys} keys"));
        let origin = row.file.as_deref().unwrap_or("built in");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} ({keys}, {origin})", row.name);
        text.push_str(&hanging("  ", &row.summary, width));
    }
    text.push_str("\ntcpctl profiles NAME gives the reasons, tcpctl plan NAME what would change here\n");
    printable_lines(&text)
}

/// A profile in JSON, with everything it takes from its parents.
#[derive(Debug, Serialize)]
pub struct ProfileView<'a> {
    schema: u32,
    name: &'a str,
    summary: &'a str,
    parents: &'a [String],
    file: Option<&'a str>,
    keys: Vec<RuleView<'a>>,
    notes: &'a [String],
    costs: &'a [String],
    not_for: &'a [String],
}

#[derive(Debug, Serialize)]
struct RuleView<'a> {
    key: &'a str,
    operator: Operator,
    value: &'a str,
    reason: &'a str,
    source: &'a str,
    risk: Option<&'a str>,
    /// Why a formula of the value has a bound.
    cap: Option<&'a str>,
    required: bool,
    since: Option<String>,
    until: Option<String>,
    /// Further conditions; empty where the rule always counts.
    when: Vec<String>,
    profile: &'a str,
}

impl<'a> ProfileView<'a> {
    /// A profile that stands in `file`, or is built in.
    #[must_use]
    pub fn new(profile: &'a Profile, file: Option<&'a str>) -> Self {
        let rule = |(key, rule): (&'a crate::units::SysctlKey, &'a crate::tune::Rule)| RuleView {
            key: key.as_str(),
            operator: rule.operator,
            value: rule.value.as_str(),
            reason: &rule.reason,
            source: &rule.source,
            risk: rule.risk.as_deref(),
            cap: rule.cap.as_deref(),
            required: rule.required,
            since: rule.since.map(|version| version.to_string()),
            until: rule.until.map(|version| version.to_string()),
            when: rule.when.words(),
            profile: &rule.profile,
        };
        Self {
            schema: SCHEMA,
            name: &profile.name,
            summary: &profile.summary,
            parents: &profile.parents,
            file,
            keys: profile.rules.iter().map(rule).collect(),
            notes: &profile.notes,
            costs: &profile.costs,
            not_for: &profile.not_for,
        }
    }
}

/// A profile as text: each value with its reason, source and risk.
#[must_use]
pub fn render_profile(profile: &Profile, file: Option<&str>, width: usize) -> String {
    let mut text = hanging("", &format!("{}: {}", profile.name, profile.summary), width);
    let mut origin = file.unwrap_or("built in").to_owned();
    if !profile.parents.is_empty() {
        let _ = write!(origin, ", builds on {}", profile.parents.join(", "));
    }
    text.push_str(&hanging("", &origin, width));
    for (key, rule) in &profile.rules {
        let mut line = format!("{key}  {} {}", rule.operator, rule.value.as_str());
        if rule.required {
            line.push_str("  required");
        }
        if let Some(since) = rule.since {
            let _ = write!(line, "  since Linux {since}");
        }
        if let Some(until) = rule.until {
            let _ = write!(line, "  until Linux {until}");
        }
        for condition in rule.when.words() {
            let _ = write!(line, "  when {condition}");
        }
        if rule.profile != profile.name {
            let _ = write!(line, "  (from {})", rule.profile);
        }
        text.push('\n');
        text.push_str(&hanging_deeper(&line, width));
        text.push_str(&hanging("  why     ", &rule.reason, width));
        if let Some(risk) = &rule.risk {
            text.push_str(&hanging("  risk    ", risk, width));
        }
        if let Some(cap) = &rule.cap {
            text.push_str(&hanging("  bound   ", cap, width));
        }
        text.push_str(&hanging("  source  ", &rule.source, width));
    }
    let lists = [
        ("What it costs", &profile.costs),
        ("When not to use it", &profile.not_for),
        ("What no sysctl can do", &profile.notes),
    ];
    for (title, sentences) in lists.into_iter().filter(|(_, sentences)| !sentences.is_empty()) {
        let _ = writeln!(text, "\n{title}");
        for sentence in sentences {
            text.push_str(&hanging("  - ", sentence, width));
        }
    }
    printable_lines(&text)
}
