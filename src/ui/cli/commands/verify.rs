//! `tcpctl verify`.

use std::collections::BTreeMap;
use std::io::Write;

use crate::report::{VerificationView, has_drift, render_verification};
use crate::tune::{check_kept, parse_drop_in, read_drop_in, read_sysctl_tree};
use crate::ui::cli::args::VerifyArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit, choose};

/// Runs `tcpctl verify`.
pub(in crate::ui::cli) fn run(args: &VerifyArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let plan = choose::plan(&args.choice, context)?;
    let booted = choose::boot_root(args.choice.root.as_deref(), plan.netns_initial, context);
    // A file that cannot be read says nothing of the running values; of the next boot it says that it is not known.
    let own = match booted.is_some().then(|| read_drop_in(&args.sysctl_dir)) {
        Some(Ok(text)) => text.as_deref().map(parse_drop_in).unwrap_or_default(),
        Some(Err(error)) => {
            writeln!(std::io::stderr(), "tcpctl: warning: {error}; whether values outlive a boot is unknown")?;
            BTreeMap::new()
        }
        None => BTreeMap::new(),
    };
    let files = booted.map(|root| read_sysctl_tree(&root));
    let kept = check_kept(&plan, &own, files.as_ref());
    if context.json {
        context.print_json(&VerificationView::new(&plan, &kept))?;
    } else {
        write!(context.out, "{}", render_verification(&plan, &kept, context.width, context.ascii))?;
    }
    Ok(if has_drift(&plan, &kept) { Exit::Findings } else { Exit::Ok })
}
