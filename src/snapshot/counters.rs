//! Kernel counters by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counters as the kernel names them; a source that could not be read is nothing, not empty.
///
/// Totals since the namespace was made. They can be negative (`Tcp:MaxConn` is −1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// `/proc/net/snmp`: `Tcp` → `CurrEstab` → value.
    pub snmp: Option<BTreeMap<String, BTreeMap<String, i64>>>,
    /// `/proc/net/netstat`: `TcpExt` → `ListenDrops` → value.
    pub netstat: Option<BTreeMap<String, BTreeMap<String, i64>>>,
    /// `/proc/net/sockstat` and `sockstat6`: `TCP` → `tw` → value; each of the two files may be missing.
    /// `orphan`, `alloc` and `mem` are of the whole host in every namespace, `inuse` and `tw` of this one.
    pub sockstat: Option<BTreeMap<String, BTreeMap<String, i64>>>,
    /// `/proc/net/softnet_stat`, a row a CPU; of the whole host in every namespace.
    pub softnet: Option<Vec<SoftnetCpu>>,
    /// The queue of each device that has one; nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queues: Option<Vec<DeviceQueue>>,
}

/// The queue (root queueing discipline) of a network device, as rtnetlink tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceQueue {
    /// Name of the device.
    pub device: String,
    /// What it is: `fq_codel`.
    pub kind: String,
    /// Packets that it dropped, since it was made; the kernel counts to 2^32.
    pub dropped: u64,
    /// Bytes that wait in it.
    pub waiting_bytes: u64,
}

/// One CPU's row of `/proc/net/softnet_stat` (`softnet_seq_show`, net/core/net-procfs.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftnetCpu {
    /// CPU number; nothing on kernels before 5.10, which do not print it.
    pub cpu: Option<u32>,
    /// Packets processed.
    pub processed: u64,
    /// Packets dropped because the input queue was full (`net.core.netdev_max_backlog`).
    pub dropped: u64,
    /// Times the softirq ran out of budget with work left.
    pub time_squeeze: u64,
}

impl Counters {
    /// A counter of `/proc/net/netstat` `TcpExt`.
    #[must_use]
    pub fn tcp_ext(&self, name: &str) -> Option<i64> {
        self.netstat.as_ref()?.get("TcpExt")?.get(name).copied()
    }

    /// A counter of `/proc/net/snmp` `Tcp`.
    #[must_use]
    pub fn tcp(&self, name: &str) -> Option<i64> {
        self.snmp.as_ref()?.get("Tcp")?.get(name).copied()
    }

    /// A figure of `/proc/net/sockstat{,6}`, such as `("TCP", "tw")`.
    #[must_use]
    pub fn sockstat(&self, group: &str, name: &str) -> Option<i64> {
        self.sockstat.as_ref()?.get(group)?.get(name).copied()
    }

    /// Packets dropped by full input queues, over all CPUs.
    #[must_use]
    pub fn softnet_dropped(&self) -> Option<i64> {
        let dropped = self.softnet.as_ref()?.iter().fold(0_u64, |sum, row| sum.saturating_add(row.dropped));
        i64::try_from(dropped).ok()
    }
}
