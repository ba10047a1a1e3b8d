//! How the verbs that change things end: exit codes, and JSON that is JSON.

use std::fs;

use serde_json::Value;

use super::tune_tree::{Tree, text};

const SOMAXCONN: &str = "net/core/somaxconn";

/// A profile with one rule for somaxconn.
fn profile(tree: &Tree, name: &str, rule: &str) -> String {
    let path = tree.path(&format!("{name}.toml"));
    let rule = format!("[keys.\"net.core.somaxconn\"]\n{rule}\nreason = \"r\"\nsource = \"s\"\n");
    fs::write(&path, format!("summary = \"x\"\n{rule}")).unwrap();
    path.display().to_string()
}

#[test]
fn a_rollback_that_leaves_something_or_finds_nothing_is_no_success() {
    let tree = Tree::new();
    let nothing = tree.run(&["rollback", "--yes"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing.stdout).starts_with("nothing to roll back"));
    tree.ok(&["apply", &profile(&tree, "one", "set = 1000"), "--yes"]);
    tree.write(&format!("sys/{SOMAXCONN}"), "77");
    let left = tree.run(&["rollback", "--yes"]);
    assert_eq!(left.status.code(), Some(1), "{}", text(&left.stdout));
    let view = tree.run(&["--json", "rollback", "--yes"]);
    let json: Value = serde_json::from_slice(&view.stdout).unwrap();
    assert_eq!((view.status.code(), &json["receipt"]["left"][0]), (Some(1), &"net.core.somaxconn".into()));
    tree.ok(&["rollback", "--yes", "--force"]);
    assert_eq!(tree.value(SOMAXCONN), "128");
}

#[test]
fn a_plan_that_cannot_be_applied_ends_with_1() {
    let tree = Tree::new();
    let (one, other) = (profile(&tree, "one", "set = 1000"), profile(&tree, "other", "set = 2000"));
    for more in [&[][..], &["--diff"], &["--json"]] {
        let plan = tree.run(&[&["plan", one.as_str(), &other], more].concat());
        assert_eq!(plan.status.code(), Some(1), "{more:?}: {}", text(&plan.stderr));
    }
    assert_eq!(tree.run(&["apply", &one, &other, "--dry-run"]).status.code(), Some(1));
    assert_eq!(tree.run(&["apply", &one, &other, "--yes"]).status.code(), Some(2));
    assert_eq!(tree.run(&["plan", &one]).status.code(), Some(0));
    let missing = tree.path("needs.toml");
    let rule = "[keys.\"net.ipv4.tcp_fin_timeout\"]\nset = 30\nrequired = true\nreason = \"r\"\nsource = \"s\"\n";
    let text = fs::read_to_string(&one).unwrap();
    fs::write(&missing, format!("{text}{rule}")).unwrap();
    assert_eq!(tree.run(&["plan", &missing.display().to_string()]).status.code(), Some(1));
}

#[test]
fn text_for_other_tools_is_not_json_and_says_so() {
    let tree = Tree::new();
    for option in [&["--diff"][..], &["--export", "ansible"], &["--export", "sysctl.d"]] {
        let plan = tree.run(&[&["--json", "plan", "anti-syn-flood"], option].concat());
        assert_eq!(plan.status.code(), Some(2));
        assert_eq!(text(&plan.stdout), "");
        let message = text(&plan.stderr);
        assert!(message.contains(option[0]) && message.contains("--json"), "{message}");
    }
}

#[test]
fn without_a_terminal_the_plan_is_json_as_well_and_nothing_is_written() {
    let tree = Tree::new();
    let before = tree.bytes();
    let asked = tree.run(&["--json", "apply", "anti-syn-flood"]);
    assert_eq!(asked.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(json["plan"]["changes"].as_array().unwrap().len(), 5);
    assert_eq!(json["receipt"], Value::Null);
    assert!(json["reason"].as_str().unwrap().contains("give --yes"), "{json}");
    assert_eq!(tree.bytes(), before);
    tree.ok(&["apply", "anti-syn-flood", "--yes"]);
    let asked = tree.run(&["--json", "rollback"]);
    let json: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!((asked.status.code(), &json["receipt"]), (Some(2), &Value::Null));
    assert_eq!(tree.value(SOMAXCONN), "4096");
}

/// A copy of /proc is not the host that would boot with the file, and neither is a container.
#[test]
fn values_are_kept_only_for_the_namespace_that_the_host_boots_into() {
    let tree = Tree::new();
    let before = tree.bytes();
    let refused = tree.run(&["apply", "anti-syn-flood", "--yes", "--persist"]);
    assert_eq!(refused.status.code(), Some(2));
    let message = text(&refused.stderr);
    assert!(message.contains("not known to be the network namespace") && message.contains("--sysctl-dir"), "{message}");
    assert_eq!(tree.bytes(), before);
    assert!(!tree.path("state").exists());
}

#[test]
fn a_plan_says_of_a_value_that_it_is_hardly_meant() {
    let tree = Tree::new();
    tree.write("sys/net/ipv4/tcp_fin_timeout", "60");
    tree.write("sys/net/ipv4/tcp_keepalive_time", "7200");
    let path = tree.path("odd.toml");
    let rule = |key: &str, value: &str| format!("[keys.\"{key}\"]\nset = {value}\nreason = \"r\"\nsource = \"s\"\n");
    let rules = rule("net.ipv4.tcp_fin_timeout", "-5") + &rule("net.ipv4.tcp_keepalive_time", "600");
    fs::write(&path, format!("summary = \"x\"\n{rules}")).unwrap();
    let plan = tree.json(&["plan", &path.display().to_string()]);
    let conflicts = plan["conflicts"].as_array().unwrap();
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert_eq!((&conflicts[0]["kind"], &conflicts[0]["key"]), (&"value".into(), &"net.ipv4.tcp_fin_timeout".into()));
    assert!(conflicts[0]["says"].as_str().unwrap().contains("is no time"), "{conflicts:?}");
}

#[test]
fn what_is_wrong_with_a_link_is_told_once_and_plainly() {
    let tree = Tree::new();
    let link = tree.path("sysctl.d/99-tcpctl.conf");
    std::os::unix::fs::symlink(tree.path("elsewhere"), &link).unwrap();
    let arguments = tree.persist();
    let refused = tree.run(&super::tune_tree::strs(&arguments));
    assert_eq!(refused.status.code(), Some(3));
    let message = text(&refused.stderr);
    assert_eq!(message.matches("99-tcpctl.conf").count(), 1, "{message}");
    assert!(message.contains("it is a symbolic link, and those are not followed; nothing was written"), "{message}");
}
