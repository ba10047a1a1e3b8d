//! A topic answered for the host on the screen, and for what-ifs beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::key_what_if::KeyAnswered;
use super::screen::Screen;
use super::state::State;
use super::theme::Severity;
use super::view;
use crate::explain::{
    Ask, Explanation, Overrides, Premise, SettingRow, Topic, explain, find_topic, premises, scenario_of, topics,
};
use crate::model::{Host, Timeline, forecast};
use crate::snapshot::Snapshot;
use crate::units::{Hz, SysctlValues};

/// What-ifs of the screen of topics, and the answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Explaining {
    /// Values that are asked about, by the key of a sysctl or the name of a premise.
    pub(super) what_if: BTreeMap<&'static str, String>,
    /// Which of the topic's dials the arrows change.
    pub(super) setting: usize,
    pub(super) answered: Option<Arc<Answered>>,
    /// What is answered on the page of a parameter.
    pub(super) key: Option<Arc<KeyAnswered>>,
}

/// An answer, and what it was worked out from.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    id: &'static str,
    values: SysctlValues,
    what_if: BTreeMap<&'static str, String>,
    premises: Vec<Premise>,
    /// With this host's settings; or why there is no answer.
    pub(super) host: Result<Explanation, String>,
    /// With the what-ifs, where there are any that the topic depends on.
    pub(super) asked: Option<Explanation>,
}

impl Answered {
    /// What is shown: the what-if, else the host's.
    pub(super) fn shown(&self) -> Option<&Explanation> {
        self.asked.as_ref().or_else(|| self.host.as_ref().ok())
    }

    /// What may be changed.
    pub(super) fn dials(&self) -> Vec<Dial> {
        let settings = self.shown().map(|explanation| explanation.settings.as_slice()).unwrap_or_default();
        settings.iter().cloned().map(Dial::Setting).chain(self.premises.iter().copied().map(Dial::Premise)).collect()
    }
}

/// Something that the arrows change.
#[derive(Clone, Debug)]
pub(super) enum Dial {
    /// A sysctl.
    Setting(SettingRow),
    /// What no sysctl says: an option of the socket, the round trip, the backlog.
    Premise(Premise),
}

impl Dial {
    /// Under what it is asked about.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Setting(row) => row.key,
            Self::Premise(premise) => premise.name,
        }
    }
}

/// The topic that is selected.
pub(super) fn topic(state: &State) -> Option<&'static Topic> {
    let list = state.list(Screen::Explain);
    list.selected.as_deref().and_then(|id| find_topic(id).ok()).or_else(|| topics().next())
}

/// Works the answer out anew, if something that it depends on is another.
pub(super) fn refresh(state: &mut State) {
    if state.screen != Screen::Explain {
        return;
    }
    let (Some(topic), Some(snapshot)) = (topic(state), state.shown()) else { return };
    let values = snapshot.sysctls.values();
    let premises = premises_of(state, topic);
    let what_if = asked_of(state, topic, &premises);
    let same =
        |answered: &Arc<Answered>| answered.id == topic.id && answered.what_if == what_if && answered.values == values;
    if state.explaining.answered.as_ref().is_some_and(same) {
        return;
    }
    let answer = |overrides: &Overrides| ask_of(state, overrides).map(|ask| explain(topic, &ask));
    let host_answer = answer(&Overrides::default());
    let overrides = overrides_of(state, &what_if, &premises);
    let asked = if what_if.is_empty() { None } else { answer(&overrides).ok() };
    let answered = Answered { id: topic.id, values, what_if, premises, host: host_answer, asked };
    state.explaining.answered = Some(Arc::new(answered));
}

fn hz_of(snapshot: &Snapshot) -> Option<Hz> {
    snapshot.kernel.hz.as_ref().map(|reading| reading.hz)
}

