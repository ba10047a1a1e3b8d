//! The table itself is whole, and the runner finds what it looks for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use tcpctl::explain::{HostPremises, Overrides, read_scenario};
use tcpctl::report::parse_lab_record;
use tcpctl::snapshot::parse_stored;
use tcpctl::tune::{Formula, JournalEntry, Profiles};
use tcpctl::units::KernelVersion;
use tcpctl::wire::{
    Btf, ListenerProgram, RootQdisc, decode_packet, parse_filter_with, parse_page_header, parse_trace_format,
};

use crate::decoders::{Decoder, decoders, find_decoder};
use crate::examine::examine;
use crate::found_inputs;
use crate::seeds::{PROFILE, seeds};

/// Functions that are called like decoders and read nothing foreign by themselves: what calls them is in the table.
const NO_DECODERS: &[(&str, &str)] = &[("parse_word", "a piece of `read_scenario`")];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("every function of the library that reads foreign bytes is in the table", every_function),
        Trial::test("every decoder has its fuzz target, and every target its decoder", every_target),
        Trial::test("what is fuzzed is built from the dependencies of the program", same_dependencies),
        Trial::test("every decoder begins from inputs that it takes", honest_seeds),
        Trial::test("every folder of found inputs is of a decoder", every_folder),
        Trial::test("a panic, a great allocation and many small ones are found", the_runner_finds),
    ]
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

/// Public functions by the verbs of the house: `parse_`, `decode_`.
fn every_function() -> Result<(), Failed> {
    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
    let mut there = BTreeSet::new();
    for path in paths {
        for line in fs::read_to_string(&path)?.lines() {
            let Some(name) = line.trim_start().strip_prefix("pub fn ") else { continue };
            let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if name.starts_with("parse_") || name.starts_with("decode_") || name == "read_scenario" {
                there.insert(name);
            }
        }
    }
    let called: BTreeSet<String> = decoders().flat_map(|one| one.calls).map(|name| (*name).to_owned()).collect();
    let excepted: BTreeSet<String> = NO_DECODERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let missing: Vec<_> = there.difference(&called).filter(|name| !excepted.contains(*name)).collect();
    let gone: Vec<_> = called.difference(&there).collect();
    match (missing.is_empty(), gone.is_empty()) {
        (true, true) => Ok(()),
        _ => Err(format!("not in the table: {missing:?}; in the table and not in the library: {gone:?}").into()),
    }
}

fn every_target() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(root.join("Cargo.toml"))?)?;
    let targets = manifest.get("bin").and_then(toml::Value::as_array).expect("targets");
    let name = |target: &toml::Value| Some(target.get("name")?.as_str()?.to_owned());
    let targets: BTreeSet<String> = targets.iter().map(|target| name(target).expect("a name")).collect();
    let names: BTreeSet<String> = decoders().map(|one| one.name.to_owned()).collect();
    assert_eq!(targets, names);
    for name in names {
        let text = fs::read_to_string(root.join(format!("targets/{name}.rs")))?;
        assert!(text.contains(&format!("tcpctl_fuzz::target!(\"{name}\")")), "{name}: {text}");
    }
    Ok(())
}

/// The fuzz targets are a workspace of their own, whose lock file nothing else looks at.
fn same_dependencies() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |path: &str| -> Result<toml::Table, Failed> { Ok(toml::from_str(&fs::read_to_string(root.join(path))?)?) };
    let packages = |lock: &toml::Table| -> BTreeMap<(String, String), Vec<String>> {
        let listed = lock.get("package").and_then(toml::Value::as_array).expect("packages");
        let text =
            |package: &toml::Value, field: &str| package.get(field).and_then(toml::Value::as_str).map(str::to_owned);
        let needs = |package: &toml::Value| -> Vec<String> {
            let needs = package.get("dependencies").and_then(toml::Value::as_array);
            needs.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
        };
        let row = |package| Some(((text(package, "name")?, text(package, "version")?), needs(package)));
        listed.iter().filter_map(row).collect()
    };
    let (ours, fuzzed) = (packages(&read("Cargo.lock")?), packages(&read("fuzz/Cargo.lock")?));

    let manifest = read("Cargo.toml")?;
    let wanted = manifest.get("dependencies").and_then(toml::Value::as_table).expect("dependencies");
    let program = fuzzed.iter().find(|((name, _), _)| name == "tcpctl").map(|(_, needs)| needs).expect("the program");
    let without_version = |need: &String| need.split(' ').next().unwrap_or_default().to_owned();
    let locked: BTreeSet<String> = program.iter().map(without_version).collect();
    assert_eq!(locked, wanted.keys().cloned().collect(), "run `cargo fuzz build`, which completes fuzz/Cargo.lock");

    // What those need in turn, with the versions that the program has.
    let (mut open, mut seen) = (program.clone(), BTreeSet::new());
    while let Some(need) = open.pop() {
        let mut words = need.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        let fits = |key: &&(String, String)| key.0 == name && version.is_none_or(|version| key.1 == version);
        let key = fuzzed.keys().find(fits).unwrap_or_else(|| panic!("{need} is not in fuzz/Cargo.lock")).clone();
        // What the program does not have at all comes with features that only fuzzing asks for.
        let known = ours.keys().any(|(name, _)| *name == key.0);
        assert!(!known || ours.contains_key(&key), "fuzz/Cargo.lock has {} {}, and Cargo.lock has not", key.0, key.1);
        if seen.insert(key.clone()) {
            open.extend(fuzzed.get(&key).into_iter().flatten().cloned());
        }
    }
    assert!(seen.len() > wanted.len(), "{seen:?}");
    Ok(())
}

