//! The cases: what is played, as data. Both arms and every kernel that is booted for it walk this table.

mod closing;
mod idle;
mod ipv6;
mod opening;
mod outside;
mod sending;
mod strays;
mod timers;

use std::time::Duration;

use tcpctl::lab::longest;
use tcpctl::model::{
    Fate, Host, IcmpError, Injected, Injection, Number, Scenario, Segment, Settings, Side, WireRule, forecast,
};

/// A scenario with its name, and how long it is looked at, in milliseconds.
type Part = (&'static str, u64, Scenario);

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What it is about, and what exactly.
    pub(crate) name: String,
    /// Whether only the full set has it.
    pub(crate) only_full: bool,
    /// What is played.
    pub(crate) scenario: Scenario,
    /// How long it is looked at, in microseconds; to its predicted end where that is not said.
    pub(crate) until_us: Option<u64>,
}

impl Case {
    /// How long it is played at the most.
    pub(crate) fn limit(&self) -> Duration {
        self.until_us.map_or_else(|| longest(&forecast(&self.scenario)), Duration::from_micros)
    }
}

/// A table of cases that belong together.
type Table = (&'static str, fn(Host) -> Vec<Part>);
/// A table of cases that go over the values of a setting.
type Sweep = (&'static str, fn(Host) -> Vec<Swept>);
/// One case of a sweep: its values in words, and whether only the full set has it.
type Swept = (String, bool, Scenario);

const TABLES: &[Table] = &[
    ("deferred accept", opening::deferring),
    ("old SYN", opening::old_syns),
    ("both open", opening::simultaneous),
    ("latecomer", opening::latecomers),
    ("full queue", opening::full_queue),
    ("challenge", strays::challenges),
    ("stray", strays::strays),
    ("TIME-WAIT", closing::time_wait),
    ("port again", closing::reuse),
    ("orphan", closing::orphans),
    ("cut short", closing::cut_short),
    ("in flight", sending::in_flight),
    ("wire", sending::wire),
    ("talk", sending::talks),
    ("ICMP", outside::icmp),
    ("option", outside::options),
    ("peer alive", idle::alive),
    ("IPv6", ipv6::courses),
    ("IPv6 from outside", ipv6::from_outside),
    ("ICMPv6", ipv6::icmpv6),
];

const SWEEPS: &[Sweep] = &[
    ("SYN lost", timers::syn),
    ("SYN-ACK lost", timers::syn_ack),
    ("data lost", timers::data),
    ("FIN lost", timers::fin),
    ("peer gone", idle::keepalive),
    ("window closed", idle::window),
    ("FIN-WAIT-2", timers::fin_wait_2),
    ("TIME-WAIT", timers::time_wait),
];

/// Every case, for this kernel.
pub(crate) fn cases(host: Host) -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, parts) in TABLES {
        cases.extend(parts(host).into_iter().map(|(name, until_ms, scenario)| Case {
            name: format!("{group}: {name}"),
            only_full: false,
            scenario,
            until_us: Some(ms(until_ms)),
        }));
    }
    for (group, swept) in SWEEPS {
        cases.extend(swept(host).into_iter().map(|(values, only_full, scenario)| Case {
            name: format!("{group}: {values}"),
            only_full,
            scenario,
            until_us: None,
        }));
    }
    cases
}

fn ms(ms: u64) -> u64 {
    ms * 1000
}

/// A segment that arrives from outside at a time in milliseconds.
fn forged(to: Side, at_ms: u64, segment: Segment, seq: Number, ack: Option<Number>) -> Injection {
    Injection { at_us: ms(at_ms), to, what: Injected::Segment { segment, seq, ack } }
}

/// An ICMP error that arrives at a time in milliseconds.
fn unreachable(to: Side, at_ms: u64, error: IcmpError) -> Injection {
    Injection { at_us: ms(at_ms), to, what: Injected::Icmp { error, in_call: false } }
}

/// The first segments of a kind meet a fate.
fn first(from: Side, segment: Segment, count: u32, fate: Fate) -> WireRule {
    WireRule { segment: Some(segment), nth: (1, Some(count)), ..WireRule::every(from, fate) }
}

fn connect(host: Host) -> Scenario {
    Scenario::connect(host, &Settings::default())
}

fn established(host: Host) -> Scenario {
    Scenario::established(host, &Settings::default())
}

fn with_settings(edit: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    edit(&mut settings);
    settings
}