/// What the model foretells of a topic on the host on the screen, with the what-ifs or without; nothing for one without
/// a scenario.
pub(super) fn predicted(state: &State, topic: &'static Topic, with_what_ifs: bool) -> Option<Timeline> {
    let premises = premises_of(state, topic);
    let what_if = if with_what_ifs { asked_of(state, topic, &premises) } else { BTreeMap::new() };
    let ask = ask_of(state, &overrides_of(state, &what_if, &premises)).ok()?;
    Some(forecast(&scenario_of(topic, &ask)?))
}

/// The question to the host on the screen; or why it makes no sense.
fn ask_of(state: &State, overrides: &Overrides) -> Result<Ask, String> {
    let Some(snapshot) = state.shown() else { return Err("nothing was read yet".to_owned()) };
    let values = snapshot.sysctls.values();
    let ask = Ask::new(snapshot.kernel.version, hz_of(snapshot), snapshot.memory_kib, &values, overrides);
    ask.map_err(|error| error.to_string())
}

/// What-ifs as the command line would give them.
fn overrides_of(state: &State, what_if: &BTreeMap<&'static str, String>, premises: &[Premise]) -> Overrides {
    let (host, mut overrides) = (host_of(state), Overrides::default());
    for (name, value) in what_if {
        match (premises.iter().find(|premise| premise.name == *name), host, value.parse()) {
            // What was taken into the what-ifs can be asked for.
            (Some(premise), Some(host), Ok(number)) => drop(premise.ask_for(number, host, &mut overrides)),
            _ => overrides.set.push(format!("{name}={value}")),
        }
    }
    overrides
}

/// The host on the screen, as far as premises hang on it.
fn host_of(state: &State) -> Option<Host> {
    let snapshot = state.shown()?;
    Some(Host { version: snapshot.kernel.version?, hz: hz_of(snapshot) })
}

/// The premises of a topic on the host on the screen.
fn premises_of(state: &State, topic: &Topic) -> Vec<Premise> {
    host_of(state).into_iter().flat_map(|host| premises(topic, host)).collect()
}

/// What is asked about that this topic depends on.
fn asked_of(state: &State, topic: &Topic, premises: &[Premise]) -> BTreeMap<&'static str, String> {
    let named = |name: &str| topic.keys.contains(&name) || premises.iter().any(|premise| premise.name == name);
    let asked = state.explaining.what_if.iter().filter(|(name, _)| named(name));
    asked.map(|(name, value)| (*name, value.clone())).collect()
}

/// The what-ifs of the topic as arguments of the command line; of the laboratory's those that it can play.
pub(super) fn arguments(state: &State, topic: &Topic, for_lab: bool) -> Vec<String> {
    let premises = premises_of(state, topic);
    let asked = asked_of(state, topic, &premises);
    let argument = |(name, value): (&&'static str, &String)| match premises.iter().find(|one| one.name == *name) {
        Some(premise) if for_lab && !premise.in_lab() => Vec::new(),
        Some(premise) => premise.argument(value).to_vec(),
        None => vec!["--set".to_owned(), format!("{name}={value}")],
    };
    asked.iter().flat_map(argument).collect()
}

/// What the arrows change.
fn dial(state: &State) -> Option<Dial> {
    let mut dials = state.explaining.answered.as_ref()?.dials();
    let at = state.explaining.setting.min(dials.len().checked_sub(1)?);
    Some(dials.swap_remove(at))
}

/// How a value is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One less.
    Less,
    /// One more.
    More,
    /// Half.
    Half,
    /// Twice.
    Twice,
    /// What the host has.
    Host,
    /// What the kernel has by default.
    Default,
}

