//! The program itself against a copy of `/proc` that is a tree of plain files: killed at every step, out of disk, run
//! twice at once, and given directories that somebody tampered with.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The keys of anti-syn-flood, none of them as it wants them.
const KEYS: [(&str, &str); 7] = [
    ("net/core/netdev_max_backlog", "1000"),
    ("net/core/somaxconn", "128"),
    ("net/ipv4/tcp_max_syn_backlog", "1024"),
    ("net/ipv4/tcp_syncookies", "0"),
    ("net/ipv4/tcp_synack_retries", "5"),
    ("net/ipv4/tcp_abort_on_overflow", "0"),
    ("net/ipv4/tcp_timestamps", "1"),
];

/// A host that is nothing but files.
pub(super) struct Tree {
    outer: tempfile::TempDir,
}

impl Tree {
    pub(super) fn new() -> Self {
        let tree = Self { outer: tempfile::tempdir().unwrap() };
        let proc = tree.path("proc");
        for (file, text) in KEYS {
            tree.write(&format!("sys/{file}"), text);
        }
        tree.write("sys/kernel/random/boot_id", "3f1c7c3e-0000-4000-8000-000000000001");
        tree.write("sys/kernel/osrelease", "6.18.3");
        tree.write("self/ns/net", "");
        assert!(proc.is_dir());
        fs::create_dir(tree.path("sysctl.d")).unwrap();
        tree
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.outer.path().join(name)
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let path = self.path("proc").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }

    pub(super) fn value(&self, file: &str) -> String {
        fs::read_to_string(self.path("proc/sys").join(file)).unwrap().trim_end().to_owned()
    }

    /// Every file of the host and of sysctl.d with its bytes.
    pub(super) fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path("proc"), self.path("sysctl.d")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = fs::read(&path).unwrap();
                    found.insert(path, bytes);
                }
            }
        }
        found
    }

    fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let own = ["--proc".to_owned(), self.path("proc").display().to_string(), "--state-dir".to_owned()];
        let state = self.path("state").display().to_string();
        own.into_iter().chain([state]).chain(arguments.iter().map(|one| (*one).to_owned())).collect()
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
        command.args(self.arguments(arguments)).stdin(Stdio::null());
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(super) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[&["--json"], arguments].concat())).unwrap()
    }

    /// Apply with the file in `sysctl.d`.
    pub(super) fn persist(&self) -> Vec<String> {
        let directory = self.path("sysctl.d").display().to_string();
        ["apply", "anti-syn-flood", "--yes", "--persist", "--sysctl-dir"]
            .map(str::to_owned)
            .into_iter()
            .chain([directory])
            .collect()
    }

    /// The same, with the file in a `sysctl.d` below a root of its own: that root, and the directory.
    pub(super) fn persist_below_root(&self) -> (String, PathBuf) {
        let directory = self.path("root/etc/sysctl.d");
        fs::create_dir_all(&directory).unwrap();
        let (root, folder) = (self.path("root").display().to_string(), directory.display().to_string());
        self.ok(&["apply", "anti-syn-flood", "--yes", "--persist", "--sysctl-dir", &folder, "--root", &root]);
        (root, directory)
    }

    pub(super) fn drop_in(&self) -> Option<String> {
        fs::read_to_string(self.path("sysctl.d/99-tcpctl.conf")).ok()
    }

    /// Runs with files of at most so many blocks of 512 bytes; beyond that the kernel kills the program, or refuses
    /// the write when `ignored`.
    fn run_short_of_disk(&self, blocks: u32, ignored: bool, arguments: &[&str]) -> Output {
        let trap = if ignored { "trap '' XFSZ; " } else { "" };
        let script = format!("{trap}ulimit -c 0; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_tcpctl")).args(self.arguments(arguments));
        command.stdin(Stdio::null()).output().unwrap()
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) fn strs(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

#[test]
fn apply_and_rollback_leave_every_byte_as_it_was() {
    let tree = Tree::new();
    let before = tree.bytes();
    tree.ok(&strs(&tree.persist()));
    assert_eq!(tree.value("net/core/somaxconn"), "4096");
    let file = tree.drop_in().unwrap();
    assert!(file.contains("\n# anti-syn-flood\n") && file.contains("\nnet.core.somaxconn = 4096\n"), "{file}");
    let mode = fs::metadata(tree.path("sysctl.d/99-tcpctl.conf")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "everybody may read it, as other drop-ins");
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.bytes(), before);
    // As with a rollback that finds nothing to do.
    assert_eq!(tree.run(&["rollback", "--yes"]).status.code(), Some(1));
}

