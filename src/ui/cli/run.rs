//! From the process's arguments to its exit code.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use super::args::{Cli, ColorWhen, Command, Global, StatusArgs};
use super::commands;
use super::context::Context;
use super::rights;
use super::stored::read_stored;
use super::{CliError, Exit};
use crate::collect::SynQueues;
use crate::report::printable_lines;
use crate::sys::{Confinement, confine, keep_rights};

/// Parses the arguments, runs the verb, and maps the result to an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version on standard output with code 0, mistakes on standard error with 2.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            // What was typed is in the text; clap's own colours are given up when it holds escapes of its own.
            let typed = std::env::args_os().any(|typed| typed.to_string_lossy().contains(char::is_control));
            let printed = if typed {
                write!(std::io::stderr(), "{}", printable_lines(&error.to_string()))
            } else {
                error.print()
            };
            return match printed.and_then(|()| std::io::stdout().flush()) {
                // Who asked for help may close a pager in the middle of it.
                Err(error) if code == 0 => report(&CliError::from(error)).into(),
                _ => ExitCode::from(code),
            };
        }
    };
    match dispatch(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => report(&error).into(),
    }
}

/// Says on standard error what went wrong, and gives the code to end with.
fn report(error: &CliError) -> u8 {
    let code = error.code();
    if code != 0 {
        // Nothing can be done when standard error is gone as well.
        let _ = writeln!(anstream::stderr(), "tcpctl: {}", printable_lines(&error.to_string()));
    }
    code
}

/// Reads the arguments, as `Parser::try_parse` does. The description of all commands is never taken apart again: that takes
/// as long as reading the counters, and the process ends soon.
fn parse() -> Result<Cli, clap::Error> {
    let mut command = core::mem::ManuallyDrop::new(Cli::command());
    let mut matches = core::mem::ManuallyDrop::new(command.try_get_matches_from_mut(std::env::args_os())?);
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Runs the verb with standard output locked and adapted to the wish for colour.
fn dispatch(cli: &Cli) -> Result<Exit, CliError> {
    let stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let choice = match cli.global.color {
        ColorWhen::Auto => anstream::AutoStream::choice(&stdout),
        ColorWhen::Always => anstream::ColorChoice::Always,
        ColorWhen::Never => anstream::ColorChoice::Never,
    };
    refuse_with_stored(&cli.global, cli.command.as_ref())?;
    give_up(cli)?;
    cli.interface.refuse_elsewhere(cli.command.is_some() || cli.global.from.is_some())?;
    if cli.command.is_none() && terminal && cli.global.from.is_none() {
        return terminal_interface(cli, choice);
    }
    let stored = cli.global.from.as_deref().map(read_stored).transpose()?;
    // Lines of sockets and JSON have no colours, and looking for some in each of a million would cost more than writing
    // them.
    let plain = cli.global.json || matches!(&cli.command, Some(Command::Sockets(_)));
    let mut out: Box<dyn Write> = if plain {
        Box::new(std::io::BufWriter::new(stdout.lock()))
    } else {
        Box::new(std::io::BufWriter::new(anstream::AutoStream::new(stdout.lock(), choice)))
    };
    let mut context = Context {
        out: &mut *out,
        json: cli.global.json,
        width: columns(terminal),
        ascii: cli.global.ascii,
        proc_root: cli.global.proc.clone(),
        netns: cli.global.netns.clone(),
        state_dir: cli.global.state_dir.clone(),
        stored,
        syn_queues: syn_queues(cli),
    };
    let result = run_command(cli, &mut context);
    out.flush()?;
    result
}

/// Gives up what the command does not need, before it reads anything and while there is one thread.
fn give_up(cli: &Cli) -> Result<(), CliError> {
    keep_rights(rights::needed(cli)).map_err(|error| {
        CliError::failure(anyhow::anyhow!("cannot give up the capabilities that this command does not need: {error}"))
    })?;
    if let Some(confinement) = rights::confinement(cli) {
        // A kernel without seccomp, or a processor without a list: the rest of what protects is there.
        let _ = confine(confinement);
    }
    Ok(())
}

/// What may read SYN queues from the kernel.
fn syn_queues(cli: &Cli) -> SynQueues {
    if rights::loads_programs(cli) { SynQueues::when_needed() } else { SynQueues::default() }
}

/// Refuses what a stored snapshot does not go together with. The parser does not look for conflicts of options that
/// every command has.
fn refuse_with_stored(global: &Global, command: Option<&Command>) -> Result<(), CliError> {
    if global.from.is_none() {
        return Ok(());
    }
    if global.netns.is_some() || global.proc != Path::new("/proc") {
        let message = "--from has all of one host: leave out --netns and --proc, or --from";
        return Err(CliError::Usage(message.to_owned()));
    }
    refuses_stored(command).map_or(Ok(()), |message| Err(CliError::Usage(message.to_owned())))
}

/// Why a command cannot take a stored snapshot for the host, if it cannot.
fn refuses_stored(command: Option<&Command>) -> Option<&'static str> {
    const ACTS: &str = "--from is for commands that read: this one acts on the host, or shows it as it is now";
    const MANY: &str = "fleet takes its snapshots as arguments: leave out --from";
    match command {
        None => None,
        Some(Command::Fleet(_)) => Some(MANY),
        Some(Command::Status(status)) if status.watch.is_none() && !status.all_netns => None,
        Some(Command::Sockets(sockets)) if sockets.watch.is_none() && !sockets.all_netns => None,
        Some(Command::Diagnose(diagnose)) if diagnose.watch => Some(ACTS),
        Some(
            Command::Listeners(_)
            | Command::Explain(_)
            | Command::Simulate(_)
            | Command::Diagnose(_)
            | Command::Params(_)
            | Command::Lint(_)
            | Command::Plan(_)
            | Command::Solve(_)
            | Command::Verify(_)
            | Command::Serve(_)
            | Command::Snapshot(_),
        ) => None,
        Some(
            Command::Status(_)
            | Command::Sockets(_)
            | Command::Trace(_)
            | Command::Lab(_)
            | Command::Profiles(_)
            | Command::Apply(_)
            | Command::Confirm(_)
            | Command::AwaitConfirmation(_)
            | Command::Rollback(_)
            | Command::History(_)
            | Command::Metrics(_)
            | Command::Completions(_)
            | Command::Man(_),
        ) => Some(ACTS),
    }
}

