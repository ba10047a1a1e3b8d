//! What `verify` says of the next boot: the journal says what has to be kept, the files whether it is.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::tune_tree::{Tree, strs, text};

/// The exit code and the view.
fn verify(tree: &Tree, more: &[&str]) -> (Option<i32>, Value) {
    let output = tree.run(&[&["--json", "verify"], more].concat());
    assert!(!output.stdout.is_empty(), "{}", text(&output.stderr));
    (output.status.code(), serde_json::from_str(&text(&output.stdout)).unwrap())
}

/// The verdicts on what is kept.
fn verdicts(view: &Value) -> Vec<&str> {
    view["kept"].as_array().unwrap().iter().map(|row| row["verdict"].as_str().unwrap()).collect()
}

fn folder(tree: &Tree) -> String {
    tree.path("sysctl.d").display().to_string()
}

#[test]
fn a_file_that_is_gone_or_emptied_is_drift_since_the_journal_knows_of_it() {
    let tree = Tree::new();
    tree.ok(&strs(&tree.persist()));
    let folder = folder(&tree);
    for options in [&["anti-syn-flood", "--sysctl-dir", &folder][..], &["anti-syn-flood"]] {
        let (code, view) = verify(&tree, options);
        assert_eq!((code, view["kept_in"]["state"].as_str()), (Some(0), Some("there")), "{options:?}: {view}");
        assert_eq!((view["kept_in"]["entry"].as_u64(), verdicts(&view).len()), (Some(1), 7), "{options:?}");
    }
    let file = Path::new(&folder).join("99-tcpctl.conf");
    let whole = fs::read_to_string(&file).unwrap();
    let heading = whole.lines().next().unwrap();
    for emptied in [Some(""), Some(heading), None] {
        match emptied {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        for options in [&["anti-syn-flood", "--sysctl-dir", &folder][..], &["anti-syn-flood"]] {
            let (code, view) = verify(&tree, options);
            assert_eq!((code, view["ok"].as_bool()), (Some(1), Some(false)), "{emptied:?} {options:?}");
            assert!(verdicts(&view).len() == 7 && verdicts(&view).iter().all(|one| *one == "missing"), "{view}");
        }
    }
    let output = tree.run(&["verify", "anti-syn-flood"]);
    let shown = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("after the next boot: 0 of 7 keys ok"), "{shown}");
    assert!(shown.contains("99-tcpctl.conf, which entry 1 wrote, is gone: apply it again with --persist"), "{shown}");
    // Applying it again, as it says, mends it; rolling everything back leaves nothing that is to be kept.
    tree.ok(&strs(&tree.persist()));
    assert_eq!(verify(&tree, &["anti-syn-flood"]).0, Some(0));
    tree.ok(&["rollback", "--yes"]);
    tree.ok(&["rollback", "--yes"]);
    let (code, view) = verify(&tree, &["anti-syn-flood", "--sysctl-dir", &folder]);
    assert_eq!((code, verdicts(&view).len()), (Some(1), 0), "the running values differ, and nothing is kept: {view}");
}

#[test]
fn without_a_journal_the_file_itself_says_whose_values_it_keeps() {
    let tree = Tree::new();
    tree.ok(&strs(&tree.persist()));
    let folder = folder(&tree);
    fs::remove_dir_all(tree.path("state")).unwrap();
    let (code, view) = verify(&tree, &["anti-syn-flood", "--sysctl-dir", &folder]);
    assert_eq!((code, verdicts(&view).len(), view["kept_in"]["entry"].is_null()), (Some(0), 7, true), "{view}");
    let file = Path::new(&folder).join("99-tcpctl.conf");
    let without = fs::read_to_string(&file).unwrap().replace("net.core.somaxconn = 4096\n", "");
    fs::write(&file, without).unwrap();
    let (code, view) = verify(&tree, &["anti-syn-flood", "--sysctl-dir", &folder]);
    assert_eq!(code, Some(1));
    assert_eq!(verdicts(&view).iter().filter(|one| **one == "missing").count(), 1, "{view}");
}

