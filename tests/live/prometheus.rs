//! What Prometheus itself makes of the metrics, the alerts and the dashboard.
//!
//! Debian's package has prometheus and promtool; `tests/prometheus/fetch` unpacks it below the target folder.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tcpctl::diagnose::{Rule, Stated, asked_rules};
use tcpctl::report::dashboard_expressions;

use crate::case::{CannotRun, Case, Ran};
use crate::place::{Listening, Place, until};
use crate::scraping::Served;
use crate::serve::certificate;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("Prometheus scrapes what is served, and queries give the known numbers", scraped),
        Case::new("promtool finds nothing wrong with the metrics and with the alerts", checked),
        Case::new("every alert fires for a host that it is about, and for no other", fires),
    ]
}

/// A program of the package.
fn tool(name: &str) -> Result<PathBuf, CannotRun> {
    let unpacked = std::env::current_exe().ok().and_then(|program| {
        program.ancestors().map(|folder| folder.join("prometheus/usr/bin").join(name)).find(|path| path.is_file())
    });
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file());
    installed.or(unpacked).ok_or_else(|| CannotRun(format!("{name} is not here: tests/prometheus/fetch fetches it")))
}

/// Runs promtool on a text or a file; its output, and whether it is content.
fn promtool(arguments: &[&str], input: &str, folder: &Path) -> Result<(bool, String), CannotRun> {
    let mut child = Command::new(tool("promtool")?)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let told = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Ok((output.status.success(), told))
}

fn alerts(place: &Place) -> String {
    String::from_utf8(place.tcpctl(&["metrics", "alerts"]).stdout).expect("UTF-8")
}

fn checked(place: &Place) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let _listener = place.listen("127.0.0.1:7001", Listening::with_backlog(3));
    let served = Served::start(&["--profile", "anti-syn-flood"]);
    let text = served.get("/metrics", &[]).body;
    let (_, told) = promtool(&["check", "metrics"], &text, folder.path())?;
    // node_exporter's own names for the kernel's counters are not in snake_case; nothing else is wrong.
    let camel = "metric names should be written in 'snake_case' not 'camelCase'";
    let wrong: Vec<&str> =
        told.lines().filter(|line| !(line.starts_with("node_netstat_") && line.ends_with(camel))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let own: Vec<&str> = text.lines().filter(|line| !line.contains("node_netstat_")).collect();
    let (content, told) = promtool(&["check", "metrics"], &(own.join("\n") + "\n"), folder.path())?;
    assert!(content && told.is_empty(), "{told}");
    // And it does find what is wrong.
    assert!(!promtool(&["check", "metrics"], "tcpctl_x{ 1\n", folder.path())?.0);
    std::fs::write(folder.path().join("alerts.yml"), alerts(place)).expect("a file");
    let (content, told) = promtool(&["check", "rules", "alerts.yml"], "", folder.path())?;
    assert!(content, "{told}");
    assert!(
        told.contains(&format!("SUCCESS: {} rules found", asked_rules(Stated::NOTHING).len() + OTHERS.len() + 1)),
        "{told}"
    );
    Ok(())
}

/// An alert that no rule makes, `TcpctlAbsent` apart: its name, a series with values of a host that it is about, one of another host, and the
/// labels that it fires with.
type Other = (&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const OTHERS: &[Other] = &[
    ("TcpctlStale", "tcpctl_snapshot_timestamp_seconds{%}", "0x40", "0+60x40", &[]),
    ("TcpctlReadingFails", "tcpctl_gaps{kind=\"failed\",%}", "0x4 1x36", "0x40", &[("kind", "failed")]),
    ("TcpctlProfileDrift", "tcpctl_profile_drift{profile=\"p\",%}", "0x4 1x36", "0x40", &[("profile", "p")]),
    (
        "TcpctlModelDisagrees",
        "tcpctl_lab_topics{verdict=\"disagrees\",%}",
        "0x4 1x36",
        "0x40",
        &[("verdict", "disagrees")],
    ),
];

/// The annotations of an alert as the file has them, for this host and this value.
fn annotations(alerts: &str, name: &str, instance: &str, value: &str, labels: &[(&str, &str)]) -> Value {
    let entry = alerts.split("  - alert: ").find(|entry| entry.starts_with(&format!("{name}\n"))).expect("the alert");
    let of = |key: &str| {
        let line = entry.lines().find_map(|line| line.trim().strip_prefix(&format!("{key}: "))).expect("an annotation");
        let text: String = serde_json::from_str(line).expect("a scalar");
        let text = text
            .replace("{{ $labels.instance }}", instance)
            .replace("{{ $value | humanizeDuration }}", "20m 0s")
            .replace("{{ $value }}", value);
        labels.iter().fold(text, |text, (label, value)| text.replace(&format!("{{{{ $labels.{label} }}}}"), value))
    };
    json!({ "summary": of("summary"), "description": of("description") })
}

/// `TcpctlAcceptQueueFull`, from the file: the alert whose expression names the rule.
fn alert_of<'a>(alerts: &'a str, rule: &Rule) -> &'a str {
    let named = format!("expr: \"tcpctl_findings{{rule=\\\"{}\\\",severity!=\\\"notice\\\"}} > 0\"", rule.id);
    let entry = alerts.split("  - alert: ").find(|entry| entry.contains(&named)).expect("an alert of the rule");
    entry.lines().next().expect("a name")
}

