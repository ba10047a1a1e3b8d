//! What is asked: a kernel, its settings with where each came from, and what-ifs.

use std::collections::BTreeMap;

use super::facts::HostFacts;
use super::flood::{FloodAsk, FloodAskError};
use super::socket_option::{SocketOptionError, SocketOptionValue, parse_socket_option};
use crate::catalog;
use crate::model::{Host, IpVersion, Settings};
use crate::units::{Hz, KernelVersion, SysctlKey, SysctlValues};

/// The oldest kernel whose rules the model has.
const OLDEST: KernelVersion = KernelVersion::new(4, 14);

/// MTUs that a link can have: RFC 791's least, and the loopback's.
const MTU: core::ops::RangeInclusive<u32> = 68..=65_536;
/// The MTU of Ethernet, taken when none is asked about.
const ETHERNET_MTU: u32 = 1500;
/// Round-trip times above an hour are taken for a slip of the pen.
pub(super) const LONGEST_RTT_US: u64 = 3_600_000_000;

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Read on the host.
    Host,
    /// The kernel's default.
    Default,
    /// Given by the file of a scenario.
    File,
    /// Given as a what-if.
    WhatIf,
}

impl Origin {
    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Default => "default",
            Self::File => "file",
            Self::WhatIf => "what-if",
        }
    }
}

/// A value with where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    /// As the kernel writes it.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The what-ifs of a command line, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `KEY=VALUE` texts.
    pub set: Vec<String>,
    /// Another kernel version.
    pub kernel: Option<String>,
    /// Another tick rate.
    pub hz: Option<String>,
    /// The backlog given to listen().
    pub backlog: Option<u32>,
    /// Round-trip time in microseconds.
    pub rtt_us: Option<u64>,
    /// Another IP than the question's own.
    pub family: Option<IpVersion>,
    /// SYNs per second of a flood, or connections per second.
    pub rate_per_s: Option<u64>,
    /// SYNs of a flood in all.
    pub count: Option<u64>,
    /// `NAME=VALUE` texts of socket options.
    pub sockopt: Vec<String>,
    /// MTU of every link, in bytes.
    pub mtu: Option<u32>,
    /// Whether the peer answers, where the question leaves that open.
    pub peer_alive: bool,
}

/// A question's premises, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The kernel.
    pub host: Host,
    /// Values of every sysctl known here, by key.
    pub values: BTreeMap<SysctlKey, Sourced>,
    /// The kernel's defaults, to show beside the values.
    pub defaults: SysctlValues,
    /// The backlog given to listen(); nothing when not asked for.
    pub backlog: Option<u32>,
    /// Round-trip time in microseconds.
    pub rtt_us: u64,
    /// What carries the segments.
    pub family: IpVersion,
    /// The rate that is asked about, a second; nothing when none is.
    pub rate_per_s: Option<u64>,
    /// The flood that is asked about.
    pub flood: FloodAsk,
    /// Socket options in the order in which the application sets them.
    pub socket_options: Vec<SocketOptionValue>,
    /// MTU of every link, in bytes.
    pub mtu: u32,
    /// Whether the peer answers, where the question leaves that open.
    pub peer_alive: bool,
    /// The host's memory in KiB, where it is known.
    pub memory_kib: Option<u64>,
    /// What the host is doing now, as far as the topic wants to know; nothing is asked to begin with.
    pub facts: HostFacts,
}

