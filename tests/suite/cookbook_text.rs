//! What `docs/cookbook.md` asks to be done and shown: read, compared with what was printed, and renewed from it.
//!
//! A section begins at `<!-- situation: ID -->`. In order: `<!-- file: PATH -->` lays down the block below it, an absolute
//! path below the root that is tried; `<!-- then: STEP -->` lets the set-up go on; a block `console` holds commands behind
//! `# `, each with what it prints and, where it does not end with 0, `[exit N]`. `…` stands for lines left out; without it
//! an excerpt begins and ends where the output does. How lines are wrapped and padded does not matter. Everything else
//! does, but for the number in `name(1203)`, which is a process, and what the section says `<!-- varies: A | B -->` of,
//! where `#` stands for a number and `@` for a time, such as `5s`, `12 ms`, `2 h 11 min` or `15:13:31`.

use std::ops::Range;

/// The situations, in the order of the document. Each has its set-up in `tests/live/cookbook`.
pub(crate) const SITUATIONS: [&str; 10] = [
    "accept-queue",
    "syn-flood",
    "ports",
    "time-wait",
    "connect",
    "dead-peer",
    "idle",
    "close-wait",
    "settings",
    "afterwards",
];

/// Stands for lines that are left out.
const LEFT_OUT: &str = "…";
/// Stands for all that is printed, until the document is written.
const ALL: &str = "???";
/// How alike a line must be to take the place of another.
const LEAST_LIKENESS: f32 = 0.4;

/// A section that is bound to a set-up.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) id: String,
    /// What varies, beside the ids of processes.
    pub(crate) varies: Vec<String>,
    pub(crate) acts: Vec<Act>,
}

/// What is done in a section.
#[derive(Debug)]
pub(crate) enum Act {
    /// A file is laid down.
    File { path: String, text: String },
    /// The set-up goes on.
    Then(String),
    /// A command is run.
    Call(Call),
}

/// A command.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) words: Vec<String>,
    pub(crate) exit: i32,
    shown: Vec<String>,
    /// The lines of the document below the command.
    pub(crate) lines: Range<usize>,
}

/// What stands in a comment of this kind.
fn mark<'a>(line: &'a str, kind: &str) -> Option<&'a str> {
    line.strip_prefix("<!-- ")?.strip_suffix(" -->")?.strip_prefix(kind)?.strip_prefix(": ")
}

/// Reads the document: its sections, and what is wrong with it.
pub(crate) fn parse_cookbook(text: &str) -> (Vec<Section>, Vec<String>) {
    let (mut sections, mut wrong) = (Vec::<Section>::new(), Vec::new());
    let mut lines = text.lines().enumerate();
    let mut file = None;
    while let Some((at, line)) = lines.next() {
        if let Some(id) = mark(line, "situation") {
            sections.push(Section { id: id.to_owned(), ..Section::default() });
            continue;
        }
        let fence = line.strip_prefix("```");
        let block: Vec<(usize, &str)> = match fence {
            Some(_) => lines.by_ref().take_while(|(_, line)| *line != "```").collect(),
            None => Vec::new(),
        };
        let of_section = line.starts_with("<!-- ") || fence.is_some();
        let Some(section) = sections.last_mut() else {
            if of_section {
                wrong.push(format!("line {}: {line} belongs to no situation", at + 1));
            }
            continue;
        };
        if let Some(list) = mark(line, "varies") {
            section.varies.extend(list.split(" | ").map(str::to_owned));
        } else if let Some(step) = mark(line, "then") {
            section.acts.push(Act::Then(step.to_owned()));
        } else if let Some(path) = mark(line, "file") {
            file = Some(path.to_owned());
        } else if let Some(language) = fence {
            match (file.take(), language) {
                (Some(path), _) => {
                    let text = block.iter().map(|(_, line)| format!("{line}\n")).collect();
                    section.acts.push(Act::File { path, text });
                }
                (None, "console") => read_calls(&block, section, &mut wrong),
                (None, _) => wrong.push(format!("line {}: a block that is neither run nor laid down", at + 1)),
            }
        } else if of_section {
            wrong.push(format!("line {}: {line} is no mark that is known", at + 1));
        }
    }
    (sections, wrong)
}

fn read_calls(block: &[(usize, &str)], section: &mut Section, wrong: &mut Vec<String>) {
    let before = section.acts.len();
    for (at, line) in block {
        if let Some(command) = line.strip_prefix("# ") {
            let words = command.split_whitespace().map(str::to_owned).collect();
            let call = Call { words, exit: 0, shown: Vec::new(), lines: at + 1..at + 1 };
            section.acts.push(Act::Call(call));
            continue;
        }
        let Some(Act::Call(call)) = section.acts[before..].last_mut() else {
            wrong.push(format!("line {}: what is shown stands below no command", at + 1));
            continue;
        };
        call.lines.end = at + 1;
        match line.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']')).and_then(|code| code.parse().ok()) {
            Some(code) => call.exit = code,
            None => call.shown.push((*line).to_owned()),
        }
    }
}

