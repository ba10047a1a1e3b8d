//! `tcpctl history`.

use super::rollback;
use crate::report::{EntryView, HistoryView, render_entry, render_history};
use crate::tune::{History, Place, RollbackError};
use crate::ui::cli::args::HistoryArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit, change};

/// Runs `tcpctl history`.
pub(in crate::ui::cli) fn run(args: &HistoryArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let target = change::target(context);
    let mut history = target.state_dir().history().map_err(|error| change::journal_refusal(&error))?;
    change::warn_of_unreadable(&history, &target)?;
    match args.id.as_deref().map(rollback::parse_entry).transpose()? {
        Some(id) => {
            let entry = history.entries.iter().find(|entry| entry.id == id);
            let entry = entry.ok_or_else(|| CliError::Usage(RollbackError::NoSuchEntry { id }.to_string()))?;
            if context.json {
                let view = EntryView::new(entry, &history);
                context.print_json(&view)?;
            } else {
                write!(context.out, "{}", render_entry(entry, &history, context.width, context.ascii))?;
            }
        }
        None if context.netns.is_some() => {
            // A namespace that was asked for has no past before this boot: its number may have been another's.
            let place = target.place().map_err(change::refusal)?;
            history.entries.retain(|entry| entry.is_of(&place));
            list(&history, Some(&place), context)?;
        }
        None => list(&history, target.place().ok().as_ref(), context)?,
    }
    Ok(if history.unreadable.is_empty() { Exit::Ok } else { Exit::Findings })
}

/// Every entry, the newest first.
fn list(history: &History, place: Option<&Place>, context: &mut Context<'_>) -> Result<(), CliError> {
    if context.json {
        context.print_json(&HistoryView::from(history))?;
    } else {
        write!(context.out, "{}", render_history(history, place, context.width))?;
    }
    Ok(())
}
