//! What the files of settings say, for the rules that judge them.

use std::path::Path;

use super::CliError;
use super::commands::lint::{lint_host, lint_keys};
use super::context::Context;
use super::reading::{Depth, read_snapshot};
use crate::catalog;
use crate::diagnose::{FaultKind, FileFault, SettingFiles, SettledValue};
use crate::snapshot::{Snapshot, SysctlReading};
use crate::tune::{
    LintFinding, Reader, Resolver, Severity, SysctlTree, is_about_harm, lint, read_programs, read_sysctl_tree,
};
use crate::units::SysctlKey;

/// Reads the files of this host, and beside them what is so now in the namespace that is read.
pub(super) fn read_setting_files(root: &Path, context: &Context<'_>) -> Result<SettingFiles, CliError> {
    let tree = read_sysctl_tree(root);
    let snapshot = read_snapshot(context, Depth::Settings, lint_keys(&tree))?;
    let linted = lint(&tree, &lint_host(&snapshot, None, false, context));
    Ok(SettingFiles {
        settled: settled(&tree, &snapshot),
        faults: linted.findings.iter().filter(|one| one.severity != Severity::Note).map(fault).collect(),
        writers: read_programs(&context.proc_root),
    })
}

/// What the administrator's lines come to at boot, of keys that are known here and that can be compared.
fn settled(tree: &SysctlTree, snapshot: &Snapshot) -> Vec<SettledValue> {
    let resolver = Resolver::new(tree, Reader::Systemd);
    let one = |key: SysctlKey| {
        catalog::find(key.as_str())?;
        let winner = resolver.decide(&key).decided_by.filter(|winner| !winner.vendor)?;
        let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
        // What the kernel refuses is lint's to say.
        let value = catalog::kept_value(key.as_str(), &winner.value, snapshot.kernel.version?, hz).ok()?;
        let running = match snapshot.sysctls.readings.get(&key)? {
            SysctlReading::Value(value) => SysctlReading::Value(catalog::canonical_value(key.as_str(), value)),
            other => other.clone(),
        };
        Some(SettledValue {
            value,
            running,
            place: format!("{}:{}", winner.file, winner.place.line),
            module: catalog::module_of(key.as_str()),
            key: key.as_str().to_owned(),
        })
    };
    tree.keys().into_iter().filter_map(one).collect()
}

fn fault(found: &LintFinding) -> FileFault {
    FileFault {
        rule: found.rule.id,
        kind: if is_about_harm(found.rule) { FaultKind::Harmful } else { FaultKind::NotKept },
        place: match found.place {
            Some(place) => format!("{}:{}", found.file, place.line),
            None => found.file.clone(),
        },
        message: found.message.clone(),
        why: found.why.clone(),
        instead: found.instead.clone(),
    }
}
