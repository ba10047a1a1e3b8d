//! Premises beside the sysctls that change a topic's answer: the round trip, the backlog, options of the socket.

use super::ask::{LONGEST_RTT_US, Overrides};
use super::socket_option::{known_option, parse_socket_option};
use super::{SocketOptionError, Topic};
use crate::model::Host;
use crate::units::Micros;

/// A premise of a topic that may be asked about otherwise. It is a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Premise {
    /// Its name: `rtt`, `backlog`, or the socket option's.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it is where nothing is asked for, as people say it.
    pub otherwise: &'static str,
    /// A number to begin with.
    pub start: i64,
}

const RTT: Premise = Premise { name: "rtt", unit: "us", otherwise: "0 s", start: 10_000 };
const BACKLOG: Premise =
    Premise { name: "backlog", unit: "count", otherwise: "511", start: super::topics::TYPICAL_BACKLOG as i64 };
/// The sysctl that the backlog goes together with.
const BACKLOG_KEY: &str = "net.core.somaxconn";

/// Why a premise cannot be so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PremiseError {
    /// No topic has such a premise.
    #[error("{0} is no premise of a topic")]
    Unknown(String),
    /// Not a number that it can have.
    #[error("{value} is out of range for {name}: from {least} to {most} {unit}")]
    OutOfRange {
        /// The premise.
        name: &'static str,
        /// What was asked for.
        value: i64,
        /// The least.
        least: i64,
        /// The greatest.
        most: i64,
        /// The unit of all three.
        unit: &'static str,
    },
    /// setsockopt() would fail.
    #[error(transparent)]
    Option(#[from] SocketOptionError),
}

/// The socket options beside the sysctls that they stand in for or work against, and a number to begin with.
const OPTIONS: &[(&str, i64, &[&str])] = &[
    ("TCP_SYNCNT", 3, &["net.ipv4.tcp_syn_retries"]),
    (
        "TCP_USER_TIMEOUT",
        30_000,
        &[
            "net.ipv4.tcp_syn_retries",
            "net.ipv4.tcp_retries2",
            "net.ipv4.tcp_orphan_retries",
            "net.ipv4.tcp_keepalive_probes",
        ],
    ),
    ("TCP_LINGER2", 30, &["net.ipv4.tcp_fin_timeout"]),
    ("SO_KEEPALIVE", 1, &["net.ipv4.tcp_keepalive_time"]),
    ("TCP_KEEPIDLE", 60, &["net.ipv4.tcp_keepalive_time"]),
    ("TCP_KEEPINTVL", 10, &["net.ipv4.tcp_keepalive_intvl"]),
    ("TCP_KEEPCNT", 6, &["net.ipv4.tcp_keepalive_probes"]),
    ("TCP_DEFER_ACCEPT", 10, &["net.ipv4.tcp_synack_retries"]),
    ("TCP_RTO_MAX_MS", 10_000, &["net.ipv4.tcp_rto_max_ms"]),
    ("TCP_RTO_MIN_US", 50_000, &["net.ipv4.tcp_rto_min_us"]),
    ("TCP_THIN_LINEAR_TIMEOUTS", 1, &["net.ipv4.tcp_thin_linear_timeouts"]),
];

/// The premises of a topic that this kernel has: the round trip and options where something is played, the backlog
/// where the answer hangs on it.
pub fn premises(topic: &Topic, host: Host) -> impl Iterator<Item = Premise> {
    let played = topic.scenario.is_some();
    let queued = topic.keys.contains(&BACKLOG_KEY);
    let options = OPTIONS.iter().filter(move |(_, _, keys)| played && keys.iter().any(|key| topic.keys.contains(key)));
    let options = options.filter_map(move |(name, start, _)| {
        let option = known_option(name).filter(|_| parse_socket_option(&format!("{name}={start}"), host).is_ok())?;
        Some(Premise { name: option.name, unit: option.unit, otherwise: "unset", start: *start })
    });
    options.chain(queued.then_some(BACKLOG)).chain(played.then_some(RTT))
}

