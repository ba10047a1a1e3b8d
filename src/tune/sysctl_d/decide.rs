//! Which line decides.

use std::collections::BTreeMap;

use super::{Assignment, Item, KeyGlob, KeyTarget, Reader, SysctlFile, SysctlTree};
use crate::catalog::same_value;
use crate::units::{SysctlKey, TextPlace};

/// A line that gives a key a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The file.
    pub file: String,
    /// Where in it.
    pub place: TextPlace,
    /// The key or pattern as it is written.
    pub spelled: String,
    /// The value as it is written.
    pub value: String,
    /// Whether it is a pattern that the key falls under.
    pub by_glob: bool,
    /// Whether a package brought the file.
    pub vendor: bool,
}

/// What the files say of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The line whose value the key gets.
    pub decided_by: Option<Setting>,
    /// The line `-key` that takes away what others say.
    pub cancelled_by: Option<(String, TextPlace)>,
    /// Lines with another value that lose, in the order of reading.
    pub overridden: Vec<Setting>,
}

/// One line about one key.
#[derive(Debug)]
enum Line<'a> {
    Set(&'a SysctlFile, &'a Assignment),
    Excluded(&'a SysctlFile, TextPlace),
}

/// The lines of all files as one reader takes them, by key.
#[derive(Debug)]
pub struct Resolver<'a> {
    reader: Reader,
    explicit: BTreeMap<&'a SysctlKey, Vec<Line<'a>>>,
    globs: Vec<(&'a KeyGlob, &'a SysctlFile, &'a Assignment)>,
}

impl<'a> Resolver<'a> {
    /// Takes the files of a tree in the reader's order.
    #[must_use]
    pub fn new(tree: &'a SysctlTree, reader: Reader) -> Self {
        let mut resolver = Self { reader, explicit: BTreeMap::new(), globs: Vec::new() };
        for file in tree.order(reader) {
            for item in file.items() {
                resolver.take(file, item);
            }
        }
        resolver
    }

    fn take(&mut self, file: &'a SysctlFile, item: &'a Item) {
        match item {
            Item::Assign(line) => match &line.target {
                KeyTarget::Key(key) => self.explicit.entry(key).or_default().push(Line::Set(file, line)),
                KeyTarget::Glob(glob) => self.take_glob(glob, file, line),
                KeyTarget::Unusable(_) => {}
            },
            Item::Exclude(line) => match &line.target {
                KeyTarget::Key(key) => self.explicit.entry(key).or_default().push(Line::Excluded(file, line.place)),
                // systemd keeps one entry for a pattern, and one without a value sets nothing.
                KeyTarget::Glob(glob) if self.reader == Reader::Systemd => {
                    self.globs.retain(|(earlier, _, _)| *earlier != glob);
                }
                KeyTarget::Glob(_) | KeyTarget::Unusable(_) => {}
            },
            Item::Fault(..) => {}
        }
    }

    /// systemd keeps a pattern where it first stood unless its value changes; procps takes each line in turn.
    fn take_glob(&mut self, glob: &'a KeyGlob, file: &'a SysctlFile, line: &'a Assignment) {
        if self.reader == Reader::Systemd {
            let same = |(earlier, _, before): &(&KeyGlob, &SysctlFile, &Assignment)| {
                *earlier == glob && before.value == line.value
            };
            if self.globs.iter().any(same) {
                return;
            }
            self.globs.retain(|(earlier, _, _)| *earlier != glob);
        }
        self.globs.push((glob, file, line));
    }

    /// What the files say of a key. A line that names it beats every pattern wherever the two stand.
    #[must_use]
    pub fn decide(&self, key: &SysctlKey) -> Decision {
        let lines = self.explicit.get(key).map_or(&[][..], Vec::as_slice);
        let mut set: Vec<Setting> = Vec::new();
        let mut cancelled_by = None;
        for line in lines {
            match line {
                Line::Set(file, line) => {
                    cancelled_by = None;
                    set.push(setting(file, line, false));
                }
                Line::Excluded(file, place) => cancelled_by = Some((file.path.clone(), *place)),
            }
        }
        // procps keeps what was assigned by name; systemd has one entry for a key, and the last one has no value.
        if self.reader == Reader::Procps && !set.is_empty() {
            cancelled_by = None;
        }
        let by_glob = self.globs.iter().filter(|(glob, _, _)| glob.matches(key));
        let mut patterns: Vec<Setting> = by_glob.map(|(_, file, line)| setting(file, line, true)).collect();
        let winner = match (&cancelled_by, set.is_empty(), lines.is_empty()) {
            (Some(_), _, _) => None,
            (None, false, _) => set.pop(),
            (None, true, true) => patterns.pop(),
            // Excluded and then nothing.
            (None, true, false) => None,
        };
        let same = |one: &Setting, other: &Setting| same_value(key, &one.value, &other.value);
        let mut overridden = patterns;
        overridden.append(&mut set);
        overridden.retain(|loser| !winner.as_ref().is_some_and(|winner| same(winner, loser)));
        Decision { decided_by: winner, cancelled_by, overridden }
    }

