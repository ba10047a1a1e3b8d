//! Sysctl readings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::{SysctlKey, SysctlValues};

/// What reading one sysctl gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "detail")]
pub enum SysctlReading {
    /// The value, blanks and tabs in vectors turned into single blanks.
    Value(String),
    /// The kernel has no such key in this namespace.
    Absent,
    /// It is there but could not be read; the kernel's answer in words.
    Unreadable(String),
}

/// Readings of every key that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysctls {
    /// By key.
    pub readings: BTreeMap<SysctlKey, SysctlReading>,
}

impl Sysctls {
    /// The value of a key, or nothing when it is absent or unreadable.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        match self.readings.get(key) {
            Some(SysctlReading::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// The value of a key as a whole number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<i64> {
        self.value(key)?.parse().ok()
    }

    /// All values that were read.
    #[must_use]
    pub fn values(&self) -> SysctlValues {
        self.readings
            .iter()
            .filter_map(|(key, reading)| match reading {
                SysctlReading::Value(value) => Some((key.clone(), value.clone())),
                _ => None,
            })
            .collect()
    }
}
