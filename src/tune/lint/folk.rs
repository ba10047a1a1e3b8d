//! Settings that go from gist to gist.

use super::{Hit, Judge, LineCase, LintRule, Severity};
use crate::catalog;

/// The first number of tcp_rmem and tcp_wmem is 4096; what is larger than this was meant as something else.
const BUFFER_MIN_MOST: i128 = 65_536;
/// Second numbers above this give every socket megabytes from the start.
const BUFFER_START_MOST: i128 = 4 << 20;
/// Ports below this are where services listen; 55296 are left above it.
const LOWEST_SANE_PORT: i128 = 10_240;
/// A life of FIN-WAIT-2 below this is hardly meant as one.
const SHORT_FIN_WAIT_S: i128 = 30;
/// Longer than an application can ask for (`MAX_TCP_KEEPIDLE`), in seconds.
const LONGEST_S: i128 = 32_767;
/// Retries of a handshake below this give up after one lost packet.
const FEWEST_RETRIES: i128 = 2;
/// More packets than this in one CPU's input queue are delay and no help.
const INPUT_QUEUE_MOST: i128 = 100_000;

const fn rule(
    id: &'static str,
    texts: [&'static str; 3],
    topic: Option<&'static str>,
    check: fn(&LineCase<'_>) -> Option<Hit>,
) -> LintRule {
    let [finds, why, instead] = texts;
    LintRule { id, severity: Severity::Warning, finds, why, instead, topic, judge: Judge::Line(check) }
}

/// The rules.
pub(super) const RULES: &[LintRule] = &[
    rule(
        "fin-timeout-for-time-wait",
        [
            "tcp_fin_timeout lowered against TIME-WAIT",
            "it is the life of FIN-WAIT-2 and not of TIME-WAIT, which no setting changes and which lasts 60 s",
            "delete the line; for ports, net.ipv4.tcp_tw_reuse = 1 and a wider net.ipv4.ip_local_port_range",
        ],
        Some("fin-wait-2"),
        |line| {
            let seconds = line.number_of("net.ipv4.tcp_fin_timeout").filter(|seconds| *seconds > 0)?;
            let comment = line.line.comment.to_lowercase().replace(['-', ' '], "_");
            // Who names FIN-WAIT-2 knows which is which.
            let mistaken = !comment.contains("fin_wait")
                && (seconds < SHORT_FIN_WAIT_S || seconds <= 60 && comment.contains("time_wait"));
            mistaken.then(|| Hit::value(format!("tcp_fin_timeout = {seconds} does not shorten TIME-WAIT")))
        },
    ),
    rule(
        "fin-timeout-above-60",
        [
            "tcp_fin_timeout above 60",
            "above 60 the kernel first waits F - 60 s and then F - 60 s again: 61 lasts 2 s, 90 lasts 60 s",
            "60 or less",
        ],
        Some("fin-wait-2"),
        |line| {
            let seconds =
                line.number_of("net.ipv4.tcp_fin_timeout").filter(|s| (61..=LONGEST_S).contains(s) && *s != 120)?;
            Some(Hit::value(format!("tcp_fin_timeout = {seconds} makes FIN-WAIT-2 last {} s", 2 * (seconds - 60))))
        },
    ),
    rule(
        "buffer-min-too-large",
        [
            "a first or second number of tcp_rmem or tcp_wmem in megabytes",
            "the first is kept for every socket even under memory pressure, and every socket begins with the second",
            "4096 and the kernel's second number; raise the third alone",
        ],
        None,
        buffer_min,
    ),
    rule(
        "memory-in-bytes",
        [
            "tcp_mem or udp_mem in bytes",
            "the unit is pages of 4096 bytes: the limit is never reached, and memory runs out first",
            "delete the line: the kernel works it out from the memory there is",
        ],
        None,
        memory_in_bytes,
    ),
    rule(
        "time-in-another-unit",
        [
            "a time that makes sense only in another unit",
            "the kernel takes it as it is, in the key's own unit",
            "the time in the key's own unit",
        ],
        None,
        other_unit,
    ),
    rule(
        "memory-lowered",
        [
            "tcp_mem so small that TCP has next to nothing",
            "beyond the second number no buffer grows, whatever tcp_rmem and tcp_wmem allow, and beyond the third \
             connections are reset; all connections share it",
            "delete the line: the kernel works it out from the memory there is",
        ],
        None,
        memory_lowered,
    ),
    rule(
        "rmem-max-alone",
        [
            "net.core.rmem_max or wmem_max without tcp_rmem or tcp_wmem",
            "it limits SO_RCVBUF and SO_SNDBUF alone; autotuning, which almost every connection has, goes by the third number of tcp_rmem and tcp_wmem",
            "the third number of tcp_rmem or tcp_wmem, if TCP is meant",
        ],
        None,
        core_buffer_alone,
    ),
    rule(
        "tw-buckets-lowered",
        [
            "tcp_max_tw_buckets below the kernel's default",
            "above it TIME-WAIT is skipped, and old segments can reach new connections; it was never meant to be lowered",
            "delete the line",
        ],
        Some("time-wait-many"),
        |line| lowered(line, "net.ipv4.tcp_max_tw_buckets"),
    ),
    rule(
        "orphans-lowered",
        [
            "tcp_max_orphans below the kernel's default",
            "above it closed sockets are reset with data still to deliver; it was never meant to be lowered",
            "delete the line",
        ],
        None,
        |line| lowered(line, "net.ipv4.tcp_max_orphans"),
    ),
    rule(
        "abort-on-overflow",
        [
            "tcp_abort_on_overflow switched on",
            "it turns the wait of clients in a burst into a reset, and frees no room",
            "delete the line; a longer backlog in listen(), or more accept()",
        ],
        Some("accept-queue-full"),
        |line| {
            let on = line.number_of("net.ipv4.tcp_abort_on_overflow")? != 0;
            on.then(|| Hit::value("tcp_abort_on_overflow is for tests"))
        },
    ),
    rule(
        "port-range-too-low",
        [
            "ephemeral ports where services listen",
            "an outgoing connection may take the port that a service needs when it starts: 3306, 5432, 6379, 8080",
            "a lower end of 10240 or more, or the services' ports in net.ipv4.ip_local_reserved_ports",
        ],
        Some("time-wait-many"),
        |line| {
            let numbers = line.numbers().filter(|_| line.is("net.ipv4.ip_local_port_range"))?;
            let low = numbers.first().copied().filter(|low| *low < LOWEST_SANE_PORT)?;
            let reserved = line.case.settled("net.ipv4.ip_local_reserved_ports").unwrap_or_default();
            reserved.is_empty().then(|| Hit::value(format!("ephemeral ports begin at {low}, and none are reserved")))
        },
    ),
    rule(
        "timestamps-off",
        [
            "TCP timestamps switched off",
            "it loses PAWS, reuse of TIME-WAIT ports, exact round-trip times, and the options of connections made by SYN cookie",
            "delete the line",
        ],
        Some("time-wait-many"),
        |line| is_zero(line, "net.ipv4.tcp_timestamps"),
    ),
    rule(
        "sack-off",
        [
            "selective acknowledgements switched off",
            "every loss then costs a round trip for each lost segment, or a timeout; the flaw of 2019 is long mended",
            "delete the line",
        ],
        Some("data-lost"),
        |line| is_zero(line, "net.ipv4.tcp_sack").or_else(|| is_zero(line, "net.ipv4.tcp_dsack")),
    ),
    rule(
        "window-scaling-off",
        [
            "window scaling switched off",
            "no window is then above 64 KB: 5 Mbit/s at a round trip of 100 ms",
            "delete the line",
        ],
        None,
        |line| is_zero(line, "net.ipv4.tcp_window_scaling"),
    ),
    rule(
        "autotuning-off",
        [
            "autotuning of receive buffers switched off",
            "every connection is then held to the second number of tcp_rmem",
            "delete the line",
        ],
        None,
        |line| is_zero(line, "net.ipv4.tcp_moderate_rcvbuf"),
    ),
    rule(
        "syncookies-off",
        [
            "SYN cookies switched off",
            "a full SYN queue then drops honest clients; cookies cost nothing until it is full",
            "net.ipv4.tcp_syncookies = 1",
        ],
        Some("syncookies"),
        |line| is_zero(line, "net.ipv4.tcp_syncookies"),
    ),
    rule(
        "syncookies-always",
        [
            "SYN cookies for every connection",
            "2 is for tests: every connection is made by cookie, and without timestamps loses window scaling and SACK",
            "net.ipv4.tcp_syncookies = 1",
        ],
        Some("syncookies"),
        |line| (line.number_of("net.ipv4.tcp_syncookies")? == 2).then(|| Hit::value("tcp_syncookies = 2 is for tests")),
    ),
    rule(
        "challenge-ack-limit",
        [
            "the cure of 2016 for challenge ACKs",
            "it was for CVE-2016-5696, which 4.7 mended; since 6.1 there is no limit unless one is set",
            "delete the line",
        ],
        Some("challenge-ack"),
        |line| {
            let number = line.number_of("net.ipv4.tcp_challenge_ack_limit").filter(|number| *number >= 1_000)?;
            Some(Hit::value(format!("tcp_challenge_ack_limit = {number} is a workaround for kernels before 4.7")))
        },
    ),
    rule(
        "handshake-retries-too-few",
        [
            "handshakes that give up after one lost packet",
            "with 0 or 1 retries a connect, or a half-open entry, is over in 3 s and one or two lost packets",
            "2 or more",
        ],
        Some("syn-lost"),
        |line| {
            let keys = ["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_synack_retries"];
            let number = keys.into_iter().find_map(|key| line.number_of(key))?;
            let few = (0..FEWEST_RETRIES).contains(&number) && !(number == 0 && line.is("net.ipv4.tcp_syn_retries"));
            few.then(|| Hit::value(format!("{} = {number} does not outlive a lost packet", line.name())))
        },
    ),
    rule(
        "orphan-retries-misread",
        [
            "tcp_orphan_retries from 1 to 7",
            "0 means 8 here; 1 to 7 are shorter, and closed sockets give up on peers that are only slow",
            "delete the line, unless closed sockets to dead peers are many",
        ],
        None,
        |line| {
            let number = line.number_of("net.ipv4.tcp_orphan_retries").filter(|number| (1..8).contains(number))?;
            Some(Hit::value(format!("tcp_orphan_retries = {number} is shorter than 0, which means 8")))
        },
    ),
    rule(
        "retries2-too-few",
        [
            "established connections that die within seconds",
            "one flap of a route, or a peer that is busy for some seconds, then ends every connection with data in flight",
            "8 (100 s) or more, and TCP_USER_TIMEOUT in the applications that need to know sooner",
        ],
        Some("data-lost"),
        |line| {
            let number = line.number_of("net.ipv4.tcp_retries2").filter(|number| (0..5).contains(number))?;
            Some(Hit::value(format!("tcp_retries2 = {number} ends connections after a few seconds of silence")))
        },
    ),
    rule(
        "metrics-not-saved",
        [
            "tcp_no_metrics_save switched on",
            "it was advice for benchmarks: every connection to a known host then learns its path anew",
            "delete the line",
        ],
        None,
        |line| {
            let on = line.number_of("net.ipv4.tcp_no_metrics_save")? != 0;
            on.then(|| Hit::value("tcp_no_metrics_save = 1 forgets what was learnt of a path"))
        },
    ),
    rule(
        "input-queue-too-long",
        [
            "netdev_max_backlog far above any need",
            "packets that wait there are late before TCP sees them; softnet_stat tells whether it is ever full",
            "10000, if softnet_stat counts drops; otherwise delete the line",
        ],
        None,
        |line| {
            let number = line.number_of("net.core.netdev_max_backlog").filter(|number| *number > INPUT_QUEUE_MOST)?;
            Some(Hit::value(format!("netdev_max_backlog = {number} is delay and no help")))
        },
    ),
];

fn is_zero(line: &LineCase<'_>, key: &str) -> Option<Hit> {
    let leaf = key.rsplit('.').next().unwrap_or(key);
    (line.number_of(key)? == 0).then(|| Hit::value(format!("{leaf} = 0 switches it off")))
}

fn buffer_min(line: &LineCase<'_>) -> Option<Hit> {
    let numbers = line.numbers().filter(|_| line.is("net.ipv4.tcp_rmem") || line.is("net.ipv4.tcp_wmem"))?;
    let [min, start, ..] = numbers.as_slice() else { return None };
    if *min > BUFFER_MIN_MOST {
        return Some(Hit::value(format!("the first number, {min} bytes, is kept for every socket")));
    }
    (*start > BUFFER_START_MOST).then(|| Hit::value(format!("every socket begins with {start} bytes")))
}

fn memory_in_bytes(line: &LineCase<'_>) -> Option<Hit> {
    /// Pages of 1 TiB, where the host's memory is not known.
    const PAGES_MOST: i128 = 1 << 28;
    /// Pages of 8 GiB: from here on an amount that is round as bytes are round is one of bytes, where the host's memory
    /// is not known. What the kernel works out is three quarters of a multiple of its free pages, and not round.
    const ROUND_PAGES: i128 = 1 << 21;
    /// Bytes are written in whole MiB, or by the decimal million.
    const ROUND: [i128; 2] = [1 << 20, 1_000_000];
    let numbers = line.numbers().filter(|_| line.is("net.ipv4.tcp_mem") || line.is("net.ipv4.udp_mem"))?;
    let most = numbers.iter().copied().max()?;
    let amount = most.checked_mul(4096)? >> 30;
    let Some(kib) = line.case.host.memory_kib.map(i128::from) else {
        let is_round = |number: &i128| ROUND.iter().any(|round| number % round == 0);
        let meant = most > PAGES_MOST || most >= ROUND_PAGES && numbers.iter().all(is_round);
        return meant
            .then(|| Hit::value(format!("{most} pages are {amount} GiB, and {} MiB if bytes were meant", most >> 20)));
    };
    // TCP's own limit is below a fifth of the memory (tcp_init_mem, net/ipv4/tcp.c).
    let pages = kib / 4;
    let says = match most {
        _ if most > pages => "more than this host has",
        _ if most > pages / 2 => "more than half of what this host has",
        _ => return None,
    };
    Some(Hit::value(format!("{most} pages are {amount} GiB, {says}")))
}

/// Times in seconds that were meant in milliseconds, and times in microseconds that were meant in milliseconds.
fn other_unit(line: &LineCase<'_>) -> Option<Hit> {
    /// No timeout is shorter, in microseconds.
    const SHORTEST_US: i128 = 1_000;
    let (number, row) = (line.number()?, line.row?);
    let keys = ["net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_fin_timeout"];
    if keys.contains(&row.key) && number > LONGEST_S {
        let message = format!("{} = {number} is {} hours: the unit is seconds", row.leaf(), number / 3600);
        let instead = format!("`{} = {}`, if milliseconds were meant", row.key, number / 1000);
        return Some(Hit::value(message).instead(instead));
    }
    if row.key == "net.ipv4.tcp_rto_min_us" && (1..SHORTEST_US).contains(&number) {
        let message = format!("tcp_rto_min_us = {number} is less than a millisecond: the unit is microseconds");
        let instead = format!("`{} = {}`, if milliseconds were meant", row.key, number * 1000);
        return Some(Hit::value(message).instead(instead));
    }
    None
}

fn core_buffer_alone(line: &LineCase<'_>) -> Option<Hit> {
    let pairs = [("net.core.rmem_max", "net.ipv4.tcp_rmem"), ("net.core.wmem_max", "net.ipv4.tcp_wmem")];
    let (_, tcp) = pairs.into_iter().find(|(core, _)| line.is(core))?;
    let alone = line.case.settled(tcp).is_none();
    alone.then(|| Hit::new(format!("{} alone leaves TCP's autotuning as it is: {tcp} is not set", line.name())))
}

/// A small part of what the kernel gives itself: a sixteenth of the memory, at which buffers stop growing, and half as
/// much again, beyond which nothing more is taken (`tcp_init_mem`, net/ipv4/tcp.c). Where the memory is not known, that
/// of 2 GiB. Pages may be 16 times as large as the usual ones, and then there are as many fewer of them.
fn memory_lowered(line: &LineCase<'_>) -> Option<Hit> {
    const LARGEST_PAGES: i128 = 16;
    let numbers = line.numbers().filter(|_| line.is("net.ipv4.tcp_mem"))?;
    let (pressure, most) = (*numbers.get(1)?, *numbers.get(2)?);
    let kib = line.case.host.memory_kib;
    let own = i128::from(kib.unwrap_or(LITTLE_KIB)) / 4 / 16;
    let host = if kib.is_some() { "this host" } else { "even a host with 2 GiB" };
    let least = own / LARGEST_PAGES / 2;
    let little = (0..least).contains(&pressure) || (0..least + least / 2).contains(&most);
    little.then(|| {
        Hit::value(format!(
            "tcp_mem = {} is next to nothing beside the {own} and {} pages of 4 KiB that {host} has by itself",
            line.value,
            own + own / 2
        ))
    })
}

/// The memory of a host of which that is not known: few have less.
const LITTLE_KIB: u64 = 2 << 20;

/// Below the default that follows from this host's memory; where that is not known, from 2 GiB.
fn lowered(line: &LineCase<'_>, key: &str) -> Option<Hit> {
    let number = line.number_of(key)?;
    let host = line.case.host;
    let default = catalog::default_value(key, host.version?, host.memory_kib.or(Some(LITTLE_KIB)))?;
    let default: i128 = default.parse().ok()?;
    let leaf = line.row?.leaf();
    match number {
        // Another rule says what a negative number does.
        ..0 => None,
        0 => Some(Hit::value(format!("{leaf} = 0 leaves none at all"))),
        _ if host.memory_kib.is_none() => (number < default).then(|| {
            Hit::value(format!("{leaf} = {number} is below the {default} that even a host with 2 GiB has by itself"))
        }),
        _ => (number < default).then(|| Hit::value(format!("{leaf} = {number} is below the default of {default}"))),
    }
}
