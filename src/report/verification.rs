//! Whether the running values meet a profile, as text and as JSON.

use serde::Serialize;

use super::plan::{present, skip_reason};
use super::plan_view::SkipView;
use super::printable::printable_lines;
use super::prose::hanging;
use super::table::{Align, render_table};
use crate::tune::{Keeping, Kept, KeptFile, Plan, Verdict};
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
    /// The same for the next boot; empty where tcpctl's own file is to keep nothing of the profile.
    kept: Vec<KeptView<'a>>,
    /// Keys of which `sysctl --system` makes something else than a boot, which is not as wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_hand: Vec<ByHandView<'a>>,
    /// That file, where it is to keep something.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_in: Option<KeptFileView<'a>>,
    /// Why it cannot be told whether it is to keep anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_unknown: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct KeptFileView<'a> {
    path: String,
    /// `there`, `gone` or `unreadable`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The entry of the journal by which values of the profile are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<u64>,
}

impl<'a> KeptFileView<'a> {
    fn of(keeping: &'a Keeping) -> Option<Self> {
        let (state, reason) = match &keeping.file {
            KeptFile::There => ("there", None),
            KeptFile::Gone => ("gone", None),
            KeptFile::Unreadable(reason) => ("unreadable", Some(reason.as_str())),
        };
        let path = keeping.path.display().to_string();
        (!keeping.keys.is_empty()).then_some(Self { path, state, reason, entry: keeping.entry })
    }
}

#[derive(Debug, Serialize)]
struct ByHandView<'a> {
    key: &'a str,
    value: &'a str,
    /// The file and line that it reads last.
    by: &'a str,
}

#[derive(Debug, Serialize)]
struct KeptView<'a> {
    /// `ok`, `missing`, `differs`, `denied` or `overridden-by`.
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
        let by = match kept {
            Kept::OverriddenBy(file, _) => Some(file.as_str()),
            Kept::Ok | Kept::Missing | Kept::Differs(_) | Kept::Denied => None,
        };
        Self { verdict: kept.word(), key: key.as_str(), value: kept.value(), by }
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
pub fn has_drift(plan: &Plan, keeping: &Keeping) -> bool {
    plan.has_drift() || keeping.has_drift()
}

impl<'a> VerificationView<'a> {
    /// A verification of running values and of those that are kept across boots.
    #[must_use]
    pub fn new(plan: &'a Plan, keeping: &'a Keeping) -> Self {
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
            ok: !has_drift(plan, keeping),
            checks: differs.chain(met).chain(skipped).collect(),
            kept: keeping.keys.iter().map(KeptView::from).collect(),
            by_hand: keeping
                .by_hand
                .iter()
                .map(|(key, by, value)| ByHandView { key: key.as_str(), value, by })
                .collect(),
            kept_in: KeptFileView::of(keeping),
            kept_unknown: keeping.unknown.as_deref(),
        }
    }
}

/// A verification as text.
#[must_use]
pub fn render_verification(plan: &Plan, keeping: &Keeping, width: usize, ascii: bool) -> String {
    let mut rows: Vec<[String; 4]> = Vec::new();
    for change in &plan.changes {
        let wanted = format!("{} {}", change.operator, change.after);
        rows.push([change.key.to_string(), "DIFFERS".to_owned(), change.before.clone(), wanted]);
    }
    for already in &plan.already {
        let wanted = format!("{} {}", already.operator, already.wanted);
        rows.push([already.key.to_string(), "ok".to_owned(), already.value.clone(), wanted]);
    }
    for skip in &plan.skipped {
        let wanted = format!("{} {}", skip.operator, skip.wanted);
        rows.push([
            skip.key.to_string(),
            skip.why.verdict().word().to_owned(),
            present(skip, ascii).to_owned(),
            wanted,
        ]);
    }
    let met = if has_drift(plan, keeping) { "NOT met" } else { "met" };
    let says = format!("{}: {met}; {} of {} keys ok", plan.profile, plan.already.len(), rows.len());
    let mut text = hanging("", &says, width) + "\n";
    let align = [Align::Left, Align::Left, Align::Right, Align::Left];
    text.push_str(&render_table(&["key", "", "value", "wanted"], &align, &rows, width));
    for skip in &plan.skipped {
        text.push_str(&hanging("  ", &format!("{}: {}", skip.key, skip_reason(&skip.why)), width));
    }
    text.push_str(&kept_sentences(keeping, width));
    printable_lines(&text)
}

/// What becomes of the values at the next boot.
fn kept_sentences(keeping: &Keeping, width: usize) -> String {
    if let Some(why) = &keeping.unknown {
        let text = format!("after the next boot: not known whether tcpctl's file keeps these values: {why}");
        return format!("\n{}", hanging("", &text, width));
    }
    if keeping.keys.is_empty() {
        return String::new();
    }
    let ok = keeping.keys.iter().filter(|(_, kept)| *kept == Kept::Ok).count();
    let mut text = format!("\nafter the next boot: {ok} of {} keys ok\n", keeping.keys.len());
    let path = keeping.path.display();
    let wrote = keeping.entry.map(|entry| format!(", which entry {entry} wrote,")).unwrap_or_default();
    match &keeping.file {
        KeptFile::There => {}
        KeptFile::Gone => {
            let gone = format!("{path}{wrote} is gone: apply it again with --persist, or roll the entry back");
            text.push_str(&hanging("  ", &gone, width));
        }
        KeptFile::Unreadable(why) => {
            text.push_str(&hanging("  ", &format!("{path}{wrote} cannot be read: {why}"), width));
        }
    }
    // Of a file that is gone or cannot be read, each key would say the same.
    let says = |kept: &Kept| match kept {
        Kept::Ok => false,
        Kept::Missing | Kept::Denied => keeping.file == KeptFile::There,
        Kept::Differs(_) | Kept::OverriddenBy(..) => true,
    };
    for (key, kept) in keeping.keys.iter().filter(|(_, kept)| says(kept)) {
        let value = kept.value().map(|value| format!(", which makes it {value}")).unwrap_or_default();
        text.push_str(&hanging("  ", &format!("{key}: {}{value}", kept.words()), width));
    }
    for (key, line, value) in &keeping.by_hand {
        let says = format!("{key}: `sysctl --system` makes it {value}, since it reads {line} last and a boot does not");
        text.push_str(&hanging("  ! ", &says, width));
    }
    text
}
