//! The table of metrics.
//!
//! Where node_exporter has a metric of the same meaning, its name, type and help are used word for word. What could not be
//! read is left out; `tcpctl_gaps` counts what that was.

use super::exposition::Kind::{Counter, Gauge, Untyped};
use super::exposition::{Family, Kind, Sample};
use super::judged::{build, destinations_left_out, findings, of_destinations, ports_end, took, undecided, window};
use super::kernel::{
    ext, gaps, half_open, half_open_least_age, info, ports_available, ports_in_use_most, setting_limit,
    setting_per_second, setting_seconds, sockstat, softnet, states, taken, tcp,
};
use super::listeners::{listeners_left_out, of_listeners};
use super::measured::Measured;
use super::profiles::{drift, keys, lab_topics, lab_written, lab_wrong};

/// A metric.
#[derive(Debug)]
pub(super) struct Metric {
    /// Name, type and help.
    pub(super) family: Family,
    /// Its labels in the order of the text, besides `netns`, which every sample has.
    pub(super) labels: &'static [&'static str],
    /// How many samples there are at most: a number, or of what there is one each.
    pub(super) bound: &'static str,
    /// Where its samples come from.
    pub(super) samples: Samples,
}

const LISTENER: &[&str] = &["address", "port", "interface", "process"];
/// [`super::listeners::LISTENERS_MAX`].
const LISTENERS: &str = "200";
const DESTINATION: &[&str] = &["source", "destination", "port", "process"];
/// [`super::judged::DESTINATIONS_MAX`].
const DESTINATIONS: &str = "10";

