//! What has to be confirmed: the file that outlives a boot, what a reboot makes of it, and what cannot be put back.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use tcpctl::sys::SysctlError;
use tcpctl::tune::{
    JournalOutcome, Outcome, Plan, StateDir, SysctlStore, apply_plan, plan_persist, plan_profile, plan_undo,
};
use tcpctl::units::SysctlKey;

use super::tune::{FakeKernel, from, host, place, profile, state_dir};
use super::tune_tree::{Tree, strs, text, wait_for};

/// Time enough for every test, so that none of them waits for it.
const LONG: &str = "10m";

fn unconfirmed(tree: &Tree) -> String {
    let mut arguments = tree.persist();
    arguments.extend(["--confirm", LONG].map(str::to_owned));
    let said = tree.ok(&strs(&arguments));
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A second profile, kept in the same file.
fn persist_second(tree: &Tree, confirm: bool) {
    let path = tree.path("second.toml");
    let rule = "[keys.\"net.core.somaxconn\"]\nset = 9000\nreason = \"r\"\nsource = \"s\"\n";
    fs::write(&path, format!("summary = \"x\"\n{rule}")).unwrap();
    let (path, directory) = (path.display().to_string(), tree.path("sysctl.d").display().to_string());
    let mut arguments = vec!["apply", &path, "--yes", "--persist", "--sysctl-dir", &directory];
    arguments.extend(confirm.then_some(["--confirm", LONG]).into_iter().flatten());
    tree.ok(&arguments);
}

fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut entry: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    change(&mut entry);
    fs::write(file, entry.to_string()).unwrap();
}

#[test]
fn the_file_is_written_by_the_confirmation_and_not_before() {
    let tree = Tree::new();
    let before = tree.bytes();
    let said = unconfirmed(&tree);
    assert!(said.contains("99-tcpctl.conf is written only then; a reboot before undoes everything"), "{said}");
    assert_eq!(tree.drop_in(), None);
    let shown = tree.ok(&["history", "1"]);
    assert!(shown.contains("written when it is confirmed, and not before"), "{shown}");
    let view = tree.json(&["confirm"]);
    assert!(view["file"].as_str().unwrap().ends_with("sysctl.d/99-tcpctl.conf"), "{view}");
    assert!(tree.drop_in().unwrap().contains("net.core.somaxconn = 4096"), "{:?}", tree.drop_in());
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.bytes(), before);
}

#[test]
fn a_rollback_before_the_confirmation_leaves_no_file_and_those_of_others_alone() {
    let tree = Tree::new();
    let before = tree.bytes();
    unconfirmed(&tree);
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.bytes(), before);
    persist_second(&tree, false);
    let second = tree.drop_in();
    unconfirmed(&tree);
    assert_eq!(tree.drop_in(), second);
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.drop_in(), second);
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.bytes(), before);
}

#[test]
fn confirmations_in_any_order_leave_each_profile_in_the_file_once() {
    for order in [["1", "2"], ["2", "1"]] {
        let tree = Tree::new();
        let before = tree.bytes();
        unconfirmed(&tree);
        persist_second(&tree, true);
        for id in order {
            assert_ne!(tree.run(&["verify", "anti-syn-flood"]).status.code(), Some(3));
            tree.ok(&["confirm", id]);
        }
        let file = tree.drop_in().unwrap();
        assert!(file.contains("# second\nnet.core.somaxconn = 9000\n"), "{file}");
        assert_eq!(file.matches("somaxconn").count(), 1, "{file}");
        // What was written last is known for tcpctl's own: a third may be kept beside them, and all of it be taken back.
        tree.ok(&["rollback", order[1], "--yes"]);
        tree.ok(&["rollback", order[0], "--yes"]);
        assert_eq!(tree.bytes(), before, "{order:?}");
    }
}

#[test]
fn a_file_that_somebody_else_wrote_meanwhile_is_left_and_nothing_is_confirmed() {
    let tree = Tree::new();
    let before = tree.bytes();
    unconfirmed(&tree);
    let file = tree.path("sysctl.d/99-tcpctl.conf");
    fs::write(&file, "net.ipv4.ip_forward = 1\n").unwrap();
    let refused = tree.run(&["confirm"]);
    assert_eq!(refused.status.code(), Some(3));
    let message = text(&refused.stderr);
    assert!(
        message.contains("somebody else wrote or changed it since") && message.contains("confirm again"),
        "{message}"
    );
    assert_eq!(tree.drop_in().as_deref(), Some("net.ipv4.ip_forward = 1\n"));
    assert!(tree.ok(&["history"]).contains("to be confirmed"));
    fs::remove_file(&file).unwrap();
    tree.ok(&["confirm"]);
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.bytes(), before);
}

