//! What the settings mean in seconds: one table, from which `status`, the effects of a plan and the screens are
//! made.

use super::{
    Host, KnownSettings, Outcome, Scenario, Segment, Settings, Side, SocketOptions, What, Window, forecast, port_budget,
};

/// A question about the settings with an answer in seconds, per second, or a count.
#[derive(Debug)]
pub struct Consequence {
    /// Stable id, kebab-case.
    pub id: &'static str,
    /// The sentence that the answer ends: "a connect that nobody answers fails after".
    pub label: &'static str,
    /// Two or three words for a table column.
    pub short: &'static str,
    /// The topic of `explain` that has more.
    pub topic: &'static str,
    /// The sysctls it follows from, all of them: without one that the kernel has, the answer is unknown.
    pub keys: &'static [&'static str],
    /// The rule.
    pub rule: ConsequenceRule,
}

/// How an answer is come by.
#[derive(Clone, Copy, Debug)]
pub enum ConsequenceRule {
    /// It is when the side that this scenario is about ends.
    EndOf(fn(Host, &Settings) -> Scenario),
    /// It is worked out without a scenario.
    Figure(fn(&Settings, &Host) -> Answer),
}

impl Consequence {
    /// The answer for a socket on which the application sets no options.
    #[must_use]
    pub fn answer(&self, settings: &Settings, host: &Host) -> Answer {
        match self.rule {
            ConsequenceRule::EndOf(scenario) => ends(&scenario(*host, settings)),
            ConsequenceRule::Figure(answer) => answer(settings, host),
        }
    }

    /// The answer where the application sets options on the socket that it is about, which may be a listener's; nothing
    /// where no scenario is played.
    #[must_use]
    pub fn answer_with(
        &self,
        settings: &Settings,
        host: &Host,
        set: impl FnOnce(&mut SocketOptions),
    ) -> Option<Answer> {
        let ConsequenceRule::EndOf(scenario) = self.rule else { return None };
        let mut scenario = scenario(*host, settings);
        match scenario.about {
            Side::Client => set(&mut scenario.client.options),
            Side::Server => set(&mut scenario.server.options),
        }
        Some(ends(&scenario))
    }

    /// The same by settings of which some may not be known: unknown without one that it follows from, and where no
    /// scenario is played.
    #[must_use]
    pub fn answer_known(&self, known: &KnownSettings, host: &Host, set: impl FnOnce(&mut SocketOptions)) -> Answer {
        if !known.missing(self.keys).is_empty() {
            return Answer::Unknown;
        }
        self.answer_with(known.settings(), host, set).unwrap_or(Answer::Unknown)
    }
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It happens then.
    After(Window),
    /// It never happens by itself.
    Never,
    /// A rate per second.
    PerSecond(u64),
    /// A number of things.
    Count(u64),
    /// A setting that it follows from could not be read.
    Unknown,
}

