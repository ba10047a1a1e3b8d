//! The two readers of sysctl.d themselves, on trees of files, against what is foretold of them.
//!
//! systemd-sysctl and `sysctl --system` run in the case's network namespace and in a mount namespace of their own, where
//! the directories that they read are the tree's.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tcpctl::catalog::normalize_value;
use tcpctl::sys::SysctlFiles;
use tcpctl::tune::{Reader, Resolver, read_sysctl_tree};
use tcpctl::units::SysctlKey;

use crate::case::{CannotRun, Case, Ran};
use crate::place::Place;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::for_root("systemd-sysctl sets what is foretold", |place| each_tree(place, Reader::Systemd)),
        Case::for_root("sysctl --system sets what is foretold", |place| each_tree(place, Reader::Procps)),
    ]
}

/// Keys of the namespace with the values that they begin with.
const KEYS: [(&str, &str); 6] = [
    ("net.ipv4.tcp_fin_timeout", "60"),
    ("net.ipv4.tcp_keepalive_time", "7200"),
    ("net.ipv4.tcp_keepalive_intvl", "75"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv4.conf.lo.rp_filter", "0"),
];

/// Trees that each show one thing; a text that begins with `->` is a link.
const TREES: &[&[(&str, &str)]] = &[
    &[("etc/sysctl.conf", "net.ipv4.tcp_fin_timeout=21\n"), ("etc/sysctl.d/zz.conf", "net.ipv4.tcp_fin_timeout=22\n")],
    &[
        ("etc/sysctl.conf", "net.ipv4.tcp_fin_timeout=21\n"),
        ("etc/sysctl.d/99-sysctl.conf", "->../sysctl.conf"),
        ("etc/sysctl.d/50-a.conf", "net.ipv4.tcp_fin_timeout=22\n"),
    ],
    &[
        ("usr/lib/sysctl.d/50-a.conf", "net.ipv4.tcp_fin_timeout=31\nnet.ipv4.tcp_keepalive_time=31\n"),
        ("run/sysctl.d/50-a.conf", "net.ipv4.tcp_fin_timeout=32\n"),
        ("usr/local/lib/sysctl.d/50-a.conf", "net.ipv4.tcp_fin_timeout=33\n"),
        ("etc/sysctl.d/9-b.conf", "net.ipv4.tcp_fin_timeout=34\n"),
    ],
    &[
        ("usr/lib/sysctl.d/50-a.conf", "net.ipv4.tcp_fin_timeout=31\n"),
        ("etc/sysctl.d/50-a.conf", "->/dev/null"),
        ("usr/lib/sysctl.d/60-b.conf", "net.ipv4.tcp_keepalive_time=31\n"),
        ("etc/sysctl.d/60-b.conf", ""),
    ],
    &[("etc/sysctl.d/a.conf", "net.ipv4.tcp_fin_timeout=51\n-net.ipv4.tcp_fin_timeout\n")],
    &[("etc/sysctl.d/a.conf", "-net.ipv4.tcp_fin_timeout\nnet.ipv4.tcp_fin_timeout=51\n")],
    &[
        ("usr/lib/sysctl.d/50-default.conf", "net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n"),
        ("etc/sysctl.d/10-a.conf", "net/ipv4/conf/lo/rp_filter = 1\n"),
    ],
    &[
        ("etc/sysctl.d/.h.conf", "net.ipv4.tcp_fin_timeout=41\n"),
        ("etc/sysctl.d/a.CONF", "net.ipv4.tcp_keepalive_time=41\n"),
    ],
    &[(
        "etc/sysctl.d/a.conf",
        "; x\n  # y\n\tnet.ipv4.tcp_fin_timeout =  34 \r\n-net.ipv4.tcp_keepalive_time=35\nnet.ipv4.tcp_keepalive_intvl\n",
    )],
    &[("etc/sysctl.d/a.conf", "net.ipv4.tcp_keepalive_*=61\nnet.ipv4.tcp_*_time=62\nnet.ipv4.tcp_keepalive_*=61\n")],
    &[("etc/sysctl.d/a.conf", "net.ipv4.conf.[!d]*.rp_filter=1\nnet.ipv4.tcp_fin_timeou?=44\n")],
    &[
        ("etc/sysctl.d/a.conf", "net.ipv4.tcp_fin_timeout=61\nnet/ipv4/tcp_fin_timeout=62"),
        ("etc/sysctl.d/Z.conf", "net.ipv4.tcp_fin_timeout=63\n"),
    ],
];

/// Lays a tree out.
fn lay_out(files: &[(String, String)]) -> tempfile::TempDir {
    let tree = tempfile::tempdir().expect("a directory");
    for directory in ["etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d"] {
        std::fs::create_dir_all(tree.path().join(directory)).expect("a directory");
    }
    // An empty one is read as if it were not there, and there must be something to mount over the host's.
    std::fs::write(tree.path().join("etc/sysctl.conf"), "").expect("a file");
    for (path, text) in files {
        let path = tree.path().join(path);
        match text.strip_prefix("->") {
            Some(target) => symlink(target, path).expect("a link"),
            None => std::fs::write(path, text).expect("a file"),
        }
    }
    tree
}

/// Trees made by a rule, so that combinations come about that nobody thought of.
fn made_up(number: u64) -> Vec<(String, String)> {
    const FILES: [&str; 6] = [
        "etc/sysctl.d/10-a.conf",
        "run/sysctl.d/10-a.conf",
        "usr/lib/sysctl.d/10-a.conf",
        "usr/lib/sysctl.d/50-b.conf",
        "etc/sysctl.d/B.conf",
        "etc/sysctl.conf",
    ];
    const TARGETS: [&str; 9] = [
        "net.ipv4.tcp_fin_timeout",
        "net/ipv4/tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_keepalive_*",
        "net.ipv4.tcp_keepalive_t*",
        "net.ipv4.conf.*.rp_filter",
        "net.ipv4.conf.all.rp_filter",
        "net.ipv4.conf.lo.rp_filter",
        "net/ipv4/conf/d*/rp_filter",
    ];
    // A linear congruential generator (Knuth's MMIX), so that a failure comes again.
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let mut files = BTreeMap::new();
    for _ in 0..=next(4) {
        let mut text = String::new();
        for _ in 0..=next(4) {
            let target = TARGETS[next(TARGETS.len())];
            let value = 1 + next(2);
            text.push_str(&match next(6) {
                0 => format!("-{target}\n"),
                1 => format!("-{target} = {value}\n"),
                _ => format!("{target} = {value}\n"),
            });
        }
        files.insert(FILES[next(FILES.len())].to_owned(), text);
    }
    files.into_iter().collect()
}

/// Runs a reader over a tree. What it says of single lines, and its exit code, are not what is asked here.
fn run(reader: Reader, tree: &Path) {
    const SCRIPT: &str = "set -e; \
        mount --bind \"$1/etc/sysctl.d\" /etc/sysctl.d; mount --bind \"$1/usr/lib/sysctl.d\" /usr/lib/sysctl.d; \
        mount --bind \"$1/etc/sysctl.conf\" /etc/sysctl.conf; mount -t tmpfs none /usr/local/lib; \
        cp -a \"$1/usr/local/lib/sysctl.d\" /usr/local/lib; mount -t tmpfs none /run; cp -a \"$1/run/sysctl.d\" /run; \
        echo laid; set +e; shift; \"$@\"; exit 0";
    let program: &[&str] = match reader {
        Reader::Systemd => &[SYSTEMD],
        Reader::Procps => &["sysctl", "--system"],
    };
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(tree).args(program);
    let output = command.output().expect("unshare runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("laid\n"), "{}", String::from_utf8_lossy(&output.stderr));
}

const SYSTEMD: &str = "/usr/lib/systemd/systemd-sysctl";

/// The first number that a program's `--version` prints.
fn version(program: &str) -> Result<u32, CannotRun> {
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|error| CannotRun(format!("{program} cannot be run: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split(|letter: char| !letter.is_ascii_digit()).find(|word| !word.is_empty());
    number.and_then(|word| word.parse().ok()).ok_or_else(|| CannotRun(format!("{program} has no version: {text}")))
}

fn each_tree(place: &Place, reader: Reader) -> Ran {
    // Before these there were no patterns.
    let (program, least) = match reader {
        Reader::Systemd => (SYSTEMD, 250),
        Reader::Procps => ("sysctl", 4),
    };
    let found = version(program)?;
    if found < least {
        return Err(CannotRun(format!("{program} is of version {found}, and what is foretold is of {least}")));
    }
    for path in ["/etc/sysctl.d", "/usr/lib/sysctl.d", "/etc/sysctl.conf"] {
        if !Path::new(path).exists() {
            return Err(CannotRun(format!("there is no {path} to mount another over")));
        }
    }
    let owned =
        |tree: &&[(&str, &str)]| tree.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let trees = TREES.iter().map(owned).chain((0..60).map(made_up));
    let foretold: usize = trees.map(|files| compare(place, reader, &files)).sum();
    assert!(foretold > 100, "only {foretold} values were foretold");
    Ok(())
}

/// Runs the reader over these files; how many values it was foretold to set.
fn compare(place: &Place, reader: Reader, files: &Vec<(String, String)>) -> usize {
    for (key, value) in KEYS {
        place.set(key, value);
    }
    let tree = lay_out(files);
    let read = read_sysctl_tree(tree.path());
    let resolver = Resolver::new(&read, reader);
    run(reader, tree.path());
    let now = SysctlFiles::new("/proc");
    let mut set = 0;
    for (key, before) in KEYS {
        let key: SysctlKey = key.parse().expect("a key");
        let foretold = resolver.decide(&key).decided_by.map(|winner| normalize_value(&winner.value));
        let value = now.read(&key).expect("it is readable");
        set += usize::from(foretold.is_some());
        assert_eq!(value, foretold.as_deref().unwrap_or(before), "{key} by {} from {files:#?}", reader.name());
    }
    set
}
