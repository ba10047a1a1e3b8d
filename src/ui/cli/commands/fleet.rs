//! `tcpctl fleet`.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use super::diagnose::fails;
use super::fleet_files::{SnapshotFiles, find_snapshots, read_readings};
use crate::report::{FleetFiles, FleetHost, FleetJudge, FleetView, UnreadFile, render_fleet};
use crate::tune::{NetworkPath, Profile};
use crate::ui::cli::args::ProfileChoice;
use crate::ui::cli::args_fleet::FleetArgs;
use crate::ui::cli::context::Context;
use crate::ui::cli::named_file::{NamedFile, is_longer};
use crate::ui::cli::reading::{keys, tell_unread};
use crate::ui::cli::{CliError, Exit, choose};
use crate::units::SysctlKey;

/// More threads than these wait for the disk together.
const MOST_THREADS: usize = 16;

/// Reads every snapshot that is named, and asks all of them together.
pub(in crate::ui::cli) fn run(args: &FleetArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if context.netns.is_some() {
        return Err(CliError::Usage("fleet reads stored snapshots and no namespace: leave out --netns".to_owned()));
    }
    let profiles = profiles(args)?;
    let expected = args.hosts.as_deref().map(|path| expected_hosts(&NamedFile::new(path))).transpose()?;
    let SnapshotFiles { files, mut unread, others } = find_snapshots(&args.paths);
    let path = NetworkPath { rtt_us: args.rtt, bandwidth_bit_s: args.bandwidth };
    let (hosts, broken) = read_all(&files, &profiles, path)?;
    unread.extend(broken);
    if hosts.is_empty() {
        return Err(nothing_read(&unread, others));
    }
    let names: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
    let view = FleetView::new(
        hosts,
        FleetFiles {
            unread,
            others,
            expected: expected.unwrap_or_default(),
            age_limit: args.max_age.map(|most_us| (now_ms(), most_us / 1000)),
            profile: (!names.is_empty()).then(|| names.join(" + ")),
        },
    );
    if context.json {
        context.print_json(&view)?;
    } else {
        write!(context.out, "{}", render_fleet(&view, context.width, context.ascii))?;
    }
    Ok(if view.is_incomplete() {
        Exit::Incomplete
    } else if view.has_drift() || view.worst().is_some_and(|worst| fails(args.fail_on, worst)) {
        Exit::Findings
    } else {
        Exit::Ok
    })
}

/// That nothing is there to answer with, and the first reasons for it.
fn nothing_read(unread: &[UnreadFile], others: usize) -> CliError {
    const NAMED: usize = 3;
    let mut reasons: Vec<String> =
        unread.iter().take(NAMED).map(|one| format!("{}: {}", one.file, one.reason)).collect();
    if unread.len() > NAMED {
        reasons.push(format!("and {} more", unread.len() - NAMED));
    }
    if others > 0 {
        reasons.push(format!("{others} files are not named *.json or *.json.gz"));
    }
    if reasons.is_empty() {
        reasons.push("the directories hold no file named *.json or *.json.gz".to_owned());
    }
    let hint = "`tcpctl snapshot FILE` on a host writes one";
    CliError::Usage(format!("there is no snapshot to answer with; {hint}\n  {}", reasons.join("\n  ")))
}

fn profiles(args: &FleetArgs) -> Result<Vec<Profile>, CliError> {
    choose::profiles(&ProfileChoice {
        profiles: args.profile.clone(),
        profile_dir: args.profile_dir.clone(),
        rtt: args.rtt,
        bandwidth: args.bandwidth,
        root: None,
    })
}

/// The names of a file, one a line.
fn expected_hosts(file: &NamedFile<'_>) -> Result<Vec<String>, CliError> {
    /// A hundred thousand names of the longest.
    const MOST_BYTES: u64 = 32 << 20;
    let bytes = file.read(MOST_BYTES, String::new)?;
    if is_longer(&bytes, MOST_BYTES) {
        return Err(CliError::Usage(format!("{} is longer than 32 MiB, which no list of hosts is", file.named)));
    }
    let text = file.text(bytes, ": expected a list of host names, one a line")?;
    let names = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(names.map(str::to_owned).collect())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What a worker found: answers and files without one.
type Found = (Vec<FleetHost>, Vec<UnreadFile>);

/// Reads the files on every processor. Of each no more than its answers is kept, so that there is never more in memory
/// than one snapshot a thread and a few lines a host.
fn read_all(files: &[PathBuf], profiles: &[Profile], path: NetworkPath) -> Result<Found, CliError> {
    let keys = keys(choose::keys(profiles));
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS).min(files.len().max(1));
    let work = || read_some(files, &next, FleetJudge::new(profiles, path), &keys);
    let found: std::io::Result<Vec<Found>> = thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, work);
        let workers: Vec<_> = (0..threads).map(start).collect::<Result<_, _>>()?;
        let ended = |worker: thread::ScopedJoinHandle<'_, Found>| {
            worker.join().map_err(|_| std::io::Error::other("a reader of snapshots ended early"))
        };
        workers.into_iter().map(ended).collect()
    });
    let (hosts, unread): (Vec<_>, Vec<_>) = found.map_err(CliError::failure)?.into_iter().unzip();
    Ok((hosts.concat(), unread.concat()))
}

/// Takes one file after the other until none is left.
fn read_some(files: &[PathBuf], next: &AtomicUsize, mut judge: FleetJudge<'_>, keys: &[SysctlKey]) -> Found {
    let (mut hosts, mut unread) = (Vec::new(), Vec::new());
    let mut bytes = Vec::new();
    while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
        let file = path.display().to_string();
        match read_readings(path, &mut bytes) {
            Ok(mut stored) => {
                tell_unread(stored.last_mut(), keys);
                hosts.push(judge.judge(&stored, &file));
            }
            Err(reason) => unread.push(UnreadFile { file, reason }),
        }
    }
    (hosts, unread)
}
