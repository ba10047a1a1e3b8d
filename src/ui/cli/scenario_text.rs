//! Scenario files that are named on the command line.

use std::path::Path;

use super::CliError;
use super::named_file::{NamedFile, is_longer};
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
        let file = NamedFile::new(path);
        let text = read_text(&file)?;
        Ok(Self { name: name_of(path, &file), file: file.named, text })
    }

    /// The scenario, with this host where the text leaves something open.
    pub(super) fn scenario(&self, host: &HostPremises, overrides: &Overrides) -> Result<ScenarioFile, CliError> {
        read_scenario(&self.name, &self.file, &self.text, host, overrides)
            .map_err(|error| CliError::Usage(error.to_string()))
    }
}

/// Its name without folder and extension.
fn name_of(path: &Path, file: &NamedFile<'_>) -> String {
    if file.is_standard_input() {
        return file.named.clone();
    }
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The text, within bounds and in UTF-8.
fn read_text(file: &NamedFile<'_>) -> Result<String, CliError> {
    let named = &file.named;
    let topic =
        || find_topic(named).map_or(String::new(), |topic| format!("; to play the topic: tcpctl explain {}", topic.id));
    let bytes = file.read(MOST_BYTES, topic)?;
    if is_longer(&bytes, MOST_BYTES) {
        return Err(CliError::Usage(format!("{named} is longer than 1 MiB, which is no scenario")));
    }
    file.text(bytes, "; save the file in that encoding")
}
