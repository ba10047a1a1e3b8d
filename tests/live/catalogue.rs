//! The catalogue against the running kernel: which keys there are, their scopes, defaults and ranges.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use tcpctl::catalog::{self, Form, Parameter, Scope, TakesEffect};
use tcpctl::sys::SysctlFiles;
use tcpctl::units::{Hz, KernelVersion, SysctlKey};

use crate::case::{Case, Ran};
use crate::place::Place;

/// What the namespace that the tests were started in has; read by `main` before any case enters another one.
static STARTED_IN: OnceLock<BTreeMap<String, Option<String>>> = OnceLock::new();

/// A key that only the initial namespace has.
const ONLY_INITIAL: &str = "net.core.netdev_max_backlog";
/// Folders whose every key is in the table or in the list beside it.
const FOLDERS: [&str; 5] =
    ["net/core", "net/ipv4", "net/netfilter", "net/ipv4/neigh/default", "net/ipv6/neigh/default"];

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    STARTED_IN.get_or_init(present);
    vec![
        Case::new("every sysctl of the kernel's TCP folders is in the table or in the list beside it", charted),
        Case::new("every row that this kernel should have is where its scope says", scopes),
        Case::new("defaults are those of a fresh namespace, or the row says why not", defaults),
        Case::new(
            "a namespace takes the congestion controls that are there and allowed, and no others",
            congestion_controls,
        ),
        Case::new("the kernel takes what is in a range and refuses what is outside, or the row says why not", ranges),
    ]
}

fn version() -> KernelVersion {
    tcpctl::sys::kernel_release().parse().expect("a kernel version")
}

/// The keys here with their values; nothing for one that cannot be read.
fn present() -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for folder in FOLDERS {
        let Ok(entries) = std::fs::read_dir(Path::new("/proc/sys").join(folder)) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()) {
            let name = path.file_name().and_then(|name| name.to_str()).expect("ASCII").to_owned();
            let value = std::fs::read_to_string(&path).ok().map(|text| catalog::normalize_value(&text));
            found.insert(format!("{}.{name}", folder.replace('/', ".")), value);
        }
    }
    found
}

/// What the starting namespace has, if that is the initial one.
fn initial() -> Option<&'static BTreeMap<String, Option<String>>> {
    STARTED_IN.get().filter(|found| found.contains_key(ONLY_INITIAL))
}

fn charted(_place: &Place) -> Ran {
    let version = version();
    let everywhere: BTreeSet<String> =
        present().into_keys().chain(initial().into_iter().flat_map(|found| found.keys().cloned())).collect();
    let mut rows = 0;
    for key in &everywhere {
        match catalog::find(key) {
            Some(row) => {
                assert!(row.exists(version), "{key} is here, and the table says that {version} has none");
                rows += 1;
            }
            None => assert!(catalog::elsewhere(key).is_some(), "{key} is neither in the table nor beside it"),
        }
    }
    assert!(rows > 100, "only {rows} rows were met");
    Ok(())
}

/// Whether a row may be missing: its module is not there, or it hangs on how the kernel was built and says so.
fn may_be_missing(row: &Parameter, here: &BTreeMap<String, Option<String>>) -> bool {
    let family = catalog::module_of(row.key).is_some_and(|_| !here.keys().any(|key| key.contains("nf_conntrack")));
    family || row.note.contains("CONFIG_")
}

