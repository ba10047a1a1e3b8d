//! Whether the running values meet a profile, as text and as JSON.

use serde::Serialize;

use super::plan::{present, skip_reason};
use super::plan_view::SkipView;
use super::printable::printable_lines;
use super::prose::hanging;
use super::table::{Align, render_table};
use crate::tune::{Kept, Plan, Verdict};
use crate::units::SysctlKey;

/// Version of the JSON; the shape only grows.
const SCHEMA: u32 = 1;

/// A verification in JSON: the plan seen the other way round.
#[derive(Debug, Serialize)]
pub struct VerificationView<'a> {
    schema: u32,
    profile: &'a str,
    /// Whether nothing differs and everything could be read.
    ok: bool,
    checks: Vec<CheckView<'a>>,
    /// The same for the next boot; empty where tcpctl's own file keeps nothing of the profile.
    kept: Vec<KeptView<'a>>,
}

#[derive(Debug, Serialize)]
struct KeptView<'a> {
    /// `ok`, `missing`, `differs` or `overridden-by`.
    verdict: &'static str,
    key: &'a str,
    /// The value after the next boot, where it is not as wanted.
    value: Option<&'a str>,
    /// The file and line that decides instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
}

impl<'a> From<&'a (SysctlKey, Kept)> for KeptView<'a> {
    fn from((key, kept): &'a (SysctlKey, Kept)) -> Self {
        let (verdict, by) = match kept {
            Kept::Ok => ("ok", None),
            Kept::Missing => ("missing", None),
            Kept::Differs(_) => ("differs", None),
            Kept::OverriddenBy(file, _) => ("overridden-by", Some(file.as_str())),
        };
        Self { verdict, key: key.as_str(), value: kept.value(), by }
    }
}

#[derive(Debug, Serialize)]
struct CheckView<'a> {
    /// `ok`, `differs`, `missing`, `hidden`, `denied` or `not-for-this-kernel`.
    verdict: &'static str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<SkipView<'a>>,
}

/// Whether running values, or those that are kept across boots, are not as wanted.
#[must_use]
pub fn has_drift(plan: &Plan, kept: &[(SysctlKey, Kept)]) -> bool {
    plan.has_drift() || kept.iter().any(|(_, kept)| *kept != Kept::Ok)
}

impl<'a> VerificationView<'a> {
    /// A verification of running values and of those that are kept across boots.
    #[must_use]
    pub fn new(plan: &'a Plan, kept: &'a [(SysctlKey, Kept)]) -> Self {
        let differs = plan.changes.iter().map(|change| CheckView {
            verdict: Verdict::Differs.word(),
            key: change.key.as_str(),
            value: Some(&change.before),
            wanted: Some(&change.after),
            skipped: None,
        });
        let met = plan.already.iter().map(|already| CheckView {
            verdict: Verdict::Ok.word(),
            key: already.key.as_str(),
            value: Some(&already.value),
            wanted: Some(&already.wanted),
            skipped: None,
        });
        let skipped = plan.skipped.iter().map(|skip| CheckView {
            verdict: skip.why.verdict().word(),
            key: skip.key.as_str(),
            value: skip.present(),
            wanted: Some(&skip.wanted),
            skipped: Some(skip.into()),
        });
        Self {
            schema: SCHEMA,
            profile: &plan.profile,
            ok: !has_drift(plan, kept),
            checks: differs.chain(met).chain(skipped).collect(),
            kept: kept.iter().map(KeptView::from).collect(),
        }
    }
}

/// A verification as text.
#[must_use]
pub fn render_verification(plan: &Plan, kept: &[(SysctlKey, Kept)], width: usize, ascii: bool) -> String {
    let mut rows: Vec<[String; 4]> = Vec::new();
    for change in &plan.changes {
        let wanted = format!("{} {}", change.operator, change.after);
        rows.push(["DIFFERS".to_owned(), change.key.to_string(), change.before.clone(), wanted]);
    }
    for already in &plan.already {
        let wanted = format!("{} {}", already.operator, already.wanted);
        rows.push(["ok".to_owned(), already.key.to_string(), already.value.clone(), wanted]);
    }
    for skip in &plan.skipped {
        let wanted = format!("{} {}", skip.operator, skip.wanted);
        rows.push([
            skip.why.verdict().word().to_owned(),
            skip.key.to_string(),
            present(skip, ascii).to_owned(),
            wanted,
        ]);
    }
    let met = if has_drift(plan, kept) { "NOT met" } else { "met" };
    let mut text = format!("{}: {met}; {} of {} keys ok\n\n", plan.profile, plan.already.len(), rows.len());
    let align = [Align::Left, Align::Left, Align::Right, Align::Left];
    text.push_str(&render_table(&["", "key", "value", "wanted"], &align, &rows, width));
    for skip in &plan.skipped {
        text.push_str(&hanging("  ", &format!("{}: {}", skip.key, skip_reason(&skip.why)), width));
    }
    text.push_str(&kept_sentences(kept, width));
    printable_lines(&text)
}

/// What becomes of the values at the next boot.
fn kept_sentences(kept: &[(SysctlKey, Kept)], width: usize) -> String {
    if kept.is_empty() {
        return String::new();
    }
    let ok = kept.iter().filter(|(_, kept)| *kept == Kept::Ok).count();
    let mut text = hanging("\n", &format!("after the next boot: {ok} of {} keys ok", kept.len()), width);
    for (key, kept) in kept.iter().filter(|(_, kept)| *kept != Kept::Ok) {
        let value = kept.value().map(|value| format!(", which makes it {value}")).unwrap_or_default();
        text.push_str(&hanging("  ", &format!("{key}: {}{value}", kept.words()), width));
    }
    text
}
