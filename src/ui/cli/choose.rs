//! From what was typed to a profile.

use std::path::Path;

use crate::tune::{Profile, ProfileFiles, read_profiles};
use crate::ui::cli::CliError;
use crate::ui::cli::args::ProfileChoice;

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
