//! Full-size segments that never arrive while small ones do.
//!
//! A router that cannot forward a packet must say so by ICMP (`tcp_v4_mtu_reduced` then makes segments smaller). Where
//! that message is filtered, handshake and short requests pass, and the first full segment is sent again for ever.
//! With `tcp_mtu_probing` the timer lowers the segment size itself after some retries (`tcp_mtu_probing`); TCPMTUPFail
//! and TCPMTUPSuccess count the probes of a search that goes up again, and stay 0 in the fall itself.

use crate::diagnose::case::at_least_percent;
use crate::diagnose::forecast::{by_destination, counted, is_opened_here};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::{SentData, SocketRow};
use crate::units::TcpState;

/// Connections below which it is chance.
const MIN: usize = 2;

/// Those that clients opened count when they are so many, and such a share of all open connections, in percent: of a public
/// service some vanish at any moment before their first answer has arrived, and look like it.
const CLIENTS_MIN: u64 = 5;
const CLIENTS_PERCENT: u64 = 5;

/// Bytes of the average segment that arrived, in percent of a full one, from which full ones do arrive.
const SMALL_PERCENT: u64 = 50;

const MTU_PROBING: &str = "net.ipv4.tcp_mtu_probing";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "mtu-black-hole",
    looks_for: "full-size segments that never arrive while small ones do",
    topic: Some("data-lost"),
    reads: &[
        Input::Sockets("single connections that timeouts send again for, with tcp_info"),
        Input::Sockets("states"),
    ],
    keys: &[MTU_PROBING, "net.ipv4.tcp_base_mss"],
    threshold: "2 connections that two timeouts and more sent a full segment again for, and of which nothing but small \
                segments ever arrived (half of a full one on average): a peer that died took full ones before; those that clients opened \
                only from 5 on and from 5% of what is open, since some vanish before their first answer",
    confidence: Confidence::Possible,
    next: Some("ping -M do -s 1472 PEER, or tracepath PEER, for the size that still passes"),
    proof: Proof::Live,
    wrong_remedy: "more retries or larger buffers: the same segment is dropped each time; a firewall that drops all ICMP",
    disproved_by: "a large `ping -M do` that is answered: then the peers are gone or busy",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let found = holes(case)?;
    let Some(sent) = found.first().and_then(|row| row.sent) else { return Ok(Verdict::quiet()) };
    let group = by_destination(found.iter().copied()).into_iter().next();
    let whose = group.as_ref().map(|group| format!("{}, such as to {}", group.of_process(), group.remote));
    let sentence = format!(
        "{} connections{} get small segments through and full ones of {} bytes never",
        counted(u64::try_from(found.len()).unwrap_or(u64::MAX), &case.samples()?.resending),
        whose.unwrap_or_default(),
        sent.mss
    );
    let most = found.iter().map(|row| row.clock.retransmits).max().unwrap_or(0);
    Ok(Finding::new(&RULE, Severity::Critical, sentence)
        .seen("connections of which no full segment arrived", found.len().to_string(), source::info("tcpi_snd_mss, tcpi_bytes_acked, tcpi_delivered"))
        .seen("timeouts in a row, of the one with most (idiag_retrans)", most.to_string(), "sock_diag idiag_retrans")
        .seen("bytes of a full segment (tcpi_snd_mss)", sent.mss.to_string(), source::info("tcpi_snd_mss"))
        .seen("bytes that the path is taken to carry (tcpi_pmtu)", sent.path_mtu.to_string(), source::info("tcpi_pmtu"))
        .seen("bytes acknowledged of the first of them (tcpi_bytes_acked)", sent.acked_bytes.to_string(), source::info("tcpi_bytes_acked"))
        .seen("in how many segments (tcpi_delivered)", sent.delivered_segments.to_string(), source::info("tcpi_delivered"))
        .tcp_ext(case, &["TCPMTUPFail", "TCPMTUPSuccess"])
        .settings(case, RULE.keys)
        .because("somewhere on the way packets of this size are dropped, and the ICMP message that says so does not arrive")
        .remedy(
            "let ICMP \"fragmentation needed\" and \"packet too big\" through; else a smaller MTU on the route or tunnel \
             (ip route ... mtu, or MSS clamping); net.ipv4.tcp_mtu_probing=1 gets connections out after some retries",
        )
        .into())
}

/// Connections that look like it.
fn holes<'a>(case: &Case<'a>) -> Result<Vec<&'a SocketRow>, String> {
    let (samples, sockets) = (case.samples()?, case.sockets()?);
    let mut found: Vec<&SocketRow> = samples.resending.rows.iter().filter(|row| is_hole(row)).collect();
    let number = u64::try_from(found.len()).unwrap_or(u64::MAX);
    if number < CLIENTS_MIN || !at_least_percent(number, sockets.count(TcpState::Estab), CLIENTS_PERCENT) {
        found.retain(|row| is_opened_here(row, &sockets.listeners));
    }
    Ok(if found.len() < MIN { Vec::new() } else { found })
}

/// Whether this rule speaks of such connections.
pub(super) fn claims(case: &Case<'_>) -> bool {
    holes(case).is_ok_and(|holes| !holes.is_empty())
}

/// Whether what is in flight begins with a full segment, and none ever arrived.
pub(super) fn is_hole(row: &SocketRow) -> bool {
    let Some(SentData { mss, in_flight_segments, delivered_segments, acked_bytes, sent_bytes, resent_bytes, .. }) =
        row.sent
    else {
        return false;
    };
    let (mss, in_flight_segments) = (u64::from(mss), u64::from(in_flight_segments));
    // The SYN counts as a byte that was acknowledged and not as one that was sent.
    let in_flight = sent_bytes.saturating_sub(resent_bytes).saturating_sub(acked_bytes.saturating_sub(1));
    let is_full = in_flight >= mss && in_flight * 100 >= in_flight_segments * mss * SMALL_PERCENT;
    let were_small = acked_bytes * 100 < u64::from(delivered_segments.max(1)) * mss * SMALL_PERCENT;
    row.clock.state != TcpState::SynSent && mss > 0 && is_full && were_small
}
