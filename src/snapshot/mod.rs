//! What was seen on a host, and what could not be seen.
//!
//! For: one plain value that every reading command, rule and screen works from, live or replayed.
//! Must not: read anything itself, judge, or turn a missing reading into a zero.
//! Mirrors: sock_diag, `/proc/net/{snmp,netstat,sockstat,sockstat6,softnet_stat}`, `/proc/sys`.

mod counters;
mod format;
mod gap;
mod host;
mod namespaces;
mod order;
mod redact;
mod rows;
mod samples;
mod sockets;
mod stored;
mod survey;
mod sysctls;

pub use counters::{Counters, DeviceQueue, SoftnetCpu};
pub use format::{SNAPSHOT_FORMAT, SnapshotField, SnapshotTable};
pub use gap::{Gap, GapKind};
pub use host::{Capabilities, HzReading, HzSource, Kernel, Netns};
pub use namespaces::{
    DifferentSetting, NamespaceFacts, NamespaceName, NamespaceReading, NamespaceReadings, NamespaceSurvey,
};
pub use order::NotComparable;
pub use redact::{Redacted, Redaction, RedactionKey, WeakKey, redact};
pub use rows::{RowsWriter, StoredRows};
pub use samples::{Pace, ReceiveMemory, Sample, Samples, SentData, SocketRow};
pub use sockets::{AddressUse, Drops, Listener, PortUse, Process, SocketOwner, SocketSource, Sockets};
pub use stored::{
    StoredError, StoredSnapshots, decode_readings, parse_readings, parse_stored, render_around_rows, render_stored,
};
pub use survey::{CloseWait, Holder, PortSide, SharedPort, SharedPorts, SocketSurvey};
pub use sysctls::{SysctlReading, Sysctls};

mod whole;
pub use whole::{SCHEMA_VERSION, Snapshot};
