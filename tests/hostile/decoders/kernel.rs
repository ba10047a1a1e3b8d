//! What the kernel answers, and what comes over a wire.

use std::collections::BTreeMap;
use std::hint::black_box;

use tcpctl::model::{Host, KnownOptions, KnownSettings, forecast_live};
use tcpctl::report::{PacketView, SocketChange, SocketStyle, SocketWriter, render_live_details, render_packet};
use tcpctl::units::KernelVersion;
use tcpctl::wire::{
    Btf, Candidate, InetDiag, ListenerProgram, MessageKind, Messages, RootQdisc, TcpInfo, decode_listener_queues,
    decode_packet, decode_segment, parse_filter,
};

use super::Decoder;

pub(super) const DECODERS: &[Decoder] = &[
    // Each record has a forecast and lines of text.
    Decoder::new("netlink", netlink, &[]).within(512, 256 << 10).tried(1_500),
    Decoder::new("inet-diag", socket, &[]).within(512, 256 << 10).tried(3_000),
    Decoder::new("tcp-info", tcp_info, &[]),
    Decoder::new("qdisc", qdisc, &[]),
    Decoder::new("listener-queues", listener_queues, &["decode_listener_queues"]),
    Decoder::new("btf", btf, &[]),
    Decoder::new("segment", segment, &["decode_segment"]),
    // Every field has its line of explanation.
    Decoder::new("packet", packet, &["decode_packet"]).within(1_024, 256 << 10),
];

/// A stream of messages, the payload of each read as every kind that there is.
fn netlink(bytes: &[u8]) {
    let mut messages = Messages::new(bytes);
    for message in messages.by_ref() {
        if let MessageKind::Data(_, payload) = message.kind {
            socket(payload);
            qdisc(payload);
        }
        black_box(message);
    }
    black_box(messages.is_broken());
}

/// A record of a socket: everything that is told of it, a filter, its line and its forecast.
fn socket(bytes: &[u8]) {
    let Some(found) = InetDiag::decode(bytes) else { return };
    black_box((found.source(), found.destination(), found.question(), found.cookie(), found.is_of_table()));
    if let Some(info) = found.facts().info {
        tcp_info(info);
    }
    if let Some(candidate) = Candidate::of(&found) {
        for text in ["sport > 1024 and dst 127.0.0.0/8", "not fwmark 1 or cgroup /a or dev 3"] {
            black_box(parse_filter(text).map(|filter| filter.matches(&candidate)).ok());
        }
    }
    let host = Host { version: KernelVersion::new(6, 18), hz: None };
    let known = KnownSettings::new(&BTreeMap::new(), |_| true);
    let forecast = found.live_socket().map(|live| forecast_live(&live, &KnownOptions::default(), &host, &known));
    if let Some(forecast) = &forecast {
        black_box(render_live_details(forecast, 80));
    }
    let style = SocketStyle {
        heading: true,
        processes: true,
        timer: true,
        forecast: true,
        extended: true,
        memory: true,
        info: true,
        ..SocketStyle::default()
    };
    let devices = BTreeMap::new();
    for json in [false, true] {
        let mut writer = SocketWriter::new(json, style, &devices);
        let mut out = Vec::new();
        writer.push(&found, SocketChange::Same, core::iter::empty(), forecast.as_ref(), &mut out);
        writer.finish(&mut out);
        black_box(out);
    }
}

fn tcp_info(bytes: &[u8]) {
    let info = TcpInfo::of(bytes);
    info.each(|name, value| {
        black_box((name, value));
    });
    black_box(info.live_info());
}

fn qdisc(bytes: &[u8]) {
    black_box(RootQdisc::decode(bytes));
}

fn listener_queues(bytes: &[u8]) {
    decode_listener_queues(bytes).for_each(|queue| {
        black_box(queue);
    });
}

fn btf(bytes: &[u8]) {
    if let Ok(types) = Btf::decode(bytes) {
        black_box(ListenerProgram::for_kernel(&types)).ok();
        for (structure, member) in [("sock_common", "skc_state"), ("tcp_sock", "inet_conn.icsk_accept_queue.none")] {
            black_box(types.member(structure, member)).ok();
        }
    }
}

fn segment(bytes: &[u8]) {
    black_box(decode_segment(bytes));
}

fn packet(bytes: &[u8]) {
    if let Ok(packet) = decode_packet(bytes) {
        black_box(render_packet(&packet, 80, false));
        black_box(serde_json::to_string(&PacketView::from(&packet))).ok();
    }
}
