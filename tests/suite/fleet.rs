//! `tcpctl fleet`: many stored snapshots at once are answered as each by itself, and what gave no answer is named.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Two readings of a host with Linux 5.15, of which the newer one has 3000 dropped packets more.
const OF_A_HOST: &str = include_str!("../data/snapshots/version-1.json");

fn tcpctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Hosts that differ in what a fleet is asked for.
struct Fleet(tempfile::TempDir);

impl Fleet {
    /// Two of one kernel and set alike, one of a newer one that gives up later, one that is well, and one that hides
    /// its names.
    fn new() -> Self {
        let fleet = Self(tempfile::tempdir().unwrap());
        fleet.write("web-1.json", &document("web-1", |_| {}));
        fleet.write("rack-b/web-2.json", &document("web-2", |_| {}));
        fleet.write(
            "rack-b/db-1.json",
            &document("db-1", |reading| {
                reading["kernel"] = json!({"release": "6.12.9+deb13", "version": "6.12.9", "hz": null});
                set(reading, "net.ipv4.tcp_syn_retries", "8");
                set(reading, "net.ipv4.tcp_syn_linear_timeouts", "4");
                set(reading, "net.ipv4.tcp_max_syn_backlog", "16384");
                reading["sockets"]["source"] = "sock-diag".into();
                let listener = &mut reading["sockets"]["listeners"][0];
                listener["backlog"] = 1.into();
                listener["drops"] = json!({"total": 7});
                listener["processes"] = json!([{"pid": 812, "name": "postgres"}]);
            }),
        );
        fleet.write("quiet.json", &document("quiet", well));
        fleet.write(
            "hidden-7.json",
            &document("redacted", |reading| {
                well(reading);
                reading["redacted"] = json!({});
            }),
        );
        fleet
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, document: &Value) {
        self.write_bytes(name, serde_json::to_string_pretty(document).unwrap().as_bytes());
    }

