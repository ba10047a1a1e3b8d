//! Everything that needs no privilege: one module per area.

#[cfg(test)]
mod catalog;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod screens;
#[cfg(test)]
mod tune;
