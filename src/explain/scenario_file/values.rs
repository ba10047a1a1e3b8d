//! The values that a file gives to settings and socket options, under the what-ifs and over the host's.

use std::collections::{BTreeMap, BTreeSet};

use super::raw::{RawMap, RawScenario, RawValue};
use super::reader::{Reader, kind};
use crate::catalog::{self, ValueError};
use crate::explain::ask::{Ask, Origin, Sourced};
use crate::explain::explanation::{SettingRow, SocketOptionRow, setting_row};
use crate::explain::socket_option::{SocketOptionError, SocketOptionValue, parse_socket_option};
use crate::model::{Host, Scenario, Settings, Side};
use crate::units::{SysctlKey, SysctlValues, TextError};

/// What a file gives, by end; nothing for both ends.
pub(super) struct Given;

/// Sysctls of a file: those of both ends, then those of one.
pub(super) type GivenSysctls = BTreeMap<(Option<Side>, SysctlKey), String>;

impl Given {
    /// The sysctls of `[sysctl]`, `[client.sysctl]` and `[server.sysctl]`.
    pub(super) fn sysctls(reader: &Reader<'_>, raw: &RawScenario, host: Host) -> Result<GivenSysctls, TextError> {
        let tables =
            [(None, &raw.sysctl), (Some(Side::Client), &raw.client.sysctl), (Some(Side::Server), &raw.server.sysctl)];
        let mut given = GivenSysctls::new();
        for (side, table) in tables {
            for (name, value) in table {
                let (key, text) = sysctl(reader, name, value, host)?;
                if given.insert((side, key.clone()), text).is_some() {
                    return Err(reader.error(&name.span(), format!("{key} is given twice")));
                }
            }
        }
        Ok(given)
    }

    /// The socket options of `[client.sockopt]` and `[server.sockopt]`.
    pub(super) fn options(
        reader: &Reader<'_>,
        raw: &RawScenario,
        host: Host,
    ) -> Result<Vec<SocketOptionValue>, TextError> {
        let mut options = socket_options(reader, Side::Client, &raw.client.sockopt, host)?;
        options.extend(socket_options(reader, Side::Server, &raw.server.sockopt, host)?);
        Ok(options)
    }
}

/// A key as the kernel names it and a value that this kernel takes.
fn sysctl(
    reader: &Reader<'_>,
    name: &toml::Spanned<String>,
    value: &RawValue,
    host: Host,
) -> Result<(SysctlKey, String), TextError> {
    let text = match value.get_ref() {
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::String(text) => catalog::normalize_value(text),
        toml::Value::Table(_) => {
            let message = format!(
                "`{}` begins a key without quotes; expected one such as \"net.ipv4.tcp_syn_retries\" = 3",
                name.get_ref()
            );
            return Err(reader.error(&name.span(), message));
        }
        other => {
            let message = format!(
                "the value of {} is {}; expected a whole number, or a text in quotes for several numbers or names",
                name.get_ref(),
                kind(other)
            );
            return Err(reader.error(&value.span(), message));
        }
    };
    let unknown = || ValueError::UnknownKey { key: name.get_ref().clone(), nearest: catalog::nearest(name.get_ref()) };
    let parameter =
        catalog::find_by_name(name.get_ref()).ok_or_else(|| reader.error(&name.span(), unknown().to_string()))?;
    let text = catalog::canonical_value(parameter.key, &text);
    match catalog::check_value(parameter.key, &text, host.version, host.hz) {
        Ok(()) => {}
        Err(
            error @ (ValueError::UnknownKey { .. } | ValueError::NotInThisKernel { .. } | ValueError::ReadOnly { .. }),
        ) => return Err(reader.error(&name.span(), error.to_string())),
        Err(error) => return Err(reader.error(&value.span(), error.to_string())),
    }
    let key = parameter.key.parse().map_err(|error| reader.error(&name.span(), format!("{error}")))?;
    Ok((key, text))
}

