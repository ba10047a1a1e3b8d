//! What was solved for, on the kernel: a connect that nobody answers takes as long as was wished.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::case::{Case, Ran};
use crate::place::{Listening, Place};
use crate::tune::{State, cat, text};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("a wish is solved, applied from its own profile, and kept by a real connect", connect)]
}

/// How late a busy machine may wake up who waits in connect(). The next value of the setting would take seconds more.
const LATE: Duration = Duration::from_secs(1);

fn connect(place: &Place) -> Ran {
    let state = State::new();
    let profile = format!("{}.toml", state.path);
    let solved = state.json(place, &["solve", "--connect", "7500ms", "--write-profile", &profile]);
    let wish = &solved["wishes"][0];
    assert_eq!((&solved["met"], &wish["verdict"]), (&true.into(), &"met".into()), "{solved:#}");
    let predicted = |word: &str| Duration::from_millis(wish["then"][word].as_u64().unwrap());
    let (at, latest) = (predicted("at_ms"), predicted("latest_ms"));
    assert!(latest <= Duration::from_millis(7500), "{wish}");

    let done = state.json(place, &["apply", &profile, "--yes"]);
    assert_eq!(done["receipt"]["outcome"], "applied", "{done:#}");
    for change in solved["plan"]["changes"].as_array().unwrap() {
        assert_eq!(Some(cat(change["key"].as_str().unwrap()).as_str()), change["after"].as_str());
    }
    // A listener whose accept queue is full takes no SYN and answers nothing.
    let listener = place.listen("127.0.0.1:0", Listening::with_backlog(0));
    let to = listener.local_addr().unwrap();
    let first = TcpStream::connect(to).unwrap();
    let started = Instant::now();
    let error = TcpStream::connect(to).expect_err("the queue is full");
    let took = started.elapsed();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(took >= at && took <= latest + LATE, "it took {took:?}, and {at:?} to {latest:?} were predicted");
    drop(first);

    let undone = state.run(place, &["rollback", "--yes"]);
    assert!(undone.status.success(), "{}", text(&undone.stderr));
    let again = state.json(place, &["solve", "--connect", "7500ms"]);
    assert_eq!(again["wishes"], solved["wishes"], "the host is as it was");
    Ok(())
}
