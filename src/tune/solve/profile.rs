//! What was found, as a profile.

use std::collections::BTreeMap;

use super::Application;
use super::lever::find_lever;
use super::search::{Assignment, Search};
use super::solution::{WishOutcome, WishVerdict};
use crate::catalog;
use crate::model::Answer;
use crate::tune::{Operator, Profile, Rule, When};
use crate::units::SysctlKey;

/// A profile that sets what was found, and expects what the answers follow from besides.
pub(super) fn profile(name: &str, outcomes: &[WishOutcome], chosen: &Assignment, search: &Search<'_>) -> Profile {
    let mut rules: BTreeMap<SysctlKey, Rule> = BTreeMap::new();
    let planned = |outcome: &&WishOutcome| matches!(outcome.verdict, WishVerdict::Met(_) | WishVerdict::Already);
    for outcome in outcomes.iter().filter(planned) {
        for key in outcome.wish.kind.levers_on(search.version()) {
            let (Some(lever), Ok(parsed)) = (find_lever(key), key.parse::<SysctlKey>()) else { continue };
            let sentence = reason(outcome);
            let rule = match (chosen.get(key), search.now(key)) {
                (Some(value), _) => (Operator::Set, value.clone(), search.risk(key, value)),
                (None, Some(value)) => (Operator::Expect, value.to_owned(), None),
                (None, None) => continue,
            };
            let (operator, value, risk) = rule;
            let has_since = || catalog::find(key).map(|row| row.since).filter(|since| *since > OLDEST);
            let since = outcome.wish.kind.counts_since(key).or_else(has_since);
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
            // None is before all others.
            rule.since = rule.since.min(since);
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
pub(super) fn says(answer: Answer) -> String {
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
    let wish = outcome.wish.typed();
    let why = match outcome.wish.kind.word {
        "dead-peer" => ", as TCP_USER_TIMEOUT counts there and not the number of probes",
        _ => "",
    };
    let together =
        outcome.on_socket.map(|answer| format!("On a socket with all that is named here: {}{why}.", says(answer)));
    let Some(advice) = outcome.application.as_ref().filter(|advice| is_of_use(advice, &outcome.verdict)) else {
        return together.map(|together| format!("{wish}: {together}"));
    };
    let mut sentences = vec![format!("{wish}: {}", sentence(advice, &outcome.verdict)), advice.says.to_owned()];
    if !advice.caution.is_empty() {
        sentences.push(format!("But: {}.", advice.caution.join("; ")));
    }
    sentences.extend(advice.apart.as_ref().map(|why| format!("To be kept apart: {why}.")));
    sentences.extend(together);
    Some(sentences.join(" "))
}

/// Where a wish is met already, only what could spoil that is of use.
fn is_of_use(advice: &Application, verdict: &WishVerdict) -> bool {
    let needless = *verdict == WishVerdict::Already && advice.answer.is_some();
    !needless && !matches!(verdict, WishVerdict::Unknown(_))
}

fn sentence(advice: &Application, verdict: &WishVerdict) -> String {
    let option = |option: &super::SocketOption| match option.name {
        "listen()" => format!("listen() with a backlog of {}", option.value),
        _ => option.text(),
    };
    let options = advice.options.iter().map(option).collect::<Vec<_>>().join(", ");
    let Some(answer) = advice.answer else { return format!("{options}.") };
    let does = match verdict {
        WishVerdict::ByApplication => "meets it",
        _ => "would do without any sysctl",
    };
    format!("{options} on the socket {does}: {}.", says(answer))
}
