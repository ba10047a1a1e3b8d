//! The files of one system, and which of them each reader takes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Item, KeyTarget, parse_sysctl_file};
use crate::units::SysctlKey;

/// The directories of drop-ins. Of two files with one name the one in the earlier directory counts alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Directory {
    /// `/etc/sysctl.d`, the administrator's.
    Etc,
    /// `/run/sysctl.d`, gone at the next boot.
    Run,
    /// `/usr/local/lib/sysctl.d`.
    UsrLocalLib,
    /// `/usr/lib/sysctl.d`, the packages'.
    UsrLib,
    /// `/lib/sysctl.d`, where that is not the same.
    Lib,
}

impl Directory {
    /// Every directory, the one that wins first.
    pub const ALL: [Self; 5] = [Self::Etc, Self::Run, Self::UsrLocalLib, Self::UsrLib, Self::Lib];

    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Etc => "/etc/sysctl.d",
            Self::Run => "/run/sysctl.d",
            Self::UsrLocalLib => "/usr/local/lib/sysctl.d",
            Self::UsrLib => "/usr/lib/sysctl.d",
            Self::Lib => "/lib/sysctl.d",
        }
    }

    /// Whether packages and not administrators write there.
    #[must_use]
    pub const fn is_vendor(self) -> bool {
        matches!(self, Self::UsrLib | Self::Lib)
    }
}

/// Where a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// A directory of drop-ins.
    DropIn(Directory),
    /// `/etc/sysctl.conf` itself.
    SysctlConf,
    /// Named by the caller; it is taken as if it alone were read.
    Given,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Its lines.
    Lines(Vec<Item>),
    /// Nothing: it only hides the files of its name in later directories.
    Masks(Mask),
    /// It could not be read; why.
    Unreadable(String),
}

/// How a file hides others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// A link to `/dev/null`.
    DevNull,
    /// A link to a file that is not there; where it points.
    Dangling(String),
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysctlFile {
    /// Its path on the system that it belongs to.
    pub path: String,
    /// Its name in its directory.
    pub name: String,
    /// Where it stands.
    pub home: Home,
    /// Whether it is a link to `/etc/sysctl.conf`.
    pub is_sysctl_conf: bool,
    /// What it holds.
    pub content: Content,
}

impl SysctlFile {
    /// A file from its bytes.
    #[must_use]
    pub fn from_bytes(path: impl Into<String>, home: Home, bytes: &[u8]) -> Self {
        Self::new(path, home, Content::Lines(parse_sysctl_file(bytes)))
    }

    /// A file with this content.
    #[must_use]
    pub fn new(path: impl Into<String>, home: Home, content: Content) -> Self {
        let path = path.into();
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Self { name, path, home, is_sysctl_conf: false, content }
    }

    /// Its lines; none where it has none.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        match &self.content {
            Content::Lines(items) => items,
            Content::Masks(_) | Content::Unreadable(_) => &[],
        }
    }

    /// Whether a package brought it.
    #[must_use]
    pub fn is_vendor(&self) -> bool {
        matches!(self.home, Home::DropIn(directory) if directory.is_vendor())
    }
}

/// Who reads the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// systemd-sysctl, at boot.
    Systemd,
    /// `sysctl --system` of procps-ng 4, by hand or from scripts.
    Procps,
}

impl Reader {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd-sysctl",
            Self::Procps => "sysctl --system",
        }
    }

    /// Whether it takes a file of a drop-in directory by its name: `*.conf`, which for procps may be hidden.
    #[must_use]
    pub fn takes(self, name: &str) -> bool {
        name.ends_with(".conf") && (self == Self::Procps || !name.starts_with('.'))
    }
}

/// The files of one system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SysctlTree {
    /// Every file of the directories, and `/etc/sysctl.conf`; or the files that were named, in their order.
    pub files: Vec<SysctlFile>,
    /// Modules that are loaded at boot because a file of modules-load.d or `/etc/modules` says so.
    pub boot_modules: BTreeSet<String>,
    /// Directories that could not be listed, with the reason.
    pub unlisted: Vec<(String, String)>,
}