/// The journal grows with every step, so that a limit on the size of files ends the program at each of them in turn:
/// by SIGXFSZ as by SIGKILL, or with a disk that takes no more.
#[test]
fn a_program_that_is_killed_or_out_of_disk_at_any_step_is_undone_to_the_byte() {
    let (mut killed, mut refused, mut whole) = (0, 0, 0);
    for ignored in [false, true] {
        for blocks in 1..20 {
            let tree = Tree::new();
            let before = tree.bytes();
            let output = tree.run_short_of_disk(blocks, ignored, &strs(&tree.persist()));
            let said = format!("{blocks} blocks: {}{}", text(&output.stdout), text(&output.stderr));
            match (output.status.signal(), output.status.code()) {
                (Some(_), _) => killed += 1,
                (None, Some(0)) => whole += 1,
                (None, code) => {
                    refused += 1;
                    assert_eq!(code, Some(3), "{said}");
                    assert_eq!(tree.bytes(), before, "{said}");
                    assert!(!said.contains("is applied"), "{said}");
                }
            }
            if tree.path("state/000001.json").exists() {
                let undone = tree.run(&["rollback", "--yes"]);
                assert!(undone.status.success(), "{said}\n{}", text(&undone.stderr));
            }
            assert_eq!(tree.bytes(), before, "{said}");
        }
    }
    assert!(killed > 5 && refused > 5 && whole > 5, "{killed} killed, {refused} refused, {whole} whole");
}

/// A crash between the writing of the file and the end of the journal, and one just before that writing.
#[test]
fn a_crash_around_the_writing_of_the_file_is_undone_as_well() {
    for written in [false, true] {
        let tree = Tree::new();
        let before = tree.bytes();
        tree.ok(&strs(&tree.persist()));
        let journal = tree.path("state/000001.json");
        let mut entry: Value = serde_json::from_str(&fs::read_to_string(&journal).unwrap()).unwrap();
        entry["outcome"] = Value::Null;
        fs::write(&journal, entry.to_string()).unwrap();
        if !written {
            fs::remove_file(tree.path("sysctl.d/99-tcpctl.conf")).unwrap();
        }
        tree.ok(&["rollback", "--yes"]);
        assert_eq!(tree.bytes(), before, "written: {written}");
    }
}

#[test]
fn two_applies_at_once_write_one_after_the_other_or_one_says_why_not() {
    for wait in [false, true] {
        let tree = Tree::new();
        fs::create_dir(tree.path("state")).unwrap();
        fs::set_permissions(tree.path("state"), fs::Permissions::from_mode(0o700)).unwrap();
        let lock = fs::File::create(tree.path("state/lock")).unwrap();
        lock.lock().unwrap();
        let mut arguments = vec!["apply", "anti-syn-flood", "--yes"];
        arguments.extend(wait.then_some("--wait"));
        let child = tree.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if wait {
            drop(lock);
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert_eq!(tree.value("net/core/somaxconn"), "4096");
        } else {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(3));
            let message = text(&output.stderr);
            assert!(message.contains("under way") && message.contains("--wait"), "{message}");
            assert_eq!(tree.value("net/core/somaxconn"), "128");
        }
    }
}

