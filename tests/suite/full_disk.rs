//! A disk that takes no more: what was asked for is there whole or not at all, what was there stays, and it is said.
//! What becomes of settings and their journal then is in `tune_tree`.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::status::copy_of_a_host;

/// Runs the program where no file grows beyond 512 bytes: the first part of what is written still fits.
fn short_of_disk(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_tcpctl")]);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), copy_of_a_host());
    let folder = folder.path();
    let proc = copy.path().to_str().unwrap();
    let course = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/overtaken-syn.toml");
    for (name, arguments) in [
        ("x.svg", &["explain", "syn-lost", "--proc", proc, "--diagram", "svg", "-o", "x.svg"][..]),
        ("y.svg", &["simulate", course, "--diagram", "svg", "-o", "y.svg"]),
        ("x.json", &["snapshot", "--proc", proc, "x.json"]),
        ("x.prom", &["serve", "--proc", proc, "--textfile", "x.prom"]),
        (
            "x.toml",
            &[
                "solve",
                "--proc",
                proc,
                "--connect",
                "10s",
                "--half-open",
                "20s",
                "--defaults",
                "--write-profile",
                "x.toml",
            ],
        ),
    ] {
        let is_new_only = name == "x.toml";
        for there in [None, Some("what was there\n")] {
            if let Some(content) = there {
                fs::write(folder.join(name), content).unwrap();
            }
            let output = short_of_disk(folder, arguments);
            let told = format!("{name}: {}{}", output.status, said(&output));
            let code = if is_new_only && there.is_some() { 2 } else { 3 };
            assert_eq!(output.status.code(), Some(code), "{told}");
            assert!(said(&output).contains(name), "{told}");
            assert_eq!(fs::read_to_string(folder.join(name)).ok().as_deref(), there, "{told}");
            let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left.len(), usize::from(there.is_some()), "{told}: {left:?}");
        }
        fs::remove_file(folder.join(name)).unwrap();
        // The same where there is room.
        let output = Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{name}: {}", said(&output));
        assert!(fs::metadata(folder.join(name)).unwrap().len() > 512, "{name}: as much as does not fit");
        fs::remove_file(folder.join(name)).unwrap();
    }
}

#[test]
fn a_page_that_cannot_be_printed_is_no_success() {
    let copy = copy_of_a_host();
    let proc = copy.path().to_str().unwrap();
    let course = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/overtaken-syn.toml");
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["status", "-h"],
        &["status", "--proc", proc],
        &["status", "--proc", proc, "--json"],
        &["listeners", "--proc", proc],
        &["sockets", "--proc", proc, "-a"],
        &["diagnose", "--proc", proc],
        &["explain", "syn-lost", "--proc", proc],
        &["explain", "syn-lost", "--proc", proc, "--diagram", "mermaid"],
        &["simulate", course],
        &["params", "--proc", proc],
        &["profiles"],
        &["plan", "anti-syn-flood", "--proc", proc],
        &["verify", "anti-syn-flood", "--proc", proc],
        &["snapshot", "--proc", proc],
        &["serve", "--textfile", "-", "--proc", proc],
        &["metrics"],
        &["completions", "bash"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("cannot write the output: No space left"), "{arguments:?}: {}", said(&output));
    }
    // Nor is a mistake one because nobody can be told of it.
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tcpctl")).arg("--nonsense").stderr(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
