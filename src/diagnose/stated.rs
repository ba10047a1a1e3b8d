//! What no reading shows, and whoever asks says.

use core::fmt;
use core::str::FromStr;

use crate::snapshot::SysctlReading;
use crate::units::{duration_text, parse_duration_us};

/// What is known besides readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// Timeouts of applications and of what is on the way.
    pub timeouts: Option<Timeouts>,
    /// What the files of settings say; nothing where they were not read.
    pub files: Option<SettingFiles>,
}

impl Stated {
    /// What is known when nobody says anything.
    pub const NOTHING: &'static Self = &Self { timeouts: None, files: None };
}

/// Timeouts as they are stated, in microseconds; at least one of them is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// How long the application waits for an answer.
    pub app_us: Option<u64>,
    /// How long its pool waits for a connection or an answer.
    pub pool_us: Option<u64>,
    /// `TCP_USER_TIMEOUT`.
    pub user_us: Option<u64>,
    /// `TCP_KEEPIDLE` beside `SO_KEEPALIVE`.
    pub keepalive_us: Option<u64>,
    /// After which a load balancer or firewall on the way forgets an idle connection.
    pub idle_us: Option<u64>,
}

/// A name of a timeout, what it is, and where it is kept.
type Name = (&'static str, &'static str, fn(&mut Timeouts) -> &mut Option<u64>);

/// The names by which timeouts are stated.
const NAMES: &[Name] = &[
    ("app", "how long the application waits for an answer", |all| &mut all.app_us),
    ("pool", "how long its pool waits", |all| &mut all.pool_us),
    ("user", "TCP_USER_TIMEOUT on its sockets", |all| &mut all.user_us),
    ("keepalive", "TCP_KEEPIDLE on its sockets", |all| &mut all.keepalive_us),
    ("idle", "after which a load balancer or firewall elsewhere forgets an idle connection", |all| &mut all.idle_us),
];

impl Timeouts {
    /// Each name that may be stated, and what it means.
    pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
        NAMES.iter().map(|(name, what, _)| (*name, *what))
    }
}

/// A timeout that lasts longer than this, in microseconds, is a mistake: a week.
const LONGEST_US: u64 = 7 * 86_400_000_000;

/// Text that states no timeouts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimeoutsError(String);

/// `app=5s,pool=30s,user=20s`
impl FromStr for Timeouts {
    type Err = TimeoutsError;

    fn from_str(text: &str) -> Result<Self, TimeoutsError> {
        let mut all = Self::default();
        for part in text.split(',').map(str::trim) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(TimeoutsError(format!("`{part}` is no timeout; expected one such as app=5s")));
            };
            let Some((name, _, place)) = NAMES.iter().find(|(known, _, _)| *known == name.trim()) else {
                let names: Vec<&str> = Self::names().map(|(name, _)| name).collect();
                return Err(TimeoutsError(format!("`{name}` is no timeout; they are {}", names.join(", "))));
            };
            let us = parse_duration_us(value.trim()).map_err(|error| TimeoutsError(format!("{name}: {error}")))?;
            if !(1_000..=LONGEST_US).contains(&us) {
                return Err(TimeoutsError(format!("{name}: `{}` is outside 1ms to 7 days", value.trim())));
            }
            if place(&mut all).replace(us).is_some() {
                return Err(TimeoutsError(format!("{name} is stated twice")));
            }
        }
        Ok(all)
    }
}

impl fmt::Display for Timeouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = *self;
        let mut comma = "";
        for (name, _, place) in NAMES {
            if let Some(us) = *place(&mut all) {
                write!(f, "{comma}{name}={}", duration_text(us))?;
                comma = ",";
            }
        }
        Ok(())
    }
}

/// What the files that set sysctls at boot say, as far as rules look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingFiles {
    /// The values that the administrator's lines come to at boot.
    pub settled: Vec<SettledValue>,
    /// What is wrong in the files.
    pub faults: Vec<FileFault>,
    /// Programs that run here and are known to write sysctls.
    pub writers: Vec<String>,
}

/// A value that files come to at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledValue {
    /// The sysctl.
    pub key: String,
    /// Its value, as the kernel prints it.
    pub value: String,
    /// What it is now.
    pub running: SysctlReading,
    /// `/etc/sysctl.d/60-web.conf:3`.
    pub place: String,
    /// The module that the key comes with, if it comes with one.
    pub module: Option<&'static str>,
}

/// What makes a line of a file matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It does not take effect, or not for long.
    NotKept,
    /// It takes effect, and does harm.
    Harmful,
}

/// Something that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// The rule of `lint` that found it.
    pub rule: &'static str,
    /// In which way it is wrong.
    pub kind: FaultKind,
    /// `/etc/sysctl.d/60-web.conf:3`, or the file alone.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// Why that matters.
    pub why: String,
    /// What to write instead.
    pub instead: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_they_are_written() {
        let timeouts: Timeouts = "app=5s, pool=1.5m,user=20s".parse().unwrap();
        assert_eq!((timeouts.app_us, timeouts.pool_us), (Some(5_000_000), Some(90_000_000)));
        assert_eq!(timeouts.to_string(), "app=5s,pool=90s,user=20s");
        assert_eq!(timeouts.to_string().parse(), Ok(timeouts));
    }

    #[test]
    fn what_is_no_timeout_is_refused_with_what_is_one() {
        let refused = |text: &str| text.parse::<Timeouts>().unwrap_err().to_string();
        assert_eq!(refused("5s"), "`5s` is no timeout; expected one such as app=5s");
        assert_eq!(refused(""), "`` is no timeout; expected one such as app=5s");
        assert_eq!(refused("lb=5s"), "`lb` is no timeout; they are app, pool, user, keepalive, idle");
        assert!(refused("app=5").starts_with("app: `5` has no unit"), "{}", refused("app=5"));
        assert_eq!(refused("app=5s,app=6s"), "app is stated twice");
        assert_eq!(refused("user=0s"), "user: `0s` is outside 1ms to 7 days");
        assert_eq!(refused("user=9999h"), "user: `9999h` is outside 1ms to 7 days");
    }
}
