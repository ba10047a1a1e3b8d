//! What one sysctl does in the terms of the model, at its value and at values near it.

use super::ask::{Ask, Origin, Sourced};
use super::course::ends_within;
use super::explanation::scenario_of;
use super::topic::topics;
use crate::catalog::{self, Form, TakesEffect};
use crate::model::{Answer, CONSEQUENCES, KnownSettings, Outcome, Settings, forecast, queue_limits};
use crate::units::{SysctlKey, SysctlValues};

/// What follows from each of some values of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEffect {
    /// What is answered: a sentence that the answers end.
    pub label: String,
    /// The topic that has more.
    pub topic: &'static str,
    /// Value and answer, in rising order of the values.
    pub answers: Vec<(String, Answer)>,
}

/// The backlog of the application where that of a listener matters: more than any default allows.
const BACKLOG: u32 = 65_535;

/// What the model says of a key: nothing where it does not read the key, or where no answer moves with it.
#[must_use]
pub fn key_effects(key: &str, ask: &Ask) -> Vec<KeyEffect> {
    key_effects_with(key, None, ask)
}

/// The same, with one more value beside those that are near, where it is one that the kernel takes.
#[must_use]
pub fn key_effects_with(key: &str, asked: Option<&str>, ask: &Ask) -> Vec<KeyEffect> {
    let Some(own) = ask.values.get(key).map(|sourced| sourced.value.clone()) else { return Vec::new() };
    if !Settings::keys().any(|read| read == key) {
        return Vec::new();
    }
    let asks: Vec<(String, Ask)> = neighbours(key, &own, asked, ask)
        .into_iter()
        .filter_map(|value| Some((value.clone(), with_value(ask, key, &value)?)))
        .collect();
    let mut effects = from_consequences(key, &asks);
    effects.extend(from_queues(key, &asks));
    // Topics are played besides, but for those that only say again what a sentence of the table says.
    for more in from_topics(key, &asks) {
        let said = |one: &KeyEffect| one.topic == more.topic || one.answers == more.answers;
        if !effects.iter().any(said) {
            effects.push(more);
        }
    }
    effects
}

/// The same question with another value of the key.
fn with_value(ask: &Ask, key: &str, value: &str) -> Option<Ask> {
    let key: SysctlKey = key.parse().ok()?;
    let mut varied = ask.clone();
    varied.values.insert(key, Sourced { value: value.to_owned(), origin: Origin::WhatIf });
    Some(varied)
}

fn values(ask: &Ask) -> SysctlValues {
    ask.values.iter().map(|(key, sourced)| (key.clone(), sourced.value.clone())).collect()
}

/// The table of consequences, as `status` and plans take it.
fn from_consequences(key: &str, asks: &[(String, Ask)]) -> Vec<KeyEffect> {
    let touched = CONSEQUENCES.iter().filter(|one| one.keys.contains(&key));
    let answer = |one: &'static crate::model::Consequence, ask: &Ask| {
        let values = values(ask);
        let known = KnownSettings::new(&values, |key| catalog::exists(key, ask.host.version));
        let known = known.missing(one.keys).is_empty();
        if known { one.answer(&Settings::from_values(&values), &ask.host) } else { Answer::Unknown }
    };
    let effects = touched.map(|one| KeyEffect {
        label: one.label.to_owned(),
        topic: one.topic,
        answers: asks.iter().map(|(value, ask)| (value.clone(), answer(one, ask))).collect(),
    });
    effects.filter(KeyEffect::moves).collect()
}

/// How many half-open entries a listener holds that asks for a large backlog.
fn from_queues(key: &str, asks: &[(String, Ask)]) -> Option<KeyEffect> {
    let entries = |ask: &Ask| queue_limits(BACKLOG, &ask.settings(), ask.host.version).half_open_capacity;
    let effect = KeyEffect {
        label: format!("a listener that asks for a backlog of {BACKLOG} holds half-open connections:"),
        topic: "queues",
        answers: asks.iter().map(|(value, ask)| (value.clone(), Answer::Count(entries(ask)))).collect(),
    };
    (matches!(key, "net.core.somaxconn" | "net.ipv4.tcp_max_syn_backlog" | "net.ipv4.tcp_syncookies") && effect.moves())
        .then_some(effect)
}

/// When the courses of the topics that name the key end.
fn from_topics(key: &str, asks: &[(String, Ask)]) -> Vec<KeyEffect> {
    let named = topics().filter(|topic| topic.keys.contains(&key));
    let end = |topic, ask: &Ask| {
        let timeline = scenario_of(topic, ask).map(|scenario| forecast(&scenario));
        match timeline.as_ref().and_then(|timeline| timeline.end()) {
            Some(end) if end.outcome == Outcome::Never => Answer::Never,
            Some(end) => Answer::After(timeline.as_ref().and_then(ends_within).unwrap_or(end.window)),
            None => Answer::Unknown,
        }
    };
    named
        .filter(|topic| topic.scenario.is_some())
        .map(|topic| KeyEffect {
            label: format!("{} It ends after", topic.question),
            topic: topic.id,
            answers: asks.iter().map(|(value, ask)| (value.clone(), end(topic, ask))).collect(),
        })
        .filter(KeyEffect::moves)
        .collect()
}