#[test]
fn what_neither_the_journal_nor_the_file_can_tell_is_said_to_be_unknown() {
    let tree = Tree::new();
    tree.ok(&strs(&tree.persist()));
    let folder = folder(&tree);
    fs::remove_file(Path::new(&folder).join("99-tcpctl.conf")).unwrap();
    fs::write(tree.path("state/000001.json"), "{ half").unwrap();
    let (_, view) = verify(&tree, &["anti-syn-flood", "--sysctl-dir", &folder]);
    let unknown = view["kept_unknown"].as_str().unwrap();
    assert!(unknown.starts_with("000001.json in the journal cannot be understood"), "{unknown}");
    assert!(verdicts(&view).is_empty(), "nothing is claimed: {view}");
    let output = tree.run(&["verify", "anti-syn-flood", "--sysctl-dir", &folder]);
    let shown = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("after the next boot: not known whether tcpctl's file keeps these values: 000001.json"));
}

#[test]
fn a_profile_that_was_never_kept_is_not_judged_by_what_another_one_keeps() {
    let tree = Tree::new();
    tree.ok(&strs(&tree.persist()));
    let other = tree.path("other.toml");
    let rule = |key: &str, value: u32| format!("[keys.\"{key}\"]\nset = {value}\nreason = \"r\"\nsource = \"s\"\n");
    let rules = rule("net.core.somaxconn", 65535) + &rule("net.ipv4.tcp_synack_retries", 5);
    fs::write(&other, format!("summary = \"x\"\n{rules}")).unwrap();
    let (other, folder) = (other.display().to_string(), folder(&tree));
    // It shares keys with the one that is kept, and is in force without being kept.
    tree.ok(&["apply", &other, "--yes"]);
    let (code, view) = verify(&tree, &[&other, "--sysctl-dir", &folder]);
    assert_eq!((code, verdicts(&view).len(), view["kept_in"].is_null()), (Some(0), 0, true), "{view}");
    // Of the two together, what the one keeps is not what both want.
    let (code, view) = verify(&tree, &["anti-syn-flood", "--sysctl-dir", &folder]);
    assert_eq!((code, verdicts(&view).len()), (Some(1), 7), "{view}");
}

#[test]
fn a_directory_that_is_named_is_read_outside_the_hosts_own_namespace_too() {
    let tree = Tree::new();
    let folder = folder(&tree);
    tree.ok(&strs(&tree.persist()));
    // What only the initial namespace has is gone, as in any other.
    fs::remove_file(tree.path("proc/sys/net/core/netdev_max_backlog")).unwrap();
    assert_eq!(tree.json(&["plan", "kernel-defaults"])["netns"]["initial"].as_bool(), Some(false));
    let (code, view) = verify(&tree, &["anti-syn-flood", "--sysctl-dir", &folder]);
    assert_eq!((code, view["kept_in"]["state"].as_str()), (Some(0), Some("there")), "{view}");
    fs::remove_file(Path::new(&folder).join("99-tcpctl.conf")).unwrap();
    let (code, view) = verify(&tree, &["anti-syn-flood", "--sysctl-dir", &folder]);
    assert_eq!((code, view["kept_in"]["state"].as_str()), (Some(1), Some("gone")), "{view}");
}

