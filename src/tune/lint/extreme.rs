//! Numbers that the kernel takes and that are hardly meant: each key with the least and the most that make sense.
//!
//! Facts about a key, and no taste: beyond these bounds something breaks or stops working, or waits for most of an hour.

use super::{Hit, Judge, LineCase, LintRule, Severity};

/// The bounds of a key.
struct Sensible {
    /// The keys.
    keys: &'static [&'static str],
    /// The least and the most of the number, or of the last one of several.
    bounds: [i128; 2],
    /// What less than that does, and what more does; empty where that end is fine.
    does: [&'static str; 2],
}

/// No bound at an end.
const LEAST: i128 = i128::MIN;
const MOST: i128 = i128::MAX;

const fn sensible(keys: &'static [&'static str], bounds: [i128; 2], does: [&'static str; 2]) -> Sensible {
    Sensible { keys, bounds, does }
}

const FORGOTTEN: &str = "the connection is forgotten at once, and the firewall drops what comes next as invalid";
const FILLED: &str = "entries of connections that are long gone fill the table, and new connections are dropped";

/// Every key that has bounds of this kind.
const SENSIBLE: &[Sensible] = &[
    sensible(
        &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_synack_retries"],
        [LEAST, 15],
        [
            "",
            "each beyond 6 adds up to 120 s: with 16 a handshake that nobody answers goes on for more than 20 minutes",
        ],
    ),
    sensible(
        &["net.ipv4.tcp_syn_linear_timeouts"],
        [LEAST, 30],
        ["", "so many SYNs go out a second apart to a host that does not answer, before there is any backoff"],
    ),
    sensible(
        &["net.core.somaxconn"],
        [16, 1_048_576],
        [
            "every listener's queue is cut to that: a handful of clients at once, and the next wait for their SYN again",
            "what waits in so long a queue has given up before it is accepted",
        ],
    ),
    sensible(
        &["net.ipv4.tcp_max_syn_backlog"],
        [1, MOST],
        ["while SYN cookies are off it leaves room for a single handshake of a peer that is not known", ""],
    ),
    sensible(
        &["net.ipv4.tcp_max_orphans"],
        [0, MOST],
        ["the kernel compares with the sign: there are always too many, and each close() resets its connection", ""],
    ),
    sensible(
        &["net.ipv4.tcp_max_tw_buckets"],
        [0, MOST],
        ["the kernel compares without a sign: that is no limit at all, and memory is the next one", ""],
    ),
    sensible(
        &["net.ipv4.tcp_retries2"],
        [LEAST, 30],
        ["", "each beyond 9 adds up to 120 s: with 31 a connection whose peer is gone lasts for more than 45 minutes"],
    ),
    sensible(
        &["net.ipv4.tcp_orphan_retries"],
        [LEAST, 15],
        ["", "closed connections whose peers are gone hold their memory for more than 15 minutes each"],
    ),
    sensible(
        &["net.ipv4.tcp_keepalive_probes"],
        [2, 60],
        [
            "with 0 an idle connection with SO_KEEPALIVE is reset without a probe, however alive its peer; with 1 a single \
             lost packet ends it",
            "a peer that is gone is found after more than an hour of probes",
        ],
    ),
    sensible(
        &["net.ipv4.tcp_rto_min_us"],
        [LEAST, 3_000_000],
        ["", "every retransmission waits for at least so long, however short the path"],
    ),
    sensible(
        &["net.ipv4.tcp_reordering"],
        [3, MOST],
        ["a segment that one other overtook counts as lost (RFC 5681 asks for three duplicates)", ""],
    ),
    sensible(
        &["net.ipv4.tcp_comp_sack_delay_ns", "net.ipv4.tcp_comp_sack_slack_ns"],
        [LEAST, 100_000_000],
        ["", "the sender learns of a loss so much later; the unit is nanoseconds"],
    ),
    sensible(
        &["net.ipv4.tcp_tw_reuse_delay"],
        [10, MOST],
        [
            "a peer's clock of timestamps hardly ticks within that, so that old segments cannot be told from new ones",
            "",
        ],
    ),
    sensible(
        &["net.ipv4.tcp_invalid_ratelimit"],
        [1, 60_000],
        [
            "without a limit two ends that disagree answer each other's ACKs without end",
            "a peer that lost its state waits so long for the answer that tells it",
        ],
    ),
    sensible(
        &["net.ipv4.tcp_challenge_ack_limit"],
        [100, MOST],
        ["challenge ACKs tell a peer that was rebooted of connections it forgot; without them its connects hang", ""],
    ),
    sensible(
        &["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"],
        [65_536, MOST],
        ["the third number is the most that a buffer grows to, and no kernel gives itself less than 64 KiB", ""],
    ),
    sensible(
        &["net.ipv4.tcp_mem"],
        [0, MOST],
        ["a negative number of pages is taken as an enormous one, or as none", ""],
    ),
    sensible(
        &["net.ipv4.udp_mem"],
        [1024, MOST],
        ["all UDP sockets together have that many pages, and drop what comes beyond: DNS and QUIC among it", ""],
    ),
    sensible(
        &["net.ipv4.udp_rmem_min", "net.ipv4.udp_wmem_min"],
        [LEAST, 16 << 20],
        ["", "every UDP socket may hold that much even while memory is short"],
    ),
    sensible(
        &["net.core.rmem_default", "net.core.wmem_default"],
        [16_384, 64 << 20],
        [
            "sockets that are not TCP's hold a few small datagrams, and drop or refuse the next",
            "every socket that is not TCP's may hold that much from its beginning",
        ],
    ),
    sensible(
        &["net.core.optmem_max"],
        [4096, 64 << 20],
        [
            "filters, multicast groups and control messages of a socket fail with ENOBUFS or ENOMEM",
            "each socket may hold that much of kernel memory besides its buffers",
        ],
    ),
    sensible(
        &["net.ipv4.tcp_notsent_lowat"],
        [1, MOST],
        ["no socket is ever writable: connect() with a timeout and send() wait for ever", ""],
    ),
    sensible(
        &["net.ipv4.tcp_limit_output_bytes"],
        [16_384, MOST],
        ["a connection has next to nothing on its way to the device at a time, which throttles it", ""],
    ),
    sensible(
        &["net.ipv4.tcp_base_mss"],
        [256, 9000],
        ["probing of the path's MTU begins there, and every segment is as small", "no path carries such segments"],
    ),
    sensible(
        &["net.ipv4.tcp_min_snd_mss", "net.ipv4.tcp_mtu_probe_floor"],
        [LEAST, 1220],
        ["", "a path with a smaller MTU cannot carry the smallest segment that may be sent"],
    ),
    sensible(
        &["net.ipv4.tcp_pacing_ss_ratio", "net.ipv4.tcp_pacing_ca_ratio"],
        [100, MOST],
        ["below 100 percent a connection is paced slower than its window is acknowledged", ""],
    ),
    sensible(
        &["net.ipv4.tcp_probe_threshold"],
        [0, 65_535],
        ["it is no number of bytes", "probing of the path's MTU ends before it has begun"],
    ),
    sensible(
        &["net.core.message_cost", "net.core.message_burst"],
        [0, 86_400],
        ["it is no time and no number", "the kernel's lines about the network do not come for days"],
    ),
    sensible(
        &["net.core.netdev_max_backlog"],
        [100, MOST],
        ["a burst of so few packets over loopback, veth or RPS drops the next ones", ""],
    ),
    sensible(
        &["net.core.netdev_budget"],
        [32, 100_000],
        [
            "the softirq ends after so few packets and is begun anew",
            "one CPU stays in the softirq for that many packets",
        ],
    ),
    sensible(
        &["net.core.netdev_budget_usecs"],
        [500, 1_000_000],
        [
            "the softirq ends after so little time and is begun anew",
            "one CPU stays in the softirq for that long, and nothing else runs on it",
        ],
    ),
    sensible(
        &["net.core.dev_weight", "net.core.gro_normal_batch"],
        [1, 10_000],
        ["nothing is taken in at all", "packets of other devices wait until that many were taken in"],
    ),
    sensible(
        &["net.core.busy_poll", "net.core.busy_read"],
        [0, 10_000],
        ["it is no time", "a CPU spins for so many microseconds in each call that finds nothing"],
    ),
    sensible(
        &["net.core.rps_sock_flow_entries"],
        [LEAST, 16_777_216],
        ["", "each entry takes 4 bytes of memory that cannot be swapped"],
    ),
    sensible(
        &["net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"],
        [1, MOST],
        [
            "this host sends no ICMP errors: other hosts' discovery of the path's MTU breaks, and they wait for timeouts",
            "",
        ],
    ),
    sensible(
        &["net.ipv4.icmp_ratelimit"],
        [LEAST, 60_000],
        ["", "a destination gets less than one ICMP error a minute, and waits for timeouts instead"],
    ),
    sensible(
        &[
            "net.ipv4.neigh.default.gc_thresh2",
            "net.ipv4.neigh.default.gc_thresh3",
            "net.ipv6.neigh.default.gc_thresh2",
            "net.ipv6.neigh.default.gc_thresh3",
        ],
        [16, 4_194_304],
        [
            "a handful of hosts on the link is too many, and packets to the next are dropped",
            "a scan of a large subnet fills memory with hosts that are not there",
        ],
    ),
    sensible(
        &["net.ipv4.neigh.default.gc_thresh1", "net.ipv6.neigh.default.gc_thresh1"],
        [LEAST, 4_194_304],
        ["", "nothing is ever collected below it: a scan of a large subnet fills memory with hosts that are not there"],
    ),
    sensible(
        &["net.netfilter.nf_conntrack_tcp_timeout_established"],
        [60, 864_000],
        ["a connection that is idle for so short a time is forgotten, and hangs", FILLED],
    ),
    sensible(
        &[
            "net.netfilter.nf_conntrack_tcp_timeout_syn_sent",
            "net.netfilter.nf_conntrack_tcp_timeout_syn_recv",
            "net.netfilter.nf_conntrack_tcp_timeout_fin_wait",
            "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
            "net.netfilter.nf_conntrack_tcp_timeout_last_ack",
            "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
            "net.netfilter.nf_conntrack_tcp_timeout_close",
            "net.netfilter.nf_conntrack_tcp_timeout_max_retrans",
            "net.netfilter.nf_conntrack_tcp_timeout_unacknowledged",
            "net.netfilter.nf_conntrack_udp_timeout",
            "net.netfilter.nf_conntrack_udp_timeout_stream",
            "net.netfilter.nf_conntrack_generic_timeout",
        ],
        [1, 86_400],
        [FORGOTTEN, FILLED],
    ),
    sensible(
        &["net.netfilter.nf_conntrack_buckets"],
        [1024, 67_108_864],
        [
            "every packet walks a long chain of connections",
            "the table alone takes 8 bytes for each, of memory that cannot be swapped",
        ],
    ),
    sensible(
        &["net.netfilter.nf_conntrack_max"],
        [1024, 67_108_864],
        [
            "0 is no limit at all; with a small one new connections are dropped once that many are known",
            "each entry takes about 300 bytes: a flood of SYNs takes the memory of the host",
        ],
    ),
];

