//! What was found, as a profile.

use std::collections::BTreeMap;

use super::lever::find_lever;
use super::search::{Assignment, Search};
use super::solution::{WishOutcome, WishVerdict};
use super::{Application, Wish};
use crate::catalog;
use crate::model::Answer;
use crate::tune::{Operator, Profile, Rule, When};
use crate::units::SysctlKey;

/// A profile that sets what was found, and expects what the answers follow from besides.
pub(super) fn profile(name: &str, outcomes: &[WishOutcome], chosen: &Assignment, search: &Search<'_>) -> Profile {
    let mut rules: BTreeMap<SysctlKey, Rule> = BTreeMap::new();
    let planned = |outcome: &&WishOutcome| matches!(outcome.verdict, WishVerdict::Met(_) | WishVerdict::Already);
    for outcome in outcomes.iter().filter(planned) {
        for key in outcome.wish.kind.levers {
            let (Some(lever), Ok(parsed)) = (find_lever(key), key.parse::<SysctlKey>()) else { continue };
            let sentence = reason(outcome);
            let rule = match (chosen.get(key), search.now(key)) {
                (Some(value), _) => (Operator::Set, value.clone(), search.risk(key, value)),
                (None, Some(value)) => (Operator::Expect, value.to_owned(), None),
                (None, None) => continue,
            };
            let (operator, value, risk) = rule;
            let since = catalog::find(key).map(|row| row.since).filter(|since| *since > OLDEST);
            let rule = rules.entry(parsed).or_insert_with(|| Rule {
                operator,
                value: value.as_str().into(),
                reason: String::new(),
                source: lever.source.to_owned(),
                risk,
                cap: None,
                required: false,
                since,
                until: None,
                when: When::default(),
                profile: name.to_owned(),
            });
            if !rule.reason.is_empty() {
                rule.reason.push_str("; ");
            }
            rule.reason.push_str(&sentence);
        }
    }
    let wished: Vec<String> = outcomes.iter().filter(planned).map(|outcome| outcome.wish.typed()).collect();
    Profile {
        name: name.to_owned(),
        summary: format!("Worked out for Linux {}: {}", search.version(), wished.join(" ")),
        parents: Vec::new(),
        rules,
        notes: outcomes.iter().filter_map(note).collect(),
        costs: Vec::new(),
        not_for: Vec::new(),
    }
}

/// No key of the table is younger than this one and yet missing from a kernel that the model has rules for.
const OLDEST: crate::units::KernelVersion = crate::units::KernelVersion::new(4, 14);

fn reason(outcome: &WishOutcome) -> String {
    format!("{}: {} {}", outcome.wish.typed(), outcome.label, says(outcome.then))
}

/// An answer in a sentence.
fn says(answer: Answer) -> String {
    match answer {
        Answer::After(window) => window.to_string(),
        Answer::Never => "never".to_owned(),
        Answer::PerSecond(rate) => format!("{rate}/s"),
        Answer::Count(number) => number.to_string(),
        Answer::Unknown => "?".to_owned(),
    }
}

/// What the application can do, in sentences.
fn note(outcome: &WishOutcome) -> Option<String> {
    let advice = outcome.application.as_ref()?;
    // Where a wish is met already, only what could spoil that is of use.
    let needless = outcome.verdict == WishVerdict::Already && advice.answer.is_some();
    if needless || matches!(outcome.verdict, WishVerdict::Unknown(_)) {
        return None;
    }
    Some(sentence(&outcome.wish, advice, &outcome.verdict))
}

fn sentence(wish: &Wish, advice: &Application, verdict: &WishVerdict) -> String {
    let option = |option: &super::SocketOption| match (option.name, option.unit) {
        ("listen()", _) => format!("listen() with a backlog of {}", option.value),
        (name, "") => format!("{name} = {}", option.value),
        (name, unit) => format!("{name} = {} {unit}", option.value),
    };
    let options: Vec<String> = advice.options.iter().map(option).collect();
    let options = options.join(", ");
    let Some(answer) = advice.answer else { return format!("{}: {options}. {}", wish.typed(), advice.says) };
    let does = match verdict {
        WishVerdict::ByApplication => "meets it",
        _ => "would do without any sysctl",
    };
    format!("{}: {options} on the socket {does}: {}. {}", wish.typed(), says(answer), advice.says)
}
