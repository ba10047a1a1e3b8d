//! `tcpctl lab` as a program: what it does with signals, without rights, and with files.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tcpctl::sys::{Namespace, ProcRoot};

use crate::case::{CannotRun, Case, Ran};
use crate::place::{Place, until};
use crate::program;

/// An account without rights: nobody's.
const NOBODY: u32 = 65_534;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("Ctrl-C ends a playing at once, with what was seen until then", interrupted),
        Case::new("Ctrl-C ends a flood at once, with what was counted until then", interrupted_flood),
        Case::new("nothing leads out of a laboratory: its own wire, and no default route", isolated),
        Case::new("a laboratory that is killed leaves no namespace behind", killed),
        Case::new("the beginning of a long scenario is played and compared", beginning),
        Case::new("a kernel that does otherwise than was predicted is reported, with exit code 1", disagreement),
        Case::new("the scenarios of the project are played from their files", files),
        Case::new("a topic printed as a file is played from standard input", from_standard_input),
        Case::new("every topic that can be played begins as predicted, side by side", all),
        Case::for_root("a user who may not open the TUN device is told whose it is", closed_device),
        Case::for_root("a user who may open the TUN device plays", open_device),
        Case::for_root("a host without user namespaces is told as one", closed_namespaces),
    ]
}

/// A laboratory that shows what it plays, of which the first event has been read.
struct Playing {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Playing {
    /// A scenario that nothing ends for two minutes.
    fn start(place: &Place) -> Result<Self, CannotRun> {
        Self::until("SYN, lost", place, &["lab", "syn-lost", "--defaults", "--live"])
    }

    /// Reads until a line holds this.
    fn until(awaited: &str, place: &Place, arguments: &[&str]) -> Result<Self, CannotRun> {
        assert_eq!(tcpctl::sys::own_netns_inode(), Some(place.inode()), "the child is to be in the case's namespace");
        let (child, mut output) = program::start(arguments);
        let mut line = String::new();
        // Ends at the latest with the program, whose pipe then closes.
        while !line.contains(awaited) {
            line.clear();
            if output.read_line(&mut line).expect("a pipe") == 0 {
                let (told, code) = program::complaint(child);
                assert_eq!(code, Some(4), "{told}");
                return Err(CannotRun(told));
            }
        }
        Ok(Self { child, output })
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("the own child");
    }
}

fn interrupted(place: &Place) -> Ran {
    let mut playing = Playing::start(place)?;
    let begun = Instant::now();
    playing.signal(Signal::INT);
    let mut rest = String::new();
    playing.output.read_to_string(&mut rest).expect("text");
    let status = playing.child.wait().expect("a child");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}\n{rest}", begun.elapsed());
    assert_eq!(status.code(), Some(130), "{rest}");
    assert!(rest.contains("until it was stopped, after"), "{rest}");
    assert!(rest.lines().any(|line| line.starts_with("client  SYN ")), "{rest}");
    Ok(())
}

fn interrupted_flood(place: &Place) -> Ran {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("flood.pcapng");
    let capture = file.to_str().expect("an ordinary path");
    let flood = ["lab", "syn-flood", "--defaults", "--live", "--count", "20000", "--rate", "500", "--pcap", capture];
    let mut playing = Playing::until("SYN queue full", place, &flood)?;
    let begun = Instant::now();
    playing.signal(Signal::INT);
    let mut rest = String::new();
    playing.output.read_to_string(&mut rest).expect("text");
    let status = playing.child.wait().expect("a child");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}\n{rest}", begun.elapsed());
    assert_eq!(status.code(), Some(130), "{rest}");
    let said = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    for awaited in ["Stopped after", "half-open entries at most", "had not called connect() yet", "packets are in"] {
        assert!(said.contains(awaited), "{rest}");
    }
    assert!(std::fs::metadata(&file).expect("a capture").len() > 1000);
    Ok(())
}

/// The network namespaces that threads of a process are in, and those of the devices and sockets that pin others.
fn namespaces_of(tasks: &Path) -> BTreeSet<u64> {
    let Ok(tasks) = std::fs::read_dir(tasks) else { return BTreeSet::new() };
    tasks.filter_map(|task| Some(std::fs::metadata(task.ok()?.path().join("ns/net")).ok()?.ino())).collect()
}

/// Those that descriptors of a process are open on.
fn opened_by(descriptors: &Path) -> BTreeSet<u64> {
    let Ok(descriptors) = std::fs::read_dir(descriptors) else { return BTreeSet::new() };
    let inode = |path: PathBuf| {
        let target = std::fs::read_link(path).ok()?;
        target.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
    };
    descriptors.filter_map(|descriptor| inode(descriptor.ok()?.path())).collect()
}

