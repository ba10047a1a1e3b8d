//! The arm that asks the model: each case's course is recorded, and a change of it is a change of the model.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};
use tcpctl::model::{Host, Outcome, Timeline, What, forecast};
use tcpctl::units::{Hz, KernelVersion};

use crate::cases::Case;

/// The kernel that courses are recorded for.
pub(crate) const REFERENCE: Host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };

/// What begins a case in the record.
const HEADING: &str = "## ";

/// A trial for each case.
pub(crate) fn trials(cases: &[Case], record: bool) -> Vec<Trial> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/courses.txt");
    if record {
        let text: String = cases.iter().map(|case| format!("{HEADING}{}\n{}\n", case.name, course_of(case))).collect();
        std::fs::write(&path, text).expect("the record can be written");
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let recorded: BTreeMap<String, String> = text.split(HEADING).filter_map(section).collect();
    let trial = |case: &Case| {
        let (expected, case) = (recorded.get(&case.name).cloned(), case.clone());
        Trial::test(format!("model: {}", case.name), move || {
            let course = course_of(&case);
            match expected {
                Some(expected) if expected.trim_end() == course.trim_end() => Ok(()),
                Some(expected) => Err(Failed::from(format!("recorded:\n{expected}\nnow:\n{course}"))),
                None => Err(Failed::from(format!("nothing is recorded of it; now:\n{course}"))),
            }
        })
    };
    let mut trials: Vec<Trial> = cases.iter().map(trial).collect();
    let known: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    trials.push(Trial::test("every case has a name of its own, and nothing else is recorded", move || {
        let mut names = known.clone();
        names.sort();
        names.dedup();
        let strays: Vec<&String> = recorded.keys().filter(|name| !names.contains(name)).collect();
        if names.len() == known.len() && strays.is_empty() {
            return Ok(());
        }
        Err(Failed::from(format!("{} names for {} cases; recorded and unknown: {strays:?}", names.len(), known.len())))
    }));
    trials
}

fn section(text: &str) -> Option<(String, String)> {
    let (name, course) = text.split_once('\n')?;
    Some((name.to_owned(), course.to_owned()))
}

/// Courses of a tie that are recorded; of the others only how many there are.
const COURSES: usize = 3;

/// The course and its alternatives, a line for each segment, state, return and end, with its window in milliseconds.
fn course_of(case: &Case) -> String {
    let predicted = forecast(&case.scenario);
    let until_us = case.until_us.unwrap_or(u64::MAX);
    let mut text = lines(&predicted, until_us);
    for alternative in predicted.alternatives.iter().take(COURSES) {
        text.push_str("or\n");
        text.push_str(&lines(alternative, until_us));
    }
    if predicted.alternatives.len() > COURSES {
        writeln!(text, "or {} others", predicted.alternatives.len() - COURSES).expect("a string takes it");
    }
    text
}

fn lines(timeline: &Timeline, until_us: u64) -> String {
    let mut text = String::new();
    for event in timeline.events.iter().filter(|event| event.window.at_us <= until_us) {
        let what = match &event.what {
            What::Send { segment, lost, .. } => format!("{}{}", segment.name(), if *lost { " lost" } else { "" }),
            What::State(state) => format!("={}", state.name()),
            What::Return(call, errno) => format!("{call}() {}", errno.map_or("returns", |errno| errno.name())),
            What::Call(_) | What::Arrive { .. } | What::Icmp(_) => continue,
        };
        writeln!(text, "{:>16} {} {what}", window(event.window), event.side.name()).expect("a string takes it");
    }
    for end in timeline.ends.iter().filter(|end| end.window.at_us <= until_us) {
        let how = match end.outcome {
            Outcome::Failed(errno) => errno.name(),
            Outcome::Established => "established",
            Outcome::Gone => "gone",
            Outcome::Never => continue,
        };
        writeln!(text, "{:>16} {} ends {how}", window(end.window), end.side.name()).expect("a string takes it");
    }
    text
}

/// In milliseconds.
fn window(window: tcpctl::model::Window) -> String {
    let (at_ms, latest_ms) = (window.at_us as f64 / 1000.0, window.latest_us as f64 / 1000.0);
    if window.at_us == window.latest_us { format!("{at_ms}") } else { format!("{at_ms}-{latest_ms}") }
}