/// Every consequence, in the order in which they are shown.
pub const CONSEQUENCES: &[Consequence] = &[
    Consequence {
        id: "connect-gives-up",
        label: "a connect that nobody answers fails after",
        short: "connect gives up",
        topic: "syn-lost",
        keys: &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts", "net.ipv4.tcp_rto_max_ms"],
        rule: ConsequenceRule::EndOf(|host, settings| {
            Scenario::connect(host, settings).losing(Side::Client, Segment::Syn)
        }),
    },
    Consequence {
        id: "half-open-life",
        label: "a half-open entry that nobody completes is dropped after",
        short: "half-open entry",
        topic: "synack-lost",
        keys: SYNACK_KEYS,
        rule: ConsequenceRule::EndOf(Scenario::half_open),
    },
    Consequence {
        id: "fin-wait-2-life",
        label: "a closed socket whose peer never closes leaves FIN-WAIT-2 after",
        short: "FIN-WAIT-2, orphan",
        topic: "fin-wait-2",
        keys: &["net.ipv4.tcp_fin_timeout"],
        rule: ConsequenceRule::EndOf(Scenario::closed_alone),
    },
    Consequence {
        id: "time-wait-life",
        label: "TIME-WAIT, which no setting changes, lasts",
        short: "TIME-WAIT",
        topic: "time-wait-many",
        keys: &[],
        rule: ConsequenceRule::EndOf(Scenario::close),
    },
    Consequence {
        id: "ports-per-destination",
        label: "connections that this host can have to one address and port:",
        short: "ports per peer",
        topic: "time-wait-many",
        keys: &["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"],
        rule: ConsequenceRule::Figure(|settings, host| {
            Answer::Count(port_budget(settings, host.version, false).available)
        }),
    },
    Consequence {
        id: "connects-per-second",
        label: "new connections to one address and port, closed by this host, can go on at",
        short: "connects per peer",
        topic: "time-wait-many",
        keys: &[
            "net.ipv4.ip_local_port_range",
            "net.ipv4.ip_local_reserved_ports",
            "net.ipv4.tcp_tw_reuse",
            "net.ipv4.tcp_tw_reuse_delay",
            "net.ipv4.tcp_timestamps",
            "net.ipv4.tcp_max_tw_buckets",
        ],
        rule: ConsequenceRule::Figure(|settings, host| {
            Answer::PerSecond(port_budget(settings, host.version, false).sustained_per_s)
        }),
    },
];

/// The answers of all of them, unknown where a setting is missing.
#[must_use]
pub fn consequences(known: &KnownSettings, host: &Host) -> Vec<(&'static Consequence, Answer)> {
    let answer = |consequence: &'static Consequence| match known.missing(consequence.keys).is_empty() {
        true => (consequence, consequence.answer(known.settings(), host)),
        false => (consequence, Answer::Unknown),
    };
    CONSEQUENCES.iter().map(answer).collect()
}

/// What a half-open entry's clock follows; since 6.19 the longest timeout counts for SYN-ACKs too.
const SYNACK_KEYS: &[&str] = &["net.ipv4.tcp_synack_retries", "net.ipv4.tcp_rto_max_ms"];

/// How old a half-open entry is when its SYN-ACK is sent, sent again once, and so on, as long as nobody completes it:
/// its clock starts as the SYN comes (`reqsk_queue_hash_req`, net/ipv4/inet_connection_sock.c). Nothing where a setting
/// is unknown.
#[must_use]
pub fn half_open_ages(known: &KnownSettings, host: &Host) -> Vec<Window> {
    if !known.missing(SYNACK_KEYS).is_empty() {
        return Vec::new();
    }
    let timeline = forecast(&Scenario::half_open(*host, known.settings()));
    let is_syn_ack = |what: &What| matches!(what, What::Send { segment: Segment::SynAck, .. });
    timeline.events.iter().filter(|event| is_syn_ack(&event.what)).map(|event| event.window).collect()
}

