//! One file per verb: arguments in, calls of the rooms, values handed to `report`.
//!
//! For: saying in which order the rooms are called for each verb.
//! Must not: print anything but what `report` made, or keep state between verbs.
//! Mirrors: the verbs of `design` in `ARCHITECTURE.md`.

pub(super) mod apply;
pub(super) mod completions;
pub(super) mod confirm;
pub(super) mod diagnose;
mod diagnose_namespaces;
pub(super) mod explain;
pub(super) mod fleet;
mod fleet_files;
pub(super) mod history;
pub(super) mod lab;
mod lab_all;
mod lab_capture;
mod lab_flood;
mod lab_flood_live;
mod lab_interrupt;
mod lab_list;
mod lab_live;
mod lab_subject;
pub(super) mod lint;
pub(super) mod listeners;
pub(super) mod man;
pub(super) mod metrics;
mod namespaces;
pub(super) mod params;
pub(super) mod plan;
pub(super) mod profiles;
mod progress_bar;
pub(super) mod rollback;
pub(super) mod serve;
pub(super) mod simulate;
pub(super) mod snapshot;
pub(super) mod sockets;
mod sockets_places;
mod sockets_watch;
pub(super) mod solve;
pub(super) mod status;
pub(super) mod trace;
mod trace_places;
pub(super) mod verify;
