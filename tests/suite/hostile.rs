//! What hostile input makes of a transaction: nothing but the values, the journal and the drop-in is ever written.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tune_tree::{Tree, strs, text};

/// Every file below a directory.
fn files(root: &Path) -> BTreeSet<PathBuf> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    found
}

#[test]
fn a_transaction_makes_files_in_the_journal_and_the_drop_in_and_nowhere_else() {
    let tree = Tree::new();
    let outer = tree.path("");
    let (proc, state, drop_in) = (tree.path("proc"), tree.path("state"), tree.path("sysctl.d/99-tcpctl.conf"));
    let before = files(&outer);
    let run = |arguments: &[&str]| {
        let mut command = tree.command(arguments);
        let output = command.current_dir(&outer).env("HOME", &outer).env("TMPDIR", &outer).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    run(&strs(&tree.persist()));
    let after = files(&outer);
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.contains(&&drop_in) && new.iter().any(|path| path.starts_with(&state)), "{new:?}");
    assert!(new.iter().all(|path| path.starts_with(&state) || **path == drop_in), "{new:?}");
    assert!(before.is_subset(&after) && before.iter().all(|path| path.starts_with(&proc)));
    run(&["verify", "anti-syn-flood", "--sysctl-dir", tree.path("sysctl.d").to_str().unwrap()]);
    run(&["history"]);
    assert_eq!(files(&outer), after, "what only looks makes no file");
    run(&["rollback", "--yes"]);
    assert!(files(&outer).difference(&before).all(|path| path.starts_with(&state)));
}

/// What somebody did to an entry.
type Edit = fn(&mut Value);

/// An entry as somebody may have written it who wants to make rollback write elsewhere.
#[test]
fn an_entry_whose_key_climbs_or_whose_value_has_lines_is_refused_with_its_place() {
    let edits: [(&str, Edit); 4] = [
        ("a key that climbs", |entry| entry["keys"][0]["key"] = "net/../../../precious".into()),
        ("a key that is a path", |entry| entry["keys"][0]["key"] = "/etc/passwd".into()),
        ("a key of another folder", |entry| entry["keys"][0]["key"] = "..net.core.somaxconn".into()),
        ("a word that is none", |entry| entry["unheard-of"] = "1\n2".into()),
    ];
    for (what, edit) in edits {
        let tree = Tree::new();
        fs::write(tree.path("precious"), "precious").unwrap();
        tree.ok(&["apply", "anti-syn-flood", "--yes"]);
        let applied = tree.bytes();
        let file = tree.path("state/000001.json");
        let mut entry: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        edit(&mut entry);
        fs::write(&file, entry.to_string()).unwrap();
        let output = tree.run(&["rollback", "--yes"]);
        assert_eq!(output.status.code(), Some(3), "{what}: {}", text(&output.stdout));
        assert!(text(&output.stderr).contains("000001.json"), "{what}: {}", text(&output.stderr));
        assert_eq!(tree.bytes(), applied, "{what}");
        assert_eq!(fs::read_to_string(tree.path("precious")).unwrap(), "precious", "{what}");
    }
}

/// A reason is a comment in the files of other tools, where its second line would be a setting.
#[test]
fn a_reason_of_several_lines_adds_no_setting_to_an_export() {
    let tree = Tree::new();
    let path = tree.path("talks.toml");
    let reason = r"r\nnet.ipv4.tcp_sack = 0\r\u2028x {{ lookup('pipe', 'id') }}";
    let profile =
        format!("summary = \"x\"\n[keys.\"net.core.somaxconn\"]\nset = 9000\nreason = \"{reason}\"\nsource = \"s\"\n");
    fs::write(&path, profile).unwrap();
    for format in ["sysctl.d", "ansible", "kubernetes", "tuned"] {
        let output = tree.run(&["plan", &path.display().to_string(), "--export", format]);
        let export = text(&output.stdout);
        assert!(export.contains("somaxconn"), "{format}: {export} {}", text(&output.stderr));
        let lines = || export.lines().map(str::trim_start);
        assert!(!lines().any(|line| line.starts_with("net.ipv4.tcp_sack")), "{format}: {export}");
        // Every line of the reason is a comment, and with it what Ansible would take for a template.
        assert!(!lines().any(|line| line.contains("lookup") && !line.starts_with("# ")), "{format}: {export}");
        assert!(!lines().any(|line| line.contains("{{") && !line.starts_with("# ")), "{format}: {export}");
    }
}

/// So is the name of its file.
#[test]
fn a_profile_whose_file_has_a_name_of_several_lines_is_refused() {
    let tree = Tree::new();
    let path = tree.path("a\nnet.ipv4.tcp_sack = 0\n#.toml");
    let profile = "summary = \"x\"\n[keys.\"net.core.somaxconn\"]\nset = 9000\nreason = \"r\"\nsource = \"s\"\n";
    fs::write(&path, profile).unwrap();
    for arguments in [&["--export", "sysctl.d"][..], &["--diff"], &[]] {
        let output = tree.run(&[&["plan", &path.display().to_string()], arguments].concat());
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{arguments:?}");
        assert!(text(&output.stderr).contains("control character"), "{}", text(&output.stderr));
    }
}