/// When the side that the scenario is about ends, in every course it can take.
fn ends(scenario: &Scenario) -> Answer {
    let timeline = forecast(scenario);
    let windows = core::iter::once(&timeline).chain(&timeline.alternatives).filter_map(|course| course.end());
    let mut hull: Option<Window> = None;
    for end in windows {
        if end.outcome == Outcome::Never {
            return Answer::Never;
        }
        hull = Some(hull.map_or(end.window, |hull| hull.hull(end.window)));
    }
    hull.map_or(Answer::Never, Answer::After)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Hz, KernelVersion, SysctlValues};

    fn values(settings: &Settings) -> SysctlValues {
        settings.values().into_iter().map(|(key, value)| (key.parse().expect("a key"), value)).collect()
    }

    #[test]
    fn half_open_entries_are_1_3_7_15_and_31_s_old_when_their_syn_ack_is_sent_again() {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let ages = half_open_ages(&KnownSettings::new(&SysctlValues::new(), |_| false), &host);
        let starts: Vec<u64> = ages.iter().map(|age| age.at_us / 1_000_000).collect();
        assert_eq!(starts, [0, 1, 3, 7, 15, 31]);
        let unread = KnownSettings::new(&SysctlValues::new(), |key| key == "net.ipv4.tcp_synack_retries");
        assert!(half_open_ages(&unread, &host).is_empty());
    }

    #[test]
    fn ids_are_unique_and_every_key_is_one_that_the_model_reads() {
        let mut ids: Vec<_> = CONSEQUENCES.iter().map(|consequence| consequence.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CONSEQUENCES.len());
        let known: Vec<_> = Settings::keys().collect();
        for key in CONSEQUENCES.iter().flat_map(|consequence| consequence.keys) {
            assert!(known.contains(key), "{key}");
        }
    }

    #[test]
    fn the_nominal_answers_for_a_stock_kernel() {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let nominal: Vec<_> = consequences(&KnownSettings::new(&values(&Settings::default()), |_| true), &host)
            .into_iter()
            .map(|(consequence, answer)| match answer {
                Answer::After(window) => (consequence.id, window.at_us / 1_000_000),
                Answer::PerSecond(number) | Answer::Count(number) => (consequence.id, number),
                Answer::Never | Answer::Unknown => (consequence.id, u64::MAX),
            })
            .collect();
        assert_eq!(
            nominal,
            [
                ("connect-gives-up", 131),
                ("half-open-life", 63),
                ("fin-wait-2-life", 60),
                ("time-wait-life", 60),
                ("ports-per-destination", 28_232),
                ("connects-per-second", 470),
            ]
        );
    }

    /// Each setting in turn gets other values; an answer that moves must name it.
    #[test]
    fn an_answer_names_every_key_that_it_follows_from() {
        let usual = values(&Settings::default());
        for version in [KernelVersion::new(5, 15), KernelVersion::new(6, 19)] {
            let host = Host { version, hz: Hz::new(250) };
            let answers = |values: &SysctlValues, skip: &str| {
                let settings = Settings::from_values(values);
                let others = CONSEQUENCES.iter().filter(|one| !one.keys.contains(&skip));
                others.map(|one| (one.id, one.answer(&settings, &host))).collect::<Vec<_>>()
            };
            let all = answers(&usual, "");
            for key in Settings::keys() {
                let mut other = usual.clone();
                let text = match key {
                    "net.ipv4.ip_local_port_range" => "1000 1009",
                    "net.ipv4.ip_local_reserved_ports" => "40000-40010",
                    // One below a delayed ACK makes a FIN go out twice, which moves all that follows by a tick.
                    "net.ipv4.tcp_rto_min_us" => "100000",
                    // The least that the kernel takes.
                    "net.ipv4.tcp_rto_max_ms" => "1000",
                    _ => "1",
                };
                other.insert(key.parse().expect("a key"), text.to_owned());
                for (id, answer) in answers(&other, key) {
                    assert!(all.contains(&(id, answer)), "{id} does not name {key}, which is {text}");
                }
            }
        }
    }

    #[test]
    fn an_answer_is_unknown_without_a_key_that_this_kernel_has() {
        let host = Host { version: KernelVersion::new(6, 1), hz: Hz::new(250) };
        let unknown = |missing: &str| {
            let mut read = values(&Settings::default());
            read.remove(missing);
            read.remove("net.ipv4.tcp_rto_max_ms");
            let known = KnownSettings::new(&read, |key| key != "net.ipv4.tcp_rto_max_ms");
            let answers = consequences(&known, &host).into_iter();
            answers.filter(|(_, answer)| *answer == Answer::Unknown).map(|(one, _)| one.id).collect::<Vec<_>>()
        };
        assert_eq!(unknown("net.ipv4.tcp_syn_retries"), ["connect-gives-up"]);
        assert_eq!(unknown("net.ipv4.ip_local_reserved_ports"), ["ports-per-destination", "connects-per-second"]);
        assert!(unknown("net.ipv4.tcp_rto_max_ms").is_empty());
    }
}
