//! Reads one network namespace of the kernel into a `Snapshot`.
//!
//! For: asking every source once, cheapest first, and writing down what each gave or why it gave nothing.
//! Must not: judge, keep rows of sockets, or let one source that fails take another with it.
//! Mirrors: what `ss`, `nstat` and `sysctl` read.

mod counters;
mod host;
mod live;
mod namespaces;
mod owners;
mod sockets;
mod source;
mod states;
mod survey;
mod sysctls;
mod tables;
mod tally;
mod walk;

pub use live::live;
pub use namespaces::survey_namespaces;
pub use source::{CollectError, SocketReading, Source, Whose};
pub use survey::{Wanted, survey};
