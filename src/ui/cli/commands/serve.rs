//! `tcpctl serve`.

use std::path::Path;
use std::time::Duration;

use crate::report::{MetricsFormat, printable_lines};
use crate::sys::{Confinement, confine, keep_rights};
use crate::ui::cli::args::ServeArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::measuring::Measuring;
use crate::ui::cli::{CliError, Exit, rights};
use crate::ui::export::{Access, Doors, Page, Readers, Tls, replace_file, serve_pages};

/// Serves until it is told to stop, or reads once and writes the metrics to a file, or to standard output for `-`.
pub(in crate::ui::cli) fn run(args: &ServeArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let mut measuring = Measuring::new(args, context)?;
    let Some(textfile) = &args.textfile else { return serve(args, measuring, context) };
    let [text] = measuring.read([MetricsFormat::Classic])?;
    if textfile == "-" {
        write!(context.out, "{text}")?;
    } else {
        replace_file(Path::new(textfile), text.as_bytes(), Readers::All).map_err(CliError::Failure)?;
    }
    Ok(Exit::Ok)
}

fn serve(args: &ServeArgs, mut measuring: Measuring, context: &mut Context<'_>) -> Result<Exit, CliError> {
    const BOTH: [MetricsFormat; 2] = [MetricsFormat::Classic, MetricsFormat::OpenMetrics];
    let (access, tls) = secrets(args).map_err(|error| CliError::Usage(format!("{error:#}")))?;
    // What cannot be read at all is said now and not to the first scraper, which also has an older reading that way.
    measuring.read(BOTH)?;
    let doors = Doors::open(&args.listen, access, tls).map_err(CliError::Failure)?;
    for caution in doors.cautions() {
        tell(&caution);
    }
    for place in doors.places() {
        writeln!(context.out, "listening on {place}")?;
    }
    context.out.flush()?;
    if let Err(caution) = give_up(context) {
        tell(&caution);
    }
    let read = move || {
        let [classic, open] = measuring.read(BOTH).map_err(|error| error.to_string())?;
        Ok(Page { classic, open })
    };
    serve_pages(doors, Duration::from_millis(args.max_age), read).map_err(CliError::Failure)?;
    Ok(Exit::Ok)
}

/// Tells of what does not keep it from serving.
fn tell(caution: &dyn std::fmt::Display) {
    let text = printable_lines(&format!("tcpctl: {caution}\n"));
    // Nothing can be done when standard error is gone.
    let _ = std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes());
}

/// Gives up the right to low ports, which are open now, and every system call but those of reading and answering. Where the
/// kernel has no such thing, the rest of what protects is there, and what is missing is said.
fn give_up(context: &Context<'_>) -> Result<(), String> {
    let namespaces = context.netns.is_some();
    let programs = context.syn_queues.is_wanted();
    let kept = keep_rights(rights::while_serving(namespaces, programs, context.stored.is_some()));
    let confined = confine(Confinement::Serving { namespaces, programs });
    let why = match (kept, confined) {
        (Ok(()), Ok(())) => return Ok(()),
        (Ok(()), Err(error)) => format!("{error}; whoever took it over could use every system call"),
        (Err(error), Ok(())) => format!("cannot give up the right to low ports: {error}"),
        (Err(rights), Err(error)) => format!("cannot give up the right to low ports: {rights}; {error}"),
    };
    Err(format!("caution: {why}"))
}

/// Who may read, and under which name this host is known.
fn secrets(args: &ServeArgs) -> anyhow::Result<(Access, Option<Tls>)> {
    let mut access = Access::default();
    if let Some(path) = &args.bearer_token_file {
        access = access.with_bearer_file(path)?;
    }
    if let Some(path) = &args.basic_auth_file {
        access = access.with_basic_file(path)?;
    }
    let pair = args.tls_cert.as_ref().zip(args.tls_key.as_ref());
    Ok((access, pair.map(|(chain, key)| Tls::from_files(chain, key)).transpose()?))
}
