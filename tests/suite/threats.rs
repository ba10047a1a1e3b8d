//! The threat model: each of its lines has tests that exist, and the environment leads nobody astray.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::tune_tree::{Tree, strs, text};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of Rust below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_line_of_the_threat_model_names_tests_that_there_are() {
    let model = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let files = ["src", "tests"].iter().flat_map(|folder| sources(&root().join(folder)));
    let code: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let rows: Vec<&str> =
        model.lines().filter(|line| line.starts_with("| ") && !line.contains("what somebody")).collect();
    assert!(rows.len() > 15, "{}", rows.len());
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit(" | ").next().unwrap();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test in: {row}");
        for test in named {
            // A function, or a live case by its sentence.
            let there = code.contains(&format!("fn {test}(")) || code.contains(&format!("\"{test}\""));
            assert!(there, "there is no test `{test}`");
        }
    }
}

/// A file without its tests, whatever else of it is for tests alone.
fn program_of(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap()
}

#[test]
fn what_stands_behind_a_line_for_tests_is_program_all_the_same() {
    let text = "#[cfg(test)]\nuse a::B;\nfn c() { d() }\n#[cfg(test)]\nmod tests {\n fn e() {} }\n";
    assert_eq!(program_of(text), "#[cfg(test)]\nuse a::B;\nfn c() { d() }\n");
}

#[test]
fn the_environment_is_read_in_one_place() {
    let reads = ["env::var", "env::vars", "var_os(", "env::temp_dir", "env::home_dir", "getenv"];
    let mut found = BTreeSet::new();
    for path in sources(&root().join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        if program_of(&text)
            .lines()
            .any(|line| !line.contains("debug_assert!") && reads.iter().any(|read| line.contains(read)))
        {
            found.insert(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["src/ui/cli/run.rs"]);
}

/// Variables by which programs are led to other files, libraries, programs, words and places.
const ASTRAY: [(&str, &str); 14] = [
    ("HOME", "/nowhere"),
    ("XDG_CONFIG_HOME", "/nowhere"),
    ("XDG_STATE_HOME", "/nowhere"),
    ("TMPDIR", "/nowhere"),
    ("PATH", "/nowhere"),
    ("TZ", "/nowhere/zone"),
    ("LANG", "tr_TR.UTF-8"),
    ("PAGER", "/nowhere/pager"),
    ("EDITOR", "/nowhere/editor"),
    ("SYSCTL_PATH", "/nowhere"),
    ("RUST_LOG", "trace"),
    ("SSLKEYLOGFILE", "/nowhere/keys"),
    ("TCPCTL_STATE_DIR", "/nowhere"),
    ("COLUMNS", "20"),
];

#[test]
fn no_environment_changes_what_root_does() {
    let applied = |astray: &[(&str, &str)]| {
        let tree = Tree::new();
        let output = tree.command(&strs(&tree.persist())).env_clear().envs(astray.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let folder = tree.path("").display().to_string();
        let written = tree.bytes().into_iter().map(|(path, bytes)| {
            // The heading of the drop-in has the time and the folder.
            let settings = text(&bytes).lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
            (path.strip_prefix(&folder).unwrap().to_owned(), settings)
        });
        let told = text(&output.stdout).replace(&folder, "");
        (told.replace(|one: char| one.is_ascii_digit(), "#"), written.collect::<Vec<_>>())
    };
    assert_eq!(applied(&ASTRAY), applied(&[]));
}
