//! Faults that come together, and those before a host on which there is something to find.

use std::net::SocketAddr;
use std::process::Output;

use libc::{EIO, EPERM};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use serde_json::Value;
use tcpctl::units::TcpState;

use crate::case::{CannotRun, Case, Ran};
use crate::faults::{DIAG, Where, is_meant, strange_family};
use crate::fill::Fill;
use crate::notified::{Answer, can_notify, run_notified};
use crate::place::{Listening, Place, until};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "without sock_diag a table that fails half way is missing by name, and nothing is counted",
            half_table,
        ),
        Case::new("what is wrong is found or said to be undecided, whatever is missing", undecided),
        Case::new("sockets that the tables leave out are not none", left_out),
    ]
}

fn obstacle() -> Ran {
    if can_notify() {
        Ok(())
    } else {
        Err(CannotRun("the kernel lets nobody decide what becomes of a system call".to_owned()))
    }
}

fn json(output: &Output) -> Value {
    let parsed = serde_json::from_slice(&output.stdout);
    parsed.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Refuses sock_diag, and fails one reading of a table.
fn without(arguments: &[&str], table: &'static str, nth: usize) -> (Output, bool) {
    let mut reads = 0;
    let output = run_notified(arguments, |call| {
        if is_meant(Where::Socket(DIAG), call) {
            return Answer::Refuse(EPERM);
        }
        if !is_meant(Where::Read(table), call) {
            return Answer::Kernel;
        }
        reads += 1;
        if reads == nth + 1 { Answer::Refuse(EIO) } else { Answer::Kernel }
    });
    (output, reads > nth)
}

fn half_table(place: &Place) -> Ran {
    obstacle()?;
    let mut fill = Fill::default();
    let to = fill.listener(place, "[::1]:0", Listening::with_backlog(128));
    // More rows than one answer of the kernel holds.
    fill.established(to, 60);
    let metrics = ["serve", "--textfile", "-"];
    let mut failed = 0;
    for nth in 0..12 {
        let (output, met) = without(&["status", "--detail", "all", "--json"], "/net/tcp6", nth);
        if !met {
            break;
        }
        failed += 1;
        let told = json(&output);
        let gaps = told["gaps"].as_array().unwrap();
        let named =
            gaps.iter().any(|gap| gap["source"].as_str().unwrap().ends_with("/net/tcp6") && gap["kind"] == "failed");
        assert!(named, "reading {nth}: {told}");
        let text = String::from_utf8(without(&metrics, "/net/tcp6", nth).0.stdout).unwrap();
        assert!(!text.contains("\nnode_tcp_connection_states{"), "reading {nth}: {text}");
    }
    assert!(failed > 3, "{failed}");
    let (output, _) = without(&["status", "--detail", "all", "--json"], "/net/tcp6", usize::MAX - 1);
    assert_eq!(json(&output)["states"]["ESTAB"], fill.count(TcpState::Estab));
    Ok(())
}

/// Leaks, before every fault of sock_diag that leaves something.
fn undecided(place: &Place) -> Ran {
    obstacle()?;
    let mut fill = Fill::default();
    let to = fill.listener(place, "[::1]:0", Listening::with_backlog(512));
    fill.half_closed(to, 150);
    let judge = ["diagnose", "close-wait", "--window", "100ms", "--fail-on", "never", "--json"];
    let is_told = |told: &Value| {
        let rule = |list: &str| told[list].as_array().unwrap().iter().any(|one| one["rule"] == "close-wait");
        (rule("findings"), rule("undecided"))
    };
    assert_eq!(is_told(&place.json(&judge)), (true, false));
    let strange = run_notified(&judge, |call| {
        let answer = is_meant(Where::Receive(DIAG), call).then(|| call.perform()).flatten();
        answer.map_or(Answer::Kernel, |mut bytes| {
            strange_family(&mut bytes);
            Answer::Bytes(bytes)
        })
    });
    assert_eq!(is_told(&json(&strange)), (false, true), "{}", String::from_utf8_lossy(&strange.stdout));
    for nth in 0..6 {
        let (output, met) = without(&judge, "/net/tcp6", nth);
        // It is there in the newer of the two readings, if that is whole.
        let (found, undecided) = is_told(&json(&output));
        assert!(found != undecided, "reading {nth}, {met}: {}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}

fn left_out(place: &Place) -> Ran {
    obstacle()?;
    let bound = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&bound, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let status = ["status", "--detail", "all", "--json"];
    until("the socket to be counted", || {
        let told = place.json(&status);
        if told["states"]["CLOSE"] == 1 { Ok(()) } else { Err(told["states"].clone()) }
    });
    let (output, _) = without(&status, "/net/tcp", usize::MAX - 1);
    assert_eq!(json(&output)["states"]["CLOSE"], Value::Null);
    Ok(())
}
