//! The part of `update` that leads to writing: plan on the screen, question, answer.

use std::collections::BTreeMap;

use super::event::Effect;
use super::profiles::{Countdown, TuneReply, TuneRequest};
use super::screen::Screen;
use super::state::{Page, State};
use super::theme::Severity;
use super::view;
use crate::snapshot::Snapshot;
use crate::tune::{Outcome, Plan, PlanKind, Receipt};
use crate::units::SysctlKey;

/// What the tuning thread is busy with after each change.
const LISTING: &str = "reading profiles and journal";

/// The same when the time of an apply is up.
const LOOKING: &str = "looking whether it was undone";

/// How often the journal is asked whether somebody else kept or undid what waits to be kept.
const WATCHED_MS: u64 = 5000;

/// Asks the tuning thread for something, unless it is busy with more than a list.
fn request(state: &mut State, busy: &'static str, request: TuneRequest) -> Vec<Effect> {
    // A list is asked for by itself; one thread answers it and what is asked next in turn.
    if let Some(other) = state.profiles.busy.filter(|other| *other != LISTING) {
        state.say(Severity::Quiet, format!("still {other}"));
        return Vec::new();
    }
    state.profiles.busy = Some(busy);
    vec![Effect::Tune(request)]
}

/// Opens the plan of the selected profile.
pub(super) fn open_plan(state: &mut State) -> Vec<Effect> {
    match state.selected_profile() {
        Some(entry) => {
            if let Err(problem) = &entry.summary {
                let text = problem.clone();
                state.say(Severity::Warning, text);
                return Vec::new();
            }
            let name = entry.name.clone();
            request(state, "making the plan", TuneRequest::PlanProfile(name))
        }
        None => {
            state.say(Severity::Quiet, "there is no profile to open");
            Vec::new()
        }
    }
}

/// Opens the plan of the profile with this name, or of the selected one.
pub(super) fn plan_named(state: &mut State, name: &str) -> Vec<Effect> {
    let mut effects = super::navigate::show_profile(state, name);
    // The list is asked for and with it the plan: one thread answers both in turn.
    if name.is_empty() {
        effects.extend(open_plan(state));
    } else {
        effects.extend(request(state, "making the plan", TuneRequest::PlanProfile(name.to_owned())));
    }
    effects
}

/// Makes a plan of values that are asked about, and shows it.
pub(super) fn plan_values(state: &mut State, values: BTreeMap<SysctlKey, String>) -> Vec<Effect> {
    let mut effects = super::navigate::show(state, Screen::Profiles);
    effects.extend(request(state, "making the plan", TuneRequest::PlanValues(values)));
    effects
}

/// Shows the selected entry of the history.
pub(super) fn open_entry(state: &mut State) {
    match state.profiles.shown_entry().map(|entry| entry.id) {
        Some(id) => {
            state.profiles.selected_entry = Some(id);
            super::navigate::open_page(state, Page::Entry);
        }
        None => state.say(Severity::Quiet, "there is no entry to open"),
    }
}

/// Shows every value that the profile wants.
pub(super) fn show_values(state: &mut State) {
    let entry = state.selected_profile();
    match entry.map(|entry| (entry.profile.is_some(), entry.summary.clone())) {
        Some((true, _)) => super::navigate::open_page(state, Page::Values),
        Some((false, Err(problem))) => state.say(Severity::Warning, problem),
        _ => state.say(Severity::Quiet, "the profile is not listed any more"),
    }
}

/// Holds the profile against the host.
pub(super) fn verify(state: &mut State) -> Vec<Effect> {
    match state.named_profile() {
        Some(name) => request(state, "verifying", TuneRequest::Verify(name)),
        None => Vec::new(),
    }
}

/// Keeps what was applied and is undone otherwise.
pub(super) fn keep(state: &mut State) -> Vec<Effect> {
    match &state.profiles.countdown {
        Some(countdown) => {
            let entry = countdown.entry;
            request(state, "keeping what was applied", TuneRequest::Keep(entry))
        }
        None => {
            state.say(Severity::Quiet, "nothing waits to be kept");
            Vec::new()
        }
    }
}

/// Asks the journal what came of an apply when its time is up.
pub(super) fn note_time(state: &mut State) -> Vec<Effect> {
    let now = state.now.unix_ms;
    let busy = state.profiles.busy.is_some();
    let Some(countdown) = state.profiles.countdown.as_mut().filter(|countdown| now > countdown.until_unix_ms) else {
        return Vec::new();
    };
    // The process that undoes it needs a moment as well; each second the journal is asked anew.
    if busy || (countdown.asked && now < countdown.until_unix_ms + 1000) {
        return Vec::new();
    }
    (countdown.asked, countdown.until_unix_ms) = (true, now);
    request(state, LOOKING, TuneRequest::List)
}