/// Eight at a time for the same keys: each holds the lock alone, so the journal is whole and the values are those of
/// one of them.
#[test]
fn many_applies_at_once_leave_a_whole_journal() {
    let tree = Tree::new();
    let before = tree.bytes();
    let profile = |value: u32| {
        let path = tree.path(&format!("p{value}.toml"));
        let rule = format!("[keys.\"net.core.somaxconn\"]\nset = {value}\nreason = \"r\"\nsource = \"s\"\n");
        fs::write(&path, format!("summary = \"x\"\n{rule}")).unwrap();
        path.display().to_string()
    };
    let profiles: Vec<String> = (1000..1008).map(profile).collect();
    let children: Vec<_> = profiles
        .iter()
        .map(|path| {
            let mut command = tree.command(&["apply", "--yes", "--wait", path]);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<Output> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let applied = outputs.iter().filter(|output| output.status.success()).count();
    for output in outputs.iter().filter(|output| !output.status.success()) {
        let message = text(&output.stderr);
        assert!(message.contains("somebody else changed it meanwhile"), "{message}");
    }
    let history = tree.json(&["history"]);
    assert_eq!(history["unreadable"], Value::Array(Vec::new()));
    let entries = history["entries"].as_array().unwrap();
    assert_eq!(entries.len(), applied);
    assert!(applied >= 1 && entries.iter().all(|entry| entry["outcome"] == "applied"));
    for id in 1..=applied {
        tree.ok(&["rollback", &id.to_string(), "--yes"]);
    }
    assert_eq!(tree.bytes(), before);
}

#[test]
fn an_apply_that_is_not_confirmed_is_undone_and_one_that_is_stays() {
    let tree = Tree::new();
    let before = tree.bytes();
    let mut arguments = tree.persist();
    arguments.extend(["--confirm", "1s", "--why", "trying it out"].map(str::to_owned));
    let said = tree.ok(&strs(&arguments));
    assert!(said.contains("tcpctl confirm 1"), "{said}");
    wait_for(&tree.path("state/000002.json"), |entry| entry["outcome"] == "applied");
    assert_eq!(tree.bytes(), before, "the file in sysctl.d as well");
    let history = tree.ok(&["history"]);
    assert!(
        history.contains("entry 2: not confirmed in time") && history.contains("entry 1: trying it out"),
        "{history}"
    );
    let late = tree.run(&["confirm", "1"]);
    assert_eq!(late.status.code(), Some(3));
    assert!(text(&late.stderr).contains("entry 1 was undone; apply it again"), "{}", text(&late.stderr));

    tree.ok(&["apply", "anti-syn-flood", "--yes", "--confirm", "10m"]);
    let waiting = tree.ok(&["history"]);
    assert!(waiting.contains("to be confirmed"), "{waiting}");
    let applied = tree.bytes();
    let said = tree.ok(&["confirm"]);
    assert!(said.contains("entry 3 (anti-syn-flood) is confirmed and stays"), "{said}");
    assert_eq!(tree.bytes(), applied);
    let again = tree.run(&["confirm"]);
    assert_eq!((again.status.code(), text(&again.stderr).as_str()), (Some(1), ""), "nothing waits any more");
    assert!(text(&again.stdout).starts_with("nothing waits to be confirmed"), "{}", text(&again.stdout));
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.bytes(), before);
}

/// The terminal goes away right after the apply: everything in its process group hears SIGHUP.
#[test]
fn what_waits_for_a_confirmation_survives_a_hang_up() {
    use std::os::unix::process::CommandExt;
    let tree = Tree::new();
    let before = tree.bytes();
    // Who runs the tests may have hang-ups ignored, which a child inherits.
    let mut command = Command::new("env");
    command
        .args(["--default-signal=HUP", "sh", "-c"])
        .arg("\"$0\" \"$@\" && kill -HUP 0")
        .arg(env!("CARGO_BIN_EXE_tcpctl"));
    command.args(tree.arguments(&["apply", "anti-syn-flood", "--yes", "--confirm", "1s"]));
    let ended = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert_eq!(ended.signal(), Some(1), "the group was hung up");
    wait_for(&tree.path("state/000002.json"), |entry| entry["outcome"] == "applied");
    assert_eq!(tree.bytes(), before);
}

/// Waits on the directory's own events until an entry is as wanted, for at most a minute.
pub(super) fn wait_for(file: &Path, wanted: impl Fn(&Value) -> bool) {
    let watch = tcpctl::sys::DirWatch::on(file.parent().unwrap()).unwrap();
    for _ in 0..100 {
        let entry = fs::read_to_string(file).ok().and_then(|text| serde_json::from_str(&text).ok());
        if entry.is_some_and(|entry| wanted(&entry)) {
            return;
        }
        assert!(watch.wait(60_000).unwrap(), "nothing happened to {}", file.display());
    }
    panic!("{} never was as wanted", file.display());
}

#[test]
fn profiles_share_the_file_and_what_somebody_else_wrote_there_is_left_alone() {
    let tree = Tree::new();
    let before = tree.bytes();
    let second = tree.path("second.toml");
    let rule = "[keys.\"net.core.somaxconn\"]\nset = 9000\nreason = \"r\"\nsource = \"s\"\n";
    fs::write(&second, format!("summary = \"x\"\n{rule}")).unwrap();
    tree.ok(&strs(&tree.persist()));
    let first = tree.drop_in();
    let directory = tree.path("sysctl.d").display().to_string();
    let second = second.display().to_string();
    tree.ok(&["apply", &second, "--yes", "--persist", "--sysctl-dir", &directory]);
    let both = tree.drop_in().unwrap();
    assert_eq!(both.matches("somaxconn").count(), 1, "{both}");
    assert!(both.contains("# second\nnet.core.somaxconn = 9000\n"), "{both}");
    // The older one goes first.
    tree.ok(&["rollback", "1", "--yes"]);
    assert_eq!(tree.drop_in().unwrap().lines().filter(|line| line.contains('=')).count(), 1);
    tree.ok(&["rollback", "2", "--yes"]);
    assert_eq!(tree.bytes(), before);

    tree.ok(&strs(&tree.persist()));
    assert_eq!(tree.drop_in(), first);
    let file = tree.path("sysctl.d/99-tcpctl.conf");
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"net.ipv4.ip_forward = 1\n").unwrap();
    let edited = tree.drop_in();
    let refused = tree.run(&["apply", &second, "--yes", "--persist", "--sysctl-dir", &directory]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("somebody else wrote or changed it"), "{}", text(&refused.stderr));
    let left = tree.run(&["rollback", "--yes"]);
    assert_eq!(left.status.code(), Some(1), "it did not take back everything");
    let said = text(&left.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("was changed by somebody else since and is left alone"), "{said}");
    assert_eq!(tree.drop_in(), edited);
    assert!(said.contains("`tcpctl rollback 5 --force`"), "{said}");
    let entries = tree.json(&["history"])["entries"].clone();
    let (applied, undone) = (&entries[4], &entries[5]);
    assert_eq!((&applied["stands"], &undone["partial"]), (&Value::Bool(true), &Value::Bool(true)), "{entries}");
    assert_eq!(applied["standing"], serde_json::json!([]), "the values are what they were");
    assert_eq!(applied["file_standing"], file.display().to_string());
    let listed = tree.ok(&["history"]);
    assert!(listed.contains("done in part") && listed.contains("file left"), "{listed}");
    // The next one says what is left, and writes nothing down.
    let again = tree.run(&["rollback", "--yes"]);
    assert_eq!(again.status.code(), Some(1));
    let said = text(&again.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("99-tcpctl.conf left") && said.contains("`tcpctl rollback 5 --force` takes it"), "{said}");
    assert_eq!(tree.json(&["history"])["entries"], entries);
    tree.ok(&["rollback", "--yes", "--force"]);
    assert_eq!(tree.bytes(), before);
    let listed = tree.ok(&["history"]);
    assert!(!listed.contains("file left"), "{listed}");
    assert_eq!(tree.json(&["history"])["entries"][5]["partial"], true, "that one still left it");
    assert_eq!(tree.run(&["rollback", "--yes"]).status.code(), Some(1), "nothing stands any more");
}

