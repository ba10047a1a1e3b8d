//! A topic answered for the host on the screen, and for what-ifs beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::screen::Screen;
use super::state::State;
use super::theme::Severity;
use super::view;
use crate::explain::{Ask, Explanation, Overrides, SettingRow, Topic, explain, find_topic, topics};
use crate::units::SysctlValues;

/// What-ifs of the screen of topics, and the answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Explaining {
    /// Values that are asked about, by key.
    pub(super) what_if: BTreeMap<&'static str, String>,
    /// Which of the topic's settings the arrows change.
    pub(super) setting: usize,
    pub(super) answered: Option<Arc<Answered>>,
}

/// An answer, and what it was worked out from.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    id: &'static str,
    values: SysctlValues,
    what_if: BTreeMap<&'static str, String>,
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

    /// The settings that may be changed.
    pub(super) fn settings(&self) -> &[SettingRow] {
        self.shown().map(|explanation| explanation.settings.as_slice()).unwrap_or_default()
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
    let mut what_if = state.explaining.what_if.clone();
    what_if.retain(|key, _| topic.keys.contains(key));
    let same =
        |answered: &Arc<Answered>| answered.id == topic.id && answered.what_if == what_if && answered.values == values;
    if state.explaining.answered.as_ref().is_some_and(same) {
        return;
    }
    let answer = |set: Vec<String>| {
        let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
        let overrides = Overrides { set, ..Overrides::default() };
        let ask = Ask::new(snapshot.kernel.version, hz, snapshot.memory_kib, &values, &overrides);
        ask.map(|ask| explain(topic, &ask)).map_err(|error| error.to_string())
    };
    let host = answer(Vec::new());
    let set: Vec<String> = what_if.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let asked = if set.is_empty() { None } else { answer(set).ok() };
    state.explaining.answered = Some(Arc::new(Answered { id: topic.id, values, what_if, host, asked }));
}

/// The setting that the arrows change.
pub(super) fn setting(state: &State) -> Option<&SettingRow> {
    let settings = state.explaining.answered.as_ref()?.settings();
    settings.get(state.explaining.setting.min(settings.len().saturating_sub(1)))
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
    let Some(row) = setting(state).cloned() else {
        state.say(Severity::Quiet, "this topic depends on no setting");
        return;
    };
    let before = state.explaining.what_if.get(row.key).cloned();
    let now = before.clone().or_else(|| row.value.as_ref().map(|sourced| sourced.value.clone()));
    let wanted = match step {
        Step::Host => None,
        Step::Default => match &row.default {
            Some(default) => Some(default.clone()),
            None => return state.say(Severity::Quiet, format!("the default of {} is not known", row.key)),
        },
        step => match now.as_deref().and_then(|value| value.parse::<i64>().ok()) {
            Some(number) => Some(stepped(number, step).to_string()),
            None => {
                let text = format!("{} is no single number; tcpctl explain --set takes any value", row.key);
                return state.say(Severity::Quiet, text);
            }
        },
    };
    match wanted {
        Some(value) => {
            if let Err(reason) = allowed(state, row.key, &value) {
                return state.say(Severity::Quiet, reason);
            }
            state.explaining.what_if.insert(row.key, value);
        }
        None => drop(state.explaining.what_if.remove(row.key)),
    }
    // A what-if that is the host's own value is none.
    let host = state.shown().and_then(|snapshot| snapshot.sysctls.values().get(row.key).cloned());
    if host.is_some() && state.explaining.what_if.get(row.key) == host.as_ref() {
        state.explaining.what_if.remove(row.key);
    }
    refresh(state);
    let limit = view::detail_scroll_limit(state);
    let list = state.list_mut(Screen::Explain);
    list.scroll = list.scroll.min(limit);
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
