//! What the rules about files of settings share.

use crate::diagnose::source;
use crate::diagnose::{Case, FaultKind, FileFault, Finding, SettingFiles, SettledValue};
use crate::snapshot::SysctlReading;

/// Lines that are told as evidence; `lint` tells all.
const TOLD: usize = 6;

/// # Errors
/// When the files were not read.
pub(super) fn files<'a>(case: &Case<'a>) -> Result<&'a SettingFiles, String> {
    let unread = || "the files of settings are read on the host itself, and are in no snapshot: tcpctl lint".to_owned();
    case.stated().files.as_ref().ok_or_else(unread)
}

/// Whether the case is of the initial network namespace, for which the files are; one of which that is not known is
/// taken for it.
pub(super) fn is_initial(case: &Case<'_>) -> bool {
    case.now().netns.initial != Some(false)
}

/// The settings that are not, or not here, what the files say.
pub(super) fn not_kept(files: &SettingFiles) -> Vec<&SettledValue> {
    let differs = |one: &&SettledValue| match &one.running {
        SysctlReading::Value(value) => *value != one.value,
        SysctlReading::Absent => true,
        SysctlReading::Unreadable(_) => false,
    };
    files.settled.iter().filter(differs).collect()
}

/// The faults of a kind.
pub(super) fn faults(files: &SettingFiles, kind: FaultKind) -> Vec<&FileFault> {
    files.faults.iter().filter(|fault| fault.kind == kind).collect()
}

/// "4096", or that it is not there.
pub(super) fn now(one: &SettledValue) -> &str {
    match &one.running {
        SysctlReading::Value(value) => value,
        SysctlReading::Absent => "not there",
        SysctlReading::Unreadable(reason) => reason,
    }
}

/// "a line of a file does", "3 lines of files do".
pub(super) fn lines(count: usize, [one, many]: [&str; 2]) -> String {
    if count == 1 { format!("a line of a file {one}") } else { format!("{count} lines of files {many}") }
}

/// "net.core.somaxconn is 4096, and /etc/sysctl.d/60-web.conf:3 says 65535".
pub(super) fn difference(one: &SettledValue) -> String {
    format!("{} is {}, and {} says {}", one.key, now(one), one.place, one.value)
}

impl Finding {
    /// Adds what the files say of settings beside what they are.
    #[must_use]
    pub(super) fn differences(self, differing: &[&SettledValue]) -> Self {
        differing.iter().take(TOLD).fold(self, |finding, one| {
            finding.seen(&one.key, now(one), source::setting(&one.key)).seen(&one.key, &one.value, &one.place)
        })
    }

    /// Adds lines that are wrong.
    #[must_use]
    pub(super) fn faults(self, faults: &[&FileFault]) -> Self {
        faults.iter().take(TOLD).fold(self, |finding, fault| finding.seen(&fault.message, fault.rule, &fault.place))
    }

    /// Adds how many lines or settings there are, where there are several.
    #[must_use]
    pub(super) fn how_many(self, what: &str, count: usize) -> Self {
        if count > 1 { self.seen(what, count.to_string(), FILES) } else { self }
    }
}

/// Where lines are read.
const FILES: &str = "sysctl.d files, as lint reads them";
