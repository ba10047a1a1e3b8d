//! The screens in the README are those that the program draws.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What stands before the name of a screen, and after it.
const MARK: (&str, &str) = ("<!-- screen: ", " -->");
const FENCE: &str = "```";

/// The screen that a snapshot keeps.
fn screen(name: &str) -> String {
    let path = Path::new("tests/suite/snapshots").join(format!("suite__screens__{name}.snap"));
    let kept = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, text) = kept.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).unwrap();
    text.trim_end_matches('\n').to_owned()
}

/// The text with the present screen below each mark.
fn with_screens(text: &str) -> String {
    let mut made = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        made.push_str(line);
        made.push('\n');
        let Some(name) = line.strip_prefix(MARK.0).and_then(|rest| rest.strip_suffix(MARK.1)) else { continue };
        if lines.peek().is_some_and(|line| line.starts_with(FENCE)) {
            lines.next();
            while lines.next().is_some_and(|line| line != FENCE) {}
        }
        made.push_str(&format!("{FENCE}text\n{}\n{FENCE}\n", screen(name)));
    }
    made
}

#[test]
fn the_screens_in_the_readme_are_those_that_are_drawn() {
    let path = root().join("README.md");
    let kept = fs::read_to_string(&path).unwrap();
    let made = with_screens(&kept);
    assert!(made.matches(MARK.0).count() >= 3, "the README shows screens");
    if std::env::var_os("TCPCTL_WRITE_DOCS").is_some() {
        fs::write(&path, &made).unwrap();
        return;
    }
    assert_eq!(kept, made, "README.md is old; write it again with TCPCTL_WRITE_DOCS=1");
}
