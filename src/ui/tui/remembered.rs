//! The file of settings: where it is, reading it, and writing what the user changed.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::settings::{Settings, changed};

/// The file below the directory of settings.
const FILE: &str = "tcpctl/interface.toml";
/// More bytes than any file of settings has.
const MOST: u64 = 64 << 10;

/// The settings of a user, and where they are kept.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// What the file says.
    pub settings: Settings,
    /// Where changes are written; nothing without a home directory.
    pub path: Option<PathBuf>,
    /// What is wrong with the file that nobody named; its settings are left out.
    pub notice: Option<String>,
}

impl Remembered {
    /// Reads the file that was named. One that is not there is made by the first setting that is to be remembered, if its
    /// directory is there.
    ///
    /// # Errors
    /// That it cannot be read, or its first mistake with line and column.
    pub fn named(path: &Path) -> Result<Self, String> {
        let directory = path.parent().map(|parent| if parent == Path::new("") { Path::new(".") } else { parent });
        let is_absent = |error: &std::io::Error| error.kind() == ErrorKind::NotFound;
        if path.symlink_metadata().as_ref().is_err_and(is_absent) && directory.is_some_and(Path::is_dir) {
            return Ok(Self { path: Some(path.to_owned()), ..Self::default() });
        }
        let text = read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let settings = Settings::parse(&path.display().to_string(), &text).map_err(|error| error.to_string())?;
        Ok(Self { settings, path: Some(path.to_owned()), notice: None })
    }

