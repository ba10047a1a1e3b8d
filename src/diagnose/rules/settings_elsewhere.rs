//! Settings that the host's files make, and that this network namespace does not have.
//!
//! A network namespace begins with the kernel's defaults for most keys (`tcp_sk_init`, `inet_init_net`) and not with
//! what the host has; some keys are the host's alone, and are not there (`register_net_sysctl`).

use super::setting_files::{difference, files, is_initial, not_kept};
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::SysctlReading;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "settings-elsewhere",
    looks_for: "settings of the host's files that this network namespace does not have",
    topic: None,
    reads: &[Input::Files],
    keys: &[],
    threshold: "any sysctl of the administrator's files that has another value in this network namespace, or is not \
                there, where this is not the initial one: files are read for that alone",
    confidence: Confidence::Certain,
    next: Some("tcpctl params KEY, for its scope; tcpctl status --all-netns, for what differs between them"),
    proof: Proof::Live,
    wrong_remedy: "a privileged shell in the pod: what it writes is gone with the pod; the same line once more on the host",
    disproved_by: "a namespace that is meant to differ from the host",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let files = files(case)?;
    let differing = if is_initial(case) { Vec::new() } else { not_kept(files) };
    let Some(first) = differing.first() else { return Ok(Verdict::quiet()) };
    let more = match differing.len() {
        1 => String::new(),
        many => format!("; {many} such settings"),
    };
    let host_only = differing.iter().filter(|one| one.running == SysctlReading::Absent).count();
    let cause = if host_only == differing.len() {
        "the key is the host's alone: it is set there for all network namespaces and cannot be set in one"
    } else {
        "this network namespace has values of its own, which began as the kernel's defaults: what sets the host's at boot \
         does not reach them"
    };
    let remedy = if host_only == differing.len() {
        "the line on the host, and nothing here"
    } else {
        "the value where the namespace is made: securityContext.sysctls of a pod (and --allowed-unsafe-sysctls of its \
         kubelet), --sysctl of a container, the tuning plugin of CNI, or tcpctl apply with --netns"
    };
    Ok(Finding::new(&RULE, Severity::Notice, format!("in this network namespace {}{more}", difference(first)))
        .how_many("such settings", differing.len())
        .how_many("of them not in this network namespace", host_only)
        .differences(&differing)
        .because(cause)
        .remedy(remedy)
        .into())
}
