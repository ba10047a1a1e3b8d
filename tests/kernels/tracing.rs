//! `tcpctl trace` on this kernel: what it tells is what happened, and what this kernel does not tell is said.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::Signal;
use serde_json::Value;
use tcpctl::lab::{Conditions, play as play_scenario};
use tcpctl::model::{Action, Host, Scenario, Segment, Settings, Side};
use tcpctl::sys::{Namespace, raise_loopback};

use crate::case::{CannotRun, Ran};
use crate::place::Place;
use crate::trace_load::flooded;
use crate::trace_places::mounts;
use crate::traced::{Traced, judge, shown};
use crate::{bare, program};

/// A case: its name, and what plays it.
type Case = (&'static str, fn(&Place, &Host) -> Ran);

/// What other cases leave behind sends on and is dropped for a while: played before them.
const FIRST: [Case; 1] = [("every drop of a flood is counted or counted as lost", |place, _| flooded(place, true))];

/// The last one leaves a kernel that tells nothing any more.
const CASES: [Case; 4] = [
    ("what the laboratory saw sent again is traced, and nothing else", sent_again),
    ("RSTs are traced as far as this kernel tells them, with drops and changes of state", resets),
    ("a trace uses tracefs where it is, and mounts it nowhere else", |_, _| mounts()),
    ("under lockdown a trace says so", |_, _| locked_down()),
];

/// How long sockets may send again.
const LIMIT: Duration = Duration::from_millis(3400);

/// Plays the cases that nothing else may have been played before: their names and what went wrong.
pub(crate) fn play_first(host: &Host) -> Vec<(&'static str, Result<(), String>)> {
    FIRST.iter().map(|(name, case)| (*name, play_one(*case, host))).collect()
}

/// Plays all others.
pub(crate) fn play(host: &Host) -> Vec<(&'static str, Result<(), String>)> {
    CASES.iter().map(|(name, case)| (*name, play_one(*case, host))).collect()
}

fn play_one(case: fn(&Place, &Host) -> Ran, host: &Host) -> Result<(), String> {
    let namespace = Namespace::fresh().map_err(|error| error.to_string())?;
    let ran = namespace.run(|| {
        raise_loopback().map_err(|error| error.to_string())?;
        let place = Place::here(&namespace);
        // A panic of the first process would be one of the kernel.
        match catch_unwind(AssertUnwindSafe(|| case(&place, host))) {
            Ok(ran) => ran.map_err(|CannotRun(why)| why),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                Err(text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
            }
        }
    });
    ran.map_err(|error| error.to_string())?
}

fn sent_again(_place: &Place, host: &Host) -> Ran {
    let connect = || Scenario::connect(*host, &Settings::default());
    let data = Scenario::established(*host, &Settings::default());
    let scenarios = [
        (connect().losing(Side::Client, Segment::Syn), 2),
        (connect().losing(Side::Client, Segment::Ack), 2),
        (data.calling(Side::Client, Action::Send).silencing(Side::Client), 3),
    ];
    let traced = Traced::begin(&["--event", "retransmit", "synack"])?;
    let conditions = || Conditions { capture: true, ..Conditions::limited(LIMIT) };
    let played: Vec<_> = std::thread::scope(|scope| {
        let players: Vec<_> =
            scenarios.iter().map(|(scenario, _)| scope.spawn(move || play_scenario(scenario, &conditions()))).collect();
        players.into_iter().map(|player| player.join().expect("it plays")).collect()
    });
    let events = traced.interrupted();
    for (played, (_, least)) in played.iter().zip(&scenarios) {
        let played = played.as_ref().map_err(|error| CannotRun(error.to_string()))?;
        judge(played, &events, *least);
    }
    Ok(())
}

/// Whether this kernel says why it sends a RST, and tells of one without a socket.
fn tells_resets(host: &Host) -> bool {
    host.version.at_least(6, 10)
}

fn resets(_place: &Place, host: &Host) -> Ran {
    let traced = Traced::begin(&[])?;
    let gaps: Vec<Value> = traced.begin["gaps"].as_array().expect("gaps").clone();
    let error = TcpStream::connect("127.0.0.1:4444").expect_err("nobody listens");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    let listener = TcpListener::bind("127.0.0.1:5555").expect("a free port");
    let mut client = TcpStream::connect("127.0.0.1:5555").expect("a connection");
    let own = client.local_addr().expect("an address").to_string();
    let (server, _) = listener.accept().expect("a connection");
    client.write_all(b"x").expect("the peer has room");
    server.peek(&mut [0]).expect("it came");
    // What came is not read: a RST.
    drop(server);
    client.read(&mut [0]).expect_err("a RST came");
    drop((client, listener));
    let (events, summary) = traced.end(Signal::INT, 130);
    assert_eq!(summary["lost"], 0, "{summary}");

    let seen = shown(&events, &own, "127.0.0.1:5555");
    let has = |line: &str| assert_eq!(seen.iter().filter(|one| *one == line).count(), 1, "{line}: {seen:#?}");
    let reason = if tells_resets(host) { "TCP_ABORT_ON_CLOSE" } else { "-" };
    has(&format!("reset-sent b a CLOSE>- {reason}"));
    has("reset-received a b ->- -");
    has("state a b ESTAB>CLOSE -");
    let sources: Vec<&Value> = gaps.iter().map(|gap| &gap["source"]).collect();
    let lacks: &[&str] = if tells_resets(host) { &[] } else { &["tcp_send_reset"] };
    assert_eq!(sources, lacks);
    refused(&events, host);
    Ok(())
}

/// What is told of the connection that was refused.
fn refused(events: &[Value], host: &Host) {
    let of_kind = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    let dropped = of_kind("drop").into_iter().find(|event| event["reason"] == "NO_SOCKET").expect("the SYN is dropped");
    let without: Vec<_> = of_kind("reset-sent").into_iter().filter(|event| event["local_port"] == 4444).collect();
    if tells_resets(host) {
        assert_eq!((without.len(), &without[0]["reason"]), (1, &Value::from("NO_SOCKET")), "{without:?}");
        assert_eq!((&dropped["ends_from"], &dropped["local_port"]), (&"packet".into(), &4444.into()), "{dropped}");
    } else {
        assert_eq!((without.len(), &dropped["ends_from"]), (0, &"unknown".into()), "{dropped}");
    }
    assert_eq!((&dropped["function"], &dropped["tcp"]), (&"tcp_v4_rcv".into(), &true.into()), "{dropped}");
    let closed = of_kind("state").into_iter().find(|event| event["state"] == "SYN-SENT" && event["by_reset"] == true);
    assert_eq!(closed.expect("it is refused")["peer_port"], 4444);
}

fn locked_down() -> Ran {
    const PLACE: &str = "/sys/kernel/security";
    mount("securityfs", PLACE, "securityfs", MountFlags::empty(), None).expect("the kernel has it");
    std::fs::write(format!("{PLACE}/lockdown"), "confidentiality").expect("it can be locked");
    let told = || {
        let output = Command::new(program::path()).arg("trace").output().expect("the program runs");
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let shown = told();
    bare::says(&shown, &["cannot trace", "locked down for confidentiality", "lockdown=integrity"])
        .map_err(CannotRun)?;
    unmount(PLACE, UnmountFlags::DETACH).expect("it was mounted");
    assert_eq!(told(), shown);
    Ok(())
}
