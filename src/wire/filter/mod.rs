//! The filter language of ss.
//!
//! For: reading `state syn-recv sport = :443 and not dst 10.0.0.0/8`, making of it what the kernel can apply by itself
//! (a mask of states and `INET_DIAG_REQ_BYTECODE`), and applying the whole of it here with the same result.
//! Must not: ask for names of services, hosts, devices or cgroups: what a name stands for is handed in.
//! Mirrors: ss(8), `misc/ssfilter.y`; `inet_diag_bc_run` and `inet_diag_bc_audit` (net/ipv4/inet_diag.c).

mod bytecode;
mod candidate;
mod compile;
mod condition;
mod error;
mod expression;
mod host;
mod lexer;
mod parser;
mod states;
#[cfg(test)]
mod tests;

pub use candidate::{Candidate, Truth};
pub use compile::Compiled;
pub use error::{FilterError, FilterFault};
pub use expression::Filter;
pub use parser::{parse_filter, parse_filter_with};
