//! What stands in the way of a plan: other profiles, files that are read at boot, programs that write the same keys,
//! services whose ports it would give away.

use super::bounded::Bounded;
use super::lint::{LintFinding, LintHost, lint_values};
use super::sysctl_d::{Reader, Resolver, SysctlTree};
use super::{Change, Demand, Operator, Plan, PlanKind};
use crate::catalog::{self, join_ports, normalize_value};
use crate::snapshot::{Snapshot, Sysctls};
use crate::units::SysctlKey;

/// Something that stands in the way of a plan, or will later. It is said; it stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What kind it is.
    pub kind: ConflictKind,
    /// The key, where it is about one.
    pub key: Option<SysctlKey>,
    /// What is so, and what follows.
    pub says: String,
}

/// Kinds of conflicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConflictKind {
    /// A profile that stands demands something else.
    OtherProfile,
    /// A file gives the key another value at boot.
    FileAtBoot,
    /// A program that runs here writes the key too.
    Program,
    /// A bound in a formula keeps the value from what is wished for.
    Bound,
    /// The kernel takes the value, and it is hardly meant.
    Value,
    /// A service listens on a port that outgoing connections may get.
    Listener,
    /// A name that the kernel may refuse, or load a module for.
    Name,
    /// What TCP may hold in all keeps the buffers from what the plan allows them.
    Memory,
}

impl ConflictKind {
    /// A stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OtherProfile => "other-profile",
            Self::FileAtBoot => "file-at-boot",
            Self::Program => "program",
            Self::Listener => "listener",
            Self::Bound => "bound",
            Self::Value => "value",
            Self::Name => "name",
            Self::Memory => "memory",
        }
    }
}

/// A program that writes sysctls.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name, as the kernel keeps it (at most 15 bytes).
    pub name: &'static str,
    /// The beginnings of the keys that it writes; nothing for one that may write any.
    keys: &'static [&'static str],
    /// What it does to them.
    says: &'static str,
}

/// Programs that are known to write network sysctls while they run.
pub const PROGRAMS: &[Program] = &[
    Program { name: "tuned", keys: &[], says: "sets those of its own profile whenever it starts or switches" },
    Program {
        name: "bpftune",
        keys: &["net.ipv4.tcp_", "net.core.", "net.ipv4.neigh."],
        says: "adjusts buffers, backlogs and congestion control by itself, and stops for a key that somebody else sets",
    },
    Program {
        name: "cilium-agent",
        keys: &["net.core.default_qdisc", "net.ipv4.tcp_congestion_control", "net.core.somaxconn"],
        says: "forces fq and cubic or bbr with its bandwidth manager, and raises backlogs",
    },
    Program {
        name: "kube-proxy",
        keys: &["net.netfilter.nf_conntrack_"],
        says: "raises nf_conntrack_max and two timeouts when it starts",
    },
];

/// What a profile that stands demands of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The entry of the journal.
    pub entry: u64,
    /// The profile.
    pub profile: String,
    /// The key.
    pub key: SysctlKey,
    /// What is demanded of it.
    pub demands: Vec<Demand>,
}

/// What a plan is looked at together with.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// What the profiles that stand here demand.
    pub standing: &'a [Standing],
    /// The files that are read at boot, where they are for this namespace.
    pub files: Option<&'a SysctlTree>,
    /// The names of programs that run.
    pub programs: &'a [String],
}

/// Everything that stands in the way of applying a plan.
#[must_use]
pub fn find_conflicts(plan: &Plan, snapshot: &Snapshot, around: &Surroundings<'_>) -> Vec<Conflict> {
    if plan.kind != PlanKind::Apply {
        return Vec::new();
    }
    let mut found = bounds(plan);
    found.extend(other_profiles(plan, around));
    found.extend(around.files.map(|tree| at_boot(plan, tree)).unwrap_or_default());
    found.extend(programs(plan, around.programs));
    found.extend(listeners(plan, snapshot));
    found.extend(values(plan, snapshot));
    found.extend(names(plan, snapshot));
    found.extend(tight_memory(plan, snapshot));
    found
}