/// Changes the value that is asked about; what the kernel would not take is said and not taken.
pub(super) fn step(state: &mut State, step: Step) {
    let stepped = match dial(state) {
        None => Err("this topic depends on no setting".to_owned()),
        Some(Dial::Setting(row)) => step_setting(state, &row, step).map(|value| (row.key, value)),
        Some(Dial::Premise(premise)) => step_premise(state, premise, step).map(|value| (premise.name, value)),
    };
    match stepped {
        Err(reason) => return state.say(Severity::Quiet, reason),
        Ok((name, Some(value))) => drop(state.explaining.what_if.insert(name, value)),
        Ok((name, None)) => drop(state.explaining.what_if.remove(name)),
    }
    refresh(state);
    let limit = view::detail_scroll_limit(state);
    let list = state.list_mut(Screen::Explain);
    list.scroll = list.scroll.min(limit);
}

/// The next value of a sysctl to ask about; nothing for the host's own.
fn step_setting(state: &State, row: &SettingRow, step: Step) -> Result<Option<String>, String> {
    let host = state.shown().and_then(|snapshot| snapshot.sysctls.values().get(row.key).cloned());
    let now = host.or_else(|| row.value.as_ref().map(|sourced| sourced.value.clone()));
    step_value(state, row.key, now, row.default.clone(), step)
}

/// The next value of a key to ask about, from that which is asked about or that of the host; nothing for the host's own.
pub(super) fn step_value(
    state: &State,
    key: &'static str,
    host: Option<String>,
    default: Option<String>,
    step: Step,
) -> Result<Option<String>, String> {
    let now = state.explaining.what_if.get(key).or(host.as_ref());
    let value = match step {
        Step::Host => return Ok(None),
        Step::Default => default.ok_or_else(|| format!("the default of {key} is not known"))?,
        step => match now.and_then(|value| value.parse::<i64>().ok()) {
            Some(number) => stepped(number, step).to_string(),
            None => return Err(format!("{key} is no single number; tcpctl explain --set takes any value")),
        },
    };
    allowed(state, key, &value)?;
    // A what-if that is the host's own value is none.
    Ok(Some(value).filter(|value| host.as_ref() != Some(value)))
}

/// The next number of a premise to ask about; nothing where it is not asked about.
fn step_premise(state: &State, premise: Premise, step: Step) -> Result<Option<String>, String> {
    let before = state.explaining.what_if.get(premise.name).and_then(|value| value.parse::<i64>().ok());
    let number = match (step, before) {
        (Step::Host | Step::Default, _) => return Ok(None),
        (_, None) => premise.start,
        (step, Some(number)) if premise.unit == "bool" => i64::from(stepped(number, step) > number),
        (step, Some(number)) => stepped(number, step),
    };
    let host = host_of(state).ok_or("the kernel's version is not known")?;
    premise.ask_for(number, host, &mut Overrides::default()).map_err(|error| error.to_string())?;
    Ok(Some(number.to_string()))
}

fn allowed(state: &State, key: &str, value: &str) -> Result<(), String> {
    let Some(snapshot) = state.shown() else { return Err("nothing was read yet".to_owned()) };
    let Some(version) = snapshot.kernel.version else { return Err("the kernel's version is not known".to_owned()) };
    let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
    crate::catalog::check_value(key, value, version, hz).map_err(|error| error.to_string())
}

/// The next value; steps of large numbers are as large as people would make them.
fn stepped(number: i64, step: Step) -> i64 {
    let size = match number.unsigned_abs() {
        0..=99 => 1,
        100..=999 => 10,
        1000..=9999 => 100,
        10_000..=99_999 => 1000,
        _ => 10_000,
    };
    match step {
        Step::Less => number.saturating_sub(size),
        Step::More => number.saturating_add(size),
        Step::Half => number / 2,
        Step::Twice => number.saturating_mul(2),
        Step::Host | Step::Default => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_as_large_as_the_number_calls_for() {
        assert_eq!(stepped(6, Step::Less), 5);
        assert_eq!(stepped(120_000, Step::Less), 110_000);
        assert_eq!(stepped(7, Step::Half), 3);
        assert_eq!(stepped(i64::MAX, Step::Twice), i64::MAX);
    }
}
