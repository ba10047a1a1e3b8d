//! Units and rules of the package. `tests/packages/run` makes and installs it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tcpctl::catalog::{module_of, parameters};

use super::tools;

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)
}

/// The words of a setting in a unit.
fn words(unit: &str, setting: &str) -> Vec<String> {
    let text = fs::read_to_string(packaging(&format!("systemd/{unit}"))).unwrap();
    let values = text.lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix('='));
    values.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

#[test]
fn the_exporter_may_read_and_no_more() {
    let unit = "tcpctl-exporter.service";
    assert!(words(unit, "CapabilityBoundingSet").is_empty() && words(unit, "DynamicUser") == ["yes"]);
    // These would show an empty namespace, or none of its sysctls.
    for hidden in ["PrivateNetwork", "ProcSubset"] {
        assert!(words(unit, hidden).is_empty(), "{hidden}");
    }
    assert!(words(unit, "RestrictAddressFamilies").contains(&"AF_NETLINK".to_owned()));
    let Some(analyze) = tools::find("systemd-analyze", "the_exporter_may_read_and_no_more") else { return };
    let output = Command::new(analyze)
        .args(["security", "--offline=yes", "--no-pager", "--threshold=15"])
        .arg(packaging("systemd/tcpctl-exporter.service"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("Overall exposure level"), "{said}");
}

/// Keys have to be there, and nothing may set them back afterwards.
#[test]
fn a_profile_is_applied_after_modules_and_sysctl_d_and_before_the_network() {
    let unit = "tcpctl-apply@.service";
    let after = words(unit, "After");
    for earlier in ["systemd-modules-load.service", "systemd-sysctl.service", "local-fs.target"] {
        assert!(after.iter().any(|word| word == earlier), "{earlier}");
    }
    assert!(words(unit, "Before").contains(&"network-pre.target".to_owned()));
    assert_eq!(words(unit, "StateDirectory"), ["tcpctl"]);
    // What is called is a command that the program has.
    let call = words(unit, "ExecStart");
    let options: Vec<&str> = call.iter().map(String::as_str).take_while(|word| *word != "--why").collect();
    assert_eq!(options, ["/usr/bin/tcpctl", "apply", "--yes", "--wait"]);
    let help = Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(["apply", "--help"]).output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(["--yes", "--wait", "--why"].iter().all(|option| help.contains(option)), "{help}");
}

/// Of every module that brings keys of the catalogue there is a rule.
#[test]
fn keys_that_come_late_are_set_when_they_come() {
    let rules = fs::read_to_string(packaging("udev/90-tcpctl.rules")).unwrap();
    let modules: BTreeSet<&str> = parameters().filter_map(|parameter| module_of(parameter.key)).collect();
    assert!(!modules.is_empty());
    for module in modules {
        let rule = rules.lines().find(|line| line.contains(&format!("KERNEL==\"{module}\"")));
        let rule = rule.unwrap_or_else(|| panic!("no rule for {module}"));
        for key in parameters().map(|parameter| parameter.key).filter(|key| module_of(key) == Some(module)) {
            let path = format!("/{}", key.replace('.', "/"));
            let covered = rule
                .split("--prefix=")
                .skip(1)
                .any(|prefix| path.starts_with(prefix.split([' ', '"']).next().unwrap_or("?")));
            assert!(covered, "{key}: {rule}");
        }
    }
}