impl KeyEffect {
    /// Whether the answer is known and not the same for every value.
    fn moves(&self) -> bool {
        let mut answers = self.answers.iter().map(|(_, answer)| answer).filter(|answer| **answer != Answer::Unknown);
        let first = answers.next();
        answers.any(|answer| Some(answer) != first)
    }
}

/// The value, the kernel's default and values near it that the kernel takes, in rising order.
fn neighbours(key: &str, own: &str, asked: Option<&str>, ask: &Ask) -> Vec<String> {
    let Some(row) = catalog::find(key).filter(|row| row.takes_effect != TakesEffect::ReadOnly) else {
        return vec![own.to_owned()];
    };
    let default = ask.defaults.get(key).cloned();
    let mut found: Vec<String> = vec![own.to_owned()];
    found.extend(default);
    found.extend(asked.map(str::to_owned));
    match (row.form, own.parse::<i64>()) {
        (Form::Numbers(1), Ok(number)) => found.extend(near(row.unit, number).iter().map(i64::to_string)),
        (Form::Numbers(2), _) => found.extend(["10240 65535".to_owned(), "32768 60999".to_owned()]),
        _ => {}
    }
    let is_taken = |value: &String| catalog::check_value(key, value, ask.host.version, ask.host.hz).is_ok();
    // At an end of its range an amount has a neighbour on one side alone, so that there is one more on that.
    if let (Form::Numbers(1), Ok(number)) = (row.form, own.parse::<i64>())
        && near(row.unit, number).len() == 2
        && near(row.unit, number).iter().any(|near| !is_taken(&near.to_string()))
    {
        found.extend([(number / 4).to_string(), number.saturating_mul(4).to_string()]);
    }
    found.retain(|value| is_taken(value) || value == own);
    found.sort_by_key(|value| (value.parse::<i64>().ok(), value.clone()));
    found.dedup();
    found
}

/// Numbers worth comparing with one: every meaning of a switch, the next counts, half and double of an amount.
fn near(unit: &str, number: i64) -> Vec<i64> {
    match unit {
        "bool" => vec![0, 1],
        "enum" => vec![0, 1, 2, 3],
        "count" | "bitmask" => vec![number - 1, number + 1],
        _ => vec![number / 2, number.saturating_mul(2)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(key: &str) -> Vec<KeyEffect> {
        key_effects(key, &Ask::of_defaults(0))
    }

    fn seconds(effect: &KeyEffect) -> Vec<(&str, u64)> {
        let second = |answer: &Answer| if let Answer::After(window) = answer { window.at_us / 1_000_000 } else { 0 };
        effect.answers.iter().map(|(value, answer)| (value.as_str(), second(answer))).collect()
    }

    #[test]
    fn a_count_is_shown_with_the_next_ones() {
        let effects = effects("net.ipv4.tcp_synack_retries");
        assert_eq!(seconds(&effects[0]), [("4", 31), ("5", 63), ("6", 127)]);
    }

    #[test]
    fn a_key_without_a_consequence_of_its_own_is_played_in_its_topics() {
        let effects = effects("net.ipv4.tcp_retries2");
        let lost = effects.iter().find(|effect| effect.topic == "data-lost").expect("data-lost names it");
        assert_eq!(lost.answers.len(), 3);
        assert!(seconds(lost).is_sorted_by(|a, b| a.1 < b.1), "{lost:?}");
    }

    #[test]
    fn every_forecast_that_a_key_changes_is_shown_once() {
        let effects = effects("net.ipv4.tcp_rto_max_ms");
        let topics: Vec<&str> = effects.iter().map(|effect| effect.topic).collect();
        for topic in ["syn-lost", "data-lost", "fin-lost"] {
            assert_eq!(topics.iter().filter(|one| **one == topic).count(), 1, "{topic}: {topics:?}");
        }
        for (at, effect) in effects.iter().enumerate() {
            assert!(effects[..at].iter().all(|one| one.answers != effect.answers), "{}", effect.label);
        }
    }

    #[test]
    fn a_value_that_is_asked_about_stands_among_the_near_ones() {
        let effects = key_effects_with("net.ipv4.tcp_synack_retries", Some("2"), &Ask::of_defaults(0));
        assert_eq!(seconds(&effects[0]), [("2", 7), ("4", 31), ("5", 63), ("6", 127)]);
        let effects = key_effects_with("net.ipv4.tcp_synack_retries", Some("256"), &Ask::of_defaults(0));
        assert_eq!(effects[0].answers.len(), 3, "the kernel does not take it");
    }

    #[test]
    fn what_the_model_does_not_read_has_no_effects() {
        assert_eq!(effects("net.ipv4.tcp_fack"), []);
        assert_eq!(effects("net.ipv4.no_such_key"), []);
    }

    /// Every value that is shown is one that the kernel takes, and there are always some to compare.
    #[test]
    fn neighbours_are_values_that_the_kernel_takes() {
        let ask = Ask::of_defaults(0);
        for key in Settings::keys() {
            let Some(own) = ask.values.get(key) else { continue };
            let near = neighbours(key, &own.value, None, &ask);
            assert!(near.contains(&own.value), "{key}");
            for value in &near {
                assert_eq!(catalog::check_value(key, value, ask.host.version, ask.host.hz), Ok(()), "{key}");
            }
        }
    }
}
