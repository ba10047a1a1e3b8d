//! The record of one topic, and the table of all.

use super::ask::Ask;
use super::explanation::Figures;
use super::facts::Fact;
use super::topics::TOPICS;
use crate::model::{Scenario, Timeline};

/// A question and how it is answered.
#[derive(Debug)]
pub struct Topic {
    /// Stable id, kebab-case; what `tcpctl explain` takes.
    pub id: &'static str,
    /// Under which heading it is listed.
    pub group: Group,
    /// The question.
    pub question: &'static str,
    /// The sysctls that the answer depends on.
    pub keys: &'static [&'static str],
    /// What people say, and what the kernel does.
    pub folklore: &'static [Folklore],
    /// Kernel functions and documents that the answer follows.
    pub sources: &'static [&'static str],
    /// What it wants to know of the host besides its settings.
    pub wants: &'static [Fact],
    /// What is played; nothing for a topic of arithmetic alone.
    pub scenario: Option<fn(&Ask) -> Scenario>,
    /// The answer, from the course of the scenario.
    pub answer: fn(&Ask, Option<&Timeline>) -> Figures,
}

/// Whether the laboratory plays the scenario of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InLab {
    /// It does.
    Plays,
    /// It does not, and why.
    Cannot(&'static str),
}

impl Topic {
    /// Whether the laboratory plays it.
    #[must_use]
    pub fn in_lab(&self) -> InLab {
        // Every topic is in the table that hands it out.
        let listed = TOPICS.iter().find(|(topic, _)| topic.id == self.id);
        listed.map_or(InLab::Cannot("it is in no table"), |(_, in_lab)| *in_lab)
    }
}

/// Headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// How connections begin.
    Opening,
    /// The two queues of a listener, and floods.
    Queues,
    /// How connections end.
    Closing,
    /// What happens in between, and when nothing does.
    Living,
}

impl Group {
    /// The heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Opening => "Opening",
            Self::Queues => "Queues and floods",
            Self::Closing => "Closing",
            Self::Living => "Living",
        }
    }
}

/// What is commonly taught, against what the kernel does.
#[derive(Debug)]
pub struct Folklore {
    /// What people say.
    pub said: &'static str,
    /// What the kernel does.
    pub kernel: &'static str,
}

/// A topic that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no topic `{id}`{}; `tcpctl explain` lists them", did_you_mean(.nearest))]
pub struct UnknownTopic {
    /// What was given.
    pub id: String,
    /// The ids most like it.
    pub nearest: Vec<&'static str>,
}

fn did_you_mean(names: &[&str]) -> String {
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) }
}

/// Every topic, by group and in the order in which they build on each other.
pub fn topics() -> impl Iterator<Item = &'static Topic> {
    TOPICS.iter().map(|(topic, _)| *topic)
}

/// The topic with this id.
///
/// # Errors
/// When there is none; names the nearest.
pub fn find_topic(id: &str) -> Result<&'static Topic, UnknownTopic> {
    if let Some(topic) = topics().find(|topic| topic.id == id) {
        return Ok(topic);
    }
    let ids: Vec<&'static str> = topics().map(|topic| topic.id).collect();
    let nearest = similar::get_close_matches(id, &ids, 2, 0.6);
    Err(UnknownTopic { id: id.to_owned(), nearest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_keys_are_in_the_catalogue() {
        let mut ids: Vec<_> = topics().map(|topic| topic.id).collect();
        let listed = ids.clone();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), listed.len());
        for topic in topics() {
            assert!(topic.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(topic.question.ends_with('?'), "{}", topic.id);
            assert!(!topic.sources.is_empty(), "{}", topic.id);
            for key in topic.keys {
                assert!(crate::catalog::find(key).is_some(), "{}: {key}", topic.id);
            }
        }
    }

    #[test]
    fn what_the_laboratory_plays_has_a_scenario_and_what_it_does_not_a_reason() {
        for topic in topics() {
            match topic.in_lab() {
                InLab::Plays => assert!(topic.scenario.is_some(), "{} has nothing to play", topic.id),
                InLab::Cannot(reason) => assert!(reason.len() > 20 && !reason.ends_with('.'), "{}: {reason}", topic.id),
            }
        }
        let without = topics().filter(|topic| topic.scenario.is_none()).count();
        let left_out = topics().filter(|topic| matches!(topic.in_lab(), InLab::Cannot(_))).count();
        assert!((without..topics().count()).contains(&left_out));
    }

    #[test]
    fn every_consequence_names_a_topic_that_exists() {
        for consequence in crate::model::CONSEQUENCES {
            assert!(find_topic(consequence.topic).is_ok(), "{}", consequence.topic);
        }
    }

    #[test]
    fn a_mistyped_topic_gets_the_nearest_names() {
        let error = find_topic("syn-lsot").expect_err("no such topic");
        assert!(error.to_string().contains("syn-lost"), "{error}");
    }
}