/// A mutation of what is refused at once finds nothing.
fn honest_seeds() -> Result<(), Failed> {
    for decoder in decoders() {
        assert!(!seeds(decoder.name).is_empty(), "{} begins from nothing", decoder.name);
    }
    let first = |name: &str| seeds(name).first().cloned().expect("a seed");
    let text = |name: &str| String::from_utf8(first(name)).expect("text");
    assert!(ListenerProgram::for_kernel(&Btf::decode(&first("btf"))?).is_ok());
    assert_eq!(
        RootQdisc::decode(&first("qdisc")).map(|queue| (queue.kind.to_owned(), queue.dropped)),
        Some(("fq_codel".to_owned(), 7))
    );
    for format in seeds("trace-format") {
        let text = String::from_utf8(format)?;
        assert!(parse_trace_format(&text).is_some() || parse_page_header(&text).is_some(), "{text}");
    }
    for packet in seeds("packet") {
        decode_packet(&packet)?;
    }
    let services = |name: &str| ["http", "https"].contains(&name).then_some(80);
    for filter in seeds("filter") {
        parse_filter_with(&String::from_utf8(filter)?, &services)?;
    }
    for formula in seeds("formula") {
        let text = String::from_utf8(formula)?;
        Formula::parse(&text).map_err(|error| format!("{text}: {error:?}"))?;
    }
    let premises = HostPremises { version: Some(KernelVersion::new(6, 18)), ..HostPremises::default() };
    for scenario in seeds("scenario") {
        let text = String::from_utf8(scenario)?;
        read_scenario("a", "a.toml", &text, &premises, &Overrides::default())?;
    }
    let mut profiles = Profiles::vendor();
    profiles.add("own", "own.toml", PROFILE);
    profiles.resolve("own").expect("it was added")?;
    tcpctl::ui::tui::Settings::parse("a.toml", &text("interface-settings"))?;
    serde_json::from_str::<JournalEntry>(&text("journal"))?;
    parse_lab_record(&text("lab-record"))?;
    for snapshot in seeds("snapshot") {
        parse_stored(&String::from_utf8(snapshot)?)?;
    }
    Ok(())
}

fn every_folder() -> Result<(), Failed> {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hostile"))? {
        let name = entry?.file_name().into_string().expect("a name");
        assert!(find_decoder(&name).is_some(), "{name} is no decoder");
        assert!(!found_inputs(&name).is_empty(), "{name} is empty");
    }
    Ok(())
}

/// Does harm of the kind that its input asks for.
fn do_harm(bytes: &[u8]) {
    match bytes {
        b"panics" => panic!("as it was asked"),
        b"holds" => drop(std::hint::black_box(vec![0_u8; 1 << 20])),
        b"allocates" => (0..1_000_000).for_each(|number: u32| drop(std::hint::black_box(Box::new(number)))),
        _ => {}
    }
}

fn the_runner_finds() -> Result<(), Failed> {
    static HARMFUL: Decoder = Decoder {
        name: "harmful",
        run: do_harm,
        calls: &[],
        words: &[],
        bytes_a_byte: 64,
        bytes_always: 64 << 10,
        mutations: 0,
    };
    let said = |input: &[u8]| examine(&HARMFUL, input, "an input").err().unwrap_or_default();
    assert!(said(b"panics").contains("as it was asked"));
    assert!(said(b"holds").contains("it held 10485"), "{}", said(b"holds"));
    assert!(said(b"allocates").contains("it allocated 100000"), "{}", said(b"allocates"));
    assert_eq!(said(b"nothing"), "");
    Ok(())
}
