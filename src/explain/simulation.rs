//! A scenario of one's own, played.

use super::explanation::{SettingRow, SocketOptionRow};
use super::scenario_file::ScenarioFile;
use crate::model::{Event, Host, IpVersion, Timeline, What, WireRule, forecast};

/// A scenario with its course.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The scenario's name.
    pub name: String,
    /// What it shows, in one line.
    pub summary: String,
    /// The kernel of both ends.
    pub host: Host,
    /// What carries the segments.
    pub family: IpVersion,
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
    /// Rules of the wire that are for no segment of any course, counted from 1 in the order of the file.
    pub idle_rules: Vec<usize>,
}

/// Plays a scenario.
#[must_use]
pub fn simulate(file: ScenarioFile) -> Simulation {
    let ScenarioFile { name, summary, scenario, settings, socket_options, unused } = file;
    let timeline = forecast(&scenario);
    let (host, family, rtt_us) = (scenario.host, scenario.family, scenario.rtt_us);
    let idle = scenario.wire.iter().zip(1..).filter(|(rule, _)| is_idle(rule, &timeline)).map(|(_, number)| number);
    let idle_rules = idle.collect();
    Simulation { name, summary, host, family, rtt_us, timeline, settings, socket_options, unused, idle_rules }
}

/// Whether a rule is for no segment of a course, nor of those that are as possible. In doubt it is for one: a segment
/// that may leave in its time does.
fn is_idle(rule: &WireRule, timeline: &Timeline) -> bool {
    let fits = |event: &&Event| {
        event.side == rule.from
            && matches!(event.what, What::Send { segment, .. } if rule.segment.is_none_or(|kind| kind == segment))
    };
    let sent = || timeline.events.iter().filter(fits);
    let in_time = |event: &Event| {
        event.window.latest_us >= rule.from_us && rule.until_us.is_none_or(|until_us| event.window.at_us < until_us)
    };
    let enough = u32::try_from(sent().count()).is_ok_and(|count| count >= rule.nth.0);
    !(enough && sent().any(in_time)) && timeline.alternatives.iter().all(|other| is_idle(rule, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fate, Scenario, Segment, Settings, Side};
    use crate::units::KernelVersion;

    #[test]
    fn a_rule_is_idle_when_no_segment_is_of_its_side_kind_number_and_time() {
        let host = Host { version: KernelVersion::new(6, 18), hz: None };
        let timeline = forecast(&Scenario::connect(host, &Settings::default()).losing(Side::Client, Segment::Syn));
        let rule = |segment| WireRule { segment, ..WireRule::every(Side::Client, Fate::Lose) };
        let syn = rule(Some(Segment::Syn));
        assert!(!is_idle(&syn, &timeline) && !is_idle(&rule(None), &timeline));
        assert!(is_idle(&rule(Some(Segment::SynAck)), &timeline));
        assert!(is_idle(&WireRule { from: Side::Server, ..syn }, &timeline));
        assert!(!is_idle(&WireRule { nth: (11, None), ..syn }, &timeline));
        assert!(is_idle(&WireRule { nth: (12, None), ..syn }, &timeline));
        assert!(is_idle(&WireRule { from_us: 200_000_000, ..syn }, &timeline));
        assert!(!is_idle(&WireRule { until_us: Some(1), ..syn }, &timeline));
    }
}