#[test]
fn an_edited_file_that_somebody_else_removes_stands_no_more_after_the_next_rollback() {
    let tree = Tree::new();
    let before = tree.bytes();
    tree.ok(&strs(&tree.persist()));
    let file = tree.path("sysctl.d/99-tcpctl.conf");
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"net.ipv4.ip_forward = 1\n").unwrap();
    assert_eq!(tree.run(&["rollback", "--yes"]).status.code(), Some(1));
    fs::remove_file(&file).unwrap();
    tree.ok(&["rollback", "--yes"]);
    assert_eq!(tree.bytes(), before);
    assert!(!tree.ok(&["history"]).contains("file left"));
}

#[test]
fn after_a_reboot_the_file_can_still_be_taken_back() {
    let tree = Tree::new();
    let before = tree.bytes();
    tree.ok(&strs(&tree.persist()));
    tree.write("sys/kernel/random/boot_id", "3f1c7c3e-0000-4000-8000-000000000002");
    let applied = tree.value("net/core/somaxconn");
    let said = tree.ok(&["rollback", "--yes"]);
    assert!(said.contains("the host was rebooted since"), "{said}");
    assert_eq!(tree.drop_in(), None);
    assert_eq!(tree.value("net/core/somaxconn"), applied, "running values are not the entry's any more");
    tree.write("sys/kernel/random/boot_id", "3f1c7c3e-0000-4000-8000-000000000001");
    for (file, value) in KEYS {
        tree.write(&format!("sys/{file}"), value);
    }
    assert_eq!(tree.bytes(), before);
}

