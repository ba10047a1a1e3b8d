//! The name of a sysctl.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Sysctl values by key, as the kernel writes them (vectors separated by single blanks).
pub type SysctlValues = BTreeMap<SysctlKey, String>;

/// The name of a sysctl, such as `net.ipv4.tcp_syn_retries`.
///
/// Written with dots; an interface name that itself holds a dot keeps it as `/`
/// (`net.ipv4.conf.eth0/100.rp_filter`), as procps and systemd do. Only letters, digits and `_-:@/.`
/// are accepted and no part may be empty or climb, so a key can never leave `/proc/sys`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SysctlKey(String);

/// Why a text is not a sysctl key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a sysctl key: {reason}; expected a name such as net.ipv4.tcp_syn_retries")]
pub struct ParseSysctlKeyError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl SysctlKey {
    /// The key with dots.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below `/proc/sys`, without a leading slash.
    #[must_use]
    pub fn relative_path(&self) -> String {
        swap_separators(&self.0)
    }

    /// The last part: `tcp_syn_retries` of `net.ipv4.tcp_syn_retries`.
    #[must_use]
    pub fn leaf(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or_default()
    }
}

/// Turns every dot into a slash and every slash into a dot.
fn swap_separators(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '.' => '/',
            '/' => '.',
            other => other,
        })
        .collect()
}

impl FromStr for SysctlKey {
    type Err = ParseSysctlKeyError;

    /// Reads both spellings; the first separator decides which one it is, as in systemd-sysctl.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |reason| Err(ParseSysctlKeyError { text: text.to_owned(), reason });
        let dotted = match text.find(['.', '/']) {
            None => return error("it has no dot"),
            Some(at) if text.get(at..).is_some_and(|rest| rest.starts_with('/')) => swap_separators(text),
            Some(_) => text.to_owned(),
        };
        if !dotted.chars().all(|c| c.is_ascii_alphanumeric() || "_-:@/.".contains(c)) {
            return error("only letters, digits and _-:@/. may be in it");
        }
        // A part that is only slashes would be dots in the path: `..` climbs out of /proc/sys.
        if dotted.split('.').any(|part| part.is_empty() || part.chars().all(|c| c == '/')) {
            return error("a part of it is empty");
        }
        Ok(Self(dotted))
    }
}

impl TryFrom<String> for SysctlKey {
    type Error = ParseSysctlKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SysctlKey> for String {
    fn from(key: SysctlKey) -> Self {
        key.0
    }
}

/// Lets maps by key be searched with a dotted text.
impl std::borrow::Borrow<str> for SysctlKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SysctlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<String> {
        text.parse::<SysctlKey>().ok().map(|key| key.relative_path())
    }

    #[test]
    fn both_spellings_are_the_same_key() {
        assert_eq!(path("net.ipv4.tcp_syn_retries").as_deref(), Some("net/ipv4/tcp_syn_retries"));
        assert_eq!("net/ipv4/tcp_syn_retries".parse::<SysctlKey>(), "net.ipv4.tcp_syn_retries".parse::<SysctlKey>());
    }

    #[test]
    fn a_dot_in_an_interface_name_survives() {
        assert_eq!(path("net.ipv4.conf.eth0/100.rp_filter").as_deref(), Some("net/ipv4/conf/eth0.100/rp_filter"));
        assert_eq!(path("net/ipv4/conf/eth0.100/rp_filter").as_deref(), Some("net/ipv4/conf/eth0.100/rp_filter"));
    }

    #[test]
    fn no_key_can_leave_the_sysctl_tree() {
        for text in
            ["net...passwd", "net.//.passwd", "net/../../etc", "/etc/passwd", ".net", "net.", "", "net", "net.a b"]
        {
            assert!(text.parse::<SysctlKey>().is_err(), "{text} was taken");
        }
    }
}
