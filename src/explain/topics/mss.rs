//! Segments against fragments.

use crate::explain::{Ask, FigureTable, Figures, Folklore, Group, MssFigures, Topic};
use crate::model::{IpVersion, SegmentSizes, Timeline, arrival_ppm, segment_sizes};

/// What is sent in the example: nearly the largest IP packet, so that both ways of cutting it up exist.
const DATA: u64 = 65_000;
/// Chance that a packet is lost in the example: one in a hundred.
const LOSS_PPM: u64 = 10_000;
/// What `tcp_min_snd_mss` is by default, and was before it was a setting.
const LEAST_MSS: u64 = 48;
/// The least MTU of a link with IPv6 (RFC 8200 5).
const LEAST_IPV6_MTU: u32 = 1280;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "mss",
    group: Group::Opening,
    question: "IP fragments already: why does TCP have an MSS?",
    keys: &[
        "net.ipv4.tcp_timestamps",
        "net.ipv4.tcp_mtu_probing",
        "net.ipv4.tcp_base_mss",
        "net.ipv4.tcp_min_snd_mss",
        "net.ipv4.ip_no_pmtu_disc",
    ],
    folklore: &[
        Folklore {
            said: "The two sides agree on one MSS.",
            kernel: "Each announces what it can take, and neither answers. A side sends the smaller of what its peer \
                     announced and what its own path allows, so with plain links both use the smaller of the two.",
        },
        Folklore {
            said: "The MSS is the data in each segment.",
            kernel: "It leaves options out: with timestamps each segment carries 12 bytes less (1448 of 1460).",
        },
    ],
    sources: &["tcp_mtu_to_mss()", "tcp_sync_mss()", "tcp_advertise_mss()", "ip_fragment()", "RFC 6691", "RFC 8900"],
    wants: &[],
    scenario: None,
    answer,
};

fn answer(ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let mtu = ask.mtu;
    let least = ask.values.get("net.ipv4.tcp_min_snd_mss").and_then(|sourced| sourced.value.parse().ok());
    let least = least.unwrap_or(LEAST_MSS);
    let sizes = |ip| segment_sizes(u64::from(mtu), DATA, ip, ask.settings().timestamps, least);
    let (v4, v6) = (sizes(IpVersion::V4), sizes(IpVersion::V6));
    let mut sentences = vec![
        "IP can send again only a whole packet, TCP a single segment: when one fragment is lost, all the others were \
         sent for nothing."
            .to_owned(),
        format!(
            "At an MTU of {mtu} bytes a SYN over IPv4 announces MSS {} ({}){}.",
            v4.mss,
            if v4.mss > u64::from(mtu) { "the least it ever does" } else { "MTU less 20 for IP and 20 for TCP" },
            if mtu < LEAST_IPV6_MTU {
                "; IPv6 needs 1280".to_owned()
            } else {
                format!(", over IPv6 {} (less 60)", v6.mss)
            }
        ),
        lost_sentence(&v4),
    ];
    sentences.extend(chance_sentence(&v4));
    sentences.push(
        "Besides, fragments cost the receiver memory while it waits (30 s), carry no ports for firewalls and NAT after \
         the first, and are dropped by many networks. Linux sets DF on TCP and learns the path's MTU from ICMP; where \
         that is filtered, tcp_mtu_probing=1 finds it by trying."
            .to_owned(),
    );
    let figures = MssFigures { mtu, data: DATA, ipv4: v4, ipv6: v6 };
    Figures { answer: sentences, mss: Some(figures), tables: vec![table(&figures)], ..Figures::default() }
}

fn lost_sentence(sizes: &SegmentSizes) -> String {
    match sizes.fragments {
        Some(fragments @ 2..) => format!(
            "{DATA} bytes are {} segments of up to {} bytes; one lost costs {} bytes again. As one segment in \
             {fragments} fragments, one lost costs all {}.",
            sizes.segments, sizes.data_per_segment, sizes.lost_segment_bytes, sizes.lost_fragment_bytes
        ),
        _ => format!("{DATA} bytes fit into one segment here, and IP has nothing to fragment."),
    }
}

/// What a little loss does to many fragments.
fn chance_sentence(sizes: &SegmentSizes) -> Option<String> {
    let fragments = sizes.fragments.filter(|fragments| *fragments > 1)?;
    let percent = arrival_ppm(fragments, LOSS_PPM) / 10_000;
    Some(format!(
        "Where 1 packet in 100 is lost, {fragments} fragments all arrive {percent} times in 100; of the segments, 1 in 100 is \
         sent again."
    ))
}

fn table(figures: &MssFigures) -> FigureTable {
    let row = |name: &str, sizes: &SegmentSizes| {
        let fragments = sizes.fragments.map_or_else(|| "too long".to_owned(), |fragments| fragments.to_string());
        vec![
            name.to_owned(),
            sizes.mss.to_string(),
            sizes.data_per_segment.to_string(),
            sizes.segments.to_string(),
            fragments,
            sizes.lost_segment_bytes.to_string(),
            sizes.lost_fragment_bytes.to_string(),
        ]
    };
    let mut rows = vec![row("IPv4", &figures.ipv4)];
    if figures.mtu >= LEAST_IPV6_MTU {
        rows.push(row("IPv6", &figures.ipv6));
    }
    FigureTable {
        title: format!("{DATA} bytes at MTU {}", figures.mtu),
        columns: vec!["", "MSS", "data", "segments", "fragments", "again: segment", "again: fragment"],
        rows,
    }
}