/// What somebody did to the directories before the program ran.
type Tampering = fn(&Tree);

#[test]
fn directories_that_somebody_tampered_with_are_refused_and_nothing_else_is_touched() {
    let cases: [(&str, Tampering); 6] = [
        ("a link for the state directory", |tree| {
            fs::create_dir(tree.path("elsewhere")).unwrap();
            symlink(tree.path("elsewhere"), tree.path("state")).unwrap();
        }),
        ("a link for the lock", |tree| {
            make_private(&tree.path("state"));
            symlink(tree.path("precious"), tree.path("state/lock")).unwrap();
        }),
        ("a link for the directory of the file", |tree| {
            fs::remove_dir(tree.path("sysctl.d")).unwrap();
            fs::create_dir(tree.path("elsewhere")).unwrap();
            symlink(tree.path("elsewhere"), tree.path("sysctl.d")).unwrap();
        }),
        ("a link for the file", |tree| {
            symlink(tree.path("precious"), tree.path("sysctl.d/99-tcpctl.conf")).unwrap();
        }),
        ("a directory that everybody may write to", |tree| {
            fs::set_permissions(tree.path("sysctl.d"), fs::Permissions::from_mode(0o777)).unwrap();
        }),
        ("a file that is too large", |tree| {
            fs::write(tree.path("sysctl.d/99-tcpctl.conf"), vec![b'#'; 9 << 20]).unwrap();
        }),
    ];
    for (what, tamper) in cases {
        let tree = Tree::new();
        fs::write(tree.path("precious"), "precious").unwrap();
        tamper(&tree);
        let before: Vec<_> = KEYS.iter().map(|(file, _)| tree.value(file)).collect();
        let output = tree.run(&strs(&tree.persist()));
        assert_eq!(output.status.code(), Some(3), "{what}: {}", text(&output.stdout));
        let message = text(&output.stderr);
        assert!(message.contains(&tree.outer.path().display().to_string()), "{what}: no place in {message}");
        assert_eq!(KEYS.iter().map(|(file, _)| tree.value(file)).collect::<Vec<_>>(), before, "{what}");
        assert_eq!(fs::read_to_string(tree.path("precious")).unwrap(), "precious", "{what}");
        let elsewhere = fs::read_dir(tree.path("elsewhere")).map_or(0, Iterator::count);
        assert_eq!(elsewhere, 0, "{what}");
    }
}

