//! Files that are named on the command line, read within bounds.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::CliError;

/// A file, or standard input for `-`.
pub(super) struct NamedFile<'a> {
    path: &'a Path,
    /// How mistakes name it.
    pub(super) named: String,
}

impl<'a> NamedFile<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        let standard_input = path == Path::new("-");
        let named = if standard_input { "standard input".to_owned() } else { path.display().to_string() };
        Self { path, named }
    }

    pub(super) fn is_standard_input(&self) -> bool {
        self.path == Path::new("-")
    }

    /// Its bytes, and one more than `most` of a longer one. What cannot be read is a mistake of the caller, to which
    /// `hint` may say more.
    pub(super) fn read(&self, most: u64, hint: impl FnOnce() -> String) -> Result<Vec<u8>, CliError> {
        let mut bytes = Vec::new();
        let read = if self.is_standard_input() {
            std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes)
        } else {
            File::open(self.path).and_then(|opened| opened.take(most + 1).read_to_end(&mut bytes))
        };
        match read {
            Ok(_) => Ok(bytes),
            Err(error) => {
                let message = format!("cannot read {}: {error}{}", self.named, hint());
                Err(match error.kind() {
                    ErrorKind::PermissionDenied => CliError::NotPermitted(message),
                    _ => CliError::Usage(message),
                })
            }
        }
    }

    /// Bytes of it as text; `advice` is for one who gave something else.
    pub(super) fn text(&self, bytes: Vec<u8>, advice: &str) -> Result<String, CliError> {
        String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
            CliError::Usage(format!("{}: line {line} is not UTF-8{advice}", self.named))
        })
    }
}

/// Whether it was longer than it may be.
pub(super) fn is_longer(bytes: &[u8], most: u64) -> bool {
    u64::try_from(bytes.len()).is_ok_and(|length| length > most)
}
