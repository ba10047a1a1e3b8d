//! Values as text, JSON, metrics and diagrams.
//!
//! For: the one place where values become something that a person or another program reads.
//! Must not: read anything, judge, or hold rules about TCP; JSON shapes here are contracts that only grow.
//! Mirrors: the look of ss and sysctl where it is good, RFC-style sequence diagrams.

mod answer;
mod capture;
mod comparison;
mod counters;
mod diagram;
mod diagram_caption;
mod diagram_mermaid;
mod diagram_svg;
mod digits;
mod explanation;
mod explanation_view;
mod export;
mod facts_view;
mod figure;
mod findings;
#[cfg(test)]
mod fixture;
mod fleet;
mod fleet_text;
mod fleet_view;
mod flood;
mod flood_effect;
mod flood_lab;
mod flood_live;
mod fold;
mod grid;
mod lab_live;
mod lab_table;
mod lint;
mod listeners;
mod live_forecast;
mod metrics;
mod namespace_findings;
mod namespaces;
mod packet;
mod parameter_page;
mod parameters;
mod plan;
mod plan_view;
mod printable;
mod profile_manual;
mod profiles;
mod prose;
mod receipt;
mod roff;
mod rules;
mod scenario_manual;
mod sequence;
mod simulation;
mod snapshot_manual;
mod socket_cells;
mod socket_changes;
mod socket_groups;
mod socket_json;
mod socket_lines;
mod socket_moves;
mod socket_row;
mod socket_sort;
mod socket_watch;
mod socket_writer;
mod solution;
mod soonest;
mod status;
mod status_text;
mod table;
mod timeline;
mod topics_manual;
mod trace_row;
mod trace_summary;
mod variants;
mod verification;

pub use answer::{AnswerView, render_answer, render_window};
pub use capture::render_capture;
pub use comparison::{ComparisonView, LabSpan, render_comparison, render_lab_opening};
pub use counters::{CounterView, MAIN_COUNTERS, MainCounter, main_counters};
pub use diagram::{DiagramStyle, render_diagram};
pub use diagram_caption::Pictured;
pub use diagram_mermaid::render_mermaid;
pub use diagram_svg::render_svg;
pub use explanation::{render_explanation, render_topics};
pub use explanation_view::{ExplanationView, TopicsView, VariantsView};
pub use export::{Export, render_export, render_plan_diff};
pub use figure::{render_count, render_rate};
pub use findings::{FindingsStyle, FindingsView, render_findings};
pub use fleet::{DriftKey, FleetHost, FleetJudge, HostDrift};
pub use fleet_text::render_fleet;
pub use fleet_view::{
    AnswerGroup, FleetDrift, FleetFiles, FleetView, GivesUp, HostListener, KeyDrift, RuleHosts, UnreadFile,
};
pub use flood_effect::{FloodEffect, FloodEffectView, render_flood_effect};
pub use flood_lab::{FloodProofView, render_flood_heading, render_flood_proof};
pub use flood_live::FloodLive;
pub use lab_live::{render_expected, render_followed, render_live_head, render_progress};
pub use lab_table::{
    LabResult, LabResultsView, LabTopic, LabTopicsView, render_lab_results, render_lab_results_opening,
    render_lab_topics,
};
pub use lint::{LintRulesView, LintView, render_lint, render_lint_rules};
pub use listeners::{ListenerView, ListenersView, QueueView, listener_local, listener_views, render_listeners};
pub use live_forecast::{
    LiveEndView, LiveForecastView, NextView, ProgressView, render_assumptions, render_live_details, render_live_line,
    render_live_window, rounded_down_us,
};
pub use metrics::{
    DashboardView, LabRecord, LabRecordError, Measured, MetricView, MetricsFormat, MetricsView, ProfileState,
    choose_metrics_format, dashboard_expressions, parse_lab_record, render_alerts, render_metrics, render_metrics_list,
    render_metrics_manual,
};
pub use namespace_findings::{NamespaceFindingsView, render_namespace_findings};
pub use namespaces::{NamespaceView, NamespacesView, SettingView, render_namespaces};
pub use packet::{PacketView, render_packet};
pub use parameter_page::{ParameterPage, ParameterPageView, render_parameter_page};
pub use parameters::{BothReaders, ParameterRow, ParameterView, ParametersView, render_parameters};
pub use plan::{count_changes, render_plan, render_plan_memory, skip_reason};
pub use plan_view::PlanView;
pub use printable::{printable, printable_lines};
pub use profile_manual::render_profile_manual;
pub use profiles::{ProfileRow, ProfileView, ProfilesView, render_profile, render_profiles};
pub use receipt::{EntryView, HistoryView, ReceiptView, render_entry, render_history, render_receipt};
pub use roff::tidy_manual;
pub use rules::{RuleView, render_rule, render_rules_manual};
pub use scenario_manual::render_scenario_manual;
pub use simulation::{SimulationView, render_simulation};
pub use snapshot_manual::render_snapshot_manual;
pub use socket_groups::{
    GroupChanges, OWNER_UNSEEN, SocketGroup, SocketGroupBy, SocketGroups, render_group_rates, render_groups,
};
pub use socket_json::SocketJson;
pub use socket_lines::{RowChange, SocketChange, SocketLines, SocketStyle};
pub use socket_moves::SocketMoves;
pub use socket_row::SocketRow;
pub use socket_sort::{SocketOrder, SortedSockets};
pub use socket_watch::{SocketWatch, WatchOrder, WatchRows, highlight_rows};
pub use socket_writer::{SocketWriter, WatchReading, render_pace, render_watch, watch_json};
pub use solution::{SolutionView, render_solution};
pub use soonest::{Forecaster, SoonestSockets};
pub use status::{KernelView, LimitView, SecondsView, StatusView};
pub use status_text::render_status;
pub use table::{Align, render_table};
pub use timeline::{EndView, EventView, TimelineView, render_timeline};
pub use topics_manual::render_topics_manual;
pub use trace_row::{NetnsFrom, TraceAnswer, TraceEventView, TraceNetns, TraceRow, TraceStyle, render_trace_heading};
pub use trace_summary::{
    KindCount, PairView, ReasonCount, TraceBeginView, TraceEnding, TraceFilterView, TraceSummaryView,
    render_trace_notes, render_trace_summary,
};
pub use variants::render_variants;
pub use verification::{VerificationView, has_drift, render_verification};
