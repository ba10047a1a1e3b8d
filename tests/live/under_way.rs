//! What comes while an apply is under way, what a namespace may not write, and what the kernel prints otherwise.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tcpctl::catalog::{self, Form, Scope, TakesEffect};
use tcpctl::collect::{self, SocketReading, Source};
use tcpctl::sys::{DirWatch, Namespace, SysctlError, SysctlFiles};
use tcpctl::tune::{
    ApplyFrom, Outcome, Plan, Profiles, StateDir, SysctlStore, Target, Waiter, Wishes, apply_plan, plan_profile,
};
use tcpctl::units::{KernelVersion, SysctlKey};

use crate::case::{Case, Ran};
use crate::place::Place;
use crate::tune::{State, cat, text};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "a rollback during an apply is refused, or waits and then sees that it was planned too early",
            rollback,
        ),
        Case::new("an apply whose time to confirm is up while it is under way is undone when it is through", waiter),
        Case::new("what only the initial namespace may set is not written from another", host_only),
        Case::new("a value that the kernel prints otherwise is met and rolled back", reformatted),
        Case::new("a congestion control that is not there is told by its name", no_such_name),
    ]
}

const KEYS: [&str; 4] =
    ["net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_synack_retries", "net.ipv4.tcp_syncookies"];

fn values() -> [String; 4] {
    KEYS.map(cat)
}

/// A namespace that meets none of the rules, and the plan that would mend that.
fn spoiled(place: &Place) -> Plan {
    for (key, value) in KEYS.into_iter().zip(["128", "1024", "5", "0"]) {
        place.set(key, value);
    }
    let profile = Profiles::vendor().resolve("anti-syn-flood").unwrap().unwrap();
    let keys = profile.rules.keys().cloned().collect();
    let source = Source { sockets: SocketReading::Skip, processes: false, ..Source::own(keys) };
    plan_profile(&profile, &collect::live(&source).unwrap())
}

/// Returns when somebody waits for the lock of a state directory, as the kernel tells.
fn somebody_waits(state: &str, mut is_lost: impl FnMut() -> bool) {
    let inode = File::open(Path::new(state).join("lock")).unwrap().metadata().unwrap().ino();
    let stands = |line: &str| line.contains("->") && line.contains(&format!(":{inode} "));
    while !std::fs::read_to_string("/proc/locks").unwrap().lines().any(stands) {
        assert!(!is_lost(), "it ended before it came to the lock");
        std::thread::yield_now();
    }
}

/// The kernel's sysctls, and something that happens right after the first write.
struct Interrupted<'a> {
    files: SysctlFiles,
    after_first: RefCell<Option<Box<dyn FnOnce() + 'a>>>,
}

impl SysctlStore for Interrupted<'_> {
    fn read(&self, key: &SysctlKey) -> Result<String, SysctlError> {
        self.files.read(key)
    }

    fn write(&self, key: &SysctlKey, value: &str) -> Result<(), SysctlError> {
        self.files.write(key, value)?;
        if let Some(happens) = self.after_first.take() {
            happens();
        }
        Ok(())
    }

    fn check_writable(&self, key: &SysctlKey) -> Result<(), SysctlError> {
        self.files.check_writable(key)
    }
}

