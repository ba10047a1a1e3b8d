//! The released program beside nothing but `/proc`: no `/sys`, no `/etc`, no modules, no shell, no libc, and an
//! environment that is empty.

use std::fs::create_dir;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tcpctl::sys::raise_loopback;

/// The static program, as it is released.
const PROGRAM: &str = "/tcpctl";
/// A port that this machine listens on.
const PORT: u16 = 8801;

/// A case: its name, and what plays it.
type Bare = (&'static str, fn() -> Result<(), String>);

const CASES: [Bare; 6] = [
    ("with /proc alone, status and listeners tell of the sockets", sockets),
    ("with /proc alone, explain tells of this kernel", explained),
    ("with /proc alone, diagnose says what it could not judge", diagnosed),
    ("with /proc alone, a snapshot is taken and read again", stored),
    ("with /proc alone, the laboratory says what it lacks", refused),
    ("with /proc alone, a profile is applied, verified and rolled back", applied),
];

/// Plays every case: its name and what went wrong. Only `/proc` may be mounted.
pub(crate) fn play() -> Vec<(&'static str, Result<(), String>)> {
    let beside = ["/sys", "/etc", "/var", "/lib", "/usr", "/boot", "/dev/null"];
    let found = beside.into_iter().find(|path| Path::new(path).exists());
    CASES.iter().map(|(name, case)| (*name, found.map_or_else(case, |path| Err(format!("there is {path}"))))).collect()
}

/// Runs it and wants this exit code: what it printed, and what it complained of.
fn ends(arguments: &[&str], code: i32) -> Result<(String, String), String> {
    let mut command = Command::new(PROGRAM);
    // Standard input is no terminal; there is no /dev/null that it could be.
    let Output { status, stdout, stderr } =
        command.args(arguments).env_clear().stdin(Stdio::piped()).output().map_err(|error| error.to_string())?;
    let (stdout, stderr) =
        (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
    if status.code() == Some(code) {
        Ok((stdout, stderr))
    } else {
        Err(format!("{arguments:?} ended with {status} and not {code}: {stderr}{stdout}"))
    }
}

fn json(arguments: &[&str], code: i32) -> Result<Value, String> {
    let (stdout, _) = ends(&[&["--json"], arguments].concat(), code)?;
    serde_json::from_str(&stdout).map_err(|error| format!("{arguments:?}: {error}: {stdout}"))
}

/// Wants a value in a document.
fn holds(document: &Value, pointer: &str, wanted: &Value) -> Result<(), String> {
    match document.pointer(pointer) {
        Some(found) if found == wanted => Ok(()),
        found => Err(format!("{pointer} is {found:?} and not {wanted}")),
    }
}

/// Wants words in a text.
pub(crate) fn says(text: &str, words: &[&str]) -> Result<(), String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.iter().find(|word| !text.contains(**word)) {
        None => Ok(()),
        Some(word) => Err(format!("it does not say {word:?}: {text}")),
    }
}

fn release() -> Result<String, String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").map_err(|error| error.to_string())?;
    Ok(text.trim().to_owned())
}

fn sockets() -> Result<(), String> {
    raise_loopback().map_err(|error| error.to_string())?;
    let _listener = TcpListener::bind(("127.0.0.1", PORT)).map_err(|error| error.to_string())?;
    let status = json(&["status"], 0)?;
    holds(&status, "/kernel/release", &release()?.into())?;
    holds(&status, "/netns/initial", &true.into())?;
    holds(&status, "/states/LISTEN", &1.into())?;
    holds(&status, "/states/ESTAB", &0.into())?;
    // Debian has sock_diag's TCP as a module, and there is none here.
    holds(&status, "/socket_source", &"proc-net-tcp".into())?;
    let (text, _) = ends(&["listeners"], 0)?;
    says(&text, &["127.0.0.1:8801"])?;
    let (text, _) = ends(&["sockets", "--listening", "sport = :8801"], 0)?;
    says(&text, &["127.0.0.1:8801", "LISTEN"])
}

fn explained() -> Result<(), String> {
    let (text, _) = ends(&["explain", "syn-lost"], 0)?;
    // Debian's release is that of its package; the version of the kernel is in /proc/version.
    let status = json(&["status"], 0)?;
    let version = status.pointer("/kernel/version").and_then(Value::as_str).unwrap_or("no version");
    let told = std::fs::read_to_string("/proc/version").map_err(|error| error.to_string())?;
    says(&told, &[version])?;
    says(&text, &[version, "ETIMEDOUT", "SYN again (1)"])
}

fn diagnosed() -> Result<(), String> {
    let (text, _) = ends(&["diagnose", "--window", "1s"], 0)?;
    says(&text, &["could not judge"])
}

fn stored() -> Result<(), String> {
    ends(&["snapshot", "--window", "0", "/host.json.gz"], 0)?;
    let status = json(&["status", "--from", "/host.json.gz"], 0)?;
    holds(&status, "/kernel/release", &release()?.into())
}

fn refused() -> Result<(), String> {
    let (_, said) = ends(&["lab", "syn-lost"], 3)?;
    says(&said, &["/dev/net/tun", "modprobe tun"])
}

fn applied() -> Result<(), String> {
    let (_, said) = ends(&["apply", "anti-syn-flood", "--yes"], 3)?;
    says(&said, &["/var/lib"])?;
    ["/var", "/var/lib"].into_iter().try_for_each(create_dir).map_err(|error| error.to_string())?;
    let backlog =
        || std::fs::read_to_string("/proc/sys/net/core/netdev_max_backlog").map_err(|error| error.to_string());
    let before = backlog()?;
    json(&["verify", "anti-syn-flood"], 1)?;
    json(&["apply", "anti-syn-flood", "--yes"], 0)?;
    json(&["verify", "anti-syn-flood"], 0)?;
    json(&["rollback", "--yes"], 0)?;
    let after = backlog()?;
    if before == after { Ok(()) } else { Err(format!("netdev_max_backlog was {before} and is {after}")) }
}