/// Asks what was applied here and whether something waits to be kept: at the start, and when settings have changed, as
/// somebody else may have applied something, kept it or undone it.
pub(super) fn ask_journal(state: &State, read: &Snapshot) -> Vec<Effect> {
    let slice = |snapshot: &Snapshot| snapshot.taken_unix_ms / WATCHED_MS;
    let wanted = state.latest.as_ref().is_none_or(|latest| {
        let waits = state.profiles.countdown.is_some() && slice(&latest.snapshot) != slice(read);
        waits || latest.snapshot.sysctls != read.sysctls
    });
    if wanted && state.profiles.busy.is_none() { vec![Effect::Tune(TuneRequest::List)] } else { Vec::new() }
}

/// Takes from the journal whether something waits to be kept, and says when it waits no longer.
fn note_countdown(state: &mut State) {
    let waiting =
        state.profiles.journal().iter().find(|entry| entry.is_unconfirmed() && state.profiles.stands_here(entry));
    let waiting = waiting.and_then(|entry| {
        let until_unix_ms = entry.confirm?.until_unix_ms;
        Some(Countdown { entry: entry.id, profile: entry.profile.clone(), until_unix_ms, asked: false })
    });
    match (state.profiles.countdown.take(), waiting) {
        (Some(before), Some(waiting)) if before.entry == waiting.entry && before.asked => {
            state.profiles.countdown = Some(before);
        }
        (Some(before), None) => {
            let entry = state.profiles.journal().iter().find(|entry| entry.id == before.entry);
            let kept = entry.is_some_and(|entry| state.profiles.stands_here(entry));
            let time = super::number::time_of_day(state.now.unix_ms, state.now.utc_offset_s);
            let name = &before.profile;
            if kept {
                let text = format!("✓ {name} was kept from elsewhere: entry {} of the history", before.entry);
                state.say(Severity::Quiet, text);
            } else if before.asked {
                let text = format!("{name} was undone by {time}: it was not kept in time");
                state.say(Severity::Critical, text);
            } else if state.message.is_none() {
                state.say(Severity::Warning, format!("{name} was undone from elsewhere by {time}"));
            }
        }
        (_, waiting) => state.profiles.countdown = waiting,
    }
}

/// Shows what undoing would write. In a plan that undoes, asks.
pub(super) fn ask_rollback(state: &mut State) -> Vec<Effect> {
    let mut effects =
        if state.screen == Screen::Profiles { Vec::new() } else { super::navigate::show(state, Screen::Profiles) };
    // The list is asked for and with it the plan: one thread answers both in turn.
    if !effects.is_empty() {
        state.profiles.busy = None;
    }
    effects.extend(plan_rollback(state));
    effects
}

fn plan_rollback(state: &mut State) -> Vec<Effect> {
    if state.profiles.plan.as_ref().is_some_and(|plan| matches!(plan.kind, PlanKind::Rollback(_))) {
        ask(state);
        return Vec::new();
    }
    if let Some(reason) = state.read_only_reason() {
        state.say(Severity::Warning, reason);
        return Vec::new();
    }
    request(state, "looking for what can be undone", TuneRequest::PlanRollback)
}

/// Opens the question about the plan on the screen, if it may be carried out and has been seen as far as it decides.
pub(super) fn ask(state: &mut State) {
    let Some(plan) = state.profiles.plan.clone() else { return };
    note_seen(state);
    if let Some(reason) = refusal(state, &plan) {
        state.say(Severity::Warning, reason);
    } else {
        state.message = None;
        state.profiles.question = Some(plan);
    }
}

/// Why the plan may not be carried out now.
fn refusal(state: &State, plan: &Plan) -> Option<String> {
    if let Some(other) = state.profiles.busy {
        return Some(format!("still {other}"));
    }
    let left = plan.left().count();
    if let PlanKind::Rollback(entry) = plan.kind
        && plan.is_empty()
        && left > 0
    {
        return Some(format!("nothing to write: {} left alone; tcpctl rollback {entry} --force", keys(left)));
    }
    if let (PlanKind::Rollback(entry), Some(_)) = (plan.kind, plan.file.as_ref().filter(|file| file.left))
        && plan.is_empty()
    {
        return Some(format!("nothing to write: the file is left alone; tcpctl rollback {entry} --force"));
    }
    if plan.is_blind() {
        return Some("nothing is written: none of the keys can be seen or read here".to_owned());
    }
    if plan.is_empty() {
        return Some("nothing to write: every key that can be set is as wanted".to_owned());
    }
    if let Some(skip) = plan.unmet().next() {
        return Some(format!("the profile requires {}, which cannot be set here; nothing is written", skip.key));
    }
    if let Some(reason) = state.read_only_reason() {
        return Some(reason);
    }
    if state.profiles.plan_seen < view::plan_deciding_length(state) {
        return Some("look at all changes and effects first: PgDn or G goes on, then ask again".to_owned());
    }
    None
}

/// The answer yes.
pub(super) fn carry_out(state: &mut State) -> Vec<Effect> {
    match state.profiles.question.take() {
        Some(plan) => request(state, "writing and reading back", TuneRequest::CarryOut(plan)),
        None => Vec::new(),
    }
}

