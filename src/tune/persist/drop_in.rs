//! The file itself.

use std::collections::BTreeMap;
use std::path::Path;

use crate::catalog::normalize_value;
use crate::snapshot::Snapshot;
use crate::sys::{PrivateDir, PrivateDirError};
use crate::tune::journal::{Action, Confirmation, History, JournalEntry, Persisted};
use crate::tune::plan::FileChange;
use crate::tune::rollback::{plan_rollback, plan_rollback_after_boot};
use crate::tune::{Operator, Place, Plan};
use crate::units::SysctlKey;

/// The file's name: late among the drop-ins, since the last one that names a key decides.
pub const DROP_IN: &str = "99-tcpctl.conf";

/// Why the file could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action} {path}: {reason}")]
pub struct PersistError {
    /// What was tried.
    pub action: &'static str,
    /// On what.
    pub path: String,
    /// What happened, in words.
    pub reason: String,
    /// Whether rights are missing.
    pub denied: bool,
}

impl PersistError {
    fn of(action: &'static str, path: &Path, error: &PrivateDirError) -> Self {
        let denied = matches!(error, PrivateDirError::Denied(_));
        Self { action, path: path.display().to_string(), reason: error.to_string(), denied }
    }
}

/// The whole file; nothing when there is none. The directory must be trustworthy, and the file no link.
///
/// # Errors
/// Denied, not trustworthy, or failed.
pub fn read_drop_in(directory: &Path) -> Result<Option<String>, PersistError> {
    let open = PrivateDir::open(directory).map_err(|error| PersistError::of("open", directory, &error))?;
    match open.read(DROP_IN) {
        Ok(text) => Ok(Some(text)),
        Err(PrivateDirError::Absent) => Ok(None),
        Err(error) => Err(PersistError::of("read", &directory.join(DROP_IN), &error)),
    }
}

/// Puts the file into place whole, or removes it.
pub(in crate::tune) fn write_drop_in(directory: &Path, text: Option<&str>) -> Result<(), PersistError> {
    let open = PrivateDir::open(directory).map_err(|error| PersistError::of("open", directory, &error))?;
    let done = match text {
        Some(text) => open.replace_public(DROP_IN, text.as_bytes()),
        None => open.remove(DROP_IN),
    };
    done.map_err(|error| PersistError::of("write", &directory.join(DROP_IN), &error))
}

/// Adds to a plan what its values make of the file, beside those of the entries that stand.
///
/// # Errors
/// When the file cannot be read, or somebody else has changed it, unless `force`.
pub fn plan_persist(plan: &mut Plan, history: &History, directory: &Path, force: bool) -> Result<(), PersistError> {
    let before = read_drop_in(directory)?;
    refuse_foreign(&before, history, directory, force)?;
    let changes = plan.changes.iter().map(|change| (change.key.clone(), change.after.clone()));
    let met = plan.already.iter().filter(|already| already.operator != Operator::Expect);
    let values: BTreeMap<SysctlKey, String> =
        changes.chain(met.map(|already| (already.key.clone(), already.value.clone()))).collect();
    let standing = standing(history, directory, None);
    let same = |entry: &&JournalEntry| entry.profile == plan.profile;
    let mut layers: Vec<(&str, &BTreeMap<SysctlKey, String>)> = layers(&standing);
    layers.push((&plan.profile, &values));
    let after = render(&layers);
    if before.as_ref() == Some(&after) && standing.iter().any(same) {
        return Ok(());
    }
    plan.file = Some(FileChange {
        directory: directory.to_owned(),
        name: DROP_IN,
        before,
        after: Some(after),
        values,
        left: false,
    });
    Ok(())
}

