//! Whether the running values meet a profile, as text and as JSON.

use serde::Serialize;

use super::plan::{SkipView, present, skip_reason};
use super::printable::printable_lines;
use super::prose::hanging;
use super::table::{Align, render_table};
use crate::tune::{Plan, Verdict};

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

impl<'a> From<&'a Plan> for VerificationView<'a> {
    fn from(plan: &'a Plan) -> Self {
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
            ok: !plan.has_drift(),
            checks: differs.chain(met).chain(skipped).collect(),
        }
    }
}

/// A verification as text.
#[must_use]
pub fn render_verification(plan: &Plan, width: usize, ascii: bool) -> String {
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
    let met = if plan.has_drift() { "NOT met" } else { "met" };
    let mut text = format!("{}: {met}; {} of {} keys ok\n\n", plan.profile, plan.already.len(), rows.len());
    let align = [Align::Left, Align::Left, Align::Right, Align::Left];
    text.push_str(&render_table(&["", "key", "value", "wanted"], &align, &rows, width));
    for skip in &plan.skipped {
        text.push_str(&hanging("  ", &format!("{}: {}", skip.key, skip_reason(&skip.why)), width));
    }
    printable_lines(&text)
}
