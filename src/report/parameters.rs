//! The catalogue beside this host's values, as text and as JSON.

use serde::Serialize;

use super::printable::printable;
use super::prose::{hanging, in_ascii};
use crate::catalog::{self, Parameter, Scope, TakesEffect, same_value};
use crate::snapshot::{Snapshot, SysctlReading};
use crate::tune::{BootKernel, Provenance, Reader, Resolver, Setting, SysctlTree};
use crate::units::{Hz, KernelVersion, SysctlKey};

/// Version of the JSON; the shapes only grow.
pub(super) const SCHEMA: u32 = 1;

/// One key with everything that is known of it here.
#[derive(Clone, Debug)]
pub struct ParameterRow {
    /// The key.
    pub key: SysctlKey,
    /// What the table knows of it; nothing for a key of somebody else's.
    pub known: Option<&'static Parameter>,
    /// What was read; nothing when it was not asked for.
    pub reading: Option<SysctlReading>,
    /// The kernel's default, where that is known.
    pub default: Option<String>,
    /// The kernel.
    pub version: Option<KernelVersion>,
    /// Its tick rate, on which some ranges hang.
    pub hz: Option<Hz>,
    /// Which files decide; nothing where files do not reach, as in namespaces other than the initial one.
    pub provenance: Option<Provenance>,
}

impl ParameterRow {
    /// Puts together what is known of a key.
    #[must_use]
    pub fn new(key: SysctlKey, snapshot: &Snapshot, files: Option<(&Resolver<'_>, &Resolver<'_>)>) -> Self {
        let version = snapshot.kernel.version;
        let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
        // A value that all namespaces share is what the files set, wherever it is read from.
        let known = catalog::find(key.as_str());
        let own = known.zip(version).is_none_or(|(row, version)| row.scope(version) == Scope::Namespace);
        let files = files.filter(|_| !own || snapshot.netns.initial != Some(false));
        let kernel = BootKernel { version, hz, memory_kib: snapshot.memory_kib };
        Self {
            known,
            reading: snapshot.sysctls.readings.get(&key).cloned(),
            default: version.and_then(|version| catalog::default_value(key.as_str(), version, snapshot.memory_kib)),
            version,
            hz,
            provenance: files.map(|(boot, by_hand)| Provenance::of(&key, boot, by_hand, kernel)),
            key,
        }
    }

    /// The value, where it was read.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match &self.reading {
            Some(SysctlReading::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// Whether the value differs from the default; nothing where one of the two is not known.
    #[must_use]
    pub fn is_changed(&self) -> Option<bool> {
        Some(self.value()? != self.default.as_deref()?)
    }

    /// Whether the kernel has it, as far as the table knows.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.known.zip(self.version).is_none_or(|(row, version)| row.exists(version))
    }

    /// Whose value it is.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        self.known.zip(self.version).map(|(row, version)| row.scope(version))
    }

    /// The value with its unit, or why there is none.
    pub(super) fn shown(&self, ascii: bool) -> String {
        let unit = self.known.map_or("", |row| row.unit);
        // Switches and texts need no unit behind them.
        let unit =
            if matches!(unit, "bool" | "enum" | "bitmask" | "name" | "list" | "hex" | "port list") { "" } else { unit };
        match &self.reading {
            Some(SysctlReading::Value(value)) if value.is_empty() => "(empty)".to_owned(),
            Some(SysctlReading::Value(value)) => printable(&format!("{value} {unit}")).trim_end().to_owned(),
            Some(SysctlReading::Absent) | None => if ascii { "-" } else { "–" }.to_owned(),
            Some(SysctlReading::Unreadable(_)) => "?".to_owned(),
        }
    }
}

/// The files of a tree as both readers take them.
#[derive(Debug)]
pub struct BothReaders<'a> {
    /// systemd-sysctl.
    pub boot: Resolver<'a>,
    /// `sysctl --system`.
    pub by_hand: Resolver<'a>,
}

impl<'a> BothReaders<'a> {
    /// Takes a tree in both orders.
    #[must_use]
    pub fn new(tree: &'a SysctlTree) -> Self {
        Self { boot: Resolver::new(tree, Reader::Systemd), by_hand: Resolver::new(tree, Reader::Procps) }
    }
}

