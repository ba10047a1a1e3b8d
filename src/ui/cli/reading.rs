//! Reading the kernel as the global options say.

use super::CliError;
use super::context::Context;
use crate::catalog;
use crate::collect::{self, SocketReading, Source, Whose};
use crate::model::Settings;
use crate::snapshot::Snapshot;
use crate::units::SysctlKey;

/// Reads a snapshot of the namespace that was asked for: kernel, sysctls and counters always, sockets and the
/// processes of listeners as wanted.
pub(super) fn read_snapshot(
    context: &Context<'_>,
    sockets: SocketReading,
    processes: bool,
) -> Result<Snapshot, CliError> {
    let source =
        Source { proc_root: context.proc_root.clone(), netns: context.netns.clone(), keys: keys(), sockets, processes };
    collect::live(&source).map_err(|error| match error.whose() {
        Whose::Request => CliError::Usage(error.to_string()),
        Whose::Permission => CliError::NotPermitted(error.to_string()),
        Whose::Kernel => CliError::failure(error),
    })
}

/// Every key of the catalogue, and those of the model if one were not in it.
fn keys() -> Vec<SysctlKey> {
    let catalogued = catalog::parameters().map(|parameter| parameter.key);
    let mut keys: Vec<SysctlKey> = catalogued.chain(Settings::keys()).filter_map(|key| key.parse().ok()).collect();
    keys.sort();
    keys.dedup();
    keys
}
