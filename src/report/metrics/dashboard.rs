//! A dashboard for Grafana.

use serde::Serialize;
use serde_json::{Value, json};

/// A panel.
struct Panel {
    title: &'static str,
    /// `timeseries`, `stat` or `table`.
    kind: &'static str,
    /// Grafana's name of the unit.
    unit: &'static str,
    /// Of the 24 columns.
    width: u32,
    /// Expression and legend.
    queries: &'static [(&'static str, &'static str)],
    /// What it shows, for whoever did not build it.
    told: &'static str,
}

/// The label matchers of every expression, which the variables of the dashboard fill.
const SELECTED: &str = "instance=~\"$instance\",netns=~\"$netns\"";

/// Every panel, in order. `%` stands for [`SELECTED`].
const PANELS: &[Panel] = &[
    Panel {
        title: "Findings",
        kind: "table",
        unit: "none",
        width: 12,
        queries: &[("tcpctl_findings{%} > 0", "{{instance}} {{rule}} {{severity}}")],
        told: "What tcpctl diagnose finds wrong now; nothing is good.",
    },
    Panel {
        title: "Drift, gaps, undecided",
        kind: "stat",
        unit: "none",
        width: 12,
        queries: &[
            ("tcpctl_profile_drift{%}", "drift {{profile}}"),
            ("sum(tcpctl_profile_keys{%,verdict=\"differs\"}) by (profile)", "keys {{profile}}"),
            ("sum(tcpctl_gaps{%})", "gaps"),
            ("tcpctl_rules_undecided{%}", "undecided rules"),
            ("tcpctl_lab_topics{%,verdict=\"disagrees\"}", "lab disagrees"),
            ("sum(tcpctl_lab_events_wrong{%})", "wrong events"),
        ],
        told: "Profiles, readings that fail, and what the laboratory said when it was last asked.",
    },
    Panel {
        title: "Sockets by state",
        kind: "timeseries",
        unit: "short",
        width: 12,
        queries: &[("node_tcp_connection_states{%}", "{{state}}")],
        told: "The kernel's own count of every state.",
    },
    Panel {
        title: "Accept queues",
        kind: "timeseries",
        unit: "percent",
        width: 12,
        queries: &[("tcpctl_listener_accept_queue_fullest_percent{%}", "{{process}} {{address}}:{{port}}")],
        told: "The fullest accept queue of each address; at 100 connections are dropped.",
    },
    Panel {
        title: "Half-open connections against what is kept",
        kind: "timeseries",
        unit: "short",
        width: 12,
        queries: &[
            ("tcpctl_listener_half_open{%} > 0", "{{process}} {{address}}:{{port}}"),
            ("tcpctl_listener_half_open_capacity{%} and tcpctl_listener_half_open{%} > 0", "kept :{{port}}"),
        ],
        told: "SYN-RECV of each listener; beyond what is kept, SYN cookies or drops.",
    },
    Panel {
        title: "Half-open connections by age",
        kind: "timeseries",
        unit: "short",
        width: 12,
        queries: &[("tcpctl_half_open_connections{%}", "SYN-ACK sent again {{synacks_resent}} times")],
        told: "Honest clients finish before the SYN-ACK is sent again, after 1, 3, 7, 15 and 31 s (tcpctl_half_open_age_seconds).",
    },
    Panel {
        title: "Dropped by listeners",
        kind: "timeseries",
        unit: "cps",
        width: 12,
        queries: &[
            ("deriv(tcpctl_listener_drops{%}[$__rate_interval]) > 0", "{{process}} {{address}}:{{port}}"),
            ("rate(node_netstat_TcpExt_ListenOverflows{%}[$__rate_interval])", "accept queue full, all"),
            ("rate(node_netstat_TcpExt_TCPReqQFullDrop{%}[$__rate_interval])", "SYN queue full, all"),
        ],
        told: "Connections that each listener dropped, each retry counted.",
    },
    Panel {
        title: "Local ports by destination",
        kind: "timeseries",
        unit: "short",
        width: 12,
        queries: &[
            ("tcpctl_destination_ports{%}", "{{process}} → {{destination}}:{{port}}"),
            ("tcpctl_destination_ports_time_wait{%}", "TIME-WAIT → {{destination}}:{{port}}"),
            ("tcpctl_ports_available{%}", "there are"),
        ],
        told: "The ten destinations with the most local ports in use.",
    },
    Panel {
        title: "Local ports used up in",
        kind: "timeseries",
        unit: "s",
        width: 12,
        queries: &[("tcpctl_destination_ports_exhausted_seconds{%} < 86400", "{{destination}}:{{port}}")],
        told: "Forecast at the rate between two readings, of destinations where it comes within a day.",
    },
    Panel {
        title: "Segments sent again",
        kind: "timeseries",
        unit: "percentunit",
        width: 12,
        queries: &[(
            "rate(node_netstat_Tcp_RetransSegs{%}[$__rate_interval]) / rate(node_netstat_Tcp_OutSegs{%}[$__rate_interval])",
            "{{instance}}",
        )],
        told: "Share of all segments sent.",
    },
    Panel {
        title: "Opened, failed and reset connections",
        kind: "timeseries",
        unit: "cps",
        width: 12,
        queries: &[
            ("rate(node_netstat_Tcp_ActiveOpens{%}[$__rate_interval])", "opened by this host"),
            ("rate(node_netstat_Tcp_PassiveOpens{%}[$__rate_interval])", "opened by others"),
            ("rate(node_netstat_Tcp_AttemptFails{%}[$__rate_interval])", "failed"),
            ("rate(node_netstat_Tcp_EstabResets{%}[$__rate_interval])", "reset"),
        ],
        told: "Connections a second.",
    },
    Panel {
        title: "What the settings mean",
        kind: "stat",
        unit: "s",
        width: 12,
        queries: &[("tcpctl_setting_seconds{%,bound=\"nominal\"}", "{{setting}}")],
        told: "When a connect gives up, how long a half-open entry lives: the model's answer for this kernel.",
    },
    Panel {
        title: "What a reading takes",
        kind: "timeseries",
        unit: "s",
        width: 12,
        queries: &[("tcpctl_scrape_duration_seconds{%}", "{{instance}}")],
        told: "Time of one reading, which all scrapers of a moment share.",
    },
];

