//! Every topic as text, for a fixed kernel with its defaults.

use tcpctl::explain::{Ask, Explanation, Overrides, explain, find_topic, topics};
use tcpctl::report::{DiagramStyle, render_explanation, render_mermaid, render_svg};
use tcpctl::units::SysctlValues;

const STYLE: DiagramStyle = DiagramStyle { width: 80, ascii: false };

/// The answer of Linux 6.18 with 250 ticks a second and 8 GiB, at this round-trip time.
fn answered(topic: &str, rtt_us: u64) -> Explanation {
    let overrides = Overrides {
        kernel: Some("6.18".to_owned()),
        hz: Some("250".to_owned()),
        rtt_us: Some(rtt_us),
        ..Overrides::default()
    };
    let ask = Ask::new(None, None, Some(8 << 20), &SysctlValues::new(), &overrides).unwrap();
    explain(find_topic(topic).unwrap(), &ask)
}

macro_rules! snapshots {
    ($($name:ident: $topic:literal, $rtt_us:literal;)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(render_explanation(&answered($topic, $rtt_us), STYLE));
        })*
    };
}

snapshots! {
    segment_reads_well: "segment", 0;
    connection_reads_well: "connection", 0;
    tcp_vs_udp_reads_well: "tcp-vs-udp", 0;
    same_port_reads_well: "same-port", 0;
    handshake_reads_well: "handshake", 50_000;
    why_three_reads_well: "why-three", 20_000;
    isn_reads_well: "isn", 0;
    syn_lost_reads_well: "syn-lost", 0;
    third_ack_lost_reads_well: "third-ack-lost", 20_000;
    data_lost_reads_well: "data-lost", 1000;
    time_wait_many_reads_well: "time-wait-many", 0;
    mss_reads_well: "mss", 0;
    timers_reads_well: "timers", 0;
    close_reads_well: "close", 0;
    why_four_reads_well: "why-four", 20_000;
    why_time_wait_reads_well: "why-time-wait", 20_000;
    why_2msl_reads_well: "why-2msl", 0;
    challenge_ack_reads_well: "challenge-ack", 20_000;
    simultaneous_open_reads_well: "simultaneous-open", 20_000;
    synack_lost_is_folded: "synack-lost", 0;
    accept_queue_full_reads_well: "accept-queue-full", 20_000;
    syn_flood_reads_well: "syn-flood", 20_000;
    syncookies_reads_well: "syncookies", 20_000;
}

#[test]
fn no_line_is_wider_than_the_screen() {
    for topic in topics() {
        for ascii in [false, true] {
            let text = render_explanation(&answered(topic.id, 50_000), DiagramStyle { width: 80, ascii });
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", topic.id);
            }
            assert!(
                !ascii || text.is_ascii(),
                "{}: not ASCII: {:?}",
                topic.id,
                text.lines().find(|line| !line.is_ascii())
            );
        }
    }
}

#[test]
fn a_lost_syn_is_drawn_for_a_post_mortem() {
    let explanation = answered("syn-lost", 0);
    insta::assert_snapshot!("syn_lost_svg", render_svg(&explanation).unwrap());
    insta::assert_snapshot!("syn_lost_mermaid", render_mermaid(&explanation).unwrap());
}

/// The elements of an XML text in the order in which they end, with their texts; fails on what is not well-formed.
fn elements(xml: &str) -> Vec<(String, String)> {
    let mut open: Vec<(String, String)> = Vec::new();
    let mut closed = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        let (text, tag) = rest.split_at(start);
        let end = tag.find('>').expect("a tag that ends");
        assert!(!text.contains('>'), "a bare > in {text}");
        for entity in text.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot", "apos"].contains(&name), "&{name}");
        }
        if let Some((_, inner)) = open.last_mut() {
            inner.push_str(text);
        } else {
            assert!(text.trim().is_empty(), "text outside the document: {text}");
        }
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            let (opened, text) = open.pop().expect("an open element");
            assert_eq!(opened, name);
            closed.push((opened, text));
            continue;
        }
        let (inside, empty) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let name = inside.split_whitespace().next().unwrap().to_owned();
        // Attributes are name="value" with single blanks between.
        let quotes = inside.matches('"').count();
        assert_eq!((quotes % 2, inside.matches("=\"").count()), (0, quotes / 2), "{inside}");
        if empty { closed.push((name, String::new())) } else { open.push((name, String::new())) }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "not closed: {open:?}");
    closed
}

#[test]
fn every_picture_is_well_formed_and_says_what_it_shows() {
    for topic in topics() {
        for rtt_us in [0, 50_000, 3_000_000] {
            let explanation = answered(topic.id, rtt_us);
            let Some(svg) = render_svg(&explanation) else {
                assert!(explanation.timeline.is_none());
                continue;
            };
            let elements = elements(&svg);
            let has = |name: &str, text: &str| {
                elements.iter().any(|(element, inner)| element == name && inner.contains(text))
            };
            assert!(has("title", &topic.question.replace('\'', "&apos;")), "{}", topic.id);
            assert!(has("text", "Linux 6.18, HZ 250"), "{}", topic.id);
            assert_eq!(elements.last().map(|(name, _)| name.as_str()), Some("svg"));
            let mermaid = render_mermaid(&explanation).unwrap();
            assert!(mermaid.contains("\nsequenceDiagram\n"));
        }
    }
}

#[test]
fn a_long_round_trip_makes_segments_cross_and_none_is_lost_on_the_way() {
    // The SYN goes out again while its answer is under way.
    let explanation = answered("handshake", 1_500_000);
    let sent = explanation.timeline.as_ref().unwrap().events.iter();
    let sent = sent.filter(|event| matches!(event.what, tcpctl::model::What::Send { .. })).count();
    let svg = render_svg(&explanation).unwrap();
    assert_eq!(svg.matches("<polygon").count(), sent);
    insta::assert_snapshot!(render_explanation(&explanation, STYLE));
}