/// Bounds in formulas that keep values from what is wished for; keys of which the same is to be said together.
fn bounds(plan: &Plan) -> Vec<Conflict> {
    let mut found: Vec<(Vec<&Bounded>, String)> = Vec::new();
    for bounded in &plan.bounded {
        let says = bounded.sentence();
        match found.iter_mut().find(|(_, said)| *said == says) {
            Some((group, _)) => group.push(bounded),
            None => found.push((vec![bounded], says)),
        }
    }
    let conflict = |(group, says): (Vec<&Bounded>, String)| {
        let leaves: Vec<&str> = group.iter().map(|one| one.key.leaf()).collect();
        let (key, says) = match group.as_slice() {
            [one] => (Some(one.key.clone()), says),
            _ => (None, format!("{}: {says}", leaves.join(", "))),
        };
        Conflict { kind: ConflictKind::Bound, key, says }
    };
    found.into_iter().map(conflict).collect()
}

/// The host as lint judges values for it.
pub(super) fn lint_host(snapshot: &Snapshot) -> LintHost {
    LintHost {
        version: snapshot.kernel.version,
        hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz),
        memory_kib: snapshot.memory_kib,
        sysctls: available(snapshot),
        ..LintHost::default()
    }
}

/// What the kernel has that is called by name, which a plan has to read besides its own keys.
pub const AVAILABLE_KEYS: [&str; 2] = [AVAILABLE, ALLOWED];

const AVAILABLE: &str = "net.ipv4.tcp_available_congestion_control";
const ALLOWED: &str = "net.ipv4.tcp_allowed_congestion_control";

/// Of all that was read what names are judged by.
fn available(snapshot: &Snapshot) -> Sysctls {
    let own = snapshot.sysctls.readings.iter().filter(|(key, _)| key.as_str() == AVAILABLE);
    Sysctls { readings: own.map(|(key, reading)| (key.clone(), reading.clone())).collect() }
}

/// Congestion controls that the kernel does not have yet, or does not let a namespace have.
fn names(plan: &Plan, snapshot: &Snapshot) -> Vec<Conflict> {
    const CONTROL: &str = "net.ipv4.tcp_congestion_control";
    let has =
        |key: &str, name: &str| snapshot.sysctls.value(key).map(|list| list.split_whitespace().any(|one| one == name));
    let change = |key: &'static str| plan.changes.iter().find(move |change| change.key.as_str() == key);
    let mut found = Vec::new();
    if let Some(change) = change(CONTROL) {
        let name = change.after.as_str();
        let module = catalog::names_of(CONTROL)
            .and_then(|(_, names)| names.iter().find(|named| named.name == name)?.module)
            .map_or_else(|| format!("tcp_{name}"), str::to_owned);
        // In a namespace that is not the host's only what is allowed to everybody may be the default (EPERM).
        let says = if snapshot.netns.initial == Some(false) && has(ALLOWED, name) == Some(false) {
            Some(format!(
                "{name} is not in tcp_allowed_congestion_control, without which the kernel refuses it in a network \
                 namespace that is not the host's"
            ))
        } else if has(AVAILABLE, name) == Some(false) {
            Some(format!(
                "{name} is not in tcp_available_congestion_control: the kernel loads the module {module} when it is \
                 set, and refuses it (ENOENT) where there is none or the writer may load none, as in a container"
            ))
        } else {
            None
        };
        let key = Some(change.key.clone());
        found.extend(says.map(|says| Conflict { kind: ConflictKind::Name, key, says }));
    }
    if let Some(change) = change(ALLOWED) {
        let missing = |name: &&str| has(AVAILABLE, name) == Some(false);
        let missing: Vec<&str> = change.after.split_whitespace().filter(missing).collect();
        if !missing.is_empty() {
            let says = format!(
                "{}: not in tcp_available_congestion_control; the kernel loads no module for this key and refuses the \
                 whole list (ENOENT): load it first",
                missing.join(", ")
            );
            found.push(Conflict { kind: ConflictKind::Name, key: Some(change.key.clone()), says });
        }
    }
    found
}

