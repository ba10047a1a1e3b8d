//! What is made from tables is what is committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::Command;

use super::tools;

fn pages(directory: &Path) -> BTreeMap<String, String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|section| section == "1" || section == "5" || section == "7"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

#[test]
fn the_manual_pages_are_those_that_the_arguments_make() {
    let made = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(["man"]).arg(made.path()).assert().success();
    let committed = pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("man"));
    let made = pages(made.path());
    assert_eq!(committed.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    for (name, page) in made {
        assert_eq!(committed.get(&name), Some(&page), "man/{name} is old; write it again with `tcpctl man man`");
    }
}

/// Every page that is committed, among them those of the formats and tables.
#[test]
fn mandoc_has_nothing_to_say_of_the_manual_pages() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let names: Vec<String> = pages(&directory).into_keys().collect();
    for page in ["tcpctl.1", "tcpctl-fleet.1", "tcpctl-profile.5", "tcpctl-scenario.5", "tcpctl-snapshot.5"] {
        assert!(names.iter().any(|name| name == page), "{page}");
    }
    assert!(names.iter().any(|name| name == "tcpctl-rules.7") && names.iter().any(|name| name == "tcpctl-topics.7"));
    let Some(mandoc) = tools::find("mandoc", "mandoc_has_nothing_to_say_of_the_manual_pages") else { return };
    let output = Command::new(mandoc).arg("-Tlint").args(&names).current_dir(&directory).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.is_empty(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(["completions", shell]).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("tcpctl"), "{shell}");
    }
}

/// The example of the README is what the program prints.
#[test]
fn the_example_in_the_readme_is_real() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let example = readme.split("```console\n$ tcpctl ").nth(1).unwrap().split("\n…\n```").next().unwrap();
    let (command, shown) = example.split_once('\n').unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(command.split_whitespace()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with(shown), "the README shows\n{shown}\nand `tcpctl {command}` prints\n{printed}");
}