fn make_private(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_link_in_the_journal_is_named_and_not_followed() {
    let tree = Tree::new();
    tree.ok(&["apply", "anti-syn-flood", "--yes"]);
    fs::rename(tree.path("state/000001.json"), tree.path("entry.json")).unwrap();
    symlink(tree.path("entry.json"), tree.path("state/000001.json")).unwrap();
    let output = tree.run(&["rollback", "--yes"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("000001.json"), "{}", text(&output.stderr));
    assert_eq!(tree.value("net/core/somaxconn"), "4096");
}

#[test]
fn without_a_terminal_and_without_yes_the_plan_is_printed_and_nothing_is_written() {
    let tree = Tree::new();
    let before = tree.bytes();
    let directory = tree.path("sysctl.d").display().to_string();
    let options: [&[&str]; 3] = [&[], &["--confirm", "60s"], &["--persist", "--sysctl-dir", &directory]];
    for more in options {
        let output = tree.run(&[&["apply", "anti-syn-flood"], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        assert!(text(&output.stdout).contains("5 of 7 keys change"), "{more:?}");
        assert!(text(&output.stderr).contains("--yes"), "{more:?}");
        assert_eq!(tree.bytes(), before, "{more:?}");
        assert!(!tree.path("state").exists(), "{more:?}");
    }
}

#[test]
fn verify_says_what_the_files_make_of_the_next_boot() {
    let tree = Tree::new();
    let (root, directory) = tree.persist_below_root();
    let folder = directory.display().to_string();
    let verify = |files: &[(&str, &str)]| {
        for (name, text) in files {
            fs::write(directory.join(name), text).unwrap();
        }
        let output = tree.run(&["--json", "verify", "anti-syn-flood", "--sysctl-dir", &folder, "--root", &root]);
        let view: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        (output.status.code(), view["kept"].as_array().unwrap().clone())
    };
    let (code, kept) = verify(&[]);
    assert_eq!(code, Some(0));
    assert!(kept.len() == 7 && kept.iter().all(|row| row["verdict"] == "ok"), "{kept:?}");
    // Read before ours: of no consequence. Read after it: that one counts.
    let (code, _) = verify(&[("10-early.conf", "net.core.somaxconn = 64\n")]);
    assert_eq!(code, Some(0));
    let (code, kept) = verify(&[("99-zz-late.conf", "# x\nnet.core.somaxconn = 64\n")]);
    assert_eq!(code, Some(1));
    let late: Vec<_> = kept.iter().filter(|row| row["verdict"] != "ok").collect();
    assert_eq!(late.len(), 1, "{late:?}");
    assert_eq!((&late[0]["key"], &late[0]["value"]), (&"net.core.somaxconn".into(), &"64".into()));
    assert!(late[0]["by"].as_str().unwrap().ends_with("/etc/sysctl.d/99-zz-late.conf:2"), "{late:?}");
    let plan = tree.ok(&["plan", "anti-syn-flood", "--root", &root]);
    let plan = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plan.contains("99-zz-late.conf:2 sets 64 at the next boot, and 4096 is gone then"), "{plan}");
}

/// A file that is read before ours takes nothing back once ours is there, and one that is read later does.
#[test]
fn what_is_kept_across_boots_is_taken_back_by_later_files_alone() {
    let tree = Tree::new();
    let root = tree.path("root");
    let directory = root.join("etc/sysctl.d");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("90-early.conf"), "net.core.somaxconn = 64\n").unwrap();
    let root = root.display().to_string();
    let plan = tree.ok(&["plan", "anti-syn-flood", "--root", &root]);
    assert!(plan.contains("90-early.conf:1 sets 64"), "{plan}");
    let applied = tree.ok(&["apply", "anti-syn-flood", "--yes", "--persist", "--root", &root]);
    assert!(!applied.contains("90-early.conf"), "{applied}");
    fs::write(directory.join("99-zz-late.conf"), "net.ipv4.tcp_synack_retries = 9\n").unwrap();
    tree.ok(&["rollback", "--yes"]);
    let applied = tree.ok(&["apply", "anti-syn-flood", "--yes", "--persist", "--root", &root]);
    let applied = applied.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(applied.contains("99-zz-late.conf:1 sets 9 at boot, after tcpctl's own file and against it"), "{applied}");
}

#[test]
fn a_plan_says_what_stands_in_its_way() {
    let tree = Tree::new();
    tree.ok(&["apply", "anti-syn-flood", "--yes"]);
    tree.write("77/comm", "tuned");
    tree.write("78/comm", "bash");
    let profile = tree.path("fewer.toml");
    let rule = "[keys.\"net.core.somaxconn\"]\nset = 64\nreason = \"r\"\nsource = \"s\"\n";
    fs::write(&profile, format!("summary = \"x\"\n{rule}")).unwrap();
    let plan = tree.json(&["plan", &profile.display().to_string()]);
    let kinds: Vec<_> = plan["conflicts"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["other-profile", "program"]);
    let says = plan["conflicts"][0]["says"].as_str().unwrap();
    assert_eq!(says, "anti-syn-flood (entry 1) stands and wants at-least 4096; with 64 it is not met any more");
    assert_eq!(tree.json(&["plan", "anti-syn-flood"])["conflicts"], Value::Array(Vec::new()), "nothing changes");
}

#[test]
fn a_plan_is_exported_for_other_tools() {
    let tree = Tree::new();
    let export = |format: &str| tree.ok(&["plan", "anti-syn-flood", "--export", format]);
    insta::assert_snapshot!("export_sysctl_d", export("sysctl.d"));
    insta::assert_snapshot!("export_ansible", export("ansible"));
    insta::assert_snapshot!("export_kubernetes", export("kubernetes"));
    insta::assert_snapshot!("export_tuned", export("tuned"));
    insta::assert_snapshot!("diff", tree.ok(&["plan", "anti-syn-flood", "--diff"]));
}

/// The name of a profile may be any that a file can have; the file that Ansible writes has one that is read at boot.
#[test]
fn the_file_that_ansible_writes_has_a_name() {
    let tree = Tree::new();
    let rule = "summary = \"x\"\n[keys.\"net.core.somaxconn\"]\nset = 64\nreason = \"r\"\nsource = \"s\"\n";
    for (file, name) in [("ü.toml", "99-ü.conf"), ("!!.toml", "99-profile.conf"), ("a b_c.toml", "99-a-b-c.conf")] {
        fs::write(tree.path(file), rule).unwrap();
        let text = tree.ok(&["plan", &tree.path(file).display().to_string(), "--export", "ansible"]);
        assert!(text.contains(&format!("sysctl_file: \"/etc/sysctl.d/{name}\"")), "{file}: {text}");
    }
}

/// What a host has more of than the profile asks for is not taken from it by the file, and whoever reads that is told.
#[test]
fn an_export_says_what_is_this_hosts_own() {
    let tree = Tree::new();
    tree.write("sys/net/core/somaxconn", "65535");
    tree.write("sys/net/ipv4/tcp_rmem", "4096 200000 33554432");
    let profile = tree.path("vector.toml");
    let rule = "[keys.\"net.ipv4.tcp_rmem\"]\nat-least = \"_ _ 67108864\"\nreason = \"r\"\nsource = \"s\"\n";
    fs::write(&profile, format!("summary = \"x\"\n{rule}")).unwrap();
    let profile = profile.display().to_string();
    for (format, value) in [("sysctl.d", "net.core.somaxconn = 65535"), ("kubernetes", "\"65535\"")] {
        let text = tree.ok(&["plan", "anti-syn-flood", &profile, "--export", format]);
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "#").collect();
        let prose = words.join(" ");
        assert_eq!(prose.matches("this host's own value").count(), 2, "{text}");
        assert!(prose.contains("asks for at-least 4096;"), "{text}");
        assert!(prose.contains("asks for at-least _ _ 67108864;"), "{text}");
        assert!(text.contains(value) && text.contains("4096 200000 67108864"), "{text}");
    }
    for format in ["ansible", "tuned"] {
        assert!(
            tree.ok(&["plan", "anti-syn-flood", "--export", format]).contains("# The profile asks for"),
            "{format}"
        );
    }
}

/// Where several profiles have a rule, the number of the stricter one is a rule's and not the host's.
#[test]
fn an_export_of_several_profiles_blames_the_host_for_nothing_that_one_of_them_asks_for() {
    let tree = Tree::new();
    tree.write("sys/net/core/somaxconn", "128");
    tree.write("sys/net/ipv4/tcp_rmem", "4096 131072 6291456");
    let profile = |name: &str, backlog: u32, buffer: &str| {
        let key =
            |key: &str, value: &str| format!("[keys.\"{key}\"]\nat-least = {value}\nreason = \"r\"\nsource = \"s\"\n");
        let rules =
            key("net.core.somaxconn", &backlog.to_string()) + &key("net.ipv4.tcp_rmem", &format!("\"{buffer}\""));
        let path = tree.path(name);
        fs::write(&path, format!("summary = \"x\"\n{rules}")).unwrap();
        path.display().to_string()
    };
    let strict = profile("strict.toml", 8192, "_ 262144 _");
    let lax = profile("lax.toml", 4096, "_ _ 16777216");
    for (format, value) in [("sysctl.d", "somaxconn = 8192"), ("kubernetes", "\"8192\"")] {
        let text = tree.ok(&["plan", &strict, &lax, "--export", format]);
        let prose = text.split_whitespace().filter(|word| *word != "#").collect::<Vec<_>>().join(" ");
        assert!(text.contains(value) && text.contains("4096 262144 16777216"), "{text}");
        // The first number of the buffers is nobody's but the host's.
        let own = "The profiles ask for at-least _ 262144 _ and at-least _ _ 16777216; what differs from that here is";
        assert_eq!((prose.matches("own value").count(), prose.contains(own)), (1, true), "{text}");
    }
}

#[test]
fn a_plan_weighs_buffers_against_memory() {
    let tree = Tree::new();
    tree.write("sys/net/ipv4/tcp_rmem", "4096 131072 33554432");
    tree.write("sys/net/ipv4/tcp_wmem", "4096 16384 4194304");
    tree.write("sys/net/ipv4/tcp_mem", "188643 251524 377286");
    tree.write("meminfo", "MemTotal:       16777216 kB");
    let path = ["--rtt", "50ms", "--bandwidth", "10Gbit/s"];
    let plan = tree.json(&[&["plan", "long-fat-network"], &path[..]].concat());
    let page = rustix::param::page_size() as u64;
    let memory = &plan["memory"];
    // An eighth of a sixteenth of the memory at most: 128 MiB, and twice the product of bandwidth and delay.
    let after = 134_217_728 + 125_042_688;
    assert_eq!(
        (&memory["connection_bytes_before"], &memory["connection_bytes_after"]),
        (&37_748_736.into(), &after.into())
    );
    assert_eq!(memory["connections_to_pressure"], Value::from(251_524 * page / after));
    assert_eq!((&memory["connections_to_memory"], &memory["risky"]), (&66.into(), &true.into()));
    let missing = tree.run(&["plan", "long-fat-network"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("--rtt") && text(&missing.stderr).contains("--bandwidth"));
}

/// What a plan says of names, and of memory that is too little for what it does.
#[test]
fn a_plan_tells_names_that_are_not_there_and_a_tcp_mem_that_is_in_the_way() {
    let tree = Tree::new();
    let control = "net.ipv4.tcp_congestion_control";
    tree.write("sys/net/ipv4/tcp_congestion_control", "cubic");
    tree.write("sys/net/ipv4/tcp_available_congestion_control", "reno cubic");
    tree.write("sys/net/ipv4/tcp_allowed_congestion_control", "reno");
    let conflicts = |key: &str, value: &str| {
        let profile = tree.path("one.toml");
        let rule = format!("[keys.\"{key}\"]\nset = \"{value}\"\nreason = \"r\"\nsource = \"s\"\n");
        fs::write(&profile, format!("summary = \"x\"\n{rule}")).unwrap();
        let plan = tree.json(&["plan", &profile.display().to_string()]);
        let of = |one: &Value| format!("{}: {}", one["kind"].as_str().unwrap(), one["says"].as_str().unwrap());
        plan["conflicts"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(conflicts(control, "reno"), [""; 0]);
    let told = conflicts(control, "bbr");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0]
            .starts_with("name: bbr is not in tcp_available_congestion_control: the kernel loads the module tcp_bbr")
    );
    let told = conflicts(control, "bbbr");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("value: no Linux has a congestion control named bbbr: "), "{told:?}");
    assert!(told[1].contains("the module tcp_bbbr"), "{told:?}");
    assert!(conflicts("net.ipv4.tcp_allowed_congestion_control", "reno bbr")[0].starts_with("name: bbr: not in"));
    assert_eq!(conflicts("net.ipv4.tcp_allowed_congestion_control", "reno cubic"), [""; 0]);
    tree.write("sys/net/core/default_qdisc", "pfifo_fast");
    assert!(conflicts("net.core.default_qdisc", "fq_codl")[0].starts_with("value: no Linux has a queueing discipline"));
    assert_eq!(conflicts("net.core.default_qdisc", "fq"), [""; 0]);
    // Buffers that may grow where all of TCP has next to nothing.
    tree.write("meminfo", "MemTotal:       16777216 kB");
    tree.write("sys/net/ipv4/tcp_rmem", "4096 131072 6291456");
    tree.write("sys/net/ipv4/tcp_wmem", "4096 16384 4194304");
    tree.write("sys/net/ipv4/tcp_mem", "188643 251524 377286");
    assert_eq!(conflicts("net.ipv4.tcp_rmem", "4096 131072 33554432"), [""; 0]);
    tree.write("sys/net/ipv4/tcp_mem", "100 200 300");
    let told = conflicts("net.ipv4.tcp_rmem", "4096 131072 33554432");
    assert!(
        told.len() == 1 && told[0].starts_with("memory: tcp_mem = 100 200 300 is next to nothing beside"),
        "{told:?}"
    );
    assert!(told[0].contains("so that tcp_rmem may not get as far as planned"), "{told:?}");
    let told = conflicts("net.ipv4.tcp_mem", "10 20 30");
    assert!(told.len() == 1 && told[0].starts_with("value: tcp_mem = 10 20 30 is next to nothing"), "{told:?}");
    // In a namespace that is not the host's, what not everybody may have is refused.
    fs::remove_file(tree.path("proc/sys/net/core/netdev_max_backlog")).unwrap();
    tree.write("sys/net/ipv4/tcp_available_congestion_control", "reno cubic bbr");
    assert!(conflicts(control, "bbr")[0].starts_with("name: bbr is not in tcp_allowed_congestion_control"));
}
