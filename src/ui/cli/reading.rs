//! Reading the kernel as the global options say.

use super::CliError;
use super::context::Context;
use crate::collect::{self, SocketReading, Source};
use crate::diagnose;
use crate::model::Settings;
use crate::snapshot::{Snapshot, SysctlReading};
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
    /// The listeners with both queues and their processes, without a row of any other socket.
    Listeners,
    /// Everything while there are not too many sockets, else exact counts of states.
    Fitting,
    /// Exact counts of states and the listeners.
    States,
    /// Counters and the listeners, without a walk through the sockets.
    Sums,
    /// The same with the listeners' SYN queues, where a program in the kernel may read them.
    SumsAndQueues,
}

/// Reads a snapshot of the namespace that was asked for, with the sysctls that the model and the rules take and
/// these besides.
pub(super) fn read_snapshot(
    context: &Context<'_>,
    depth: Depth,
    besides: impl IntoIterator<Item = SysctlKey>,
) -> Result<Snapshot, CliError> {
    let source = source(context, depth, besides);
    match &context.stored {
        Some(stored) => Ok(with_keys(stored.last().clone(), &source.keys)),
        None => Ok(collect::live(&source)?),
    }
}

/// What to read for that.
pub(super) fn source(context: &Context<'_>, depth: Depth, besides: impl IntoIterator<Item = SysctlKey>) -> Source {
    let keys = keys(besides);
    Source {
        proc_root: context.proc_root.clone(),
        netns: context.netns.clone(),
        keys,
        sockets: match depth {
            Depth::Settings => SocketReading::Skip,
            Depth::Sockets | Depth::Processes => SocketReading::Best,
            Depth::Listeners => SocketReading::Listeners,
            Depth::States => SocketReading::States,
            Depth::Fitting => SocketReading::Fitting(SocketReading::FITTING),
            Depth::Sums => SocketReading::Sums,
            Depth::SumsAndQueues => SocketReading::SumsAndQueues,
        },
        processes: matches!(depth, Depth::Processes | Depth::Listeners | Depth::Fitting),
        syn_queues: context.syn_queues.clone(),
    }
}

/// The sysctls that the model and the rules take, and these besides, each once.
pub(super) fn keys(besides: impl IntoIterator<Item = SysctlKey>) -> Vec<SysctlKey> {
    let named = Settings::keys().chain(diagnose::keys());
    let mut keys: Vec<SysctlKey> = named.filter_map(|key| key.parse().ok()).chain(besides).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// A stored snapshot, which says of each key that it does not hold that it cannot be told.
pub(super) fn with_keys(mut snapshot: Snapshot, keys: &[SysctlKey]) -> Snapshot {
    tell_unread(&mut snapshot, keys);
    snapshot
}

/// Says in a stored snapshot of each of these keys that it does not hold that it cannot be told.
pub(super) fn tell_unread(snapshot: &mut Snapshot, keys: &[SysctlKey]) {
    for key in keys {
        if !snapshot.sysctls.readings.contains_key(key) {
            let unread = SysctlReading::Unreadable("the stored snapshot does not have it".to_owned());
            snapshot.sysctls.readings.insert(key.clone(), unread);
        }
    }
}