    /// Every key that a line names.
    pub fn keys(&self) -> impl Iterator<Item = &'a SysctlKey> + '_ {
        self.explicit.keys().copied()
    }
}

fn setting(file: &SysctlFile, line: &Assignment, by_glob: bool) -> Setting {
    Setting {
        file: file.path.clone(),
        place: line.place,
        spelled: line.spelled.clone(),
        value: line.value.clone(),
        by_glob,
        vendor: file.is_vendor(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::sysctl_d::{Directory, Home};

    fn tree(files: &[(&str, &str)]) -> SysctlTree {
        let home = |path: &str| {
            let directory = Directory::ALL.into_iter().find(|one| path.starts_with(&format!("{}/", one.path())));
            directory.map_or(Home::SysctlConf, Home::DropIn)
        };
        let file = |(path, text): &(&str, &str)| SysctlFile::from_bytes(*path, home(path), text.as_bytes());
        SysctlTree { files: files.iter().map(file).collect(), ..SysctlTree::default() }
    }

    /// The value by systemd and by procps.
    fn both(files: &[(&str, &str)], key: &str) -> (Option<String>, Option<String>) {
        let tree = tree(files);
        let key = key.parse().unwrap();
        let by = |reader| Resolver::new(&tree, reader).decide(&key).decided_by.map(|winner| winner.value);
        (by(Reader::Systemd), by(Reader::Procps))
    }

    fn same(value: &str) -> (Option<String>, Option<String>) {
        (Some(value.to_owned()), Some(value.to_owned()))
    }

    const KEY: &str = "net.ipv4.tcp_fin_timeout";

    // The outcomes are those measured with systemd 252 and procps-ng 4.0.2.

    #[test]
    fn sysctl_conf_beats_every_drop_in_under_procps_alone() {
        let files = [
            ("/etc/sysctl.conf", "net.ipv4.tcp_fin_timeout=21"),
            ("/etc/sysctl.d/zz.conf", "net.ipv4.tcp_fin_timeout=22"),
        ];
        assert_eq!(both(&files, KEY), (Some("22".into()), Some("21".into())));
    }

    #[test]
    fn the_last_line_wins_and_the_others_are_named() {
        let tree = tree(&[
            ("/usr/lib/sysctl.d/10-a.conf", "net.ipv4.tcp_fin_timeout = 40\nnet/ipv4/tcp_fin_timeout = 41\n"),
            ("/etc/sysctl.d/60-b.conf", "net.ipv4.tcp_fin_timeout = 42\n"),
        ]);
        let decision = Resolver::new(&tree, Reader::Systemd).decide(&KEY.parse().unwrap());
        let winner = decision.decided_by.unwrap();
        assert_eq!(
            (winner.file.as_str(), winner.place.line, winner.value.as_str()),
            ("/etc/sysctl.d/60-b.conf", 1, "42")
        );
        let losers: Vec<_> = decision.overridden.iter().map(|loser| loser.value.as_str()).collect();
        assert_eq!(losers, ["40", "41"]);
    }

    #[test]
    fn an_exclusion_after_the_assignment_cancels_it_for_systemd_and_not_for_procps() {
        let files = [("/etc/sysctl.d/a.conf", "net.ipv4.tcp_fin_timeout=51\n-net.ipv4.tcp_fin_timeout\n")];
        assert_eq!(both(&files, KEY), (None, Some("51".into())));
        let again = [("/etc/sysctl.d/a.conf", "-net.ipv4.tcp_fin_timeout\nnet.ipv4.tcp_fin_timeout=51\n")];
        assert_eq!(both(&again, KEY), same("51"));
    }

    #[test]
    fn a_named_key_beats_a_glob_whatever_the_order_and_an_exclusion_keeps_globs_away() {
        let files = [
            ("/usr/lib/sysctl.d/50-default.conf", "net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n"),
            ("/etc/sysctl.d/10-a.conf", "net.ipv4.conf.eth0.rp_filter = 1\n"),
        ];
        assert_eq!(both(&files, "net.ipv4.conf.eth0.rp_filter"), same("1"));
        assert_eq!(both(&files, "net.ipv4.conf.eth1.rp_filter"), same("2"));
        assert_eq!(both(&files, "net.ipv4.conf.all.rp_filter"), (None, None));
    }

    #[test]
    fn a_pattern_that_is_said_again_stays_where_it_stood_for_systemd() {
        let text = "net.ipv4.tcp_fin_*=1\nnet.ipv4.tcp_*_timeout=2\nnet.ipv4.tcp_fin_*=1\n";
        assert_eq!(both(&[("/etc/sysctl.d/a.conf", text)], KEY), (Some("2".into()), Some("1".into())));
    }
}
