//! Readings one after the other, and what they may cost.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::case::{CannotRun, Case, Ran};
use crate::fill::Fill;
use crate::place::{Listening, Place};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("readings of status take no more of a CPU than they may", status),
        Case::new("readings of sockets take no more of a CPU than they may", sockets),
        Case::new("watching status tells which states have more or fewer sockets", changes),
    ]
}

/// Readings that are judged, after two that are not: the first pays for the beginning.
const JUDGED: usize = 8;

/// Processor time of a process by the kernel's own account, in nanoseconds.
fn used(process: u32) -> Result<u64, CannotRun> {
    let path = format!("/proc/{process}/schedstat");
    let read = std::fs::read_to_string(&path).map_err(|error| CannotRun(format!("{path}: {error}")))?;
    read.split(' ').next().and_then(|ns| ns.parse().ok()).ok_or_else(|| CannotRun(format!("{path} is `{read}`")))
}

/// Watches with the shortest interval that there is, and holds the kernel's account against the share.
fn judge(arguments: &[&str], share_percent: u32) -> Ran {
    // Whether the kernel keeps account at all.
    used(std::process::id())?;
    let count = (JUDGED + 2).to_string();
    let share = share_percent.to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tcpctl"))
        .args(arguments)
        .args(["--json", "--watch", "10ms", "--cpu-share", &share, "--count", &count])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut readings = Vec::new();
    while readings.len() < JUDGED + 1 {
        let line = lines.next().expect("there are more").expect("text");
        let reading: Value = serde_json::from_str(&line).expect("JSON");
        // Sockets themselves have lines of their own.
        if let (Some(interval_us), Some(cpu_us)) = (reading["interval_us"].as_u64(), reading["cpu_us"].as_u64()) {
            assert!(cpu_us * 100 <= interval_us * u64::from(share_percent), "{reading}");
            assert!(interval_us > 10_000, "it was longer than asked for: {interval_us}");
            readings.push((Instant::now(), used(child.id()).ok(), cpu_us));
        }
    }
    lines.for_each(drop);
    assert!(child.wait().expect("it ends").success());
    let [(began, used_before, _), .., (ended, used_after, _)] = readings.as_slice() else {
        unreachable!("there are more")
    };
    let (before, after) = used_before.zip(*used_after).expect("it has run until then");
    let taken = Duration::from_nanos(after - before);
    // Each interval is judged by the reading before it, and the time between begins with the second one's: what one cost
    // more than another is not the pace's fault.
    let dearest = readings.iter().map(|(_, _, cost_us)| *cost_us).max().unwrap_or_default();
    let allowed = (*ended - *began) * share_percent / 100 + Duration::from_micros(dearest);
    assert!(taken <= allowed, "{taken:?} of {:?}, and {allowed:?} were allowed", *ended - *began);
    Ok(())
}

fn fill(place: &Place) -> Fill {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(128));
    fill.established(to, 200);
    fill
}

fn status(place: &Place) -> Ran {
    let _fill = fill(place);
    judge(&["status"], 5)
}

fn sockets(place: &Place) -> Ran {
    let _fill = fill(place);
    judge(&["sockets", "-a", "-p"], 4)
}

fn changes(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(128));
    fill.established(to, 3);
    let mut child = Command::new(env!("CARGO_BIN_EXE_tcpctl"))
        .args(["status", "--json", "--watch", "10ms", "--cpu-share", "50"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("there are more").expect("text");
        serde_json::from_str(&line).expect("JSON")
    };
    assert_eq!(next()["state_changes"], Value::Null);
    while next()["state_changes"] != serde_json::json!({}) {}
    fill.established(to, 4);
    // They may be seen in several readings.
    let mut seen = 0;
    while seen < 8 {
        seen += next()["state_changes"]["ESTAB"].as_i64().unwrap_or(0);
    }
    assert_eq!(seen, 8);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    Ok(())
}