#[test]
fn below_a_root_the_file_of_that_root_is_looked_at() {
    let tree = Tree::new();
    let (root, other) = (tree.path("image"), tree.path("other"));
    for one in [&root, &other] {
        fs::create_dir_all(one.join("etc/sysctl.d")).unwrap();
    }
    let folder = root.join("etc/sysctl.d").display().to_string();
    let root = root.display().to_string();
    tree.ok(&["apply", "anti-syn-flood", "--yes", "--persist", "--root", &root]);
    let (code, view) = verify(&tree, &["anti-syn-flood", "--root", &root]);
    assert_eq!((code, verdicts(&view).len()), (Some(0), 7), "{view}");
    assert_eq!(view["kept_in"]["path"].as_str().unwrap(), format!("{folder}/99-tcpctl.conf"));
    let (code, view) = verify(&tree, &["anti-syn-flood", "--root", &other.display().to_string()]);
    assert_eq!((code, verdicts(&view).len()), (Some(0), 0), "nothing was kept there: {view}");
    // What is read later in that root takes it back, whichever option names the place.
    fs::write(Path::new(&folder).join("99-zz.conf"), "net.core.somaxconn = 64\n").unwrap();
    for options in [["anti-syn-flood", "--root", &root], ["anti-syn-flood", "--sysctl-dir", &folder]] {
        let (code, view) = verify(&tree, &options);
        assert_eq!(code, Some(1), "{options:?}: {view}");
        assert_eq!(verdicts(&view).iter().filter(|one| **one == "overridden-by").count(), 1, "{options:?}: {view}");
    }
    fs::remove_file(Path::new(&folder).join("99-tcpctl.conf")).unwrap();
    let (code, view) = verify(&tree, &["anti-syn-flood", "--root", &root]);
    assert_eq!((code, view["kept_in"]["state"].as_str()), (Some(1), Some("gone")), "{view}");
}

#[test]
fn what_a_file_keeps_in_other_words_is_kept() {
    let tree = Tree::new();
    tree.write("sys/net/ipv4/tcp_fastopen", "3");
    tree.write("sys/net/ipv4/ip_local_reserved_ports", "8080-8081");
    let rule = |key: &str, value: &str| format!("[keys.\"{key}\"]\nset = {value}\nreason = \"r\"\nsource = \"s\"\n");
    let rules = rule("net.ipv4.tcp_fastopen", "3") + &rule("net.ipv4.ip_local_reserved_ports", "\"8080,8081\"");
    let profile = tree.path("words.toml").display().to_string();
    fs::write(&profile, format!("summary = \"x\"\n{rules}")).unwrap();
    let root = tree.path("image").display().to_string();
    let directory = Path::new(&root).join("etc/sysctl.d");
    fs::create_dir_all(&directory).unwrap();
    tree.ok(&["apply", &profile, "--yes", "--persist", "--sysctl-dir", directory.to_str().unwrap()]);
    let own = directory.join("99-tcpctl.conf");
    let whole = fs::read_to_string(&own).unwrap();
    let words = |fastopen: &str, ports: &str| {
        format!("net.ipv4.tcp_fastopen = {fastopen}\nnet.ipv4.ip_local_reserved_ports = {ports}\n")
    };
    let heading = whole.lines().next().unwrap();
    let kept = |ours: &str, later: &str| {
        fs::write(&own, format!("{heading}\n\n# words\n{ours}")).unwrap();
        fs::write(directory.join("99-zz.conf"), later).unwrap();
        let (_, view) = verify(&tree, &[&profile, "--root", &root]);
        verdicts(&view).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(kept(&words("3", "8080-8081"), ""), ["ok", "ok"]);
    assert_eq!(kept(&words("0x3", "8081,8080"), ""), ["ok", "ok"]);
    assert_eq!(kept(&words("0x3", "8081,8080"), &words("0x3", "8081,8080")), ["ok", "ok"]);
    assert_eq!(kept(&words("0x1", "8080"), ""), ["differs", "differs"]);
    assert_eq!(kept(&words("3", "8080-8081"), &words("0x1", "8080")), ["overridden-by", "overridden-by"]);
}

/// A directory that belongs to no system is read by itself.
#[test]
fn a_later_file_beside_ours_is_seen_in_any_directory() {
    let tree = Tree::new();
    tree.ok(&strs(&tree.persist()));
    let folder = folder(&tree);
    fs::write(Path::new(&folder).join("99-zz.conf"), "# x\nnet.core.somaxconn = 64\n").unwrap();
    fs::write(Path::new(&folder).join("10-aa.conf"), "net.ipv4.tcp_syncookies = 0\n").unwrap();
    let (code, view) = verify(&tree, &["anti-syn-flood", "--sysctl-dir", &folder]);
    assert_eq!(code, Some(1), "{view}");
    let late: Vec<&Value> = view["kept"].as_array().unwrap().iter().filter(|row| row["verdict"] != "ok").collect();
    assert_eq!(late.len(), 1, "{late:?}");
    assert_eq!(late[0]["by"], format!("{folder}/99-zz.conf:2"), "{late:?}");
}

/// Where the journal says below which root the file is, that is where the others are as well.
#[test]
fn a_file_below_a_root_that_only_the_journal_knows_is_named_whole() {
    let tree = Tree::new();
    let (root, directory) = tree.persist_below_root();
    let folder = directory.display().to_string();
    fs::write(directory.join("99-zz.conf"), "net.core.somaxconn = 64\n").unwrap();
    let by = |more: &[&str]| {
        let (code, view) = verify(&tree, &[&["anti-syn-flood"], more].concat());
        assert_eq!(code, Some(1));
        let late = view["kept"].as_array().unwrap().iter().find(|row| row["verdict"] == "overridden-by").cloned();
        late.unwrap_or_else(|| panic!("{view}"))["by"].as_str().unwrap().to_owned()
    };
    assert_eq!(by(&[]), format!("{folder}/99-zz.conf:1"));
    assert_eq!(by(&["--root", &root]), "/etc/sysctl.d/99-zz.conf:1", "as that system names it");
}

/// systemd-sysctl does not read /etc/sysctl.conf, and `sysctl --system` reads it last.
#[test]
fn what_sysctl_system_would_make_of_a_value_is_told_and_is_no_drift() {
    let tree = Tree::new();
    let root = tree.path("root");
    let directory = root.join("etc/sysctl.d");
    fs::create_dir_all(&directory).unwrap();
    fs::write(root.join("etc/sysctl.conf"), "# old\nnet.core.somaxconn = 64\n").unwrap();
    let (root, folder) = (root.display().to_string(), directory.display().to_string());
    let options = ["--sysctl-dir", &folder, "--root", &root];
    tree.ok(&[&["apply", "anti-syn-flood", "--yes", "--persist"], &options[..]].concat());
    let (code, view) = verify(&tree, &[&["anti-syn-flood"], &options[..]].concat());
    assert_eq!(code, Some(0), "{view}");
    let by_hand = serde_json::json!([{"key": "net.core.somaxconn", "value": "64", "by": "/etc/sysctl.conf:2"}]);
    assert_eq!(view["by_hand"], by_hand);
    let output = tree.run(&[&["verify", "anti-syn-flood"], &options[..]].concat());
    let shown = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("! net.core.somaxconn: `sysctl --system` makes it 64"), "{shown}");
}

