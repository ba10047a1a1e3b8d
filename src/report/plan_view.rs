//! Plans as JSON.

use serde::Serialize;

use super::answer::AnswerView;
use super::plan::{file_path, skip_reason};
use crate::catalog::{Scope, TakesEffect};
use crate::tune::{
    Bounded, Change, Conflict, Effect, ListenerEffect, MemoryWorst, Operator, Plan, PlanKind, Skip, SkipReason,
};

/// Version of the JSON of plans; the shape only grows.
const SCHEMA: u32 = 1;

/// A plan in JSON.
#[derive(Debug, Serialize)]
pub struct PlanView<'a> {
    schema: u32,
    kind: &'static str,
    /// The journal's entry that is rolled back.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<u64>,
    profile: &'a str,
    kernel: Option<&'a str>,
    netns: NetnsView<'a>,
    changes: Vec<ChangeView<'a>>,
    already: Vec<AlreadyView<'a>>,
    skipped: Vec<SkipView<'a>>,
    effects: Vec<EffectView>,
    listeners: Vec<ListenerView>,
    notes: &'a [String],
    costs: &'a [String],
    not_for: &'a [String],
    /// What is done to the file that keeps values across boots; null when it is not touched.
    file: Option<FileView<'a>>,
    conflicts: Vec<ConflictView<'a>>,
    /// What formulas would have, where a bound in them holds it down.
    bounded: Vec<BoundedView<'a>>,
    /// What buffers and orphans may take at worst; null when the plan changes nothing of that.
    memory: Option<MemoryView>,
}

#[derive(Debug, Serialize)]
struct BoundedView<'a> {
    key: &'a str,
    profile: &'a str,
    /// What the formula is after, as a number in text.
    wished: String,
    /// What the key has after the plan.
    given: String,
    /// The bound, as it stands in the formula.
    by: &'a str,
    why: Option<&'a str>,
    /// The network that is not served, and the bandwidth that fits at its round-trip time; null where the formula follows
    /// from none.
    bandwidth_bit_s: Option<u64>,
    rtt_us: Option<u64>,
    fits_bit_s: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ConflictView<'a> {
    kind: &'static str,
    key: Option<&'a str>,
    says: &'a str,
}

#[derive(Debug, Serialize)]
struct MemoryView {
    connection_bytes_before: u64,
    connection_bytes_after: u64,
    memory_bytes: Option<u64>,
    pressure_bytes: Option<u64>,
    connections_to_pressure: Option<u64>,
    connections_to_memory: Option<u64>,
    orphan_bytes: Option<u64>,
    risky: bool,
}

#[derive(Debug, Serialize)]
struct FileView<'a> {
    path: String,
    before: Option<&'a str>,
    after: Option<&'a str>,
    /// That it is left alone, since somebody else changed it.
    left: bool,
}

#[derive(Debug, Serialize)]
struct NetnsView<'a> {
    inode: Option<u64>,
    name: Option<&'a str>,
    /// Whether it is the host's own; null when that could not be told.
    initial: Option<bool>,
}

#[derive(Debug, Serialize)]
struct ChangeView<'a> {
    key: &'a str,
    scope: Option<Scope>,
    before: &'a str,
    after: &'a str,
    operator: Operator,
    reason: &'a str,
    source: &'a str,
    risk: Option<&'a str>,
    takes_effect: Option<TakesEffect>,
    /// Why the new value has no effect after the plan, where it has none.
    idle: Option<&'a str>,
    /// The value of the rule, where the kernel holds another one of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    rounded: Option<&'a str>,
    /// Whose rule decided.
    profile: &'a str,
}

#[derive(Debug, Serialize)]
struct AlreadyView<'a> {
    key: &'a str,
    value: &'a str,
    operator: Operator,
    wanted: &'a str,
}

/// A key that is left out, in JSON.
#[derive(Debug, Serialize)]
pub(super) struct SkipView<'a> {
    key: &'a str,
    operator: Operator,
    wanted: &'a str,
    /// A stable word.
    why: &'static str,
    /// The same in words.
    reason: String,
    required: bool,
}

#[derive(Debug, Serialize)]
struct EffectView {
    id: &'static str,
    label: &'static str,
    topic: &'static str,
    before: AnswerView,
    after: AnswerView,
}

#[derive(Debug, Serialize)]
struct ListenerView {
    address: String,
    port: u16,
    backlog: u32,
    half_open_before: u64,
    half_open_after: u64,
    limited_by_before: &'static str,
    limited_by_after: &'static str,
    held_by_somaxconn: bool,
}

