//! Connections that nobody answers, on the kernel and in the model.

use serde_json::Value;
use tcpctl::lab::{Conditions, Verdict, compare, longest, play};
use tcpctl::model::{Host, Scenario, Segment, Settings, Side, forecast};
use tcpctl::snapshot::Snapshot;

use crate::case::{CannotRun, Case, Ran};
use crate::place::Place;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
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
    let arguments = ["lab", "syn-lost", "--json", "--set", "net.ipv4.tcp_syn_retries=2"];
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
    assert!(pinned.contains(&serde_json::json!(["net.ipv4.tcp_syn_retries", "2"])), "{pinned:?}");
    Ok(())
}