/// Remembers how far the plan has been on the screen.
pub(super) fn note_seen(state: &mut State) {
    if state.profiles.plan.is_some() && state.screen == Screen::Profiles && state.page.is_none() {
        let seen = state.profiles.plan_scroll + view::plan_height(state);
        state.profiles.plan_seen = state.profiles.plan_seen.max(seen);
    }
}

/// Takes an answer of the tuning thread.
pub(super) fn take_reply(state: &mut State, reply: TuneReply) -> Vec<Effect> {
    // What was asked for unseen ends nothing that somebody waits for.
    let ends = |busy: &str| !matches!(reply, TuneReply::Listed { .. }) || busy == LISTING || busy == LOOKING;
    state.profiles.busy = state.profiles.busy.filter(|busy| !ends(busy));
    match reply {
        TuneReply::Listed { profiles, history, place } => {
            state.profiles.place = place;
            state.profiles.entries = Some(profiles);
            state.profiles.history = Some(history);
            note_countdown(state);
            Vec::new()
        }
        TuneReply::Verified(Ok(verified)) => {
            state.profiles.verified = Some(verified);
            super::navigate::open_page(state, Page::Verification);
            Vec::new()
        }
        TuneReply::Verified(Err(reason)) => {
            state.say(Severity::Warning, reason);
            Vec::new()
        }
        TuneReply::Kept(Ok(entry)) => {
            state.profiles.countdown = None;
            forget_rollback(state);
            state.say(Severity::Quiet, format!("✓ entry {entry} is kept; U undoes it all the same"));
            request(state, LISTING, TuneRequest::List)
        }
        TuneReply::Kept(Err(reason)) => {
            state.say(Severity::Critical, reason);
            request(state, LISTING, TuneRequest::List)
        }
        TuneReply::Planned(Ok(plan)) => {
            let rollback = matches!(plan.kind, PlanKind::Rollback(_));
            state.profiles.plan = Some(plan);
            (state.profiles.plan_scroll, state.profiles.plan_seen) = (0, 0);
            state.message = None;
            note_seen(state);
            // Who pressed U has asked already; the question opens as soon as the whole plan is seen.
            if rollback && state.screen == Screen::Profiles && state.page.is_none() {
                ask(state);
            }
            Vec::new()
        }
        TuneReply::Planned(Err(reason)) => {
            state.say(Severity::Warning, reason);
            Vec::new()
        }
        TuneReply::Done(result) => {
            let (severity, text) = match &result {
                Ok(receipt) => receipt_text(state, receipt),
                Err(reason) => (Severity::Critical, reason.clone()),
            };
            state.say(severity, text);
            if result.is_ok() {
                state.profiles.plan = None;
            }
            forget_rollback(state);
            state.profiles.busy = Some(LISTING);
            vec![Effect::Tune(TuneRequest::List), Effect::ReadNow]
        }
    }
}

/// A plan that undoes is made of the journal: once that has gone on, U makes it anew.
fn forget_rollback(state: &mut State) {
    if state.profiles.plan.as_ref().is_some_and(|plan| matches!(plan.kind, PlanKind::Rollback(_))) {
        state.profiles.plan = None;
    }
}

/// `1 key` or `3 keys`.
fn keys(count: usize) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{count} keys") }
}

/// What was done, in one row.
fn receipt_text(state: &State, receipt: &Receipt) -> (Severity, String) {
    let time = super::number::time_of_day(state.now.unix_ms, state.now.utc_offset_s);
    let name = &receipt.profile;
    let written = receipt.written.len();
    match (&receipt.outcome, receipt.kind) {
        (Outcome::Nothing, _) => (Severity::Quiet, format!("{name}: there was nothing to write")),
        (Outcome::Applied, PlanKind::Apply) => (
            Severity::Quiet,
            format!("✓ {name} applied {time}, read back {written} of {written}; K keeps it, U undoes it"),
        ),
        (Outcome::Applied, PlanKind::Rollback(entry)) if !receipt.left.is_empty() || receipt.file_left.is_some() => {
            let left = if receipt.left.is_empty() { "the file".to_owned() } else { keys(receipt.left.len()) };
            (Severity::Warning, format!("{name} rolled back {time} but for {left}: tcpctl rollback {entry} --force"))
        }
        (Outcome::Applied, PlanKind::Rollback(_)) => {
            (Severity::Quiet, format!("✓ {name} rolled back {time}, read back {written} of {written}"))
        }
        (Outcome::Undone { key, why, undone, .. }, _) => {
            let failed = undone.iter().filter(|key| key.failure.is_some()).count();
            let rest = if failed == 0 {
                format!("{} keys put back, nothing is changed", undone.len())
            } else {
                format!("{failed} of {} keys could NOT be put back: tcpctl history", undone.len())
            };
            (Severity::Critical, format!("{key} failed: {why}; {rest}"))
        }
    }
}