    fn write_bytes(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        tcpctl(&[&["fleet", self.0.path().to_str().unwrap()], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    }

    /// What is printed, with a place that is the same everywhere.
    fn shown(&self, arguments: &[&str]) -> String {
        text(&self.run(arguments).stdout).replace(self.0.path().to_str().unwrap(), "fleet")
    }
}

fn document(hostname: &str, change: impl Fn(&mut Value)) -> Value {
    let mut document: Value = serde_json::from_str(OF_A_HOST).unwrap();
    for reading in document["readings"].as_array_mut().unwrap() {
        reading["hostname"] = hostname.into();
        change(reading);
    }
    document
}

fn set(reading: &mut Value, key: &str, value: &str) {
    reading["sysctls"]["readings"][key] = json!({"is": "value", "detail": value});
}

/// Nothing was dropped.
fn well(reading: &mut Value) {
    reading["counters"]["softnet"][0]["dropped"] = 3.into();
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn a_fleet_reads_at_80_columns() {
    let fleet = Fleet::new();
    fleet.write_bytes("broken.json", b"{\"format\": \"tcpctl-snapshot\", ");
    fleet.write_bytes("notes.txt", b"not a snapshot");
    let shown = fleet.shown(&["--profile", "anti-syn-flood"]);
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    insta::assert_snapshot!("fleet", shown);
    let ascii = fleet.shown(&["--profile", "anti-syn-flood", "--ascii"]);
    assert!(ascii.is_ascii(), "{ascii}");
}

/// The rules, the profile and the model are those of the other commands.
#[test]
fn each_host_is_answered_as_by_itself() {
    let fleet = Fleet::new();
    let together = fleet.json(&["--profile", "anti-syn-flood"]);
    assert_eq!(together["hosts"].as_array().unwrap().len(), 5);
    let mut drifted = 0;
    for host in together["hosts"].as_array().unwrap() {
        let from = host["file"].as_str().unwrap();
        let alone = |arguments: &[&str]| -> Value {
            serde_json::from_slice(&tcpctl(&[&["--from", from, "--json"], arguments].concat()).stdout).unwrap()
        };
        let brief = |finding: &Value| [&finding["rule"], &finding["severity"], &finding["sentence"]].map(Clone::clone);
        let list = |findings: &Value| findings.as_array().unwrap().iter().map(brief).collect::<Vec<_>>();
        assert_eq!(list(&host["findings"]), list(&alone(&["diagnose"])["findings"]), "{from}");
        let verified = alone(&["verify", "anti-syn-flood"]);
        let differs = |check: &&Value| ["differs", "denied", "hidden"].iter().any(|word| check["verdict"] == *word);
        let wanted: Vec<&Value> =
            verified["checks"].as_array().unwrap().iter().filter(differs).map(|check| &check["key"]).collect();
        let keys: Vec<&Value> = host["drift"]["keys"].as_array().unwrap().iter().map(|one| &one["key"]).collect();
        assert_eq!(keys, wanted, "{from}");
        drifted += usize::from(!keys.is_empty());
        let status = alone(&["status"]);
        for (at, id) in [(0, "connect-gives-up"), (1, "half-open-life")] {
            assert_eq!(status["seconds"][at]["id"], id);
            let groups = together["gives_up"][at]["groups"].as_array().unwrap();
            let group = groups.iter().find(|group| names(&group["hosts"]).contains(&host["name"].as_str().unwrap()));
            let (shown, group) = (&status["seconds"][at], group.unwrap());
            assert_eq!((&shown["kind"], &shown["at_ms"]), (&group["kind"], &group["at_ms"]), "{from}: {id}");
        }
    }
    assert_eq!(together["drift"]["hosts"].as_array().unwrap().len(), drifted);
    assert!(drifted > 0);
}

#[test]
fn hosts_are_grouped_by_what_they_answer() {
    let fleet = Fleet::new();
    let view = fleet.json(&[]);
    assert_eq!((&view["schema"], &view["kernels"]), (&1.into(), &json!({"5.15": 4, "6.12": 1})));
    let connect = view["gives_up"][0]["groups"].as_array().unwrap();
    // Five retransmissions of the SYN on 5.15; eight and four linear ones on 6.12.
    assert_eq!((&connect[0]["at_ms"], names(&connect[0]["hosts"]).len()), (&63_000.into(), 4));
    assert_eq!((names(&connect[1]["hosts"]), &connect[1]["kernels"]), (vec!["db-1"], &json!({"6.12": 1})));
    assert_eq!(connect[1]["settings"]["net.ipv4.tcp_syn_retries"], json!(["8"]));
    assert!(connect[1]["at_ms"].as_u64() > connect[0]["at_ms"].as_u64());
    // What was not read is not known, and said of those alone.
    let idle = &view["gives_up"][3];
    assert_eq!((&idle["id"], &idle["groups"][0]["kind"]), (&"idle-peer-gone".into(), &"unknown".into()));
    let drops = view["findings"].as_array().unwrap().iter().find(|one| one["rule"] == "softnet-drops").unwrap();
    assert_eq!(names(&drops["hosts"]), ["db-1", "web-1", "web-2"]);
    let worst = &view["listeners"][0];
    assert_eq!((&worst["host"], &worst["local"], &worst["drops"]), (&"db-1".into(), &"0.0.0.0:80".into(), &7.into()));
    assert!(view["drift"].is_null());
    assert!(
        view["hosts"].as_array().unwrap().iter().any(|host| host["name"] == "hidden-7" && host["redacted"] == true)
    );
}

/// Each with its reason; the others are answered all the same.
#[test]
fn what_gave_no_answer_is_named_with_its_reason() {
    let fleet = Fleet::new();
    fleet.write_bytes("empty.json", b"");
    fleet.write_bytes("cut.json", &OF_A_HOST.as_bytes()[..OF_A_HOST.len() / 2]);
    fleet.write_bytes("other.json", b"{\"format\": \"x\", \"version\": 1}");
    fleet.write_bytes("list.json", b"[1, 2]");
    fleet.write_bytes("bytes.json", &[0xff, 0xfe]);
    fleet.write_bytes("torn.json.gz", &[0x1f, 0x8b, 8, 0]);
    let newer = OF_A_HOST.replacen("\"version\": 1", "\"version\": 9", 1);
    fleet.write_bytes("newer.json", newer.as_bytes());
    std::os::unix::fs::symlink("nowhere", fleet.path("dangling.json")).unwrap();
    std::os::unix::fs::symlink(fleet.0.path(), fleet.path("rack-b/loop")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(fleet.path("socket.json")).unwrap();
    let gone = fleet.path("gone.json");
    let output = fleet.run(&[&gone, "--json"]);
    drop(socket);
    assert_eq!(output.status.code(), Some(3));
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(view["hosts"].as_array().unwrap().len(), 5);
    let unread: Vec<(String, String)> = view["unread"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["file"].as_str().unwrap().replace(fleet.0.path().to_str().unwrap(), ""), one["reason"].to_string())
        })
        .collect();
    let expected = [
        ("/bytes.json", "1:1: expected value"),
        ("/cut.json", "EOF while parsing"),
        ("/dangling.json", "cannot read it: No such file"),
        ("/empty.json", "EOF while parsing"),
        ("/gone.json", "cannot read it: No such file"),
        ("/list.json", "1:"),
        ("/newer.json", "a newer tcpctl"),
        ("/other.json", "it is no snapshot of tcpctl"),
        ("/socket.json", "no regular file"),
        ("/torn.json.gz", "cannot read it"),
    ];
    assert_eq!(unread.len(), expected.len(), "{unread:?}");
    for ((file, reason), (name, part)) in unread.iter().zip(expected) {
        assert!(file == name && reason.contains(part), "{file}: {reason}");
    }
    // The link to a directory is a file of another name.
    assert_eq!(view["other_files"], 1);
}

#[test]
fn exit_codes_tell_an_answer_from_half_of_one_and_from_none() {
    let fleet = Fleet::new();
    let code = |arguments: &[&str]| fleet.run(arguments).status.code();
    assert_eq!((code(&[]), code(&["--fail-on", "never"])), (Some(1), Some(0)));
    assert_eq!(code(&["--fail-on", "never", "--profile", "anti-syn-flood"]), Some(1));
    let quiet = fleet.path("quiet.json");
    assert_eq!(tcpctl(&["fleet", &quiet]).status.code(), Some(0));
    fleet.write_bytes("broken.json", b"{");
    assert_eq!(code(&["--fail-on", "never"]), Some(3));
    let empty = tempfile::tempdir().unwrap();
    let none = |arguments: &[&str]| {
        let output = tcpctl(&[&["fleet"], arguments].concat());
        assert!(output.stdout.is_empty());
        (output.status.code(), text(&output.stderr))
    };
    let (code, told) = none(&[empty.path().to_str().unwrap()]);
    assert_eq!((code, told.contains("hold no file named *.json")), (Some(2), true), "{told}");
    let (code, told) = none(&[&fleet.path("broken.json")]);
    assert_eq!((code, told.contains("broken.json: 1:1: EOF")), (Some(2), true), "{told}");
    for mistake in [
        &[][..],
        &[&quiet, "--profile", "no-such-profile"],
        &[&quiet, "--hosts", "/nowhere/at/all"],
        &[&quiet, "--from", &quiet],
        &[&quiet, "--netns", "1"],
        &[&quiet, "--max-age", "soon"],
        &[&quiet, "--profile", "long-fat-network"],
    ] {
        assert_eq!(none(mistake).0, Some(2), "{mistake:?}");
    }
}

#[test]
fn hosts_that_are_missing_or_whose_snapshot_is_old_are_named() {
    let fleet = Fleet::new();
    let list = fleet.path("inventory");
    std::fs::write(&list, "# of the rack\nweb-1\nweb-2.example.org\n\n  hidden-7\nweb-9\nquiet\n").unwrap();
    let output = fleet.run(&["--hosts", &list, "--json"]);
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    // A domain is not dropped from what was asked for: the host says that it has none.
    assert_eq!((names(&view["missing"]), output.status.code()), (vec!["web-2.example.org", "web-9"], Some(3)));
    let quiet = fleet.path("quiet.json");
    let aged = |age: &str| {
        let output = tcpctl(&["fleet", &quiet, "--max-age", age, "--json"]);
        let view: Value = serde_json::from_slice(&output.stdout).unwrap();
        (view["old"].as_array().unwrap().len(), output.status.code())
    };
    let shown = text(&tcpctl(&["fleet", &quiet, "--max-age", "1ms"]).stdout);
    // The snapshot says that it is of 2026-09; it is more than a millisecond old, or not yet taken by this clock.
    let taken_ms = 1_790_000_005_000_u128;
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let old = usize::from(now_ms > taken_ms + 1);
    assert_eq!(aged("1ms"), (old, Some(i32::try_from(old).unwrap())));
    assert_eq!(shown.contains("1 snapshot older than --max-age:"), old == 1, "{shown}");
    assert_eq!(aged("100000h"), (0, Some(0)));
}

/// A host that was read every day is one host.
#[test]
fn of_several_snapshots_of_a_host_the_newest_counts() {
    let fleet = Fleet::new();
    fleet.write(
        "yesterday/web-1.json",
        &document("web-1", |reading| {
            reading["taken_unix_ms"] = (reading["taken_unix_ms"].as_u64().unwrap() - 86_400_000).into();
            set(reading, "net.ipv4.tcp_syn_retries", "1");
        }),
    );
    // Another namespace of a host is not the host, and two that hide their names may be anybody.
    fleet.write(
        "pod.json",
        &document("web-1", |reading| {
            reading["netns"] = json!({"inode": 4_026_532_999_u64, "name": "pod-a", "initial": false});
        }),
    );
    fleet.write("hidden-8.json", &document("redacted", |_| {}));
    let view = fleet.json(&[]);
    let hosts: Vec<&str> =
        view["hosts"].as_array().unwrap().iter().map(|host| host["name"].as_str().unwrap()).collect();
    assert_eq!(hosts, ["db-1", "hidden-7", "hidden-8", "quiet", "web-1", "web-1 pod-a", "web-2"]);
    assert_eq!(names(&view["superseded"]), [fleet.path("yesterday/web-1.json")]);
    assert_eq!(view["gives_up"][0]["groups"].as_array().unwrap().len(), 2);
}

/// Packed, and longer than is held at once: the answers are the same.
#[test]
fn packed_and_long_files_are_read_alike() {
    let plain = document("web-1", |_| {});
    let answer = |name: &str, bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let output = tcpctl(&["fleet", path.to_str().unwrap(), "--json"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        text(&output.stdout).replace(path.to_str().unwrap(), "FILE")
    };
    let written = plain.to_string();
    let alone = answer("web.json", written.as_bytes());
    let pack = |bytes: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    assert_eq!(answer("web.json.gz", &pack(written.as_bytes())), alone);
    // Single sockets, which a fleet is not asked for; before the readings, and nothing of them is kept.
    let rows = format!("\"sockets\": [\"{}\"], \"readings\"", "x".repeat(10 << 20));
    let long = written.replacen("\"readings\"", &rows, 1);
    assert!(long.len() > 9 << 20);
    assert_eq!(answer("web.json", long.as_bytes()), alone);
    assert_eq!(answer("web.json.gz", &pack(long.as_bytes())), alone);
    // And a long one that is broken is told as a short one is.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.json");
    std::fs::write(&path, &long[..long.len() - 10]).unwrap();
    let output = tcpctl(&["fleet", path.to_str().unwrap()]);
    assert!(text(&output.stderr).contains("EOF while parsing"), "{}", text(&output.stderr));
}

#[test]
fn names_of_others_do_not_reach_the_terminal() {
    let fleet = Fleet::new();
    let name = "\u{1b}]0;owned\u{7}";
    fleet.write("x.json", &document(name, |_| {}));
    fleet.write_bytes("\u{1b}[31m.json", b"{");
    let shown = fleet.shown(&["--profile", "anti-syn-flood", "--color", "never"]);
    assert!(!shown.contains('\u{1b}') && shown.contains("\\x1b]0;owned"), "{shown}");
    assert!(Path::new(&fleet.path("x.json")).exists());
}
