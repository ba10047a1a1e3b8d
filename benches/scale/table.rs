//! The lines that the bench prints, and whether all limits hold.

use std::io::Write;

use anyhow::Result;

use crate::cost::{Cost, Costs};
use crate::fill::Filled;

/// A limit in thousandths, or KiB for memory.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    AtMost(u64),
    AtLeast(u64),
    None,
}

impl Limit {
    fn holds(self, figure: u64) -> bool {
        match self {
            Self::AtMost(limit) => figure <= limit,
            Self::AtLeast(limit) => figure >= limit,
            Self::None => true,
        }
    }
}

/// What was printed so far.
#[derive(Default)]
pub(crate) struct Table {
    beyond: usize,
}

impl Table {
    /// Whether everything was within its limits.
    pub(crate) fn within(&self) -> bool {
        self.beyond == 0
    }

    pub(crate) fn note(&self, text: &str) -> Result<()> {
        Ok(writeln!(std::io::stdout().lock(), "{text}")?)
    }

    pub(crate) fn heading(&self, name: &str, filled: &Filled) -> Result<()> {
        let seconds = filled.took().as_secs_f64();
        Ok(writeln!(std::io::stdout().lock(), "\n{name} (filled in {seconds:.1} s)")?)
    }

    /// The median over the rounds of the first command's figure by the second's. Nothing when one of them was not run.
    pub(crate) fn ratio(
        &mut self,
        name: &str,
        costs: &Costs,
        [one, other]: [&str; 2],
        figure: fn(&Cost) -> u64,
        limit: Limit,
    ) -> Result<()> {
        match costs.ratio_milli(one, other, figure) {
            Some(milli) => self.row(name, milli, limit),
            None => Ok(()),
        }
    }

    /// A ratio in thousandths.
    pub(crate) fn row(&mut self, name: &str, milli: u64, limit: Limit) -> Result<()> {
        let shown = |milli: u64| format!("{}.{:03}", milli / 1_000, milli % 1_000);
        let text = match limit {
            Limit::AtMost(limit) => format!("at most {}", shown(limit)),
            Limit::AtLeast(limit) => format!("at least {}", shown(limit)),
            Limit::None => String::new(),
        };
        self.line(name, &shown(milli), &text, limit.holds(milli), limit)
    }

    /// The share of user time in a command's CPU time, in thousandths.
    pub(crate) fn share(&mut self, name: &str, costs: &Costs, subject: &str, limit: Limit) -> Result<()> {
        match costs.own_share_milli(subject) {
            Some(milli) => self.row(name, milli, limit),
            None => Ok(()),
        }
    }

    /// Peak memory.
    pub(crate) fn memory(&mut self, name: &str, costs: &Costs, subject: &str, limit: Limit) -> Result<()> {
        match costs.median(subject, Cost::peak_kib) {
            Some(kib) => self.kib(name, kib, limit),
            None => Ok(()),
        }
    }

    /// Memory in KiB.
    pub(crate) fn kib(&mut self, name: &str, kib: u64, limit: Limit) -> Result<()> {
        let text = if let Limit::AtMost(kib) = limit { format!("at most {kib} KiB") } else { String::new() };
        self.line(name, &format!("{kib} KiB"), &text, limit.holds(kib), limit)
    }

    /// A count that must be exact.
    pub(crate) fn exact(&mut self, state: &str, made: u64, counted: Option<u64>) -> Result<()> {
        let shown = counted.map_or_else(|| "?".to_owned(), |counted| counted.to_string());
        self.line(state, &shown, &format!("exactly {made}"), counted == Some(made), Limit::AtMost(0))
    }

    fn line(&mut self, name: &str, figure: &str, limit: &str, holds: bool, kind: Limit) -> Result<()> {
        self.beyond += usize::from(!holds);
        let verdict = match (holds, kind) {
            (_, Limit::None) => "",
            (true, _) => "ok",
            (false, _) => "BEYOND",
        };
        let line = format!("  {name:<32}{figure:>12}   {limit:<20}{verdict}");
        Ok(writeln!(std::io::stdout().lock(), "{}", line.trim_end())?)
    }
}
