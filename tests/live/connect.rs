//! Connections that nobody answers, on the kernel and in the model.

use serde_json::Value;
use tcpctl::lab::{Conditions, Verdict, compare, longest, play, prove};
use tcpctl::model::{Host, Scenario, Segment, Settings, Side, forecast};
use tcpctl::snapshot::Snapshot;

use crate::case::{CannotRun, Case, Ran};
use crate::place::Place;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a connect to a silent address sends and fails when predicted, with 1 retry", |place| {
            silent_address(place, 1)
        }),
        Case::new("a connect to a silent address sends and fails when predicted, with 2 retries", |place| {
            silent_address(place, 2)
        }),
        Case::new("a half-open entry sends and vanishes when predicted, with 0 retries", |place| half_open(place, 0)),
        Case::new("a half-open entry sends and vanishes when predicted, with 2 retries", |place| half_open(place, 2)),
        Case::new("a lost SYN-ACK keeps both ends to the prediction", lost_syn_ack),
        Case::new("a full accept queue ignores the third segment until the request dies, when predicted", |place| {
            full_accept_queue(place, false, 0)
        }),
        Case::new("a full accept queue takes the answer to a repeated SYN-ACK no sooner", |place| {
            full_accept_queue(place, false, 1)
        }),
        Case::new("a full accept queue resets the third segment if that is set", |place| {
            full_accept_queue(place, true, 1)
        }),
        Case::new("a wrong prediction is found out", wrong_prediction),
        Case::new("the command plays a scenario beside the prediction", command),
    ]
}

/// The kernel that runs; a case cannot be judged by the rules of another one.
pub(crate) fn host(place: &Place) -> Result<Host, CannotRun> {
    let snapshot: Snapshot = place.snapshot();
    let version = snapshot.kernel.version.ok_or_else(|| CannotRun("the kernel version could not be read".into()))?;
    Ok(Host { version, hz: snapshot.kernel.hz.map(|reading| reading.hz) })
}

/// Plays it, and demands that every event lies in its window and that there is no other.
fn demand(scenario: &Scenario) -> Ran {
    let proof = prove(scenario).map_err(|error| CannotRun(error.to_string()))?;
    let comparison = &proof.comparison;
    if !comparison.conclusive {
        return Err(CannotRun(format!("the wire was {} us late, twice", proof.played.punctuality.wire_us)));
    }
    assert!(comparison.agrees(), "{comparison:#?}");
    Ok(())
}

fn silent_address(place: &Place, syn_retries: u32) -> Ran {
    let settings = Settings { syn_retries, ..Settings::default() };
    demand(&Scenario::connect(host(place)?, &settings).losing(Side::Client, Segment::Syn))
}

fn half_open(place: &Place, synack_retries: u32) -> Ran {
    let settings = Settings { synack_retries, ..Settings::default() };
    demand(&Scenario::half_open(host(place)?, &settings))
}

fn lost_syn_ack(place: &Place) -> Ran {
    let settings = Settings { syn_retries: 1, synack_retries: 1, ..Settings::default() };
    demand(&Scenario::connect(host(place)?, &settings).losing(Side::Server, Segment::SynAck))
}

/// The queue fills between the SYN and the third segment, by a connection of which nothing is in the record.
fn full_accept_queue(place: &Place, abort_on_overflow: bool, synack_retries: u32) -> Ran {
    let settings = Settings { abort_on_overflow, synack_retries, ..Settings::default() };
    demand(&Scenario::overflowing(host(place)?, &settings))
}

/// What the kernel does with 1 retry, held against the prediction for 2.
fn wrong_prediction(place: &Place) -> Ran {
    let scenario = |syn_retries| {
        let settings = Settings { syn_retries, ..Settings::default() };
        host(place).map(|host| Scenario::connect(host, &settings).losing(Side::Client, Segment::Syn))
    };
    let (right, wrong) = (scenario(1)?, scenario(2)?);
    let played =
        play(&right, &Conditions::limited(longest(&forecast(&right)))).map_err(|error| CannotRun(error.to_string()))?;
    let comparison = compare(&forecast(&wrong), &played.timeline, &played.punctuality);
    assert!(!comparison.agrees());
    assert!(comparison.rows.iter().any(|row| row.verdict == Verdict::Missing), "{comparison:#?}");
    Ok(())
}

fn command(place: &Place) -> Ran {
    let arguments = ["lab", "syn-lost", "--json", "--set", "net.ipv4.tcp_syn_retries=1"];
    let output = place.tcpctl(&arguments);
    if output.status.code() == Some(4) {
        return Err(CannotRun(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let answer: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    if answer["conclusive"] == false {
        return Err(CannotRun("the wire was too late, twice".into()));
    }
    assert_eq!(output.status.code(), Some(0), "{answer:#}");
    assert_eq!(answer["agrees"], true);
    assert_eq!(answer["measured"]["end"]["outcome"], "ETIMEDOUT");
    let pinned = answer["settings"][0]["values"].as_array().expect("settings");
    assert!(pinned.contains(&serde_json::json!(["net.ipv4.tcp_syn_retries", "1"])), "{pinned:?}");
    Ok(())
}