/// The list in JSON.
#[derive(Debug, Serialize)]
pub struct ParametersView<'a> {
    schema: u32,
    kernel: Option<String>,
    /// Whether this is the initial network namespace, which the files of sysctl.d are for.
    initial: Option<bool>,
    parameters: Vec<ParameterView<'a>>,
}

/// One key in JSON.
#[derive(Debug, Serialize)]
pub struct ParameterView<'a> {
    key: &'a str,
    value: Option<&'a str>,
    /// Why there is no value: `absent` or the kernel's answer.
    no_value: Option<&'a str>,
    default: Option<&'a str>,
    changed: Option<bool>,
    unit: Option<&'static str>,
    /// Least and greatest number that the kernel takes, as text since they may be larger than JSON's numbers.
    min: Option<String>,
    max: Option<String>,
    scope: Option<Scope>,
    takes_effect: Option<TakesEffect>,
    since: Option<String>,
    removed: Option<String>,
    exists: bool,
    affects: Option<&'static str>,
    note: Option<&'static str>,
    misunderstood: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<FilesView<'a>>,
}

/// What files say of a key, in JSON.
#[derive(Debug, Serialize)]
struct FilesView<'a> {
    after_boot: Option<&'a str>,
    doubt: Option<&'a str>,
    decided_by: Option<LineView<'a>>,
    /// The line that decides under `sysctl --system`, where that is another value.
    differs_by_hand: Option<LineView<'a>>,
    overridden: Vec<LineView<'a>>,
}

#[derive(Debug, Serialize)]
struct LineView<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    spelled: &'a str,
    value: &'a str,
}

impl<'a> From<&'a Setting> for LineView<'a> {
    fn from(setting: &'a Setting) -> Self {
        Self {
            file: &setting.file,
            line: setting.place.line,
            column: setting.place.column,
            spelled: &setting.spelled,
            value: &setting.value,
        }
    }
}

impl<'a> From<&'a Provenance> for FilesView<'a> {
    fn from(provenance: &'a Provenance) -> Self {
        Self {
            after_boot: provenance.after_boot.as_deref(),
            doubt: provenance.doubt.as_deref(),
            decided_by: provenance.decided_by().map(LineView::from),
            differs_by_hand: provenance.differs_by_hand().map(LineView::from),
            overridden: provenance.boot.overridden.iter().map(LineView::from).collect(),
        }
    }
}

impl<'a> From<&'a ParameterRow> for ParameterView<'a> {
    fn from(row: &'a ParameterRow) -> Self {
        let range = row.known.zip(row.version).and_then(|(known, version)| known.range(version));
        let some = |text: &'static str| (!text.is_empty()).then_some(text);
        Self {
            key: row.key.as_str(),
            value: row.value(),
            no_value: match &row.reading {
                Some(SysctlReading::Value(_)) => None,
                Some(SysctlReading::Unreadable(reason)) => Some(reason),
                Some(SysctlReading::Absent) | None => Some("absent"),
            },
            default: row.default.as_deref(),
            changed: row.is_changed(),
            unit: row.known.map(|known| known.unit),
            min: range.map(|range| range.min.as_number(row.hz).to_string()),
            max: range.map(|range| range.max.as_number(row.hz).to_string()),
            scope: row.scope(),
            takes_effect: row.known.map(|known| known.takes_effect),
            since: row.known.filter(|known| known.since.major > 0).map(|known| known.since.to_string()),
            removed: row.known.and_then(|known| known.removed).map(|removed| removed.to_string()),
            exists: row.exists(),
            affects: row.known.and_then(|known| some(known.affects)),
            note: row.known.and_then(|known| some(known.note)),
            misunderstood: row.known.and_then(|known| some(known.misunderstood)),
            files: row.provenance.as_ref().map(FilesView::from),
        }
    }
}

