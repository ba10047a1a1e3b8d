//! Programs that run and are known to write sysctls.

use std::path::Path;

use crate::tune::conflict::PROGRAMS;

/// The names of the known programs that run, each once. A process that cannot be looked at counts as another one.
#[must_use]
pub fn read_programs(proc_root: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(proc_root) else { return Vec::new() };
    let processes = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit)));
    let mut names: Vec<String> = processes
        .filter_map(|path| std::fs::read_to_string(path.join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .filter(|name| PROGRAMS.iter().any(|program| program.name == name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
