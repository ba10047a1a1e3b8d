//! Kernel version and tick rate.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kernel version, such as 6.18.44.
///
/// Only the three numbers matter for behaviour; distribution suffixes are dropped on parsing.
/// A missing third number reads as 0 (`6.18` is `6.18.0`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KernelVersion {
    /// First number (6 in 6.18.44).
    pub major: u16,
    /// Second number (18 in 6.18.44).
    pub minor: u16,
    /// Stable sub-level (44 in 6.18.44).
    pub patch: u16,
}

impl KernelVersion {
    /// The version `major.minor.0`, for comparisons such as "since 6.5".
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor, patch: 0 }
    }

    /// Whether this kernel is `major.minor` or newer.
    #[must_use]
    pub fn at_least(self, major: u16, minor: u16) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

/// Why a text is not a kernel version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a kernel version; expected numbers such as 6.18 or 6.1.90")]
pub struct ParseKernelVersionError {
    /// What was given.
    pub text: String,
}

impl FromStr for KernelVersion {
    type Err = ParseKernelVersionError;

    /// Reads `6.18`, `6.18.44`, or a whole release such as `6.1.0-18-amd64`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseKernelVersionError { text: text.to_owned() };
        let numbers = text.split(['-', '+', '~', '_', ' ']).next().unwrap_or_default();
        let mut parts = numbers.split('.');
        let mut number = |required: bool| match parts.next() {
            Some(part) => part.parse::<u16>().map_err(|_| error()),
            None if required => Err(error()),
            None => Ok(0),
        };
        Ok(Self { major: number(true)?, minor: number(true)?, patch: number(false)? })
    }
}

impl TryFrom<String> for KernelVersion {
    type Error = ParseKernelVersionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<KernelVersion> for String {
    fn from(version: KernelVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 {
            write!(f, ".{}", self.patch)?;
        }
        Ok(())
    }
}

/// The kernel's tick rate, `CONFIG_HZ`, in ticks per second; 24 to 1200 as `kernel/Kconfig.hz` of any
/// architecture allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Hz(u32);

impl Hz {
    /// The rates that distributions build with; what an unknown rate is taken to be one of.
    pub const COMMON: [Self; 4] = [Self(100), Self(250), Self(300), Self(1000)];

    /// Makes a tick rate, or nothing outside 24…1200.
    #[must_use]
    pub const fn new(ticks_per_s: u32) -> Option<Self> {
        if ticks_per_s >= 24 && ticks_per_s <= 1200 { Some(Self(ticks_per_s)) } else { None }
    }

    /// Ticks per second.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Hz {
    type Error = String;

    fn try_from(ticks_per_s: u32) -> Result<Self, Self::Error> {
        Self::new(ticks_per_s).ok_or_else(|| format!("tick rate {ticks_per_s} is outside 24 to 1200"))
    }
}

impl From<Hz> for u32 {
    fn from(hz: Hz) -> Self {
        hz.0
    }
}

impl FromStr for Hz {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ticks_per_s: u32 =
            text.parse().map_err(|_| format!("`{text}` is not a tick rate; expected a number such as 250"))?;
        Self::try_from(ticks_per_s)
    }
}

impl fmt::Display for Hz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_cut_to_its_numbers() {
        let parse = |text: &str| text.parse::<KernelVersion>().map(|version| version.to_string());
        assert_eq!(parse("6.18.44-fc-v657"), Ok("6.18.44".into()));
        assert_eq!(parse("6.1.0-18-amd64"), Ok("6.1".into()));
        assert_eq!(parse("5.15.0-1051-azure"), Ok("5.15".into()));
        assert_eq!(parse("6.6.87.2-microsoft-standard-WSL2"), Ok("6.6.87".into()));
        assert_eq!(parse("7.0-rc3"), Ok("7.0".into()));
        assert!(parse("6").is_err());
        assert!(parse("linux").is_err());
    }

    #[test]
    fn versions_compare_by_number_and_not_by_text() {
        assert!(KernelVersion::new(6, 9) < KernelVersion::new(6, 18));
        assert!(KernelVersion::new(6, 18).at_least(6, 5));
        assert!(!KernelVersion::new(5, 19).at_least(6, 0));
    }

    #[test]
    fn a_tick_rate_outside_every_architecture_is_refused() {
        assert!(Hz::new(23).is_none());
        assert!(Hz::new(1201).is_none());
        assert_eq!("250".parse::<Hz>().map(Hz::get), Ok(250));
        assert!("fast".parse::<Hz>().is_err());
    }
}
