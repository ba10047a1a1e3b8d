//! `tcpctl params`.

use std::path::Path;

use crate::catalog;
use crate::explain::{Ask, Overrides, key_effects};
use crate::report::{
    BothReaders, ParameterPage, ParameterPageView, ParameterRow, ParametersView, render_parameter_page,
    render_parameters,
};
use crate::snapshot::{Snapshot, SysctlReading};
use crate::tune::{KeyGlob, LintFinding, LintHost, SysctlTree, lint, read_loaded_modules, read_sysctl_tree};
use crate::ui::cli::args::ParamsArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit};
use crate::units::SysctlKey;

/// Lists parameters with this host's values, or tells all about one.
pub(in crate::ui::cli) fn run(args: &ParamsArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let chosen = choose(args.pattern.as_deref())?;
    let (keys, page) = match &chosen {
        Chosen::One(key) => (vec![key.clone()], !args.changed),
        Chosen::Many(keys) => (keys.clone(), false),
    };
    let root = args.root.as_deref().unwrap_or(Path::new("/"));
    if !root.is_dir() {
        return Err(CliError::Usage(format!("there is no directory {} to read", root.display())));
    }
    let snapshot = read_snapshot(context, Depth::Settings, keys.iter().cloned())?;
    // The files of this host are not those of the one that was stored.
    let reads_files = context.stored.is_none() || args.root.is_some();
    let tree = if reads_files { read_sysctl_tree(root) } else { SysctlTree::default() };
    let readers = BothReaders::new(&tree);
    let files = reads_files.then_some((&readers.boot, &readers.by_hand));
    let mut rows: Vec<ParameterRow> = keys.into_iter().map(|key| ParameterRow::new(key, &snapshot, files)).collect();
    if let (true, [row]) = (page, rows.as_slice()) {
        return one(row, &snapshot, &tree, context);
    }
    if args.changed {
        rows.retain(|row| row.is_changed() == Some(true));
    } else if args.pattern.is_none() && !context.json {
        // What this kernel does not have is told when it is asked for.
        rows.retain(|row| row.exists() && row.reading != Some(SysctlReading::Absent));
    }
    if context.json {
        context.print_json(&ParametersView::new(&rows, &snapshot))?;
    } else {
        write!(context.out, "{}", render_parameters(&rows, context.width, context.ascii))?;
    }
    Ok(Exit::Ok)
}

/// What a pattern stands for.
enum Chosen {
    /// One key by its name.
    One(SysctlKey),
    /// Keys of the table.
    Many(Vec<SysctlKey>),
}

fn choose(pattern: Option<&str>) -> Result<Chosen, CliError> {
    let keys = |wanted: &dyn Fn(&catalog::Parameter) -> bool| -> Vec<SysctlKey> {
        let rows = catalog::parameters().filter(|row| wanted(row));
        rows.filter_map(|row| row.key.parse().ok()).collect()
    };
    let Some(pattern) = pattern else { return Ok(Chosen::Many(keys(&|_| true))) };
    if let Some(row) = catalog::find_by_name(pattern) {
        return row.key.parse().map(Chosen::One).map_err(|error| CliError::Usage(format!("{error}")));
    }
    let found = match KeyGlob::parse(&whole(pattern)) {
        Some(glob) => keys(&|row| {
            let name = if pattern.contains(['.', '/']) { row.key.to_owned() } else { whole(row.leaf()) };
            name.parse().is_ok_and(|key| glob.matches(&key))
        }),
        None => keys(&|row| row.key.contains(&pattern.to_lowercase().replace('/', "."))),
    };
    match (found.is_empty(), pattern.parse::<SysctlKey>()) {
        (false, _) => Ok(Chosen::Many(found)),
        // A key of somebody else's has a value and files, if nothing more.
        (true, Ok(key)) if catalog::elsewhere(key.as_str()).is_some() || !catalog::is_charted(key.as_str()) => {
            Ok(Chosen::One(key))
        }
        (true, _) => Err(CliError::Usage(nothing(pattern))),
    }
}

/// A name without a folder gets one, so that a pattern is matched with last parts.
fn whole(name: &str) -> String {
    if name.contains(['.', '/']) { name.to_owned() } else { format!("key.{name}") }
}

fn nothing(pattern: &str) -> String {
    let near = match catalog::nearest(pattern).as_slice() {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    };
    format!("no parameter is called `{pattern}` or has that in its name{near}")
}

fn one(
    row: &ParameterRow,
    snapshot: &Snapshot,
    tree: &SysctlTree,
    context: &mut Context<'_>,
) -> Result<Exit, CliError> {
    let absent = matches!(row.reading, Some(SysctlReading::Absent) | None);
    if row.known.is_none() && absent {
        return Err(CliError::Usage(nothing(row.key.as_str())));
    }
    let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
    let values = snapshot.sysctls.values();
    let ask = Ask::new(snapshot.kernel.version, hz, snapshot.memory_kib, &values, &Overrides::default());
    let effects = ask.map_or_else(|_| Vec::new(), |ask| key_effects(row.key.as_str(), &ask));
    let findings = findings(row, snapshot, tree, context);
    let namespace = snapshot.netns.name.as_deref();
    let page = ParameterPage { row, effects: &effects, asked: None, findings: &findings, hz, namespace };
    if context.json {
        context.print_json(&ParameterPageView::from(&page))?;
    } else {
        write!(context.out, "{}", render_parameter_page(&page, context.width, context.ascii))?;
    }
    Ok(Exit::Ok)
}

/// What lint says of the lines about this key, where the files reach the namespace.
fn findings(row: &ParameterRow, snapshot: &Snapshot, tree: &SysctlTree, context: &Context<'_>) -> Vec<LintFinding> {
    if row.provenance.is_none() {
        return Vec::new();
    }
    let host = LintHost {
        version: snapshot.kernel.version,
        hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz),
        memory_kib: snapshot.memory_kib,
        sysctls: snapshot.sysctls.clone(),
        loaded_modules: read_loaded_modules(&context.proc_root),
    };
    let about = |finding: &LintFinding| {
        finding.key.as_deref().and_then(|key| key.parse::<SysctlKey>().ok()).is_some_and(|key| key == row.key)
    };
    lint(tree, &host).findings.into_iter().filter(about).collect()
}
