//! Scenarios as files: TOML that a person writes, checked word by word, and the built-in ones written out as such.
//!
//! For: text to [`crate::model::Scenario`] with the origin of each setting, and back; each mistake with its place.
//! Must not: play a scenario, or know what a kernel does; whether it takes a value is the catalogue's to say.
//! Mirrors: packetdrill's scripts, and the files of `profiles/` for how mistakes are told.

mod calls;
mod keys;
mod outside;
mod raw;
mod read;
mod reader;
mod sense;
mod values;
mod words;
mod write;

pub use keys::{FORMAT, FormatKey, FormatTable};
pub use read::{HostPremises, ScenarioFile, ScenarioFileError, read_scenario};
pub use words::{FormatWord, format_words};
pub use write::{scenario_text, topic_scenario_text};
