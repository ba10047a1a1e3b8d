//! What a profile's formula would have, where a bound in the same formula holds it down.

use super::formula::{Function, Premises, Quantity, RuleValue};
use super::plan::Plan;
use super::{Operator, Profile};
use crate::catalog;
use crate::units::{Micros, SysctlKey, bandwidth_text};

/// A number of a value that is not what its formula is after, since a bound in it holds it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// The key.
    pub key: SysctlKey,
    /// The profile whose rule it is.
    pub profile: String,
    /// What the formula is after.
    pub wished: i128,
    /// What the key has after the plan.
    pub given: i128,
    /// The bound, as it stands in the formula.
    pub by: String,
    /// Why there is a bound, as the profile says it.
    pub why: Option<String>,
    /// The network that is not served, where the formula follows from one.
    pub network: Option<BoundedNetwork>,
}

/// A network that a value is too small for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundedNetwork {
    /// Its round-trip time in microseconds.
    pub rtt_us: u64,
    /// Its bandwidth in bits per second.
    pub bandwidth_bit_s: u64,
    /// The bandwidth in bits per second for which the value would do at that round-trip time.
    pub fits_bit_s: u64,
}

impl Bounded {
    /// What is not met, how far it goes, and why, as a sentence without the key.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (wished, given, by) = (self.wished, self.given, &self.by);
        let unit = catalog::find(self.key.as_str()).map_or("", |row| row.unit);
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let held = format!("{wished} {unit}, and {by} holds it at {given}{why}");
        match self.network {
            None => format!("{} asks for {held}", self.profile),
            Some(BoundedNetwork { rtt_us, bandwidth_bit_s, fits_bit_s }) => format!(
                "{} over {} is not met: it takes {held}; at that round-trip time {} fits",
                bandwidth_text(bandwidth_bit_s),
                Micros(rtt_us),
                bandwidth_text(fits_bit_s),
            ),
        }
    }
}

/// Every number of a plan's values that a bound holds where no wish of the profiles would have it.
pub(super) fn find_bounded(plan: &Plan, profiles: &[Profile], premises: &Premises) -> Vec<Bounded> {
    let mut found = Vec::new();
    for (profile, key, rule) in
        profiles.iter().flat_map(|one| one.rules.iter().map(move |(key, rule)| (one, key, rule)))
    {
        // `min` holds down what should be large enough, and `max` holds up what should be small enough.
        let holds = match rule.operator {
            Operator::AtLeast | Operator::Set => Function::Min,
            Operator::AtMost => Function::Max,
            Operator::Include | Operator::Expect => continue,
        };
        let Some(value) = then(plan, key) else { continue };
        for (word, bound) in rule.value.bounds(premises, holds) {
            let given = value.split_whitespace().nth(word).and_then(|number| number.parse::<i128>().ok());
            let Some(given) = given.filter(|given| !is_met(holds, bound.wished, *given)) else { continue };
            found.push(Bounded {
                key: key.clone(),
                profile: profile.name.clone(),
                wished: bound.wished,
                given,
                by: bound.by,
                why: rule.cap.clone(),
                network: network(&rule.value, word, holds, given, premises),
            });
        }
    }
    found
}

/// The value of a key after the plan, where the plan is about it and can have it.
fn then<'a>(plan: &'a Plan, key: &SysctlKey) -> Option<&'a str> {
    let changed = plan.changes.iter().find(|change| change.key == *key).map(|change| change.after.as_str());
    changed.or_else(|| plan.already.iter().find(|one| one.key == *key).map(|one| one.value.as_str()))
}

const fn is_met(holds: Function, wished: i128, given: i128) -> bool {
    match holds {
        Function::Max => given <= wished,
        _ => given >= wished,
    }
}

/// The network that the number at `word` is too small for, and how much of it fits: nothing where it follows from none.
fn network(
    value: &RuleValue,
    word: usize,
    holds: Function,
    given: i128,
    premises: &Premises,
) -> Option<BoundedNetwork> {
    let about = value.quantities();
    let asks = about.contains(&Quantity::Bdp) || about.contains(&Quantity::Bandwidth);
    let (rtt_us, bandwidth_bit_s) = asks.then_some(premises.rtt_us.zip(premises.bandwidth_bit_s)).flatten()?;
    let fits = |bandwidth: u64| {
        let smaller = Premises { bandwidth_bit_s: Some(bandwidth), ..*premises };
        value.wished(word, &smaller, holds).is_some_and(|wished| is_met(holds, wished, given))
    };
    // The greatest bandwidth that fits lies between one that does and one that does not.
    let (mut near, mut far) = (0, bandwidth_bit_s);
    while far - near > 1 {
        let middle = near + (far - near) / 2;
        if fits(middle) { near = middle } else { far = middle }
    }
    Some(BoundedNetwork { rtt_us, bandwidth_bit_s, fits_bit_s: near })
}
