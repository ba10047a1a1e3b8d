//! Socket options as what-ifs: `TCP_USER_TIMEOUT=5000`, `server:TCP_DEFER_ACCEPT=10`.
//!
//! Mirrors: `do_tcp_setsockopt()` and `sk_setsockopt()`: which values they take, and with what they refuse the rest.

use super::ask::Origin;
use super::explanation::SocketOptionRow;
use crate::model::{Host, Scenario, Side, SocketOptions};
use crate::units::{Hz, KernelVersion};

/// An option that changes a clock.
#[derive(Debug)]
pub struct SocketOption {
    /// Its name in tcp(7) or socket(7).
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it does.
    pub affects: &'static str,
    /// First kernel that has it.
    since: KernelVersion,
    /// The least and the greatest value that the kernel takes.
    range: (i32, i32),
    /// The fewest ticks that the value must come to, for one in microseconds.
    least_ticks: i32,
    /// The only side on which it means anything.
    only_on: Option<Side>,
    store: fn(&mut SocketOptions, i32),
    /// The number that setsockopt() would be given for what is stored; nothing where nothing was set.
    show: fn(&SocketOptions) -> Option<i64>,
}

const ALWAYS: KernelVersion = KernelVersion::new(0, 0);

/// An option that every kernel has and that either side may set.
const fn option(
    name: &'static str,
    unit: &'static str,
    range: (i32, i32),
    affects: &'static str,
    store: fn(&mut SocketOptions, i32),
    show: fn(&SocketOptions) -> Option<i64>,
) -> SocketOption {
    SocketOption { name, unit, affects, since: ALWAYS, range, least_ticks: 0, only_on: None, store, show }
}

/// The table of them.
const OPTIONS: &[SocketOption] = &[
    option(
        "TCP_SYNCNT",
        "count",
        (1, 127),
        "retries of a connect(), for tcp_syn_retries",
        |options, value| options.syncnt = u8::try_from(value).ok(),
        |options| options.syncnt.map(i64::from),
    ),
    option(
        "TCP_USER_TIMEOUT",
        "ms",
        (0, i32::MAX),
        "longest time without an answer; 0 is off",
        |options, value| options.user_timeout_ms = u32::try_from(value).unwrap_or(0),
        |options| Some(i64::from(options.user_timeout_ms)).filter(|ms| *ms > 0),
    ),
    option(
        "TCP_LINGER2",
        "s",
        (i32::MIN, i32::MAX),
        "life of FIN-WAIT-2, for tcp_fin_timeout",
        |options, value| options.linger2_s = Some(value),
        |options| options.linger2_s.map(i64::from),
    ),
    option(
        "SO_KEEPALIVE",
        "bool",
        (i32::MIN, i32::MAX),
        "whether an idle peer is probed",
        |options, value| options.keepalive = value != 0,
        |options| options.keepalive.then_some(1),
    ),
    option(
        "TCP_KEEPIDLE",
        "s",
        (1, 32_767),
        "idle time before the first probe",
        |options, value| options.keepidle_s = u32::try_from(value).ok(),
        |options| options.keepidle_s.map(i64::from),
    ),
    option(
        "TCP_KEEPINTVL",
        "s",
        (1, 32_767),
        "time between probes",
        |options, value| options.keepintvl_s = u32::try_from(value).ok(),
        |options| options.keepintvl_s.map(i64::from),
    ),
    option(
        "TCP_KEEPCNT",
        "count",
        (1, 127),
        "probes without an answer before the end",
        |options, value| options.keepcnt = u8::try_from(value).ok(),
        |options| options.keepcnt.map(i64::from),
    ),
    SocketOption {
        only_on: Some(Side::Server),
        ..option(
            "TCP_DEFER_ACCEPT",
            "s",
            (i32::MIN, i32::MAX),
            "wait for data before accept()",
            // The kernel takes a negative number for 0.
            |options, value| options.defer_accept_s = Some(u32::try_from(value).unwrap_or(0)),
            |options| options.defer_accept_s.map(i64::from),
        )
    },
    SocketOption {
        since: KernelVersion::new(6, 15),
        ..option(
            "TCP_RTO_MAX_MS",
            "ms",
            (1000, 120_000),
            "largest RTO, for tcp_rto_max_ms",
            |options, value| options.rto_max_ms = u32::try_from(value).ok(),
            |options| options.rto_max_ms.map(i64::from),
        )
    },
    SocketOption {
        since: KernelVersion::new(6, 15),
        // TCP_TIMEOUT_MIN
        least_ticks: 2,
        ..option(
            "TCP_RTO_MIN_US",
            "us",
            (1, 200_000),
            "least RTO, for tcp_rto_min_us",
            |options, value| options.rto_min_us = u32::try_from(value).ok(),
            |options| options.rto_min_us.map(i64::from),
        )
    },
    option(
        "TCP_THIN_LINEAR_TIMEOUTS",
        "bool",
        (0, 1),
        "whether a thin stream's first retransmissions do not double",
        |options, value| options.thin_linear_timeouts = value != 0,
        |options| options.thin_linear_timeouts.then_some(1),
    ),
];

