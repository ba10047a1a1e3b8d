//! The table of what each rule makes of each situation, kept in `docs/diagnosis.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tcpctl::diagnose::{Proof, RULES};

use super::findings::scenarios;

/// What the live tests demand of each incident.
#[derive(Deserialize)]
struct Incidents {
    undecided: BTreeSet<String>,
    incidents: BTreeMap<String, BTreeSet<String>>,
}

fn incidents() -> Incidents {
    toml::from_str(include_str!("../data/incidents.toml")).unwrap()
}

/// A row of cells, one a rule, and the situation's name.
fn row(name: &str, found: impl Fn(&str) -> bool, undecided: impl Fn(&str) -> bool) -> String {
    let cell = |id: &str| match (found(id), undecided(id)) {
        (true, _) => '#',
        (false, true) => '?',
        (false, false) => '.',
    };
    let cells: String = RULES.iter().map(|rule| cell(rule.id)).collect();
    format!("{cells} {name}\n")
}

/// The number of each rule, down in two lines.
fn numbers() -> String {
    let digit = |place: usize, tens: bool| match (place + 1) / 10 {
        0 if tens => ' ',
        count if tens => char::from_digit(u32::try_from(count).unwrap(), 10).unwrap(),
        _ => char::from_digit(u32::try_from((place + 1) % 10).unwrap(), 10).unwrap(),
    };
    let line = |tens| (0..RULES.len()).map(|place| digit(place, tens)).collect::<String>();
    format!("{}\n{}\n", line(true).trim_end(), line(false))
}

fn document() -> String {
    let mut text = "# What `tcpctl diagnose` makes of which situation\n\n\
        This page is made by the test suite and checked by it. `#` is a verdict, `.` a rule that judged and found\n\
        nothing, `?` one that could not judge. No situation here is accused of anything but what it is.\n\n## Rules\n\n"
        .to_owned();
    for (place, rule) in RULES.iter().enumerate() {
        let proof = match rule.proof {
            Proof::Live => "live".to_owned(),
            Proof::Written(why) => format!("written, since {why}"),
        };
        text.push_str(&format!("{}. `{}` ({proof}): {}\n", place + 1, rule.id, rule.looks_for));
    }
    let live = incidents();
    text.push_str(
        "\n## Incidents recreated on the running kernel\n\n`tests/live/incidents` makes each in network namespaces \
         of its own. Limits that only\nthe initial namespace has are unknown there.\n\n```text\n",
    );
    text.push_str(&numbers());
    for (name, fires) in &live.incidents {
        text.push_str(&row(name, |id| fires.contains(id), |id| live.undecided.contains(id)));
    }
    text.push_str("```\n\n## Written readings\n\nThe files of `tests/data/scenarios`.\n\n```text\n");
    text.push_str(&numbers());
    for (name, scenario) in scenarios() {
        let outcome = scenario.outcome();
        let found = |id: &str| outcome.findings.iter().any(|finding| finding.rule == id);
        text.push_str(&row(&name, found, |id| outcome.undecided.iter().any(|gap| gap.rule == id)));
    }
    text.push_str("```\n");
    text
}

#[test]
fn the_table_of_situations_and_rules_is_the_one_that_is_kept() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnosis.md");
    let made = document();
    if std::env::var_os("TCPCTL_WRITE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, made, "docs/diagnosis.md is old; write it again with TCPCTL_WRITE_DOCS=1");
}

#[test]
fn every_rule_that_says_so_is_proved_live() {
    let proved: BTreeSet<String> = incidents().incidents.into_values().flatten().collect();
    for rule in RULES {
        assert_eq!(proved.contains(rule.id), rule.proof == Proof::Live, "{}", rule.id);
    }
    assert!(incidents().undecided.iter().all(|id| RULES.iter().any(|rule| rule.id == id)));
}