#[test]
fn a_confirmation_that_stopped_half_way_is_undone_or_given_again() {
    for again in [false, true] {
        let tree = Tree::new();
        let before = tree.bytes();
        unconfirmed(&tree);
        tree.ok(&["confirm"]);
        edit(&tree.path("state/000001.json"), |entry| entry["confirm"]["confirmed_unix_ms"] = Value::Null);
        if again {
            tree.ok(&["confirm"]);
        }
        tree.ok(&["rollback", "--yes"]);
        assert_eq!(tree.bytes(), before, "again: {again}");
    }
}

/// Neither the values nor what waits outlive a boot, and the file was not written: the reboot is the undoing.
#[test]
fn a_reboot_before_the_confirmation_is_what_undoes_it() {
    let tree = Tree::new();
    unconfirmed(&tree);
    let first = tree.bytes();
    tree.write("sys/kernel/random/boot_id", "3f1c7c3e-0000-4000-8000-000000000002");
    assert_eq!(tree.drop_in(), None, "nothing to be read at boot");
    let refused = |arguments: &[&str], says: &str| {
        let output: Output = tree.run(arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {}", text(&output.stdout));
        assert!(text(&output.stderr).contains(says), "{arguments:?}: {}", text(&output.stderr));
    };
    let nothing = tree.run(&["confirm"]);
    assert_eq!(nothing.status.code(), Some(1), "{}", text(&nothing.stderr));
    assert!(text(&nothing.stdout).contains("nothing waits to be confirmed"), "{}", text(&nothing.stdout));
    refused(&["confirm", "1"], "entry 1 is from before the last boot, which undid it");
    refused(&["rollback", "1", "--yes"], "entry 1 is from before the last boot");
    let shown = tree.ok(&["history"]);
    assert!(!shown.contains("! entry 1"), "there is nothing to do about it: {shown}");
    assert!(shown.contains("undone by the reboot"), "{shown}");
    assert_eq!(tree.drop_in(), None);
    tree.write("sys/kernel/random/boot_id", "3f1c7c3e-0000-4000-8000-000000000001");
    assert_eq!(tree.bytes(), first);
    tree.ok(&["rollback", "--yes"]);
}

#[test]
fn what_stopped_half_way_cannot_be_confirmed() {
    let tree = Tree::new();
    unconfirmed(&tree);
    edit(&tree.path("state/000001.json"), |entry| entry["outcome"] = Value::Null);
    let refused = tree.run(&["confirm", "1"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("entry 1 stopped half way"), "{}", text(&refused.stderr));
    assert_eq!(tree.drop_in(), None);
    tree.ok(&["rollback", "--yes"]);
}

/// A profile whose values another one has set already writes nothing, and is undone all the same unless it is confirmed.
#[test]
fn what_only_leans_on_another_profile_has_somebody_who_waits_as_well() {
    let tree = Tree::new();
    let before = tree.bytes();
    tree.ok(&["apply", "anti-syn-flood", "--yes"]);
    let path = tree.path("leans.toml");
    let rule = "[keys.\"net.core.somaxconn\"]\nset = 4096\nreason = \"r\"\nsource = \"s\"\n";
    fs::write(&path, format!("summary = \"x\"\n{rule}")).unwrap();
    let said = tree.ok(&["apply", &path.display().to_string(), "--yes", "--confirm", "1s"]);
    assert!(said.contains("tcpctl confirm 2"), "{said}");
    wait_for(&tree.path("state/000003.json"), |entry| entry["outcome"] == "applied");
    assert_eq!(tree.value("net/core/somaxconn"), "4096", "the first one holds it");
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.bytes(), before);
}

/// A kernel during whose last write the directory of the file becomes one that cannot be trusted.
struct Spoiling<'a> {
    kernel: &'a FakeKernel,
    directory: &'a Path,
}

impl SysctlStore for Spoiling<'_> {
    fn read(&self, key: &SysctlKey) -> Result<String, SysctlError> {
        self.kernel.read(key)
    }

    fn write(&self, key: &SysctlKey, value: &str) -> Result<(), SysctlError> {
        fs::set_permissions(self.directory, fs::Permissions::from_mode(0o777)).unwrap();
        self.kernel.write(key, value)
    }

    fn check_writable(&self, key: &SysctlKey) -> Result<(), SysctlError> {
        self.kernel.check_writable(key)
    }
}

