//! The tables of a scenario's text as TOML has them; an unknown key is a mistake with its place.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A value with its place, of whatever type it is.
pub(super) type RawValue = Spanned<toml::Value>;
/// Keys and values with their places.
pub(super) type RawMap = BTreeMap<Spanned<String>, RawValue>;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawScenario {
    pub(super) summary: RawValue,
    pub(super) about: Option<RawValue>,
    pub(super) start: Option<RawValue>,
    pub(super) rtt: Option<RawValue>,
    pub(super) family: Option<RawValue>,
    pub(super) settings: Option<RawValue>,
    pub(super) kernel: Option<RawKernel>,
    #[serde(default)]
    pub(super) sysctl: RawMap,
    #[serde(default)]
    pub(super) client: RawEnd,
    #[serde(default)]
    pub(super) server: RawEnd,
    pub(super) listener: Option<Spanned<RawListener>>,
    #[serde(default)]
    pub(super) call: Vec<Spanned<RawCall>>,
    #[serde(default)]
    pub(super) wire: Vec<Spanned<RawWire>>,
    #[serde(default)]
    pub(super) inject: Vec<Spanned<RawInject>>,
}

/// `[kernel]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawKernel {
    pub(super) version: Option<RawValue>,
    pub(super) hz: Option<RawValue>,
}

/// `[client]` and `[server]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawEnd {
    #[serde(default)]
    pub(super) sysctl: RawMap,
    #[serde(default)]
    pub(super) sockopt: RawMap,
    pub(super) measured: Option<RawMeasured>,
}

/// `[client.measured]` and `[server.measured]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawMeasured {
    pub(super) rto: RawValue,
    pub(super) rtt: RawValue,
}

/// `[listener]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawListener {
    pub(super) backlog: Option<RawValue>,
    pub(super) waiting: Option<RawValue>,
    pub(super) joining: Option<RawValue>,
}

/// `[[call]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawCall {
    pub(super) at: Option<RawValue>,
    pub(super) side: RawValue,
    #[serde(rename = "do")]
    pub(super) action: RawValue,
    pub(super) sockopt: Option<Spanned<RawMap>>,
}

/// `[[wire]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawWire {
    pub(super) from: RawValue,
    pub(super) segment: Option<RawValue>,
    pub(super) nth: Option<RawValue>,
    pub(super) after: Option<RawValue>,
    pub(super) until: Option<RawValue>,
    pub(super) lose: Option<RawValue>,
    pub(super) delay: Option<RawValue>,
    pub(super) duplicate: Option<RawValue>,
}

/// `[[inject]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawInject {
    pub(super) at: Option<RawValue>,
    pub(super) to: RawValue,
    pub(super) segment: Option<RawValue>,
    pub(super) seq: Option<RawValue>,
    pub(super) ack: Option<RawValue>,
    pub(super) icmp: Option<RawValue>,
    pub(super) in_call: Option<RawValue>,
}
