//! More events than can be read.

use std::fs::read_to_string;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::case::Ran;
use crate::fill::begin_connect;
use crate::place::Place;
use crate::traced::{Traced, device};

/// Connections that send their SYN again once while the drops come.
const CONNECTIONS: u64 = 100;
/// How long it takes from the first SYN until all have been sent again.
const RESENT: Duration = Duration::from_millis(1600);
/// What tracing may take of a processor, in percent, besides what it is told that it may: the beginning and the end.
const BESIDE_SHARE: u64 = 15;
const SHARE: u64 = 25;
/// How much memory it may take while the drops come, in KiB: the pages of a turn, as events.
pub(crate) const MORE_KIB: u64 = 24 << 10;

/// A count of a summary.
pub(crate) fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

/// The field of this name in `/proc/PID/status`, in KiB.
fn memory_kib(process: u32, name: &str) -> u64 {
    memory_of(process, name).expect("the kernel tells it")
}

/// The same; nothing for one that has ended.
pub(crate) fn memory_of(process: u32, name: &str) -> Option<u64> {
    let status = read_to_string(format!("/proc/{process}/status")).expect("proc");
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim_start_matches(':').split_whitespace().next().and_then(|number| number.parse().ok())
}

/// Milliseconds of processor that a process has had.
fn processor_ms(process: u32) -> u64 {
    let stat = read_to_string(format!("/proc/{process}/stat")).expect("proc");
    let words: Vec<&str> = stat.rsplit_once(") ").expect("a name").1.split_whitespace().collect();
    let ticks: u64 = [11, 12].into_iter().map(|at| words[at].parse::<u64>().expect("a number")).sum();
    ticks * 1000 / rustix::param::clock_ticks_per_second()
}

/// Packets that a device of this namespace has dropped on their way out.
fn dropped_by(device: &str) -> u64 {
    let text = read_to_string("/proc/thread-self/net/dev").expect("proc");
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(device)).expect("the own device");
    line.trim_start_matches(':').split_whitespace().nth(11).and_then(|count| count.parse().ok()).expect("a count")
}

/// Sends to a device whose queue nobody empties until it is told to stop.
pub(crate) fn flood(stop: &AtomicBool) {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect("198.18.0.9:9").expect("the device has a route");
    while !stop.load(Ordering::Relaxed) {
        let _ = socket.send(&[0; 8]);
    }
}

/// Wants every drop counted or counted as lost, `exactly` on an emulated machine, where nobody else drops anything; every
/// retransmission that came meanwhile; and neither the memory nor the processor taken by it.
pub(crate) fn flooded(place: &Place, exactly: bool) -> Ran {
    const FULL: &str = "full0";
    place.set("net.ipv4.tcp_syn_retries", "1");
    if Path::new("/proc/sys/net/ipv4/tcp_syn_linear_timeouts").exists() {
        place.set("net.ipv4.tcp_syn_linear_timeouts", "0");
    }
    // What IPv6 sends by itself would be dropped before or after it is looked.
    place.set("net.ipv6.conf.default.disable_ipv6", "1");
    let [.., high, low] = std::process::id().to_be_bytes();
    let (own, peer) = (Ipv4Addr::new(10, high, low, 1), Ipv4Addr::new(10, high, low, 77));
    let _quiet = device("trace0", &own.to_string())?;
    let _full = device(FULL, "198.18.0.1")?;
    let share = SHARE.to_string();
    let wanted = ["--event", "retransmit", "drop", "--summary", "--top", "100000", "--cpu-share", &share];
    let traced = Traced::begin(&wanted)?;
    let process = traced.child.id();
    let first_kib = memory_kib(process, "VmHWM");
    let connecting: Vec<_> = (0..CONNECTIONS).map(|_| begin_connect((peer, 443).into())).collect();
    let stop = AtomicBool::new(false);
    let (half_kib, all_kib, used_ms, wall_ms) = std::thread::scope(|scope| {
        let threads = available_parallelism().map_or(1, usize::from);
        let floods: Vec<_> = (0..threads).map(|_| scope.spawn(|| flood(&stop))).collect();
        sleep(RESENT / 2);
        let (half_kib, used_ms, since) = (memory_kib(process, "VmHWM"), processor_ms(process), Instant::now());
        sleep(RESENT / 2);
        let all_kib = memory_kib(process, "VmHWM");
        let used_ms = processor_ms(process) - used_ms;
        let wall_ms = u64::try_from(since.elapsed().as_millis()).expect("short");
        stop.store(true, Ordering::Relaxed);
        floods.into_iter().for_each(|flood| flood.join().expect("it only sends"));
        (half_kib, all_kib, used_ms, wall_ms)
    });
    let dropped = dropped_by(FULL);
    let (_, summary) = traced.end(Signal::INT, 130);
    drop(connecting);
    let rows = |key: &str| summary[key].as_array().expect("rows").clone();
    let of = |key: &str, wanted: &dyn Fn(&Value) -> bool| -> u64 {
        rows(key).iter().filter(|row| wanted(row)).map(|row| count(&row["count"])).sum()
    };
    let again = of("by_pair", &|pair| pair["local"] == own.to_string() && pair["peer"] == peer.to_string());
    let told = of("by_reason", &|row| row["reason"] == "FULL_RING");
    let lost = of("lost_by", &|row| row["events"] == serde_json::json!(["drop"]));
    // Others change the states of their sockets meanwhile, and that may be more than is read.
    let others = count(&summary["lost"]) - lost;
    assert!(again == CONNECTIONS || (!exactly && again + others >= CONNECTIONS), "{summary}");
    assert!(dropped > 0 && told > 0, "{dropped} {summary}");
    if exactly {
        assert_eq!((told + lost, others), (dropped, 0), "{summary}");
    } else {
        // Others drop packets too, and another run of this may be under way.
        assert!(told + lost >= dropped, "{dropped} {summary}");
    }
    eprintln!(
        "{dropped} drops, {told} told, {lost} lost; {first_kib}, {half_kib} and {all_kib} KiB, {used_ms} of {wall_ms} ms"
    );
    // An emulated processor is busy with finding the names of functions alone.
    assert!(exactly || used_ms * 100 <= wall_ms * (SHARE + BESIDE_SHARE), "{used_ms} ms in {wall_ms}");
    assert!(all_kib <= first_kib + MORE_KIB, "{first_kib}, {half_kib} and {all_kib} KiB");
    Ok(())
}