fn rollback(place: &Place) -> Ran {
    let plan = spoiled(place);
    let before = values();
    let state = State::new();
    let waits: RefCell<Option<Child>> = RefCell::new(None);
    let meanwhile = || {
        let refused = state.run(place, &["rollback", "--yes"]);
        assert_eq!(refused.status.code(), Some(3));
        assert!(text(&refused.stderr).contains("another apply or rollback is under way"), "{}", text(&refused.stderr));
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
        command.args(["--state-dir", &state.path, "rollback", "--yes", "--wait"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        somebody_waits(&state.path, || child.try_wait().unwrap().is_some());
        *waits.borrow_mut() = Some(child);
    };
    let store = Interrupted { files: SysctlFiles::new("/proc"), after_first: RefCell::new(Some(Box::new(meanwhile))) };
    let here = Target::new(Path::new("/proc"), None, Path::new(&state.path)).place().unwrap();
    let from = ApplyFrom { now_unix_ms: 0, uid: 0, login_uid: None, wishes: Wishes::default(), place: here };
    let receipt = apply_plan(&plan, &store, &StateDir::new(&state.path), &from).unwrap();
    drop(store);
    assert_eq!(receipt.outcome, Outcome::Applied);
    let applied = values();
    let ended = waits.take().expect("it was started").wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(3));
    assert!(text(&ended.stderr).contains("another apply or rollback has gone on"), "{}", text(&ended.stderr));
    assert_eq!(values(), applied, "it wrote nothing");
    let undone = state.run(place, &["rollback", "--yes"]);
    assert!(undone.status.success(), "{}", text(&undone.stderr));
    assert_eq!(values(), before);
    Ok(())
}

fn waiter(place: &Place) -> Ran {
    let plan = spoiled(place);
    let before = values();
    let state = State::new();
    let directory = Path::new(&state.path);
    let waiter = Waiter::new(env!("CARGO_BIN_EXE_tcpctl").into(), Path::new("/proc"), directory).unwrap();
    let wishes = Wishes { confirm_within_ms: Some(1000), ..Wishes::default() };
    let target = Target::new(Path::new("/proc"), None, directory);
    let done = target.apply_with(&plan, &wishes, &mut |entry| {
        waiter.start(entry, 1000)?;
        // Its time is up when it comes to the lock, which this apply holds.
        somebody_waits(&state.path, || false);
        Ok(())
    });
    assert_eq!(done.unwrap().outcome, Outcome::Applied);
    let watch = DirWatch::on(directory).unwrap();
    let undone = || {
        let entry = std::fs::read_to_string(directory.join("000002.json")).unwrap_or_default();
        serde_json::from_str::<Value>(&entry).is_ok_and(|entry| entry["outcome"] == "applied")
    };
    while !undone() {
        assert!(watch.wait(60_000).unwrap(), "nothing undid it");
    }
    assert_eq!(values(), before);
    Ok(())
}

/// The value by `cat`; nothing where the namespace has no such key.
fn cat_if_there(key: &str) -> Option<String> {
    Path::new("/proc/sys").join(key.replace('.', "/")).exists().then(|| cat(key))
}

/// Every key of one number that belongs to the host, with a value one off from that of the host: near enough to be
/// harmless should it ever be written.
fn host_keys(version: KernelVersion, outside: &Namespace) -> BTreeMap<&'static str, (String, i64)> {
    let of_host = |row: &&catalog::Parameter| {
        row.exists(version)
            && row.scope(version) != Scope::Namespace
            && row.takes_effect != TakesEffect::ReadOnly
            && row.form == Form::Numbers(1)
            && catalog::module_of(row.key).is_none()
    };
    let row = |row: &'static catalog::Parameter| {
        let value = outside.run(|| cat_if_there(row.key)).unwrap()?;
        let number: i64 = value.parse().ok()?;
        let taken = |number: &i64| catalog::check_value(row.key, &number.to_string(), version, None).is_ok();
        let other = [number.checked_add(1)?, number.checked_sub(1)?].into_iter().find(taken)?;
        Some((row.key, (value, other)))
    };
    catalog::parameters().filter(of_host).filter_map(row).collect()
}

