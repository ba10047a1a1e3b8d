//! What is told of two readings, whatever the kernel and the clocks did in between: the right number, or none.
//!
//! One table of damage is done to an honest pair of readings, and everything that is made of two must keep to that.

use proptest::prelude::*;
use tcpctl::diagnose::diagnose;
use tcpctl::report::{CounterView, Measured, MetricsFormat, StatusView, main_counters, render_metrics};
use tcpctl::snapshot::{DeviceQueue, Drops, Snapshot, SocketSource, SoftnetCpu, parse_stored};

/// A reading with a listener of which sock_diag tells, processors that count, and a queue of a device.
fn reading(at: &At) -> Snapshot {
    let mut snapshot = parse_stored(include_str!("../data/snapshots/version-1.json")).unwrap().last().clone();
    snapshot.monotonic_ms = at.monotonic_ms;
    snapshot.taken_unix_ms = at.unix_ms;
    snapshot.boot_id = at.boot.map(|boot| boot.to_string());
    (snapshot.netns.inode, snapshot.netns.cookie) = (Some(7), at.cookie);
    for (file, group) in [(&mut snapshot.counters.netstat, "TcpExt"), (&mut snapshot.counters.snmp, "Tcp")] {
        for (name, total) in file.as_mut().unwrap().get_mut(group).unwrap() {
            *total = if name == "CurrEstab" { 3 } else { at.total };
        }
    }
    let row = |(cpu, dropped): (u32, &u32)| SoftnetCpu {
        cpu: Some(cpu),
        processed: u64::from(*dropped),
        dropped: u64::from(*dropped),
        time_squeeze: u64::from(*dropped),
    };
    snapshot.counters.softnet = Some((0..).zip(&at.cpus).map(row).collect());
    snapshot.counters.queues = Some(vec![DeviceQueue {
        device: "eth0".to_owned(),
        index: Some(2),
        kind: "fq".to_owned(),
        dropped: u64::from(at.drops),
        waiting_bytes: 0,
    }]);
    let sockets = snapshot.sockets.as_mut().unwrap();
    sockets.source = SocketSource::SockDiag;
    for listener in &mut sockets.listeners {
        (listener.cookie, listener.drops, listener.backlog) = (9, Drops::Total(at.drops), Some(8));
    }
    snapshot
}

/// What differs from reading to reading.
#[derive(Clone, Debug)]
struct At {
    monotonic_ms: u64,
    unix_ms: u64,
    boot: Option<u8>,
    cookie: Option<u64>,
    total: i64,
    cpus: Vec<u32>,
    drops: u32,
}

prop_compose! {
    /// Clocks and counters that may be anything: at the ends of what they hold, before and behind each other.
    fn any_time()(
        monotonic_ms in prop_oneof![Just(0), Just(u64::MAX), 0..10_000_u64, any::<u64>()],
        unix_ms in prop_oneof![Just(0), Just(u64::MAX), any::<u64>()],
        boot in proptest::option::of(0..2_u8),
        cookie in proptest::option::of(0..2_u64),
        total in prop_oneof![Just(i64::MAX), Just(i64::MIN), Just(-1), 0..1_000_i64, any::<i64>()],
        cpus in proptest::collection::vec(prop_oneof![0..9_u32, Just(u32::MAX), any::<u32>()], 0..4),
        drops in prop_oneof![0..9_u32, Just(u32::MAX), any::<u32>()],
    ) -> At {
        At { monotonic_ms, unix_ms, boot, cookie, total, cpus, drops }
    }
}

impl At {
    /// Whether two readings are of one boot and namespace, the first before the second.
    fn is_before(&self, now: &Self) -> bool {
        let differ = self.boot.zip(now.boot).is_some_and(|(one, other)| one != other)
            || self.cookie.zip(now.cookie).is_some_and(|(one, other)| one != other);
        !differ && self.monotonic_ms < now.monotonic_ms
    }

    fn softnet_rise(&self, now: &Self) -> Option<u64> {
        let both: Vec<_> =
            self.cpus.iter().zip(&now.cpus).map(|(before, now)| u64::from(now.wrapping_sub(*before))).collect();
        (!both.is_empty()).then(|| both.iter().sum())
    }
}

fn find<'a>(views: &'a [CounterView], name: &str) -> &'a CounterView {
    views.iter().find(|view| view.name == name).unwrap()
}

proptest! {
    #[test]
    fn rates_are_of_what_rose_in_one_namespace_and_boot_or_there_are_none(before in any_time(), now in any_time()) {
        let views = main_counters(&reading(&now), Some(&reading(&before)));
        let window_ms = before.is_before(&now).then(|| now.monotonic_ms - before.monotonic_ms);
        let rise = now.total.checked_sub(before.total).and_then(|rise| u64::try_from(rise).ok());
        let expected = [
            ("RetransSegs", rise.filter(|_| window_ms.is_some())),
            ("softnet_dropped", before.softnet_rise(&now).filter(|_| window_ms.is_some())),
        ];
        for (name, rise) in expected {
            let view = find(&views, name);
            prop_assert_eq!(view.rise, rise, "{}", name);
            let milli = rise.zip(window_ms).map(|(rise, ms)| u128::from(rise) * 1_000_000 / u128::from(ms));
            prop_assert_eq!(view.milli_per_s.map(u128::from), milli.filter(|milli| *milli <= u128::from(u64::MAX)));
        }
        let status = StatusView::new(&reading(&now), Some(&reading(&before)), &[]);
        prop_assert_eq!(status.window_ms, window_ms);
        prop_assert_eq!(status.state_changes.is_some(), window_ms.is_some());
    }

    #[test]
    fn findings_and_metrics_of_two_readings_have_a_window_or_say_why_not(before in any_time(), now in any_time()) {
        let (older, newer) = (reading(&before), reading(&now));
        let judged = diagnose(&newer, Some(&older));
        let window_ms = before.is_before(&now).then(|| now.monotonic_ms - before.monotonic_ms);
        prop_assert_eq!(judged.window_ms, window_ms);
        let [text] = render_metrics(&Measured::new(&newer, Some(&older), &judged), [MetricsFormat::Classic]);
        prop_assert_eq!(text.contains("tcpctl_window_seconds{"), window_ms.is_some());
        if window_ms.is_none() {
            // Of one reading no more can be said than of the newer alone.
            let alone = diagnose(&newer, None);
            prop_assert_eq!(&judged.findings, &alone.findings);
            prop_assert!(judged.undecided.len() >= alone.undecided.len());
        }
    }
}
