//! What became of wishes, as text and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::answer::{AnswerView, answer_sentence};
use super::plan::render_plan;
use super::plan_view::PlanView;
use super::printable::printable_lines;
use super::prose::{hanging, in_ascii};
use crate::tune::{Application, Caution, Nearest, SocketOption, Solution, WishOutcome, WishVerdict};

/// Version of the JSON; the shape only grows.
const SCHEMA: u32 = 1;

/// A solution as text of at most `width` columns: the wishes, then the plan. `from` says what it starts from.
#[must_use]
pub fn render_solution(solution: &Solution, from: &str, width: usize, ascii: bool) -> String {
    let mut text = String::from("Wishes\n");
    let plain = |sentence: String| if ascii { in_ascii(&sentence) } else { sentence };
    for outcome in &solution.wishes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}: {}", outcome.wish.typed(), word(&outcome.verdict));
        for sentence in sentences(outcome, solution) {
            text.push_str(&hanging("    ", &plain(sentence), width));
        }
    }
    text.push_str(&hanging("", &format!("Least change from {from}; times are at their worst."), width));
    if solution.profile.rules.is_empty() && solution.profile.notes.is_empty() {
        return printable_lines(&text);
    }
    format!("{}\n{}", printable_lines(&text), render_plan(&solution.plan, width, ascii))
}

/// Whether it is met, in words.
const fn word(verdict: &WishVerdict) -> &'static str {
    match verdict {
        WishVerdict::Already => "already so",
        WishVerdict::Met(_) => "met",
        WishVerdict::ByApplication => "met by the application",
        WishVerdict::Impossible { .. } => "impossible",
        WishVerdict::Contradicts { .. } => "contradicts another wish",
        WishVerdict::Unknown(_) => "cannot be told",
    }
}

fn sentences(outcome: &WishOutcome, solution: &Solution) -> Vec<String> {
    let (now, then) = (answer_sentence(outcome.now), answer_sentence(outcome.then));
    match &outcome.verdict {
        WishVerdict::Already => vec![format!("{} {now}", outcome.label)],
        WishVerdict::Met(keys) => {
            let changes = solution.plan.changes.iter().filter(|change| keys.contains(&change.key));
            let changes: Vec<String> =
                changes.map(|change| format!("{} {} → {}", change.key.leaf(), change.before, change.after)).collect();
            let by = if changes.is_empty() { String::new() } else { format!(" (by {})", changes.join(", ")) };
            let mut sentences = vec![format!("{} {then}; now {now}{by}", outcome.label)];
            // Where the plan warns of what is chosen, this is the nearest without, and said with that.
            let nearest = outcome.caution.as_ref().and_then(|caution| caution.nearest.as_ref());
            if let Some(nominal) = outcome.nominal.as_ref().filter(|nominal| Some(*nominal) != nearest) {
                let (values, answer) = (value_words(nominal), answer_sentence(nominal.answer));
                sentences.push(format!("in time but for late timers: {answer}, with {values}"));
            }
            sentences.extend(outcome.caution.as_ref().map(|caution| caution_sentence(caution, outcome)));
            sentences
        }
        WishVerdict::ByApplication => {
            let options = outcome.application.as_ref().map(option_words).unwrap_or_default();
            let answer = outcome.application.as_ref().and_then(|advice| advice.answer).map(answer_sentence);
            let caution = outcome.application.as_ref().map(|advice| advice.caution.join("; "));
            let mut sentences = vec![format!(
                "{} {} with {options} on the socket, and no sysctl changes for it",
                outcome.label,
                answer.unwrap_or(now)
            )];
            sentences.extend(caution.filter(|says| !says.is_empty()).map(|says| format!("but: {says}")));
            sentences
        }
        WishVerdict::Impossible { why, nearest } => {
            let mut sentences = vec![format!("{} {now} now", outcome.label)];
            sentences.extend(why.iter().cloned());
            if let Some(nearest) = nearest {
                let (values, answer) = (value_words(nearest), answer_sentence(nearest.answer));
                sentences.push(format!("the nearest is {answer}, with {values}"));
            }
            sentences
        }
        WishVerdict::Contradicts { other, why: None } => {
            vec![format!("with what {other} needs there is no value for it; {} {then} with this plan", outcome.label)]
        }
        WishVerdict::Contradicts { other, why: Some(why) } => {
            vec![format!("it does not go with what {other} needs: {why}")]
        }
        WishVerdict::Unknown(keys) => vec![format!("it follows from what could not be read: {}", keys.join(", "))],
    }
}

/// What the plan warns of in what meets a wish, and what would be without that.
fn caution_sentence(caution: &Caution, outcome: &WishOutcome) -> String {
    let says = caution.says.join("; ");
    let Some(nearest) = &caution.nearest else { return format!("but: {says}; nothing else that was tried comes near") };
    let (values, answer) = (value_words(nearest), answer_sentence(nearest.answer));
    let late = if outcome.nominal.as_ref() == Some(nearest) { ", which is in time but for late timers" } else { "" };
    format!("but: {says}; the nearest without that is {answer}, with {values}{late}")
}

