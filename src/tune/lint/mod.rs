//! What is wrong with sysctl.d files.
//!
//! For: one table of rules, each with a stable id, what it finds, why that matters and what to write instead.
//! Must not: read files or the kernel; everything it judges is handed in.
//! Mirrors: the folk settings of copied gists, sysctl.d(5), `kernel/sysctl.c`.

mod across;
mod case;
mod extreme;
mod files;
mod folk;
mod judge;
mod keys;
mod rule;
mod table;
mod values;

pub use case::{LineCase, LintCase, LintHost};
pub use judge::{LintFinding, Linted, lint, lint_recorded, lint_values};
pub use rule::{Hit, Judge, LintRule, Severity, Spot};
pub use table::{find_lint_rule, is_about_harm, lint_rules};
