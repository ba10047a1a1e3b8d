//! Changing sysctls of the running kernel and getting back.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tcpctl::collect::{self, SocketReading, Source};
use tcpctl::sys::{SysctlError, SysctlFiles};
use tcpctl::tune::{ApplyFrom, Profiles, StateDir, SysctlStore, Wishes, apply_plan, plan_profile};
use tcpctl::units::SysctlKey;

use crate::case::{Case, Ran};
use crate::place::Place;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a profile is applied, read back, verified and rolled back", apply_and_roll_back),
        Case::new("every built-in profile is applied, verified, read back by cat and rolled back", every_profile),
        Case::new("an unconfirmed apply in another namespace is undone there", unconfirmed),
        Case::new("a confirmation without a number is for what was applied in this namespace", confirmed_here),
        Case::new("a profile of which no key can be set here is refused", host_only),
        Case::new("another program that writes sysctls is named in the plan while it runs", second_manager),
        Case::new("a value that the kernel refuses undoes what was written before it", refused),
        Case::new("a run that stopped half way is rolled back", stopped_half_way),
        Case::new("what somebody else changed since is left alone unless forced", changed_since),
        Case::new("a damaged newest entry stops a rollback that was not told which", damaged),
        Case::new("an entry of another namespace is refused", other_namespace),
        Case::new("every namespace has a cookie of its own, and the journal keeps it", cookies),
        Case::new("without a terminal and without --yes nothing is written", nobody_to_ask),
        Case::new("the plan says which listeners must listen again", listeners),
        Case::for_root("an ordinary user is told what is missing and nothing is written", unprivileged),
    ]
}

/// The keys of the profile that every namespace has, in the order of writing.
const KEYS: [&str; 4] =
    ["net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_synack_retries", "net.ipv4.tcp_syncookies"];

/// The values by `cat`, so that nothing of the program is trusted to read them.
fn values() -> BTreeMap<&'static str, String> {
    KEYS.into_iter().map(|key| (key, cat(key))).collect()
}

pub(crate) fn cat(key: &str) -> String {
    let output = Command::new("cat").arg(format!("/proc/sys/{}", key.replace('.', "/"))).output().expect("cat runs");
    assert!(output.status.success(), "{key}: {}", text(&output.stderr));
    text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A namespace that meets none of the rules.
fn spoil(place: &Place) -> BTreeMap<&'static str, String> {
    place.set("net.core.somaxconn", "128");
    place.set("net.ipv4.tcp_max_syn_backlog", "1024");
    place.set("net.ipv4.tcp_synack_retries", "5");
    place.set("net.ipv4.tcp_syncookies", "0");
    values()
}

/// A directory for the journal that does not exist yet.
pub(crate) struct State {
    _outer: tempfile::TempDir,
    pub(crate) path: String,
}

impl State {
    pub(crate) fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("state").to_str().unwrap().to_owned();
        Self { _outer: outer, path }
    }

    /// Runs the program with this state directory and no profiles but the built-in ones.
    pub(crate) fn run(&self, place: &Place, arguments: &[&str]) -> Output {
        place.tcpctl(&[&["--state-dir", &self.path], arguments].concat())
    }

    fn exit(&self, place: &Place, arguments: &[&str]) -> Option<i32> {
        self.run(place, arguments).status.code()
    }

    pub(crate) fn json(&self, place: &Place, arguments: &[&str]) -> Value {
        place.json(&[&["--state-dir", &self.path, "--json"], arguments].concat())
    }
}

