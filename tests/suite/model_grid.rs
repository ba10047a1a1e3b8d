//! The model's arithmetic as numbers, so that a change of it shows in review.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tcpctl::model::{Outcome, Timeline, forecast};
use tcpctl::units::KernelVersion;

use crate::model_cases::{TABLES, Table};

/// Width that a reviewer's window has.
const WIDTH: usize = 120;
/// What every other line of numbers means.
const LEGEND: &str = "\
Nominal and latest end in milliseconds / segments sent, the first one included; HZ 250 where nothing else is said.
A star marks a tie: the lateness of timers decides, and what else may come follows below the line.
Kernels with the same numbers share a table, neighbouring lines with the same numbers share a line.
";

#[test]
fn the_grid_shows_every_change_of_arithmetic_as_numbers() {
    let mut text = LEGEND.to_owned();
    for table in drawn_tables() {
        text.push('\n');
        text.push_str(&table);
    }
    insta::assert_snapshot!(text);
    let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap_or("");
    assert!(widest.chars().count() <= WIDTH, "too wide for review: {widest}");
}

/// Every table, worked out on all CPUs there are.
fn drawn_tables() -> Vec<String> {
    std::thread::scope(|scope| {
        let drawing: Vec<_> = TABLES.iter().map(|table| scope.spawn(|| draw(table))).collect();
        drawing.into_iter().map(|table| table.join().expect("a drawn table")).collect()
    })
}

/// A course's end and the number of segments, as text; and how it ends.
fn cell(table: &Table, course: &Timeline) -> (String, Outcome) {
    let end = course.end().expect("every course has an end");
    let sent = course.sent(table.counted.0, table.counted.1);
    let text = match end.outcome {
        Outcome::Never => format!("never/{sent}"),
        _ => format!("{}-{}/{sent}", end.window.at_us / 1000, end.window.latest_us.div_ceil(1000)),
    };
    (text, end.outcome)
}

/// The numbers of one kernel: for each line its label, its cells, and what else may come.
#[derive(PartialEq, Eq)]
struct Numbers {
    lines: Vec<(Vec<i32>, Vec<String>, Vec<String>)>,
    outcomes: BTreeSet<&'static str>,
}

fn numbers(table: &Table, version: KernelVersion) -> Numbers {
    let mut numbers = Numbers { lines: Vec::new(), outcomes: BTreeSet::new() };
    for down in table.down.1 {
        let (mut cells, mut ties) = (Vec::new(), Vec::new());
        for across in table.across.1 {
            let timeline = forecast(&table.cell(version, *down, *across));
            let (mut main, outcome) = cell(table, &timeline);
            numbers.outcomes.insert(outcome.name());
            let others: BTreeSet<_> = timeline.alternatives.iter().map(|other| cell(table, other)).collect();
            numbers.outcomes.extend(others.iter().map(|(_, outcome)| outcome.name()));
            let others: Vec<_> = others.into_iter().map(|(text, _)| text).filter(|text| *text != main).collect();
            if !others.is_empty() {
                main.push('*');
                ties.push(format!("{across}: or {}", others.join(" or ")));
            }
            cells.push(main);
        }
        match numbers.lines.last_mut() {
            Some((labels, same, same_ties)) if *same == cells && *same_ties == ties => labels.push(*down),
            _ => numbers.lines.push((vec![*down], cells, ties)),
        }
    }
    numbers
}

fn draw(table: &Table) -> String {
    let mut groups: Vec<(Vec<KernelVersion>, Numbers)> = Vec::new();
    for version in table.kernels {
        let numbers = numbers(table, *version);
        match groups.iter_mut().find(|(_, same)| *same == numbers) {
            Some((versions, _)) => versions.push(*version),
            None => groups.push((vec![*version], numbers)),
        }
    }
    let mut text = format!("== {}: {} down, {} across\n", table.title, table.down.0, table.across.0);
    for (versions, numbers) in groups {
        let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
        let outcomes: Vec<&str> = numbers.outcomes.iter().copied().collect();
        let segment = table.counted.1.name();
        writeln!(text, "Linux {}: {} / {segment}", versions.join(", "), outcomes.join(" or ")).expect("a text");
        draw_numbers(&mut text, table, &numbers);
    }
    text
}

fn draw_numbers(text: &mut String, table: &Table, numbers: &Numbers) {
    let label = |values: &[i32]| match values {
        [first, .., last] => format!("{first}..{last}"),
        values => values.iter().map(ToString::to_string).collect(),
    };
    let header = table.across.1.iter().map(|value| format!("{value} ")).collect();
    let mut lines = vec![(String::new(), header, [].as_slice())];
    // A blank stands where other cells have their star, so that digits are below each other.
    let cells = |cells: &[String]| {
        cells.iter().map(|cell| if cell.ends_with('*') { cell.clone() } else { format!("{cell} ") }).collect::<Vec<_>>()
    };
    lines.extend(numbers.lines.iter().map(|(labels, line, ties)| (label(labels), cells(line), ties.as_slice())));
    let label_width = lines.iter().map(|(label, ..)| label.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.across.1.len())
        .map(|column| lines.iter().map(|(_, cells, _)| cells[column].len()).max().unwrap_or(0))
        .collect();
    for (label, cells, ties) in lines {
        let mut line = format!("{label:>label_width$}");
        for (cell, width) in cells.iter().zip(&widths) {
            write!(line, " {cell:>width$}").expect("a text");
        }
        text.push_str(line.trim_end());
        text.push('\n');
        for tie in ties {
            writeln!(text, "{:label_width$} * {tie}", "").expect("a text");
        }
    }
}