/// Fewer ephemeral ports than this are used up by a few clients.
const FEWEST_PORTS: i128 = 1000;

/// The rules.
pub(super) const RULES: &[LintRule] = &[
    LintRule {
        id: "hardly-meant",
        severity: Severity::Warning,
        finds: "a number that the kernel takes and that is beyond all use",
        why: "the kernel does not know what is reasonable",
        instead: "a number within these bounds, or delete the line",
        topic: None,
        judge: Judge::Line(hardly_meant),
    },
    LintRule {
        id: "few-ports",
        severity: Severity::Warning,
        finds: "a range of next to no ephemeral ports",
        why: "that many connections to one address and port are all that there can be: the next connect() fails with \
              EADDRNOTAVAIL",
        instead: "a range of 10000 ports or more",
        topic: Some("time-wait-many"),
        judge: Judge::Line(|line| {
            let numbers = line.numbers().filter(|_| line.is("net.ipv4.ip_local_port_range"))?;
            let [low, high] = numbers.as_slice() else { return None };
            let ports = high - low + 1;
            (1..FEWEST_PORTS).contains(&ports).then(|| {
                Hit::value(format!(
                    "there {} left",
                    if ports == 1 { "is 1 port".into() } else { format!("are {ports} ports") }
                ))
            })
        }),
    },
    LintRule {
        id: "retries1-after-retries2",
        severity: Severity::Warning,
        finds: "tcp_retries1 that comes after the end",
        why: "the route is looked up again, and a black hole of the path's MTU searched for, only after tcp_retries1; by \
              then tcp_retries2 has ended the connection",
        instead: "net.ipv4.tcp_retries1 = 3",
        topic: None,
        judge: Judge::Line(|line| {
            let first = line.number_of("net.ipv4.tcp_retries1")?;
            let last: i128 = line.case.after_boot("net.ipv4.tcp_retries2")?.parse().ok()?;
            (first >= last).then(|| Hit::value(format!("tcp_retries1 = {first} is not before tcp_retries2 = {last}")))
        }),
    },
];