/// The names of all of them, each with what it does and in which unit.
pub(super) fn socket_options() -> impl Iterator<Item = (&'static str, String)> {
    OPTIONS.iter().map(|option| (option.name, format!("{} ({})", option.affects, option.unit)))
}

/// The option of this name.
pub(super) fn known_option(name: &str) -> Option<&'static SocketOption> {
    OPTIONS.iter().find(|option| option.name == name)
}

/// The names and numbers with which setsockopt() makes these options of those, in the order of the table. Only an
/// option that can be switched off can go.
pub(super) fn options_between(before: &SocketOptions, after: &SocketOptions) -> Vec<(&'static str, i64)> {
    let changed = OPTIONS.iter().filter_map(|option| match ((option.show)(before), (option.show)(after)) {
        (before, after) if before == after => None,
        (_, Some(number)) => Some((option.name, number)),
        (_, None) => Some((option.name, 0)).filter(|_| option.range.0 <= 0),
    });
    changed.collect()
}

impl SocketOption {
    /// The least and the greatest value that a kernel of this tick rate takes; where that is not known, that any takes.
    fn range_at(&self, hz: Option<Hz>) -> (i32, i32) {
        let fastest = Hz::COMMON.iter().map(|hz| hz.get()).max().unwrap_or(1000);
        let tick_us = 1_000_000 / i32::try_from(hz.map_or(fastest, Hz::get)).unwrap_or(1000);
        // usecs_to_jiffies() rounds up.
        let least = if self.least_ticks > 0 { (self.least_ticks - 1) * tick_us + 1 } else { self.range.0 };
        (least, self.range.1)
    }
}

/// An option with a value, for one side or for the one that a topic is about.
#[derive(Clone, Copy, Debug)]
pub struct SocketOptionValue {
    /// The option.
    pub option: &'static SocketOption,
    /// The side that sets it; nothing for the side whose clock the topic is about.
    pub side: Option<Side>,
    /// The number given to setsockopt().
    pub value: i32,
}

impl PartialEq for SocketOptionValue {
    fn eq(&self, other: &Self) -> bool {
        (self.option.name, self.side, self.value) == (other.option.name, other.side, other.value)
    }
}

impl Eq for SocketOptionValue {}

impl SocketOptionValue {
    /// Sets it on the side of a scenario that it is for; says which side that is.
    pub fn lay_on(&self, scenario: &mut Scenario) -> Side {
        let side = self.side.or(self.option.only_on).unwrap_or(scenario.about);
        let endpoint = match side {
            Side::Client => &mut scenario.client,
            Side::Server => &mut scenario.server,
        };
        self.store(&mut endpoint.options);
        side
    }

    /// Sets it among the options of a socket.
    pub(super) fn store(&self, options: &mut SocketOptions) {
        (self.option.store)(options, self.value);
    }

    /// A line about it.
    pub(super) fn row(&self, side: Option<Side>, origin: Origin) -> SocketOptionRow {
        let SocketOption { name, unit, affects, .. } = *self.option;
        SocketOptionRow { name, unit, affects, value: self.value, side, origin }
    }
}

/// Why setsockopt() would fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketOptionError {
    /// No equals sign, or an unknown side.
    #[error("`{0}` is not [client:|server:]NAME=VALUE, such as TCP_USER_TIMEOUT=5000")]
    Malformed(String),
    /// The name is not in the table.
    #[error("{name} is no socket option that changes a clock{nearest}; known are {known}")]
    Unknown {
        /// What was given.
        name: String,
        /// A question with the nearest name, or nothing.
        nearest: String,
        /// Every name.
        known: String,
    },
    /// Not a number of the type that setsockopt() takes.
    #[error("`{value}` is no value of {name}: setsockopt() takes a whole number ({unit})")]
    NoNumber {
        /// The option.
        name: &'static str,
        /// Its unit.
        unit: &'static str,
        /// What was given.
        value: String,
    },
    /// The kernel refuses the number.
    #[error(
        "{value} is out of range for {name}: the kernel takes {min} to {max} and refuses the rest with EINVAL (Invalid argument)"
    )]
    OutOfRange {
        /// The option.
        name: &'static str,
        /// What was given.
        value: i32,
        /// The least.
        min: i32,
        /// The greatest.
        max: i32,
    },
    /// That kernel does not have it.
    #[error(
        "Linux {version} has no {name}: it came with {since}, and setsockopt() fails with ENOPROTOOPT (Protocol not available)"
    )]
    NotInThisKernel {
        /// The option.
        name: &'static str,
        /// The kernel.
        version: KernelVersion,
        /// First kernel with it.
        since: KernelVersion,
    },
    /// The side cannot use it.
    #[error("{name} on the {side} changes nothing: it is for a listening socket")]
    WrongSide {
        /// The option.
        name: &'static str,
        /// What was given.
        side: &'static str,
    },
}

