//! What `tcpctl trace` shows of a page that a kernel has written, and what it refuses.

use std::fmt::Write as _;

use tcpctl::model::{Host, KnownOptions, KnownSettings, forecast_live};
use tcpctl::report::{
    NetnsFrom, TraceAnswer, TraceEnding, TraceNetns, TraceRow, TraceStyle, TraceSummaryView, render_trace_heading,
    render_trace_notes, render_trace_summary,
};
use tcpctl::snapshot::NamespaceName;
use tcpctl::trace::{TRACED_EVENTS, Told, TraceDesk, TraceKind};
use tcpctl::units::{Hz, LiveInfo, LiveSocket, SocketTimer, SysctlValues, TcpState};
use tcpctl::wire::{TraceDecoder, TraceEvent, decode_trace_page, parse_filter, parse_page_header, parse_trace_format};

fn data(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/trace/6.18/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn text(name: &str) -> String {
    String::from_utf8(data(name)).unwrap()
}

fn recorded() -> Vec<TraceEvent> {
    let mut decoder = TraceDecoder::default();
    for row in &TRACED_EVENTS {
        decoder.add(row.kind, &parse_trace_format(&text(&format!("{}.format", row.tracepoint))).unwrap());
    }
    let (page, mut events) = (data("page"), Vec::new());
    let layout = parse_page_header(&text("header_page")).unwrap();
    decode_trace_page(&page, &layout, |entry| events.extend(decoder.decode(entry.at_ns, 0, entry.record)));
    events
}

fn all_kinds() -> Vec<TraceKind> {
    TRACED_EVENTS.iter().map(|row| row.kind).collect()
}

/// What a filter leaves, and the desk with its counts.
fn taken(filter: &str) -> (Vec<Told>, TraceDesk) {
    let mut desk = TraceDesk::new(all_kinds(), parse_filter(filter).unwrap());
    let function = |event: &TraceEvent| event.location.map(|_| "tcp_v4_rcv");
    let told = recorded().into_iter().filter_map(|event| desk.take(event.clone(), function(&event), None)).collect();
    (told, desk)
}

fn row<'a>(told: &'a Told, asked: &'a TraceAnswer) -> TraceRow<'a> {
    TraceRow { told, unix_ns: 1_700_000_000_000_000_000 + told.event.at_ns, asked, netns: None }
}

#[test]
fn a_recorded_page_is_told_in_lines() {
    let mut shown = render_trace_heading();
    for told in &taken("").0 {
        shown.push_str(&row(told, &TraceAnswer::NotAsked).render(TraceStyle::default()));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn what_happened_and_what_it_means_may_stand_on_one_line() {
    let style = TraceStyle { one_line: true, ascii: true, width: 80 };
    let shown: String = taken("dport = :4444 or sport = :4444")
        .0
        .iter()
        .map(|told| row(told, &TraceAnswer::NotAsked).render(style))
        .collect();
    assert_eq!(shown.lines().count(), 5, "{shown}");
    assert!(shown.is_ascii() && shown.contains("NO_SOCKET: nothing listens there"), "{shown}");
}

#[test]
fn a_summary_counts_by_event_reason_and_pair() {
    let (_, desk) = taken("");
    let lost = [(vec![TraceKind::Retransmit], Some(0)), (vec![TraceKind::ResetSent, TraceKind::Drop], Some(7))];
    let ending = TraceEnding { unix_ns: 1_700_000_000_000_000_000, took_ms: 2_345, lost: &lost, unclear_pages: 0 };
    insta::assert_snapshot!(render_trace_summary(&TraceSummaryView::new(desk.tally(), &all_kinds(), ending, 2)));
}

#[test]
fn what_was_lost_and_cannot_be_counted_is_not_said_to_be_none() {
    let (_, desk) = taken("");
    let lost = [(vec![TraceKind::Retransmit], Some(3)), (vec![TraceKind::Drop], None)];
    let ending = TraceEnding { lost: &lost, ..TraceEnding::default() };
    let summary = TraceSummaryView::new(desk.tally(), &all_kinds(), ending, 2);
    let notes = render_trace_notes(&summary);
    assert!(notes.contains("         3  lost before they could be read, and in no count (retransmit)"), "{notes}");
    assert!(notes.contains("         ?  lost: the kernel's counts could not be read (drop)"), "{notes}");
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["lost"], serde_json::Value::Null);
    assert_eq!(json["lost_by"][1], serde_json::json!({ "events": ["drop"], "count": null }));
}

#[test]
fn the_json_of_an_event_and_of_a_summary_is_a_contract() {
    let (told, desk) = taken("sport = :4444");
    let mut shown = String::new();
    for told in &told {
        let view = serde_json::to_string_pretty(&row(told, &TraceAnswer::NoSocket { anywhere: false }).view()).unwrap();
        writeln!(shown, "{view}").unwrap();
    }
    let summary = TraceSummaryView::new(desk.tally(), &all_kinds(), TraceEnding::default(), 10);
    writeln!(shown, "{}", serde_json::to_string_pretty(&summary).unwrap()).unwrap();
    insta::assert_snapshot!(shown);
}

/// A socket that has sent again, and what follows.
fn answered(state: TcpState, info: LiveInfo) -> TraceAnswer {
    let socket = LiveSocket {
        state,
        timer: SocketTimer::Retransmit,
        expires_ms: 400,
        retransmits: info.retransmits,
        inode: 1,
        info: Some(info),
    };
    let host = Host { version: "6.18.0".parse().unwrap(), hz: Hz::new(250) };
    let settings = KnownSettings::new(&SysctlValues::new(), |_| false);
    TraceAnswer::Socket(socket, Some(forecast_live(&socket, &KnownOptions::default(), &host, &settings)))
}

#[test]
fn a_segment_that_is_sent_again_is_explained_by_what_its_socket_says() {
    let (mut told, _) = taken("sport = :4444");
    let mut told = told.remove(0);
    told.event.kind = TraceKind::Retransmit;
    (told.event.state, told.event.reason, told.seen) = (Some(TcpState::Estab), None, 3);
    let info = LiveInfo { rto_us: 800_000, rtt_us: 1000, unacked: 1, ..LiveInfo::default() };
    let explained = |told: &Told, asked: &TraceAnswer| row(told, asked).explanation();
    let timeout = answered(TcpState::Estab, LiveInfo { retransmits: 2, backoff: 2, ca_state: 4, ..info });
    let words = explained(&told, &timeout);
    assert!(words.starts_with("timeout: resend 2 of ") && words.contains("gives up in"), "{words}");
    assert!(words.ends_with("; 3rd resend seen"), "{words}");
    let fast = answered(TcpState::Estab, LiveInfo { ca_state: 3, ..info });
    assert!(explained(&told, &fast).starts_with("fast retransmit: "));
    let over = answered(TcpState::Estab, LiveInfo { unacked: 0, ..info });
    assert_eq!(explained(&told, &over), "acknowledged since; 3rd resend seen");
    told.whole = true;
    assert_eq!(explained(&told, &TraceAnswer::NotAsked), "3rd resend of the connection");
    let (here, anywhere) = (TraceAnswer::NoSocket { anywhere: false }, TraceAnswer::NoSocket { anywhere: true });
    let gone = "no socket of this network namespace, or gone; 3rd resend of the connection";
    assert_eq!(explained(&told, &here), gone);
    assert_eq!(
        explained(&told, &anywhere),
        "gone, or in a network namespace that is not found; 3rd resend of the connection"
    );
    let netns = |from| TraceNetns { name: NamespaceName { inode: 7, name: "blue".to_owned() }, from };
    let (by_socket, by_address) = (netns(NetnsFrom::Socket), netns(NetnsFrom::Address));
    let within = |netns| TraceRow { netns: Some(netns), ..row(&told, &fast) }.explanation();
    assert!(within(&by_socket).ends_with("3rd resend of the connection; netns blue"));
    assert!(within(&by_address).ends_with("; netns blue by its address"));
    // That the kernel does not say is not that there is no socket.
    let refused = TraceAnswer::NotAnswered("sock_diag is refused: Operation not permitted".to_owned());
    let words = "the kernel did not say what its socket does: sock_diag is refused: Operation not permitted; 3rd";
    assert!(explained(&told, &refused).starts_with(words), "{}", explained(&told, &refused));
    assert_eq!(serde_json::to_value(row(&told, &refused).view()).unwrap()["socket"], "refused");
    let several = explained(&told, &TraceAnswer::Several);
    assert!(several.starts_with("several network namespaces have a socket with these ends"), "{several}");
    told.event.state = Some(TcpState::SynSent);
    assert_eq!(explained(&told, &TraceAnswer::NotAsked), "3rd resend of the handshake");
    told.event.error = Some(105);
    assert!(explained(&told, &TraceAnswer::NotAsked).starts_with("not sent: No buffer space available"));
}

#[test]
fn mistakes_are_told_before_anything_is_traced() {
    for (arguments, code, said) in [
        (["trace", "dev", "eth0"].as_slice(), 2, "leave dev, fwmark, cgroup and autobound out"),
        (&["trace", "spot", "=", ":1"], 2, "did you mean `sport`?"),
        (&["trace", "--event", "resets"], 2, "reset-sent"),
        (&["trace", "--summary", "--count", "3"], 2, "cannot be used with"),
        (&["trace", "--buffer", "1"], 2, "4..=65536"),
        (&["trace", "--tracefs", "/nonexistent"], 2, "name where it is mounted"),
        (&["trace", "--from", "file"], 2, "acts on the host"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said) && output.stdout.is_empty(), "{arguments:?}: {told}");
    }
}
