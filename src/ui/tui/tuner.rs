//! The thread that plans and writes, so that keys never wait for it. It goes through the same functions of `tune`
//! as the command line does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::collector::screen_keys;
use super::run::{Arrival, Options, send, spawn};
use super::{Event, ProfileEntry, TuneReply, TuneRequest};
use crate::collect::{SocketReading, Source, live};
use crate::snapshot::Snapshot;
use crate::sys::{Namespace, ProcRoot, SysctlFiles, effective_uid, read_text, unix_ms};
use crate::tune::{
    ApplyFrom, JournalEntry, Plan, Profiles, Receipt, StateDir, apply_plan, choose_entry, plan_profile, plan_rollback,
};
use crate::units::SysctlKey;

/// Where the administrator's profiles are.
const PROFILES_D: &str = "/etc/tcpctl/profiles.d";

/// Starts the thread. It ends with the sender of its requests, after what it is doing.
pub(super) fn start(options: &Options, sender: &Sender<Arrival>) -> (Sender<TuneRequest>, JoinHandle<()>) {
    let tuner = Tuner {
        proc_root: options.proc_root.clone(),
        netns: options.netns.clone(),
        state_dir: StateDir::new(&options.state_dir),
    };
    let (requests, told) = channel();
    let handle = spawn("tuning", sender.clone(), move |sender| {
        while let Ok(request) = told.recv() {
            if !send(sender, Event::Tuned(tuner.answer(request))) {
                return;
            }
        }
    });
    (requests, handle)
}

struct Tuner {
    proc_root: PathBuf,
    netns: Option<String>,
    state_dir: StateDir,
}

impl Tuner {
    fn answer(&self, request: TuneRequest) -> TuneReply {
        match request {
            TuneRequest::List => TuneReply::Listed { profiles: list(&load_profiles()), history: self.history() },
            TuneRequest::PlanProfile(name) => TuneReply::Planned(self.plan(&name).map(Arc::new)),
            TuneRequest::PlanRollback => TuneReply::Planned(self.rollback().map(Arc::new)),
            TuneRequest::CarryOut(plan) => TuneReply::Done(self.carry_out(&plan)),
        }
    }

    /// The settings of the namespace and what else a plan needs.
    fn read(&self, keys: impl Iterator<Item = SysctlKey>) -> Result<Snapshot, String> {
        let mut wanted = screen_keys();
        wanted.extend(keys);
        let source = Source {
            proc_root: self.proc_root.clone(),
            netns: self.netns.clone(),
            keys: wanted.into_iter().collect(),
            sockets: SocketReading::Skip,
            processes: false,
        };
        live(&source).map_err(|error| error.to_string())
    }

    fn plan(&self, name: &str) -> Result<Plan, String> {
        let profiles = load_profiles();
        let profile = match profiles.resolve(name) {
            Some(Ok(profile)) => profile,
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err(format!("there is no profile `{name}` any more")),
        };
        let snapshot = self.read(profile.rules.keys().cloned())?;
        Ok(plan_profile(&profile, &snapshot))
    }

    /// The journal, the newest entry first.
    fn history(&self) -> Result<Vec<JournalEntry>, String> {
        let mut history = self.state_dir.history().map_err(|error| error.to_string())?;
        if let Some((file, reason)) = history.unreadable.first() {
            return Err(format!("{}: {file}: {reason}", self.state_dir.path().display()));
        }
        history.entries.reverse();
        Ok(history.entries)
    }

    fn rollback(&self) -> Result<Plan, String> {
        let history = self.state_dir.history().map_err(|error| error.to_string())?;
        // Keys of every entry, since which one is meant shows only with the namespace that is read here.
        let keys = history.entries.iter().flat_map(|entry| &entry.keys).map(|key| key.key.clone());
        let snapshot = self.read(keys)?;
        let netns = snapshot.netns.inode.ok_or("which network namespace this is could not be read")?;
        let entry = choose_entry(&history.entries, None, &self.boot_id()?, netns).map_err(|error| error.to_string())?;
        Ok(plan_rollback(entry, &snapshot, false))
    }

    fn boot_id(&self) -> Result<String, String> {
        let path = self.proc_root.join("sys/kernel/random/boot_id");
        read_text(&path).map(|text| text.trim().to_owned()).map_err(|error| error.to_string())
    }

    fn carry_out(&self, plan: &Plan) -> Result<Receipt, String> {
        let boot_id = self.boot_id()?;
        let apply = |netns: u64| {
            let from = ApplyFrom { now_unix_ms: unix_ms(), uid: effective_uid(), boot_id: boot_id.clone(), netns };
            let store = SysctlFiles::new(&self.proc_root);
            apply_plan(plan, &store, &self.state_dir, &from).map_err(|error| error.to_string())
        };
        let root = ProcRoot::new(&self.proc_root);
        match &self.netns {
            None => apply(root.netns_inode().map_err(|error| error.to_string())?),
            Some(asked) => {
                let namespace = Namespace::open(asked, &root).map_err(|error| error.to_string())?;
                let inode = namespace.inode().map_err(|error| error.to_string())?;
                namespace.run(|| apply(inode)).map_err(|error| error.to_string())?
            }
        }
    }
}

fn list(profiles: &Profiles) -> Vec<ProfileEntry> {
    let entry = |name: &str| ProfileEntry {
        name: name.to_owned(),
        summary: match profiles.resolve(name) {
            Some(Ok(profile)) => Ok(profile.summary),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it has vanished".to_owned()),
        },
        origin: profiles.source(name).and_then(|source| source.file.clone()).unwrap_or_else(|| "built in".to_owned()),
    };
    profiles.names().into_iter().map(entry).collect()
}

/// The built-in profiles and the administrator's, which win by name. A file that cannot be read is left to the
/// command line to complain about, as it names its files.
fn load_profiles() -> Profiles {
    let mut profiles = Profiles::vendor();
    let Ok(directory) = std::fs::read_dir(PROFILES_D) else { return profiles };
    let paths = directory.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        let name = path.file_stem().and_then(|stem| stem.to_str());
        if let (Some(name), Ok(text)) = (name, read_text(Path::new(&path))) {
            profiles.add(name, path.display().to_string(), text);
        }
    }
    profiles
}
