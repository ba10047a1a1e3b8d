//! Incidents that are recreated, and what `diagnose` makes of each: the right verdict, and no other.
//!
//! For: one function an incident, in a file by what it is about; `every` has the table of them.
//! Must not: leave anything behind outside the namespaces that each makes.
//! Mirrors: `tests/data/incidents.toml`, which says what is expected of each.

mod accepting;
mod closing;
mod connecting;
pub(crate) mod ends;
mod every;
mod healthy;
mod path;
mod ports;
mod requests;
mod settings;
mod silence;
mod speed;
mod tracking;
pub(crate) mod watch;

pub(crate) use every::cases;
