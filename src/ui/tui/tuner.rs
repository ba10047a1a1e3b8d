//! The thread that plans and writes, so that keys never wait for it. It goes through the same functions of `tune`
//! as the command line does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::collector::screen_keys;
use super::profiles::{CONFIRM_MS, Verified};
use super::run::{Arrival, Options, send, spawn};
use super::{Event, ProfileEntry, TuneReply, TuneRequest};
use crate::collect::{SocketReading, Source, SynQueues, live};
use crate::snapshot::Snapshot;
use crate::tune::{
    AVAILABLE_KEYS, JournalEntry, KeptWhere, MEMORY_KEYS, Operator, Plan, PlanKind, Premises, Profile, ProfileFiles,
    Receipt, Rule, Surroundings, SysctlTree, Target, Unreadable, Waiter, Waiting, When, Wishes, choose_entry, confirm,
    find_conflicts, plan_profile, plan_undo, read_keeping, read_profiles, read_programs, read_sysctl_tree,
    standing_demands, weigh_memory,
};
use crate::units::SysctlKey;

/// Where the administrator's profiles are.
const PROFILE_DIR: &str = "/etc/tcpctl/profiles.d";

/// Starts the thread. It ends with the sender of its requests, after what it is doing.
pub(super) fn start(options: &Options, sender: &Sender<Arrival>) -> (Sender<TuneRequest>, JoinHandle<()>) {
    let mut tuner = Tuner {
        first_netns: options.netns.clone(),
        source: Source {
            proc_root: options.proc_root.clone(),
            netns: options.netns.clone(),
            keys: Vec::new(),
            sockets: SocketReading::Best,
            processes: false,
            syn_queues: SynQueues::default(),
        },
        target: Target::new(&options.proc_root, options.netns.as_deref(), &options.state_dir),
    };
    let (requests, told) = channel();
    let handle = spawn("tuning", sender.clone(), move |sender| {
        while let Ok(request) = told.recv() {
            if let TuneRequest::Enter(netns) = request {
                tuner.enter(netns);
            } else if !send(sender, Event::Tuned(Box::new(tuner.answer(request)))) {
                return;
            }
        }
    });
    (requests, handle)
}

struct Tuner {
    /// What a plan is made from, without its keys.
    source: Source,
    target: Target,
    /// The namespace that was asked for at the start.
    first_netns: Option<String>,
}

impl Tuner {
    fn enter(&mut self, netns: Option<String>) {
        self.source.netns = netns.or_else(|| self.first_netns.clone());
        let state_dir = self.target.state_dir().path().to_owned();
        self.target = Target::new(&self.source.proc_root, self.source.netns.as_deref(), &state_dir);
    }

    fn answer(&self, request: TuneRequest) -> TuneReply {
        match request {
            TuneRequest::List | TuneRequest::Enter(_) => {
                TuneReply::Listed { profiles: list(), history: self.history(), place: self.target.place().ok() }
            }
            TuneRequest::PlanProfile(name) => TuneReply::Planned(self.plan(&name).map(Arc::new)),
            TuneRequest::PlanValues(values) => TuneReply::Planned(self.plan_of(&what_if(values)).map(Arc::new)),
            TuneRequest::PlanRollback => TuneReply::Planned(self.rollback().map(Arc::new)),
            TuneRequest::Verify(name) => TuneReply::Verified(self.verify(&name).map(Arc::new)),
            TuneRequest::Keep(entry) => {
                let kept = confirm(self.target.state_dir(), entry, Waiting::default());
                TuneReply::Kept(kept.map(|_| entry).map_err(|error| error.to_string()))
            }
            TuneRequest::CarryOut(plan) => TuneReply::Done(self.carry_out(&plan)),
        }
    }

    /// These settings of the namespace and what else a plan needs.
    fn read(&self, keys: impl Iterator<Item = SysctlKey>) -> Result<Snapshot, String> {
        let mut wanted = screen_keys();
        wanted.extend(keys);
        let source = Source { keys: wanted.into_iter().collect(), ..self.source.clone() };
        live(&source).map_err(|error| error.to_string())
    }

    /// Applies so that it is undone by a process of its own unless it is kept; what undoes needs no undoing.
    fn carry_out(&self, plan: &Plan) -> Result<Receipt, String> {
        let within_ms = (plan.kind == PlanKind::Apply).then_some(CONFIRM_MS);
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let state_dir = self.target.state_dir().path();
        let waiter = Waiter::new(program, &self.source.proc_root, state_dir).map_err(|error| error.to_string())?;
        let wishes = Wishes { confirm_within_ms: within_ms, ..Wishes::default() };
        let mut start = |entry| within_ms.map_or(Ok(()), |within_ms| waiter.start(entry, within_ms));
        self.target.apply_with(plan, &wishes, &mut start).map_err(|error| error.to_string())
    }

    /// Holds a profile against the running values, and in the host's own namespace against the files of the next boot.
    fn verify(&self, name: &str) -> Result<Verified, String> {
        let plan = self.plan(name)?;
        let booted = self.source.proc_root == Path::new("/proc") && plan.netns_initial == Some(true);
        let history = self.target.state_dir().history();
        let wanted = KeptWhere { booted, ..KeptWhere::default() };
        let kept = read_keeping(&plan, history.as_ref(), self.target.place().ok().as_ref(), &wanted);
        Ok(Verified { plan, kept })
    }

