//! Files of a system whose root may be another directory, such as an unpacked image.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use super::proc::{ReadError, ReadErrorKind, describe};

/// Links that are followed for one path, as many as the kernel follows (`MAXSYMLINKS`).
const LINKS_MOST: usize = 40;

/// A directory that is taken for `/`: links in it, absolute ones too, never lead out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootedFiles {
    root: PathBuf,
}

/// What was found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootedFile {
    /// A regular file; where it is below the root after all links, and its bytes.
    Bytes(PathBuf, Vec<u8>),
    /// Links that end at `/dev/null`.
    DevNull,
    /// A link to what does not exist; where it points below the root.
    Dangling(PathBuf),
}

impl RootedFiles {
    /// Takes `root` for `/`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The names in a directory, sorted; none where it does not exist.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn list(&self, directory: &str) -> Result<Vec<OsString>, ReadError> {
        let real = self.root.join(self.resolve(Path::new(directory))?);
        let failed = |error: &std::io::Error| ReadError {
            path: directory.to_owned(),
            kind: ReadErrorKind::of(error),
            reason: describe(error),
        };
        let entries = match std::fs::read_dir(&real) {
            Err(error) if ReadErrorKind::of(&error) == ReadErrorKind::Absent => return Ok(Vec::new()),
            other => other.map_err(|error| failed(&error))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(|error| failed(&error))?.file_name());
        }
        names.sort();
        Ok(names)
    }

    /// Where a path leads below the root once every link is followed; the rest of a path that does not exist is kept
    /// as it is.
    ///
    /// # Errors
    /// When there are more links than the kernel would follow.
    pub fn resolve(&self, path: &Path) -> Result<PathBuf, ReadError> {
        let mut left: Vec<OsString> = parts(path);
        left.reverse();
        let mut done = PathBuf::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&part);
            let Ok(target) = std::fs::read_link(self.root.join(&next)) else {
                done = next;
                continue;
            };
            links += 1;
            if links > LINKS_MOST {
                let (kind, reason) = (ReadErrorKind::Failed, "its links lead in a circle".to_owned());
                return Err(ReadError { path: path.display().to_string(), kind, reason });
            }
            if target.is_absolute() {
                done = PathBuf::new();
            }
            left.extend(parts(&target).into_iter().rev());
        }
        Ok(done)
    }

    /// Reads a regular file of at most `most` bytes. Anything else that can be opened (a pipe, a device, a directory)
    /// is refused without waiting for it.
    ///
    /// # Errors
    /// Absent, denied or failed, with the path as it was asked for.
    pub fn read(&self, path: &str, most: u64) -> Result<RootedFile, ReadError> {
        let error = |kind, reason: String| ReadError { path: path.to_owned(), kind, reason };
        let of_io = |io: &std::io::Error| error(ReadErrorKind::of(io), describe(io));
        let is_link = std::fs::symlink_metadata(self.lexical(path)).is_ok_and(|found| found.is_symlink());
        let inside = self.resolve(Path::new(path))?;
        if is_link && inside == Path::new("dev/null") {
            return Ok(RootedFile::DevNull);
        }
        let opened =
            std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(self.root.join(&inside));
        let file = match opened {
            Err(io) if is_link && ReadErrorKind::of(&io) == ReadErrorKind::Absent => {
                return Ok(RootedFile::Dangling(Path::new("/").join(inside)));
            }
            other => other.map_err(|io| of_io(&io))?,
        };
        if !file.metadata().map_err(|io| of_io(&io))?.is_file() {
            return Err(error(ReadErrorKind::Failed, "it is no regular file".to_owned()));
        }
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|io| of_io(&io))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > most) {
            return Err(error(ReadErrorKind::Failed, format!("it is larger than {} KiB", most >> 10)));
        }
        Ok(RootedFile::Bytes(Path::new("/").join(inside), bytes))
    }

    /// The path below the root with its directories resolved and its last part as it is.
    fn lexical(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        let directory = path.parent().and_then(|parent| self.resolve(parent).ok()).unwrap_or_default();
        self.root.join(directory).join(path.file_name().unwrap_or_default())
    }
}

/// The names of a path; a leading slash and dots for "here" are left out.
fn parts(path: &Path) -> Vec<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn root() -> (tempfile::TempDir, RootedFiles) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc/sysctl.d")).unwrap();
        std::fs::create_dir_all(root.path().join("usr/lib/sysctl.d")).unwrap();
        let files = RootedFiles::new(root.path());
        (root, files)
    }

    #[test]
    fn links_are_followed_within_the_root() {
        let (root, files) = root();
        let at = |path: &str| root.path().join(path);
        std::fs::write(at("etc/sysctl.conf"), "a.b = 1\n").unwrap();
        symlink("/etc/sysctl.conf", at("etc/sysctl.d/99-sysctl.conf")).unwrap();
        symlink("usr/lib", at("lib")).unwrap();
        std::fs::write(at("usr/lib/sysctl.d/x.conf"), "").unwrap();
        symlink("../../../../../etc/sysctl.conf", at("etc/sysctl.d/up.conf")).unwrap();
        let here = RootedFile::Bytes("/etc/sysctl.conf".into(), b"a.b = 1\n".to_vec());
        assert_eq!(files.read("/etc/sysctl.d/99-sysctl.conf", 100), Ok(here.clone()));
        assert_eq!(files.read("/etc/sysctl.d/up.conf", 100), Ok(here));
        assert_eq!(files.resolve(Path::new("/lib/sysctl.d")), Ok("usr/lib/sysctl.d".into()));
        assert_eq!(files.list("/lib/sysctl.d"), Ok(vec!["x.conf".into()]));
        assert_eq!(files.list("/run/sysctl.d"), Ok(Vec::new()));
    }

    #[test]
    fn masks_circles_pipes_and_large_files_are_told_apart() {
        let (root, files) = root();
        let at = |name: &str| root.path().join("etc/sysctl.d").join(name);
        symlink("/dev/null", at("null.conf")).unwrap();
        symlink("/gone", at("gone.conf")).unwrap();
        symlink("b.conf", at("a.conf")).unwrap();
        symlink("a.conf", at("b.conf")).unwrap();
        std::fs::create_dir(at("dir.conf")).unwrap();
        std::fs::write(at("large.conf"), vec![b'#'; 3000]).unwrap();
        let read = |name: &str| files.read(&format!("/etc/sysctl.d/{name}"), 2048);
        assert_eq!(read("null.conf"), Ok(RootedFile::DevNull));
        assert_eq!(read("gone.conf"), Ok(RootedFile::Dangling("/gone".into())));
        let reason = |name: &str| read(name).unwrap_err().reason;
        assert_eq!(reason("a.conf"), "its links lead in a circle");
        assert_eq!(reason("dir.conf"), "it is no regular file");
        assert_eq!(reason("large.conf"), "it is larger than 2 KiB");
        assert_eq!(read("no.conf").unwrap_err().kind, ReadErrorKind::Absent);
    }
}
