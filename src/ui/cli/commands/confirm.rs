//! `tcpctl confirm`, and what waits for it.

use super::rollback;
use crate::report::printable;
use crate::tune::{
    ApplyError, ConfirmError, Waited, Waiting, Wishes, choose_unconfirmed, confirm, plan_undo, unconfirmed,
    wait_for_confirmation,
};
use crate::ui::cli::args::{AwaitConfirmationArgs, ConfirmArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit, change};

/// What `confirm --json` prints.
#[derive(serde::Serialize)]
struct ConfirmView<'a> {
    schema: u32,
    confirmed: u64,
    profile: &'a str,
    /// The file that keeps the values across boots, which is written now; null where there is none.
    file: Option<String>,
}

/// Runs `tcpctl confirm`.
pub(in crate::ui::cli) fn run(args: &ConfirmArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let asked = args.id.as_deref().map(rollback::parse_entry).transpose()?;
    let target = change::target(context);
    let history = target.state_dir().history().map_err(|error| change::journal_refusal(&error))?;
    let place = target.place().map_err(change::refusal)?;
    let entry = match choose_unconfirmed(&history, asked, &place) {
        Ok(entry) => entry,
        // As with a rollback that finds nothing to do.
        Err(error @ ConfirmError::Nothing) => {
            change::print_nothing(&error.to_string(), context)?;
            return Ok(Exit::Findings);
        }
        Err(error @ (ConfirmError::NoSuchEntry(_) | ConfirmError::Elsewhere { .. })) => {
            return Err(CliError::Usage(error.to_string()));
        }
        Err(error) => return Err(CliError::failure(error)),
    };
    let file = confirm(target.state_dir(), entry.id, rollback::waiting(args.wait)).map_err(change::refusal)?;
    let file = file.map(|path| path.display().to_string());
    if context.json {
        context.print_json(&ConfirmView { schema: 1, confirmed: entry.id, profile: &entry.profile, file })?;
    } else {
        let (id, profile) = (entry.id, printable(&entry.profile));
        writeln!(context.out, "entry {id} ({profile}) is confirmed and stays; undo: tcpctl rollback {id}")?;
        if let Some(path) = file {
            writeln!(context.out, "  {} is written", printable(&path))?;
        }
    }
    Ok(Exit::Ok)
}

/// How often undoing is tried anew when a value changes between looking and writing.
const ATTEMPTS: usize = 5;

/// Runs `tcpctl await-confirmation`: waits without a terminal, and undoes the entry when the time is up.
pub(in crate::ui::cli) fn wait(args: &AwaitConfirmationArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let target = change::target(context);
    let waited = wait_for_confirmation(target.state_dir(), args.id, args.within_ms, &mut context.out);
    if waited.map_err(change::refusal)? == Waited::Settled {
        return Ok(Exit::Ok);
    }
    let wishes = Wishes {
        why: Some("not confirmed in time".to_owned()),
        waiting: Waiting::UntilFree,
        unless_confirmed: Some(args.id),
        ..Wishes::default()
    };
    for attempt in 1..=ATTEMPTS {
        let history = target.state_dir().history().map_err(|error| change::journal_refusal(&error))?;
        let Some(entry) = unconfirmed(&history, args.id) else { return Ok(Exit::Ok) };
        let place = target.place().map_err(change::refusal)?;
        let snapshot = read_snapshot(context, Depth::Settings, entry.all_keys().map(|key| key.key.clone()))?;
        let plan = plan_undo(entry, &history, &snapshot, &place, false).map_err(CliError::failure)?;
        match target.apply_with(&plan, &wishes, &mut |_| Ok(())) {
            Err(ApplyError::Stale { .. } | ApplyError::JournalMoved) if attempt < ATTEMPTS => {}
            Err(ApplyError::Confirmed { .. }) | Ok(_) => return Ok(Exit::Ok),
            Err(error) => return Err(change::refusal(error)),
        }
    }
    Ok(Exit::Ok)
}
