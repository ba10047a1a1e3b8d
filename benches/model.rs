//! Holds the model to its budget of time: one scenario under a millisecond, the whole grid under two seconds.
//!
//! A topic's scenario is timed by itself, without reading a host or writing an answer. The work is the same each time and
//! what else goes on can only add to it, so that the least of many runs is judged; those of one scenario lie far apart,
//! since a virtual machine may stand still for longer than all of them take. The grid's cases are those whose figures
//! `tests/suite/model_grid.rs` shows.

#[path = "../tests/suite/model_cases.rs"]
mod model_cases;

use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use model_cases::{TABLES, Table};
use tcpctl::explain::{Ask, Overrides, scenario_of, topics};
use tcpctl::model::{Scenario, forecast};
use tcpctl::units::SysctlValues;

/// Runs of every topic's scenario, one after the other.
const ROUNDS: usize = 21;
/// One scenario, microseconds.
const SCENARIO_US_MAX: u128 = 1_000;
/// Runs of the whole grid that are measured.
const GRID_RUNS: usize = 3;
/// The whole grid, milliseconds.
const GRID_MS_MAX: u128 = 2_000;

fn main() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut within = true;
    for (name, least) in topic_times(&topic_scenarios()?) {
        let us = least.as_micros();
        within &= us <= SCENARIO_US_MAX;
        let verdict = verdict(us <= SCENARIO_US_MAX);
        writeln!(out, "{name}: least of {ROUNDS} runs: {us} µs, at most {SCENARIO_US_MAX} µs: {verdict}")?;
    }
    let tables: Vec<(&Table, Vec<Scenario>)> = TABLES.iter().map(|table| (table, cells(table))).collect();
    for (table, cells) in &tables {
        let ms = least_time(GRID_RUNS, || forecast_all(table, cells)).as_millis();
        let cells = cells.len();
        writeln!(out, "grid, {} by {} and {}: {cells} cells in {ms} ms", table.title, table.down.0, table.across.0)?;
    }
    let whole = || tables.iter().for_each(|(table, cells)| forecast_all(table, cells));
    let ms = least_time(GRID_RUNS, whole).as_millis();
    within &= ms <= GRID_MS_MAX;
    let verdict = verdict(ms <= GRID_MS_MAX);
    let cells: usize = tables.iter().map(|(_, cells)| cells.len()).sum();
    writeln!(out, "grid: least of {GRID_RUNS} runs of {cells} cells: {ms} ms, at most {GRID_MS_MAX} ms: {verdict}")?;
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verdict(within: bool) -> &'static str {
    if within { "ok" } else { "OVER BUDGET" }
}

/// Each topic's scenario on Linux 6.18 with 250 ticks a second, with a peer that is gone and with one that answers
/// where the question leaves that open.
fn topic_scenarios() -> anyhow::Result<Vec<(String, Scenario)>> {
    let ask = |peer_alive| {
        let overrides = Overrides {
            kernel: Some("6.18".to_owned()),
            hz: Some("250".to_owned()),
            peer_alive,
            ..Overrides::default()
        };
        Ask::new(None, None, Some(8 << 20), &SysctlValues::new(), &overrides)
    };
    let (gone, alive) = (ask(false)?, ask(true)?);
    let mut scenarios = Vec::new();
    for topic in topics() {
        let Some(scenario) = scenario_of(topic, &gone) else { continue };
        let answered = scenario_of(topic, &alive).filter(|answered| *answered != scenario);
        scenarios.push((topic.id.to_owned(), scenario));
        scenarios.extend(answered.map(|answered| (format!("{}, peer alive", topic.id), answered)));
    }
    Ok(scenarios)
}

/// Every cell of a table on every kernel.
fn cells(table: &Table) -> Vec<Scenario> {
    let mut cells = Vec::new();
    for kernel in table.kernels {
        for down in table.down.1 {
            cells.extend(table.across.1.iter().map(|across| table.cell(*kernel, *down, *across)));
        }
    }
    cells
}

/// What the table shows of each cell is worked out as well.
fn forecast_all(table: &Table, scenarios: &[Scenario]) {
    let (side, segment) = table.counted;
    for scenario in scenarios {
        black_box(forecast(black_box(scenario)).sent(side, segment));
    }
}

/// The least time of each scenario, all of them being run in turn.
fn topic_times(scenarios: &[(String, Scenario)]) -> Vec<(&str, Duration)> {
    let mut times: Vec<_> = scenarios.iter().map(|(name, _)| (name.as_str(), Duration::MAX)).collect();
    for _ in 0..ROUNDS {
        for ((_, scenario), (_, least)) in scenarios.iter().zip(&mut times) {
            *least = (*least).min(time(|| black_box(forecast(black_box(scenario)))));
        }
    }
    times
}

/// The least time of a number of runs.
fn least_time(runs: usize, mut run: impl FnMut()) -> Duration {
    (0..runs).map(|_| time(&mut run)).min().unwrap_or(Duration::MAX)
}

fn time<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}