impl SysctlTree {
    /// Every key that a line assigns to by name, sorted.
    #[must_use]
    pub fn keys(&self) -> Vec<SysctlKey> {
        let items = self.files.iter().flat_map(SysctlFile::items);
        let keys: BTreeSet<&SysctlKey> = items
            .filter_map(|item| match item {
                Item::Assign(line) => match &line.target {
                    KeyTarget::Key(key) => Some(key),
                    KeyTarget::Glob(_) | KeyTarget::Unusable(_) => None,
                },
                Item::Exclude(_) | Item::Fault(..) => None,
            })
            .collect();
        keys.into_iter().cloned().collect()
    }

    /// The files in the order in which a reader takes them.
    #[must_use]
    pub fn order(&self, reader: Reader) -> Vec<&SysctlFile> {
        let mut by_name: BTreeMap<&str, (Directory, &SysctlFile)> = BTreeMap::new();
        for file in &self.files {
            let Home::DropIn(directory) = file.home else { continue };
            if !reader.takes(&file.name) {
                continue;
            }
            let slot = by_name.entry(&file.name).or_insert((directory, file));
            if directory < slot.0 {
                *slot = (directory, file);
            }
        }
        let dropped_in = by_name.into_values().map(|(_, file)| file);
        let last = self.files.iter().filter(|file| file.home == Home::SysctlConf && reader == Reader::Procps);
        let given = self.files.iter().filter(|file| file.home == Home::Given);
        dropped_in.chain(last).chain(given).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> SysctlFile {
        let directory = Directory::ALL.into_iter().find(|one| path.starts_with(&format!("{}/", one.path())));
        SysctlFile::from_bytes(path, directory.map_or(Home::SysctlConf, Home::DropIn), b"")
    }

    fn order(paths: &[&str], reader: Reader) -> Vec<String> {
        let tree = SysctlTree { files: paths.iter().map(|path| file(path)).collect(), ..SysctlTree::default() };
        tree.order(reader).into_iter().map(|file| file.path.clone()).collect()
    }

    #[test]
    fn files_go_by_name_across_directories_and_bytes_decide() {
        let paths =
            ["/usr/lib/sysctl.d/10-a.conf", "/etc/sysctl.d/9-a.conf", "/run/sysctl.d/Z.conf", "/etc/sysctl.d/a.conf"];
        let wanted =
            ["/usr/lib/sysctl.d/10-a.conf", "/etc/sysctl.d/9-a.conf", "/run/sysctl.d/Z.conf", "/etc/sysctl.d/a.conf"];
        assert_eq!(order(&paths, Reader::Systemd), wanted);
    }

    #[test]
    fn of_one_name_the_earlier_directory_counts_alone() {
        let paths = ["/usr/lib/sysctl.d/50-x.conf", "/run/sysctl.d/50-x.conf", "/etc/sysctl.d/50-x.conf"];
        assert_eq!(order(&paths, Reader::Systemd), ["/etc/sysctl.d/50-x.conf"]);
        assert_eq!(order(&paths[..2], Reader::Procps), ["/run/sysctl.d/50-x.conf"]);
    }

    #[test]
    fn only_procps_reads_hidden_files_and_sysctl_conf() {
        let paths = ["/etc/sysctl.conf", "/etc/sysctl.d/.h.conf", "/etc/sysctl.d/zz.conf", "/etc/sysctl.d/a.CONF"];
        assert_eq!(order(&paths, Reader::Systemd), ["/etc/sysctl.d/zz.conf"]);
        assert_eq!(
            order(&paths, Reader::Procps),
            ["/etc/sysctl.d/.h.conf", "/etc/sysctl.d/zz.conf", "/etc/sysctl.conf"]
        );
    }
}
