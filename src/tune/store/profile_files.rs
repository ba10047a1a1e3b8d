//! The administrator's profiles.

use std::path::Path;

use crate::sys::read_utf8_text;
use crate::tune::Profiles;

/// The largest file that is read as a profile.
const MOST_BYTES: u64 = 256 * 1024;

/// Every profile, and the files that could not be read.
#[derive(Clone, Debug)]
pub struct ProfileFiles {
    /// The profiles.
    pub profiles: Profiles,
    /// Name, file and reason of those that could not be read.
    pub unreadable: Vec<(String, String, String)>,
}

/// Reads `*.toml` in a directory beside the built-in profiles. A directory that does not exist holds none.
///
/// # Errors
/// Says why the directory cannot be listed.
pub fn read_profiles(directory: &Path) -> Result<ProfileFiles, String> {
    let mut files = ProfileFiles { profiles: Profiles::vendor(), unreadable: Vec::new() };
    let failed = |error: std::io::Error| format!("cannot list the profiles in {}: {error}", directory.display());
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        other => other.map_err(failed)?,
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.read(&path);
        }
    }
    files.unreadable.sort();
    Ok(files)
}

impl ProfileFiles {
    /// Adds the profile that stands in a file, under the file's name without `.toml`; the name is returned.
    ///
    /// A file that cannot be read is noted in [`ProfileFiles::unreadable`].
    pub fn read(&mut self, path: &Path) -> String {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = path.display().to_string();
        // The name is written into exports and files, where a line feed would begin a line of its own.
        let text = match name.chars().any(char::is_control) {
            true => Err("its name holds a control character; give the file another one".to_owned()),
            false => read_profile_text(path),
        };
        match text {
            Ok(text) => self.profiles.add(name.clone(), file, text),
            Err(reason) => self.unreadable.push((name.clone(), file, reason)),
        }
        name
    }
}

/// The text of a regular file that is not too large; a pipe would be waited for, and a device never ends.
fn read_profile_text(path: &Path) -> Result<String, String> {
    if let Ok(metadata) = std::fs::metadata(path) {
        if !metadata.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        if metadata.len() > MOST_BYTES {
            return Err(format!("it has {} bytes; a profile has at most {MOST_BYTES}", metadata.len()));
        }
    }
    read_utf8_text(path).map_err(|error| error.reason)
}