/// Why a question makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// `--set` without an equals sign.
    #[error("`{0}` is not KEY=VALUE, such as net.ipv4.tcp_syn_retries=3")]
    NoValue(String),
    /// The kernel would not take it.
    #[error(transparent)]
    Value(#[from] catalog::ValueError),
    /// No version.
    #[error(transparent)]
    Version(#[from] crate::units::ParseKernelVersionError),
    /// Older than the model.
    #[error("Linux {0} is older than the rules known here; they begin with 4.14")]
    TooOld(KernelVersion),
    /// No tick rate.
    #[error("{0}")]
    TickRate(String),
    /// No flood.
    #[error(transparent)]
    Flood(#[from] FloodAskError),
    /// setsockopt() would fail.
    #[error(transparent)]
    SocketOption(#[from] SocketOptionError),
    /// No link has such an MTU.
    #[error("{0} is no MTU: a link's is between {least} and {greatest} bytes", least = MTU.start(), greatest = MTU.end())]
    Mtu(u32),
    /// Longer than any round trip.
    #[error("a round trip of {0} is longer than an hour; expected one such as 30us, 50ms or 1.5s")]
    Rtt(crate::units::Micros),
    /// Nothing between two commas, or after the last.
    #[error("`{0}` has an empty value in its list")]
    EmptyInList(String),
    /// More combinations than can be compared.
    #[error("{0} combinations of values are too many to compare; give at most {most}", most = super::variant::MOST_VARIANTS)]
    TooManyVariants(usize),
    /// The host's kernel could not be read and none was given.
    #[error("the kernel version of this host could not be read; give one with --kernel, such as --kernel 6.18")]
    NoVersion,
}

impl Ask {
    /// Puts the premises together: `host_values` (none for the kernel's defaults alone) over the defaults, the
    /// what-ifs over both.
    ///
    /// # Errors
    /// When a what-if is nothing that this kernel would take.
    pub fn new(
        host_version: Option<KernelVersion>,
        host_hz: Option<Hz>,
        memory_kib: Option<u64>,
        host_values: &SysctlValues,
        overrides: &Overrides,
    ) -> Result<Self, AskError> {
        let version = match &overrides.kernel {
            Some(text) => text.parse()?,
            None => host_version.ok_or(AskError::NoVersion)?,
        };
        check_version(version)?;
        let hz = match &overrides.hz {
            Some(text) => Some(text.parse().map_err(AskError::TickRate)?),
            None => host_hz,
        };
        let host = Host { version, hz };
        let defaults = catalog::defaults(version, memory_kib);
        let mut values = BTreeMap::new();
        let mut lay = |key: SysctlKey, value: String, origin| {
            values.insert(key, Sourced { value, origin });
        };
        for (key, value) in &defaults {
            lay(key.clone(), value.clone(), Origin::Default);
        }
        for (key, value) in host_values {
            // Another kernel may not have what this host has.
            if catalog::exists(key.as_str(), version) {
                lay(key.clone(), value.clone(), Origin::Host);
            }
        }
        for text in &overrides.set {
            let (key, value) = checked_set(text, host)?;
            lay(key, value, Origin::WhatIf);
        }
        let mtu = overrides.mtu.unwrap_or(ETHERNET_MTU);
        if !MTU.contains(&mtu) {
            return Err(AskError::Mtu(mtu));
        }
        let rtt_us = overrides.rtt_us.unwrap_or(0);
        if rtt_us > LONGEST_RTT_US {
            return Err(AskError::Rtt(crate::units::Micros(rtt_us)));
        }
        let socket_options: Result<_, _> =
            overrides.sockopt.iter().map(|text| parse_socket_option(text, host)).collect();
        Ok(Self {
            host,
            values,
            defaults,
            backlog: overrides.backlog,
            rtt_us,
            family: overrides.family.unwrap_or_default(),
            socket_options: socket_options?,
            mtu,
            peer_alive: overrides.peer_alive,
            memory_kib,
            rate_per_s: overrides.rate_per_s,
            flood: FloodAsk::new(overrides.rate_per_s, overrides.count)?,
            facts: HostFacts::default(),
        })
    }

    /// The model's settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let plain = self.values.iter().map(|(key, sourced)| (key.clone(), sourced.value.clone())).collect();
        Settings::from_values(&plain)
    }
}

#[cfg(test)]
impl Ask {
    /// The defaults of Linux 6.18 at 250 ticks a second, over this round trip.
    pub(in crate::explain) fn of_defaults(rtt_us: u64) -> Self {
        let overrides = Overrides {
            kernel: Some("6.18".to_owned()),
            hz: Some("250".to_owned()),
            rtt_us: Some(rtt_us),
            ..Overrides::default()
        };
        Self::new(None, None, Some(8 << 20), &SysctlValues::new(), &overrides).unwrap()
    }
}

/// The version, if the model has its rules.
pub(super) fn check_version(version: KernelVersion) -> Result<KernelVersion, AskError> {
    if version < OLDEST { Err(AskError::TooOld(version)) } else { Ok(version) }
}

/// Reads `KEY=VALUE` and checks that this kernel would take it.
fn checked_set(text: &str, host: Host) -> Result<(SysctlKey, String), AskError> {
    let (name, value) = text.split_once('=').ok_or_else(|| AskError::NoValue(text.to_owned()))?;
    let name = name.trim();
    let parameter = catalog::find_by_name(name)
        .ok_or_else(|| catalog::ValueError::UnknownKey { key: name.to_owned(), nearest: catalog::nearest(name) })?;
    let value = catalog::canonical_value(parameter.key, value);
    catalog::check_value(parameter.key, &value, host.version, host.hz)?;
    let key = parameter.key.parse().map_err(|_| AskError::NoValue(text.to_owned()))?;
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(kernel: &str, set: &[&str], host: &[(&str, &str)]) -> Result<Ask, String> {
        let host_values = host.iter().map(|(key, value)| (key.parse().expect("a key"), (*value).to_owned())).collect();
        let overrides = Overrides {
            kernel: Some(kernel.to_owned()),
            set: set.iter().map(|text| (*text).to_owned()).collect(),
            ..Overrides::default()
        };
        Ask::new(None, None, None, &host_values, &overrides).map_err(|error| error.to_string())
    }

    #[test]
    fn what_ifs_lie_over_the_host_and_the_host_over_the_defaults() {
        let ask = ask(
            "6.18",
            &["tcp_syn_retries=2"],
            &[("net.ipv4.tcp_syn_retries", "5"), ("net.ipv4.tcp_synack_retries", "3")],
        )
        .expect("a question");
        let origin = |key: &str| ask.values.get(key).map(|sourced| (sourced.value.as_str(), sourced.origin));
        assert_eq!(origin("net.ipv4.tcp_syn_retries"), Some(("2", Origin::WhatIf)));
        assert_eq!(origin("net.ipv4.tcp_synack_retries"), Some(("3", Origin::Host)));
        assert_eq!(origin("net.ipv4.tcp_fin_timeout"), Some(("60", Origin::Default)));
        assert_eq!(ask.settings().syn_retries, 2);
    }

    #[test]
    fn another_kernel_does_not_get_keys_that_it_does_not_have() {
        let ask = ask("6.1", &[], &[("net.ipv4.tcp_syn_linear_timeouts", "4")]).expect("a question");
        assert!(!ask.values.contains_key("net.ipv4.tcp_syn_linear_timeouts"));
    }

    #[test]
    fn bad_premises_are_refused_with_what_would_be_right() {
        let error = |kernel: &str, set: &[&str]| ask(kernel, set, &[]).expect_err("an error");
        assert!(error("6.18", &["tcp_syn_retires=3"]).contains("did you mean net.ipv4.tcp_syn_retries"));
        assert!(error("6.18", &["tcp_syn_retries=0"]).contains("1 to 127"));
        assert!(error("6.18", &["tcp_syn_retries"]).contains("KEY=VALUE"));
        assert!(error("6.1", &["tcp_syn_linear_timeouts=4"]).contains("6.5"));
        assert!(error("3.10", &[]).contains("4.14"));
        assert!(error("new", &[]).contains("6.18"));
    }
}
