//! Samples of profiles and of the laboratory.

use super::exposition::Sample;
use super::kernel::one;
use super::measured::{LAB_VERDICTS, Measured};

pub(super) fn drift(measured: &Measured<'_>) -> Vec<Sample> {
    let sample = |state: &super::measured::ProfileState| {
        Sample::new(u8::from(state.drifts)).label("profile", state.profile.clone())
    };
    measured.profiles.iter().map(sample).collect()
}

pub(super) fn keys(measured: &Measured<'_>) -> Vec<Sample> {
    let of = |state: &super::measured::ProfileState| {
        let profile = state.profile.clone();
        let sample = |(word, count): (&&'static str, &usize)| {
            Sample::new(count).label("profile", profile.clone()).label("verdict", *word)
        };
        state.keys.iter().map(sample).collect::<Vec<_>>()
    };
    measured.profiles.iter().flat_map(of).collect()
}

pub(super) fn lab_topics(measured: &Measured<'_>) -> Vec<Sample> {
    let Some(lab) = measured.lab else { return Vec::new() };
    let count = |verdict: &str| lab.topics.iter().filter(|one| one.verdict == verdict).count();
    LAB_VERDICTS.iter().map(|verdict| Sample::new(count(verdict)).label("verdict", *verdict)).collect()
}

/// Of topics that were played.
pub(super) fn lab_wrong(measured: &Measured<'_>) -> Vec<Sample> {
    let played = measured.lab.iter().flat_map(|lab| &lab.topics).filter(|one| one.events > 0);
    played.map(|one| Sample::new(one.wrong).label("topic", one.topic.clone())).collect()
}

pub(super) fn lab_written(measured: &Measured<'_>) -> Vec<Sample> {
    one(measured.lab.and_then(|lab| lab.written_unix_s))
}
