//! What becomes of one key, for which one profile or several have a rule.

use super::formula::{Premises, UnworkableValue};
use super::plan::{Already, Change, Skip, SkipReason};
use super::{Demand, Operator, Rule};
use crate::catalog::{self, Scope, normalize_value};
use crate::snapshot::{Snapshot, SysctlReading};
use crate::units::SysctlKey;

/// What became of a rule, or of several for one key.
pub(super) enum Planned {
    Change(Change),
    Already(Already),
    Skip(Skip),
}

/// A rule that counts here, and what it demands.
struct Counting<'a> {
    rule: &'a Rule,
    demand: Demand,
    /// The value of the rule, where the kernel holds another one of it, which is that of the demand.
    rounded: Option<String>,
}

/// What becomes of a key: one row, and one more for each rule that has no value here.
pub(super) fn plan_key(key: &SysctlKey, rules: &[&Rule], snapshot: &Snapshot, premises: &Premises) -> Vec<Planned> {
    let mut planned = Vec::new();
    let mut aside = Vec::new();
    let mut counting = Vec::new();
    for rule in rules {
        match consider(key, rule, snapshot, premises) {
            Ok((demand, rounded)) => counting.push(Counting { rule, demand, rounded }),
            Err(why) => {
                let (operator, required) = (rule.operator, rule.required);
                let wanted = work_out(key, rule, snapshot, premises).unwrap_or_else(|_| rule.value.as_str().to_owned());
                let skip = Skip { key: key.clone(), operator, wanted, why, required };
                // A rule for other hosts says nothing where another one counts, and a key is absent once.
                let missing_value = matches!(skip.why, SkipReason::NotKnown(_) | SkipReason::ValueRefused(_));
                if missing_value { planned.push(Planned::Skip(skip)) } else { aside.push(skip) }
            }
        }
    }
    if let (Some(first), Some(before)) = (counting.first(), value(key, snapshot)) {
        planned.push(decide(key, first, &counting, before, snapshot));
    } else if let Some(required) = aside.iter().position(|skip| skip.required) {
        planned.push(Planned::Skip(aside.swap_remove(required)));
    } else if planned.is_empty() {
        planned.extend(aside.into_iter().next().map(Planned::Skip));
    }
    planned
}

fn value(key: &SysctlKey, snapshot: &Snapshot) -> Option<String> {
    snapshot.sysctls.value(key.as_str()).map(normalize_value)
}

/// What a rule demands here, or why it does not count.
fn consider(
    key: &SysctlKey,
    rule: &Rule,
    snapshot: &Snapshot,
    premises: &Premises,
) -> Result<(Demand, Option<String>), SkipReason> {
    if snapshot.kernel.version.is_some_and(|version| !rule.is_for(version)) {
        return Err(SkipReason::OtherKernel { since: rule.since, until: rule.until });
    }
    if let Some(why) = rule.when.against(snapshot.netns.initial, premises.memory_bytes) {
        return Err(SkipReason::NotHere(why));
    }
    match snapshot.sysctls.readings.get(key) {
        Some(SysctlReading::Value(_)) => {}
        Some(SysctlReading::Absent) => return Err(absence(key, snapshot)),
        Some(SysctlReading::Unreadable(reason)) => return Err(SkipReason::Unreadable(reason.clone())),
        None => return Err(SkipReason::Unreadable("it was not asked for".to_owned())),
    }
    let value = work_out(key, rule, snapshot, premises)?;
    let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
    let held = hz.and_then(|hz| catalog::rounded_to_ticks(key.as_str(), &value, hz)).filter(|held| *held != value);
    let demand = |value| Demand { operator: rule.operator, value };
    Ok(match held {
        Some(held) => (demand(held), Some(value)),
        None => (demand(value), None),
    })
}

/// The value of a rule on this host.
fn work_out(key: &SysctlKey, rule: &Rule, snapshot: &Snapshot, premises: &Premises) -> Result<String, SkipReason> {
    if rule.value.is_default() {
        let version = snapshot.kernel.version.ok_or(SkipReason::NotKnown("the version of the kernel"))?;
        let default = catalog::default_value(key.as_str(), version, snapshot.memory_kib);
        return default.ok_or(SkipReason::NotKnown("the kernel's default, which depends on the host"));
    }
    rule.value.work_out(premises).map_err(|why| match why {
        UnworkableValue::Unknown(quantity) => SkipReason::NotKnown(quantity.says()),
        UnworkableValue::Wrong(error) => SkipReason::ValueRefused(error.to_string()),
    })
}

