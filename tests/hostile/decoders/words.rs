//! Small languages: what people type, and what clients send.

use std::hint::black_box;

use tcpctl::catalog;
use tcpctl::diagnose::Timeouts;
use tcpctl::explain::parse_socket_option;
use tcpctl::model::Host;
use tcpctl::report::{choose_metrics_format, printable};
use tcpctl::tune::{Formula, KeyGlob, Premises, WISH_KINDS, Wish};
use tcpctl::units::{Hz, KernelVersion, SysctlKey, TcpState, parse_bandwidth_bit_s, parse_duration_us};
use tcpctl::wire::{Candidate, StateMask, parse_filter, parse_filter_with, parse_hex};

use super::{Decoder, lossy};

pub(super) const DECODERS: &[Decoder] = &[
    Decoder::new("filter", filter, &["parse_filter", "parse_filter_with"])
        .of_words(&[
            "state ",
            "exclude ",
            "connected",
            "sport ",
            "dport ",
            "src ",
            "dst ",
            "dev ",
            "fwmark ",
            "cgroup ",
            "autobound",
            " and ",
            " or ",
            "not ",
            "!",
            "( ",
            " )",
            ":https",
            "[::1]",
            "/64",
            "0xffffffff",
            " >= ",
        ])
        .within(1_024, 64 << 10),
    Decoder::new("formula", formula, &[])
        .of_words(&[
            "memory",
            "bdp",
            "rtt",
            "bandwidth",
            "cpus",
            "min(",
            "max(",
            " * ",
            " / ",
            "9999999999",
            "GiB",
            "%",
        ])
        .within(1_024, 64 << 10),
    Decoder::new(
        "typed",
        typed,
        &["parse_number", "parse_duration_us", "parse_bandwidth_bit_s", "parse_socket_option", "parse_hex"],
    )
    .of_words(&["ms", "Gbit/s", "15.2", "TCP_USER_TIMEOUT=", "client:", "net.ipv4.", "app=1s,pool=5s", "0x", "*"])
    .within(1_024, 256 << 10),
    Decoder::new("accept", accept, &[]).of_words(&["text/plain", ";q=0.5", "*/*", "application/openmetrics-text", ","]),
];

/// A filter is read, written for the kernel, and asked.
fn filter(bytes: &[u8]) {
    let text = lossy(bytes);
    black_box(parse_filter(&text)).ok();
    let services = |name: &str| (name == "https").then_some(443);
    let Ok(mut filter) = parse_filter_with(&text, &services) else { return };
    black_box((filter.is_empty(), filter.asks_mark(), filter.asks_autobound()));
    black_box(filter.compile(StateMask::ALL));
    black_box(filter.look_up(|_| Some(3), |_| Some(7))).ok();
    let filter = filter.with_chosen_among(&(32_768..=60_999));
    black_box(filter.compile(StateMask::of(TcpState::Listen)));
    let candidate = Candidate {
        state: TcpState::Estab,
        local: core::net::Ipv6Addr::LOCALHOST.into(),
        local_port: 443,
        remote: core::net::Ipv4Addr::BROADCAST.into(),
        remote_port: u16::MAX,
        interface: None,
        mark: Some(u32::MAX),
        cgroup: None,
    };
    black_box(filter.matches(&candidate));
}

fn formula(bytes: &[u8]) {
    let Ok(formula) = Formula::parse(&lossy(bytes)) else { return };
    black_box(formula.quantities());
    for number in [None, Some(0), Some(1), Some(u64::MAX)] {
        let premises = Premises { memory_bytes: number, cpus: number, rtt_us: number, bandwidth_bit_s: number };
        black_box(formula.work_out(&premises)).ok();
    }
}

/// Everything that is one word of a command line.
fn typed(bytes: &[u8]) {
    let text = lossy(bytes);
    black_box(catalog::parse_number(&text));
    black_box(parse_duration_us(&text)).ok();
    black_box(parse_bandwidth_bit_s(&text)).ok();
    black_box(parse_hex(&text)).ok();
    black_box(text.parse::<KernelVersion>()).ok();
    black_box(text.parse::<Timeouts>()).ok();
    black_box(printable(&text));
    for version in [KernelVersion::new(4, 19), KernelVersion::new(6, 18)] {
        black_box(parse_socket_option(&text, Host { version, hz: Hz::new(250) })).ok();
    }
    for kind in WISH_KINDS {
        black_box(Wish::parse(kind, &text)).ok();
    }
    let (glob, key) = (KeyGlob::parse(&text), text.parse::<SysctlKey>());
    if let (Some(glob), Ok(somaxconn)) = (&glob, "net.core.somaxconn".parse()) {
        black_box(glob.matches(&somaxconn));
    }
    if let Ok(key) = key {
        black_box(catalog::find_by_name(key.as_str()));
        // A key can never lead out of its folder.
        assert!(!key.as_str().contains("..") && !key.as_str().starts_with('/'), "{key}");
    }
}

fn accept(bytes: &[u8]) {
    black_box(choose_metrics_format(&lossy(bytes)));
}
