//! See, understand, change and prove what the Linux kernel's TCP does.
//!
//! Data flows one way:
//!
//! ```text
//! kernel ─sys─► bytes ─wire─► records ─collect─► Snapshot
//! Snapshot ─► model::Settings ─model─► Timeline            (what-if = same model, other Settings)
//! Snapshot + Timeline ─diagnose─► Vec<Finding>
//! Snapshot + Profile ─plan─► Plan ─apply─► Receipt         journal ─rollback─► Plan ─apply─► Receipt
//! Scenario ─model─► Timeline ◄─lab─ Scenario               (compared event by event)
//! any of these ─report─► text · JSON · metrics · screen
//! ```
//!
//! The rooms, from the kernel to the screen: [`units`], [`wire`], [`sys`], [`snapshot`], [`collect`],
//! [`catalog`], [`model`], [`explain`], [`diagnose`], [`tune`], [`lab`], [`report`], [`ui`].
//! Which room may use which is written in `ARCHITECTURE.md` and enforced by `tests/tidy.rs`.

#[cfg(not(target_os = "linux"))]
compile_error!("tcpctl reads the Linux kernel; it builds for Linux only");

pub mod catalog;
pub mod collect;
pub mod diagnose;
pub mod explain;
pub mod lab;
pub mod model;
pub mod report;
pub mod snapshot;
pub mod sys;
pub mod trace;
pub mod tune;
pub mod ui;
pub mod units;
pub mod wire;
