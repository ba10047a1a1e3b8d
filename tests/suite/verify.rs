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
