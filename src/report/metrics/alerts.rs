//! Alerting rules for Prometheus, made from the table of rules.

use crate::diagnose::{Rule, Stated, asked_rules};

/// An alert that no rule of `diagnose` makes.
struct Alert {
    name: &'static str,
    expression: &'static str,
    /// How long it must hold, as Prometheus writes durations.
    holds_for: &'static str,
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
}

const OTHERS: &[Alert] = &[
    Alert {
        name: "TcpctlAbsent",
        expression: "absent(tcpctl_build_info)",
        holds_for: "5m",
        severity: "warning",
        summary: "no host tells of its TCP",
        description: "Nothing that Prometheus scrapes has metrics of tcpctl: see whether `tcpctl serve` runs, and the targets.",
    },
    Alert {
        name: "TcpctlStale",
        expression: "time() - tcpctl_snapshot_timestamp_seconds > 900",
        holds_for: "0s",
        severity: "warning",
        summary: "{{ $labels.instance }}: metrics of tcpctl are {{ $value | humanizeDuration }} old",
        description: "The file of `tcpctl serve --textfile` is not written any more, or the clock was set.",
    },
    Alert {
        name: "TcpctlReadingFails",
        expression: "tcpctl_gaps{kind=~\"failed|malformed\"} > 0",
        holds_for: "15m",
        severity: "warning",
        summary: "{{ $labels.instance }}: {{ $value }} readings of the kernel fail",
        description: "What they hide is missing in the metrics. `tcpctl status --json` names them under gaps.",
    },
    Alert {
        name: "TcpctlProfileDrift",
        expression: "tcpctl_profile_drift > 0",
        holds_for: "5m",
        severity: "warning",
        summary: "{{ $labels.instance }}: settings do not meet the profile {{ $labels.profile }}",
        description: "`tcpctl verify {{ $labels.profile }}` says which, `tcpctl plan` what it would change.",
    },
    Alert {
        name: "TcpctlModelDisagrees",
        expression: "tcpctl_lab_topics{verdict=\"disagrees\"} > 0",
        holds_for: "0s",
        severity: "warning",
        summary: "{{ $labels.instance }}: {{ $value }} scenarios went otherwise on this kernel than predicted",
        description: "`tcpctl lab --all` says which: forecasts that rest on them are not to be trusted on this kernel.",
    },
];

/// How long a finding must last.
const FINDING_HOLDS_FOR: &str = "1m";

/// The alerting rules as a file for Prometheus' `rule_files`: one for every rule of `diagnose` that readings alone can
/// decide, and those about tcpctl itself.
#[must_use]
pub fn render_alerts() -> String {
    let mut text = "# Made by `tcpctl metrics alerts`.\ngroups:\n- name: tcpctl-findings\n  rules:\n".to_owned();
    for rule in asked_rules(Stated::NOTHING) {
        text.push_str(&of_rule(rule));
    }
    text.push_str("- name: tcpctl\n  rules:\n");
    for alert in OTHERS {
        let Alert { name, expression, holds_for, severity, summary, description } = alert;
        text.push_str(&entry(name, expression, holds_for, Some(severity), summary, description));
    }
    text
}

/// Its severity is that of the series; a notice wakes nobody.
fn of_rule(rule: &Rule) -> String {
    let expression = format!("tcpctl_findings{{rule=\"{}\",severity!=\"notice\"}} > 0", rule.id);
    let summary = format!("{{{{ $labels.instance }}}}: {}", plain(rule.looks_for));
    let description = format!(
        "`tcpctl diagnose` on the host has evidence, cause and remedy, `tcpctl diagnose --explain {}` the rule. Does not \
         help: {}.",
        rule.id,
        plain(rule.wrong_remedy)
    );
    entry(&alert_name(rule.id), &expression, FINDING_HOLDS_FOR, None, &summary, &description)
}

/// `TcpctlAcceptQueueFull` for `accept-queue-full`.
fn alert_name(id: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    id.split('-').map(word).fold("Tcpctl".to_owned(), |name, part| name + &part)
}

/// Text in which Prometheus finds no template.
fn plain(text: &str) -> String {
    text.replace("{{", "{ {")
}

fn entry(
    name: &str,
    expression: &str,
    holds_for: &str,
    severity: Option<&str>,
    summary: &str,
    description: &str,
) -> String {
    let labels = severity.map(|word| format!("    labels:\n      severity: {word}\n")).unwrap_or_default();
    format!(
        "  - alert: {name}\n    expr: {}\n    for: {holds_for}\n{labels}    annotations:\n      summary: {}\n      \
         description: {}\n",
        quoted(expression),
        quoted(summary),
        quoted(description)
    )
}

/// A scalar of YAML in double quotes, whose escapes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The expressions of all alerts.
#[cfg(test)]
pub(super) fn expressions() -> impl Iterator<Item = &'static str> {
    OTHERS.iter().map(|alert| alert.expression).chain(["tcpctl_findings"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_that_readings_decide_has_an_alert() {
        let text = render_alerts();
        let rules = asked_rules(Stated::NOTHING);
        assert_eq!(text.matches("  - alert: ").count(), rules.len() + OTHERS.len());
        for rule in rules {
            assert!(text.contains(&format!("\\\"{}\\\",severity!=\\\"notice\\\"", rule.id)), "{}", rule.id);
        }
        assert!(text.contains("  - alert: TcpctlAcceptQueueFull\n"));
    }

    #[test]
    fn text_is_no_template_and_does_not_leave_its_quotes() {
        assert_eq!(quoted("a \"b\" \\ {{ x }}\n"), r#""a \"b\" \\ {{ x }}\n""#);
        assert_eq!(plain("a {{ b }}"), "a { { b }}");
    }
}
