//! Stored snapshots, and all that is said of one.

use std::hint::black_box;
use std::io::{Cursor, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use tcpctl::collect::{RowsWanted, ShownStates, SocketRows};
use tcpctl::diagnose::{diagnose, headlines};
use tcpctl::report::{
    FindingsStyle, FindingsView, FleetFiles, FleetJudge, FleetView, ListenersView, Measured, MetricsFormat, StatusView,
    render_findings, render_fleet, render_listeners, render_metrics, render_status,
};
use tcpctl::snapshot::{
    Redaction, RedactionKey, StoredSnapshots, decode_readings, parse_readings, parse_stored, render_stored,
};
use tcpctl::tune::{NetworkPath, Profile, Profiles, VENDOR_PROFILES, plan_values};
use tcpctl::wire::parse_filter;

use super::{Decoder, lossy};

const WORDS: &[&str] = &["\"sockets\"", "null", "-1", "18446744073709551615", "9223372036854775807", "\"ESTAB\"", "[]"];

/// Unpacked bytes that are read of a file: `tcpctl` reads a whole GiB, of which a test would see no more.
const UNPACKED: u64 = 4 << 20;

pub(super) const DECODERS: &[Decoder] = &[
    // What is said of a snapshot is longer than a small snapshot: metrics alone are a hundred KiB.
    Decoder::new("snapshot", judged, &["parse_stored"]).of_words(WORDS).within(256, 16 << 20).tried(300),
    Decoder::new("snapshot-readings", readings, &["parse_readings", "decode_readings"])
        .of_words(WORDS)
        .within(64, 256 << 10)
        .tried(800),
    Decoder::new("snapshot-rows", rows, &[]).of_words(WORDS).within(256, 1 << 20).tried(300),
    Decoder::new("snapshot-packed", packed, &[]).within(64, 64 << 20).tried(300),
];

/// A stored snapshot is read, judged, measured, planned for, shown in every way, redacted, and written again.
fn judged(bytes: &[u8]) {
    let Ok(mut stored) = parse_stored(&lossy(bytes)) else { return };
    let again = render_stored(&stored).map(|text| parse_stored(&text));
    assert!(matches!(again, Ok(Ok(_))), "what was written cannot be read: {again:?}");
    say_all(&stored);
    if let Ok(key) = RedactionKey::new(&[7; 32]) {
        Redaction::keyed(key).redact(&mut stored);
        say_all(&stored);
    }
}

fn say_all(stored: &StoredSnapshots) {
    let (now, before) = (stored.last(), stored.first());
    let findings = diagnose(now, before);
    black_box(render_findings(&findings, FindingsStyle { width: 80, ascii: true, verbose: true }));
    black_box(serde_json::to_string(&FindingsView::new(&findings))).ok();
    let status = StatusView::new(now, before, &headlines(&findings));
    black_box(render_status(&status, 80, true));
    black_box(serde_json::to_string(&status)).ok();
    black_box(render_listeners(&ListenersView::new(now, None), 80, true));
    let measured = Measured::new(now, before, &findings);
    black_box(render_metrics(&measured, [MetricsFormat::Classic, MetricsFormat::OpenMetrics]));
    let profiles = vendor();
    black_box(plan_values(&profiles, now, NetworkPath::default()));
    let host = FleetJudge::new(&profiles, NetworkPath::default()).judge(stored, "host.json");
    black_box(render_fleet(&FleetView::new(vec![host], FleetFiles::default()), 80, true));
}

/// Every profile that the program brings, each alone as no two need to agree.
fn vendor() -> Vec<Profile> {
    let profiles = Profiles::vendor();
    let resolved = VENDOR_PROFILES.iter().filter_map(|(name, _)| profiles.resolve(name)?.ok());
    resolved.take(1).collect()
}

/// The readings alone, whole and bit by bit: both ways come to the same.
fn readings(bytes: &[u8]) {
    let (whole, by_bits) = (parse_readings(bytes), decode_readings(|| Ok(Cursor::new(bytes))));
    assert_eq!(whole.is_ok(), by_bits.is_ok(), "{whole:?}\n{by_bits:?}");
    if let (Ok(whole), Ok(by_bits)) = (whole, by_bits) {
        assert_eq!(whole, by_bits);
    }
}

/// Single sockets of a snapshot through a filter.
fn rows(bytes: &[u8]) {
    let Ok(stored) = parse_stored(&lossy(bytes)) else { return };
    let Some(rows) = stored.rows() else { return };
    let Ok(filter) = parse_filter("sport >= 1 or dev 2") else { return };
    let wanted =
        RowsWanted { filter, shown: ShownStates::All, ipv4: None, info: true, memory: true, filter_here: false };
    let Ok(mut sockets) = SocketRows::stored(&Arc::clone(rows), None, wanted) else { return };
    let walked = sockets.walk(|found| {
        black_box(found.live_socket());
        core::ops::ControlFlow::Continue(())
    });
    black_box(walked).ok();
}

/// As it is stored: packed by gzip.
fn packed(bytes: &[u8]) {
    let mut unpacked = Vec::new();
    if MultiGzDecoder::new(bytes).take(UNPACKED).read_to_end(&mut unpacked).is_ok() {
        readings(&unpacked);
    }
}
