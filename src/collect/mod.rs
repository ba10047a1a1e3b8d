//! Reads one network namespace of the kernel into a `Snapshot`.
//!
//! For: asking every source once, cheapest first, and writing down what each gave or why it gave nothing.
//! Must not: judge, keep rows of sockets (they are handed on one by one), or let one source that fails take another with it.
//! Mirrors: what `ss`, `nstat` and `sysctl` read.

mod counters;
mod device_queues;
mod holders;
mod host;
mod kept;
mod live;
mod names;
mod namespaces;
mod owners;
mod queues;
mod row_places;
mod rows;
mod sockets;
mod source;
mod states;
mod survey;
mod syn_queues;
mod sysctls;
mod tables;
mod tally;
mod trace;
mod trace_merge;
mod trace_sockets;
mod walk;

pub use holders::Holders;
pub use live::live;
pub use names::{read_cgroups, read_filter};
pub use namespaces::{live_namespaces, survey_namespaces};
pub use owners::name_owners;
pub use row_places::{RowPlace, find_row_places};
pub use rows::{RowsWanted, ShownStates, SocketRows, SocketRowsError};
pub use source::{CollectError, SocketReading, Source, Whose};
pub use survey::{Wanted, survey};
pub use syn_queues::{SynQueues, SynQueuesError};
pub use trace::{
    KernelFunctions, TraceClocks, TraceFilter, TraceLosses, TraceWanted, Tracing, TracingError, read_trace_clocks,
};
pub use trace_merge::{Missing, Traced};
pub use trace_sockets::{SocketAsker, SocketUntold};