/// All that any process is in or has open.
fn in_use() -> BTreeSet<u64> {
    let processes = std::fs::read_dir("/proc").expect("/proc").filter_map(|entry| Some(entry.ok()?.path()));
    let of = |process: PathBuf| {
        let mut inodes = namespaces_of(&process.join("task"));
        inodes.extend(opened_by(&process.join("fd")));
        inodes
    };
    processes.flat_map(of).collect()
}

/// What a namespace has: its devices, and the devices of its default routes.
fn ways_out() -> (Vec<String>, Vec<String>) {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default();
    let name = |line: &str| line.split_once(':').map(|(name, _)| name.trim().to_owned());
    let devices = read("dev").lines().filter_map(name).collect();
    let v4 = read("route");
    let v6 = read("ipv6_route");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let default_v4 = v4.lines().skip(1).map(words).filter(|words| words[1] == "00000000" && words[7] == "00000000");
    // Each namespace has a route that refuses everything.
    let default_v6 = v6.lines().map(words).filter(|words| words[1] == "00" && words[9] != "lo");
    (devices, default_v4.map(|words| words[0].clone()).chain(default_v6.map(|words| words[9].clone())).collect())
}

fn isolated(place: &Place) -> Ran {
    for family in [&[][..], &["--ipv6"]] {
        let arguments = [&["lab", "syn-lost", "--defaults", "--live"], family].concat();
        let mut playing = Playing::until("SYN, lost", place, &arguments)?;
        let descriptors = PathBuf::from(format!("/proc/{}/fd", playing.child.id()));
        let mut seen = 0;
        for descriptor in std::fs::read_dir(&descriptors).expect("the own child").filter_map(Result::ok) {
            let target = std::fs::read_link(descriptor.path()).unwrap_or_default();
            if !target.to_string_lossy().starts_with("net:[") {
                continue;
            }
            let path = descriptor.path().to_string_lossy().into_owned();
            let namespace = Namespace::open(&path, &ProcRoot::new("/proc")).expect("the child has it open");
            if namespace.inode().expect("an inode") == place.inode() {
                continue;
            }
            let (mut devices, routes) = namespace.run(ways_out).expect("the namespace is there");
            devices.sort_unstable();
            assert!(routes.is_empty(), "{routes:?}");
            // The one that both are made in has no wire.
            let ours = ["lo", "wire0"];
            assert!(devices == ours[..1] || devices == ours, "{devices:?}");
            seen += usize::from(devices.len() == 2);
        }
        playing.signal(Signal::INT);
        playing.child.wait().expect("a child");
        assert_eq!(seen, 2, "both ends");
    }
    Ok(())
}

