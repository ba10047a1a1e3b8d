//! From text to a scenario.

use core::ops::Range;

use toml::Spanned;

use super::raw::{RawEnd, RawKernel, RawListener, RawMeasured, RawScenario};
use super::reader::{LONGEST_US, Reader};
use super::values::{Given, Laid};
use super::words::{BASES, Base, FAMILIES, SIDES, STARTS};
use super::{calls, outside, sense};
use crate::explain::ask::{Ask, AskError, LONGEST_RTT_US, Overrides, check_version};
use crate::explain::{SettingRow, SocketOptionRow};
use crate::model::{Endpoint, Listener, Measured, Scenario, Side, Start};
use crate::units::{Hz, KernelVersion, SysctlValues, TextError};

/// A scenario from a file, with where its settings came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioFile {
    /// Its name: the file's without `.toml`.
    pub name: String,
    /// One line: what it shows.
    pub summary: String,
    /// What is played.
    pub scenario: Scenario,
    /// The settings that the model reads and that were given or differ from the kernel's default.
    pub settings: Vec<SettingRow>,
    /// The socket options that both ends have from the beginning.
    pub socket_options: Vec<SocketOptionRow>,
    /// Settings that were given and that no clock of the model reads.
    pub unused: Vec<String>,
}

/// What is known of the host, for what a file leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPremises {
    /// Its kernel's version.
    pub version: Option<KernelVersion>,
    /// Its tick rate.
    pub hz: Option<Hz>,
    /// Its memory in KiB.
    pub memory_kib: Option<u64>,
    /// Its sysctls; none to take the kernel's defaults.
    pub values: SysctlValues,
}

