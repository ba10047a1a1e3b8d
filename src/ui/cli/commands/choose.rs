//! From what was typed to a profile and to a snapshot of what it concerns.

use std::path::Path;

use crate::collect::{self, SocketReading, Source, Whose};
use crate::model::Settings;
use crate::snapshot::Snapshot;
use crate::tune::{Profile, ProfileFiles, read_profiles};
use crate::ui::cli::CliError;
use crate::ui::cli::args::ProfileChoice;
use crate::ui::cli::context::Context;
use crate::units::SysctlKey;

/// The profile of the arguments, by name or by file, and the file it stands in.
pub(super) fn profile(choice: &ProfileChoice) -> Result<(Profile, Option<String>), CliError> {
    let mut files = read_profiles(&choice.profile_dir).map_err(|reason| CliError::failure(anyhow::anyhow!(reason)))?;
    let path = Path::new(&choice.profile);
    let is_file = choice.profile.contains('/') || path.extension().is_some_and(|extension| extension == "toml");
    let name = if is_file { files.read(path) } else { choice.profile.clone() };
    by_name(&files, &name)
}

/// A profile by name, and the file it stands in.
pub(super) fn by_name(files: &ProfileFiles, name: &str) -> Result<(Profile, Option<String>), CliError> {
    if let Some((_, file, reason)) = files.unreadable.iter().find(|(unreadable, ..)| unreadable == name) {
        return Err(CliError::Usage(format!("cannot read the profile {file}: {reason}")));
    }
    match files.profiles.resolve(name) {
        Some(Ok(profile)) => Ok((profile, files.profiles.source(name).and_then(|source| source.file.clone()))),
        Some(Err(error)) => Err(CliError::Usage(error.to_string())),
        None => {
            let nearest = files.profiles.nearest(name);
            let hint = if nearest.is_empty() {
                format!("there are: {}", files.profiles.names().join(", "))
            } else {
                format!("did you mean {}?", nearest.join(" or "))
            };
            Err(CliError::Usage(format!("there is no profile `{name}`; {hint}")))
        }
    }
}

/// Reads these keys, those of the model, and the listeners.
pub(super) fn snapshot(keys: impl Iterator<Item = SysctlKey>, context: &Context<'_>) -> Result<Snapshot, CliError> {
    let mut keys: Vec<SysctlKey> = keys.chain(Settings::keys().filter_map(|key| key.parse().ok())).collect();
    keys.sort_unstable();
    keys.dedup();
    let source = Source {
        proc_root: context.proc_root.clone(),
        netns: context.netns.clone(),
        keys,
        sockets: SocketReading::Best,
        processes: false,
    };
    collect::live(&source).map_err(|error| match error.whose() {
        Whose::Request => CliError::Usage(error.to_string()),
        Whose::Permission => CliError::NotPermitted(error.to_string()),
        Whose::Kernel => CliError::failure(error),
    })
}
