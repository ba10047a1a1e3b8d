//! Connections whose own send buffer holds less than the path.
//!
//! `tcp_chrono_start` counts the time in which the application had to wait for room while the congestion and receive
//! windows were open (`TCP_CHRONO_SNDBUF_LIMITED`). The kernel often counts none although it is so.

use super::held_up::{Limit, held_up};
use crate::diagnose::forecast::{by_destination, connections};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::Micros;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "send-buffer-small",
    looks_for: "connections over a distance that the own send buffer holds up",
    topic: None,
    reads: &[Input::Sockets("single connections with something to send, with tcp_info")],
    keys: &["net.ipv4.tcp_wmem"],
    threshold: "2 s of sending and more, since slow start is over by then, 30% of them with the send buffer used up (44% where nothing \
                else held it up), 5 ms of path and no queue; that the kernel counts none proves nothing",
    confidence: Confidence::Certain,
    next: Some("ss -tmi, for tb and what is in flight"),
    proof: Proof::Live,
    wrong_remedy: "net.core.wmem_max alone: it limits SO_SNDBUF only; net.ipv4.tcp_rmem here: that is for receiving",
    disproved_by: "tcpi_sndbuf_limited that stays where it is while the connection sends",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let (found, sample) = held_up(case, Limit::OwnBuffer)?;
    let groups = by_destination(found.iter().map(|(row, _)| *row));
    let Some((group, (_, pace))) = groups.first().zip(found.first()) else { return Ok(Verdict::quiet()) };
    let rate_kb = pace.delivery_rate / 1000;
    let sentence = format!(
        "{}{}, such as to {}: {rate_kb} kB a second, held to the send buffer",
        connections(u64::try_from(found.len()).unwrap_or(u64::MAX), sample),
        group.of_process(),
        group.remote
    );
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .seen("such connections", found.len().to_string(), source::info("tcpi_sndbuf_limited, tcpi_busy_time"))
        .seen("kB a second that arrive (tcpi_delivery_rate)", rate_kb.to_string(), source::info("tcpi_delivery_rate"))
        .seen("round trip (tcpi_rtt)", format!("{:#}", Micros(pace.rtt_us.into())), source::info("tcpi_rtt"))
        .seen(
            "time with something to send (tcpi_busy_time)",
            format!("{:#}", Micros(pace.busy_us)),
            source::info("tcpi_busy_time"),
        )
        .seen(
            "of it with the buffer used up (tcpi_sndbuf_limited)",
            format!("{:#}", Micros(pace.buffer_limited_us)),
            source::info("tcpi_sndbuf_limited"),
        )
        .settings(case, RULE.keys)
        .because("the send buffer is smaller than what the path holds: the rate times the round trip")
        .remedy(
            "no SO_SNDBUF in the application, and the third figure of net.ipv4.tcp_wmem at about twice the path's rate \
             times its round trip; keep the first two",
        )
        .into())
}