/// Hands over to the terminal interface, which needs a keyboard as well as a screen.
fn terminal_interface(cli: &Cli, choice: anstream::ColorChoice) -> Result<Exit, CliError> {
    if !std::io::stdin().is_terminal() {
        let hint = "use `tcpctl status`, or give it a terminal to read keys from";
        return Err(CliError::Usage(format!(
            "the terminal interface cannot start: standard input is no terminal; {hint}"
        )));
    }
    let chosen = crate::ui::tui::Settings {
        mono: (cli.global.color != ColorWhen::Auto).then_some(cli.global.color == ColorWhen::Never),
        ascii: cli.global.ascii.then_some(true),
        mouse: cli.interface.no_mouse.then_some(false),
        interval_ms: cli.interface.interval,
        ..crate::ui::tui::Settings::default()
    };
    let remembered = match &cli.interface.config {
        Some(path) => crate::ui::tui::Remembered::named(path).map_err(CliError::Usage)?,
        None => {
            let directory = |name: &str| std::env::var_os(name).map(std::path::PathBuf::from);
            crate::ui::tui::Remembered::of_user(directory("XDG_CONFIG_HOME"), directory("HOME"))
        }
    };
    let options = crate::ui::tui::Options {
        proc_root: cli.global.proc.clone(),
        netns: cli.global.netns.clone(),
        state_dir: cli.global.state_dir.clone(),
        mono: matches!(choice, anstream::ColorChoice::Never) || is_dumb(),
        ascii: is_dumb() || locale_is_ascii(|name| std::env::var(name).ok()),
        syn_queues: syn_queues(cli),
        chosen,
        remembered,
    };
    // Where the kernel has no such thing, the rest of what protects is there.
    let _ = confine(Confinement::Interface);
    match crate::ui::tui::main(options).map_err(CliError::Failure)? {
        crate::ui::tui::Ending::Quit => Ok(Exit::Ok),
        crate::ui::tui::Ending::Signal(number) => Ok(Exit::Signal(number)),
    }
}

