//! What buffers and orphans may take at worst, against what there is.

use super::{Change, Plan};
use crate::snapshot::Snapshot;

/// The keys that it follows from, which a plan has to read besides its own.
pub const MEMORY_KEYS: [&str; 4] =
    ["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans"];

/// What buffers and orphans may take at worst after a plan. What is not known is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryWorst {
    /// Bytes that both buffers of one connection may grow to now.
    pub connection_before: u64,
    /// And then.
    pub connection_after: u64,
    /// Memory of the host in bytes.
    pub memory: Option<u64>,
    /// Bytes that TCP may hold before it is under pressure and buffers stop growing (`tcp_mem[1]`).
    pub pressure: Option<u64>,
    /// Orphans at most, where the plan changes that.
    pub orphans: Option<u64>,
}

impl MemoryWorst {
    /// Bytes that an orphan holds at worst, by the kernel's own reckoning (Documentation/networking/ip-sysctl.rst).
    pub const ORPHAN_BYTES: u64 = 64 << 10;

    /// How many connections can have both buffers full before TCP is under pressure.
    #[must_use]
    pub fn connections_to_pressure(&self) -> Option<u64> {
        self.pressure?.checked_div(self.connection_after)
    }

    /// How many connections with both buffers full are as large as the memory of the host.
    #[must_use]
    pub fn connections_to_memory(&self) -> Option<u64> {
        self.memory?.checked_div(self.connection_after)
    }

    /// Bytes that all orphans hold at worst.
    #[must_use]
    pub fn orphan_bytes(&self) -> Option<u64> {
        self.orphans?.checked_mul(Self::ORPHAN_BYTES)
    }

    /// Whether fewer than 64 connections put TCP under pressure, or orphans could take half of the memory.
    #[must_use]
    pub fn is_risky(&self) -> bool {
        let few = self.connections_to_pressure().is_some_and(|count| count < 64);
        let half = self.memory.map(|bytes| bytes / 2);
        few || self.orphan_bytes().zip(half).is_some_and(|(orphans, half)| orphans > half)
    }
}

/// What a plan may take at worst, if it changes anything of that; nothing while a buffer's limit is not known.
#[must_use]
pub fn weigh_memory(plan: &Plan, snapshot: &Snapshot, page_bytes: u64) -> Option<MemoryWorst> {
    let change = |key: &str| -> Option<&Change> { plan.changes.iter().find(|change| change.key.as_str() == key) };
    let touched = MEMORY_KEYS.iter().any(|key| change(key).is_some());
    if !touched {
        return None;
    }
    let last = |text: &str| -> Option<u64> { text.split_whitespace().last()?.parse().ok() };
    let now = |key: &str| snapshot.sysctls.value(key).and_then(last);
    let then = |key: &str| change(key).map_or_else(|| now(key), |change| last(&change.after));
    let [rmem, wmem, mem, orphans] = MEMORY_KEYS;
    let pages = |text: &str| -> Option<u64> { text.split_whitespace().nth(1)?.parse().ok() };
    let limit = change(mem).map(|change| change.after.as_str()).or_else(|| snapshot.sysctls.value(mem));
    Some(MemoryWorst {
        connection_before: now(rmem)?.checked_add(now(wmem)?)?,
        connection_after: then(rmem)?.checked_add(then(wmem)?)?,
        memory: snapshot.memory_kib.and_then(|kib| kib.checked_mul(1024)),
        pressure: limit.and_then(pages).and_then(|pages| pages.checked_mul(page_bytes)),
        orphans: change(orphans).and_then(|change| last(&change.after)),
    })
}
