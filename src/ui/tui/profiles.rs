//! The state of the screen of profiles, and what is asked of the tuning thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::action::Context;
use super::screen::Screen;
use super::state::State;
use crate::tune::{History, JournalEntry, Keeping, Place, Plan, Profile, Receipt};
use crate::units::SysctlKey;

/// What the tuning thread is asked.
#[derive(Clone, Debug)]
pub enum TuneRequest {
    /// Which profiles are there, and what was applied?
    List,
    /// What would this profile change?
    PlanProfile(String),
    /// What would these values change?
    PlanValues(BTreeMap<SysctlKey, String>),
    /// What would undoing the newest change that stands write?
    PlanRollback,
    /// Speak of another network namespace from now on, by name, process id or path; nothing for the one of the start.
    /// It has no answer.
    Enter(Option<String>),
    /// Is a profile as it should be here?
    Verify(String),
    /// Keep an apply that waits to be confirmed, by the number of its entry.
    Keep(u64),
    /// Do it. The only request that writes.
    CarryOut(Arc<Plan>),
}

impl TuneRequest {
    /// Whether it changes the host.
    #[must_use]
    pub const fn writes(&self) -> bool {
        matches!(self, Self::CarryOut(_))
    }
}

/// What the tuning thread answers.
#[derive(Clone, Debug)]
pub enum TuneReply {
    /// The profiles and the journal, the newest entry first.
    Listed {
        /// Profiles by name.
        profiles: Vec<ProfileEntry>,
        /// What was applied and rolled back; or why that is unknown.
        history: Result<Vec<JournalEntry>, String>,
        /// This boot and network namespace; nothing when that could not be told.
        place: Option<Place>,
    },
    /// A plan, or why there is none.
    Planned(Result<Arc<Plan>, String>),
    /// What was checked, or why it could not be.
    Verified(Result<Arc<Verified>, String>),
    /// That an apply stays, or why that could not be written down.
    Kept(Result<u64, String>),
    /// What was written, or why nothing was.
    Done(Result<Receipt, String>),
}

/// A profile held against the host.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What would still have to change.
    pub plan: Plan,
    /// What outlives a boot.
    pub kept: Keeping,
}

/// A profile in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileEntry {
    /// Its name.
    pub name: String,
    /// One line: what it is for; or what is wrong with its file.
    pub summary: Result<String, String>,
    /// Where it is from, in a word or a path.
    pub origin: String,
    /// The whole of it, with what it takes from its parents; nothing for one with a mistake.
    pub profile: Option<Arc<Profile>>,
}

/// An apply that is undone unless it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Countdown {
    /// Number of its entry in the journal.
    pub(super) entry: u64,
    /// The profile.
    pub(super) profile: String,
    /// When it is undone, in milliseconds since 1970.
    pub(super) until_unix_ms: u64,
    /// Whether the journal was asked what came of it since the time was up.
    pub(super) asked: bool,
}

/// After so long an apply from this interface is undone unless it is kept, in milliseconds.
pub const CONFIRM_MS: u64 = 60_000;

/// Which region of the screen the keyboard is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Region {
    /// The list of profiles.
    #[default]
    List,
    /// The history.
    History,
}

/// The state of the screen of profiles.
#[derive(Clone, Debug, Default)]
pub(super) struct ProfilesState {
    /// The list; nothing until the tuning thread has answered.
    pub(super) entries: Option<Vec<ProfileEntry>>,
    /// The journal, the newest entry first.
    pub(super) history: Option<Result<Vec<JournalEntry>, String>>,
    /// Which boot and network namespace this is.
    pub(super) place: Option<Place>,
    pub(super) region: Region,
    /// Name of the selected profile.
    pub(super) selected: Option<String>,
    /// Number of the selected journal entry.
    pub(super) selected_entry: Option<u64>,
    /// The plan on the screen.
    pub(super) plan: Option<Arc<Plan>>,
    /// First line of the plan that is shown.
    pub(super) plan_scroll: usize,
    /// Lines of the plan that have been on the screen.
    pub(super) plan_seen: usize,
    /// The plan that the open question is about.
    pub(super) question: Option<Arc<Plan>>,
    /// An apply that waits to be kept.
    pub(super) countdown: Option<Countdown>,
    /// What was checked last.
    pub(super) verified: Option<Arc<Verified>>,
    /// What the tuning thread is busy with.
    pub(super) busy: Option<&'static str>,
}

impl ProfilesState {
    /// Where the keyboard is.
    pub(super) fn context(&self) -> Context {
        match (&self.plan, self.region) {
            (Some(_), _) => Context::Plan,
            (None, Region::List) => Context::ProfileList,
            (None, Region::History) => Context::ProfileHistory,
        }
    }

    /// The journal's entries, if they could be read.
    pub(super) fn journal(&self) -> &[JournalEntry] {
        match &self.history {
            Some(Ok(entries)) => entries,
            _ => &[],
        }
    }

    /// The journal as it is stored, the oldest entry first.
    pub(super) fn whole_history(&self) -> History {
        let mut entries = self.journal().to_vec();
        entries.reverse();
        History { entries, unreadable: Vec::new() }
    }

    /// Whether the values of an entry are those of this very namespace as far as the journal knows.
    pub(super) fn stands_here(&self, entry: &JournalEntry) -> bool {
        self.place.as_ref().is_some_and(|place| entry.is_of(place)) && entry.stands(self.journal())
    }

    /// The selected entry of the journal.
    pub(super) fn shown_entry(&self) -> Option<&JournalEntry> {
        self.journal().get(self.selected_entry_index())
    }

    /// Place of the selected entry in the journal.
    pub(super) fn selected_entry_index(&self) -> usize {
        self.journal().iter().position(|entry| Some(entry.id) == self.selected_entry).unwrap_or(0)
    }
}

impl State {
    /// The profiles that are searched for.
    pub(super) fn listed_profiles(&self) -> Vec<&ProfileEntry> {
        let list = self.list(Screen::Profiles);
        let words = |entry: &ProfileEntry| match &entry.summary {
            Ok(text) | Err(text) => list.admits(&[&entry.name, text]),
        };
        self.profiles.entries.iter().flatten().filter(|entry| words(entry)).collect()
    }

    /// Place of the selected profile among those that are searched for.
    pub(super) fn selected_profile_index(&self) -> usize {
        let selected = self.profiles.selected.as_ref();
        self.listed_profiles().iter().position(|entry| Some(&entry.name) == selected).unwrap_or(0)
    }

    /// The selected profile; below a plan the one that it is of.
    pub(super) fn selected_profile(&self) -> Option<&ProfileEntry> {
        if let Some(plan) = &self.profiles.plan {
            return self.profiles.entries.iter().flatten().find(|entry| entry.name == plan.profile);
        }
        self.listed_profiles().get(self.selected_profile_index()).copied()
    }

    /// Name of the profile of the plan on the screen, else of the selected one.
    pub(super) fn named_profile(&self) -> Option<String> {
        let of_plan = self.profiles.plan.as_ref().map(|plan| plan.profile.clone());
        of_plan.or_else(|| self.selected_profile().map(|entry| entry.name.clone()))
    }
}
