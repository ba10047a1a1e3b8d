//! Reading the kernel as the global options say.

use super::CliError;
use super::context::Context;
use crate::catalog;
use crate::collect::{self, SocketReading, Source, Whose};
use crate::model::Settings;
use crate::snapshot::Snapshot;
use crate::units::SysctlKey;

/// How much to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Kernel, sysctls and counters.
    Settings,
    /// Sockets as well.
    Sockets,
    /// The processes of listeners as well.
    Processes,
}

/// Reads a snapshot of the namespace that was asked for.
pub(super) fn read_snapshot(context: &Context<'_>, depth: Depth) -> Result<Snapshot, CliError> {
    let source = Source {
        proc_root: context.proc_root.clone(),
        netns: context.netns.clone(),
        keys: keys(),
        sockets: if depth == Depth::Settings { SocketReading::Skip } else { SocketReading::Best },
        processes: depth == Depth::Processes,
    };
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