/// Adds to the rollback of an entry what the file becomes without it. What somebody else has changed is left alone
/// unless `force`.
///
/// # Errors
/// When the file cannot be read.
fn plan_unpersist(plan: &mut Plan, entry: &JournalEntry, history: &History, force: bool) -> Result<(), PersistError> {
    let Some(persisted) = &entry.persist else { return Ok(()) };
    let directory = Path::new(&persisted.directory);
    let (before, name, values) = (read_drop_in(directory)?, DROP_IN, BTreeMap::new());
    let directory = directory.to_owned();
    if entry.is_unconfirmed() {
        // Where the confirmation stopped half way, the file is there, or what was to take its place.
        let began = entry.confirm.is_some_and(|confirm| confirm.newest_entry.is_some());
        let written = before == persisted.after && before != persisted.before;
        if written || (began && before == persisted.before) {
            let after = persisted.before.clone();
            plan.file = Some(FileChange { directory, name, before, after, values, left: false });
        }
        return Ok(());
    }
    if !standing(history, &directory, None).iter().any(|one| one.id == entry.id) {
        return Ok(());
    }
    let others = standing(history, &directory, Some(entry.id));
    let after = match others.is_empty() {
        true => original(history, &directory),
        false => Some(render(&layers(&others))),
    };
    // A crash may have come before the file was written, or after.
    let own = [expected(history, &directory), persisted.after.clone(), persisted.before.clone(), after.clone()];
    let left = !force && !own.contains(&before);
    plan.file = Some(FileChange { directory, name, before, after, values, left });
    Ok(())
}

/// What confirming an entry does to the file that it was to be kept in; nothing for one that keeps none. Others may have
/// been kept there since the entry was written.
///
/// # Errors
/// When the file cannot be read, or somebody else has changed it since.
pub(in crate::tune) fn plan_confirm(
    entry: &JournalEntry,
    history: &History,
) -> Result<Option<Persisted>, PersistError> {
    let Some(persisted) = &entry.persist else { return Ok(None) };
    let directory = Path::new(&persisted.directory);
    let before = read_drop_in(directory)?;
    // As it was planned, or where a confirmation stopped half way.
    if before != persisted.before && before != persisted.after {
        let ours = before.is_none() || before == expected(history, directory);
        let reason = "somebody else wrote or changed it since; move what you need to another file, remove it, and \
                      confirm again";
        ours.then_some(()).ok_or_else(|| foreign(directory, reason))?;
    }
    let mut kept = standing(history, directory, Some(entry.id));
    kept.push(entry);
    kept.sort_by_key(|one| one.id);
    let after = Some(render(&layers(&kept)));
    // After a half confirmation, what was there before that one is what counts.
    let before = if before == after { persisted.before.clone() } else { before };
    Ok(Some(Persisted { before, after, ..persisted.clone() }))
}

/// What undoing an entry changes, in the kernel and in the file.
///
/// # Errors
/// When the file cannot be read.
pub fn plan_undo(
    entry: &JournalEntry,
    history: &History,
    snapshot: &Snapshot,
    place: &Place,
    force: bool,
) -> Result<Plan, PersistError> {
    let mut plan = if entry.boot_id == place.boot_id {
        plan_rollback(entry, &history.entries, snapshot, force)
    } else {
        plan_rollback_after_boot(entry, snapshot)
    };
    plan_unpersist(&mut plan, entry, history, force)?;
    plan.journal = Some(history.mark(place));
    Ok(plan)
}

/// The entries whose values are in the file, the oldest first.
fn standing<'a>(history: &'a History, directory: &Path, but: Option<u64>) -> Vec<&'a JournalEntry> {
    let here = |entry: &&JournalEntry| entry.action == Action::Apply && entry.wrote_in(directory).is_some();
    let stands = |entry: &&JournalEntry| Some(entry.id) != but && entry.file_standing(&history.entries).is_some();
    history.entries.iter().filter(here).filter(stands).collect()
}

fn layers<'a>(entries: &[&'a JournalEntry]) -> Vec<(&'a str, &'a BTreeMap<SysctlKey, String>)> {
    let layer = |entry: &&'a JournalEntry| Some((entry.profile.as_str(), &entry.persist.as_ref()?.values));
    entries.iter().filter_map(layer).collect()
}

/// The file as the journal left it; nothing when it left none.
fn expected(history: &History, directory: &Path) -> Option<String> {
    let when = |entry: &JournalEntry| {
        let confirmed = |confirm: &Confirmation| Some((confirm.newest_entry?, confirm.confirmed_unix_ms));
        let (newest, confirmed) = entry.confirm.as_ref().and_then(confirmed).unwrap_or((entry.id, None));
        (newest, confirmed, entry.id)
    };
    let wrote = history.entries.iter().filter_map(|entry| Some((when(entry), entry.wrote_in(directory)?)));
    wrote.max_by_key(|(when, _)| *when)?.1.after.clone()
}

