//! Everything that needs no privilege: one module per area.

mod catalog;
mod findings;
mod metrics;
mod profiles;
mod tune;
