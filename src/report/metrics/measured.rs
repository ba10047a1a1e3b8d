//! What metrics are made from.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::kernel::answers;
use super::listeners::{ExportedListeners, exported_listeners};
use crate::diagnose::{Findings, PortsLeft, ports_left};
use crate::model::Answer;
use crate::snapshot::Snapshot;
use crate::tune::{Plan, Verdict};

/// A reading with what is made of it. What is not there has no metric.
#[derive(Clone, Debug)]
pub struct Measured<'a> {
    /// The reading.
    pub now: &'a Snapshot,
    /// An older one of the same host, for rates.
    pub before: Option<&'a Snapshot>,
    /// What the rules say of both.
    pub findings: &'a Findings,
    /// How far the running values are from the profiles that were asked for.
    pub profiles: &'a [ProfileState],
    /// What the laboratory said when it was last asked.
    pub lab: Option<&'a LabRecord>,
    /// How long the reading took, in microseconds.
    pub took_us: Option<u64>,
    /// What several metrics are made of is worked out once: what the settings mean, listening addresses, destinations.
    pub(super) answers: Vec<(&'static str, Answer)>,
    pub(super) listeners: Option<ExportedListeners>,
    pub(super) destinations: Vec<PortsLeft<'a>>,
}

impl<'a> Measured<'a> {
    /// A reading and what the rules say of it, without anything else.
    #[must_use]
    pub fn new(now: &'a Snapshot, before: Option<&'a Snapshot>, findings: &'a Findings) -> Self {
        Self {
            now,
            before,
            findings,
            profiles: &[],
            lab: None,
            took_us: None,
            answers: answers(now),
            listeners: exported_listeners(now),
            destinations: ports_left(now, before),
        }
    }
}

/// How far the running values are from a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileState {
    pub(super) profile: String,
    pub(super) drifts: bool,
    /// Number of keys by the word of their verdict.
    pub(super) keys: BTreeMap<&'static str, usize>,
}

impl ProfileState {
    /// What `verify` would say of this plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut keys: BTreeMap<&'static str, usize> = VERDICTS.iter().map(|verdict| (verdict.word(), 0)).collect();
        let differs = plan.changes.iter().map(|_| Verdict::Differs);
        let met = plan.already.iter().map(|_| Verdict::Ok);
        for verdict in differs.chain(met).chain(plan.skipped.iter().map(|skip| skip.why.verdict())) {
            *keys.entry(verdict.word()).or_default() += 1;
        }
        Self { profile: plan.profile.clone(), drifts: plan.has_drift(), keys }
    }
}

/// Every verdict of a key, so that none is without its sample.
pub(super) const VERDICTS: [Verdict; 7] = [
    Verdict::Ok,
    Verdict::Differs,
    Verdict::Missing,
    Verdict::Hidden,
    Verdict::Denied,
    Verdict::NotForThisKernel,
    Verdict::NotHere,
];

/// What the laboratory said of its topics, as `tcpctl lab --all --json` wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LabRecord {
    #[serde(rename = "schema")]
    _schema: Schema,
    pub(super) topics: Vec<LabRecordTopic>,
    /// When it was written, seconds since 1970; nothing when that is not known. The record itself does not tell.
    #[serde(skip)]
    pub written_unix_s: Option<u64>,
}

/// The one version there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
struct Schema;

impl TryFrom<u32> for Schema {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        if version == 1 { Ok(Self) } else { Err(format!("its schema is {version}, and 1 is known")) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct LabRecordTopic {
    pub(super) topic: String,
    pub(super) verdict: String,
    pub(super) events: u64,
    pub(super) wrong: u64,
}

/// Why a text is no record of the laboratory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabRecordError {
    /// It is not what `lab --all --json` writes.
    #[error("it is not what `tcpctl lab --all --json` writes: {0}")]
    Malformed(String),
    /// It has a topic or a verdict that there is not, or more than there are.
    #[error("`{0}` is no topic or verdict of the laboratory, or is there twice")]
    Unknown(String),
}

/// Reads what `tcpctl lab --all --json` wrote.
///
/// # Errors
/// When it is something else, or names what there is not: labels are made of it, and their number is bounded.
pub fn parse_lab_record(text: &str) -> Result<LabRecord, LabRecordError> {
    let record: LabRecord = serde_json::from_str(text).map_err(|error| LabRecordError::Malformed(error.to_string()))?;
    let mut seen: Vec<&str> = Vec::new();
    for one in &record.topics {
        let known = crate::explain::topics().any(|topic| topic.id == one.topic);
        if !known || seen.contains(&one.topic.as_str()) {
            return Err(LabRecordError::Unknown(one.topic.clone()));
        }
        if !LAB_VERDICTS.contains(&one.verdict.as_str()) {
            return Err(LabRecordError::Unknown(one.verdict.clone()));
        }
        seen.push(&one.topic);
    }
    Ok(record)
}

/// What the laboratory says of a topic.
pub(super) const LAB_VERDICTS: [&str; 5] = ["agrees", "disagrees", "inconclusive", "stopped", "cannot"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_the_laboratory_is_read_and_anything_else_refused() {
        let topic = |topic: &str, verdict: &str| {
            format!(
                "{{\"topic\":\"{topic}\",\"verdict\":\"{verdict}\",\"events\":8,\"wrong\":0,\"predicted_end_us\":7,\
                 \"played_us\":7,\"lateness_us\":0}}"
            )
        };
        let record = |schema: u32, topics: &[String]| {
            parse_lab_record(&format!("{{\"schema\":{schema},\"limit_us\":1,\"topics\":[{}]}}", topics.join(",")))
        };
        let read = record(1, &[topic("syn-lost", "agrees"), topic("handshake", "cannot")]).unwrap();
        assert_eq!((read.topics.len(), read.topics[0].events), (2, 8));
        assert!(record(2, &[]).unwrap_err().to_string().contains("its schema is 2"));
        let unknown = |topics: &[String]| matches!(record(1, topics), Err(LabRecordError::Unknown(_)));
        assert!(unknown(&[topic("x\\n", "agrees")]) && unknown(&[topic("syn-lost", "fine")]));
        assert!(unknown(&[topic("syn-lost", "agrees"), topic("syn-lost", "agrees")]));
        assert!(matches!(parse_lab_record("[]"), Err(LabRecordError::Malformed(_))));
    }
}