/// The options of one table, in the order of their names.
pub(super) fn socket_options(
    reader: &Reader<'_>,
    side: Side,
    table: &RawMap,
    host: Host,
) -> Result<Vec<SocketOptionValue>, TextError> {
    let mut seen = BTreeSet::new();
    let mut options = Vec::new();
    for (name, value) in table {
        let toml::Value::Integer(number) = value.get_ref() else {
            let message = format!(
                "the value of {} is {}; setsockopt() takes a whole number",
                name.get_ref(),
                kind(value.get_ref())
            );
            return Err(reader.error(&value.span(), message));
        };
        let text = format!("{}:{}={number}", side.name(), name.get_ref());
        let option = parse_socket_option(&text, host).map_err(|error| {
            let at_value = matches!(error, SocketOptionError::NoNumber { .. } | SocketOptionError::OutOfRange { .. });
            let span = if at_value { value.span() } else { name.span() };
            reader.error(&span, error.to_string())
        })?;
        if !seen.insert(option.option.name) {
            return Err(reader.error(&name.span(), format!("{} is given twice", option.option.name)));
        }
        options.push(option);
    }
    Ok(options)
}

/// The host's values, the file's over them, the what-ifs over both.
pub(super) struct Laid {
    pub(super) ask: Ask,
    ends: BTreeMap<Side, BTreeMap<SysctlKey, Sourced>>,
}

impl Laid {
    pub(super) fn new(ask: Ask, given: GivenSysctls) -> Self {
        let mut ends: BTreeMap<_, _> = Side::BOTH.into_iter().map(|side| (side, ask.values.clone())).collect();
        // Values of both ends come first in the order of the map, so that those of one end replace them.
        for ((for_side, key), value) in given {
            for (_, values) in ends.iter_mut().filter(|(side, _)| for_side.is_none_or(|only| only == **side)) {
                let what_if = values.get(&key).is_some_and(|sourced| sourced.origin == Origin::WhatIf);
                if !what_if {
                    values.insert(key.clone(), Sourced { value: value.clone(), origin: Origin::File });
                }
            }
        }
        Self { ask, ends }
    }

    fn values(&self, side: Side) -> &BTreeMap<SysctlKey, Sourced> {
        self.ends.get(&side).unwrap_or(&self.ask.values)
    }

    /// The model's settings of an end.
    pub(super) fn settings(&self, side: Side) -> Settings {
        let plain: SysctlValues =
            self.values(side).iter().map(|(key, sourced)| (key.clone(), sourced.value.clone())).collect();
        Settings::from_values(&plain)
    }

    /// Sets the file's socket options, then those that were asked for.
    pub(super) fn lay_options(&mut self, scenario: &mut Scenario, given: &[SocketOptionValue]) -> Vec<SocketOptionRow> {
        let mut rows: Vec<SocketOptionRow> = Vec::new();
        let asked = self.ask.socket_options.iter().map(|option| (option, Origin::WhatIf));
        for (option, origin) in given.iter().map(|option| (option, Origin::File)).chain(asked) {
            let row = option.row(Some(option.lay_on(scenario)), origin);
            rows.retain(|earlier| (earlier.name, earlier.side) != (row.name, row.side));
            rows.push(row);
        }
        rows
    }

    /// The settings worth showing, and the given ones that no clock reads.
    pub(super) fn rows(&self) -> (Vec<SettingRow>, Vec<String>) {
        let [client, server] = Side::BOTH.map(|side| self.values(side));
        let given = |sourced: &Sourced| matches!(sourced.origin, Origin::File | Origin::WhatIf);
        let mut rows = Vec::new();
        for key in Settings::keys().filter(|key| catalog::exists(key, self.ask.host.version)) {
            let worth = |sourced: &&Sourced| given(sourced) || self.ask.defaults.get(key) != Some(&sourced.value);
            let (at_client, at_server) = (client.get(key), server.get(key));
            if at_client.filter(worth).is_none() && at_server.filter(worth).is_none() {
                continue;
            }
            if at_client == at_server {
                rows.extend(setting_row(key, None, at_client, &self.ask));
            } else {
                rows.extend(setting_row(key, Some(Side::Client), at_client, &self.ask));
                rows.extend(setting_row(key, Some(Side::Server), at_server, &self.ask));
            }
        }
        let read: BTreeSet<&str> = Settings::keys().collect();
        let all = client.iter().chain(server).filter(|(key, sourced)| given(sourced) && !read.contains(key.as_str()));
        let unused: BTreeSet<&str> = all.map(|(key, _)| key.as_str()).collect();
        (rows, unused.into_iter().map(str::to_owned).collect())
    }
}