/// Every metric, in the order of the text. The kernel's own counters are untyped in node_exporter, since the file does not
/// say which of them only rise.
#[rustfmt::skip]
pub(super) const METRICS: &[Metric] = &[
    metric(Gauge, "node_tcp_connection_states", "Number of connection states.", &["state"], "11", |m| states(m.now)),
    metric(Untyped, "node_netstat_Tcp_ActiveOpens", "Statistic TcpActiveOpens.", &[], "1", |m| tcp(m.now, "ActiveOpens")),
    metric(Untyped, "node_netstat_Tcp_PassiveOpens", "Statistic TcpPassiveOpens.", &[], "1", |m| tcp(m.now, "PassiveOpens")),
    metric(Untyped, "node_netstat_Tcp_AttemptFails", "Statistic TcpAttemptFails.", &[], "1", |m| tcp(m.now, "AttemptFails")),
    metric(Untyped, "node_netstat_Tcp_EstabResets", "Statistic TcpEstabResets.", &[], "1", |m| tcp(m.now, "EstabResets")),
    metric(Untyped, "node_netstat_Tcp_CurrEstab", "Statistic TcpCurrEstab.", &[], "1", |m| tcp(m.now, "CurrEstab")),
    metric(Untyped, "node_netstat_Tcp_InSegs", "Statistic TcpInSegs.", &[], "1", |m| tcp(m.now, "InSegs")),
    metric(Untyped, "node_netstat_Tcp_OutSegs", "Statistic TcpOutSegs.", &[], "1", |m| tcp(m.now, "OutSegs")),
    metric(Untyped, "node_netstat_Tcp_RetransSegs", "Statistic TcpRetransSegs.", &[], "1", |m| tcp(m.now, "RetransSegs")),
    metric(Untyped, "node_netstat_Tcp_OutRsts", "Statistic TcpOutRsts.", &[], "1", |m| tcp(m.now, "OutRsts")),
    metric(Untyped, "node_netstat_TcpExt_ListenDrops", "Statistic TcpExtListenDrops.", &[], "1", |m| ext(m.now, "ListenDrops")),
    metric(Untyped, "node_netstat_TcpExt_ListenOverflows", "Statistic TcpExtListenOverflows.", &[], "1", |m| ext(m.now, "ListenOverflows")),
    metric(Untyped, "node_netstat_TcpExt_SyncookiesSent", "Statistic TcpExtSyncookiesSent.", &[], "1", |m| ext(m.now, "SyncookiesSent")),
    metric(Untyped, "node_netstat_TcpExt_SyncookiesRecv", "Statistic TcpExtSyncookiesRecv.", &[], "1", |m| ext(m.now, "SyncookiesRecv")),
    metric(Untyped, "node_netstat_TcpExt_SyncookiesFailed", "Statistic TcpExtSyncookiesFailed.", &[], "1", |m| ext(m.now, "SyncookiesFailed")),
    metric(Untyped, "node_netstat_TcpExt_TCPReqQFullDrop", "Statistic TcpExtTCPReqQFullDrop.", &[], "1", |m| ext(m.now, "TCPReqQFullDrop")),
    metric(Untyped, "node_netstat_TcpExt_TCPReqQFullDoCookies", "Statistic TcpExtTCPReqQFullDoCookies.", &[], "1", |m| ext(m.now, "TCPReqQFullDoCookies")),
    metric(Untyped, "node_netstat_TcpExt_TCPTimeWaitOverflow", "Statistic TcpExtTCPTimeWaitOverflow.", &[], "1", |m| ext(m.now, "TCPTimeWaitOverflow")),
    metric(Untyped, "node_netstat_TcpExt_TCPSynRetrans", "Statistic TcpExtTCPSynRetrans.", &[], "1", |m| ext(m.now, "TCPSynRetrans")),
    metric(Untyped, "node_netstat_TcpExt_TCPTimeouts", "Statistic TcpExtTCPTimeouts.", &[], "1", |m| ext(m.now, "TCPTimeouts")),
    metric(Gauge, "node_sockstat_TCP_inuse", "Number of TCP sockets in state inuse.", &[], "1", |m| sockstat(m.now, "inuse")),
    metric(Gauge, "node_sockstat_TCP_orphan", "Number of TCP sockets in state orphan.", &[], "1", |m| sockstat(m.now, "orphan")),
    metric(Gauge, "node_sockstat_TCP_tw", "Number of TCP sockets in state tw.", &[], "1", |m| sockstat(m.now, "tw")),
    metric(Gauge, "node_sockstat_TCP_alloc", "Number of TCP sockets in state alloc.", &[], "1", |m| sockstat(m.now, "alloc")),
    metric(Gauge, "node_sockstat_TCP_mem", "Number of TCP sockets in state mem.", &[], "1", |m| sockstat(m.now, "mem")),
    metric(Counter, "node_softnet_processed_total", "Number of processed packets", &["cpu"], "CPUs", |m| softnet(m.now, |row| row.processed)),
    metric(Counter, "node_softnet_dropped_total", "Number of dropped packets", &["cpu"], "CPUs", |m| softnet(m.now, |row| row.dropped)),
    metric(Counter, "node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota", &["cpu"], "CPUs", |m| softnet(m.now, |row| row.time_squeeze)),
    metric(Gauge, "tcpctl_listener_accept_queue", "Connections that wait for accept(), over the sockets of an address.", LISTENER, LISTENERS, |m| of_listeners(m, |group| group.accept_queue)),
    metric(Gauge, "tcpctl_listener_accept_queue_capacity", "Connections that may wait for accept(): backlog + 1 a socket.", LISTENER, LISTENERS, |m| of_listeners(m, |group| group.capacity)),
    metric(Gauge, "tcpctl_listener_accept_queue_fullest_percent", "Fill of the fullest accept queue of an address; more than one socket may listen there.", LISTENER, LISTENERS, |m| of_listeners(m, |group| group.fullest_percent)),
    metric(Gauge, "tcpctl_listener_half_open", "Connections in SYN-RECV of an address that is listened on.", LISTENER, LISTENERS, |m| of_listeners(m, |group| group.half_open)),
    metric(Gauge, "tcpctl_listener_half_open_capacity", "Half-open connections that the listeners of an address keep, by the model; beyond, SYN cookies or drops.", LISTENER, LISTENERS, |m| of_listeners(m, |group| group.half_open_capacity)),
    metric(Gauge, "tcpctl_listener_drops", "Connections that the sockets now listening on an address dropped in their lives; falls when one of them closes.", LISTENER, LISTENERS, |m| of_listeners(m, |group| group.drops)),
    metric(Gauge, "tcpctl_listener_sockets", "Sockets that listen on an address (more than one with SO_REUSEPORT).", LISTENER, LISTENERS, |m| of_listeners(m, |group| Some(group.sockets))),
    metric(Gauge, "tcpctl_half_open_connections", "Connections in SYN-RECV by how many SYN-ACKs were sent again for them; of the last kind that many and more.", &["synacks_resent"], "8", |m| half_open(m.now)),
    metric(Gauge, "tcpctl_half_open_age_seconds", "How old a connection in SYN-RECV is at the least, by the model, of which so many SYN-ACKs were sent again.", &["synacks_resent"], "8", |m| half_open_least_age(m.now)),
    metric(Gauge, "tcpctl_listeners_left_out", "Listening addresses beyond those exported.", &[], "1", listeners_left_out),
    metric(Gauge, "tcpctl_ports_available", "Local ports that connect() may choose from, per destination.", &[], "1", |m| ports_available(m.now)),
    metric(Gauge, "tcpctl_ports_in_use_most", "Local ports in use towards the destination with the most of them.", &[], "1", |m| ports_in_use_most(m.now)),
    metric(Gauge, "tcpctl_destination_ports", "Local ports in use towards a destination, TIME-WAIT included.", DESTINATION, DESTINATIONS, |m| of_destinations(m, |one| Some(one.row.used.to_string()))),
    metric(Gauge, "tcpctl_destination_ports_time_wait", "Of these, ports that TIME-WAIT holds.", DESTINATION, DESTINATIONS, |m| of_destinations(m, |one| Some(one.row.time_wait.to_string()))),
    metric(Gauge, "tcpctl_destination_ports_exhausted_seconds", "When no local port is left towards a destination at the rate between the readings; +Inf if that does not come.", DESTINATION, DESTINATIONS, |m| of_destinations(m, ports_end)),
    metric(Gauge, "tcpctl_destinations_left_out", "Destinations beyond those exported.", &[], "1", destinations_left_out),
    metric(Gauge, "tcpctl_setting_seconds", "What the settings mean in seconds on this kernel, nominally and at the latest: when a connect gives up, how long a half-open entry lives.", &["setting", "bound"], "12", setting_seconds),
    metric(Gauge, "tcpctl_setting_per_second", "What the settings allow each second.", &["setting"], "6", setting_per_second),
    metric(Gauge, "tcpctl_setting_limit", "What the settings allow at once.", &["setting"], "6", setting_limit),
    metric(Gauge, "tcpctl_findings", "Findings of a rule of `tcpctl diagnose` that could judge.", &["rule", "severity"], "3 a rule", findings),
    metric(Gauge, "tcpctl_rules_undecided", "Rules that could not judge; most need two readings.", &[], "1", undecided),
    metric(Gauge, "tcpctl_window_seconds", "Time between the two readings that findings and forecasts are of; absent with one reading.", &[], "1", window),
    metric(Gauge, "tcpctl_profile_drift", "Whether the running values do not meet a profile (`tcpctl verify`).", &["profile"], "profiles asked for", drift),
    metric(Gauge, "tcpctl_profile_keys", "Keys of a profile by what is to be said of them.", &["profile", "verdict"], "7 a profile", keys),
    metric(Gauge, "tcpctl_lab_topics", "Topics of the laboratory by verdict, as its stored record has them; absent without one.", &["verdict"], "5", lab_topics),
    metric(Gauge, "tcpctl_lab_events_wrong", "Events of a topic that the kernel did otherwise than predicted, in that record.", &["topic"], "topics of explain", lab_wrong),
    metric(Gauge, "tcpctl_lab_record_timestamp_seconds", "When that record was written, seconds since 1970-01-01 UTC.", &[], "1", lab_written),
    metric(Gauge, "tcpctl_gaps", "Readings that failed, by kind; what they hide is left out above.", &["kind"], "5", |m| gaps(m.now)),
    metric(Gauge, "tcpctl_snapshot_timestamp_seconds", "When this was read, seconds since 1970-01-01 UTC.", &[], "1", |m| taken(m.now)),
    metric(Gauge, "tcpctl_scrape_duration_seconds", "How long this reading took; scrapes that shared it cost nothing more.", &[], "1", took),
    metric(Gauge, "tcpctl_info", "The kernel that was read.", &["release", "hz"], "1", |m| info(m.now)),
    metric(Gauge, "tcpctl_build_info", "The tcpctl that read.", &["version"], "1", build),
];