impl<'a> ParametersView<'a> {
    /// The rows in JSON.
    #[must_use]
    pub fn new(rows: &'a [ParameterRow], snapshot: &Snapshot) -> Self {
        Self {
            schema: SCHEMA,
            kernel: snapshot.kernel.version.map(|version| version.to_string()),
            initial: snapshot.netns.initial,
            parameters: rows.iter().map(ParameterView::from).collect(),
        }
    }
}

/// The list: two lines for each key, the first of which reads like sysctl's; changed ones are marked and say who set
/// them.
#[must_use]
pub fn render_parameters(rows: &[ParameterRow], width: usize, ascii: bool) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&entry(row, width, ascii));
    }
    if rows.is_empty() {
        return "every parameter whose default is known has it\n".to_owned();
    }
    let changed = rows.iter().filter(|row| row.is_changed() == Some(true)).count();
    let untold = rows.iter().filter(|row| row.value().is_some() && row.default.is_none()).count();
    let mut sum = match rows.len() {
        1 => "1 parameter".to_owned(),
        many => format!("{many} parameters"),
    };
    sum.push_str(&format!(", {changed} not at the kernel's default (*)"));
    if untold > 0 {
        sum.push_str(&format!(", {untold} without a known default"));
    }
    sum.push_str("; `tcpctl params KEY` tells all about one");
    text.push_str(&hanging("", &sum, width));
    if ascii { in_ascii(&text) } else { text }
}

fn entry(row: &ParameterRow, width: usize, ascii: bool) -> String {
    let changed = row.is_changed() == Some(true);
    let mark = if changed { "* " } else { "  " };
    let default = match (&row.default, changed) {
        (Some(default), true) if default.is_empty() => "  (default: empty)".to_owned(),
        (Some(default), true) => format!("  (default {default})"),
        _ => String::new(),
    };
    let mut text = hanging(mark, &format!("{} = {}{default}", row.key, row.shown(ascii)), width.max(60));
    let mut about: Vec<String> = row.known.map(|known| known.affects.to_owned()).into_iter().collect();
    about.extend(standing(row));
    text.push_str(&hanging("      ", &about.join("; "), width));
    // Who set it, and what a boot changes about it.
    let now = |one: &Provenance, after: &str| row.value().is_some_and(|now| same_value(&one.key, now, after));
    let drifts = |one: &Provenance| one.after_boot.as_deref().is_some_and(|after| !now(one, after));
    if let Some(provenance) = row.provenance.as_ref().filter(|one| row.value().is_some() && (changed || drifts(one))) {
        text.push_str(&hanging("      ", &printable(&set_by(provenance)), width));
    }
    text
}

/// Whose it is, since when, and why there is no value.
fn standing(row: &ParameterRow) -> Vec<String> {
    let mut said = Vec::new();
    match (row.scope(), row.exists()) {
        (_, false) => said.extend(row.version.map(|version| format!("not in Linux {version}"))),
        (Some(Scope::Namespace), _) => said.push("per namespace".to_owned()),
        (Some(Scope::Host), _) => said.push("one for the host".to_owned()),
        (Some(Scope::HostReadOnlyInChild), _) => said.push("one for the host, read-only elsewhere".to_owned()),
        (None, _) => {}
    }
    if let Some(known) = row.known {
        if let Some(removed) = known.removed {
            said.push(format!("removed in {removed}"));
        } else if known.since.major > 0 {
            said.push(format!("since {}", known.since));
        }
        match known.takes_effect {
            TakesEffect::Now => {}
            TakesEffect::ReadOnly => said.push("read-only".to_owned()),
            TakesEffect::Never => said.push("no effect".to_owned()),
            other => said.push(format!("counts for {}", other.text())),
        }
    }
    match &row.reading {
        Some(SysctlReading::Unreadable(reason)) => said.push(printable(reason)),
        Some(SysctlReading::Absent) if row.exists() => said.push("not here".to_owned()),
        _ => {}
    }
    said
}

/// Who set a value that is not the default.
fn set_by(provenance: &Provenance) -> String {
    let after = provenance.after_boot.as_deref().unwrap_or("the kernel's default");
    match provenance.decided_by() {
        Some(line) => format!("{}:{} sets {} at boot", line.file, line.place.line, line.value),
        None => format!("no file sets it: {after} after the next boot"),
    }
}