fn scopes(_place: &Place) -> Ran {
    let (version, here) = (version(), present());
    let files = SysctlFiles::new("/proc");
    for row in catalog::parameters().filter(|row| row.exists(version)) {
        let key: SysctlKey = row.key.parse().expect("a key");
        let is_here = here.contains_key(row.key);
        let writable = files.check_writable(&key).is_ok();
        match row.scope(version) {
            Scope::Host => assert!(!is_here, "{} is for the host, and a fresh namespace has it", row.key),
            _ if !is_here => assert!(may_be_missing(row, &here), "{} is not in a fresh namespace", row.key),
            Scope::HostReadOnlyInChild => assert!(!writable, "{} can be written in a fresh namespace", row.key),
            Scope::Namespace if row.takes_effect == TakesEffect::ReadOnly => assert!(!writable, "{}", row.key),
            // The list of algorithms is one for all, and so is the right to change it.
            Scope::Namespace if row.note.contains("list is global") => assert!(!writable, "{}", row.key),
            Scope::Namespace => assert!(writable, "{} cannot be written in a fresh namespace", row.key),
        }
        if let Some(initial) = initial() {
            assert!(initial.contains_key(row.key) || may_be_missing(row, initial), "{} is not on this host", row.key);
        }
    }
    Ok(())
}

fn defaults(place: &Place) -> Ran {
    let (version, here) = (version(), present());
    let memory_kib = place.snapshot().memory_kib;
    let mut compared = 0;
    for row in catalog::parameters().filter(|row| row.scope(version) == Scope::Namespace) {
        let (Some(Some(value)), Some(default)) =
            (here.get(row.key), catalog::default_value(row.key, version, memory_kib))
        else {
            continue;
        };
        // A new namespace takes some values from the initial one, which an administrator may have changed.
        let copied = row.note.contains("copies").then(|| initial()?.get(row.key)?.clone()).flatten();
        assert_eq!(*value, copied.unwrap_or(default), "the default of {}", row.key);
        compared += 1;
    }
    assert!(compared > 90, "only {compared} defaults were compared");
    Ok(())
}

/// Writes a number in each place of a value in turn and says whether the kernel took all of them, or none.
fn takes(files: &SysctlFiles, key: &SysctlKey, before: &str, number: i128) -> Vec<bool> {
    let places = before.split_whitespace().count();
    let with = |place: usize| {
        let words = before.split_whitespace().enumerate();
        words.map(|(at, word)| if at == place { number.to_string() } else { word.to_owned() }).collect::<Vec<_>>()
    };
    (0..places)
        .map(|place| {
            let taken = files.write(key, &with(place).join(" ")).is_ok();
            files.write(key, before).expect("the old value is put back");
            taken
        })
        .collect()
}

fn ranges(place: &Place) -> Ran {
    let (version, here) = (version(), present());
    let hz: Option<Hz> = place.snapshot().kernel.hz.map(|reading| reading.hz);
    let files = SysctlFiles::new("/proc");
    let mut tried = 0;
    for row in catalog::parameters() {
        let Form::Numbers(count) = row.form else { continue };
        let key: SysctlKey = row.key.parse().expect("a key");
        let Some(Some(before)) = here.get(row.key).filter(|_| files.check_writable(&key).is_ok()) else { continue };
        let any = (i128::from(i32::MIN), i128::from(i32::MAX));
        let (min, max) = row.range(version).map_or(any, |range| (range.min.as_number(hz), range.max.as_number(hz)));
        let by_ticks = row
            .range(version)
            .is_some_and(|range| range.max.as_number(Hz::new(100)) != range.max.as_number(Hz::new(1000)));
        if by_ticks && hz.is_none() {
            continue;
        }
        let cases = [(min - 1, false), (max + 1, false), (min, true), (max, true)];
        for (number, taken) in cases {
            // A vector's numbers bound each other, so that only what lies outside can be tried one by one.
            if taken && count > 1 || excused(row, number, (min, max)) {
                continue;
            }
            let by_kernel = takes(&files, &key, before, number);
            assert!(by_kernel.iter().all(|one| *one == taken), "{} = {number} by the kernel: {by_kernel:?}", row.key);
            // What is kept in ticks reads back in whole ones.
            if taken && !row.note.contains("kept in ticks") {
                reads_back(row, &files, &key, before, number, hz);
            }
            if count == 1 {
                let agreed = catalog::check_value(row.key, &number.to_string(), version, hz).is_ok();
                assert_eq!(agreed, taken, "{} = {number} by the catalogue", row.key);
            }
            tried += 1;
        }
    }
    assert!(tried > 350, "only {tried} values were tried");
    sayings(&files);
    Ok(())
}