/// Where samples of a metric come from.
type Samples = fn(&Measured<'_>) -> Vec<Sample>;

const fn metric(
    kind: Kind,
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    bound: &'static str,
    samples: Samples,
) -> Metric {
    Metric { family: Family { name, kind, help }, labels, bound, samples }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::diagnose;
    use crate::report::fixture;
    use crate::report::metrics::judged::DESTINATIONS_MAX;
    use crate::report::metrics::listeners::LISTENERS_MAX;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_legal_and_counters_end_in_total() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.family.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for Metric { family, .. } in METRICS {
            assert!(family.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{}", family.name);
            assert!(family.name.starts_with("node_") || family.name.starts_with("tcpctl_"), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
            assert!(!family.help.is_empty() && !family.help.contains('\n'), "{}", family.name);
        }
    }

    #[test]
    fn samples_have_the_labels_and_the_number_that_the_table_says() {
        let now = fixture::snapshot();
        let judged = diagnose(&now, None);
        let measured = Measured::new(&now, None, &judged);
        let mut seen = 0;
        for metric in METRICS {
            let samples = (metric.samples)(&measured);
            for sample in &samples {
                assert_eq!(sample.label_names(), metric.labels, "{}", metric.family.name);
            }
            let most = metric.bound.parse::<usize>().unwrap_or(usize::MAX);
            assert!(samples.len() <= most, "{}: {} samples", metric.family.name, samples.len());
            seen += usize::from(!samples.is_empty());
        }
        assert!(seen > 30, "{seen} metrics have samples");
        assert_eq!((LISTENERS.parse(), DESTINATIONS.parse()), (Ok(LISTENERS_MAX), Ok(DESTINATIONS_MAX)));
    }
}