/// The dashboard as Grafana imports it.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct DashboardView(Value);

impl DashboardView {
    /// The dashboard, the same every time.
    #[must_use]
    pub fn new() -> Self {
        let mut panels = Vec::new();
        let (mut x, mut y) = (0, 0);
        for (id, panel) in (1_u32..).zip(PANELS) {
            if x + panel.width > 24 {
                (x, y) = (0, y + HEIGHT);
            }
            panels.push(panel_json(id, panel, x, y));
            x += panel.width;
        }
        Self(json!({
            "title": "tcpctl: the kernel's TCP",
            "uid": "tcpctl",
            "description": "Made by `tcpctl metrics dashboard`.",
            "tags": ["tcp", "linux"],
            "schemaVersion": 38,
            "editable": true,
            "refresh": "30s",
            "time": { "from": "now-1h", "to": "now" },
            "templating": { "list": [
                { "name": "datasource", "type": "datasource", "query": "prometheus" },
                variable("instance", "label_values(tcpctl_build_info, instance)"),
                variable("netns", "label_values(tcpctl_build_info{instance=~\"$instance\"}, netns)"),
            ] },
            "panels": panels,
        }))
    }
}

impl Default for DashboardView {
    fn default() -> Self {
        Self::new()
    }
}

/// Rows of Grafana's grid that a panel is high.
const HEIGHT: u32 = 8;

/// A choice of several values of a label, all of them unless one is chosen.
fn variable(name: &str, query: &str) -> Value {
    json!({
        "name": name, "type": "query", "datasource": source(), "query": query, "refresh": 2, "sort": 1,
        "multi": true, "includeAll": true, "allValue": ".*", "current": { "text": "All", "value": "$__all" },
    })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn panel_json(id: u32, panel: &Panel, x: u32, y: u32) -> Value {
    let target = |(place, (expression, legend)): (usize, &(&str, &str))| {
        json!({
            "refId": u8::try_from(place).ok().map(|place| char::from(b'A' + place).to_string()),
            "datasource": source(),
            "expr": filled(expression),
            "legendFormat": legend,
            "instant": panel.kind != "timeseries",
            "format": if panel.kind == "table" { "table" } else { "time_series" },
        })
    };
    json!({
        "id": id,
        "title": panel.title,
        "description": panel.told,
        "type": panel.kind,
        "datasource": source(),
        "gridPos": { "h": HEIGHT, "w": panel.width, "x": x, "y": y },
        "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0 }, "overrides": [] },
        "targets": panel.queries.iter().enumerate().map(target).collect::<Vec<_>>(),
    })
}

fn filled(expression: &str) -> String {
    expression.replace('%', SELECTED)
}

/// Every expression of the dashboard, with its variables in place.
pub fn dashboard_expressions() -> impl Iterator<Item = String> {
    PANELS.iter().flat_map(|panel| panel.queries).map(|(expression, _)| filled(expression))
}

#[cfg(test)]
mod tests {
    use super::super::{alerts, table::METRICS};
    use super::*;
    use std::collections::BTreeSet;

    fn names_in(expression: &str) -> BTreeSet<&str> {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("tcpctl_") || word.starts_with("node_")).collect()
    }

    #[test]
    fn panels_and_alerts_are_of_metrics_that_there_are() {
        let table: BTreeSet<&str> = METRICS.iter().map(|metric| metric.family.name).collect();
        let shown: Vec<String> = dashboard_expressions().chain(alerts::expressions().map(str::to_owned)).collect();
        for expression in &shown {
            let names = names_in(expression);
            assert!(!names.is_empty() && names.is_subset(&table), "{expression}");
        }
        for (expression, _) in PANELS.iter().flat_map(|panel| panel.queries) {
            assert_eq!(expression.matches("{%").count(), names_in(expression).len().max(1) + repeated(expression));
        }
    }

    /// How often a name stands in an expression again.
    fn repeated(expression: &str) -> usize {
        let all = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        all.filter(|word| word.starts_with("tcpctl_") || word.starts_with("node_")).count() - names_in(expression).len()
    }

    #[test]
    fn panels_do_not_cover_one_another() {
        let DashboardView(dashboard) = DashboardView::new();
        let place = |panel: &Value| ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        let places: Vec<[u64; 4]> = dashboard["panels"].as_array().unwrap().iter().map(place).collect();
        assert_eq!(places.len(), PANELS.len());
        let cells =
            places.iter().flat_map(|[x, y, w, h]| (*x..x + w).flat_map(move |x| (*y..y + h).map(move |y| (x, y))));
        let all: Vec<(u64, u64)> = cells.collect();
        assert!(all.iter().all(|(x, _)| *x < 24));
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