    /// Reads the user's own file: `$XDG_CONFIG_HOME/tcpctl/interface.toml`, or that below `.config` of `home`. What
    /// is wrong with it is no reason not to start.
    #[must_use]
    pub fn of_user(xdg: Option<PathBuf>, home: Option<PathBuf>) -> Self {
        let directory = |path: Option<PathBuf>| path.filter(|path| path.is_absolute());
        let Some(directory) = directory(xdg).or_else(|| directory(home).map(|home| home.join(".config"))) else {
            return Self::default();
        };
        let path = directory.join(FILE);
        match read(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Self { path: Some(path), ..Self::default() }
            }
            Err(error) => {
                let notice = Some(format!("settings left out: cannot read {}: {error}", path.display()));
                Self { path: Some(path), notice, ..Self::default() }
            }
            Ok(text) => match Settings::parse(&path.display().to_string(), &text) {
                Ok(settings) => Self { settings, path: Some(path), notice: None },
                Err(error) => {
                    let notice = Some(format!("settings left out: {error}"));
                    Self { path: Some(path), notice, ..Self::default() }
                }
            },
        }
    }

    /// Why nothing can be remembered for a user with this number, as far as that is seen without writing.
    pub(super) fn obstacle(&self, euid: u32) -> Option<String> {
        let Some(path) = &self.path else { return Some("there is no home directory".to_owned()) };
        if self.notice.is_some() {
            return Some(format!("{} has to be mended first", path.display()));
        }
        // Nothing of one user is left in the home of another, as it would be with sudo.
        let mut there = path.ancestors().filter_map(|part| Some((part, part.metadata().ok()?)));
        match there.next() {
            Some((part, metadata)) if metadata.uid() != euid => {
                Some(format!("{} belongs to uid {}, and this is uid {euid}", part.display(), metadata.uid()))
            }
            Some(_) => None,
            None => Some(format!("{} cannot be reached", path.display())),
        }
    }

    /// Writes what was changed, and leaves the rest of the file as it is.
    pub(super) fn write(&self, changes: &BTreeMap<&'static str, String>, euid: u32) -> Result<(), String> {
        if changes.is_empty() {
            return Ok(());
        }
        if let Some(obstacle) = self.obstacle(euid) {
            return Err(obstacle);
        }
        let Some(path) = &self.path else { return Ok(()) };
        let named = path.display().to_string();
        let before = match read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("cannot read {named}: {error}")),
        };
        let after = changed(&named, &before, changes).map_err(|error| error.to_string())?;
        if after == before {
            return Ok(());
        }
        replace(path, &after).map_err(|error| format!("cannot write {named}: {error}"))
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    // What is no plain file might never end, or never begin.
    if !path.metadata()?.is_file() {
        return Err(std::io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST {
        return Err(std::io::Error::new(ErrorKind::InvalidData, "it is too long for a file of settings"));
    }
    Ok(text)
}

/// Puts a whole new file in its place at once. Behind a symbolic link it is the file that is replaced.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    if let Ok(metadata) = path.metadata() {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(words: &str) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("interval", words.to_owned())])
    }

    #[test]
    fn the_file_is_in_the_xdg_place_and_a_relative_one_does_not_count() {
        let of = |xdg: &str, home: &str| {
            let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
            Remembered::of_user(path(xdg), path(home)).path
        };
        assert_eq!(of("/nowhere/x", "/nowhere/h"), Some(PathBuf::from("/nowhere/x/tcpctl/interface.toml")));
        assert_eq!(of("", "/nowhere/h"), Some(PathBuf::from("/nowhere/h/.config/tcpctl/interface.toml")));
        assert_eq!(of("x", "/nowhere/h"), of("", "/nowhere/h"));
        assert_eq!(of("", ""), None);
    }

    #[test]
    fn what_was_changed_is_written_to_a_directory_that_was_not_there() {
        let home = tempfile::tempdir().unwrap();
        let euid = home.path().metadata().unwrap().uid();
        let remembered = Remembered::of_user(None, Some(home.path().to_owned()));
        remembered.write(&BTreeMap::new(), euid).unwrap();
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "nothing was changed");
        remembered.write(&changes("5s"), euid).unwrap();
        let again = Remembered::of_user(None, Some(home.path().to_owned()));
        assert_eq!(again.settings.interval_ms, Some(5000));
        let directory = home.path().join(".config/tcpctl");
        assert_eq!(directory.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(directory).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn nothing_is_written_into_the_home_of_another_user() {
        let home = tempfile::tempdir().unwrap();
        let other = home.path().metadata().unwrap().uid() + 1;
        let remembered = Remembered::of_user(None, Some(home.path().to_owned()));
        let error = remembered.write(&changes("5s"), other).unwrap_err();
        assert!(error.contains("belongs to uid"), "{error}");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_broken_file_is_left_to_its_owner() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "mouse = 3\n").unwrap();
        let euid = home.path().metadata().unwrap().uid();
        let remembered = Remembered::of_user(Some(home.path().to_owned()), None);
        assert!(remembered.notice.as_ref().is_some_and(|notice| notice.contains("interface.toml:1:9: `mouse`")));
        assert!(remembered.write(&changes("5s"), euid).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mouse = 3\n");
        assert!(Remembered::named(&path).is_err_and(|error| error.contains(":1:9:")));
        assert!(Remembered::named(home.path()).is_err_and(|error| error.contains("no regular file")));
    }

    #[test]
    fn a_file_that_was_named_and_is_not_there_is_made_by_the_first_setting() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("mine.toml");
        let euid = home.path().metadata().unwrap().uid();
        let remembered = Remembered::named(&path).unwrap();
        assert!(!path.exists(), "reading makes nothing");
        remembered.write(&changes("5s"), euid).unwrap();
        assert_eq!(Remembered::named(&path).unwrap().settings.interval_ms, Some(5000));
        assert!(Remembered::named(&home.path().join("no/such.toml")).is_err(), "nor is its directory there");
    }

    #[test]
    fn a_link_stays_a_link() {
        let home = tempfile::tempdir().unwrap();
        let (kept, link) = (home.path().join("dotfiles.toml"), home.path().join("interface.toml"));
        std::fs::write(&kept, "mouse = false\n").unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        let euid = home.path().metadata().unwrap().uid();
        Remembered::named(&link).unwrap().write(&changes("2s"), euid).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "mouse = false\ninterval = \"2s\"\n");
    }
}