/// Writes a number that is taken and looks whether the kernel prints it as the catalogue says, in the unit that it has.
fn reads_back(row: &Parameter, files: &SysctlFiles, key: &SysctlKey, before: &str, number: i128, hz: Option<Hz>) {
    let version = version();
    files.write(key, &number.to_string()).expect("it was taken before");
    let read = files.read(key).map(|text| catalog::canonical_value(row.key, &text));
    files.write(key, before).expect("the old value is put back");
    let kept = catalog::kept_value(row.key, &number.to_string(), version, hz);
    assert_eq!(read.ok(), kept.ok(), "{} after {number} was written", row.key);
}

fn congestion_controls(_place: &Place) -> Ran {
    let files = SysctlFiles::new("/proc");
    let key = |leaf: &str| -> SysctlKey { format!("net.ipv4.{leaf}").parse().expect("a key") };
    let list = |leaf: &str| -> Vec<String> {
        let text = files.read(&key(leaf)).expect("every kernel has it");
        text.split_whitespace().map(str::to_owned).collect()
    };
    let control = key("tcp_congestion_control");
    let (available, allowed) = (list("tcp_available_congestion_control"), list("tcp_allowed_congestion_control"));
    let (what, known) = catalog::names_of(control.as_str()).expect("it takes names");
    assert_eq!(what, "congestion control");
    assert!(available.iter().any(|name| name == "reno"), "{available:?}");
    for name in &available {
        // What is no part of Linux may be here, and nobody writes what only a module would bring.
        let taken = files.write(&control, name).is_ok();
        assert_eq!(taken, allowed.contains(name), "{name} in a namespace that is not the host's, of {allowed:?}");
    }
    assert!(available.iter().any(|name| known.iter().any(|named| named.name == name)), "{available:?}");
    assert!(files.write(&control, "tcpctl-none").is_err(), "no kernel has it");
    Ok(())
}

/// Rows that say why the end of their range is not taken here, or a number beyond it is.
fn excused(row: &Parameter, number: i128, (min, max): (i128, i128)) -> bool {
    let wraps = row.note.contains("wrap around") && (number > max || number < min);
    let bounded = number == max && (row.note.contains("never above") || row.note.contains("refuses one above"));
    wraps || bounded
}

/// What the notes of some rows say of values that are no plain numbers.
fn sayings(files: &SysctlFiles) {
    let version = version();
    let range: SysctlKey = "net.ipv4.ip_local_port_range".parse().expect("a key");
    for (text, taken) in [("60000 2000", false), ("+2000 3000", false), ("2000 3000", true)] {
        assert_eq!(catalog::check_value(range.as_str(), text, version, None).is_ok(), taken, "{text} by the catalogue");
        assert_eq!(files.write(&range, text).is_ok(), taken, "{text} by the kernel");
    }
    let wraps: SysctlKey = "net.ipv4.tcp_invalid_ratelimit".parse().expect("a key");
    assert!(files.write(&wraps, "4294967296").is_ok(), "it wraps around");
    assert_eq!(files.read(&wraps).as_deref(), Ok("0"));
    let start: SysctlKey = "net.ipv4.ip_unprivileged_port_start".parse().expect("a key");
    assert!(files.write(&start, "2001").is_err(), "above the low end of the range");
    let reordering: SysctlKey = "net.ipv4.tcp_reordering".parse().expect("a key");
    if version.at_least(6, 18) {
        assert!(files.write(&reordering, "301").is_err(), "above tcp_max_reordering");
    }
    // Integer handlers stop at the end of the text and leave the other numbers as they are.
    let buffers: SysctlKey = "net.ipv4.tcp_rmem".parse().expect("a key");
    files.write(&buffers, "8192").expect("one number of three is taken");
    assert!(files.read(&buffers).expect("it is readable").starts_with("8192\t"));
}
