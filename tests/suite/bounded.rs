//! Formulas that a bound holds: the plan says what is not met, how far it goes, and why.

use std::collections::BTreeMap;

use tcpctl::snapshot::SysctlReading;
use tcpctl::tune::{NetworkPath, Plan, Profile, Profiles, Surroundings, find_conflicts, parse_profile, plan_profiles};

use super::tune::snapshot_with;

const PATH: NetworkPath = NetworkPath { rtt_us: Some(100_000), bandwidth_bit_s: Some(40_000_000_000) };

/// What a profile would do on a host of 16 GiB with the buffers of 6.18.
fn plan(profile: &Profile, path: NetworkPath) -> (Plan, Vec<String>) {
    let values = [
        ("net.core.rmem_max", "4194304"),
        ("net.core.wmem_max", "4194304"),
        ("net.ipv4.tcp_rmem", "4096 131072 33554432"),
        ("net.ipv4.tcp_wmem", "4096 16384 4194304"),
    ];
    let reading = |(key, value): (&str, &str)| (key.parse().unwrap(), SysctlReading::Value(value.to_owned()));
    let snapshot = snapshot_with(BTreeMap::from(values.map(reading)));
    let plan = plan_profiles(core::slice::from_ref(profile), &snapshot, path);
    let around = Surroundings { standing: &[], files: None, programs: &[] };
    let says = find_conflicts(&plan, &snapshot, &around).into_iter().map(|conflict| conflict.says).collect();
    (plan, says)
}

fn own(rule: &str) -> Profile {
    let text = format!(
        "summary = \"x\"\n[keys.\"net.core.rmem_max\"]\n{rule}\nreason = \"r\"\nsource = \"s\"\ncap = \"half is enough\"\n"
    );
    let read = parse_profile("own", "own.toml", &text).unwrap();
    Profile {
        name: "own".to_owned(),
        summary: read.summary,
        parents: Vec::new(),
        rules: read.rules,
        notes: Vec::new(),
        costs: Vec::new(),
        not_for: Vec::new(),
    }
}

#[test]
fn a_network_that_the_host_is_too_small_for_is_said_with_what_does_fit() {
    let profile = Profiles::vendor().resolve("long-fat-network").unwrap().unwrap();
    let (held, says) = plan(&profile, PATH);
    assert_eq!(held.bounded.len(), 4, "{:?}", held.bounded);
    for bounded in &held.bounded {
        let network = bounded.network.unwrap();
        assert_eq!((bounded.by.as_str(), bounded.given), ("memory / 128", (16 << 30) / 128));
        assert!(bounded.why.as_ref().is_some_and(|why| why.contains("an eighth")), "{bounded:?}");
        // What is said to fit does, and a hundredth more does not.
        let at = |bandwidth| plan(&profile, NetworkPath { bandwidth_bit_s: Some(bandwidth), ..PATH }).0.bounded;
        let holds = |bandwidth| at(bandwidth).iter().any(|one| one.key == bounded.key);
        assert!(!holds(network.fits_bit_s) && holds(network.fits_bit_s / 100 * 101), "{bounded:?}");
    }
    // Keys of which the same is to be said share a sentence.
    let about: Vec<&String> = says.iter().filter(|says| says.contains("is not met")).collect();
    assert_eq!(about.len(), 2, "{about:?}");
    assert_eq!(
        about[0].as_str(),
        "rmem_max, tcp_rmem: 40 Gbit/s over 100 ms is not met: it takes 1250033664 bytes, and memory / 128 holds it at \
         134217728: that is an eighth of what TCP may hold in all before it is under pressure, when the buffers of every \
         connection stop growing; at that round-trip time 4.29 Gbit/s fits"
    );
    let (enough, says) = plan(&profile, NetworkPath { bandwidth_bit_s: Some(1_000_000_000), ..PATH });
    assert_eq!(enough.bounded, []);
    assert!(says.iter().all(|says| !says.contains("is not met") && !says.contains("alone leaves")), "{says:?}");
}

#[test]
fn any_formula_of_a_profile_says_when_a_bound_holds_it() {
    let sentences = |rule: &str| plan(&own(rule), NetworkPath::default()).0.bounded;
    let held = sentences("at-least = \"{min(memory, memory / 2, 8GiB - 7GiB)}\"");
    assert_eq!(held.len(), 1);
    let says = "own asks for 17179869184 bytes, and 8GiB - 7GiB holds it at 1073741824: half is enough";
    assert_eq!(held[0].sentence(), says);
    let up = sentences("at-most = \"{max(memory / 1MiB, 65536)}\"");
    assert_eq!((up[0].wished, up[0].given, up[0].by.as_str()), (16_384, 65_536, "65536"));
    // What is more than wished for already is none the worse for the bound.
    assert_eq!(sentences("at-least = \"{min(memory / 8KiB, 1MiB)}\""), []);
    assert_eq!(sentences("at-least = \"{max(1, memory / 1MiB)}\""), []);
}
