//! Scenario files that are named on the command line.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::CliError;
use crate::explain::{HostPremises, Overrides, ScenarioFile, find_topic, read_scenario};

/// More than this is no scenario that a person wrote.
const MOST_BYTES: u64 = 1 << 20;

/// The text of a scenario, and what it is called.
pub(super) struct ScenarioText {
    /// The scenario's name.
    pub(super) name: String,
    /// The file's name as mistakes are told.
    file: String,
    text: String,
}

impl ScenarioText {
    /// Reads a file, or standard input for `-`; what is not there or is no text is a mistake of the caller.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let (name, file) = names(path);
        let text = read_text(path, &file)?;
        Ok(Self { name, file, text })
    }

    /// The scenario, with this host where the text leaves something open.
    pub(super) fn scenario(&self, host: &HostPremises, overrides: &Overrides) -> Result<ScenarioFile, CliError> {
        read_scenario(&self.name, &self.file, &self.text, host, overrides)
            .map_err(|error| CliError::Usage(error.to_string()))
    }
}

fn names(path: &Path) -> (String, String) {
    if is_standard_input(path) {
        return ("standard input".to_owned(), "standard input".to_owned());
    }
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    (stem.to_string_lossy().into_owned(), path.display().to_string())
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// The text, within bounds and in UTF-8.
fn read_text(path: &Path, file: &str) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let read = if is_standard_input(path) {
        std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|opened| opened.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        let topic =
            find_topic(file).map_or(String::new(), |topic| format!("; to play the topic: tcpctl explain {}", topic.id));
        let message = format!("cannot read {file}: {error}{topic}");
        match error.kind() {
            ErrorKind::PermissionDenied => CliError::NotPermitted(message),
            _ => CliError::Usage(message),
        }
    })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_BYTES) {
        return Err(CliError::Usage(format!("{file} is longer than 1 MiB, which is no scenario")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        CliError::Usage(format!("{file}: line {line} is not UTF-8; save the file in that encoding"))
    })
}