fn persisting(kernel: &FakeKernel, state: &StateDir, directory: &Path) -> Plan {
    let mut plan = plan_profile(&profile(), &kernel.snapshot());
    plan_persist(&mut plan, &state.history().unwrap(), directory, false).unwrap();
    plan
}

#[test]
fn a_file_that_cannot_be_put_back_is_told_and_rolled_back_later() {
    let (kernel, (outer, state)) = (host(), state_dir());
    let (before, directory) = (kernel.values(), outer.path().join("sysctl.d"));
    fs::create_dir(&directory).unwrap();
    let plan = persisting(&kernel, &state, &directory);
    let spoiling = Spoiling { kernel: &kernel, directory: &directory };
    let receipt = apply_plan(&plan, &spoiling, &state, &from()).unwrap();
    let Outcome::Undone { undone, file_failure, .. } = &receipt.outcome else { panic!("{receipt:?}") };
    assert!(undone.iter().all(|key| key.failure.is_none()), "{undone:?}");
    let why = file_failure.as_deref().expect("the file could not even be looked at");
    assert!(why.contains("its mode is 0777"), "{why}");
    assert!(!receipt.outcome.is_whole());
    let text = tcpctl::report::render_receipt(&receipt, 80, true);
    assert!(text.contains("NOT everything could be put back") && text.contains("LEFT      the file"), "{text}");
    let history = state.history().unwrap();
    assert_eq!(history.entries[0].outcome, Some(JournalOutcome::UndoFailed), "it goes on standing");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let undo = plan_undo(&history.entries[0], &history, &kernel.snapshot(), &place(), false).unwrap();
    apply_plan(&undo, &kernel, &state, &from()).unwrap();
    assert_eq!(kernel.values(), before);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

/// A rollback that was planned before the confirmation knows nothing of the file that this wrote.
#[test]
fn a_rollback_that_was_planned_before_the_confirmation_is_refused() {
    let tree = Tree::new();
    let before = tree.bytes();
    unconfirmed(&tree);
    let lock = fs::File::open(tree.path("state/lock")).unwrap();
    lock.lock().unwrap();
    let waits = tree.command(&["rollback", "--yes", "--wait"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut waits = waits.unwrap();
    // It has planned when it stands at the lock.
    let inode = format!(":{} ", lock.metadata().unwrap().ino());
    let stands = |line: &str| line.contains("->") && line.contains(&inode);
    while !fs::read_to_string("/proc/locks").unwrap().lines().any(stands) {
        assert_eq!(waits.try_wait().unwrap(), None, "it ended before it came to the lock");
        std::thread::yield_now();
    }
    edit(&tree.path("state/000001.json"), |entry| entry["confirm"]["confirmed_unix_ms"] = 1.into());
    drop(lock);
    let ended = waits.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(3));
    assert!(text(&ended.stderr).contains("another apply or rollback has gone on"), "{}", text(&ended.stderr));
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.bytes(), before);
}

/// A terminal that goes away takes its session along: here a real one, whose shell led the session.
#[test]
fn what_waits_survives_the_end_of_its_terminal() {
    let tree = Tree::new();
    let before = tree.bytes();
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(path, flags, Mode::empty()).unwrap();
    // Who runs the tests may have hang-ups ignored, which a child inherits.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", "sh", "-c"]).arg("\"$0\" \"$@\"; exec sleep 600");
    let program = tree.command(&["apply", "anti-syn-flood", "--yes", "--confirm", "1s"]);
    command.arg(program.get_program()).args(program.get_args());
    let stdio = || Stdio::from(slave.try_clone().unwrap());
    command.stdin(stdio()).stdout(stdio()).stderr(stdio());
    #[expect(
        unsafe_code,
        reason = "a session of its own is begun between fork and exec; two system calls, nothing else"
    )]
    // SAFETY: setsid(2) and ioctl(TIOCSCTTY) on the standard input are plain system calls.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
        });
    }
    let mut shell = command.spawn().unwrap();
    drop((command, slave));
    let mut terminal = File::from(master);
    let (mut seen, mut bytes) = (Vec::new(), [0; 4096]);
    while !text(&seen).contains("undo: tcpctl rollback 1") {
        let count = terminal.read(&mut bytes).expect("the program prints what it did");
        seen.extend_from_slice(&bytes[..count]);
    }
    drop(terminal);
    assert_eq!(shell.wait().unwrap().signal(), Some(libc::SIGHUP), "{}", text(&seen));
    wait_for(&tree.path("state/000002.json"), |entry| entry["outcome"] == "applied");
    assert_eq!(tree.bytes(), before);
}
