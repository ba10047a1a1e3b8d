//! What is made from tables is what is committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::Command;

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
