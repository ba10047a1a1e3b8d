//! Every situation.

use super::asking::{afterwards, connect, dead_peer, idle, ports};
use super::play::{play, readme};
use super::serving::{accept_queue, close_wait, settings, syn_flood, time_wait};
use crate::case::Case;
use crate::cookbook_text::SITUATIONS;

/// The cases of this folder: one a situation, whose section has to be there.
pub(crate) fn cases() -> Vec<Case> {
    let cases: [Case; SITUATIONS.len()] = [
        Case::new("the cookbook is right about accept-queue", |place| play(place, "accept-queue", accept_queue)),
        Case::new("the cookbook is right about syn-flood", |place| play(place, "syn-flood", syn_flood)),
        Case::new("the cookbook is right about ports", |place| play(place, "ports", ports)),
        Case::new("the cookbook is right about time-wait", |place| play(place, "time-wait", time_wait)),
        Case::new("the cookbook is right about connect", |place| play(place, "connect", connect)),
        Case::new("the cookbook is right about dead-peer", |place| play(place, "dead-peer", dead_peer)),
        Case::new("the cookbook is right about idle", |place| play(place, "idle", idle)),
        Case::new("the cookbook is right about close-wait", |place| play(place, "close-wait", close_wait)),
        Case::new("the cookbook is right about settings", |place| play(place, "settings", settings)),
        Case::new("the cookbook is right about afterwards", |place| play(place, "afterwards", afterwards)),
    ];
    let mut cases = Vec::from(cases);
    cases.push(Case::new("the laboratory in the README plays what is shown", readme));
    cases
}
