//! The answer to a question.

use super::ask::{Ask, Origin, Sourced};
use super::facts::{HostFacts, ListenerFigures};
use super::flood::FloodFigures;
use super::socket_option::SocketOptionValue;
use super::topic::Topic;
use crate::catalog;
use crate::model::{
    Host, LimitedBy, PortBudget, Scenario, SegmentSizes, Side, Timeline, WheelWait, forecast, port_budget,
};

/// What a topic's rule works out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The answer in a few sentences, with this host's numbers.
    pub answer: Vec<String>,
    /// Queue capacities, where they are asked for.
    pub queues: Option<QueueFigures>,
    /// This host's listeners with their limits, where they are asked for and known; the fullest first.
    pub listeners: Vec<ListenerFigures>,
    /// Ports per destination, where they are asked for.
    pub ports: Option<PortFigures>,
    /// A flood and what would help against it, where that is asked for.
    pub flood: Option<FloodFigures>,
    /// How data is cut up, where that is asked for.
    pub mss: Option<MssFigures>,
    /// Waits on the timer wheel, where they are asked for.
    pub waits: Vec<WheelWait>,
    /// Tables for the reader.
    pub tables: Vec<FigureTable>,
}

/// Ports towards one destination address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortFigures {
    /// By a network.
    pub budget: PortBudget,
    /// By the loopback, for which `tcp_tw_reuse` may differ.
    pub loopback: PortBudget,
    /// The rate that is asked about, and how long the ports last at it; nothing for as long as one likes.
    pub at_rate: Option<(u64, Option<u64>)>,
}

impl PortFigures {
    /// What follows from the premises.
    pub(super) fn of(ask: &Ask) -> Self {
        let settings = ask.settings();
        let budget = port_budget(&settings, ask.host.version, false);
        Self {
            budget,
            loopback: port_budget(&settings, ask.host.version, true),
            at_rate: ask.rate_per_s.map(|rate| (rate, budget.exhausted_after_ms(rate))),
        }
    }
}

/// How data is cut up over links of one MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MssFigures {
    /// MTU of every link, in bytes.
    pub mtu: u32,
    /// Bytes of data that are sent.
    pub data: u64,
    /// Over IPv4.
    pub ipv4: SegmentSizes,
    /// Over IPv6.
    pub ipv6: SegmentSizes,
}

/// A table of texts; the last column may be prose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FigureTable {
    /// What it shows.
    pub title: String,
    /// Headings.
    pub columns: Vec<&'static str>,
    /// Lines, with a cell for each column.
    pub rows: Vec<Vec<String>>,
}

/// Capacities of a listener's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFigures {
    /// The number given to listen().
    pub asked: u32,
    /// What the kernel keeps of it.
    pub backlog: u32,
    /// Completed connections that can wait for accept().
    pub accept_capacity: u64,
    /// Half-open entries that can be kept.
    pub half_open_capacity: u64,
    /// What sets the half-open capacity.
    pub limited_by: LimitedBy,
}

/// A setting that the answer depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRow {
    /// Its key.
    pub key: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The end that has this value; nothing for both.
    pub side: Option<Side>,
    /// Whether this kernel has the key.
    pub exists: bool,
    /// Its value and where that came from; nothing when it is not known, or this kernel does not have the key.
    pub value: Option<Sourced>,
    /// The kernel's default; nothing when it is not known.
    pub default: Option<String>,
    /// What it does.
    pub affects: &'static str,
}

/// A socket option that was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptionRow {
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it does.
    pub affects: &'static str,
    /// The number given to setsockopt().
    pub value: i32,
    /// The side that sets it; nothing when the topic has no scenario.
    pub side: Option<Side>,
    /// Where it came from.
    pub origin: Origin,
}

/// A topic, answered.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The topic.
    pub topic: &'static Topic,
    /// The kernel it is answered for.
    pub host: Host,
    /// Round-trip time it is answered for, in microseconds.
    pub rtt_us: u64,
    /// The scenario's course, where there is a scenario.
    pub timeline: Option<Timeline>,
    /// What was worked out.
    pub figures: Figures,
    /// The settings that matter, and every what-if.
    pub settings: Vec<SettingRow>,
    /// The socket options that were set.
    pub socket_options: Vec<SocketOptionRow>,
    /// What was read of the host for this topic.
    pub facts: HostFacts,
    /// What-ifs that do not change this answer.
    pub idle_what_ifs: Vec<String>,
}

/// The scenario of a topic under these premises, socket options included; nothing for a topic without one.
#[must_use]
pub fn scenario_of(topic: &'static Topic, ask: &Ask) -> Option<Scenario> {
    posed(topic, ask).0
}

/// The same, and which side each socket option went to.
fn posed(topic: &'static Topic, ask: &Ask) -> (Option<Scenario>, Vec<SocketOptionRow>) {
    let mut scenario =
        topic.scenario.map(|scenario| Scenario { rtt_us: ask.rtt_us, family: ask.family, ..scenario(ask) });
    let row = |given: &SocketOptionValue| {
        let side = scenario.as_mut().map(|scenario| given.lay_on(scenario));
        given.row(side, Origin::WhatIf)
    };
    let socket_options = ask.socket_options.iter().map(row).collect();
    (scenario, socket_options)
}

/// Answers a topic.
#[must_use]
pub fn explain(topic: &'static Topic, ask: &Ask) -> Explanation {
    let settings = topic.keys.iter().filter_map(|key| setting_row(key, None, ask.values.get(*key), ask)).collect();
    let what_ifs = ask.values.iter().filter(|(_, sourced)| sourced.origin == Origin::WhatIf);
    let idle = what_ifs.map(|(key, _)| key.as_str()).filter(|key| !topic.keys.contains(key));
    let (scenario, socket_options) = posed(topic, ask);
    let timeline = scenario.as_ref().map(forecast);
    Explanation {
        topic,
        host: ask.host,
        rtt_us: ask.rtt_us,
        figures: (topic.answer)(ask, timeline.as_ref()),
        timeline,
        settings,
        socket_options,
        facts: ask.facts.clone(),
        idle_what_ifs: idle.map(str::to_owned).collect(),
    }
}

/// A line about a setting with this value, at one end or at both.
pub(super) fn setting_row(
    key: &'static str,
    side: Option<Side>,
    value: Option<&Sourced>,
    ask: &Ask,
) -> Option<SettingRow> {
    let parameter = catalog::find(key)?;
    Some(SettingRow {
        key,
        unit: parameter.unit,
        side,
        exists: parameter.exists(ask.host.version),
        value: value.cloned(),
        default: ask.defaults.get(key).cloned(),
        affects: parameter.affects,
    })
}
