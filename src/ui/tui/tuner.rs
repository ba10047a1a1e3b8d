//! The thread that plans and writes, so that keys never wait for it. It goes through the same functions of `tune`
//! as the command line does.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::collector::screen_keys;
use super::run::{Arrival, Options, send, spawn};
use super::{Event, ProfileEntry, TuneReply, TuneRequest};
use crate::collect::{SocketReading, Source, live};
use crate::snapshot::Snapshot;
use crate::tune::{
    JournalEntry, Plan, ProfileFiles, Target, Unreadable, choose_entry, plan_profile, plan_undo, read_profiles,
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
            TuneRequest::PlanRollback => TuneReply::Planned(self.rollback().map(Arc::new)),
            TuneRequest::CarryOut(plan) => TuneReply::Done(self.target.apply(&plan).map_err(|error| error.to_string())),
        }
    }

    /// These settings of the namespace and what else a plan needs.
    fn read(&self, keys: impl Iterator<Item = SysctlKey>) -> Result<Snapshot, String> {
        let mut wanted = screen_keys();
        wanted.extend(keys);
        let source = Source { keys: wanted.into_iter().collect(), ..self.source.clone() };
        live(&source).map_err(|error| error.to_string())
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
        let snapshot = self.read(profile.rules.keys().cloned())?;
        Ok(plan_profile(&profile, &snapshot))
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

/// Every profile, and those that cannot be read with the reason.
fn list() -> Vec<ProfileEntry> {
    let broken = |name: &str, origin: &str, reason: String| ProfileEntry {
        name: name.to_owned(),
        summary: Err(reason),
        origin: origin.to_owned(),
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
                Ok(profile) => {
                    ProfileEntry { name: name.to_owned(), summary: Ok(profile.summary), origin: origin.to_owned() }
                }
                Err(error) => broken(name, origin, error.to_string()),
            })
        })
        .collect();
    entries.extend(unreadable.into_iter().map(|(name, file, reason)| broken(&name, &file, reason)));
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    entries
}
