//! Applies that are killed, and applies at the same time, on the running kernel's own sysctls.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;

use crate::case::{CannotRun, Case, Ran};
use crate::place::Place;
use crate::tracer::{Ended, kill_before};
use crate::tune::{State, cat, text};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("an apply that is killed before any call that changes something is rolled back", killed),
        Case::new(
            "of 200 applies that are killed at any moment none leaves anything that cannot be undone",
            killed_at_any_moment,
        ),
        Case::new("two applies at once go one after the other and leave a whole journal", at_once),
    ]
}

const KEYS: [&str; 2] = ["net.core.somaxconn", "net.ipv4.tcp_synack_retries"];

fn values() -> [String; 2] {
    KEYS.map(cat)
}

/// A profile that sets both keys.
fn profile(state: &State, name: &str, values: [u32; 2]) -> String {
    let path = format!("{}-{name}.toml", state.path);
    let rule = |key: &str, value: u32| format!("[keys.\"{key}\"]\nset = {value}\nreason = \"r\"\nsource = \"s\"\n");
    let rules: String = KEYS.into_iter().zip(values).map(|(key, value)| rule(key, value)).collect();
    std::fs::write(&path, format!("summary = \"x\"\n{rules}")).unwrap();
    path
}

fn killed(place: &Place) -> Ran {
    place.set(KEYS[0], "128");
    place.set(KEYS[1], "5");
    let before = values();
    // Every third call: on a tree of files it is every one, and here it is the kernel's own files that count.
    for nth in (1..).step_by(3) {
        let state = State::new();
        let profile = profile(&state, "p", [512, 2]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
        command.args(["--state-dir", &state.path, "apply", &profile, "--yes"]);
        let traced = kill_before(&mut command, nth);
        if traced.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            return Err(CannotRun("this process may not trace its children".to_owned()));
        }
        let (ended, printed) = traced.unwrap();
        let entry = std::fs::read_to_string(Path::new(&state.path).join("000001.json"));
        let entry: Value = entry.map_or(Value::Null, |text| serde_json::from_str(&text).expect("the journal is JSON"));
        let call = match ended {
            Ended::Exited(code) => {
                assert_eq!((code, &entry["outcome"]), (0, &"applied".into()), "{printed}");
                assert!(nth > 30, "so few calls cannot be all: {nth}");
                let undone = state.run(place, &["rollback", "--yes"]);
                assert!(undone.status.success() && values() == before, "{}", text(&undone.stderr));
                return Ok(());
            }
            Ended::Killed(call) => call,
        };
        if entry["outcome"] == "applied" {
            assert_eq!(values(), ["512", "2"], "killed before {call}: it is said to be done");
        } else {
            assert!(!printed.contains("read back"), "killed before {call}: {printed}");
        }
        let undone = state.run(place, &["rollback", "--yes"]);
        // Without an entry there is nothing to roll back, which is told by 1.
        let expected = if Path::new(&state.path).join("000001.json").exists() { 0 } else { 1 };
        assert_eq!(undone.status.code(), Some(expected), "killed before {call}: {}", text(&undone.stderr));
        assert_eq!(values(), before, "killed before {call}");
    }
    unreachable!("the program ends")
}

/// Applies that are killed, and in each of how many the kill has to be seen at work.
const KILLED: u32 = 200;
const SEEN: u32 = 5;

/// Unlike [`killed`], which kills before each call, this kills wherever a processor happens to be: within calls, between
/// two threads, while pages are read.
fn killed_at_any_moment(place: &Place) -> Ran {
    place.set(KEYS[0], "128");
    place.set(KEYS[1], "5");
    let (before, state) = (values(), State::new());
    let start = |profile: &String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
        command.args(["--state-dir", &state.path, "apply", profile, "--yes"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let undo = |number: u32| {
        let undone = state.run(place, &["rollback", "--yes"]);
        assert!(undone.status.success() && values() == before, "apply {number}: {}", text(&undone.stderr));
    };
    let begun = Instant::now();
    assert!(start(&profile(&state, "whole", [512, 2])).wait().unwrap().success());
    let whole = begun.elapsed();
    undo(0);

    let (mut entries, mut untouched, mut half_way, mut ended) = (1, 0, 0, 0);
    for number in 1..=KILLED {
        let wanted = [512 + number, 1 + number % 4];
        let mut child = start(&profile(&state, "p", wanted));
        // The golden section spreads the moments evenly over a whole run and somewhat more, whatever their number.
        let moment = whole.mul_f64(1.1 * (f64::from(number) * 0.618_034).fract());
        wait_for_end(&child, moment);
        child.kill().unwrap();
        child.wait().unwrap();

        let history = state.json(place, &["history"]);
        assert_eq!(history["unreadable"], Value::Array(Vec::new()), "apply {number}");
        let listed = history["entries"].as_array().unwrap();
        let applies: Vec<_> = listed.iter().filter(|entry| entry["action"]["is"] == "apply").collect();
        let newest = applies.iter().max_by_key(|entry| entry["id"].as_u64()).unwrap();
        if applies.len() == entries {
            untouched += 1;
            assert_eq!(values(), before, "apply {number} changed what it had not journalled");
            continue;
        }
        entries += 1;
        assert_eq!(applies.len(), entries, "apply {number}");
        if newest["outcome"] == "applied" {
            ended += 1;
            assert_eq!(values(), wanted.map(|value| value.to_string()), "apply {number} is said to be done");
        } else {
            half_way += 1;
        }
        undo(number);
    }
    let seen = [untouched, half_way, ended];
    assert!(seen.iter().all(|count| *count >= SEEN), "before, amid and after the writing: {seen:?}");
    Ok(())
}

/// Waits until a process has ended, for so long at the most.
fn wait_for_end(child: &Child, most: Duration) {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    let most = Timespec { tv_sec: 0, tv_nsec: i64::try_from(most.as_nanos()).unwrap() };
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&most)).unwrap();
}

fn at_once(place: &Place) -> Ran {
    let before = values();
    let state = State::new();
    let profiles = [profile(&state, "a", [777, 3]), profile(&state, "b", [888, 4])];
    let start = |path: &String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
        command.args(["--state-dir", &state.path, "apply", path, "--yes", "--wait"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = profiles.iter().map(start).collect();
    let outputs: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let applied = outputs.iter().filter(|output| output.status.success()).count();
    for output in outputs.iter().filter(|output| !output.status.success()) {
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{message}");
        assert!(message.contains("somebody else changed it meanwhile"), "{message}");
    }
    let now = values();
    assert!(now == ["777", "3"] || now == ["888", "4"], "the keys are of one of them: {now:?}");
    let history = state.json(place, &["history"]);
    assert_eq!(history["unreadable"], Value::Array(Vec::new()));
    let entries = history["entries"].as_array().unwrap();
    assert!(applied >= 1 && entries.len() == applied && entries.iter().all(|entry| entry["outcome"] == "applied"));
    for _ in 0..applied {
        let undone = state.run(place, &["rollback", "--yes"]);
        assert!(undone.status.success(), "{}", text(&undone.stderr));
    }
    assert_eq!(values(), before);
    Ok(())
}
