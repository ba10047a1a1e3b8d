//! What a socket that is there will do next, and when and how it ends.
//!
//! For: putting a clock into the state in which a live socket's is, as far as sock_diag tells, and letting it run on.
//! Must not: have a rule about timers of its own; what is not known widens a window or is named.
//! Mirrors: `inet_sk_diag_fill()` and `tcp_get_info()` backwards.

mod answer;
mod begin;
mod course;
mod keeping;
mod known;
mod leaving;
mod machine;
mod opening;
mod reading;
#[cfg(test)]
mod replay;
mod sending;

pub use answer::{Activity, Assumption, LiveEnd, LiveForecast, LiveNext, NextStep, Progress, Unless, WhyUnknown};
pub use begin::forecast_live;
pub use known::KnownOptions;