impl<'a> From<&'a Plan> for PlanView<'a> {
    fn from(plan: &'a Plan) -> Self {
        let (kind, entry) = match plan.kind {
            PlanKind::Apply => ("apply", None),
            PlanKind::Rollback(entry) => ("rollback", Some(entry)),
        };
        Self {
            schema: SCHEMA,
            kind,
            entry,
            profile: &plan.profile,
            kernel: plan.kernel.as_deref(),
            netns: NetnsView { inode: plan.netns, name: plan.netns_name.as_deref(), initial: plan.netns_initial },
            changes: changes(plan),
            already: already(plan),
            skipped: plan.skipped.iter().map(SkipView::from).collect(),
            effects: plan.effects.iter().map(EffectView::from).collect(),
            listeners: plan.listeners.iter().map(ListenerView::from).collect(),
            notes: &plan.notes,
            costs: &plan.costs,
            not_for: &plan.not_for,
            conflicts: plan.conflicts.iter().map(conflict_view).collect(),
            bounded: plan.bounded.iter().map(bounded_view).collect(),
            memory: plan.memory.as_ref().map(memory_view),
            file: plan.file.as_ref().map(|file| FileView {
                path: file_path(file),
                before: file.before.as_deref(),
                after: file.after.as_deref(),
                left: file.left,
            }),
        }
    }
}

fn bounded_view(bounded: &Bounded) -> BoundedView<'_> {
    BoundedView {
        key: bounded.key.as_str(),
        profile: &bounded.profile,
        wished: bounded.wished.to_string(),
        given: bounded.given.to_string(),
        by: &bounded.by,
        why: bounded.why.as_deref(),
        bandwidth_bit_s: bounded.network.map(|network| network.bandwidth_bit_s),
        rtt_us: bounded.network.map(|network| network.rtt_us),
        fits_bit_s: bounded.network.map(|network| network.fits_bit_s),
    }
}

fn conflict_view(conflict: &Conflict) -> ConflictView<'_> {
    let key = conflict.key.as_ref().map(crate::units::SysctlKey::as_str);
    ConflictView { kind: conflict.kind.word(), key, says: &conflict.says }
}

fn memory_view(worst: &MemoryWorst) -> MemoryView {
    MemoryView {
        connection_bytes_before: worst.connection_before,
        connection_bytes_after: worst.connection_after,
        memory_bytes: worst.memory,
        pressure_bytes: worst.pressure,
        connections_to_pressure: worst.connections_to_pressure(),
        connections_to_memory: worst.connections_to_memory(),
        orphan_bytes: worst.orphan_bytes(),
        risky: worst.is_risky(),
    }
}

fn changes<'a>(plan: &'a Plan) -> Vec<ChangeView<'a>> {
    let view = |change: &'a Change| ChangeView {
        key: change.key.as_str(),
        scope: change.scope,
        before: &change.before,
        after: &change.after,
        operator: change.operator,
        reason: &change.reason,
        source: &change.source,
        risk: change.risk.as_deref(),
        takes_effect: change.takes_effect,
        idle: change.idle.as_deref(),
        rounded: change.rounded.as_deref(),
        profile: &change.profile,
    };
    plan.changes.iter().map(view).collect()
}

fn already(plan: &Plan) -> Vec<AlreadyView<'_>> {
    plan.already
        .iter()
        .map(|already| AlreadyView {
            key: already.key.as_str(),
            value: &already.value,
            operator: already.operator,
            wanted: &already.wanted,
        })
        .collect()
}

impl<'a> From<&'a Skip> for SkipView<'a> {
    fn from(skip: &'a Skip) -> Self {
        Self {
            key: skip.key.as_str(),
            operator: skip.operator,
            wanted: &skip.wanted,
            why: skip_word(&skip.why),
            reason: skip_reason(&skip.why),
            required: skip.required,
        }
    }
}

impl From<&Effect> for EffectView {
    fn from(effect: &Effect) -> Self {
        Self {
            id: effect.id,
            label: effect.label,
            topic: effect.topic,
            before: effect.before.into(),
            after: effect.after.into(),
        }
    }
}

impl From<&ListenerEffect> for ListenerView {
    fn from(effect: &ListenerEffect) -> Self {
        Self {
            address: effect.address.to_string(),
            port: effect.port,
            backlog: effect.backlog,
            half_open_before: effect.before.half_open_capacity,
            half_open_after: effect.after.half_open_capacity,
            limited_by_before: effect.before.limited_by.name(),
            limited_by_after: effect.after.limited_by.name(),
            held_by_somaxconn: effect.held_by_somaxconn,
        }
    }
}

/// A stable word for a reason.
fn skip_word(why: &SkipReason) -> &'static str {
    match why {
        SkipReason::OnlyInInitialNamespace => "only-in-initial-namespace",
        SkipReason::Absent => "absent",
        SkipReason::Hidden(_) => "hidden",
        SkipReason::NotLoaded(_) => "module-not-loaded",
        SkipReason::OtherKernel { .. } => "other-kernel",
        SkipReason::NotHere(_) => "condition-not-met",
        SkipReason::NotKnown(_) => "not-known",
        SkipReason::NeverWritten(_) => "never-written",
        SkipReason::Contradiction(_) => "contradiction",
        SkipReason::Unreadable(_) => "unreadable",
        SkipReason::ReadOnlyHere(_) => "read-only-here",
        SkipReason::ValueRefused(_) => "value-refused",
        SkipReason::BootedSince => "booted-since",
        SkipReason::ChangedSince(_) => "changed-since",
        SkipReason::ChangedByEntry { .. } => "changed-by-entry",
    }
}