/// Why there is nothing to play.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioFileError {
    /// The file is wrong.
    #[error(transparent)]
    Text(#[from] TextError),
    /// What was asked besides is.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Reads a scenario from the text that stands in `file`; what it leaves open is the host's, and the what-ifs win
/// over both.
///
/// # Errors
/// The first mistake with its line and column: TOML that cannot be read, an unknown word, a value that the kernel
/// would refuse, a scenario that contradicts itself; or a what-if that makes no sense.
pub fn read_scenario(
    name: &str,
    file: &str,
    text: &str,
    host: &HostPremises,
    overrides: &Overrides,
) -> Result<ScenarioFile, ScenarioFileError> {
    let reader = Reader { file, text };
    let raw: RawScenario = toml::from_str(text).map_err(|error| reader.toml_error(&error))?;
    let summary = reader.summary(&raw.summary)?;
    let start = raw.start.as_ref().map_or(Ok(Start::Closed), |value| reader.word("start", value, &STARTS))?;
    let about = raw.about.as_ref().map_or(Ok(Side::Client), |value| reader.word("about", value, &SIDES))?;
    let ask = reader.ask(&raw, host, overrides)?;
    let sysctls = Given::sysctls(&reader, &raw, ask.host)?;
    let options = Given::options(&reader, &raw, ask.host)?;
    let mut laid = Laid::new(ask, sysctls);
    let end = |raw: &RawEnd, side| -> Result<Endpoint, TextError> {
        let measured = raw.measured.as_ref().map(|measured| reader.measured(measured)).transpose()?;
        Ok(Endpoint { settings: laid.settings(side), options: Default::default(), measured })
    };
    let mut scenario = Scenario {
        host: laid.ask.host,
        family: laid.ask.family,
        client: end(&raw.client, Side::Client)?,
        server: end(&raw.server, Side::Server)?,
        rtt_us: laid.ask.rtt_us,
        start,
        listener: reader.listener(raw.listener.as_ref())?,
        wire: outside::wire(&reader, &raw.wire)?,
        injections: outside::injections(&reader, &raw.inject)?,
        calls: Vec::new(),
        about,
    };
    let socket_options = laid.lay_options(&mut scenario, &options);
    scenario.calls = calls::calls(&reader, &raw.call, &scenario)?;
    let places = Places {
        start: raw.start.as_ref().map_or(0..0, Spanned::span),
        listener: raw.listener.as_ref().map(Spanned::span),
        calls: raw.call.iter().map(|call| call.get_ref().action.span()).collect(),
    };
    sense::check(&reader, &scenario, &places)?;
    let (settings, unused) = laid.rows();
    Ok(ScenarioFile { name: name.to_owned(), summary, scenario, settings, socket_options, unused })
}

/// Where things stand that can contradict each other.
pub(super) struct Places {
    pub(super) start: Range<usize>,
    pub(super) listener: Option<Range<usize>>,
    /// What each call does, in the order of the file.
    pub(super) calls: Vec<Range<usize>>,
}

impl Reader<'_> {
    fn summary(&self, value: &super::raw::RawValue) -> Result<String, TextError> {
        let summary = self.text("summary", value, "a SYN that is overtaken by its copy")?;
        if summary.trim().is_empty() {
            return Err(self.error(&value.span(), "`summary` is empty; expected a line that says what this shows"));
        }
        if summary.contains(char::is_control) {
            return Err(
                self.error(&value.span(), "`summary` has a line end or another control character; expected one line")
            );
        }
        Ok(summary.to_owned())
    }

    /// The premises: those of the file where the host's would be, the what-ifs over them.
    fn ask(&self, raw: &RawScenario, host: &HostPremises, overrides: &Overrides) -> Result<Ask, ScenarioFileError> {
        let (version, hz) = match &raw.kernel {
            None => (host.version, host.hz),
            Some(kernel) => self.kernel(kernel, host, overrides.kernel.is_some())?,
        };
        let base = raw.settings.as_ref().map_or(Ok(Base::Host), |value| self.word("settings", value, &BASES))?;
        let rtt_us = raw.rtt.as_ref().map(|value| self.duration("rtt", value, LONGEST_RTT_US)).transpose()?;
        let family = raw.family.as_ref().map(|value| self.word("family", value, &FAMILIES)).transpose()?;
        let (rtt_us, family) = (overrides.rtt_us.or(rtt_us), overrides.family.or(family));
        let overrides = Overrides { rtt_us, family, ..overrides.clone() };
        let none = SysctlValues::new();
        let (memory_kib, values) = match base {
            Base::Host => (host.memory_kib, &host.values),
            // The same on every host, so the memory of this one does not count either.
            Base::Defaults => (None, &none),
        };
        Ok(Ask::new(version, hz, memory_kib, values, &overrides)?)
    }

    fn kernel(
        &self,
        raw: &RawKernel,
        host: &HostPremises,
        replaced: bool,
    ) -> Result<(Option<KernelVersion>, Option<Hz>), TextError> {
        let parse = |text: &str| {
            let version = text.parse::<KernelVersion>().map_err(|error| error.to_string())?;
            // Another one may be asked about that is new enough.
            if replaced { Ok(version) } else { check_version(version).map_err(|error| error.to_string()) }
        };
        let version = raw.version.as_ref().map(|value| self.parsed("version", value, "6.18", parse)).transpose()?;
        let hz = match &raw.hz {
            None => host.hz,
            Some(value) if value.get_ref().as_str() == Some("any") => None,
            Some(value) => {
                let number = match value.get_ref() {
                    toml::Value::Integer(number) => u32::try_from(*number).ok(),
                    _ => None,
                };
                let hz = number.and_then(Hz::new).ok_or_else(|| {
                    let message = "`hz` is no tick rate; expected a number from 24 to 1200 such as 250, or \"any\"";
                    self.error(&value.span(), message)
                })?;
                Some(hz)
            }
        };
        Ok((version.or(host.version), hz))
    }

    fn measured(&self, raw: &RawMeasured) -> Result<Measured, TextError> {
        let rto_us = self.duration("rto", &raw.rto, LONGEST_US)?;
        if rto_us == 0 {
            return Err(self.error(&raw.rto.span(), "`rto` is 0, which no connection has; ss -ti shows it, in ms"));
        }
        Ok(Measured { rto_us, srtt_us: self.duration("rtt", &raw.rtt, LONGEST_RTT_US)? })
    }

    fn listener(&self, raw: Option<&Spanned<RawListener>>) -> Result<Listener, TextError> {
        let usual = Listener::default();
        let Some(raw) = raw.map(Spanned::get_ref) else { return Ok(usual) };
        let number = |what, value: &Option<_>, otherwise| {
            // listen() takes an int; a negative one is a very large one to the kernel, which is nobody's wish.
            value.as_ref().map_or(Ok(otherwise), |value| self.number(what, value, (0_u32, i32::MAX.unsigned_abs())))
        };
        Ok(Listener {
            backlog: number("backlog", &raw.backlog, usual.backlog)?,
            waiting: number("waiting", &raw.waiting, usual.waiting)?,
            joining: number("joining", &raw.joining, usual.joining)?,
        })
    }
}
