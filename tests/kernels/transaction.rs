//! Profiles applied by the program itself in the initial network namespace, which no live test may touch: this machine
//! has nothing else in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use serde_json::Value;

/// Set for the processes of this file that are to be the program.
const AS_PROGRAM: &str = "TCPCTL_KERNELS_AS_PROGRAM";
/// The file that keeps values across boots.
const DROP_IN: &str = "/etc/sysctl.d/99-tcpctl.conf";
/// Where sysctls are.
const TREE: &str = "/proc/sys/net";

/// Whether this process is to be `tcpctl` and nothing else.
pub(crate) fn is_the_program() -> bool {
    env::var_os(AS_PROGRAM).is_some()
}

/// Values that are not as a profile wants them, what it is applied with, and a key that only this namespace has.
struct Case {
    name: &'static str,
    spoil: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
    only_here: &'static str,
}

const CASES: [Case; 2] = [
    Case {
        name: "anti-syn-flood, kept across boots, is applied, verified and rolled back in the initial namespace",
        spoil: &[("core/somaxconn", "128"), ("core/netdev_max_backlog", "500"), ("ipv4/tcp_syncookies", "0")],
        arguments: &["anti-syn-flood"],
        only_here: "core/netdev_max_backlog",
    },
    Case {
        name: "long-fat-network is applied, verified and rolled back in the initial namespace",
        spoil: &[("core/rmem_max", "212992"), ("ipv4/tcp_rmem", "4096 131072 1048576")],
        arguments: &["long-fat-network", "--rtt", "40ms", "--bandwidth", "1Gbit/s"],
        only_here: "core/rmem_max",
    },
];

/// Plays every case: its name and what went wrong.
pub(crate) fn play() -> Vec<(&'static str, Result<(), String>)> {
    CASES.iter().enumerate().map(|(at, case)| (case.name, round_trip(case, at == 0))).collect()
}

fn round_trip(case: &Case, persist: bool) -> Result<(), String> {
    for folder in ["/etc/sysctl.d", "/var/lib"] {
        fs::create_dir_all(folder).map_err(|error| format!("{folder}: {error}"))?;
    }
    for (key, value) in case.spoil {
        fs::write(Path::new(TREE).join(key), value).map_err(|error| format!("{key}: {error}"))?;
    }
    let before = values()?;
    let with = |verb: &[&'static str], more: &[&'static str]| [&["--json"], verb, case.arguments, more].concat();
    ends(&with(&["verify"], &[]), 1)?;
    let done = ends(&with(&["apply"], if persist { &["--yes", "--persist"] } else { &["--yes"] }), 0)?;
    let applied = values()?;
    let rows = done.pointer("/receipt/written").and_then(Value::as_array).cloned().unwrap_or_default();
    let word = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let written: BTreeMap<PathBuf, String> =
        rows.iter().map(|row| (path_of(&word(row, "key")), word(row, "read_back"))).collect();
    let only_here = Path::new(TREE).join(case.only_here);
    if !written.contains_key(&only_here) {
        return Err(format!("{} was not written: {done}", only_here.display()));
    }
    for (path, value) in &applied {
        let wanted = written.get(path).or(before.get(path));
        if wanted != Some(value) {
            return Err(format!("{} is {value} and not {wanted:?}", path.display()));
        }
    }
    ends(&with(&["verify"], &[]), 0)?;
    if Path::new(DROP_IN).exists() != persist {
        return Err(format!("{DROP_IN}: there although it was not asked for, or the other way round"));
    }
    ends(&["--json", "rollback", "--yes"], 0)?;
    let after = values()?;
    let differs = before.iter().find(|(path, value)| after.get(*path) != Some(value));
    match differs {
        Some((path, value)) => Err(format!("{} was {value} and is {:?}", path.display(), after.get(path))),
        None if Path::new(DROP_IN).exists() => Err(format!("{DROP_IN} is still there")),
        None => Ok(()),
    }
}

/// A sysctl's file.
fn path_of(key: &str) -> PathBuf {
    Path::new("/proc/sys").join(key.replace('.', "/"))
}

/// Runs the program, which is this very file under another name of the environment, and wants this exit code of it.
fn ends(arguments: &[&str], code: i32) -> Result<Value, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(arguments).env(AS_PROGRAM, "1").stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().map_err(|error| error.to_string())?;
    if status.code() != Some(code) {
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        return Err(format!("{arguments:?} ended with {status} and not {code}: {stderr}{stdout}"));
    }
    serde_json::from_slice(&stdout).map_err(|error| format!("{arguments:?}: {error}"))
}

/// Every network sysctl that can be read, with its blanks as single ones.
fn values() -> Result<BTreeMap<PathBuf, String>, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::from(TREE)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.insert(path, text.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
    }
    Ok(found)
}