/// Reads `[client:|server:]NAME=VALUE` and checks that this kernel would take it.
///
/// # Errors
/// Says why setsockopt() would fail, with the kernel's own range and errno.
pub fn parse_socket_option(text: &str, host: Host) -> Result<SocketOptionValue, SocketOptionError> {
    let malformed = || SocketOptionError::Malformed(text.to_owned());
    let (name, value) = text.split_once('=').ok_or_else(malformed)?;
    let (side, name) = match name.split_once(':') {
        None => (None, name.trim()),
        Some((side, name)) => match side.trim() {
            "client" => (Some(Side::Client), name.trim()),
            "server" => (Some(Side::Server), name.trim()),
            _ => return Err(malformed()),
        },
    };
    let option = OPTIONS.iter().find(|option| option.name.eq_ignore_ascii_case(name)).ok_or_else(|| unknown(name))?;
    if !host.version.at_least(option.since.major, option.since.minor) {
        return Err(SocketOptionError::NotInThisKernel {
            name: option.name,
            version: host.version,
            since: option.since,
        });
    }
    let value = value.trim();
    let value: i32 = value.parse().map_err(|_| SocketOptionError::NoNumber {
        name: option.name,
        unit: option.unit,
        value: value.to_owned(),
    })?;
    let (min, max) = option.range_at(host.hz);
    if value < min || value > max {
        return Err(SocketOptionError::OutOfRange { name: option.name, value, min, max });
    }
    match (side, option.only_on) {
        (Some(side), Some(only)) if side != only => {
            Err(SocketOptionError::WrongSide { name: option.name, side: side.name() })
        }
        _ => Ok(SocketOptionValue { option, side, value }),
    }
}

fn unknown(name: &str) -> SocketOptionError {
    let names: Vec<&'static str> = OPTIONS.iter().map(|option| option.name).collect();
    let nearest = similar::get_close_matches(name.to_ascii_uppercase().as_str(), &names, 1, 0.6);
    SocketOptionError::Unknown {
        name: name.to_owned(),
        nearest: nearest.first().map_or(String::new(), |name| format!("; did you mean {name}?")),
        known: names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Settings;

    const NEW: Host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };

    fn refused(text: &str) -> String {
        parse_socket_option(text, NEW).expect_err("an error").to_string()
    }

    #[test]
    fn an_option_goes_to_the_side_that_the_scenario_is_about_or_to_the_one_named() {
        let mut scenario = Scenario::connect(NEW, &Settings::default());
        let mut lay = |text| parse_socket_option(text, NEW).expect("an option").lay_on(&mut scenario);
        assert_eq!(lay("TCP_USER_TIMEOUT=5000"), Side::Client);
        assert_eq!(lay("server:TCP_SYNCNT=3"), Side::Server);
        assert_eq!(lay("TCP_DEFER_ACCEPT=-1"), Side::Server);
        assert_eq!(lay("tcp_keepcnt = 4"), Side::Client);
        assert_eq!((scenario.client.options.user_timeout_ms, scenario.client.options.keepcnt), (5000, Some(4)));
        assert_eq!((scenario.server.options.syncnt, scenario.server.options.defer_accept_s), (Some(3), Some(0)));
    }

    #[test]
    fn values_are_refused_with_the_kernels_own_range() {
        for (name, least, greatest) in [
            ("TCP_SYNCNT", 1, 127),
            ("TCP_KEEPIDLE", 1, 32_767),
            ("TCP_KEEPCNT", 1, 127),
            ("TCP_RTO_MAX_MS", 1000, 120_000),
            // Measured at HZ 250: two ticks at the least.
            ("TCP_RTO_MIN_US", 4001, 200_000),
        ] {
            for taken in [least, greatest] {
                assert!(parse_socket_option(&format!("{name}={taken}"), NEW).is_ok(), "{name}={taken}");
            }
            for outside in [least - 1, greatest + 1] {
                let error = refused(&format!("{name}={outside}"));
                assert!(error.contains(&format!("{least} to {greatest}")) && error.contains("EINVAL"), "{error}");
            }
        }
        assert!(refused("TCP_USER_TIMEOUT=-1").contains("0 to 2147483647"));
        assert!(parse_socket_option("TCP_LINGER2=-1", NEW).is_ok());
    }

    #[test]
    fn what_setsockopt_does_not_know_is_refused() {
        assert!(refused("TCP_USER_TIMOUT=1").contains("did you mean TCP_USER_TIMEOUT?"));
        assert!(refused("TCP_SYNCNT=three").contains("whole number"));
        assert!(refused("TCP_SYNCNT").contains("NAME=VALUE"));
        assert!(refused("peer:TCP_SYNCNT=3").contains("client:|server:"));
        assert!(refused("client:TCP_DEFER_ACCEPT=3").contains("listening socket"));
        let old = parse_socket_option("TCP_RTO_MAX_MS=2000", Host { version: KernelVersion::new(6, 14), ..NEW })
            .expect_err("too old");
        assert!(old.to_string().contains("ENOPROTOOPT"), "{old}");
    }

    #[test]
    fn every_option_is_a_name_that_is_not_a_sysctl() {
        assert!(OPTIONS.iter().all(|option| crate::catalog::find_by_name(option.name).is_none()));
    }
}