/// Whether the terminal says that it can do next to nothing.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name == "dumb")
}

/// Whether the locale says that characters beyond ASCII are not to be had. One that says nothing is no reason.
fn locale_is_ascii(variable: impl Fn(&str) -> Option<String>) -> bool {
    // The first that is set to something counts: locale(7).
    let set =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    set.is_some_and(|name| {
        let codeset = name.split_once('.').map(|(_, rest)| rest.split('@').next().unwrap_or(rest).to_ascii_lowercase());
        match codeset {
            Some(codeset) => codeset != "utf-8" && codeset != "utf8",
            None => name == "C" || name == "POSIX",
        }
    })
}

/// Columns of the terminal; 80 when there is none, so that piped text never depends on a window.
fn columns(terminal: bool) -> usize {
    let size = if terminal { crossterm::terminal::size().ok() } else { None };
    usable_columns(size.map(|(columns, _)| columns))
}

/// A terminal of no columns, such as that of `script` or a fresh container, does not know its size.
fn usable_columns(columns: Option<u16>) -> usize {
    match columns {
        None | Some(0) => 80,
        Some(columns) => usize::from(columns).clamp(40, 200),
    }
}

fn run_command(cli: &Cli, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let status =
        Command::Status(StatusArgs { watch: None, cpu_share: 2, count: None, detail: None, all_netns: false }.into());
    match cli.command.as_ref().unwrap_or(&status) {
        Command::Status(args) => commands::status::run(args, context),
        Command::Listeners(args) => commands::listeners::run(args, context),
        Command::Sockets(args) => commands::sockets::run(args, context),
        Command::Trace(args) => commands::trace::run(args, context),
        Command::Explain(args) => commands::explain::run(args, context),
        Command::Simulate(args) => commands::simulate::run(args, context),
        Command::Lab(args) => commands::lab::run(args, context),
        Command::Diagnose(args) => commands::diagnose::run(args, context),
        Command::Params(args) => commands::params::run(args, context),
        Command::Lint(args) => commands::lint::run(args, context),
        Command::Profiles(args) => commands::profiles::run(args, context),
        Command::Plan(args) => commands::plan::run(args, context),
        Command::Solve(args) => commands::solve::run(args, context),
        Command::Apply(args) => commands::apply::run(args, context),
        Command::Confirm(args) => commands::confirm::run(args, context),
        Command::AwaitConfirmation(args) => commands::confirm::wait(args, context),
        Command::Verify(args) => commands::verify::run(args, context),
        Command::Rollback(args) => commands::rollback::run(args, context),
        Command::History(args) => commands::history::run(args, context),
        Command::Snapshot(args) => commands::snapshot::run(args, context),
        Command::Fleet(args) => commands::fleet::run(args, context),
        Command::Serve(args) => commands::serve::run(args, context),
        Command::Metrics(args) => commands::metrics::run(args, context),
        Command::Completions(args) => commands::completions::run(args, context),
        Command::Man(args) => commands::man::run(args, context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_without_more_than_ascii_is_told_from_one_that_says_nothing() {
        let of = |name: &str, value: &str| {
            let (name, value) = (name.to_owned(), value.to_owned());
            locale_is_ascii(move |asked| (asked == name).then(|| value.clone()))
        };
        for (name, value) in [("LANG", "C"), ("LC_ALL", "POSIX"), ("LC_CTYPE", "de_DE.ISO-8859-1@euro")] {
            assert!(of(name, value), "{name}={value}");
        }
        for (name, value) in
            [("LANG", "C.UTF-8"), ("LC_ALL", "de_DE.utf8"), ("LANG", ""), ("LC_TIME", "C"), ("LANG", "de_DE")]
        {
            assert!(!of(name, value), "{name}={value}");
        }
    }

    #[test]
    fn a_terminal_that_does_not_know_its_size_has_80_columns() {
        assert_eq!([None, Some(0), Some(20), Some(100), Some(999)].map(usable_columns), [80, 80, 40, 100, 200]);
    }
}