fn killed(place: &Place) -> Ran {
    let mut playing = Playing::start(place)?;
    let process = PathBuf::from(format!("/proc/{}", playing.child.id()));
    let mut made = opened_by(&process.join("fd"));
    made.extend(namespaces_of(&process.join("task")));
    made.remove(&place.inode());
    assert!(made.len() >= 2, "both ends have a namespace of their own: {made:?}");
    assert!(made.is_subset(&in_use()));
    playing.signal(Signal::KILL);
    let status = playing.child.wait().expect("a child");
    assert_eq!(status.code(), None, "a signal ended it");
    until("the namespaces to vanish", || {
        let left: Vec<u64> = in_use().intersection(&made).copied().collect();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    Ok(())
}

/// Runs the laboratory, and reads its JSON where it had the rights to play and was punctual.
fn played(output: &Output) -> Result<Value, CannotRun> {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(4) || told.contains("inconclusive") {
        return Err(CannotRun(told));
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}")))
}

fn demand(output: &Output) -> Result<Value, CannotRun> {
    let answer = played(output)?;
    assert_eq!((output.status.code(), &answer["agrees"]), (Some(0), &true.into()), "{answer:#}");
    Ok(answer)
}

fn beginning(place: &Place) -> Ran {
    let answer = demand(&place.tcpctl(&["lab", "data-lost", "--defaults", "--json", "--limit", "2s"]))?;
    assert_eq!(answer["limit_us"], 2_000_000);
    let played_us = answer["played_us"].as_u64().expect("a number");
    assert!((1_900_000..4_000_000).contains(&played_us), "{played_us}");
    assert!(answer["rows"].as_array().expect("rows").len() >= 4, "{answer:#}");
    assert!(answer["predicted_end_us"].as_u64().expect("a number") > 900_000_000);
    Ok(())
}

/// Predicted by the rules of 6.1, whose second copy of the SYN comes a second later than since 6.5.
fn disagreement(place: &Place) -> Ran {
    if place.snapshot().kernel.version.is_none_or(|version| !version.at_least(6, 5)) {
        return Err(CannotRun("this kernel follows the rules of 6.1 itself".into()));
    }
    let copy = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(copy.path().join("sys/kernel")).expect("the own directory");
    std::fs::write(copy.path().join("sys/kernel/osrelease"), "6.1.0\n").expect("the own directory");
    let proc = copy.path().to_str().expect("a path of text");
    let output = place.tcpctl(&["lab", "syn-lost", "--defaults", "--json", "--limit", "2500ms", "--proc", proc]);
    let answer = played(&output)?;
    assert_eq!((output.status.code(), &answer["agrees"]), (Some(1), &false.into()), "{answer:#}");
    let extra = answer["rows"].as_array().expect("rows").iter().find(|row| row["verdict"] == "extra");
    assert_eq!(extra.expect("a copy too many")["what"], "SYN", "{answer:#}");
    Ok(())
}

fn files(place: &Place) -> Ran {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut count = 0;
    for file in std::fs::read_dir(scenarios).expect("the project's scenarios") {
        let path = file.expect("an entry").path();
        let path = path.to_str().expect("a path of text");
        let answer = demand(&place.tcpctl(&["lab", path, "--json", "--limit", "6s"]))?;
        assert_eq!(answer["schema"], 1, "{path}");
        count += 1;
    }
    assert!(count >= 3);
    Ok(())
}

fn from_standard_input(place: &Place) -> Ran {
    let printed = place.tcpctl(&["explain", "challenge-ack", "--defaults", "--scenario"]);
    assert!(printed.status.success());
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &printed.stdout).expect("a file");
    let output = Command::new(program::path())
        .args(["lab", "-", "--json"])
        .stdin(std::fs::File::open(file.path()).expect("the own file"))
        .output()
        .expect("the program runs");
    let answer = demand(&output)?;
    assert_eq!(answer["scenario"], "standard input");
    Ok(())
}

fn all(place: &Place) -> Ran {
    let output = place.tcpctl(&["lab", "--all", "--defaults", "--json", "--limit", "2500ms"]);
    let answer = played(&output)?;
    let topics = answer["topics"].as_array().expect("topics");
    let disagree: Vec<&Value> = topics.iter().filter(|topic| topic["verdict"] == "disagrees").collect();
    assert!(disagree.is_empty() && output.status.code() == Some(0), "{disagree:#?}");
    let agree = topics.iter().filter(|topic| topic["verdict"] == "agrees").count();
    assert!(agree >= 26, "{answer:#}");
    let reasons = topics.iter().filter_map(|topic| topic["cannot"].as_str());
    assert_eq!(agree + reasons.filter(|reason| reason.len() > 20).count(), topics.len());
    Ok(())
}

fn closed_device(_place: &Place) -> Ran {
    let node = std::fs::metadata("/dev/net/tun").map_err(|error| CannotRun(format!("/dev/net/tun: {error}")))?;
    if node.mode() & 0o006 == 0o006 {
        return Err(CannotRun("every user may open /dev/net/tun here".into()));
    }
    let output = Command::new(program::path())
        .args(["lab", "handshake"])
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{told}");
    let mode = format!("mode {:04o}", node.mode() & 0o7777);
    assert!(told.contains("/dev/net/tun") && told.contains(&mode) && told.contains("chmod 666"), "{told}");
    assert!(output.stdout.is_empty());
    Ok(())
}

/// Runs a line of shell as root in namespaces of its own, with the program as its first argument.
fn shell_in(unshared: &[&str], line: &str) -> Result<Output, CannotRun> {
    let shell = Command::new("unshare").args(unshared).args(["sh", "-ec", line, "sh"]).arg(program::path()).output();
    shell.map_err(|error| CannotRun(format!("unshare of util-linux cannot be run: {error}")))
}

/// A private mount namespace in which the device is everybody's.
fn open_device(_place: &Place) -> Ran {
    let line = "mount -t tmpfs -o mode=755 none /mnt || exit 77\n\
                mknod /mnt/tun c 10 200 && chmod 666 /mnt/tun && mount --bind /mnt/tun /dev/net/tun || exit 77\n\
                cd / && exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$1\" lab handshake --defaults --json";
    let output = shell_in(&["-m"], line)?;
    if matches!(output.status.code(), Some(77 | 127)) {
        return Err(CannotRun(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    demand(&output).map(|_| ())
}

/// A user namespace that may have none of its own.
fn closed_namespaces(_place: &Place) -> Ran {
    let line = "echo 0 > /proc/sys/user/max_user_namespaces || exit 77\n\
                cd / && exec setpriv --bounding-set=-all \"$1\" lab handshake";
    let output = shell_in(&["-U", "-r"], line)?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if matches!(output.status.code(), Some(1 | 77 | 127)) {
        return Err(CannotRun(told));
    }
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("user.max_user_namespaces is 0") && told.contains("run as root"), "{told}");
    Ok(())
}