impl Premise {
    /// Asks for this number in a question.
    ///
    /// # Errors
    /// When it cannot be so, and why.
    pub fn ask_for(&self, value: i64, host: Host, overrides: &mut Overrides) -> Result<(), PremiseError> {
        let (name, unit) = (self.name, self.unit);
        let within = |least: i64, most: i64| {
            let number = u64::try_from(value).ok().filter(|_| (least..=most).contains(&value));
            number.ok_or(PremiseError::OutOfRange { name, value, least, most, unit })
        };
        if *self == RTT {
            overrides.rtt_us = Some(within(0, i64::try_from(LONGEST_RTT_US).unwrap_or(i64::MAX))?);
        } else if *self == BACKLOG {
            // listen() takes an int, and what is negative for the most.
            let backlog = within(0, i64::from(i32::MAX))?;
            overrides.backlog = u32::try_from(backlog).ok();
        } else {
            let text = format!("{name}={value}");
            parse_socket_option(&text, host)?;
            overrides.sockopt.push(text);
        }
        Ok(())
    }

    /// How the command line asks for it.
    #[must_use]
    pub fn argument(&self, value: &str) -> [String; 2] {
        match *self {
            RTT => ["--rtt".to_owned(), format!("{value}us")],
            BACKLOG => ["--backlog".to_owned(), value.to_owned()],
            _ => ["--sockopt".to_owned(), format!("{}={value}", self.name)],
        }
    }

    /// A number of it as people read it, without the unit where that says it.
    #[must_use]
    pub fn shown(&self, value: &str) -> String {
        match value.parse() {
            Ok(us) if *self == RTT => Micros(us).to_string(),
            _ => value.to_owned(),
        }
    }

    /// Whether the laboratory can be asked for it too.
    #[must_use]
    pub fn in_lab(&self) -> bool {
        *self != BACKLOG
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::socket_option::socket_options;
    use crate::explain::{Ask, explain, find_topic, topics};
    use crate::units::{Hz, KernelVersion, SysctlValues};

    const HOST: Host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };

    #[test]
    fn every_option_and_key_of_the_table_exists_and_every_option_is_in_it() {
        let named: Vec<&str> = OPTIONS.iter().map(|(name, _, _)| *name).collect();
        let known: Vec<&str> = socket_options().map(|(name, _)| name).collect();
        for name in &known {
            assert!(named.contains(name), "{name} belongs to no sysctl");
        }
        assert_eq!(named.len(), known.len());
        for key in OPTIONS.iter().flat_map(|(_, _, keys)| *keys) {
            assert!(topics().any(|topic| topic.keys.contains(key)), "no topic depends on {key}");
        }
    }

    #[test]
    fn every_premise_is_taken_by_its_topic() {
        for topic in topics() {
            for premise in premises(topic, HOST) {
                let mut overrides = Overrides::default();
                premise.ask_for(premise.start, HOST, &mut overrides).unwrap();
                let ask = Ask::new(Some(HOST.version), HOST.hz, Some(8 << 20), &SysctlValues::new(), &overrides);
                assert!(!explain(topic, &ask.unwrap()).figures.answer.is_empty(), "{} {}", topic.id, premise.name);
            }
        }
    }

    #[test]
    fn an_option_beside_its_sysctl_moves_the_answer() {
        let topic = find_topic("syn-lost").unwrap();
        let answer = |name: &str, value: i64| {
            let mut overrides = Overrides::default();
            let premise = premises(topic, HOST).find(|premise| premise.name == name).unwrap();
            premise.ask_for(value, HOST, &mut overrides).unwrap();
            let ask = Ask::new(Some(HOST.version), HOST.hz, Some(8 << 20), &SysctlValues::new(), &overrides).unwrap();
            explain(topic, &ask).figures.answer.join(" ")
        };
        assert_ne!(answer("TCP_SYNCNT", 1), answer("TCP_SYNCNT", 2));
        assert_ne!(answer("TCP_USER_TIMEOUT", 0), answer("TCP_USER_TIMEOUT", 5000));
    }

    #[test]
    fn what_the_kernel_would_not_take_is_refused_with_the_range() {
        let topic = find_topic("syn-lost").unwrap();
        let mut overrides = Overrides::default();
        let refused = |name: &str, value: i64, overrides: &mut Overrides| {
            let premise = premises(topic, HOST).find(|premise| premise.name == name).unwrap();
            premise.ask_for(value, HOST, overrides).unwrap_err().to_string()
        };
        assert!(refused("TCP_SYNCNT", 128, &mut overrides).contains("1 to 127"));
        assert!(refused("rtt", -1, &mut overrides).contains("from 0 to"));
        assert_eq!(overrides, Overrides::default());
        let old = Host { version: KernelVersion::new(6, 1), hz: None };
        assert!(premises(topic, old).all(|premise| premise.name != "TCP_RTO_MAX_MS"), "6.15 brought it");
    }
}
