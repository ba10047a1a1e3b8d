//! Metrics: what there is to know of a host, in the text formats that Prometheus reads.
//!
//! For: one table of metrics, from which the text, the manual, the alerts and the dashboard are made.
//! Must not: read anything, or let the number of samples grow with connections or peers.
//! Mirrors: node_exporter's names, types and help where the meaning is the same; Prometheus text format 0.0.4 and
//! OpenMetrics 1.0.

mod alerts;
mod dashboard;
mod exposition;
mod judged;
mod kernel;
mod listeners;
mod manual;
mod measured;
mod negotiate;
mod profiles;
mod render;
mod table;

pub use alerts::render_alerts;
pub use dashboard::{DashboardView, dashboard_expressions};
pub use exposition::MetricsFormat;
pub use manual::{MetricView, MetricsView, render_metrics_list, render_metrics_manual};
pub use measured::{LabRecord, LabRecordError, Measured, ProfileState, parse_lab_record};
pub use negotiate::choose_metrics_format;
pub use render::render_metrics;