/// What somebody else had there before the entries that stand.
fn original(history: &History, directory: &Path) -> Option<String> {
    let befores = standing(history, directory, None).into_iter().filter_map(|entry| entry.wrote_in(directory));
    befores.filter_map(|wrote| wrote.before.clone()).find(|text| !is_own(text))
}

/// The first line of a file of ours.
const HEAD: &str = "# Kept by tcpctl: `tcpctl apply --persist` writes this file and `tcpctl rollback` takes it back.";

fn is_own(text: &str) -> bool {
    text.starts_with(HEAD)
}

/// Refuses to write over what somebody else wrote.
fn refuse_foreign(
    present: &Option<String>,
    history: &History,
    directory: &Path,
    force: bool,
) -> Result<(), PersistError> {
    let ours = *present == expected(history, directory) || present.is_none();
    if ours || force {
        return Ok(());
    }
    let reason = "somebody else wrote or changed it; move what you need to another file and remove it, or give --force \
                  to replace it (rollback brings it back)";
    Err(foreign(directory, reason))
}

fn foreign(directory: &Path, reason: &str) -> PersistError {
    let path = directory.join(DROP_IN).display().to_string();
    PersistError { action: "write", path, reason: reason.to_owned(), denied: false }
}

/// The text of the file: each key once, under the newest profile that sets it.
fn render(layers: &[(&str, &BTreeMap<SysctlKey, String>)]) -> String {
    let mut text = format!("{HEAD}\n");
    for (at, (profile, values)) in layers.iter().enumerate() {
        let newer = layers.get(at + 1..).unwrap_or_default();
        let own: Vec<_> =
            values.iter().filter(|(key, _)| !newer.iter().any(|(_, values)| values.contains_key(*key))).collect();
        if !own.is_empty() {
            text.push_str(&format!("\n# {}\n", shown_name(profile)));
        }
        for (key, value) in own {
            text.push_str(&format!("{key} = {value}\n"));
        }
    }
    text
}

/// A profile's name in the file, since it is a file's name, which may hold anything.
pub(super) fn shown_name(profile: &str) -> String {
    profile.chars().filter(|letter| !letter.is_control()).collect()
}

/// The profiles under whose names a file of ours keeps values; none for a file that is not ours.
pub(super) fn own_sections(text: &str) -> Vec<String> {
    let heads = text.lines().skip(1).filter_map(|line| line.strip_prefix("# "));
    if is_own(text) { heads.flat_map(|names| names.split(" + ")).map(str::to_owned).collect() } else { Vec::new() }
}

/// The values of a file of ours, by key.
#[must_use]
pub fn parse_drop_in(text: &str) -> BTreeMap<SysctlKey, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let value = |line: &str| {
        let (key, value) = line.split_once('=')?;
        Some((key.trim().parse().ok()?, normalize_value(value)))
    };
    lines.filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<SysctlKey, String> {
        pairs.iter().map(|(key, value)| (key.parse().unwrap(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_key_stands_once_under_the_newest_profile_and_is_read_again() {
        let (old, new) = (
            values(&[("net.core.somaxconn", "1024"), ("net.ipv4.tcp_fin_timeout", "30")]),
            values(&[("net.core.somaxconn", "4096"), ("net.ipv4.tcp_rmem", "4096 131072 33554432")]),
        );
        let text = render(&[("one", &old), ("two\nnet.ipv4.ip_forward = 1", &new)]);
        insta::assert_snapshot!(text, @r"
        # Kept by tcpctl: `tcpctl apply --persist` writes this file and `tcpctl rollback` takes it back.

        # one
        net.ipv4.tcp_fin_timeout = 30

        # twonet.ipv4.ip_forward = 1
        net.core.somaxconn = 4096
        net.ipv4.tcp_rmem = 4096 131072 33554432
        ");
        let read = parse_drop_in(&text);
        assert_eq!(read.len(), 3);
        assert_eq!(read["net.core.somaxconn"], "4096");
    }
}
