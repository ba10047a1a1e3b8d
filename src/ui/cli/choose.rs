//! From what was typed to a profile.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::reading::{Depth, read_snapshot};
use crate::snapshot::Snapshot;
use crate::tune::{
    AVAILABLE_KEYS, MEMORY_KEYS, NetworkPath, Plan, Premises, Profile, ProfileFiles, Surroundings, Target,
    find_conflicts, plan_profiles, read_profiles, read_programs, read_sysctl_tree, standing_demands, weigh_memory,
};
use crate::ui::cli::args::ProfileChoice;
use crate::ui::cli::{CliError, change};
use crate::units::SysctlKey;

/// The profiles of the arguments.
pub(super) fn profiles(choice: &ProfileChoice) -> Result<Vec<Profile>, CliError> {
    let given = Premises { rtt_us: choice.rtt, bandwidth_bit_s: choice.bandwidth, ..Premises::default() };
    let chosen = |name: &String| {
        let (profile, _) = self::profile(name, &choice.profile_dir)?;
        require_options(&profile, &given)?;
        Ok(profile)
    };
    choice.profiles.iter().map(chosen).collect()
}

/// Refuses a profile whose values follow from what the user has not said.
fn require_options(profile: &Profile, given: &Premises) -> Result<(), CliError> {
    let unknown = profile.quantities().into_iter().filter(|quantity| !given.knows(*quantity));
    let options: BTreeSet<&str> = unknown.flat_map(|quantity| quantity.options()).copied().collect();
    let known = [("--rtt", given.rtt_us.is_some()), ("--bandwidth", given.bandwidth_bit_s.is_some())];
    let missing: Vec<&str> = options.into_iter().filter(|option| !known.contains(&(option, true))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "{} works values out from the network that it is for; give {}, such as --rtt 30ms --bandwidth 1Gbit/s",
        profile.name,
        missing.join(" and ")
    )))
}

/// The sysctls that a plan of these profiles looks at.
pub(super) fn keys(profiles: &[Profile]) -> Vec<SysctlKey> {
    let besides = MEMORY_KEYS.iter().chain(&AVAILABLE_KEYS).filter_map(|key| key.parse().ok());
    profiles.iter().flat_map(|profile| profile.rules.keys().cloned()).chain(besides).collect()
}

/// Plans the profiles of the arguments for a host.
pub(super) fn plan(choice: &ProfileChoice, context: &Context<'_>) -> Result<Plan, CliError> {
    plan_completed(choice, context, |_| Ok(()))
}

/// The same, completed by the caller before it is known what stands in its way, which depends on all that it does.
pub(super) fn plan_completed(
    choice: &ProfileChoice,
    context: &Context<'_>,
    complete: impl FnOnce(&mut Plan) -> Result<(), CliError>,
) -> Result<Plan, CliError> {
    let profiles = profiles(choice)?;
    let snapshot = read_snapshot(context, Depth::Sockets, keys(&profiles))?;
    let path = NetworkPath { rtt_us: choice.rtt, bandwidth_bit_s: choice.bandwidth };
    let premises = path.premises(&snapshot);
    for profile in &profiles {
        profile.check_values(&premises).map_err(|error| CliError::Usage(error.to_string()))?;
    }
    let mut plan = plan_profiles(&profiles, &snapshot, path);
    plan.memory = weigh_memory(&plan, &snapshot, Target::page_bytes());
    complete(&mut plan)?;
    look_around(&mut plan, choice.root.as_deref(), &snapshot, context);
    Ok(plan)
}

/// Adds what stands in the way of a plan. What cannot be read is no reason to refuse the plan: applying it will say so.
pub(super) fn look_around(plan: &mut Plan, root: Option<&Path>, snapshot: &Snapshot, context: &Context<'_>) {
    let target = change::target(context);
    let history = target.state_dir().history().unwrap_or_default();
    let standing = target.place().map_or_else(|_| Vec::new(), |place| standing_demands(&history, &place));
    let files = boot_root(root, snapshot.netns.initial, context).map(|root| read_sysctl_tree(&root));
    let programs = read_programs(&context.proc_root);
    let around = Surroundings { standing: &standing, files: files.as_ref(), programs: &programs };
    plan.conflicts = find_conflicts(plan, snapshot, &around);
}

/// Below which directory the files are that this namespace boots with: where the user says so, or `/` for the host's own
/// namespace. Other namespaces have none, and those of the host say nothing of a copy of `/proc`.
pub(super) fn boot_root(root: Option<&Path>, initial: Option<bool>, context: &Context<'_>) -> Option<PathBuf> {
    let own = context.proc_root == Path::new("/proc") && context.netns.is_none() && initial == Some(true);
    root.map(Path::to_owned).or_else(|| own.then(|| PathBuf::from("/")))
}

/// A profile by name or by file, and the file it stands in.
pub(super) fn profile(asked: &str, directory: &Path) -> Result<(Profile, Option<String>), CliError> {
    let mut files = read_profiles(directory).map_err(|reason| CliError::failure(anyhow::anyhow!(reason)))?;
    let path = Path::new(asked);
    let is_file = asked.contains('/') || path.extension().is_some_and(|extension| extension == "toml");
    let name = if is_file { files.read(path) } else { asked.to_owned() };
    by_name(&files, &name)
}

/// A profile by name, and the file it stands in.
pub(super) fn by_name(files: &ProfileFiles, name: &str) -> Result<(Profile, Option<String>), CliError> {
    if let Some((_, file, reason)) = files.unreadable.iter().find(|(unreadable, ..)| unreadable == name) {
        return Err(CliError::Usage(format!("cannot read the profile {file}: {reason}")));
    }
    match files.profiles.resolve(name) {
        Some(Ok(profile)) => Ok((profile, files.profiles.source(name).and_then(|source| source.file.clone()))),
        Some(Err(error)) => Err(CliError::Usage(error.to_string())),
        None => {
            let nearest = files.profiles.nearest(name);
            let hint = if nearest.is_empty() {
                format!("there are: {}", files.profiles.names().join(", "))
            } else {
                format!("did you mean {}?", nearest.join(" or "))
            };
            Err(CliError::Usage(format!("there is no profile `{name}`; {hint}")))
        }
    }
}