fn apply_and_roll_back(place: &Place) -> Ran {
    let before = spoil(place);
    let state = State::new();
    assert_eq!(state.exit(place, &["verify", "anti-syn-flood"]), Some(1), "nothing is met yet");
    let done = state.json(place, &["apply", "anti-syn-flood", "--yes"]);
    assert_eq!(done["receipt"]["outcome"], "applied");
    let written: Vec<_> = done["receipt"]["written"].as_array().unwrap().iter().map(|row| &row["key"]).collect();
    assert_eq!(written, KEYS);
    let skipped = done["plan"]["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0]["key"], "net.core.netdev_max_backlog");
    assert_eq!(skipped[0]["why"], "only-in-initial-namespace");
    let effects = done["plan"]["effects"].as_array().unwrap();
    let life = effects.iter().find(|effect| effect["id"] == "half-open-life").expect("an effect on half-open entries");
    assert_eq!((&life["before"]["at_ms"], &life["after"]["at_ms"]), (&63_000.into(), &7_000.into()));

    assert_eq!(cat("net.core.somaxconn"), "4096");
    assert_eq!(cat("net.ipv4.tcp_max_syn_backlog"), "4096");
    assert_eq!(cat("net.ipv4.tcp_synack_retries"), "2");
    assert_eq!(cat("net.ipv4.tcp_syncookies"), "1");
    assert_eq!(state.exit(place, &["verify", "anti-syn-flood"]), Some(0));
    let again = state.json(place, &["apply", "anti-syn-flood", "--yes"]);
    assert_eq!(again["receipt"]["outcome"], "nothing");

    let undone = state.json(place, &["rollback", "--yes"]);
    assert_eq!(undone["receipt"]["outcome"], "applied");
    assert_eq!(values(), before);
    let history = state.json(place, &["history"]);
    let entries = history["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "an apply with nothing to do leaves no entry");
    assert!(entries.iter().all(|entry| entry["netns"] == place.inode() && entry["stands"] == false));
    Ok(())
}

/// What every profile is given for the values that it works out.
const PATH: [&str; 4] = ["--rtt", "40ms", "--bandwidth", "10Gbit/s"];

fn every_profile(place: &Place) -> Ran {
    for name in Profiles::vendor().names() {
        spoil(place);
        // Nothing that kernel-defaults would leave alone.
        place.set("net.ipv4.tcp_retries2", "9");
        place.set("net.ipv4.tcp_window_scaling", "0");
        let state = State::new();
        let plan = state.json(place, &[&["plan", name], &PATH[..]].concat());
        let rows = |field: &str| plan[field].as_array().unwrap().clone();
        let keys = |field: &str| -> Vec<String> {
            rows(field).iter().map(|row| row["key"].as_str().unwrap().to_owned()).collect()
        };
        assert!(!rows("changes").is_empty(), "{name} changes nothing here");
        for skip in rows("skipped") {
            let why = skip["why"].as_str().unwrap();
            let known = ["only-in-initial-namespace", "read-only-here", "other-kernel", "condition-not-met"];
            assert!(known.contains(&why) || why == "module-not-loaded", "{name}: {skip}");
        }
        let present = |field: &str| -> BTreeMap<String, String> {
            keys(field).into_iter().map(|key| (key.clone(), cat(&key))).collect()
        };
        let (before, met) = (present("changes"), present("already"));
        let done = state.json(place, &[&["apply", name, "--yes", "--why", "a live test"], &PATH[..]].concat());
        assert_eq!(done["receipt"]["outcome"], "applied", "{name}: {done}");
        for change in rows("changes") {
            let key = change["key"].as_str().unwrap();
            assert_eq!(Some(cat(key).as_str()), change["after"].as_str(), "{name}: {key}");
        }
        assert_eq!(present("already"), met, "{name}");
        let verified = state.run(place, &[&["verify", name], &PATH[..]].concat());
        assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
        assert_eq!(state.exit(place, &["rollback", "--yes"]), Some(0), "{name}");
        assert_eq!(present("changes"), before, "{name}");
    }
    Ok(())
}

fn unconfirmed(place: &Place) -> Ran {
    let before = spoil(place);
    let state = State::new();
    let thread = rustix::thread::gettid().as_raw_nonzero();
    let here = format!("/proc/{}/task/{thread}/ns/net", std::process::id());
    let elsewhere = tcpctl::sys::Namespace::fresh().unwrap();
    let arguments = ["-N", &here, "apply", "anti-syn-flood", "--yes", "--confirm", "1s"];
    let output = elsewhere.run(|| state.run(place, &arguments)).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_ne!(values(), before, "it was applied here");
    let watch = tcpctl::sys::DirWatch::on(Path::new(&state.path)).unwrap();
    let undone =
        |path: &Path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("\"outcome\": \"applied\""));
    while !undone(&Path::new(&state.path).join("000002.json")) {
        assert!(watch.wait(60_000).unwrap(), "nothing undid it");
    }
    assert_eq!(values(), before);
    // The directory does not exist, so that nothing is written whatever the program makes of it.
    let nowhere = format!("{}/nowhere", state.path);
    let arguments = ["-N", &here, "apply", "anti-syn-flood", "--yes", "--persist", "--sysctl-dir", &nowhere];
    let refused = state.run(place, &arguments);
    assert_eq!(refused.status.code(), Some(2), "a file in sysctl.d is for this host and no other namespace");
    assert!(text(&refused.stderr).contains("--netns"), "{}", text(&refused.stderr));
    assert_eq!(values(), before);
    Ok(())
}

fn confirmed_here(place: &Place) -> Ran {
    spoil(place);
    let state = State::new();
    let thread = rustix::thread::gettid().as_raw_nonzero();
    let here = format!("/proc/{}/task/{thread}/ns/net", std::process::id());
    let elsewhere = tcpctl::sys::Namespace::fresh().unwrap();
    // Long enough for any machine: nothing waits for it.
    assert_eq!(state.exit(place, &["apply", "anti-syn-flood", "--yes", "--confirm", "10m"]), Some(0));
    let applied = values();
    let other = elsewhere.run(|| state.run(place, &["confirm"])).unwrap();
    assert_eq!(other.status.code(), Some(2), "{}", text(&other.stdout));
    let said = text(&other.stderr);
    assert!(said.contains("another network namespace") && said.contains("tcpctl confirm 1"), "{said}");
    assert_eq!(state.json(place, &["history"])["entries"][0]["confirm"]["confirmed_unix_ms"], Value::Null);
    let named = elsewhere.run(|| state.run(place, &["-N", &here, "confirm"])).unwrap();
    assert_eq!(named.status.code(), Some(0), "{}", text(&named.stderr));
    assert_eq!(values(), applied);
    assert_eq!(state.exit(place, &["rollback", "--yes"]), Some(0));
    // The history of a namespace that is asked for is its own, from wherever it is asked.
    let entries = |history: Value| history["entries"].as_array().unwrap().len();
    let of_other = || {
        let thread = rustix::thread::gettid().as_raw_nonzero();
        let own = format!("/proc/{}/task/{thread}/ns/net", std::process::id());
        entries(state.json(place, &["-N", &own, "history"]))
    };
    assert_eq!(entries(elsewhere.run(|| state.json(place, &["-N", &here, "history"])).unwrap()), 2);
    assert_eq!(entries(elsewhere.run(|| state.json(place, &["history"])).unwrap()), 2);
    assert_eq!(elsewhere.run(of_other).unwrap(), 0);
    Ok(())
}

fn host_only(place: &Place) -> Ran {
    let state = State::new();
    let profile = state.path.clone() + ".toml";
    let rule = "[keys.\"net.core.netdev_max_backlog\"]\nat-least = 20000\nreason = \"r\"\nsource = \"s\"\n";
    std::fs::write(&profile, format!("summary = \"x\"\n{rule}")).unwrap();
    for arguments in [&["apply", "--yes", &profile][..], &["apply", &profile], &["--json", "apply", "--yes", &profile]]
    {
        let output = state.run(place, arguments);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        let said = text(&output.stderr);
        assert!(said.contains("can be applied here") && said.contains("nothing was written"), "{said}");
    }
    assert_eq!(state.exit(place, &["plan", &profile]), Some(1));
    assert!(!Path::new(&state.path).exists(), "nothing is journalled");
    Ok(())
}

/// A process of another name, which ends with this value.
struct Named(std::process::Child);

impl Named {
    /// Starts `cat` under a name and returns when it runs: it gives back what it is sent.
    fn start(folder: &Path, name: &str) -> Self {
        use std::io::{Read, Write};
        let program = folder.join(name);
        std::fs::copy("/bin/cat", &program).unwrap();
        let pipe = std::process::Stdio::piped;
        // A box of many programs goes by the name that it is called by.
        let mut child = Command::new(&program).arg0("cat").stdin(pipe()).stdout(pipe()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn second_manager(place: &Place) -> Ran {
    spoil(place);
    let state = State::new();
    let conflicts = || {
        let plan = state.json(place, &["plan", "anti-syn-flood"]);
        let rows = plan["conflicts"].as_array().unwrap().clone();
        let programs = rows.into_iter().filter(|row| row["kind"] == "program");
        programs.map(|row| row["says"].as_str().unwrap().to_owned()).filter(|says| says.starts_with("bpftune")).count()
    };
    let folder = tempfile::tempdir().unwrap();
    let manager = Named::start(folder.path(), "bpftune");
    assert_eq!(conflicts(), 1, "it is named while it runs");
    // What it writes over an applied value is drift, and is left to it.
    assert_eq!(state.exit(place, &["apply", "anti-syn-flood", "--yes"]), Some(0));
    place.set("net.core.somaxconn", "2048");
    let verified = state.run(place, &["verify", "anti-syn-flood"]);
    assert_eq!(verified.status.code(), Some(1), "{}", text(&verified.stdout));
    assert_eq!(state.exit(place, &["rollback", "--yes"]), Some(1), "one key is left");
    assert_eq!(cat("net.core.somaxconn"), "2048");
    drop(manager);
    Ok(())
}

fn refused(place: &Place) -> Ran {
    let before = spoil(place);
    let range = cat("net.ipv4.ip_local_port_range");
    let state = State::new();
    let profile = state.path.clone() + ".toml";
    // Within the range of the catalogue, but the kernel wants it above ip_unprivileged_port_start.
    let text_of_it = "summary = \"x\"\n\
        [keys.\"net.core.somaxconn\"]\nset = 512\nreason = \"r\"\nsource = \"s\"\n\
        [keys.\"net.ipv4.ip_local_port_range\"]\nset = \"500 60999\"\nreason = \"r\"\nsource = \"s\"\n";
    std::fs::write(&profile, text_of_it).unwrap();
    let output = state.run(place, &["apply", "--yes", &profile]);
    assert_eq!(output.status.code(), Some(3));
    let message = text(&output.stderr);
    assert!(message.contains("Invalid argument") && message.contains("everything was put back"), "{message}");
    assert!(text(&output.stdout).contains("put back  net.core.somaxconn = 128"), "{}", text(&output.stdout));
    assert_eq!(values(), before);
    assert_eq!(cat("net.ipv4.ip_local_port_range"), range);
    Ok(())
}

/// The kernel's sysctls until a number of writes, then the end of the program.
struct Dying {
    files: SysctlFiles,
    writes_left: Cell<usize>,
}

impl SysctlStore for Dying {
    fn read(&self, key: &SysctlKey) -> Result<String, SysctlError> {
        self.files.read(key)
    }

    fn write(&self, key: &SysctlKey, value: &str) -> Result<(), SysctlError> {
        if self.writes_left.get() == 0 {
            // Unwinding without the panic hook: nothing more is done, as after SIGKILL.
            resume_unwind(Box::new("dead"));
        }
        self.writes_left.set(self.writes_left.get() - 1);
        self.files.write(key, value)
    }

    fn check_writable(&self, key: &SysctlKey) -> Result<(), SysctlError> {
        self.files.check_writable(key)
    }
}

fn stopped_half_way(place: &Place) -> Ran {
    for writes in 0..=3 {
        let before = spoil(place);
        let state = State::new();
        let profile = Profiles::vendor().resolve("anti-syn-flood").unwrap().unwrap();
        let keys = profile.rules.keys().cloned().collect();
        let source = Source { sockets: SocketReading::Skip, processes: false, ..Source::own(keys) };
        let plan = plan_profile(&profile, &collect::live(&source).unwrap());
        let boot_id = cat("kernel.random.boot_id");
        let here = tcpctl::tune::Place { boot_id, netns: place.inode(), netns_cookie: tcpctl::sys::netns_cookie() };
        let from = ApplyFrom { now_unix_ms: 0, uid: 0, login_uid: None, wishes: Wishes::default(), place: here };
        let store = Dying { files: SysctlFiles::new("/proc"), writes_left: Cell::new(writes) };
        let state_dir = StateDir::new(&state.path);
        assert!(catch_unwind(AssertUnwindSafe(|| apply_plan(&plan, &store, &state_dir, &from))).is_err());
        assert_eq!(before == values(), writes == 0, "{writes} writes");
        assert!(state.exit(place, &["rollback", "--yes"]) == Some(0));
        assert_eq!(values(), before, "after {writes} writes");
    }
    Ok(())
}

fn changed_since(place: &Place) -> Ran {
    let before = spoil(place);
    let state = State::new();
    assert_eq!(state.exit(place, &["apply", "anti-syn-flood", "-y"]), Some(0));
    place.set("net.core.somaxconn", "9999");
    let part = state.run(place, &["--json", "rollback", "1", "--yes"]);
    assert_eq!(part.status.code(), Some(1), "what it left is told: {}", text(&part.stderr));
    let done: Value = serde_json::from_slice(&part.stdout).unwrap();
    assert_eq!(done["plan"]["skipped"][0]["why"], "changed-since");
    assert_eq!(cat("net.core.somaxconn"), "9999");
    assert_eq!(cat("net.ipv4.tcp_synack_retries"), "5");
    let history = state.run(place, &["history"]);
    assert!(text(&history.stdout).contains("1 key left; `tcpctl rollback 1 --force`"), "{}", text(&history.stdout));
    state.json(place, &["rollback", "--yes", "--force"]);
    assert_eq!(values(), before);
    assert!(text(&state.run(place, &["rollback", "--yes"]).stdout).starts_with("nothing to roll back"));
    Ok(())
}

fn damaged(place: &Place) -> Ran {
    let before = spoil(place);
    let state = State::new();
    assert_eq!(state.exit(place, &["apply", "anti-syn-flood", "-y"]), Some(0));
    let applied = values();
    std::fs::write(Path::new(&state.path).join("000002.json"), "garbage").unwrap();
    let refused = state.run(place, &["rollback", "--yes"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("000002.json"), "{}", text(&refused.stderr));
    assert_eq!(values(), applied);
    let history = state.run(place, &["history", "--json"]);
    assert_eq!(history.status.code(), Some(1));
    assert!(text(&history.stderr).contains("000002.json"), "{}", text(&history.stderr));
    let told = state.run(place, &["rollback", "1", "--yes"]);
    assert_eq!(told.status.code(), Some(0));
    assert!(text(&told.stderr).contains("000002.json"), "{}", text(&told.stderr));
    assert_eq!(values(), before);
    Ok(())
}

fn other_namespace(place: &Place) -> Ran {
    spoil(place);
    let state = State::new();
    assert_eq!(state.exit(place, &["apply", "anti-syn-flood", "-y"]), Some(0));
    let applied = values();
    let elsewhere = tcpctl::sys::Namespace::fresh().unwrap();
    let output = elsewhere.run(|| state.run(place, &["rollback", "-y"])).unwrap();
    assert_eq!(output.status.code(), Some(3));
    let message = text(&output.stderr);
    assert!(message.contains(&format!("entry 1 was applied in network namespace {}", place.inode())), "{message}");
    assert_eq!(values(), applied);
    Ok(())
}

fn cookies(place: &Place) -> Ran {
    let version: tcpctl::units::KernelVersion = tcpctl::sys::kernel_release().parse().expect("a kernel version");
    if version < tcpctl::units::KernelVersion::new(5, 14) {
        return Err(crate::case::CannotRun(format!("Linux {version} has no SO_NETNS_COOKIE")));
    }
    let own = tcpctl::sys::netns_cookie().expect("a cookie");
    assert_eq!(tcpctl::sys::netns_cookie(), Some(own));
    let other = tcpctl::sys::Namespace::fresh().unwrap().run(tcpctl::sys::netns_cookie).unwrap();
    assert!(other.is_some_and(|other| other != own), "{other:?} and {own}");
    spoil(place);
    let state = State::new();
    assert_eq!(state.exit(place, &["apply", "anti-syn-flood", "-y"]), Some(0));
    let entry = state.json(place, &["history", "1"]);
    assert_eq!((&entry["netns"], &entry["netns_cookie"]), (&place.inode().into(), &own.into()));
    Ok(())
}

fn nobody_to_ask(place: &Place) -> Ran {
    let before = spoil(place);
    let state = State::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
    command.args(["--state-dir", &state.path, "apply", "anti-syn-flood"]).stdin(std::process::Stdio::null());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("keys change"), "the plan is shown all the same");
    assert!(text(&output.stderr).contains("--yes"));
    assert_eq!(values(), before);
    assert!(!Path::new(&state.path).exists());
    Ok(())
}

fn listeners(place: &Place) -> Ran {
    spoil(place);
    let how = crate::place::Listening::with_backlog;
    let wide = place.listen("127.0.0.1:0", how(4096));
    let narrow = place.listen("127.0.0.1:0", how(16));
    let plan = place.json(&["plan", "anti-syn-flood", "--json"]);
    let rows = plan["listeners"].as_array().unwrap();
    let ports: Vec<_> = rows.iter().map(|row| row["port"].as_u64().unwrap()).collect();
    assert_eq!(ports, [u64::from(wide.local_addr().unwrap().port())]);
    assert_eq!(rows[0]["held_by_somaxconn"], true);
    drop(narrow);
    Ok(())
}

fn unprivileged(place: &Place) -> Ran {
    let before = spoil(place);
    let directory = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(directory.path(), open).unwrap();
    let state = directory.path().join("state");
    let nobody = 65_534;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(crate::program::path());
        command.arg("--state-dir").arg(&state).args(arguments);
        command.uid(nobody).gid(nobody).current_dir("/").output().expect("the program runs")
    };
    let plan = run(&["plan", "anti-syn-flood"]);
    assert_eq!(plan.status.code(), Some(0), "{}", text(&plan.stderr));
    let apply = run(&["apply", "anti-syn-flood", "--yes"]);
    assert_eq!(apply.status.code(), Some(4), "{}", text(&apply.stderr));
    let message = text(&apply.stderr);
    assert!(message.contains("CAP_NET_ADMIN") && message.contains("nothing was written"), "{message}");
    assert_eq!(values(), before);
    assert!(!state.exists(), "no journal is left");
    Ok(())
}
