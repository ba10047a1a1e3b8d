//! Every socket in a stored snapshot, and what is told of them when it is read.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::case::{Case, Ran};
use crate::place::Place;
use crate::sockets::settled;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("stored sockets are those that were there, with all that the kernel told", stored)]
}

/// Rows by their ends, without what runs on from one reading to the next.
fn lasting(text: &[u8]) -> BTreeMap<String, Value> {
    let rows = std::str::from_utf8(text).expect("UTF-8").lines().map(|line| {
        let mut row: Value = serde_json::from_str(line).expect("a line is JSON");
        let fields = row.as_object_mut().expect("an object");
        let is_told = fields.remove("tcp_info").is_some();
        fields.insert("has_info".to_owned(), is_told.into());
        // Whether a timer of ESTAB runs, and how much memory it has, changes by itself.
        for moving in ["timer", "memory"] {
            fields.remove(moving);
        }
        (format!("{} {} {}", fields["state"], fields["local"], fields["peer"]), row)
    });
    rows.collect()
}

fn stored(place: &Place) -> Ran {
    let _fill = settled(place);
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole.json.gz");
    let whole = whole.to_str().expect("UTF-8");
    let run = |arguments: &[&str]| {
        let output = place.tcpctl(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    run(&["snapshot", "--sockets", "--window", "0", whole]);
    for filter in ["", "state bucket", "src 127.0.0.0/8 and not state listening", "dev lo or sport gt :1"] {
        let asked = ["sockets", "-a", "-i", "-p", "--json", filter];
        let live = lasting(&run(&asked));
        let read = lasting(&run(&[&["--from", whole][..], &asked].concat()));
        assert_eq!(read, live, "{filter}");
        assert!(read.len() > 10, "{filter}: {}", read.len());
    }
    // Forecasts of a file are those of its moment, and hang on the settings of its host.
    let asked = ["sockets", "-o", "-O", "-H", "state", "syn-sent"];
    let foretold = || String::from_utf8(run(&[&["--from", whole][..], &asked].concat())).expect("UTF-8");
    let before = foretold();
    assert!(before.lines().count() > 0 && before.lines().all(|line| line.contains("gives up in 1")), "{before}");
    place.set("net.ipv4.tcp_syn_retries", "1");
    assert_eq!(foretold(), before);
    assert_ne!(String::from_utf8(run(&asked)).expect("UTF-8"), before);
    Ok(())
}
