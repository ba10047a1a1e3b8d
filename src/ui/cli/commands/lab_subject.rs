//! What is to be played: a topic or a file, with this host's settings.

use std::path::Path;

use crate::explain::{HostPremises, InLab, Overrides, Topic, find_topic, scenario_of};
use crate::model::{Host, IpVersion, Scenario};
use crate::ui::cli::args::Peer;
use crate::ui::cli::args_lab::LabArgs;
use crate::ui::cli::context::{Context, ask_of};
use crate::ui::cli::scenario_text::ScenarioText;
use crate::ui::cli::{CliError, Exit};
use crate::units::parse_duration_us;

/// A scenario with what is said of it.
pub(super) struct Subject {
    /// The topic's id or the file's name.
    pub(super) name: String,
    /// The topic's question or the file's summary.
    pub(super) title: String,
    /// What the caller should know before it is played.
    pub(super) note: Option<String>,
    pub(super) scenario: Scenario,
}

impl Subject {
    /// Reads what was named.
    pub(super) fn read(named: &str, args: &LabArgs, context: &Context<'_>) -> Result<Self, CliError> {
        if named == "-" || named.contains('/') || named.ends_with(".toml") {
            return Self::of_file(Path::new(named), args, context);
        }
        let topic = find_topic(named).map_err(|error| CliError::Usage(error.to_string()))?;
        if let InLab::Cannot(reason) = topic.in_lab() {
            let message = format!("the lab does not play `{named}`: {reason}; tcpctl lab lists what it plays");
            return Err(CliError::Usage(message));
        }
        let scenario = scenario_of_topic(topic, args, &context.premises(args.defaults)?)?;
        Ok(Self { name: topic.id.to_owned(), title: topic.question.to_owned(), note: None, scenario })
    }

    /// What a file leaves open is this host's, and the kernel is this host's in any case.
    fn of_file(path: &Path, args: &LabArgs, context: &Context<'_>) -> Result<Self, CliError> {
        let text = ScenarioText::read(path)?;
        let host = context.premises(args.defaults)?;
        let overrides = overrides(args)?;
        let on_this = Overrides {
            kernel: host.version.map(|version| version.to_string()),
            hz: host.hz.map(|hz| hz.to_string()),
            ..overrides.clone()
        };
        let file = text.scenario(&host, &on_this)?;
        let own = Host { hz: host.hz, ..file.scenario.host };
        let meant = text.scenario(&host, &overrides).map_or(own, |file| file.scenario.host);
        let same_version = (meant.version.major, meant.version.minor) == (own.version.major, own.version.minor);
        let note = (!same_version || meant.hz.is_some_and(|hz| own.hz != Some(hz))).then(|| {
            let hz = meant.hz.map_or_else(String::new, |hz| format!(" at {hz} ticks a second"));
            format!("The file is for Linux {}{hz}; it is played and predicted for this kernel instead.", meant.version)
        });
        Ok(Self { name: file.name, title: file.summary, note, scenario: Scenario { host: own, ..file.scenario } })
    }
}

/// The scenario of a topic with what was given on the command line.
pub(super) fn scenario_of_topic(
    topic: &'static Topic,
    args: &LabArgs,
    host: &HostPremises,
) -> Result<Scenario, CliError> {
    scenario_of(topic, &ask_of(host, &overrides(args)?)?)
        .ok_or_else(|| CliError::Usage(format!("`{}` has no scenario to play", topic.id)))
}

fn overrides(args: &LabArgs) -> Result<Overrides, CliError> {
    Ok(Overrides {
        set: args.set.clone(),
        sockopt: args.sockopt.clone(),
        rtt_us: args.rtt.as_deref().map(parse_duration_us).transpose().map_err(CliError::Usage)?,
        family: args.ipv6.then_some(IpVersion::V6),
        peer_alive: args.peer == Peer::Alive,
        ..Overrides::default()
    })
}

/// How a command ends that a signal ended, or else as it would have.
pub(super) fn ending(signal: Option<u8>, otherwise: Result<Exit, CliError>) -> Result<Exit, CliError> {
    signal.map_or(otherwise, |number| Ok(Exit::Signal(number)))
}