/// Follows each rule in turn and looks whether all of them hold at the end.
fn decide(
    key: &SysctlKey,
    first: &Counting<'_>,
    counting: &[Counting<'_>],
    before: String,
    snapshot: &Snapshot,
) -> Planned {
    let mut after = before.clone();
    let mut decided = first;
    for one in counting.iter().filter(|one| one.demand.operator != Operator::Expect) {
        let next = one.demand.wanted_from(key, &after);
        if next != after {
            (after, decided) = (next, one);
        }
    }
    let demands: Vec<Demand> = counting.iter().map(|one| one.demand.clone()).collect();
    let skip = |why, required| {
        let (operator, wanted) = (decided.demand.operator, decided.demand.value.clone());
        Planned::Skip(Skip { key: key.clone(), operator, wanted, why, required })
    };
    let required = counting.iter().any(|one| one.rule.required);
    if demands.iter().any(|demand| !demand.is_met_by(key, &after)) {
        if after == before
            && demands.iter().all(|demand| demand.operator == Operator::Expect || demand.is_met_by(key, &after))
        {
            return skip(SkipReason::NeverWritten(before), required);
        }
        let says = |one: &Counting<'_>| format!("{}: {} {}", one.rule.profile, one.demand.operator, one.demand.value);
        let wants: Vec<String> = counting.iter().map(says).collect();
        return skip(SkipReason::Contradiction(wants.join("; ")), true);
    }
    if after == before {
        let (operator, wanted) = (decided.demand.operator, decided.demand.value.clone());
        let (key, reason) = (key.clone(), decided.rule.reason.clone());
        return Planned::Already(Already { key, value: before, operator, wanted, reason, demands, held_by: None });
    }
    let version = snapshot.kernel.version;
    let parameter = catalog::find(key.as_str());
    let scope = parameter.and_then(|parameter| version.map(|version| parameter.scope(version)));
    // A kernel in which a key of the host could be written from here would change it for all.
    if scope.is_some_and(|scope| scope != Scope::Namespace) && snapshot.netns.initial == Some(false) {
        return skip(SkipReason::ReadOnlyHere(before), required);
    }
    if let Some(version) = version
        && let Err(error) = catalog::check_value(key.as_str(), &after, version, None)
        // The key is there, so that the table thinks otherwise is a backport and no reason to refuse.
        && !matches!(error, catalog::ValueError::NotInThisKernel { .. })
    {
        return skip(SkipReason::ValueRefused(error.to_string()), required);
    }
    Planned::Change(Change {
        key: key.clone(),
        scope,
        before,
        after,
        operator: decided.demand.operator,
        reason: decided.rule.reason.clone(),
        source: decided.rule.source.clone(),
        risk: decided.rule.risk.clone(),
        takes_effect: parameter.map(|parameter| parameter.takes_effect),
        idle: None,
        rounded: decided.rounded.clone(),
        profile: decided.rule.profile.clone(),
        demands,
    })
}

/// Why a key is not there: not in this namespace, not in this kernel, or only not to be seen.
pub(super) fn absence(key: &SysctlKey, snapshot: &Snapshot) -> SkipReason {
    let Some(row) = catalog::find(key.as_str()) else { return SkipReason::Absent };
    let Some(version) = snapshot.kernel.version else { return SkipReason::Hidden(None) };
    match (row.scope(version), snapshot.netns.initial) {
        _ if !row.exists(version) => SkipReason::Absent,
        (Scope::Host, Some(false)) => SkipReason::OnlyInInitialNamespace,
        // Whether it is the initial one can be told only where sysctls are to be seen at all.
        (_, Some(_)) => catalog::module_of(row.key).map_or(SkipReason::Hidden(Some(version)), SkipReason::NotLoaded),
        (_, None) => SkipReason::Hidden(Some(version)),
    }
}
