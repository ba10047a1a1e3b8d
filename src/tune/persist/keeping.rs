//! Whether the values of a plan outlive a boot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::drop_in::{DROP_IN, PersistError, own_sections, parse_drop_in, read_drop_in, shown_name};
use crate::catalog::normalize_value;
use crate::tune::journal::{Action, History, JournalEntry, JournalError};
use crate::tune::store::{read_sysctl_directory, read_sysctl_tree};
use crate::tune::sysctl_d::{Directory, Reader, Resolver, SysctlTree};
use crate::tune::{Demand, Operator, Place, Plan};
use crate::units::SysctlKey;

/// What can be said of a key after the next boot, where tcpctl's own file keeps values of the profile or is to keep
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The file keeps a value that is as wanted, and nothing that is read later takes it back.
    Ok,
    /// The file does not keep it.
    Missing,
    /// The file keeps a value that is not as wanted.
    Differs(String),
    /// Another file gives it a value that is not as wanted: the file with its line, and the value.
    OverriddenBy(String, String),
    /// The file is there and cannot be read.
    Denied,
}

impl Kept {
    /// A stable word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Differs(_) => "differs",
            Self::OverriddenBy(..) => "overridden-by",
            Self::Denied => "denied",
        }
    }

    /// Words for a table: `ok`, `missing`, `differs`, `denied`, `overridden-by FILE:LINE`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::OverriddenBy(file, _) => format!("{} {file}", self.word()),
            _ => self.word().to_owned(),
        }
    }

    /// The value after the next boot, as far as the files say; nothing where none keeps it.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Differs(value) | Self::OverriddenBy(_, value) => Some(value),
            Self::Ok | Self::Missing | Self::Denied => None,
        }
    }
}

/// What became of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeptFile {
    /// It is there.
    #[default]
    There,
    /// It is not, although the journal says that it was written and not taken back.
    Gone,
    /// It cannot be read; why.
    Unreadable(String),
}

/// What outlives a boot of the values of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// The file that was looked at.
    pub path: PathBuf,
    /// What became of it.
    pub file: KeptFile,
    /// The newest entry of the journal that put values of these profiles there and was not taken back.
    pub entry: Option<u64>,
    /// Each key of the plan that is written; none where nothing of these profiles is kept.
    pub keys: Vec<(SysctlKey, Kept)>,
    /// Keys that are kept at boot, and of which `sysctl --system` makes something that is not as wanted: with the file and
    /// line that it reads last, and the value.
    pub by_hand: Vec<(SysctlKey, String, String)>,
    /// Why it cannot be told whether anything of them is kept.
    pub unknown: Option<String>,
}

impl Keeping {
    /// Whether something that was to be kept is not, or cannot be said to be.
    #[must_use]
    pub fn has_drift(&self) -> bool {
        self.keys.iter().any(|(_, kept)| *kept != Kept::Ok)
    }
}

/// Where to look for the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptWhere {
    /// The directory, where the user named one.
    pub directory: Option<PathBuf>,
    /// Below what the files of settings are, where the user named it.
    pub root: Option<PathBuf>,
    /// Whether this is the network namespace that the host boots into, so that its files are those of `/`.
    pub booted: bool,
}

impl KeptWhere {
    /// The directory that was named, that below the root that was named, that which the journal knows of, or the
    /// host's own.
    fn choose(&self, noted: Option<PathBuf>) -> Option<PathBuf> {
        let below = |root: &PathBuf| root.join(Directory::Etc.path().trim_start_matches('/'));
        let booted = || self.booted.then(|| PathBuf::from(Directory::Etc.path()));
        self.directory.clone().or_else(|| self.root.as_ref().map(below)).or(noted).or_else(booted)
    }

    /// The files that are read together with those of a directory: all of its root, or where it is none of a root's, its
    /// own. Their paths are those of the root that the user named, and whole where the user named none.
    fn files_with(&self, directory: &Path) -> SysctlTree {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_of = |root: &PathBuf| {
            Directory::ALL.iter().any(|one| real(&root.join(one.path().trim_start_matches('/'))) == real(directory))
        };
        let Some(root) = self.root.clone().or_else(|| root_of(directory)).filter(is_of) else {
            return read_sysctl_directory(directory);
        };
        let mut tree = read_sysctl_tree(&root);
        if self.root.is_none() && root != Path::new("/") {
            for file in &mut tree.files {
                file.path = root.join(file.path.trim_start_matches('/')).display().to_string();
            }
        }
        tree
    }
}

/// The root whose `etc/sysctl.d`, or another such directory, this is.
fn root_of(directory: &Path) -> Option<PathBuf> {
    let directory = directory.to_str()?;
    let prefix = Directory::ALL.iter().find_map(|one| directory.strip_suffix(one.path()))?;
    Some(PathBuf::from(if prefix.is_empty() { "/" } else { prefix }))
}