/// What a profile only relies on is not kept by tcpctl's file, so that every file that says otherwise is in the way.
#[test]
fn a_file_against_what_a_profile_relies_on_is_in_its_way() {
    let tree = Tree::new();
    let root = tree.path("root");
    fs::create_dir_all(root.join("etc/sysctl.d")).unwrap();
    fs::write(root.join("etc/sysctl.d/10-early.conf"), "net.ipv4.tcp_timestamps = 0\n").unwrap();
    let rule = |key: &str, rule: &str| format!("[keys.\"{key}\"]\n{rule}\nreason = \"r\"\nsource = \"s\"\n");
    let rules = rule("net.ipv4.tcp_timestamps", "expect = 1") + &rule("net.core.somaxconn", "at-least = 4096");
    let profile = tree.path("relies.toml");
    fs::write(&profile, format!("summary = \"x\"\n{rules}")).unwrap();
    let plan = tree.json(&["plan", &profile.display().to_string(), "--root", &root.display().to_string()]);
    let says: Vec<&str> =
        plan["conflicts"].as_array().unwrap().iter().map(|one| one["says"].as_str().unwrap()).collect();
    assert_eq!(says, ["/etc/sysctl.d/10-early.conf:1 sets 0 at the next boot, and the profile relies on 1"], "{plan}");
}
