//! Opening connections: SYN, SYN-ACK, cookies, queues, Fast Open.

use super::{INT_MAX, always, constant, described, ehash, from, number, since};
use crate::catalog::{Default, Form, Parameter, TakesEffect};

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    Parameter::number("net.ipv4.tcp_syn_retries", "count")
        .ranges(&[always(number(1), number(127))])
        .defaults(&[constant("6")])
        .affects("SYN retransmissions of connect() before ETIMEDOUT")
        .note("6 give up after 127 s, and with 4 linear timeouts after 131 s; TCP_SYNCNT overrides it per socket")
        .misunderstood("not a number of seconds, and since 6.5 not the number of SYNs either: with 4 linear timeouts 6 retries are 11 SYNs and 131 s"),
    Parameter::number("net.ipv4.tcp_syn_linear_timeouts", "count")
        .ranges(&[always(number(0), number(127))])
        .defaults(&[constant("4")])
        .since(6, 5)
        .affects("number of equal 1 s SYN timeouts before doubling starts")
        .note("SYN_SENT only; adds to the count rule, not to the time rule; no effect on SYN-ACK")
        .misunderstood("it does not slow a connect down: the extra tries come first, a second apart, and a small tcp_syn_retries ends before they are used up"),
    Parameter::number("net.ipv4.tcp_synack_retries", "count")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("5")])
        .affects("SYN-ACK retransmissions before a half-open entry is dropped")
        .note("a SYN queue more than half full lowers it by itself, down to 2")
        .misunderstood("lowering it does not make the SYN queue longer; entries only leave it sooner"),
    Parameter::number("net.ipv4.tcp_syncookies", "enum")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .affects("SYN queue full: 0 drops, 1 answers with cookies; 2 always answers with cookies")
        .note("other non-zero acts as 1; needs CONFIG_SYN_COOKIES")
        .misunderstood("1 costs nothing until a SYN queue is full; 2 is for tests, since it gives up options for every connection"),
    Parameter::number("net.ipv4.tcp_max_syn_backlog", "requests")
        .defaults(&[ehash(0, 0, 256, 128), ehash(5, 5, 128, 128)])
        .affects("keeps the last quarter of it for known peers, only while tcp_syncookies is 0")
        .note("not the size of the SYN queue: that is the backlog of listen(); negative values are taken")
        .misunderstood("not the length of the SYN queue: that is the backlog of listen(), cut to somaxconn"),
    Parameter::number("net.core.somaxconn", "connections")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[constant("128"), from(5, 4, Default::Constant("4096"))])
        .takes_effect(TakesEffect::NextListen)
        .affects("ceiling of the listen() backlog, which bounds the accept queue and the SYN queue")
        .note("a backlog above 65535 wrapped around before about 5.0")
        .misunderstood("raising it changes no listener that is open: the application must call listen() again, with a larger backlog of its own"),
    Parameter::number("net.ipv4.tcp_abort_on_overflow", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .per_namespace_since(4, 15)
        .affects("RST instead of silent drop when the accept queue is full at the third ACK")
        .note("does not act when the SYN itself is dropped")
        .misunderstood("it frees no room: it turns a client's wait into a reset, and clients that would have got in on a retry fail"),
    Parameter::number("net.ipv4.tcp_migrate_req", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(5, 14)
        .affects("move requests/children to another reuseport listener on close"),
    Parameter::number("net.ipv4.tcp_fastopen", "bitmask")
        .defaults(&[constant("1")])
        .since(3, 6)
        .per_namespace_since(4, 15)
        .affects("1 client 2 server 4 no-cookie client 0x200 no-cookie server 0x400 all listeners")
        .note("accepts any int")
        .misunderstood("3 does nothing by itself: both applications must ask for it, and many middleboxes drop it"),
    Parameter::number("net.ipv4.tcp_fastopen_key", "hex")
        .form(Form::Hex)
        .defaults(&[described("random, made when first needed")])
        .since(3, 7)
        .per_namespace_since(4, 15)
        .affects("TFO cookie keys")
        .note("0600; two keys since 5.3"),
    Parameter::number("net.ipv4.tcp_fastopen_blackhole_timeout_sec", "s")
        .ranges(&[always(number(0), INT_MAX)])
        .defaults(&[constant("3600"), from(5, 14, Default::Constant("0"))])
        .since(4, 13)
        .per_namespace_since(4, 15)
        .affects("pause of client TFO after suspected blackhole")
        .note("default 3600 before ~5.14; write resets the counter"),
    Parameter::number("net.ipv4.tcp_early_demux", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("1")])
        .since(4, 12)
        .affects("early socket lookup on receive")
        .note("performance only"),
    Parameter::number("net.ipv4.tcp_fwmark_accept", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .since(3, 16)
        .takes_effect(TakesEffect::NewAccepted)
        .affects("accepted socket inherits packet mark"),
    Parameter::number("net.ipv4.tcp_l3mdev_accept", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(4, 5)
        .takes_effect(TakesEffect::NewAccepted)
        .affects("listener in default VRF accepts from all VRFs")
        .note("CONFIG_NET_L3_MASTER_DEV"),
    Parameter::number("net.ipv4.tcp_reflect_tos", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(5, 10)
        .takes_effect(TakesEffect::NewSockets)
        .affects("SYN-ACK/child use the TOS of the SYN"),
];