/// Values that differ from those of now: `tcp_syn_retries = 1, tcp_rto_max_ms = 1000`.
fn value_words(nearest: &Nearest) -> String {
    if let Some(option) = &nearest.option {
        return format!("{} on the socket", option.text());
    }
    let values: Vec<String> = nearest.values.iter().map(|(key, value)| format!("{} = {value}", key.leaf())).collect();
    if values.is_empty() { "what there is now".to_owned() } else { values.join(", ") }
}

/// Options with their values: `TCP_KEEPIDLE = 10 s, TCP_KEEPINTVL = 2 s`.
fn option_words(advice: &Application) -> String {
    advice.options.iter().map(SocketOption::text).collect::<Vec<_>>().join(", ")
}

/// A solution in JSON.
#[derive(Debug, Serialize)]
pub struct SolutionView<'a> {
    schema: u32,
    /// Whether every wish is met.
    met: bool,
    /// What the change is the least from.
    from: &'a str,
    wishes: Vec<WishView<'a>>,
    plan: PlanView<'a>,
}

#[derive(Debug, Serialize)]
struct WishView<'a> {
    wish: &'a str,
    text: &'a str,
    /// In microseconds, per second or as a number.
    least: Option<u64>,
    most: Option<u64>,
    effect: &'a str,
    verdict: &'static str,
    now: AnswerView,
    then: AnswerView,
    /// The keys of the plan that change for it.
    keys: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contradicts: Option<&'a str>,
    /// Why it cannot be met.
    why: Vec<&'a str>,
    nearest: Option<NearestView<'a>>,
    /// The lesser change with which it would be in time but for the lateness of timers.
    nominal: Option<NearestView<'a>>,
    /// What the plan warns of in the values that meet it; null when nothing.
    caution: Option<CautionView<'a>>,
    application: Option<ApplicationView<'a>>,
    /// The answer for a socket that has every option which is advised here and need not be kept apart, with the plan;
    /// null when that is no other.
    on_socket: Option<AnswerView>,
}

#[derive(Debug, Serialize)]
struct NearestView<'a> {
    answer: AnswerView,
    values: Vec<(&'a str, &'a str)>,
    /// The option of a socket that gives it instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    option: Option<OptionView<'a>>,
}

#[derive(Debug, Serialize)]
struct CautionView<'a> {
    says: Vec<&'a str>,
    /// The nearest to the wish that nobody warns of; null when none was found.
    nearest: Option<NearestView<'a>>,
}

#[derive(Debug, Serialize)]
struct ApplicationView<'a> {
    options: Vec<OptionView<'a>>,
    answer: Option<AnswerView>,
    says: &'a str,
    /// What a plan would warn of, were these values of sysctls.
    caution: Vec<&'a str>,
    /// Why they are not for a socket that has the other options.
    apart: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct OptionView<'a> {
    name: &'a str,
    value: u64,
    unit: &'a str,
}

impl<'a> SolutionView<'a> {
    /// A solution that is the least change from this.
    #[must_use]
    pub fn new(solution: &'a Solution, from: &'a str) -> Self {
        let wishes = solution.wishes.iter().map(wish_view).collect();
        Self { schema: SCHEMA, met: solution.is_met(), from, wishes, plan: PlanView::from(&solution.plan) }
    }
}

const fn option_view(option: &SocketOption) -> OptionView<'_> {
    OptionView { name: option.name, value: option.value, unit: option.unit }
}

fn nearest_view(nearest: &Nearest) -> NearestView<'_> {
    let values = nearest.values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let option = nearest.option.as_ref().map(option_view);
    NearestView { answer: nearest.answer.into(), values, option }
}

fn wish_view(outcome: &WishOutcome) -> WishView<'_> {
    let (mut keys, mut why, mut near, mut contradicts) = (Vec::new(), Vec::new(), None, None);
    match &outcome.verdict {
        WishVerdict::Met(its) => keys = its.iter().map(crate::units::SysctlKey::as_str).collect(),
        WishVerdict::Impossible { why: sentences, nearest } => {
            why = sentences.iter().map(String::as_str).collect();
            near = nearest.as_ref();
        }
        WishVerdict::Contradicts { other, why: reason } => {
            contradicts = Some(other.as_str());
            why = reason.iter().map(String::as_str).collect();
        }
        WishVerdict::Unknown(missing) => why.clone_from(missing),
        WishVerdict::Already | WishVerdict::ByApplication => {}
    }
    WishView {
        wish: outcome.wish.kind.word,
        text: &outcome.wish.text,
        least: outcome.wish.least,
        most: outcome.wish.most,
        effect: outcome.wish.kind.id,
        verdict: outcome.verdict.word(),
        now: outcome.now.into(),
        then: outcome.then.into(),
        keys,
        contradicts,
        why,
        nearest: near.map(nearest_view),
        nominal: outcome.nominal.as_ref().map(nearest_view),
        caution: outcome.caution.as_ref().map(|caution| CautionView {
            says: caution.says.iter().map(String::as_str).collect(),
            nearest: caution.nearest.as_ref().map(nearest_view),
        }),
        application: outcome.application.as_ref().map(|advice| ApplicationView {
            options: advice.options.iter().map(option_view).collect(),
            answer: advice.answer.map(AnswerView::from),
            says: advice.says,
            caution: advice.caution.iter().map(String::as_str).collect(),
            apart: advice.apart.as_deref(),
        }),
        on_socket: outcome.on_socket.map(AnswerView::from),
    }
}
