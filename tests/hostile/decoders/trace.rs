//! What tracing tells: its formats, pages of its buffers, and the files that say whose addresses are whose.

use std::hint::black_box;

use tcpctl::report::{TraceAnswer, TraceRow, TraceStyle};
use tcpctl::trace::{Follower, TraceTally};
use tcpctl::wire::{
    TRACED_EVENTS, TraceDecoder, decode_trace_page, is_known_entry_header, kernel_filter, parse_kernel_function,
    parse_local_ipv4, parse_local_ipv6, parse_page_header, parse_trace_format,
};

use super::{Decoder, lossy};

pub(super) const DECODERS: &[Decoder] = &[
    Decoder::new("trace-format", format, &["parse_trace_format", "parse_page_header"]).of_words(&[
        "field:",
        "offset:",
        "size:",
        "signed:",
        "ID:",
        "print fmt:",
        "__print_symbolic(",
        "{ ",
    ]),
    // The formats are read each time, and every event is followed, counted and told.
    Decoder::new("trace-page", page, &["decode_trace_page"]).within(1_024, 512 << 10).tried(400),
    Decoder::new("kernel-addresses", addresses, &["parse_kernel_function", "parse_local_ipv4", "parse_local_ipv6"])
        .of_words(&["|-- ", "/32 host LOCAL", " t ", " T "]),
];

/// A format of an event, of a page, and of the head of a record.
fn format(bytes: &[u8]) {
    let text = lossy(bytes);
    black_box((parse_page_header(&text), is_known_entry_header(&text)));
    let Some(format) = parse_trace_format(&text) else { return };
    for row in &TRACED_EVENTS {
        black_box(kernel_filter(row.kind, &format));
        let mut decoder = TraceDecoder::default();
        decoder.add(row.kind, &format);
        black_box(decoder.decode(1, 0, bytes));
    }
}

/// A page with the layout and the events of 6.18.
fn page(bytes: &[u8]) {
    const HEADER: &str = include_str!("../../data/trace/6.18/header_page");
    const FORMATS: [&str; 3] = [
        include_str!("../../data/trace/6.18/inet_sock_set_state.format"),
        include_str!("../../data/trace/6.18/kfree_skb.format"),
        include_str!("../../data/trace/6.18/tcp_retransmit_skb.format"),
    ];
    let Some(layout) = parse_page_header(HEADER) else { return };
    let mut decoder = TraceDecoder::default();
    for format in FORMATS.iter().filter_map(|text| parse_trace_format(text)) {
        if let Some(row) = TRACED_EVENTS.iter().find(|row| row.tracepoint == format.name) {
            decoder.add(row.kind, &format);
        }
    }
    let (mut follower, mut tally) = (Follower::default(), TraceTally::default());
    let read = decode_trace_page(bytes, &layout, |entry| {
        let Some(event) = decoder.decode(entry.at_ns, 0, entry.record) else { return };
        let unix_ns = event.at_ns;
        let told = follower.follow(event);
        tally.count(&told);
        let row = TraceRow { told: &told, unix_ns, asked: &TraceAnswer::NotAsked, netns: None };
        black_box((
            row.render(TraceStyle { one_line: false, ascii: false, width: 60 }),
            serde_json::to_string(&row.view()).ok(),
        ));
    });
    black_box((read, tally.reasons(), tally.pairs(10)));
}

fn addresses(bytes: &[u8]) {
    let text = lossy(bytes);
    black_box((parse_local_ipv4(&text), parse_local_ipv6(&text)));
    text.lines().for_each(|line| {
        black_box(parse_kernel_function(line));
    });
}
