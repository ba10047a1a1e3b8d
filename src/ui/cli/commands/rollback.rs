//! `tcpctl rollback`.

use crate::tune::{RollbackError, Waiting, Wishes, choose_entry, plan_undo};
use crate::ui::cli::args::RollbackArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit, change};

/// Runs `tcpctl rollback`.
pub(in crate::ui::cli) fn run(args: &RollbackArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let asked = args.id.as_deref().map(parse_entry).transpose()?;
    let target = change::target(context);
    let history = target.state_dir().history().map_err(|error| change::journal_refusal(&error))?;
    let place = target.place().map_err(change::refusal)?;
    let entry = match choose_entry(&history, asked, &place) {
        Ok(entry) => entry,
        Err(error @ (RollbackError::NoSuchEntry { .. } | RollbackError::IsRollback { .. })) => {
            return Err(CliError::Usage(error.to_string()));
        }
        Err(error @ RollbackError::Nothing) => {
            change::print_nothing(&error.to_string(), context)?;
            return Ok(Exit::Findings);
        }
        Err(error) => return Err(CliError::failure(error)),
    };
    change::warn_of_unreadable(&history, &target)?;
    let snapshot = read_snapshot(context, Depth::Sockets, entry.all_keys().map(|key| key.key.clone()))?;
    let plan =
        plan_undo(entry, &history, &snapshot, &place, args.force).map_err(|error| change::refusal(error.into()))?;
    if entry.boot_id != place.boot_id && plan.file.is_none() {
        return Err(CliError::failure(RollbackError::OtherBoot { id: entry.id }));
    }
    let wishes = Wishes { why: args.why.clone(), waiting: waiting(args.wait), ..Wishes::default() };
    change::carry_out(&plan, args.yes, &wishes, context)
}

/// What the option --wait means.
pub(super) fn waiting(wait: bool) -> Waiting {
    if wait { Waiting::UntilFree } else { Waiting::Refuse }
}

/// An entry's number as `history` prints it.
pub(super) fn parse_entry(text: &str) -> Result<u64, CliError> {
    text.parse().map_err(|_| {
        CliError::Usage(format!("`{text}` is not an entry; expected a number that `tcpctl history` lists"))
    })
}
