//! `tcpctl lint`.

use std::path::Path;

use crate::report::{LintRulesView, LintView, render_lint, render_lint_rules};
use crate::snapshot::Snapshot;
use crate::tune::{
    AVAILABLE_KEYS, Home, LintHost, SysctlFile, SysctlTree, lint, lint_recorded, read_boot_modules, read_given_files,
    read_loaded_modules, read_sysctl_tree,
};
use crate::ui::cli::args::LintArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::named_file::{NamedFile, is_longer};
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit};
use crate::units::{KernelVersion, SysctlKey};

/// What stands for the file where the values of a snapshot are judged.
const VALUES: &str = "<snapshot>";

/// Judges the files of this host, of another tree, or those named.
pub(in crate::ui::cli) fn run(args: &LintArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if args.rules {
        if context.json {
            context.print_json(&LintRulesView::all())?;
        } else {
            write!(context.out, "{}", render_lint_rules(context.width, context.ascii))?;
        }
        return Ok(Exit::Ok);
    }
    let asked: Option<KernelVersion> = match &args.kernel {
        Some(text) => Some(text.parse().map_err(|error| CliError::Usage(format!("--kernel: {error}")))?),
        None => None,
    };
    // A stored snapshot has no files, and the values that it holds are what there is to judge.
    let values = context.stored.is_some() && args.root.is_none() && args.files.is_empty();
    let tree = if values { SysctlTree::default() } else { read_tree(args)? };
    let snapshot = read_snapshot(context, Depth::Settings, lint_keys(&tree))?;
    let mut host = lint_host(&snapshot, asked, args.root.is_some(), context);
    let linted = if values {
        host.sysctls = snapshot.sysctls.clone();
        lint_recorded(VALUES, &host)
    } else {
        lint(&tree, &host)
    };
    let kernel = host.version.map(|version| version.to_string());
    if context.json {
        context.print_json(&LintView::new(&linted, kernel.as_deref()))?;
    } else {
        write!(context.out, "{}", render_lint(&linted, kernel.as_deref(), context.width, context.ascii))?;
    }
    Ok(if linted.has_findings() { Exit::Findings } else { Exit::Ok })
}

fn read_tree(args: &LintArgs) -> Result<SysctlTree, CliError> {
    let root = args.root.as_deref().unwrap_or(Path::new("/"));
    if !root.is_dir() {
        return Err(CliError::Usage(format!("there is no directory {} to read", root.display())));
    }
    if args.files.is_empty() {
        return Ok(read_sysctl_tree(root));
    }
    let mut tree = SysctlTree::default();
    for path in &args.files {
        if path == Path::new("-") {
            tree.files.push(SysctlFile::from_bytes("<stdin>", Home::Given, &standard_input()?));
        } else {
            let given = read_given_files(std::slice::from_ref(path));
            tree.files.extend(given.map_err(|error| CliError::Usage(error.to_string()))?.files);
        }
    }
    tree.boot_modules = read_boot_modules(root);
    Ok(tree)
}

/// Standard input, which must not be longer than a file may be.
fn standard_input() -> Result<Vec<u8>, CliError> {
    const MOST_BYTES: u64 = 1 << 20;
    let bytes = NamedFile::new(Path::new("-")).read(MOST_BYTES, String::new)?;
    if is_longer(&bytes, MOST_BYTES) {
        return Err(CliError::Usage("standard input is larger than 1024 KiB, which is no sysctl file".to_owned()));
    }
    Ok(bytes)
}

/// What is to be read of the running kernel: every key of the files, and what they are judged by.
pub(in crate::ui::cli) fn lint_keys(tree: &SysctlTree) -> Vec<SysctlKey> {
    let besides = AVAILABLE_KEYS.iter().filter_map(|key| key.parse().ok());
    tree.keys().into_iter().chain(besides).collect()
}

/// The kernel that the files are for. What runs here tells nothing of another kernel or of another system's files.
pub(in crate::ui::cli) fn lint_host(
    snapshot: &Snapshot,
    asked: Option<KernelVersion>,
    foreign: bool,
    context: &Context<'_>,
) -> LintHost {
    let version = asked.or(snapshot.kernel.version);
    let own = !foreign && asked.is_none_or(|asked| snapshot.kernel.version == Some(asked));
    LintHost {
        version,
        hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz).filter(|_| own),
        memory_kib: snapshot.memory_kib.filter(|_| !foreign),
        sysctls: if own { snapshot.sysctls.clone() } else { Default::default() },
        loaded_modules: if own { read_loaded_modules(&context.proc_root) } else { None },
    }
}