fn host_only(place: &Place) -> Ran {
    let version: KernelVersion = tcpctl::sys::kernel_release().parse().expect("a kernel version");
    // The first thread is where the tests were started.
    let outside = format!("/proc/{0}/task/{0}/ns/net", std::process::id());
    let outside = Namespace::open(&outside, &tcpctl::sys::ProcRoot::new("/proc")).unwrap();
    let keys = host_keys(version, &outside);
    if keys.is_empty() {
        return Err(crate::case::CannotRun("where the tests were started there are no keys of the host".to_owned()));
    }
    let state = State::new();
    let write = |required: bool| {
        let path = format!("{}-{required}.toml", state.path);
        let more = if required { "required = true\n" } else { "" };
        let rule = |(key, (_, other)): (&&str, &(String, i64))| {
            format!("[keys.\"{key}\"]\nset = {other}\n{more}reason = \"r\"\nsource = \"s\"\n")
        };
        std::fs::write(&path, format!("summary = \"x\"\n{}", keys.iter().map(rule).collect::<String>())).unwrap();
        path
    };
    let (optional, required) = (write(false), write(true));
    let thread = rustix::thread::gettid().as_raw_nonzero();
    let here = format!("/proc/{}/task/{thread}/ns/net", std::process::id());
    let ways: [&[&str]; 2] = [&[], &["-N", &here]];
    for way in ways {
        let run = |arguments: &[&str]| {
            let arguments = [&["--state-dir", &state.path], way, arguments].concat();
            if way.is_empty() { place.tcpctl(&arguments) } else { outside.run(|| place.tcpctl(&arguments)).unwrap() }
        };
        let done = run(&["--json", "apply", &optional, "--yes"]);
        assert_eq!(done.status.code(), Some(1), "{way:?}: {}", text(&done.stderr));
        let done: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((&done["receipt"], &done["plan"]["changes"]), (&Value::Null, &Value::Array(vec![])));
        let why: Vec<&str> =
            done["plan"]["skipped"].as_array().unwrap().iter().map(|skip| skip["why"].as_str().unwrap()).collect();
        assert_eq!(why.len(), keys.len(), "{way:?}");
        assert!(why.iter().all(|why| ["only-in-initial-namespace", "read-only-here"].contains(why)), "{why:?}");
        let refused = run(&["apply", &required, "--yes"]);
        assert_eq!(refused.status.code(), Some(3), "{way:?}: {}", text(&refused.stdout));
        assert!(text(&refused.stderr).contains("the profile requires"), "{}", text(&refused.stderr));
        for (key, (value, _)) in &keys {
            assert_eq!(outside.run(|| cat_if_there(key)).unwrap().as_ref(), Some(value), "{way:?}: {key}");
        }
    }
    Ok(())
}

fn one_rule(state: &State, key: &str, value: &str) -> String {
    let path = format!("{}.toml", state.path);
    let rule = format!("[keys.\"{key}\"]\nset = \"{value}\"\nreason = \"r\"\nsource = \"s\"\n");
    std::fs::write(&path, format!("summary = \"x\"\n{rule}")).unwrap();
    path
}

fn reformatted(place: &Place) -> Ran {
    let cases = [
        ("net.ipv4.ip_local_reserved_ports", "7000", "8081,8080,9000-9001,0x2329-9003", "8080-8081,9000-9003"),
        ("net.ipv4.tcp_fastopen", "1", "0x3", "3"),
        ("net.ipv4.tcp_rmem", "4096 131072 6291456", "4096 0x20000 8388608", "4096 131072 8388608"),
    ];
    for (key, before, wanted, printed) in cases {
        place.set(key, before);
        let state = State::new();
        let profile = one_rule(&state, key, wanted);
        let done = state.json(place, &["apply", &profile, "--yes"]);
        assert_eq!(done["receipt"]["outcome"], "applied", "{key}: {done}");
        assert_eq!(cat(key), printed);
        let verified = state.run(place, &["verify", &profile]);
        assert_eq!(verified.status.code(), Some(0), "{key}: {}", text(&verified.stdout));
        let undone = state.run(place, &["rollback", "--yes"]);
        assert_eq!(undone.status.code(), Some(0), "{key}: {}{}", text(&undone.stdout), text(&undone.stderr));
        assert_eq!(cat(key), before);
    }
    Ok(())
}

fn no_such_name(place: &Place) -> Ran {
    let key = "net.ipv4.tcp_congestion_control";
    let (before, state) = (cat(key), State::new());
    let refused = state.run(place, &["apply", &one_rule(&state, key, "nosuchcc"), "--yes"]);
    assert_eq!(refused.status.code(), Some(3));
    let message = text(&refused.stderr);
    assert!(message.contains("refused the value `nosuchcc`") && message.contains("nothing of that name"), "{message}");
    assert!(!message.contains("no such key"), "{message}");
    assert_eq!(cat(key), before);
    Ok(())
}