/// When promtool looks: after every alert has had its time, and at the start, when none has.
const LATE: &str = "20m";

/// What promtool is to see of an alert.
fn seen(name: &str, at: &str, alerts: &[Value]) -> Value {
    json!({ "eval_time": at, "alertname": name, "exp_alerts": alerts })
}

fn fires(place: &Place) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let alerts = alerts(place);
    std::fs::write(folder.path().join("alerts.yml"), &alerts).expect("a file");
    // All series at once, so that an alert that takes another rule's for its own fires too often.
    let (mut series, mut looks) = (Vec::new(), Vec::new());
    let mut add = |pattern: &str, bad: &str, good: &str| {
        for (instance, values) in [("bad", bad), ("good", good)] {
            let labels = format!("instance=\"{instance}\",netns=\"1\"");
            series.push(json!({ "series": pattern.replace('%', &labels), "values": values }));
        }
    };
    for rule in asked_rules(Stated::NOTHING) {
        let name = alert_of(&alerts, rule);
        let told = annotations(&alerts, name, "bad", "2", &[]);
        let expected = ["critical", "warning"].map(|severity| {
            add(&format!("tcpctl_findings{{rule=\"{}\",severity=\"{severity}\",%}}", rule.id), "0x4 2x36", "0x40");
            let labels = json!({ "rule": rule.id, "severity": severity, "instance": "bad", "netns": "1" });
            json!({ "exp_labels": labels, "exp_annotations": told })
        });
        // A notice wakes nobody.
        add(&format!("tcpctl_findings{{rule=\"{}\",severity=\"notice\",%}}", rule.id), "0x4 2x36", "0x40");
        looks.extend([seen(name, LATE, &expected), seen(name, "0m", &[])]);
    }
    for (name, pattern, bad, good, more) in OTHERS {
        let told = annotations(&alerts, name, "bad", "1", more);
        let mut labels = json!({ "severity": "warning", "instance": "bad", "netns": "1" });
        for (label, value) in *more {
            labels[*label] = json!(value);
        }
        add(pattern, bad, good);
        let expected = json!({ "exp_labels": labels, "exp_annotations": told });
        looks.extend([seen(name, LATE, &[expected]), seen(name, "0m", &[])]);
    }
    // About all hosts together: it fires where there is none.
    let absent = "TcpctlAbsent";
    let told = annotations(&alerts, absent, "", "1", &[]);
    let expected = json!({ "exp_labels": { "severity": "warning" }, "exp_annotations": told });
    let here = json!({ "series": "tcpctl_build_info{instance=\"good\"}", "values": "1x40" });
    let units = [
        json!({ "interval": "1m", "input_series": series, "alert_rule_test": looks }),
        json!({ "interval": "1m", "input_series": [], "alert_rule_test": [seen(absent, LATE, &[expected])] }),
        json!({ "interval": "1m", "input_series": [here], "alert_rule_test": [seen(absent, LATE, &[])] }),
    ];
    // JSON is YAML.
    let test = json!({ "rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": units });
    std::fs::write(folder.path().join("test.yml"), test.to_string()).expect("a file");
    let (content, told) = promtool(&["test", "rules", "test.yml"], "", folder.path())?;
    assert!(content, "{}", told.chars().take(4000).collect::<String>());
    // And a test that expects what does not come fails.
    let mut wrong = test;
    wrong["tests"][0]["alert_rule_test"][0]["exp_alerts"] = json!([]);
    std::fs::write(folder.path().join("test.yml"), wrong.to_string()).expect("a file");
    assert!(!promtool(&["test", "rules", "test.yml"], "", folder.path())?.0);
    Ok(())
}

