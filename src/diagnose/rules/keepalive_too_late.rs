//! Keepalive that begins after this host's own firewall has forgotten the connection.
//!
//! Connection tracking forgets an idle connection after `nf_conntrack_tcp_timeout_established`; a socket with
//! SO_KEEPALIVE sends its first probe after `tcp_keepalive_time`, and each probe makes the entry young again. Of
//! firewalls and load balancers elsewhere the same holds, but their limits cannot be read here.

use crate::diagnose::case::SOCK_DIAG;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::units::TcpState;

const COUNT: &str = "net.netfilter.nf_conntrack_count";
const ESTABLISHED: &str = "net.netfilter.nf_conntrack_tcp_timeout_established";
const LOOSE: &str = "net.netfilter.nf_conntrack_tcp_loose";
const KEEPALIVE_TIME: &str = "net.ipv4.tcp_keepalive_time";

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "keepalive-too-late",
    looks_for: "connection tracking that forgets idle connections before their first keepalive probe",
    topic: None,
    reads: &[Input::Sockets("states")],
    keys: &[COUNT, ESTABLISHED, LOOSE, KEEPALIVE_TIME],
    threshold: "nf_conntrack_tcp_timeout_established at or below tcp_keepalive_time, while something is tracked and \
                connections are open: an idle one loses its entry before the first probe",
    confidence: Confidence::Possible,
    next: Some("tcpctl sockets state established, for the keepalive timers; conntrack -L, for the entries"),
    proof: Proof::Written,
    wrong_remedy: "net.ipv4.tcp_retries2 or tcp_fin_timeout: an idle connection has nothing to send again and no FIN",
    disproved_by: "TCP_KEEPIDLE set by the application below that limit, or connections that are never idle so long",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let (Some(tracked), Some(forgotten_s)) =
        (case.sysctl_number_if_there(COUNT)?, case.sysctl_number_if_there(ESTABLISHED)?)
    else {
        return Ok(Verdict::quiet());
    };
    let open = case.sockets()?.count(TcpState::Estab);
    let Some(probe_s) = case.sysctl_number_if_there(KEEPALIVE_TIME)? else { return Ok(Verdict::quiet()) };
    if tracked == 0 || open == 0 || forgotten_s > probe_s {
        return Ok(Verdict::quiet());
    }
    let sentence = format!(
        "connection tracking forgets idle connections after {forgotten_s}s, and keepalive begins after {probe_s}s"
    );
    let cause = match case.sysctl_number_if_there(LOOSE) {
        Ok(Some(0)) => "what comes after that is INVALID to the firewall (nf_conntrack_tcp_loose is 0) and dropped",
        _ => {
            "what comes after that is a new connection to the firewall: rules that want a SYN drop it, and translated \
             addresses are lost"
        }
    };
    Ok(Finding::new(&RULE, Severity::Warning, sentence)
        .settings(case, RULE.keys)
        .seen("ESTAB", open.to_string(), SOCK_DIAG)
        .because(cause)
        .remedy(
            "net.ipv4.tcp_keepalive_time well below that limit, for sockets with SO_KEEPALIVE; TCP_KEEPIDLE in \
             applications; or a longer nf_conntrack_tcp_timeout_established",
        )
        .into())
}
