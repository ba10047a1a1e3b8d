//! A scenario of one's own, played.

use super::explanation::{SettingRow, SocketOptionRow};
use super::scenario_file::ScenarioFile;
use crate::model::{Host, Timeline, forecast};

/// A scenario with its course.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The scenario's name.
    pub name: String,
    /// What it shows, in one line.
    pub summary: String,
    /// The kernel of both ends.
    pub host: Host,
    /// Round-trip time in microseconds.
    pub rtt_us: u64,
    /// The course.
    pub timeline: Timeline,
    /// The settings that were given, and those that differ from the kernel's defaults.
    pub settings: Vec<SettingRow>,
    /// The socket options that were set.
    pub socket_options: Vec<SocketOptionRow>,
    /// Settings that were given and change nothing here.
    pub unused: Vec<String>,
}

/// Plays a scenario.
#[must_use]
pub fn simulate(file: ScenarioFile) -> Simulation {
    let ScenarioFile { name, summary, scenario, settings, socket_options, unused } = file;
    let timeline = forecast(&scenario);
    let (host, rtt_us) = (scenario.host, scenario.rtt_us);
    Simulation { name, summary, host, rtt_us, timeline, settings, socket_options, unused }
}
