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
    /// Its index, which another device of that name does not get; nothing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
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

impl DeviceQueue {
    /// Whether these are surely not the queues of one device.
    fn is_another(&self, other: &Self) -> bool {
        match self.index.zip(other.index) {
            Some((one, other)) => one != other,
            None => self.device != other.device,
        }
    }

    /// How many packets it dropped since an older reading of all queues. One that is new since then, or another one, has
    /// dropped all of its drops in between.
    #[must_use]
    pub fn dropped_since(&self, before: &[Self]) -> u64 {
        /// So many are not dropped between two readings: a counter that fell was not full, but is another queue's.
        const SUDDEN: u64 = 1 << 28;
        let older = before.iter().find(|older| !self.is_another(older) && older.kind == self.kind);
        let Some(older) = older.map(|older| older.dropped) else { return self.dropped };
        match self.dropped.checked_sub(older) {
            Some(rise) => rise,
            None => wrapped_rise(older, self.dropped).filter(|rise| *rise < SUDDEN).unwrap_or(self.dropped),
        }
    }
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

    /// How much a column of `/proc/net/softnet_stat` rose on each CPU that both readings have, beside the newer row;
    /// nothing when it could not be read twice.
    ///
    /// The kernel counts these in 32 bits (`struct softnet_data`), so on a busy host they begin anew within an hour. A CPU
    /// that is new brings what it counted before it was taken away, and one that has gone has no row.
    #[must_use]
    pub fn softnet_rises(&self, before: &Self, column: fn(&SoftnetCpu) -> u64) -> Option<Vec<(&SoftnetCpu, u64)>> {
        let (before, now) = (before.softnet.as_deref()?, self.softnet.as_deref()?);
        // Before 5.10 rows do not say whose they are; then they are those of the CPUs in their order.
        let older = |place: usize, row: &SoftnetCpu| match row.cpu {
            Some(_) => before.iter().find(|older| older.cpu == row.cpu),
            None => before.get(place).filter(|older| older.cpu.is_none() && before.len() == now.len()),
        };
        let rise = |(place, row)| Some((row, wrapped_rise(column(older(place, row)?), column(row))?));
        Some(now.iter().enumerate().filter_map(rise).collect())
    }

    /// How many packets full input queues dropped on all CPUs that both readings have; nothing when there are none.
    #[must_use]
    pub fn softnet_dropped_since(&self, before: &Self) -> Option<u64> {
        let rises = self.softnet_rises(before, |row| row.dropped)?;
        let sum = || rises.iter().fold(0_u64, |sum, (_, rise)| sum.saturating_add(*rise));
        (!rises.is_empty()).then(sum)
    }
}

/// By how much a counter of 32 bits rose that may have begun anew once; nothing of a number that no such counter has.
fn wrapped_rise(before: u64, now: u64) -> Option<u64> {
    let (before, now) = (u32::try_from(before).ok()?, u32::try_from(now).ok()?);
    Some(now.wrapping_sub(before).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(rows: &[(Option<u32>, u64)]) -> Counters {
        let row = |&(cpu, dropped): &(Option<u32>, u64)| SoftnetCpu { cpu, processed: 0, dropped, time_squeeze: 0 };
        Counters { softnet: Some(rows.iter().map(row).collect()), ..Counters::default() }
    }

    #[test]
    fn a_cpu_that_comes_or_goes_brings_and_takes_nothing() {
        let both = rows(&[(Some(0), 5), (Some(1), 700)]);
        let one = rows(&[(Some(0), 8)]);
        assert_eq!(
            (one.softnet_dropped_since(&both), both.softnet_dropped_since(&rows(&[(Some(0), 1)]))),
            (Some(3), Some(4))
        );
        // Rows without a number are told apart by their places alone.
        let unnamed = rows(&[(None, 1), (None, 2)]);
        assert_eq!(unnamed.softnet_dropped_since(&rows(&[(None, 1)])), None);
        assert_eq!(rows(&[]).softnet_dropped_since(&both), None);
        assert_eq!(both.softnet_dropped_since(&Counters::default()), None);
    }

    fn queue(device: &str, index: Option<u32>, dropped: u64) -> DeviceQueue {
        DeviceQueue { device: device.to_owned(), index, kind: "fq".to_owned(), dropped, waiting_bytes: 0 }
    }

    #[test]
    fn a_queue_is_held_against_its_own_past() {
        let before = [queue("eth0", Some(2), 100), queue("veth1", Some(7), 50)];
        let since = |device: &str, index, dropped| queue(device, index, dropped).dropped_since(&before);
        assert_eq!((since("eth0", Some(2), 130), since("eth1", Some(3), 9)), (30, 9));
        // A name that cannot be read at one time, a device that was made anew under its name, and one of an older file.
        assert_eq!(
            (since("device 2", Some(2), 130), since("veth1", Some(9), 60), since("veth1", None, 60)),
            (30, 60, 10)
        );
        let of_another_kind = DeviceQueue { kind: "tbf".to_owned(), ..queue("eth0", Some(2), 130) };
        assert_eq!(of_another_kind.dropped_since(&before), 130);
    }

    proptest! {
        #[test]
        fn drops_of_a_queue_are_told_across_the_end_of_its_counter_and_where_it_was_made_anew(
            before: u32, rise in 0..1_u32 << 27, anew in 0..1_u32 << 27,
        ) {
            let now = before.wrapping_add(rise);
            let since = |now: u32, before: u32| {
                queue("eth0", Some(2), now.into()).dropped_since(&[queue("eth0", Some(2), before.into())])
            };
            prop_assert_eq!(since(now, before), u64::from(rise));
            if before > anew && before < 1 << 31 {
                prop_assert_eq!(since(anew, before), u64::from(anew));
            }
        }

        #[test]
        fn what_was_dropped_is_told_whatever_the_counters_began_with(
            cpus in proptest::collection::vec((any::<u32>(), 0..1_000_000_u32), 1..8),
            garbage in u64::from(u32::MAX) + 1..=u64::MAX,
        ) {
            let all = |of: &dyn Fn(&(u32, u32)) -> u32| {
                rows(&(0..).zip(&cpus).map(|(cpu, row)| (Some(cpu), of(row).into())).collect::<Vec<_>>())
            };
            let before = all(&|(before, _)| *before);
            let now = all(&|(before, rise)| before.wrapping_add(*rise));
            let sum: u64 = cpus.iter().map(|(_, rise)| u64::from(*rise)).sum();
            prop_assert_eq!(now.softnet_dropped_since(&before), Some(sum));
            prop_assert_eq!(rows(&[(Some(0), garbage)]).softnet_dropped_since(&before), None);
        }
    }
}
