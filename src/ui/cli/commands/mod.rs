//! One file per verb: arguments in, calls of the rooms, values handed to `report`.
//!
//! For: saying in which order the rooms are called for each verb.
//! Must not: print anything but what `report` made, or keep state between verbs.
//! Mirrors: the verbs of `design` in `ARCHITECTURE.md`.

pub(super) mod apply;
pub(super) mod completions;
pub(super) mod diagnose;
pub(super) mod explain;
pub(super) mod history;
pub(super) mod lab;
pub(super) mod lab_flood;
pub(super) mod listeners;
pub(super) mod man;
pub(super) mod plan;
pub(super) mod profiles;
pub(super) mod rollback;
pub(super) mod serve;
pub(super) mod simulate;
pub(super) mod status;
pub(super) mod verify;