/// A `tcp_mem` that is so small as it stands that buffers will not grow as far as the plan lets them.
fn tight_memory(plan: &Plan, snapshot: &Snapshot) -> Vec<Conflict> {
    const MEM: &str = "net.ipv4.tcp_mem";
    let grown =
        plan.changes.iter().filter(|change| ["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"].contains(&change.key.as_str()));
    let grown: Vec<&str> = grown.map(|change| change.key.leaf()).collect();
    let touched = plan.changes.iter().any(|change| change.key.as_str() == MEM);
    let (Ok(key), Some(text)) = (MEM.parse::<SysctlKey>(), snapshot.sysctls.value(MEM)) else { return Vec::new() };
    if grown.is_empty() || touched {
        return Vec::new();
    }
    let text = normalize_value(text);
    let found = lint_values([(&key, text.as_str(), "")], &lint_host(snapshot));
    let says = |finding: LintFinding| {
        format!("{}, so that {} may not get as far as planned: {}", finding.message, grown.join(" and "), finding.why)
    };
    let lowered = found.into_iter().filter(|finding| finding.rule.id == "memory-lowered");
    lowered
        .map(|finding| Conflict { kind: ConflictKind::Memory, key: Some(key.clone()), says: says(finding) })
        .collect()
}

/// What lint would say of the new values in a file.
fn values(plan: &Plan, snapshot: &Snapshot) -> Vec<Conflict> {
    let host = lint_host(snapshot);
    let changes = plan.changes.iter().map(|change| (&change.key, change.after.as_str(), change.reason.as_str()));
    // What is so already belongs to the picture, and is not what the plan does.
    let already = plan.already.iter().map(|one| (&one.key, one.value.as_str(), one.reason.as_str()));
    let changes_it = |conflict: &Conflict| {
        conflict.key.as_ref().is_none_or(|key| plan.changes.iter().any(|change| change.key == *key))
    };
    let conflict = |finding: LintFinding| {
        let key = finding.key.as_deref().and_then(|key| key.parse().ok());
        Conflict { kind: ConflictKind::Value, key, says: format!("{}: {}", finding.message, finding.why) }
    };
    lint_values(changes.chain(already), &host).into_iter().map(conflict).filter(changes_it).collect()
}

/// Every key of a plan that it is about, with its value then and what is demanded of it.
fn keys(plan: &Plan) -> impl Iterator<Item = (&SysctlKey, &str, &[Demand])> {
    let changes = plan.changes.iter().map(|one| (&one.key, one.after.as_str(), one.demands.as_slice()));
    changes.chain(plan.already.iter().map(|one| (&one.key, one.value.as_str(), one.demands.as_slice())))
}

fn other_profiles(plan: &Plan, around: &Surroundings<'_>) -> Vec<Conflict> {
    let conflict = |standing: &Standing| {
        let (_, after, _) = keys(plan).find(|(planned, _, _)| **planned == standing.key)?;
        let broken = standing.demands.iter().find(|demand| !demand.is_met_by(&standing.key, after))?;
        let (id, profile, operator, value) = (standing.entry, &standing.profile, broken.operator, &broken.value);
        let says =
            format!("{profile} (entry {id}) stands and wants {operator} {value}; with {after} it is not met any more");
        Some(Conflict { kind: ConflictKind::OtherProfile, key: Some(standing.key.clone()), says })
    };
    let others = around.standing.iter().filter(|standing| standing.profile != plan.profile);
    others.filter_map(conflict).collect()
}