impl Call {
    /// Why the excerpt is not what was printed.
    pub(crate) fn complaint(&self, printed: &str, varies: &[String]) -> Option<String> {
        let printed = masked(printed, varies);
        let mut rest = printed.as_str();
        let mut may_skip = false;
        for piece in self.shown.split_inclusive(|line| line == LEFT_OUT) {
            let (piece, is_cut) = match piece.split_last() {
                Some((last, before)) if last == LEFT_OUT => (before, true),
                _ => (piece, false),
            };
            let wanted = masked(&piece.join("\n"), varies);
            let found =
                if may_skip { find_words(rest, &wanted) } else { find_words(rest, &wanted).filter(|at| *at == 0) };
            match found {
                Some(at) => rest = rest[at + wanted.len()..].trim_start(),
                None => return Some(format!("it does not print, after what is shown before it:\n{wanted}")),
            }
            may_skip = is_cut;
        }
        (!may_skip && !rest.is_empty()).then(|| format!("it prints more than is shown: {rest}"))
    }

    /// The excerpt anew, with the exit code: each line is the one of those printed that is most like it.
    pub(crate) fn renewed(&self, printed: &str, exit: i32, varies: &[String]) -> Vec<String> {
        let all: Vec<&str> = printed.lines().map(str::trim_end).collect();
        let mut shown = Vec::new();
        if self.complaint(printed, varies).is_none() {
            shown.clone_from(&self.shown);
        } else {
            let mut next = 0;
            for line in &self.shown {
                if line == ALL {
                    shown.extend(all.iter().map(|line| (*line).to_owned()));
                } else if line == LEFT_OUT {
                    shown.push(line.clone());
                } else {
                    let later = all.get(next..).unwrap_or_default();
                    let like = similar::get_close_matches(line.as_str(), later, 1, LEAST_LIKENESS);
                    let Some(like) = like.first() else { continue };
                    next += later.iter().position(|other| other == like).map_or(0, |at| at + 1);
                    shown.push((*like).to_owned());
                }
            }
        }
        if exit != 0 {
            shown.push(format!("[exit {exit}]"));
        }
        shown
    }
}

/// Where these words stand among others, whole.
fn find_words(text: &str, wanted: &str) -> Option<usize> {
    let is_whole = |at: usize| {
        let (before, behind) = (&text[..at], &text[at + wanted.len()..]);
        (before.is_empty() || before.ends_with(' ')) && (behind.is_empty() || behind.starts_with(' '))
    };
    if wanted.is_empty() {
        return Some(0);
    }
    text.match_indices(wanted).map(|(at, _)| at).find(|at| is_whole(*at))
}

/// The words of a text with a space between them, and a mark for what varies.
fn masked(text: &str, varies: &[String]) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut made = String::with_capacity(words.len());
    let mut rest = words.as_str();
    while let Some(first) = rest.chars().next() {
        let before = made.chars().last();
        if let Some(length) = process(rest).filter(|_| before.is_some_and(|before| before.is_ascii_alphanumeric())) {
            made.push_str("(#)");
            rest = &rest[length..];
        } else if let Some((pattern, length)) =
            varies.iter().find_map(|pattern| Some((pattern, matched(pattern, rest)?)))
            && !(pattern.starts_with(['#', '@'])
                && before.is_some_and(|before| before.is_ascii_digit() || before == '.'))
        {
            made.push_str(pattern);
            rest = &rest[length..];
        } else {
            made.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    made
}

/// The length of `(1203)` at the beginning.
fn process(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('(')?.split_once(')')?.0;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits.len() + 2)
}

/// How much of the beginning a pattern takes.
fn matched(pattern: &str, text: &str) -> Option<usize> {
    let mut rest = text;
    for character in pattern.chars() {
        let length = match character {
            '#' => number_length(rest),
            '@' => time_length(rest),
            other if rest.starts_with(other) => other.len_utf8(),
            _ => 0,
        };
        rest = rest.get(length..).filter(|_| length > 0)?;
    }
    Some(text.len() - rest.len())
}

/// Numbers, each with a unit or a colon behind it, but for the last.
fn time_length(text: &str) -> usize {
    let mut length = 0;
    loop {
        let rest = &text[length..];
        let part = rest.strip_prefix(' ').filter(|_| length > 0).unwrap_or(rest);
        let number = number_length(part);
        if number == 0 {
            return length;
        }
        let behind = &part[number..];
        let unit = behind.strip_prefix(' ').unwrap_or(behind);
        let known = [":", "ms", "min", "s", "m", "h"].iter().find(|known| unit.starts_with(**known));
        length = match known {
            Some(known) => text.len() - unit.len() + known.len(),
            // The last number of a time of day; any other is no time.
            None if text[..length].ends_with(':') => return text.len() - behind.len(),
            None => return length,
        };
    }
}

/// Digits, and a point between them.
fn number_length(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    match text[whole..].strip_prefix('.').map(digits) {
        Some(fraction) if whole > 0 && fraction > 0 => whole + 1 + fraction,
        _ => whole,
    }
}
