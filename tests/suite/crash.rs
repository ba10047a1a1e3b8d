//! The program killed before each system call of its that changes something, one after the other: what is there
//! afterwards is undone to the byte, and nothing half-done is said to be done.
//!
//! Calls that only read are left out: a kill before one leaves what a kill before the next changing call leaves.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::thread;

use serde_json::Value;

use super::tracer::{Ended, kill_before};
use super::tune_tree::{Tree, strs, text};

/// One journey: how the tree is prepared, and what is killed.
struct Journey {
    name: &'static str,
    prepare: fn(&Tree),
    arguments: fn(&Tree) -> Vec<String>,
    /// The entry of the journal that says whether it is done.
    entry: &'static str,
}

fn apply(_: &Tree) -> Vec<String> {
    ["apply", "anti-syn-flood", "--yes"].map(str::to_owned).to_vec()
}

fn rollback(_: &Tree) -> Vec<String> {
    ["rollback", "--yes"].map(str::to_owned).to_vec()
}

fn persist(tree: &Tree) {
    tree.ok(&strs(&tree.persist()));
}

/// Two of the profile's keys: more of them make more of the same calls.
fn fresh() -> Tree {
    let tree = Tree::new();
    for file in ["net/core/netdev_max_backlog", "net/ipv4/tcp_max_syn_backlog", "net/ipv4/tcp_syncookies"] {
        fs::remove_file(tree.path("proc/sys").join(file)).unwrap();
    }
    tree
}

/// Kills at every call in turn until the program is through, and gives back how often; nothing where programs may not be traced.
fn at_every_call(journey: &Journey) -> Option<usize> {
    for nth in 1.. {
        let tree = fresh();
        let before = tree.bytes();
        (journey.prepare)(&tree);
        let prepared = tree.bytes();
        let arguments = (journey.arguments)(&tree);
        let traced = kill_before(&mut tree.command(&strs(&arguments)), nth);
        if traced.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            return None;
        }
        let (ended, printed) = traced.unwrap();
        let call = match ended {
            Ended::Exited(code) => {
                assert_eq!(code, 0, "{}: {printed}", journey.name);
                return Some(nth - 1);
            }
            Ended::Killed(call) => format!("{} killed before {call}", journey.name),
        };
        // The whole is done when the journal says so, and before that nobody is told it is.
        let file = tree.path("state").join(journey.entry);
        let entry: Option<Value> = fs::read_to_string(&file).ok().map(|text| {
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{call}: the journal is no JSON: {error}"))
        });
        let outcome = entry.map_or(Value::Null, |entry| entry["outcome"].clone());
        refill(&tree, &prepared);
        if outcome == "applied" {
            let done = fresh();
            (journey.prepare)(&done);
            done.ok(&strs(&(journey.arguments)(&done)));
            assert_eq!(contents(&tree), contents(&done), "{call}: the journal says that all of it was done");
        } else {
            assert!(!printed.contains("read back") && !printed.contains("is applied"), "{call}: {printed}");
            assert_eq!(outcome, Value::Null, "{call}");
        }
        if !tree.path("state/000001.json").exists() {
            assert_eq!(tree.bytes(), before, "{call}: nothing is journalled, so that nothing may be written");
            continue;
        }
        let undone = tree.run(&["rollback", "--yes"]);
        let said = format!("{call}: {}{}", text(&undone.stdout), text(&undone.stderr));
        assert!(undone.status.success(), "{said}");
        assert_eq!(tree.bytes(), before, "{said}");
        // Nothing that it left is in the way of the next one.
        if nth % 8 == 0 {
            persist(&tree);
            assert_eq!(tree.value("net/core/somaxconn"), "4096", "{call}");
            tree.ok(&["rollback", "--yes"]);
            assert_eq!(tree.bytes(), before, "{call}, applied again and rolled back");
        }
    }
    unreachable!("the program ends")
}

/// Truncating means nothing to a file of `/proc/sys`, and empties the plain one that stands for it here: between the
/// opening and the write the kernel would still show the old value.
fn refill(tree: &Tree, prepared: &BTreeMap<PathBuf, Vec<u8>>) {
    let emptied =
        tree.bytes().into_iter().filter(|(path, bytes)| bytes.is_empty() && path.starts_with(tree.path("proc/sys")));
    for (path, _) in emptied {
        fs::write(&path, &prepared[&path]).unwrap();
    }
}

/// The tree with its paths below the tree, without the times that the drop-in names.
fn contents(tree: &Tree) -> Vec<(String, String)> {
    let outer = tree.path("").display().to_string();
    let plain = |bytes: &[u8]| {
        let text = text(bytes).replace(&outer, "");
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    };
    tree.bytes().iter().map(|(path, bytes)| (path.display().to_string().replace(&outer, ""), plain(bytes))).collect()
}

#[test]
fn a_kill_before_any_call_that_changes_something_is_undone_to_the_byte() {
    let journeys = [
        Journey { name: "apply", prepare: |_| {}, arguments: apply, entry: "000001.json" },
        Journey { name: "apply --persist", prepare: |_| {}, arguments: Tree::persist, entry: "000001.json" },
        Journey { name: "rollback", prepare: persist, arguments: rollback, entry: "000002.json" },
    ];
    let counts: Option<Vec<usize>> = thread::scope(|scope| {
        let each: Vec<_> = journeys.iter().map(|journey| scope.spawn(|| at_every_call(journey))).collect();
        each.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let Some(counts) = counts else {
        eprintln!("cannot run: a kill before any call that changes something: this process may not trace its children");
        return;
    };
    assert!(counts.iter().all(|count| *count > 30), "so few calls cannot be all: {counts:?}");
}
