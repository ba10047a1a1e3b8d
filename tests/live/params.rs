//! `tcpctl params` in a namespace.

use crate::case::{Case, Ran};
use crate::place::Place;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("a changed parameter is listed with what follows from it", changed)]
}

fn changed(place: &Place) -> Ran {
    let key = "net.ipv4.tcp_synack_retries";
    let listed = |place: &Place| {
        let list = place.json(&["params", "--changed", "--json"]);
        let rows = list["parameters"].as_array().expect("rows").clone();
        rows.into_iter().any(|row| row["key"] == key)
    };
    assert!(!listed(place), "a fresh namespace has the default");
    place.set(key, "2");
    assert!(listed(place));
    let page = place.json(&["params", key, "--json"]);
    assert_eq!((&page["value"], &page["default"]), (&"2".into(), &"5".into()));
    let effects = page["effects"].as_array().expect("effects");
    let life = effects.iter().find(|effect| effect["topic"] == "synack-lost").expect("half-open entries");
    let answers = life["answers"].as_array().expect("answers");
    let now = answers.iter().find(|answer| answer["value"] == "2").expect("the present value");
    assert_eq!(now["answer"]["at_ms"], 7_000);
    assert!(page.get("files").is_none(), "files set the initial namespace and not this one");
    Ok(())
}
