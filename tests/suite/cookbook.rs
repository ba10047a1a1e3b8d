//! The cookbook is all run: `tests/live/cookbook` does what it says, and here is judged that nothing is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::cookbook_text::{Act, Call, SITUATIONS, Section, parse_cookbook};

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cookbook.md")).unwrap()
}

#[test]
fn every_command_of_the_cookbook_belongs_to_a_situation_with_a_set_up() {
    let text = document();
    let (sections, wrong) = parse_cookbook(&text);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let ids: Vec<&str> = sections.iter().map(|section| section.id.as_str()).collect();
    assert_eq!(ids, SITUATIONS);
    assert!(ids.len() >= 10);
    assert_eq!(text.matches("\n## ").count(), ids.len(), "every section is a situation");
    for section in &sections {
        let calls = calls(section);
        assert!(calls.len() >= 3, "{}: from symptom to proof", section.id);
        assert!(calls.iter().all(|call| call.words[0] == "tcpctl"), "{}: {calls:#?}", section.id);
    }
    // A line that looks like a command and is in no block would be run by nobody.
    let commands = text.lines().filter(|line| line.starts_with("# tcpctl") || line.starts_with("$ ")).count();
    assert_eq!(commands, sections.iter().map(|section| self::calls(section).len()).sum::<usize>());
}

/// By the anchor that GitHub gives a heading.
#[test]
fn the_list_of_situations_leads_to_each() {
    let text = document();
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for (number, heading) in headings.iter().enumerate() {
        let anchor: String = heading
            .to_lowercase()
            .chars()
            .filter(|character| character.is_alphanumeric() || " -".contains(*character))
            .map(|character| if character == ' ' { '-' } else { character })
            .collect();
        let title = heading.split_once(". ").unwrap().1;
        let line = format!("\n{}. [{title}](#{anchor})\n", number + 1);
        assert!(text.contains(&line), "no line like {line}");
    }
}

/// A file is one of sysctl.d, which many commands read, or a command names it.
#[test]
fn what_the_cookbook_lays_down_and_waits_for_is_of_use() {
    for section in parse_cookbook(&document()).0 {
        let mut steps = BTreeSet::new();
        for (at, act) in section.acts.iter().enumerate() {
            let later: Vec<&Call> = section.acts[at..].iter().filter_map(call).collect();
            match act {
                Act::File { path, text } => {
                    assert!(!text.trim().is_empty(), "{}: {path} is empty", section.id);
                    let is_named = later.iter().any(|call| call.words.contains(path));
                    assert!(path.starts_with("/etc/sysctl.d/") || is_named, "{}: nobody reads {path}", section.id);
                }
                Act::Then(step) => {
                    assert!(!later.is_empty() && steps.insert(step), "{}: {step} shows nowhere", section.id);
                }
                Act::Call(_) => {}
            }
        }
    }
}

fn call(act: &Act) -> Option<&Call> {
    if let Act::Call(call) = act { Some(call) } else { None }
}

fn calls(section: &Section) -> Vec<&Call> {
    section.acts.iter().filter_map(call).collect()
}

/// A document with this block.
fn section(block: &str) -> Section {
    let text = format!("<!-- situation: x -->\n<!-- varies: at #s | in @, -->\n```console\n{block}\n```\n");
    let (mut sections, wrong) = parse_cookbook(&text);
    assert!(wrong.is_empty(), "{wrong:#?}");
    sections.pop().unwrap()
}

fn complaint(block: &str, printed: &str) -> Option<String> {
    let section = section(block);
    calls(&section)[0].complaint(printed, &section.varies)
}

#[test]
fn an_excerpt_is_what_was_printed_but_for_what_varies() {
    let printed = "shop(77) has 129 of 129\nfor long, at 4.5s and\n  so on: 12s\nlast line\n";
    let fine = |block: &str| assert_eq!(complaint(block, printed), None, "{block}");
    fine("# tcpctl x\n…");
    fine("# tcpctl x\n…\nlast line");
    fine("# tcpctl x\nshop(1203) has 129 of 129\n…\nat 3s and so on: 12s\n…");
    fine("# tcpctl x\nshop(1203)   has 129\nof 129 for long, at 9s and so on: 12s last line");
    for wrong in [
        "",
        "shop(1203) has 129 of 129",
        "…\nhas 129 of 129",
        "shop(1203) has 129 of 130\n…",
        "…\nat 3s and so on: 13s\n…",
        "…\nlast line\n…\nfor long\n…",
        "…\nast line",
        "shop(1203) has 12\n…",
        "stop(1203) has 129\n…",
    ] {
        assert!(complaint(&format!("# tcpctl x\n{wrong}"), printed).is_some(), "{wrong}");
    }
}

/// A time is one whatever its unit is; a number alone is none.
#[test]
fn times_vary_with_their_units() {
    for time in ["5s", "12 ms", "1.9 s", "2m09s", "2 h 11 min", "15:13:31", "900 s"] {
        assert_eq!(complaint("# tcpctl x\nnext in 4.8 s, then", &format!("next in {time}, then")), None, "{time}");
    }
    for other in ["5", "5 of 6", "s"] {
        assert!(complaint("# tcpctl x\nnext in 4.8 s, then", &format!("next in {other}, then")).is_some(), "{other}");
    }
}

#[test]
fn an_excerpt_is_renewed_from_what_was_printed() {
    let section = section("# tcpctl x\nthere are 128 waiting\n…\nthe end of it\n[exit 1]");
    let call = calls(&section)[0];
    assert_eq!((call.exit, call.lines.clone()), (1, 4..8));
    let renewed = call.renewed("there are 129 waiting\nand more\nthe end of them\n", 2, &[]);
    assert_eq!(renewed, ["there are 129 waiting", "…", "the end of them", "[exit 2]"]);
    // What varies stays as it was written.
    let kept = call.renewed("there are 128 waiting\nthe end of it\n", 0, &[]);
    assert_eq!(kept, ["there are 128 waiting", "…", "the end of it"]);
}

#[test]
fn what_nobody_would_run_is_found() {
    for text in [
        "```console\n# tcpctl x\n```\n",
        "<!-- situation: x -->\n```sh\ntcpctl x\n```\n",
        "<!-- situation: x -->\n```console\nshown\n# tcpctl x\n```\n",
        "<!-- situation: x -->\n<!-- thn: y -->\n",
    ] {
        assert_eq!(parse_cookbook(text).1.len(), 1, "{text}");
    }
}