/// What a file wants that is no honest profile, with a word of the refusal.
#[test]
fn profiles_that_reach_elsewhere_are_refused_and_nothing_is_written() {
    let rule = |key: &str, value: &str| {
        format!("summary = \"x\"\n[keys.\"{key}\"]\nset = {value}\nreason = \"r\"\nsource = \"s\"\n")
    };
    let long = format!("summary = \"{}\"\n", "x".repeat(300 * 1024));
    let cases = [
        ("climbs", rule("net/../../precious", "1"), "climbs.toml:2:"),
        ("absolute", rule("/etc/passwd", "1"), "absolute.toml:2:"),
        ("lines", rule("net.ipv4.tcp_congestion_control", "\"cubic\\nnet.ipv4.ip_forward = 1\""), "lines.toml:3:"),
        ("nul", rule("net.core.somaxconn", "\"1\\u0000\""), "nul.toml:3:"),
        ("circle", "summary = \"x\"\nextends = \"circle\"\n".to_owned(), "circle.toml:2:"),
        ("large", long, "262144"),
    ];
    for (name, profile, word) in cases {
        let tree = Tree::new();
        let before = tree.bytes();
        let path = tree.path(&format!("{name}.toml"));
        fs::write(&path, profile).unwrap();
        let path = path.display().to_string();
        let folder = tree.path("sysctl.d").display().to_string();
        for arguments in [vec!["plan", &path], vec!["apply", &path, "--yes", "--persist", "--sysctl-dir", &folder]] {
            let output = tree.run(&arguments);
            assert_eq!(output.status.code(), Some(2), "{name}: {}", text(&output.stdout));
            assert!(text(&output.stderr).contains(word), "{name}: {}", text(&output.stderr));
        }
        assert_eq!(tree.bytes(), before, "{name}");
        assert!(!tree.path("state").exists(), "{name}: no journal either");
    }
}

/// Nobody is asked who cannot answer: for rolling back as for applying.
#[test]
fn without_a_terminal_and_without_yes_a_rollback_is_shown_and_not_done() {
    let tree = Tree::new();
    tree.ok(&["apply", "anti-syn-flood", "--yes"]);
    let applied = tree.bytes();
    let output = tree.run(&["rollback"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("Plan: roll back entry 1"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("--yes"), "{}", text(&output.stderr));
    assert_eq!(tree.bytes(), applied);
    let mode = fs::metadata(tree.path("state")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "the journal is for its owner");
}

/// The plugin `sysctl` of tuned 2.20: `_process_assignment_modifiers` (tuned/plugins/base.py) reads one sign after the
/// equals sign and compares whole numbers; anything else is assigned.
fn by_tuned(value: &str, present: &str) -> String {
    let compared = |wanted: &str, better: fn(i64, i64) -> bool| match (wanted.parse(), present.parse()) {
        (Ok(wanted), Ok(now)) if better(wanted, now) => wanted.to_string(),
        (Ok(_), Ok(_)) => present.to_owned(),
        _ => wanted.to_owned(),
    };
    match (value.strip_prefix('>'), value.strip_prefix('<')) {
        (Some(wanted), _) => compared(wanted, |wanted, now| wanted > now),
        (_, Some(wanted)) => compared(wanted, |wanted, now| wanted < now),
        _ => value.to_owned(),
    }
}

#[test]
fn an_exported_profile_of_tuned_comes_to_the_same_values_as_the_plan() {
    let tree = Tree::new();
    tree.write("sys/net/ipv4/tcp_rmem", "4096 131072 33554432");
    tree.write("sys/net/ipv4/ip_local_reserved_ports", "8080");
    tree.write("sys/net/ipv4/tcp_retries2", "15");
    let rule = |key: &str, what: &str| format!("[keys.\"net.{key}\"]\n{what}\nreason = \"r\"\nsource = \"s\"\n");
    let rules = [
        rule("core.somaxconn", "at-least = 4096"),
        rule("core.netdev_max_backlog", "at-least = 500"),
        rule("ipv4.tcp_synack_retries", "at-most = 2"),
        rule("ipv4.tcp_syncookies", "set = 1"),
        rule("ipv4.tcp_rmem", "at-least = \"_ _ 67108864\""),
        rule("ipv4.ip_local_reserved_ports", "include = \"30000-32767\""),
        rule("ipv4.tcp_retries2", "expect = 15"),
    ];
    let path = tree.path("own.toml");
    fs::write(&path, format!("summary = \"x\"\n{}", rules.concat())).unwrap();
    let path = path.display().to_string();
    let plan = tree.json(&["plan", &path]);
    let exported = tree.ok(&["plan", &path, "--export", "tuned"]);
    let section = exported.split("[sysctl]\n").nth(1).expect("a section");
    let lines: Vec<(&str, &str)> = section.lines().filter_map(|line| line.split_once('=')).collect();
    let signs: BTreeSet<char> = lines.iter().filter_map(|(_, value)| value.chars().next()).collect();
    assert!(signs.contains(&'>') && signs.contains(&'<'), "{exported}");
    assert!(!lines.iter().any(|(key, _)| key.ends_with("tcp_retries2")), "what is only relied on is never written");
    let rows = |field: &str, word: &str| -> Vec<(String, String)> {
        let rows = plan[field].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        rows.map(|row| (text(&row["key"]), text(&row[word]))).collect()
    };
    let mut wanted = rows("changes", "after");
    wanted.extend(rows("already", "value").into_iter().filter(|(key, _)| !key.ends_with("tcp_retries2")));
    assert_eq!(lines.len(), wanted.len(), "{exported}");
    for (key, value) in wanted {
        let (_, line) =
            lines.iter().find(|(exported, _)| *exported == key).unwrap_or_else(|| panic!("{key}: {exported}"));
        assert_eq!(by_tuned(line, &tree.value(&key.replace('.', "/"))), value, "{key}");
    }
}
