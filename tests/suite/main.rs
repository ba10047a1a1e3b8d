//! Everything that needs no privilege: one module per area.

mod findings;
mod metrics;