/// A Prometheus that runs here.
struct Prometheus {
    child: Child,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where it listens, in a namespace of its own.
const PROMETHEUS: &str = "127.0.0.1:9090";

impl Prometheus {
    fn start(folder: &Path, config: &str) -> Result<Self, CannotRun> {
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config).expect("a file");
        let log = std::fs::File::create(folder.join("log")).expect("a file");
        let child = Command::new(tool("prometheus")?)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={PROMETHEUS}"))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus runs");
        let started = Self { child };
        until("the start of prometheus", || match started.ask("/-/ready") {
            Ok((200, _)) => Ok(()),
            seen => Err((seen, std::fs::read_to_string(folder.join("log")))),
        });
        Ok(started)
    }

    fn ask(&self, path: &str) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(PROMETHEUS)?;
        // HTTP/1.0: the body ends with the connection.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: prometheus\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok((status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
    }

    /// What a query gives: the labels and the value of each series.
    fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, body) = self.ask(&format!("/api/v1/query?query={encoded}")).expect("it answers");
        assert_eq!(status, 200, "{expression}: {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        let result = answer["data"]["result"].as_array().expect("a vector").clone();
        let value = |one: &Value| one["value"][1].as_str().and_then(|text| text.parse().ok()).expect("a number");
        result.into_iter().map(|one| (one["metric"].clone(), value(&one))).collect()
    }
}

/// One job over HTTP and one over HTTPS with a password, twice a second.
fn config(plain: SocketAddr, secret: SocketAddr, certificate: &str) -> String {
    json!({
        "global": { "scrape_interval": "500ms", "evaluation_interval": "500ms" },
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            { "job_name": "plain", "static_configs": [{ "targets": [plain.to_string()] }] },
            {
                "job_name": "secret",
                "scheme": "https",
                "tls_config": { "ca_file": certificate },
                "basic_auth": { "username": "ada", "password": "pass word" },
                "static_configs": [{ "targets": [secret.to_string()] }],
            },
        ],
    })
    .to_string()
}

fn scraped(place: &Place) -> Ran {
    tool("prometheus")?;
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = certificate(folder.path());
    let users = folder.path().join("users");
    std::fs::write(&users, "ada:pass word\n").expect("a file");
    std::fs::set_permissions(&users, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("the own file");
    std::fs::write(folder.path().join("alerts.yml"), alerts(place)).expect("a file");

    let listener = place.listen("127.0.0.1:7001", Listening::with_backlog(3));
    let _waiting: Vec<TcpStream> =
        (0..2).map(|_| TcpStream::connect("127.0.0.1:7001").expect("there is room")).collect();
    let closing = place.listen("127.0.0.1:7002", Listening::with_backlog(8));
    let _closed: Vec<(TcpStream, TcpStream)> = (0..5)
        .map(|_| {
            let client = TcpStream::connect("127.0.0.1:7002").expect("there is room");
            client.shutdown(Shutdown::Write).expect("a connection");
            (client, closing.accept().expect("a client").0)
        })
        .collect();
    let often = ["--max-age", "100ms", "--window", "1s"];
    let plain = Served::start(&often);
    let users = users.to_str().expect("UTF-8");
    let secured = Served::start(
        &[&often[..], &["--tls-cert", &certificate, "--tls-key", &key, "--basic-auth-file", users]].concat(),
    );
    let prometheus = Prometheus::start(folder.path(), &config(plain.address, secured.address, &certificate))?;
    let expect = |expression: &str, expected: f64| {
        until(expression, || match prometheus.query(expression).as_slice() {
            [(_, value)] if *value == expected => Ok(()),
            seen => Err(seen.to_vec()),
        });
    };
    expect("sum(up)", 2.0);
    for job in ["plain", "secret"] {
        expect(&format!("tcpctl_listener_accept_queue{{job=\"{job}\",port=\"7001\"}}"), 2.0);
        expect(&format!("tcpctl_listener_accept_queue_capacity{{job=\"{job}\",port=\"7001\"}}"), 4.0);
        expect(&format!("node_tcp_connection_states{{job=\"{job}\",state=\"close_wait\"}}"), 5.0);
        expect(&format!("tcpctl_listener_drops{{job=\"{job}\",port=\"7001\"}}"), 0.0);
    }
    // What is there now, and not what was there at the start.
    let _taken = listener.accept().expect("a client");
    expect("tcpctl_listener_accept_queue{job=\"plain\",port=\"7001\"}", 1.0);
    // Nobody takes the other one: the rule says so, and the alert waits for its minute.
    expect("sum(tcpctl_findings{job=\"plain\",rule=\"not-accepting\"})", 1.0);
    expect("count(ALERTS{alertname=\"TcpctlNotAccepting\",job=\"plain\",alertstate=\"pending\"})", 1.0);
    // Everything on the dashboard is an expression of Prometheus, and what there must be something of gives something.
    let mut empty = Vec::new();
    for expression in dashboard_expressions() {
        let asked = expression.replace("$instance", ".*").replace("$netns", ".*").replace("$__rate_interval", "1m");
        if prometheus.query(&asked).is_empty() {
            empty.push(expression);
        }
    }
    let quiet = ["tcpctl_profile", "tcpctl_lab", "half_open", "> 0", "< 86400"];
    empty.retain(|expression| !quiet.iter().any(|part| expression.contains(part)));
    assert!(empty.is_empty(), "{empty:#?}");
    Ok(())
}
