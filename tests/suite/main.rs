//! Everything that needs no privilege: one module per area.

#[cfg(test)]
mod catalog;
mod findings;
mod metrics;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod status;
#[cfg(test)]
mod tune;
#[cfg(test)]
mod tune_text;