fn hardly_meant(line: &LineCase<'_>) -> Option<Hit> {
    let row = line.row?;
    // What is refused is said by another rule.
    if super::values::refusal(line).is_some() {
        return None;
    }
    let number = *line.numbers()?.last()?;
    let sensible = SENSIBLE.iter().find(|one| one.keys.contains(&row.key))?;
    let ([least, most], [below, above]) = (sensible.bounds, sensible.does);
    let why = if number < least {
        below
    } else if number > most {
        above
    } else {
        return None;
    };
    let bounds = match (least, most) {
        (LEAST, most) => format!("{most} or less"),
        (least, MOST) => format!("{least} or more"),
        (least, most) => format!("a number from {least} to {most}"),
    };
    let says = format!("{} = {} is hardly meant", row.leaf(), line.value);
    Some(Hit::value(says).because(why).instead(format!("{bounds}, or delete the line")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn every_bound_is_of_a_key_of_the_table_that_stands_once_and_says_what_is_beyond_it() {
        let mut seen = std::collections::BTreeSet::new();
        for one in SENSIBLE {
            for key in one.keys {
                assert!(catalog::find(key).is_some() && seen.insert(key), "{key}");
            }
            assert!(one.bounds[0] < one.bounds[1], "{:?}", one.keys);
            for (open, says) in [(one.bounds[0] == LEAST, one.does[0]), (one.bounds[1] == MOST, one.does[1])] {
                assert_eq!(open, says.is_empty(), "{:?}", one.keys);
            }
        }
    }
}
