//! What another value of one sysctl would do, on the page of that sysctl: the same what-ifs as those of the topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::Effect;
use super::explaining::{self, Step};
use super::screen::Screen;
use super::state::State;
use super::theme::Severity;
use super::{tuning, view};
use crate::explain::{Ask, KeyEffect, Overrides, key_effects_with};
use crate::units::{SysctlKey, SysctlValues};

/// What the model says of the selected parameter, and what that was worked out from.
#[derive(Clone, Debug)]
pub(super) struct KeyAnswered {
    pub(super) key: SysctlKey,
    values: SysctlValues,
    /// The value that is asked about.
    pub(super) asked: Option<String>,
    pub(super) effects: Vec<KeyEffect>,
}

/// Works the answers out anew, if something that they depend on is another.
pub(super) fn refresh(state: &mut State) {
    if state.screen != Screen::Parameters {
        return;
    }
    let (Some(row), Some(snapshot)) = (state.selected_parameter(), state.shown()) else { return };
    let asked = state.explaining.what_if.get(row.key.as_str()).cloned();
    let same = |answered: &Arc<KeyAnswered>| {
        answered.key == row.key && answered.asked == asked && answered.values == snapshot.sysctls.values()
    };
    if state.explaining.key.as_ref().is_some_and(same) {
        return;
    }
    let (key, values) = (row.key.clone(), snapshot.sysctls.values());
    let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
    // The page's own reading has keys that the model's does not need.
    let mut known = values.clone();
    if let Some(value) = row.value() {
        known.insert(key.clone(), value.to_owned());
    }
    let ask = Ask::new(snapshot.kernel.version, hz, snapshot.memory_kib, &known, &Overrides::default());
    let effects = ask.map_or_else(|_| Vec::new(), |ask| key_effects_with(key.as_str(), asked.as_deref(), &ask));
    state.explaining.key = Some(Arc::new(KeyAnswered { key, values, asked, effects }));
}

/// Changes the value that is asked about; what the kernel would not take is said and not taken.
pub(super) fn step(state: &mut State, step: Step) {
    let stepped = match state.selected_parameter() {
        None => Err("there is no parameter to ask about".to_owned()),
        Some(row) => match row.known {
            None => Err(format!("{} is not in the catalogue, so nothing is known of its values", row.key)),
            Some(known) => {
                let (now, default) = (row.value().map(str::to_owned), row.default.clone());
                explaining::step_value(state, known.key, now, default, step).map(|value| (known.key, value))
            }
        },
    };
    match stepped {
        Err(reason) => return state.say(Severity::Quiet, reason),
        Ok((key, Some(value))) => drop(state.explaining.what_if.insert(key, value)),
        Ok((key, None)) => drop(state.explaining.what_if.remove(key)),
    }
    refresh(state);
    let limit = view::detail_scroll_limit(state);
    let list = state.list_mut(Screen::Parameters);
    list.scroll = list.scroll.min(limit);
}

/// The values that are asked about on the open page, as far as they are sysctls.
fn asked(state: &State) -> BTreeMap<SysctlKey, String> {
    let keys: Vec<&str> = match state.screen {
        Screen::Parameters => state.selected_parameter().map(|row| row.key.as_str()).into_iter().collect(),
        Screen::Explain => explaining::topic(state).map(|topic| topic.keys.to_vec()).unwrap_or_default(),
        _ => Vec::new(),
    };
    let wanted = keys.into_iter().filter_map(|key| Some((key, state.explaining.what_if.get(key)?)));
    wanted.filter_map(|(key, value)| Some((key.parse().ok()?, value.clone()))).collect()
}

/// Makes a plan of the what-ifs of the open page; nothing where there are none.
pub(super) fn plan(state: &mut State) -> Option<Vec<Effect>> {
    let values = asked(state);
    (!values.is_empty()).then(|| tuning::plan_values(state, values))
}
