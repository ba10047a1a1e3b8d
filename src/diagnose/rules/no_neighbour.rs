//! SYNs that never leave the host.
//!
//! While the neighbour is not resolved the SYN waits in the host; `tcp_retransmit_skb` finds it there still
//! (`skb_still_in_host_queue`), sends nothing and counts TCPSpuriousRtxHostQueues instead of a retransmission.

use crate::diagnose::case::at_least_percent;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::TcpState;

/// Timeouts below which it is chance.
const MIN: u64 = 5;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "no-neighbour",
    looks_for: "connects whose SYN never leaves this host",
    topic: Some("syn-lost"),
    reads: &[
        Input::Sockets("states"),
        Input::TcpExt("TCPSpuriousRtxHostQueues"),
        Input::TcpExt("TCPTimeouts"),
        Input::TcpExt("TCPSynRetrans"),
    ],
    keys: &[],
    threshold: "5 such timeouts that are at least half of all timeouts, SYN-SENT that are not sent again, and fewer \
                SYNs sent again than that: a slow device queue alone counts a few beside real retransmissions",
    confidence: Confidence::Likely,
    next: Some("ip neigh, for FAILED or INCOMPLETE; tc -s qdisc, for a stuck queue"),
    proof: Proof::Live,
    wrong_remedy: "net.ipv4.tcp_syn_retries: the SYN is not lost, it was never sent",
    disproved_by: "TCPSynRetrans that rises as fast as TCPTimeouts",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    if case.sockets()?.count(TcpState::SynSent) == 0 || !never_sent(case)? {
        return Ok(Verdict::quiet());
    }
    let held = case.tcp_ext_rise("TCPSpuriousRtxHostQueues")?;
    let sentence =
        format!("{held} timeouts {} found their SYN still in this host: it was never sent", case.in_window());
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .tcp_ext(case, &["TCPSpuriousRtxHostQueues", "TCPTimeouts", "TCPSynRetrans"])
        .states(case, &[TcpState::SynSent])
        .because(
            "the next hop's link address is not known (nobody answers ARP or neighbour discovery), or the device \
                  is stuck",
        )
        .remedy("`ip neigh` and `ip route get` to the destination: a wrong route, a dead gateway, a wrong VLAN")
        .into())
}

/// Whether SYNs wait in this host and are not lost elsewhere.
pub(super) fn never_sent(case: &Case<'_>) -> Result<bool, String> {
    let held = case.tcp_ext_rise("TCPSpuriousRtxHostQueues")?;
    let timeouts = case.tcp_ext_rise("TCPTimeouts")?;
    Ok(held >= MIN && at_least_percent(held, timeouts, 50) && case.tcp_ext_rise("TCPSynRetrans")? < held)
}