/// Says what outlives a boot of a plan's values: of profiles that were applied with `--persist` as the journal knows, or
/// that the file itself names. The journal says what has to be in the file, so that one that is gone is seen.
#[must_use]
pub fn read_keeping(
    plan: &Plan,
    history: Result<&History, &JournalError>,
    place: Option<&Place>,
    wanted: &KeptWhere,
) -> Keeping {
    let names: BTreeSet<String> = names(&plan.profile);
    let empty = History::default();
    let entries = &history.unwrap_or(&empty).entries;
    let of_these =
        |entry: &&JournalEntry| entry.action == Action::Apply && !names.is_disjoint(&self::names(&entry.profile));
    let standing: Vec<(&JournalEntry, PathBuf)> = entries
        .iter()
        .rev()
        .filter(of_these)
        .filter_map(|entry| Some((entry, entry.file_standing(entries)?)))
        .collect();
    let here = |(entry, _): &&(&JournalEntry, PathBuf)| place.is_some_and(|place| entry.is_of(place));
    let noted = standing.iter().find(here).and_then(|(_, path)| Some(path.parent()?.to_owned()));
    let Some(directory) = wanted.choose(noted) else { return Keeping::default() };
    let path = directory.join(DROP_IN);
    let entry = standing.iter().find(|(_, file)| *file == path).map(|(entry, _)| entry.id);
    let read = read_drop_in(&directory);
    let named = |text: &str| own_sections(text).iter().any(|name| names.contains(name));
    let is_named = matches!(&read, Ok(Some(text)) if named(text));
    if entry.is_none() && !is_named {
        return Keeping { unknown: unknown(&read, &history), path, ..Keeping::default() };
    }
    let file = match &read {
        Ok(Some(_)) => KeptFile::There,
        Ok(None) => KeptFile::Gone,
        Err(error) => KeptFile::Unreadable(error.reason.clone()),
    };
    let own = read.as_ref().ok().map(|text| text.as_deref().map(parse_drop_in).unwrap_or_default());
    let files = wanted.files_with(&directory);
    let keys = check_kept(plan, own.as_ref(), &files);
    let by_hand = otherwise_by_hand(plan, &keys, &files);
    Keeping { path, file, entry, keys, by_hand, unknown: None }
}

/// The names of profiles that were planned together, as the file spells them.
fn names(profiles: &str) -> BTreeSet<String> {
    profiles.split(" + ").map(shown_name).collect()
}

/// Why it cannot be told whether the file is to keep something: neither it nor the journal says so.
fn unknown(read: &Result<Option<String>, PersistError>, history: &Result<&History, &JournalError>) -> Option<String> {
    match (read, history) {
        (Err(error), _) => Some(error.to_string()),
        (_, Err(error)) => Some(error.to_string()),
        (Ok(_), Ok(history)) => history
            .unreadable
            .first()
            .map(|one| format!("{} in the journal cannot be understood: {}", one.file, one.reason)),
    }
}

/// The keys of a plan that are written, with what is demanded of them.
fn written(plan: &Plan) -> impl Iterator<Item = (&SysctlKey, Vec<&Demand>)> {
    let changes = plan.changes.iter().map(|one| (&one.key, &one.demands));
    let keys = changes.chain(plan.already.iter().map(|one| (&one.key, &one.demands)));
    keys.filter_map(|(key, demands)| {
        let wanted: Vec<&Demand> = demands.iter().filter(|demand| demand.operator != Operator::Expect).collect();
        (!wanted.is_empty()).then_some((key, wanted))
    })
}

/// Of the keys that a boot makes as wanted, those of which `sysctl --system` makes something else: it reads
/// `/etc/sysctl.conf` last, which systemd-sysctl does not read by itself.
fn otherwise_by_hand(plan: &Plan, keys: &[(SysctlKey, Kept)], files: &SysctlTree) -> Vec<(SysctlKey, String, String)> {
    let by_hand = Resolver::new(files, Reader::Procps);
    let differs = |(key, wanted): (&SysctlKey, Vec<&Demand>)| {
        let is_kept = keys.iter().any(|(kept, how)| kept == key && *how == Kept::Ok);
        let line = by_hand.decide(key).decided_by.filter(|_| is_kept)?;
        let value = normalize_value(&line.value);
        let met = wanted.iter().all(|demand| demand.is_met_by(key, &value));
        (!met).then(|| (key.clone(), format!("{}:{}", line.file, line.place.line), value))
    };
    written(plan).filter_map(differs).collect()
}

/// Judges each key of a plan that is written: `own` is what tcpctl's file keeps, nothing where it cannot be read;
/// `files` are all that are read at boot.
fn check_kept(plan: &Plan, own: Option<&BTreeMap<SysctlKey, String>>, files: &SysctlTree) -> Vec<(SysctlKey, Kept)> {
    let resolver = Resolver::new(files, Reader::Systemd);
    let check = |(key, wanted): (&SysctlKey, Vec<&Demand>)| {
        let Some(own) = own else { return (key.clone(), Kept::Denied) };
        let met = |value: &str| wanted.iter().all(|demand| demand.is_met_by(key, value));
        let decides = resolver.decide(key).decided_by;
        let other = decides.filter(|line| line.file.rsplit('/').next() != Some(DROP_IN));
        let kept = match (other, own.get(key)) {
            (Some(line), _) if !met(&normalize_value(&line.value)) => {
                Kept::OverriddenBy(format!("{}:{}", line.file, line.place.line), normalize_value(&line.value))
            }
            // Another file that says the same will do.
            (Some(_), _) => Kept::Ok,
            (None, Some(value)) if met(value) => Kept::Ok,
            (None, Some(value)) => Kept::Differs(value.clone()),
            (None, None) => Kept::Missing,
        };
        (key.clone(), kept)
    };
    written(plan).map(check).collect()
}
