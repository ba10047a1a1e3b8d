//! The program killed before each system call of its that changes something, one after the other: what is there
//! afterwards is undone to the byte, and nothing half-done is said to be done.
//!
//! Calls that only read are left out: a kill before one leaves what a kill before the next changing call leaves.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::thread;

use serde_json::Value;

use super::tools;
use super::tracer::{Ended, kill_before};
use super::tune_tree::{Tree, strs, text};

/// One journey: how the tree is prepared, and what is killed.
struct Journey {
    name: &'static str,
    prepare: fn(&Tree),
    arguments: fn(&Tree) -> Vec<String>,
    /// The entry of the journal that says whether it is done.
    entry: &'static str,
    /// Whether that entry says so.
    done: fn(&Value) -> bool,
    /// How it ends when nobody kills it.
    code: i32,
    /// Whether somebody else edits the file, so that it takes force to have that back too.
    edits: bool,
    /// What takes away the obstacle that made it fail.
    heal: fn(&Tree),
}

impl Journey {
    fn new(name: &'static str, prepare: fn(&Tree), arguments: fn(&Tree) -> Vec<String>, entry: &'static str) -> Self {
        Self {
            name,
            prepare,
            arguments,
            entry,
            done: |entry| entry["outcome"] == "applied",
            code: 0,
            edits: false,
            heal: |_| {},
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn apply(_: &Tree) -> Vec<String> {
    words(&["apply", "anti-syn-flood", "--yes"])
}

/// Time enough for every kill, so that what waits undoes nothing meanwhile.
fn unconfirmed(tree: &Tree) -> Vec<String> {
    [tree.persist(), words(&["--confirm", "10m"])].concat()
}

fn persist(tree: &Tree) {
    tree.ok(&strs(&tree.persist()));
}

/// Two profiles over one another, both kept across boots.
fn stack(tree: &Tree) {
    persist(tree);
    let path = tree.path("second.toml");
    let rule = "[keys.\"net.core.somaxconn\"]\nset = 9000\nreason = \"r\"\nsource = \"s\"\n";
    fs::write(&path, format!("summary = \"x\"\n{rule}")).unwrap();
    let (path, directory) = (path.display().to_string(), tree.path("sysctl.d").display().to_string());
    tree.ok(&["apply", &path, "--yes", "--persist", "--sysctl-dir", &directory]);
}

/// Kept across boots in a file that somebody else has edited since.
fn edited(tree: &Tree) {
    persist(tree);
    let file = fs::OpenOptions::new().append(true).open(tree.path("sysctl.d/99-tcpctl.conf"));
    file.unwrap().write_all(b"net.ipv4.ip_forward = 1\n").unwrap();
}

/// As [`edited`], and rolled back but for the file.
fn left(tree: &Tree) {
    edited(tree);
    assert_eq!(tree.run(&["rollback", "--yes"]).status.code(), Some(1), "the file is left");
}

/// Where the file is written before it takes its place there is a directory, so that writing it fails last of all.
fn obstacle(tree: &Tree) {
    fs::create_dir_all(tree.path("sysctl.d/99-tcpctl.conf.new")).unwrap();
}

/// Two of the profile's keys: more of them make more of the same calls.
fn fresh() -> Tree {
    let tree = Tree::new();
    let core = ["net/core/netdev_max_backlog"];
    let others = ["tcp_max_syn_backlog", "tcp_syncookies", "tcp_abort_on_overflow", "tcp_timestamps"];
    for file in core.map(str::to_owned).into_iter().chain(others.map(|leaf| format!("net/ipv4/{leaf}"))) {
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
                assert_eq!(code, journey.code, "{}: {printed}", journey.name);
                roll_back(journey, &tree, journey.name);
                assert_eq!(tree.bytes(), before, "{}: {printed}", journey.name);
                return Some(nth - 1);
            }
            Ended::Killed(call) => format!("{} killed before {call}", journey.name),
        };
        // The whole is done when the journal says so, and before that nobody is told it is.
        let file = tree.path("state").join(journey.entry);
        let entry: Option<Value> = fs::read_to_string(&file).ok().map(|text| {
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{call}: the journal is no JSON: {error}"))
        });
        let done = entry.as_ref().is_some_and(journey.done);
        refill(&tree, &prepared);
        if done {
            let whole = fresh();
            (journey.prepare)(&whole);
            assert_eq!(whole.run(&strs(&(journey.arguments)(&whole))).status.code(), Some(journey.code), "{call}");
            assert_eq!(contents(&tree), contents(&whole), "{call}: the journal says that all of it was done");
            roll_back(journey, &whole, &call);
        } else {
            let told = ["read back", "is applied", "is confirmed", "is rolled back"];
            assert!(!told.iter().any(|told| printed.contains(told)), "{call}: {printed}");
        }
        if !tree.path("state/000001.json").exists() {
            assert_eq!(tree.bytes(), before, "{call}: nothing is journalled, so that nothing may be written");
            continue;
        }
        roll_back(journey, &tree, &call);
        assert_eq!(tree.bytes(), before, "{call}");
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

/// Rolls back until nothing stands, and always once: what was killed while it was undone still says what there was.
fn roll_back(journey: &Journey, tree: &Tree, call: &str) {
    (journey.heal)(tree);
    for _ in 0..4 {
        let undone = tree.run(&["rollback", "--yes"]);
        let said = format!("{call}: {}{}", text(&undone.stdout), text(&undone.stderr));
        match undone.status.code() {
            Some(0) => {}
            Some(1) if said.contains("nothing to roll back") => return,
            // What an edited file is left for is told, and it stands until it is taken back by force.
            Some(1) if journey.edits && said.contains("99-tcpctl.conf") => {
                assert!(tree.ok(&["history"]).contains("file left"), "{said}");
                tree.ok(&["rollback", "--yes", "--force"]);
            }
            code => panic!("{code:?}: {said}"),
        }
    }
    panic!("{call}: there is always something more to roll back");
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
    let confirmed = |entry: &Value| entry["confirm"]["confirmed_unix_ms"] != Value::Null;
    let waits = |tree: &Tree| drop(tree.ok(&strs(&unconfirmed(tree))));
    let rollback = |_: &Tree| words(&["rollback", "--yes"]);
    let forced = |_: &Tree| words(&["rollback", "--yes", "--force"]);
    let journeys = [
        Journey::new("apply", |_| {}, apply, "000001.json"),
        Journey::new("apply --persist", |_| {}, Tree::persist, "000001.json"),
        Journey::new("apply --persist --confirm", |_| {}, unconfirmed, "000001.json"),
        Journey { done: confirmed, ..Journey::new("confirm", waits, |_| words(&["confirm"]), "000001.json") },
        Journey::new("rollback", persist, rollback, "000002.json"),
        Journey {
            code: 1,
            edits: true,
            ..Journey::new("rollback that leaves a file", edited, rollback, "000002.json")
        },
        Journey { edits: true, ..Journey::new("rollback of a file by force", left, forced, "000003.json") },
        Journey::new("rollback before the confirmation", waits, rollback, "000002.json"),
        Journey::new("rollback of one beneath another", stack, |_| words(&["rollback", "1", "--yes"]), "000003.json"),
        Journey {
            code: 3,
            heal: |tree| drop(fs::remove_dir(tree.path("sysctl.d/99-tcpctl.conf.new"))),
            ..Journey::new("an apply that fails and undoes itself", obstacle, Tree::persist, "000001.json")
        },
    ];
    let counts: Option<Vec<usize>> = thread::scope(|scope| {
        let each: Vec<_> = journeys.iter().map(|journey| scope.spawn(|| at_every_call(journey))).collect();
        each.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let Some(counts) = counts else {
        let test = "a_kill_before_any_call_that_changes_something_is_undone_to_the_byte";
        tools::say_cannot_run(test, "this process may not trace its children");
        return;
    };
    assert!(counts.iter().all(|count| *count >= 18), "so few calls cannot be all: {counts:?}");
}
