//! The metrics themselves: as a list, as JSON, and as a manual page made from their table.

use serde::Serialize;

use super::table::{METRICS, Metric};
use crate::report::prose::hanging;
use crate::report::roff::{escaped, sentences};

/// Version of the JSON; the shape only grows.
const SCHEMA: u32 = 1;

/// Every metric in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetricsView {
    schema: u32,
    metrics: Vec<MetricView>,
}

/// A metric in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetricView {
    name: &'static str,
    /// `gauge`, `counter` or `untyped`.
    #[serde(rename = "type")]
    kind: &'static str,
    help: &'static str,
    /// Besides `netns`.
    labels: &'static [&'static str],
    /// How many samples there are at most: a number, or of what there is one each.
    samples: &'static str,
}

impl MetricsView {
    /// The table.
    #[must_use]
    pub fn new() -> Self {
        Self { schema: SCHEMA, metrics: METRICS.iter().map(MetricView::from).collect() }
    }
}

impl Default for MetricsView {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&Metric> for MetricView {
    fn from(metric: &Metric) -> Self {
        let Metric { family, labels, bound, .. } = metric;
        Self { name: family.name, kind: family.kind.word(), help: family.help, labels, samples: bound }
    }
}

/// Every metric with its type, labels and the most samples it has.
#[must_use]
pub fn render_metrics_list(width: usize) -> String {
    let mut text = String::new();
    for metric in METRICS {
        let labels = match metric.labels {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        text.push_str(&format!("{}{labels}\n", metric.family.name));
        let about = format!("{}, {}: {}", metric.family.kind.word(), most(metric), metric.family.help);
        text.push_str(&hanging("    ", &about, width));
    }
    text
}

/// "at most 200 samples", "one sample".
fn most(metric: &Metric) -> String {
    match metric.bound {
        "1" => "one sample".to_owned(),
        bound if bound.parse::<u64>().is_ok() => format!("at most {bound} samples"),
        bound if bound.starts_with(|c: char| c.is_ascii_digit()) => format!("samples: {bound}"),
        bound => format!("samples: one of each of the {bound}"),
    }
}

const BEFORE: &str = r#".TH TCPCTL\-METRICS 7 "" "tcpctl" "Miscellaneous Information"
.SH NAME
tcpctl\-metrics \- the metrics that tcpctl serves
.SH DESCRIPTION
.B tcpctl serve
answers Prometheus over HTTP or HTTPS with these metrics, and
.B tcpctl serve \-\-textfile
writes them for node_exporter's textfile collector.
Names that begin with
.B node_
are node_exporter's, with its meaning; each sample has the network namespace it was read from in the label
.BR netns ,
so that both can be scraped side by side.
What could not be read has no sample, never a 0;
.B tcpctl_gaps
counts what failed.
.PP
No metric grows with connections or peers: how many samples each has at most is told below.
Of listening addresses beyond 200, those that dropped most and are fullest are told, of destinations the ten with the most
local ports in use; what is left out is counted.
.SH THE SERVER
It listens on 127.0.0.1:19293 unless told otherwise:
.B /metrics
has the metrics, in OpenMetrics or Prometheus' own text format as the client asks,
.B /\-/healthy
says that the process lives, without asking for a secret.
The port is not one of 9100 to 9999, which Prometheus' list of default ports has all given away.
.PP
Whoever asks within
.B \-\-max\-age
of one another shares one reading; it costs what
.B tcpctl status
costs.
The reading before, at least
.B \-\-window
older, is kept for rates and findings; one older than 15 minutes is forgotten, and what needs two is then absent.
.PP
A request's head must be there within 10 s and fit into 16 KiB and 64 fields; an answer must be fetched, and the next
request begun, within 10 s.
256 requests are answered at once, others get 503.
When 512 connections are there, a new one takes the place of the one that has said nothing for longest.
.PP
SIGTERM and SIGINT end it: answers under way are finished, for at most 10 s, and the exit code is 0.
.SH SECRETS
A file with a token holds it as its one line.
A file of users has
.I user:password
a line, as it is; empty lines and those that begin with # are skipped.
Files that everybody may read are refused.
In memory are SHA\-256 digests of what a client must send, compared in constant time.
Files are read once, at the start.
.SH METRICS
"#;

const LAST: &str = r#".SH SEE ALSO
.BR tcpctl\-serve (1),
.BR tcpctl\-metrics (1),
.BR tcpctl\-rules (7)
"#;

/// The manual page tcpctl-metrics(7).
#[must_use]
pub fn render_metrics_manual() -> String {
    let mut page = BEFORE.to_owned();
    for metric in METRICS {
        let labels = match metric.labels {
            [] => String::new(),
            labels => format!("\nLabels: {}.", labels.join(", ")),
        };
        page.push_str(&format!(
            ".TP\n.B {}\n{}\n{}, {}.{labels}\n",
            escaped(metric.family.name),
            sentences(metric.family.help),
            metric.family.kind.word(),
            escaped(&most(metric))
        ));
    }
    page.push_str(LAST);
    page
}
