//! What rules judge.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Parameter};
use crate::snapshot::{SysctlReading, Sysctls};
use crate::tune::sysctl_d::{Assignment, Home, Item, KeyTarget, Reader, Resolver, SysctlFile, SysctlTree};
use crate::units::{Hz, KernelVersion, SysctlKey};

/// The kernel that the files are for.
#[derive(Clone, Debug, Default)]
pub struct LintHost {
    /// Its version; without one, what depends on it is not judged.
    pub version: Option<KernelVersion>,
    /// Its tick rate.
    pub hz: Option<Hz>,
    /// The host's memory in KiB.
    pub memory_kib: Option<u64>,
    /// What the running kernel has, where the files are for it; empty otherwise.
    pub sysctls: Sysctls,
    /// Modules that are loaded, built-in ones not among them; nothing where that is not known.
    pub loaded_modules: Option<BTreeSet<String>>,
}

/// Everything there is to judge.
#[derive(Debug)]
pub struct LintCase<'a> {
    /// The files.
    pub tree: &'a SysctlTree,
    /// The kernel.
    pub host: &'a LintHost,
    /// The lines as systemd-sysctl takes them.
    pub systemd: Resolver<'a>,
    /// The lines as `sysctl --system` takes them.
    pub procps: Resolver<'a>,
}

/// One line that assigns.
#[derive(Debug)]
pub struct LineCase<'a> {
    /// Everything around it.
    pub case: &'a LintCase<'a>,
    /// Its file.
    pub file: &'a SysctlFile,
    /// The line.
    pub line: &'a Assignment,
    /// The key; nothing for a pattern or what cannot be one.
    pub key: Option<&'a SysctlKey>,
    /// What is known of the key.
    pub row: Option<&'static Parameter>,
    /// The value as it is meant: single blanks, without quotes or a comment behind it, which rules of their own find.
    pub value: String,
}

impl<'a> LintCase<'a> {
    /// Puts files and kernel together.
    #[must_use]
    pub fn new(tree: &'a SysctlTree, host: &'a LintHost) -> Self {
        let (systemd, procps) = (Resolver::new(tree, Reader::Systemd), Resolver::new(tree, Reader::Procps));
        Self { tree, host, systemd, procps }
    }

    /// Whether the files were named one by one, so that what other files say is not known.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.tree.files.iter().any(|file| file.home == Home::Given)
    }

    /// What the files make of a key at boot, as the kernel prints it.
    #[must_use]
    pub fn settled(&self, key: &str) -> Option<String> {
        let key: SysctlKey = key.parse().ok()?;
        self.systemd.decide(&key).decided_by.map(|winner| catalog::canonical_value(key.as_str(), &winner.value))
    }

    /// What a key has after the next boot: what the files say, or the kernel's default.
    #[must_use]
    pub fn after_boot(&self, key: &str) -> Option<String> {
        let default = || catalog::default_value(key, self.host.version?, self.host.memory_kib);
        self.settled(key).or_else(default)
    }

    /// What the running kernel answered for a key, if it was asked.
    #[must_use]
    pub fn reading(&self, key: &SysctlKey) -> Option<&SysctlReading> {
        self.host.sysctls.readings.get(key)
    }

    /// The lines that assign to a key by name, in the order of the files given.
    #[must_use]
    pub fn lines_of(&self, key: &str) -> Vec<(&'a SysctlFile, &'a Assignment)> {
        let of_file = |file: &'a SysctlFile| file.items().iter().map(move |item| (file, item));
        self.systemd_order()
            .into_iter()
            .flat_map(of_file)
            .filter_map(|(file, item)| match item {
                Item::Assign(line) if matches!(&line.target, KeyTarget::Key(own) if own.as_str() == key) => {
                    Some((file, line))
                }
                _ => None,
            })
            .collect()
    }

    /// The files that are read at boot, or were named.
    #[must_use]
    pub fn systemd_order(&self) -> Vec<&'a SysctlFile> {
        self.tree.order(Reader::Systemd)
    }

    /// Every line that assigns to a key by name, by key and in the order of reading at boot.
    #[must_use]
    pub fn by_key(&self) -> BTreeMap<&'a SysctlKey, Vec<(&'a SysctlFile, &'a Assignment)>> {
        let mut lines: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for file in self.systemd_order() {
            for item in file.items() {
                if let Item::Assign(line) = item
                    && let KeyTarget::Key(key) = &line.target
                {
                    lines.entry(key).or_default().push((file, line));
                }
            }
        }
        lines
    }
}

impl LineCase<'_> {
    /// The key with dots; the text as written where it is none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.map_or(&self.line.spelled, SysctlKey::as_str)
    }

    /// Whether the key is this one.
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.key.is_some_and(|own| own.as_str() == key)
    }

    /// The numbers of the value; nothing when one word is none.
    #[must_use]
    pub fn numbers(&self) -> Option<Vec<i128>> {
        self.value.split(' ').map(catalog::parse_number).collect()
    }

    /// The value as one number.
    #[must_use]
    pub fn number(&self) -> Option<i128> {
        catalog::parse_number(&self.value)
    }

    /// The number if the key is this one.
    #[must_use]
    pub fn number_of(&self, key: &str) -> Option<i128> {
        if self.is(key) { self.number() } else { None }
    }

    /// The kernel's default of the key.
    #[must_use]
    pub fn default(&self) -> Option<String> {
        catalog::default_value(self.name(), self.case.host.version?, self.case.host.memory_kib)
    }
}
