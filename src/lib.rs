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

//!
//! # Examples
//!
//! How long does a connect hang that nobody answers? Of a kernel and settings of your choice, without a look at this host:
//!
//! ```
//! use tcpctl::model::{Host, Scenario, Segment, Settings, Side, forecast};
//! use tcpctl::units::{Hz, KernelVersion};
//!
//! let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
//! let settings = Settings { syn_retries: 2, ..Settings::default() };
//! let timeline = forecast(&Scenario::connect(host, &settings).losing(Side::Client, Segment::Syn));
//!
//! assert_eq!(timeline.sent(Side::Client, Segment::Syn), 6); // four of them at the linear pace of 6.5 and newer
//! assert_eq!(timeline.end().expect("it fails").window.to_string(), "7 s (up to 7.2 s)");
//! ```
//!
//! And of this host, as it is: what is read, what is wrong, and what could not be read.
//!
//! ```no_run
//! use tcpctl::collect::{Source, live};
//! use tcpctl::diagnose::diagnose;
//!
//! let keys = tcpctl::diagnose::keys().into_iter().filter_map(|key| key.parse().ok()).collect();
//! let snapshot = live(&Source::own(keys))?;
//! for finding in diagnose(&snapshot, None).findings {
//!     println!("{}: {}", finding.rule, finding.sentence);
//! }
//! for gap in &snapshot.gaps {
//!     println!("{} is unknown: {}", gap.source, gap.reason);
//! }
//! # Ok::<(), tcpctl::collect::CollectError>(())
//! ```

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