fn at_boot(plan: &Plan, tree: &SysctlTree) -> Vec<Conflict> {
    let systemd = Resolver::new(tree, Reader::Systemd);
    let mut found = Vec::new();
    for (key, after, demands) in keys(plan) {
        let Some(line) = systemd.decide(key).decided_by else { continue };
        let own = plan.file.as_ref().is_some_and(|file| line.file.ends_with(file.name)) || is_own(&line.file);
        let value = normalize_value(&line.value);
        let unmet = || demands.iter().filter(|demand| !demand.is_met_by(key, &value));
        if own || unmet().next().is_none() {
            continue;
        }
        let (file, number) = (&line.file, line.place.line);
        // tcpctl's own file keeps what the plan writes, and nothing that a profile only relies on.
        if unmet().all(|demand| demand.operator == Operator::Expect) {
            let says = format!("{file}:{number} sets {value} at the next boot, and the profile relies on {after}");
            found.push(Conflict { kind: ConflictKind::FileAtBoot, key: Some(key.clone()), says });
            continue;
        }
        let kept = plan.file.is_some();
        let says = match kept && line.file.rsplit('/').next() < Some(super::DROP_IN) {
            // Ours is read later.
            true => continue,
            false if kept => format!("{file}:{number} sets {value} at boot, after tcpctl's own file and against it"),
            false => format!("{file}:{number} sets {value} at the next boot, and {after} is gone then"),
        };
        found.push(Conflict { kind: ConflictKind::FileAtBoot, key: Some(key.clone()), says });
    }
    found
}

/// Whether a file is the one that tcpctl itself keeps.
fn is_own(file: &str) -> bool {
    file.rsplit('/').next() == Some(super::DROP_IN)
}

fn programs(plan: &Plan, running: &[String]) -> Vec<Conflict> {
    let touches = |program: &&Program| {
        let by =
            |key: &SysctlKey| program.keys.is_empty() || program.keys.iter().any(|one| key.as_str().starts_with(one));
        running.iter().any(|name| name == program.name) && plan.changes.iter().any(|change| by(&change.key))
    };
    let says = |program: &Program| Conflict {
        kind: ConflictKind::Program,
        key: None,
        says: format!("{} runs here: it {}", program.name, program.says),
    };
    PROGRAMS.iter().filter(touches).map(says).collect()
}

/// Services on ports that only the new range gives to outgoing connections.
fn listeners(plan: &Plan, snapshot: &Snapshot) -> Vec<Conflict> {
    const RANGE: &str = "net.ipv4.ip_local_port_range";
    let range = |text: &str| -> Option<(u16, u16)> {
        let (low, high) = text.split_once(' ')?;
        Some((low.parse().ok()?, high.trim().parse().ok()?))
    };
    let change = |key: &str| -> Option<&Change> { plan.changes.iter().find(|change| change.key.as_str() == key) };
    let Some(change) = change(RANGE) else { return Vec::new() };
    let (Some(before), Some(after)) = (range(&change.before), range(&change.after)) else { return Vec::new() };
    let Some(sockets) = &snapshot.sockets else { return Vec::new() };
    let reserved = snapshot.sysctls.value("net.ipv4.ip_local_reserved_ports").unwrap_or_default();
    let within = |(low, high): (u16, u16), port: u16| (low..=high).contains(&port);
    // Including a port that is in the list already changes nothing.
    let is_reserved = |port: u16| join_ports(reserved, &port.to_string()) == join_ports(reserved, "");
    let mut ports: Vec<u16> = sockets
        .listeners
        .iter()
        .map(|listener| listener.port)
        .filter(|port| within(after, *port) && !within(before, *port) && !is_reserved(*port))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    if ports.is_empty() {
        return Vec::new();
    }
    let list: Vec<String> = ports.iter().map(u16::to_string).collect();
    let says = format!(
        "services listen on {} within the new range: one that restarts may find its port taken; add them to \
         ip_local_reserved_ports first",
        list.join(", ")
    );
    vec![Conflict { kind: ConflictKind::Listener, key: Some(change.key.clone()), says }]
}
