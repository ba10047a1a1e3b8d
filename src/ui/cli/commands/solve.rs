//! `tcpctl solve`.

use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::explain::{Ask, HostPremises, Overrides};
use crate::report::{SolutionView, render_solution};
use crate::snapshot::{HzReading, HzSource, Snapshot, SysctlReading};
use crate::tune::{MEMORY_KEYS, OptionsFor, Solution, Target, render_profile_text, solve, weigh_memory};
use crate::ui::cli::args_solve::{Sockopts, SolveArgs};
use crate::ui::cli::context::{Context, ask_of};
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit, choose};
use crate::ui::export::create_file;
use crate::units::SysctlValues;

/// The name of a profile that is not written.
const NAME: &str = "solve";

/// Runs `tcpctl solve`.
pub(in crate::ui::cli) fn run(args: &SolveArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let name = args.write_profile.as_deref().map(profile_name).transpose()?;
    let besides = MEMORY_KEYS.iter().copied().chain(["net.ipv4.ip_unprivileged_port_start"]);
    let host = read_snapshot(context, Depth::Sockets, besides.filter_map(|key| key.parse().ok()))?;
    let asked = is_what_if(args);
    let ground = if asked { what_if(&host, args)? } else { host };
    let options = match args.sockopts {
        Sockopts::None => OptionsFor::None,
        Sockopts::Better => OptionsFor::Better,
        Sockopts::All => OptionsFor::All,
    };
    let mut solution = solve(&args.wishes(), &ground, name.unwrap_or(NAME), options)
        .map_err(|error| CliError::Usage(error.to_string()))?;
    solution.plan.memory = weigh_memory(&solution.plan, &ground, Target::page_bytes());
    if !asked {
        choose::look_around(&mut solution.plan, None, &ground, context);
    }
    let from = if args.defaults { "the kernel's defaults" } else { "this host's values" };
    if context.json {
        context.print_json(&SolutionView::new(&solution, from))?;
    } else {
        write!(context.out, "{}", render_solution(&solution, from, context.width, context.ascii))?;
    }
    if let Some(path) = &args.write_profile {
        context.out.flush()?;
        write_profile(path, &solution, context)?;
    }
    Ok(if solution.is_met() { Exit::Ok } else { Exit::Findings })
}

/// Whether it is not about this host as it is.
fn is_what_if(args: &SolveArgs) -> bool {
    args.defaults || args.kernel.is_some() || args.hz.is_some() || !args.set.is_empty()
}

/// The host with the what-ifs over it, and without its sockets, which are those of another one.
fn what_if(host: &Snapshot, args: &SolveArgs) -> Result<Snapshot, CliError> {
    let overrides =
        Overrides { set: args.set.clone(), kernel: args.kernel.clone(), hz: args.hz.clone(), ..Overrides::default() };
    let values = if args.defaults { SysctlValues::new() } else { host.sysctls.values() };
    let hz = host.kernel.hz.as_ref().map(|reading| reading.hz);
    let premises = HostPremises { version: host.kernel.version, hz, memory_kib: host.memory_kib, values };
    let ask: Ask = ask_of(&premises, &overrides)?;
    let mut ground = Snapshot { sockets: None, ..host.clone() };
    ground.kernel.version = Some(ask.host.version);
    if args.kernel.is_some() {
        ground.kernel.release = Some(ask.host.version.to_string());
    }
    ground.kernel.hz = ask.host.hz.map(|hz| match &host.kernel.hz {
        Some(reading) if reading.hz == hz => reading.clone(),
        _ => HzReading { hz, source: HzSource::Inferred("--hz".to_owned()) },
    });
    for (key, reading) in &mut ground.sysctls.readings {
        if !ask.values.contains_key(key) {
            *reading = SysctlReading::Absent;
        }
    }
    let values = ask.values.into_iter().map(|(key, sourced)| (key, SysctlReading::Value(sourced.value)));
    ground.sysctls.readings.extend(values);
    Ok(ground)
}

/// The name that a file gives to its profile.
fn profile_name(path: &Path) -> Result<&str, CliError> {
    let refuse = |why: String| Err(CliError::Usage(format!("{}: {why}; nothing was written", path.display())));
    if path.symlink_metadata().is_ok() {
        return refuse("it exists, and is not overwritten".to_owned());
    }
    match (path.file_stem().and_then(|stem| stem.to_str()), path.extension()) {
        (Some(name), Some(extension)) if extension == "toml" && !name.chars().any(char::is_control) => Ok(name),
        _ => refuse("a profile is a file NAME.toml".to_owned()),
    }
}

/// Writes what was found, unless a wish is left unmet: such a profile would promise what it does not keep.
fn write_profile(path: &Path, solution: &Solution, context: &mut Context<'_>) -> Result<(), CliError> {
    let mut stderr = std::io::stderr();
    if !solution.is_met() {
        writeln!(stderr, "tcpctl: {} is not written: not every wish is met", path.display())?;
        return Ok(());
    }
    if solution.profile.rules.is_empty() {
        writeln!(stderr, "tcpctl: {} is not written: no sysctl has a part in it", path.display())?;
        return Ok(());
    }
    let text = render_profile_text(&solution.profile);
    create_file(path, text.as_bytes()).map_err(|error| {
        let message = format!("cannot write {}: {error}", path.display());
        match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotFound => CliError::Usage(message),
            ErrorKind::PermissionDenied => CliError::NotPermitted(message),
            _ => CliError::failure(anyhow::anyhow!(message)),
        }
    })?;
    if !context.json {
        let shown = if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() };
        writeln!(context.out, "\nWritten to {0}; `tcpctl apply {0}` applies it.", shown.display())?;
    }
    Ok(())
}
