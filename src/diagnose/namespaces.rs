//! Judges every network namespace of a host, and the host once.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Findings, Rule, Stated, Undecided, diagnose_stated};
use crate::snapshot::{Gap, GapKind, NamespaceReading, NamespaceReadings, Process, Snapshot};

/// What the rules say of every network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamespaceFindings {
    /// What those rules say that judge the host, by the figures of the initial namespace or, where that cannot be
    /// reached, of the reader's own; nothing when neither was read.
    pub host: Option<Findings>,
    /// The namespaces, ascending by inode, and what the other rules say of each.
    pub namespaces: Vec<JudgedNamespace>,
    /// Namespaces that were there at the older reading and are gone.
    pub gone: Vec<NamespaceName>,
    /// What could not be read of the list.
    pub gaps: Vec<Gap>,
    /// Rules that had nothing to judge anywhere, and why.
    pub unasked: Vec<Undecided>,
}

/// What a namespace is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamespaceName {
    /// Its inode.
    pub inode: u64,
    /// Whether it is the initial one.
    pub initial: bool,
    /// Whether it is the reader's own.
    pub own: bool,
    /// Files that it is bound to.
    pub bound: Vec<String>,
    /// The process with the lowest number in it.
    pub process: Option<Process>,
}

/// What the rules say of one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JudgedNamespace {
    /// What it is called.
    #[serde(flatten)]
    pub name: NamespaceName,
    /// What is wrong in it; nothing when it could not be read. In one that is new since the older reading nothing is
    /// known of rates.
    pub judged: Option<Findings>,
    /// Why it could not be read.
    pub gap: Option<Gap>,
}

impl NamespaceName {
    fn of(reading: &NamespaceReading) -> Self {
        Self {
            inode: reading.inode,
            initial: reading.is_initial(),
            own: reading.own,
            bound: reading.bound.clone(),
            process: reading.process.clone(),
        }
    }
}

/// Judges every namespace of the newer readings beside its older one, and the host beside all of them, once.
#[must_use]
pub fn diagnose_namespaces(
    rules: &[&'static Rule],
    now: &NamespaceReadings,
    before: &NamespaceReadings,
    stated: &Stated,
) -> NamespaceFindings {
    let older: BTreeMap<u64, &NamespaceReading> = before.namespaces.iter().map(|one| (one.inode, one)).collect();
    // Another one may have got the inode of one that is gone.
    let is_another = |now: &Snapshot, older: &&Snapshot| now.netns.is_another(&older.netns);
    let older_snapshot = |now: &Snapshot, inode| {
        let found = older.get(&inode).and_then(|one| one.snapshot.as_ref().ok());
        found.filter(|older| !is_another(now, older))
    };
    let (of_host, of_each): (Vec<&Rule>, Vec<&Rule>) = rules.iter().copied().partition(|rule| rule.is_host_wide());
    let judge = |rules: &[&'static Rule], now: &Snapshot, inode| {
        diagnose_stated(rules, now, older_snapshot(now, inode), stated)
    };
    // The files of settings are those of the reader's own system, so they are held against its own namespace alone.
    let not_of_files: Vec<&'static Rule> = of_each.iter().copied().filter(|rule| !rule.reads_files()).collect();
    let rules_in = |reading: &NamespaceReading| if reading.own { of_each.as_slice() } else { not_of_files.as_slice() };
    let one = |reading: &NamespaceReading| JudgedNamespace {
        name: NamespaceName::of(reading),
        judged: reading.snapshot.as_ref().ok().map(|snapshot| judge(rules_in(reading), snapshot, reading.inode)),
        gap: reading.snapshot.as_ref().err().cloned(),
    };
    let read = |fits: fn(&NamespaceReading) -> bool| {
        now.namespaces.iter().filter(|one| fits(one)).find_map(|one| Some((one.inode, one.snapshot.as_ref().ok()?)))
    };
    let host = read(NamespaceReading::is_initial).or_else(|| read(|one| one.own));
    let is_same = |older: &NamespaceReading, one: &NamespaceReading| {
        let both = one.snapshot.as_ref().ok().zip(older.snapshot.as_ref().ok());
        one.inode == older.inode && both.is_none_or(|(now, older)| !is_another(now, &older))
    };
    // Where some could not be looked for, one that is not seen may be there.
    let all_seen = !now.gaps.iter().any(|gap| matches!(gap.kind, GapKind::Failed | GapKind::Malformed));
    let is_there = |older: &NamespaceReading| !all_seen || now.namespaces.iter().any(|one| is_same(older, one));
    NamespaceFindings {
        host: host.filter(|_| !of_host.is_empty()).map(|(inode, snapshot)| judge(&of_host, snapshot, inode)),
        namespaces: now.namespaces.iter().map(one).collect(),
        gone: before.namespaces.iter().filter(|one| !is_there(one)).map(NamespaceName::of).collect(),
        gaps: now.gaps.clone(),
        unasked: Vec::new(),
    }
}

impl NamespaceFindings {
    /// Takes what another judgement says of the rules that it asked, in each namespace that both have.
    pub fn replace(&mut self, newer: Self) {
        let mut newer: BTreeMap<u64, Findings> =
            newer.namespaces.into_iter().filter_map(|one| Some((one.name.inode, one.judged?))).collect();
        for one in &mut self.namespaces {
            if let (Some(judged), Some(newer)) = (&mut one.judged, newer.remove(&one.name.inode)) {
                judged.replace(newer);
            }
        }
    }

    /// All judgements, the host's first.
    pub fn all(&self) -> impl Iterator<Item = &Findings> {
        self.host.iter().chain(self.namespaces.iter().filter_map(|one| one.judged.as_ref()))
    }
}
