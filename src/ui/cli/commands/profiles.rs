//! `tcpctl profiles`.

use crate::report::{ProfileRow, ProfileView, ProfilesView, render_profile, render_profiles};
use crate::tune::{ProfileFiles, read_profiles};
use crate::ui::cli::args::ProfilesArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit, choose};

/// Runs `tcpctl profiles`.
pub(in crate::ui::cli) fn run(args: &ProfilesArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let name = match args.names.as_slice() {
        [] => None,
        [name] => Some(name),
        [show, name] if show == "show" => Some(name),
        [_, more, ..] => {
            return Err(CliError::Usage(format!("unexpected `{more}`; one profile is shown at a time")));
        }
    };
    match name {
        Some(name) => {
            let (profile, file) = choose::profile(name, &args.profile_dir)?;
            if context.json {
                let view = ProfileView::new(&profile, file.as_deref());
                context.print_json(&view)?;
            } else {
                write!(context.out, "{}", render_profile(&profile, file.as_deref(), context.width))?;
            }
        }
        None => {
            let files = read_profiles(&args.profile_dir).map_err(|why| CliError::failure(anyhow::anyhow!(why)))?;
            let rows = rows(&files);
            if context.json {
                let view = ProfilesView::from(rows.as_slice());
                context.print_json(&view)?;
            } else {
                write!(context.out, "{}", render_profiles(&rows, context.width))?;
            }
        }
    }
    Ok(Exit::Ok)
}

/// One row for each profile; one with a mistake has the mistake for a summary.
fn rows(files: &ProfileFiles) -> Vec<ProfileRow> {
    let profiles = &files.profiles;
    let mut rows: Vec<ProfileRow> = Vec::new();
    for name in profiles.names() {
        let file = profiles.source(name).and_then(|source| source.file.clone());
        let (summary, keys) = match profiles.resolve(name) {
            Some(Ok(profile)) => (profile.summary, Some(profile.rules.len())),
            Some(Err(error)) => (error.to_string(), None),
            None => continue,
        };
        rows.push(ProfileRow { name: name.to_owned(), summary, file, keys });
    }
    let unreadable = files.unreadable.iter().map(|(name, file, reason)| ProfileRow {
        name: name.clone(),
        summary: format!("cannot be read: {reason}"),
        file: Some(file.clone()),
        keys: None,
    });
    rows.extend(unreadable);
    rows
}
