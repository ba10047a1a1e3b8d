//! Keepalive, closing, FIN_WAIT_2, TIME_WAIT, orphans, resets.

use super::{INT_MAX, always, constant, ehash, from, number, since};
use crate::catalog::{Bound, Default, Parameter, Scope, TakesEffect};

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    Parameter::number("net.ipv4.tcp_orphan_retries", "count")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .affects("when an unanswered socket dies that no process holds any more; 0 means 8")
        .note("1..7 are shorter than 0; 8 end it after about 104 s")
        .misunderstood("0 is not none: it means 8, and 1 to 7 are shorter than 0"),
    Parameter::number("net.ipv4.tcp_keepalive_time", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("7200")])
        .affects("idle time before the first probe (SO_KEEPALIVE only)")
        .note("accepts 0 and negatives; TCP_KEEPIDLE overrides; two hours are up to 131 s late at HZ=250, 874 s at HZ=300")
        .misunderstood("it does nothing for a socket whose application has not set SO_KEEPALIVE"),
    Parameter::number("net.ipv4.tcp_keepalive_intvl", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("75")])
        .affects("interval between probes")
        .note("accepts 0 and negatives; TCP_KEEPINTVL")
        .misunderstood("the probes add up: a dead peer is found after tcp_keepalive_time + tcp_keepalive_probes × this"),
    Parameter::number("net.ipv4.tcp_keepalive_probes", "count")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("9")])
        .affects("unanswered probes before RST/ETIMEDOUT")
        .note("TCP_KEEPCNT; replaced by TCP_USER_TIMEOUT when set")
        .misunderstood("with data in flight keepalive is silent: then tcp_retries2 decides"),
    Parameter::number("net.ipv4.tcp_fin_timeout", "s")
        .ranges(&[always(Bound::MinusIntMaxPerHz, Bound::IntMaxPerHz)])
        .defaults(&[constant("60")])
        .takes_effect(TakesEffect::NextFinWait2)
        .affects("orphan FIN_WAIT2 life: F for F<=60 but 2*(F-60) for F>60")
        .note("61 means 2 s; floor 3.5*RTO; 0/negative accepted; TCP_LINGER2 overrides")
        .misunderstood("it is FIN-WAIT-2 and not TIME-WAIT, which no setting changes and which lasts 60 s; 61 means 2 s and not 61"),
    Parameter::number("net.ipv4.tcp_max_orphans", "sockets")
        .defaults(&[ehash(0, 0, 2, 0)])
        .shared(Scope::Host)
        .affects("orphans above this are reset (TCPAbortOnMemory)")
        .note("compared after shift 0..2 penalties")
        .misunderstood("lowering it protects nothing: above it sockets are reset that still had data to deliver"),
    Parameter::number("net.ipv4.tcp_max_tw_buckets", "sockets")
        .defaults(&[ehash(0, 0, 2, 0)])
        .takes_effect(TakesEffect::NextTimeWait)
        .affects("above it sockets skip TIME_WAIT (TCPTimeWaitOverflow)")
        .note("0 keeps none at all, a negative number is no limit; also counts FIN_WAIT2 minisocks")
        .misunderstood("lowering it does not free ports in a good way: TIME-WAIT is skipped, and old segments can reach new connections"),
    Parameter::number("net.ipv4.tcp_tw_reuse", "enum")
        .ranges(&[since(4, 19, number(0), number(2))])
        .defaults(&[constant("0"), from(4, 19, Default::Constant("2"))])
        .affects("let connect() with automatic port reuse a TIME_WAIT 4-tuple: 1 all 2 loopback")
        .note("default 0 and any int before 4.19; needs timestamps; does not matter for explicitly bound ports")
        .misunderstood("it is for connect() alone: it never shortens TIME-WAIT and does nothing for a server that accepts"),
    Parameter::number("net.ipv4.tcp_tw_reuse_delay", "ms")
        .ranges(&[always(number(1), number(60_000))])
        .defaults(&[constant("1000")])
        .since(6, 14)
        .affects("minimum age of a TIME_WAIT for reuse")
        .note("1 s granularity before"),
    Parameter::number("net.ipv4.tcp_tw_recycle", "bool")
        .defaults(&[constant("0")])
        .removed(4, 12)
        .shared(Scope::Host)
        .takes_effect(TakesEffect::Never)
        .affects("removed; broke NAT clients")
        .note("never present in 4.14+")
        .misunderstood("it broke clients behind NAT and has been gone since 4.12; tcp_tw_reuse is no replacement for servers"),
    Parameter::number("net.ipv4.tcp_rfc1337", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .per_namespace_since(4, 15)
        .affects("ignore RST in TIME_WAIT")
        .misunderstood("RFC 1337 is about RSTs that end TIME-WAIT early; 1 keeps TIME-WAIT sockets longer under stray RSTs"),
    Parameter::number("net.ipv4.tcp_challenge_ack_limit", "per second")
        .defaults(&[constant("1000"), from(6, 1, Default::Constant("2147483647"))])
        .since(3, 6)
        .per_namespace_since(4, 15)
        .affects("challenge ACKs per second per netns; INT_MAX = unlimited")
        .note("100 (<=4.6), 1000 (4.7-6.0), INT_MAX since 6.1; counter global before 6.1")
        .misunderstood("raising it was the cure of 2016 for CVE-2016-5696; since 6.1 there is no limit by default"),
    Parameter::number("net.ipv4.tcp_invalid_ratelimit", "ms")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[constant("500")])
        .since(4, 0)
        .per_namespace_since(4, 15)
        .affects("per-socket minimum gap between ACKs to invalid/duplicate segments")
        .note("0 = no limit; kept in ticks, so 501 reads back as 504 at 250 Hz; numbers of 2^32 and more wrap around instead of being refused"),
    Parameter::number("net.ipv4.tcp_stdurg", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .per_namespace_since(4, 15)
        .affects("urgent pointer interpretation"),
];
