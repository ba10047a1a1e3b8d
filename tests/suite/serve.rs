//! What `serve` refuses before it listens, and what `metrics` prints.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn tcpctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).output().unwrap()
}

fn file(folder: &Path, name: &str, content: &str, mode: u32) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_cannot_be_served_is_refused_by_name_before_anything_listens() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, content: &str, mode| file(folder.path(), name, content, mode);
    let (open, empty) = (secret("open", "s3cret\n", 0o644), secret("empty", "", 0o600));
    let users = secret("users", "ada\n", 0o600);
    let (cert, key) = (secret("cert.pem", "no PEM", 0o644), secret("key.pem", "no PEM", 0o600));
    let none = folder.path().join("none");
    let none = none.to_str().unwrap();
    for (arguments, told) in [
        (vec!["--listen", "localhost:1"], "no address with a port"),
        (vec!["--bearer-token-file", &open], "is open to everybody (mode 0644)"),
        (vec!["--bearer-token-file", &empty], "must hold one token"),
        (vec!["--bearer-token-file", none], "cannot read"),
        (vec!["--basic-auth-file", &users], "users:1: not `user:password`"),
        (vec!["--tls-cert", &cert], "--tls-key"),
        (vec!["--tls-cert", &cert, "--tls-key", &key], "cert.pem has no certificate in PEM"),
        (vec!["--profile", "no-such-profile"], "there is no profile `no-such-profile`"),
        (vec!["--lab-record", &users], "as a record of the laboratory"),
        (vec!["--max-age", "0"], "outside 10ms to 24h"),
        (vec!["--textfile", "-", "--listen", "127.0.0.1:0"], "cannot be used with"),
    ] {
        let output = tcpctl(&[&["serve"], arguments.as_slice()].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(told), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty() && !error.contains("s3cret"), "{arguments:?}");
    }
}

#[test]
fn the_list_of_metrics_and_the_dashboard_are_json() {
    let json = |arguments: &[&str]| -> Value { serde_json::from_slice(&tcpctl(arguments).stdout).unwrap() };
    let list = json(&["metrics", "--json"]);
    let names: Vec<&str> =
        list["metrics"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"tcpctl_listener_drops") && names.contains(&"node_tcp_connection_states"));
    let dashboard = json(&["metrics", "dashboard"]);
    assert_eq!(dashboard["uid"], "tcpctl");
    assert!(dashboard["panels"].as_array().unwrap().len() > 8);
    // Every metric of its own that says how it is with a host is on the dashboard or in an alert.
    let shown = dashboard.to_string() + &String::from_utf8(tcpctl(&["metrics", "alerts"]).stdout).unwrap();
    let elsewhere = [
        "tcpctl_listener_accept_queue",
        "tcpctl_listener_accept_queue_capacity",
        "tcpctl_listener_sockets",
        "tcpctl_listeners_left_out",
        "tcpctl_destinations_left_out",
        "tcpctl_ports_in_use_most",
        "tcpctl_setting_per_second",
        "tcpctl_setting_limit",
        "tcpctl_window_seconds",
        "tcpctl_lab_record_timestamp_seconds",
        "tcpctl_info",
    ];
    for name in names.iter().filter(|name| name.starts_with("tcpctl_")) {
        let used =
            [format!("{name}{{"), format!("{name} "), format!("{name})")].iter().any(|text| shown.contains(text));
        assert_ne!(used, elsewhere.contains(name), "{name}");
    }
}

#[test]
fn the_list_of_metrics_fits_80_columns() {
    let text = String::from_utf8(tcpctl(&["metrics"]).stdout).unwrap();
    assert!(text.lines().count() > 100);
    let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    // Names with their labels are not broken.
    assert!(long.iter().all(|line| !line.starts_with(' ')), "{long:?}");
}