    /// The files that the host's own namespace boots with; other namespaces have none.
    fn boot_files(&self, initial: Option<bool>) -> Option<SysctlTree> {
        let own = self.source.proc_root == Path::new("/proc") && initial == Some(true);
        own.then(|| read_sysctl_tree(Path::new("/")))
    }

    /// Adds what stands in the way of a plan. What cannot be read is no reason to refuse it: applying it will say so.
    fn look_around(&self, plan: &mut Plan, snapshot: &Snapshot) {
        let history = self.target.state_dir().history().unwrap_or_default();
        let standing = self.target.place().map_or_else(|_| Vec::new(), |place| standing_demands(&history, &place));
        let files = self.boot_files(snapshot.netns.initial);
        let programs = read_programs(&self.source.proc_root);
        let around = Surroundings { standing: &standing, files: files.as_ref(), programs: &programs };
        plan.conflicts = find_conflicts(plan, snapshot, &around);
    }

    fn plan(&self, name: &str) -> Result<Plan, String> {
        let files = read_profiles(Path::new(PROFILE_DIR))?;
        if let Some((_, file, reason)) = files.unreadable.iter().find(|(unreadable, ..)| unreadable == name) {
            return Err(format!("cannot read the profile {file}: {reason}"));
        }
        let profile = match files.profiles.resolve(name) {
            Some(Ok(profile)) => profile,
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err(format!("there is no profile `{name}` any more")),
        };
        self.plan_of(&profile)
    }

    fn plan_of(&self, profile: &Profile) -> Result<Plan, String> {
        let besides = MEMORY_KEYS.iter().chain(&AVAILABLE_KEYS).filter_map(|key| key.parse().ok());
        let snapshot = self.read(profile.rules.keys().cloned().chain(besides))?;
        let premises = Premises::of(&snapshot);
        profile.check_values(&premises).map_err(|error| error.to_string())?;
        let mut plan = plan_profile(profile, &snapshot);
        plan.memory = weigh_memory(&plan, &snapshot, Target::page_bytes());
        self.look_around(&mut plan, &snapshot);
        Ok(plan)
    }

    /// The journal, the newest entry first.
    fn history(&self) -> Result<Vec<JournalEntry>, String> {
        let state_dir = self.target.state_dir();
        let mut history = state_dir.history().map_err(|error| error.to_string())?;
        if let Some(Unreadable { file, reason, .. }) = history.unreadable.first() {
            return Err(format!("{}/{file}: {reason}", state_dir.path().display()));
        }
        history.entries.reverse();
        Ok(history.entries)
    }

    fn rollback(&self) -> Result<Plan, String> {
        let history = self.target.state_dir().history().map_err(|error| error.to_string())?;
        let place = self.target.place().map_err(|error| error.to_string())?;
        let entry = choose_entry(&history, None, &place);
        let entry = entry.map_err(|error| error.to_string())?;
        let snapshot = self.read(entry.all_keys().map(|key| key.key.clone()))?;
        plan_undo(entry, &history, &snapshot, &place, false).map_err(|error| error.to_string())
    }
}

/// Values that were asked about, as a profile.
fn what_if(values: BTreeMap<SysctlKey, String>) -> Profile {
    let name = "what-if".to_owned();
    let rule = |value: String| Rule {
        operator: Operator::Set,
        value: value.as_str().into(),
        reason: "it was asked about in the interface".to_owned(),
        source: "tcpctl's model of the kernel".to_owned(),
        risk: None,
        cap: None,
        required: false,
        since: None,
        until: None,
        when: When::default(),
        profile: name.clone(),
    };
    Profile {
        summary: "Values that were asked about".to_owned(),
        parents: Vec::new(),
        rules: values.into_iter().map(|(key, value)| (key, rule(value))).collect(),
        notes: Vec::new(),
        costs: Vec::new(),
        not_for: Vec::new(),
        name: name.clone(),
    }
}

/// Every profile, and those that cannot be read with the reason.
fn list() -> Vec<ProfileEntry> {
    let broken = |name: &str, origin: &str, reason: String| ProfileEntry {
        name: name.to_owned(),
        summary: Err(reason),
        origin: origin.to_owned(),
        profile: None,
    };
    let ProfileFiles { profiles, unreadable } = match read_profiles(Path::new(PROFILE_DIR)) {
        Ok(files) => files,
        Err(reason) => return vec![broken(PROFILE_DIR, PROFILE_DIR, reason)],
    };
    let mut entries: Vec<ProfileEntry> = profiles
        .names()
        .into_iter()
        .filter(|name| !unreadable.iter().any(|(unreadable, ..)| unreadable == name))
        .filter_map(|name| {
            let origin = profiles.source(name).and_then(|source| source.file.as_deref()).unwrap_or("built in");
            Some(match profiles.resolve(name)? {
                Ok(profile) => ProfileEntry {
                    name: name.to_owned(),
                    summary: Ok(profile.summary.clone()),
                    origin: origin.to_owned(),
                    profile: Some(Arc::new(profile)),
                },
                Err(error) => broken(name, origin, error.to_string()),
            })
        })
        .collect();
    entries.extend(unreadable.into_iter().map(|(name, file, reason)| broken(&name, &file, reason)));
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    entries
}
