//! A kernel that refuses, interrupts, cuts off and loses: every fault before every reading command.
//!
//! What is held against each is one rule: every number is the one that the command tells without the fault, or it is not
//! told, and that something is missing is said. Never another number, and never silence.
#![cfg(target_endian = "little")]

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Output;

use libc::{
    EACCES, EAFNOSUPPORT, EAGAIN, EINTR, EIO, EMFILE, ENOBUFS, ENOENT, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM,
    EPROTONOSUPPORT, ESRCH, c_int, c_long,
};
use serde_json::Value;

use crate::case::{CannotRun, Case, Ran};
use crate::notified::{Answer, Call, can_notify, run_notified};
use crate::place::{Listening, Place, until_reachable};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("under every fault of the kernel numbers are right or missing by name", every_fault),
        Case::new("an interrupted call is made again and costs nothing", interrupted),
        Case::new("a socket that one watched reading lost is neither gone nor new", lost_while_watching),
    ]
}

/// `NETLINK_ROUTE` and `NETLINK_SOCK_DIAG`.
const ROUTE: c_int = 0;
pub(crate) const DIAG: c_int = 4;

/// Which calls fail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Where {
    /// socket() of this netlink protocol.
    Socket(c_int),
    /// A request to it.
    Send(c_int),
    /// An answer of it.
    Receive(c_int),
    /// Opening a file whose path ends so.
    Open(&'static str),
    /// Reading it.
    Read(&'static str),
    /// Any call with this number.
    Number(c_long),
}

/// Which of them.
#[derive(Clone, Copy, Debug)]
enum Which {
    /// All.
    Every,
    /// The one with this number, counted from 0.
    Nth(usize),
    /// Every other one, the first included.
    Other,
}

/// What happens to them.
#[derive(Clone, Copy)]
enum Harm {
    /// They fail with this error.
    Refuse(c_int),
    /// What they bring is changed.
    Change(fn(&mut Vec<u8>)),
}

struct Fault {
    name: &'static str,
    at: Where,
    which: Which,
    harm: Harm,
}

const fn refuse(name: &'static str, at: Where, errno: c_int) -> Fault {
    Fault { name, at, which: Which::Every, harm: Harm::Refuse(errno) }
}

const fn change(name: &'static str, at: Where, change: fn(&mut Vec<u8>)) -> Fault {
    Fault { name, at, which: Which::Every, harm: Harm::Change(change) }
}

const fn only(which: Which, fault: Fault) -> Fault {
    Fault { which, ..fault }
}

/// What can go wrong between the program and the kernel.
const FAULTS: &[Fault] = &[
    refuse("sock_diag sockets are refused", Where::Socket(DIAG), EPERM),
    refuse("sock_diag sockets are refused by a security module", Where::Socket(DIAG), EACCES),
    refuse("there is no sock_diag", Where::Socket(DIAG), EPROTONOSUPPORT),
    refuse("there are no descriptors for sock_diag", Where::Socket(DIAG), EMFILE),
    refuse("no netlink at all", Where::Socket(DIAG), EAFNOSUPPORT),
    refuse("requests for sockets are refused", Where::Send(DIAG), EPERM),
    refuse("requests for sockets find no memory", Where::Send(DIAG), ENOBUFS),
    only(Which::Nth(1), refuse("the second request is refused", Where::Send(DIAG), EOPNOTSUPP)),
    only(Which::Other, refuse("receiving is interrupted", Where::Receive(DIAG), EINTR)),
    refuse("answers are lost for want of memory", Where::Receive(DIAG), ENOBUFS),
    only(Which::Nth(1), refuse("the second answer is lost for want of memory", Where::Receive(DIAG), ENOBUFS)),
    only(Which::Nth(1), refuse("the second answer never comes", Where::Receive(DIAG), EAGAIN)),
    change("answers say that the dump was interrupted", Where::Receive(DIAG), |bytes| interrupt_dump(bytes)),
    change("every answer is that there is no such thing", Where::Receive(DIAG), |bytes| error_message(bytes, ENOENT)),
    only(
        Which::Nth(1),
        change("a dump ends with an error half way", Where::Receive(DIAG), |bytes| error_message(bytes, ENOENT)),
    ),
    change("the end of dumps says that they were interrupted", Where::Receive(DIAG), |bytes| interrupt_end(bytes)),
    change("dumps end with an error", Where::Receive(DIAG), |bytes| fail_end(bytes, ENOMEM)),
    change("a message says that some were lost", Where::Receive(DIAG), |bytes| overrun(bytes)),
    change("a record is shorter than any", Where::Receive(DIAG), |bytes| shorten_record(bytes)),
    change("a record is of no family", Where::Receive(DIAG), |bytes| strange_family(bytes)),
    change("a record is in no state that there is", Where::Receive(DIAG), |bytes| strange_state(bytes)),
    change("answers about sockets are cut off", Where::Receive(DIAG), |bytes| cut_message(bytes)),
    refuse("queues of devices are refused", Where::Socket(ROUTE), EPERM),
    refuse("requests for queues of devices fail", Where::Send(ROUTE), ENOBUFS),
    only(Which::Other, refuse("receiving queues is interrupted", Where::Receive(ROUTE), EINTR)),
    refuse("queues of devices never come", Where::Receive(ROUTE), EAGAIN),
    change("queues of devices were interrupted", Where::Receive(ROUTE), |bytes| interrupt_dump(bytes)),
    change("queues of devices were lost", Where::Receive(ROUTE), |bytes| overrun(bytes)),
    change("queues of devices are cut off", Where::Receive(ROUTE), |bytes| cut_message(bytes)),
    refuse("netstat is hidden", Where::Open("/net/netstat"), ENOENT),
    refuse("netstat is denied", Where::Open("/net/netstat"), EACCES),
    refuse("netstat cannot be read", Where::Read("/net/netstat"), EIO),
    only(Which::Nth(0), refuse("reading netstat is interrupted", Where::Read("/net/netstat"), EINTR)),
    change("netstat is cut off", Where::Read("/net/netstat"), cut_in_half),
    change("netstat is cut off in its last number", Where::Read("/net/netstat"), cut_number),
    change("netstat is empty", Where::Read("/net/netstat"), Vec::clear),
    change("netstat has names for which there are no numbers", Where::Read("/net/netstat"), more_names),
    change("netstat has fewer names than numbers", Where::Read("/net/netstat"), fewer_names),
    change("netstat has the numbers of another group", Where::Read("/net/netstat"), |bytes| {
        replace(bytes, "\nTcpExt: 0 ", "\nIpExt: 0 ");
    }),
    change("netstat has a group twice", Where::Read("/net/netstat"), |bytes| {
        bytes.extend(b"TcpExt: ListenDrops ListenOverflows\nTcpExt: 77 77\n");
    }),
    change("netstat has numbers that no counter has", Where::Read("/net/netstat"), great_numbers),
    refuse("snmp is denied", Where::Open("/net/snmp"), EACCES),
    change("snmp is cut off", Where::Read("/net/snmp"), cut_in_half),
    refuse("sockstat is denied", Where::Open("/net/sockstat"), EACCES),
    refuse("sockstat cannot be read", Where::Read("/net/sockstat"), EIO),
    change("sockstat is cut off", Where::Read("/net/sockstat"), cut_in_half),
    change("sockstat is empty", Where::Read("/net/sockstat"), Vec::clear),
    change("sockstat has TCP twice", Where::Read("/net/sockstat"), |bytes| {
        bytes.extend(b"TCP: inuse 77 orphan 7 tw 77 alloc 77 mem 7\n");
    }),
    refuse("sockstat6 is denied", Where::Open("/net/sockstat6"), EACCES),
    refuse("sockstat6 cannot be read", Where::Read("/net/sockstat6"), EIO),
    change("sockstat6 is cut off", Where::Read("/net/sockstat6"), cut_in_half),
    refuse("sockstat6 is hidden", Where::Open("/net/sockstat6"), ENOENT),
    refuse("softnet_stat is denied", Where::Open("/net/softnet_stat"), EACCES),
    refuse("a setting is denied", Where::Open("ipv4/ip_local_port_range"), EACCES),
    refuse("a setting cannot be read", Where::Read("ipv4/ip_local_port_range"), EIO),
    refuse("the backlog's limit cannot be read", Where::Read("core/somaxconn"), EIO),
    only(Which::Nth(0), refuse("reading a setting is interrupted", Where::Read("core/somaxconn"), EINTR)),
    refuse("processes cannot be listed", Where::Number(libc::SYS_getdents64), EACCES),
    refuse("processes vanish while they are looked at", Where::Number(libc::SYS_readlinkat), ESRCH),
    refuse("processes may not be looked at", Where::Number(libc::SYS_readlinkat), EACCES),
    refuse("programs in the kernel are refused", Where::Number(libc::SYS_bpf), EPERM),
    refuse("there are no programs in the kernel", Where::Number(libc::SYS_bpf), ENOSYS),
];

/// What reads the kernel, each with JSON or numbers behind names.
const READERS: &[&[&str]] = &[
    &["status", "--json", "--detail", "all"],
    &["status", "--json", "--detail", "states"],
    &["status", "--json", "--detail", "sums"],
    &["listeners", "--json"],
    &["sockets", "--json", "-a"],
    &["snapshot", "-", "--window", "0"],
    &["diagnose", "--json", "--window", "10ms"],
    &["serve", "--textfile", "-"],
];

/// Messages of a buffer: where each begins and how long it says it is.
fn messages(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap();
        if length < 16 {
            break;
        }
        found.push((at, length));
        at += length.next_multiple_of(4);
    }
    found
}

fn kind(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at + 4], bytes[at + 5]])
}

/// `NLMSG_DONE`; records have greater numbers.
const DONE: u16 = 3;
const ERROR: u16 = 2;
const OVERRUN: u16 = 4;

/// `NLM_F_DUMP_INTR` in every message.
fn interrupt_dump(bytes: &mut [u8]) {
    for (at, _) in messages(bytes) {
        bytes[at + 6] |= 0x10;
    }
}

/// The same in the last one alone, as where something changed behind the last record.
fn interrupt_end(bytes: &mut [u8]) {
    for (at, _) in messages(bytes) {
        if kind(bytes, at) == DONE {
            bytes[at + 6] |= 0x10;
        }
    }
}

/// The whole buffer becomes one message: an error.
fn error_message(bytes: &mut Vec<u8>, errno: c_int) {
    if bytes.len() < 16 {
        return;
    }
    bytes[..4].copy_from_slice(&36_u32.to_ne_bytes());
    bytes[4..6].copy_from_slice(&ERROR.to_ne_bytes());
    bytes.resize(16, 0);
    bytes.extend((-errno).to_ne_bytes());
    bytes.resize(36, 0);
}

/// The end of a dump carries an error.
fn fail_end(bytes: &mut [u8], errno: c_int) {
    for (at, length) in messages(bytes) {
        if kind(bytes, at) == DONE && length >= 20 {
            bytes[at + 16..at + 20].copy_from_slice(&(-errno).to_ne_bytes());
        }
    }
}

/// The first record becomes the word that some were lost.
fn overrun(bytes: &mut [u8]) {
    if let Some((at, _)) = messages(bytes).first() {
        bytes[at + 4..at + 6].copy_from_slice(&OVERRUN.to_ne_bytes());
    }
}

/// Where several sockets listen, told together and in an order that is the kernel's secret.
const SHARED_PORT: u16 = 7004;

/// One of those that share a port, of which a sum could be told without it, or else the first of all.
fn first_record(bytes: &[u8]) -> Option<usize> {
    let records = || messages(bytes).into_iter().map(|(at, _)| at).filter(|at| kind(bytes, *at) > OVERRUN);
    let shares = |at: &usize| bytes.get(at + 20..at + 22) == Some(&SHARED_PORT.to_be_bytes()[..]);
    records().find(shares).or_else(|| records().next())
}

/// The first record says that it is 20 bytes long, and the rest of it is a message to be ignored.
fn shorten_record(bytes: &mut [u8]) {
    let Some(at) = first_record(bytes) else { return };
    let length = u32::from_ne_bytes(*bytes[at..].first_chunk().unwrap());
    let head = bytes[at..at + 16].to_vec();
    bytes[at..at + 4].copy_from_slice(&36_u32.to_ne_bytes());
    bytes[at + 36..at + 52].copy_from_slice(&head);
    bytes[at + 36..at + 40].copy_from_slice(&(length - 36).to_ne_bytes());
    bytes[at + 40..at + 42].copy_from_slice(&1_u16.to_ne_bytes());
}

pub(crate) fn strange_family(bytes: &mut [u8]) {
    if let Some(at) = first_record(bytes) {
        bytes[at + 16] = 77;
    }
}

fn strange_state(bytes: &mut [u8]) {
    if let Some(at) = first_record(bytes) {
        bytes[at + 17] = 200;
    }
}

/// The last message before the end is longer than what is there.
fn cut_message(bytes: &mut [u8]) {
    if let Some(at) = first_record(bytes) {
        bytes[at..at + 4].copy_from_slice(&0x7fff_ffff_u32.to_ne_bytes());
    }
}

fn cut_in_half(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() / 2);
}

/// Without the last line's end and the last digit before it.
fn cut_number(bytes: &mut Vec<u8>) {
    let kept = bytes.trim_ascii_end().len().saturating_sub(1);
    bytes.truncate(kept);
}

/// A name in the midst of those of `TcpExt` that has no number.
fn more_names(bytes: &mut Vec<u8>) {
    replace(bytes, " ListenOverflows ", " Strange ListenOverflows ");
}

/// The name of one of its numbers is missing.
fn fewer_names(bytes: &mut Vec<u8>) {
    replace(bytes, " ListenOverflows ", " ");
}

fn great_numbers(bytes: &mut Vec<u8>) {
    replace(bytes, " 0 0 0 ", " 99999999999999999999 18446744073709551615 x ");
}

fn replace(bytes: &mut Vec<u8>, what: &str, with: &str) {
    *bytes = String::from_utf8(bytes.clone()).unwrap().replace(what, with).into_bytes();
}

/// Whether a call is one of those that fail.
pub(crate) fn is_meant(at: Where, call: &Call<'_>) -> bool {
    let is_receive = call.number == libc::SYS_recvfrom;
    match at {
        Where::Socket(protocol) => {
            let asked = (call.arguments[0], call.arguments[2]);
            call.number == libc::SYS_socket
                && asked == (u64::try_from(libc::AF_NETLINK).unwrap(), u64::try_from(protocol).unwrap())
        }
        Where::Send(protocol) => call.number == libc::SYS_sendto && call.netlink_protocol() == Some(protocol),
        Where::Receive(protocol) => is_receive && call.netlink_protocol() == Some(protocol),
        Where::Open(end) => call.number == libc::SYS_openat && call.text(1).is_some_and(|path| path.ends_with(end)),
        Where::Read(end) => {
            call.number == libc::SYS_read && call.path().is_some_and(|path| path.to_string_lossy().ends_with(end))
        }
        Where::Number(number) => call.number == number,
    }
}

impl Fault {
    /// Runs a command under it; also how often it came to pass.
    fn run(&self, arguments: &[&str]) -> (Output, usize) {
        let (mut met, mut done) = (0, 0);
        let output = run_notified(arguments, |call| {
            if !is_meant(self.at, call) {
                return Answer::Kernel;
            }
            let is_now = match self.which {
                Which::Every => true,
                Which::Nth(nth) => met == nth,
                Which::Other => met % 2 == 0,
            };
            met += 1;
            if !is_now {
                return Answer::Kernel;
            }
            done += 1;
            match self.harm {
                Harm::Refuse(errno) => Answer::Refuse(errno),
                Harm::Change(change) => match call.perform() {
                    // The end of a file stays its end.
                    Some(bytes) if bytes.is_empty() => Answer::Bytes(bytes),
                    Some(mut bytes) => {
                        change(&mut bytes);
                        Answer::Bytes(bytes)
                    }
                    None => Answer::Refuse(EAGAIN),
                },
            }
        });
        (output, done)
    }
}

/// Listeners and connections of both families, some waiting to be accepted.
struct Traffic {
    _listeners: Vec<TcpListener>,
    _streams: Vec<TcpStream>,
}

fn traffic(place: &Place) -> Traffic {
    let alone = ["127.0.0.1:7001", "127.0.0.1:7002", "[::1]:7003"].map(|at| (at, Listening::with_backlog(5)));
    // Those that share a port are the ones of which a program in the kernel is asked.
    let shared = format!("127.0.0.1:{SHARED_PORT}");
    let shared = [shared.as_str(); 2].map(|at| (at, Listening { share: true, ..Listening::with_backlog(5) }));
    let listeners: Vec<TcpListener> = alone.into_iter().chain(shared).map(|(at, how)| place.listen(at, how)).collect();
    // Of those that share a port either may get the connection.
    listeners.iter().take(3).for_each(until_reachable);
    let connect = |port: u16| TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    let mut streams: Vec<TcpStream> = (0..3).map(|_| connect(7001)).collect();
    streams.extend((0..2).map(|_| connect(7002)));
    streams.push(TcpStream::connect("[::1]:7003").unwrap());
    let accepted = listeners[0].accept().unwrap().0;
    // One end waits for the other to close.
    accepted.shutdown(Shutdown::Write).unwrap();
    streams.push(accepted);
    Traffic { _listeners: listeners, _streams: streams }
}

/// Names of what is of the whole host, or of the moment.
const MOVING: [&str; 14] = [
    "taken_unix_ms",
    "monotonic_ms",
    "processed",
    "dropped",
    "time_squeeze",
    "softnet",
    "mem",
    "alloc",
    "orphan",
    "used",
    "memory",
    "window_ms",
    // Clocks of single sockets.
    "clock",
    "pace",
];

/// What a row of a list may be known by.
const NAMES: [&str; 14] = [
    "id",
    "name",
    "rule",
    "key",
    "local",
    "peer",
    "address",
    "port",
    "source",
    "destination",
    "destination_port",
    "device",
    "cpu",
    "inode",
];

/// The rows of a list have names of their own, so that one that is missing shifts no other.
fn name_of(row: &Value, at: usize) -> String {
    let part = |key: &str| row.get(key).map(Value::to_string);
    let named: Vec<String> =
        NAMES.into_iter().filter_map(part).chain(row.as_u64().map(|own| own.to_string())).collect();
    if named.is_empty() { at.to_string() } else { named.join(" ") }
}

/// Metrics that are of the host or the moment, or that tell what is missing, which [`Told::missing`] is about.
const MOVING_METRICS: [&str; 9] = [
    "node_softnet_",
    "node_sockstat_TCP_mem{",
    "node_sockstat_TCP_alloc{",
    "node_sockstat_TCP_orphan{",
    "tcpctl_snapshot_timestamp_seconds{",
    "tcpctl_scrape_duration_seconds{",
    "tcpctl_gaps{",
    "tcpctl_rules_undecided{",
    "tcpctl_window_seconds{",
];

/// Every sample of a text of metrics by its name and labels, in thousandths.
fn samples(text: &str, out: &mut BTreeMap<String, i128>) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.rsplit_once(' ') else { continue };
        if MOVING_METRICS.iter().any(|moving| name.starts_with(moving)) {
            continue;
        }
        // Whose a listener is, is told by a label; without it, it is the same listener.
        let name = match name.split_once("process=\"") {
            Some((head, tail)) => [head, tail.split_once('"').map_or("", |(_, rest)| rest)].concat(),
            None => name.to_owned(),
        };
        let (whole, part) = value.split_once('.').unwrap_or((value, ""));
        let number = format!("{whole}{part:0<6}").parse();
        out.insert(name, number.unwrap_or(i128::MAX));
    }
}

/// How much a text of metrics says is missing.
fn missing_samples(text: &str) -> usize {
    let counts = text.lines().filter_map(|line| line.strip_prefix("tcpctl_gaps{")?.rsplit_once(' '));
    counts.filter_map(|(_, count)| count.parse::<usize>().ok()).sum()
}

/// Every number of a document by its path.
fn numbers(path: &str, value: &Value, out: &mut BTreeMap<String, i128>) {
    match value {
        Value::Number(number) => {
            let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            out.insert(path.to_owned(), whole.unwrap_or(i128::MIN));
        }
        Value::Array(rows) => {
            rows.iter().enumerate().for_each(|(at, row)| numbers(&format!("{path}/[{}]", name_of(row, at)), row, out));
        }
        // What is of the whole host moves by itself.
        Value::Object(fields) if fields.get("of_host") == Some(&Value::Bool(true)) => {}
        Value::Object(fields) => {
            for (key, field) in fields.iter().filter(|(key, _)| !MOVING.contains(&key.as_str())) {
                numbers(&format!("{path}/{key}"), field, out);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// What a run told.
struct Told {
    code: Option<i32>,
    numbers: BTreeMap<String, i128>,
    /// Everything that it says is missing, in words.
    missing: usize,
    text: String,
}

fn told(output: &Output) -> Told {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let documents: Vec<Value> = match serde_json::from_str(&out) {
        Ok(document) => vec![document],
        Err(_) => out.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null)).collect(),
    };
    let mut found = BTreeMap::new();
    if out.starts_with("# HELP") {
        samples(&out, &mut found);
    }
    for (at, document) in documents.iter().enumerate() {
        // A socket stands in a line of its own; all else is one document, whatever it says of itself.
        let name = if document.get("state").is_some() { name_of(document, at) } else { at.to_string() };
        numbers(&name, document, &mut found);
    }
    let text = format!("{out}{err}");
    let words = ["\"gap\":", "\"consequence\":", "\"is\": \"denied\"", "\"is\": \"unreadable\""];
    let words = words.map(|word| out.matches(word).count());
    Told {
        code: output.status.code(),
        numbers: found,
        missing: words.iter().sum::<usize>() + err.lines().count() + missing_samples(&out),
        text,
    }
}

/// What is wrong with what was told under a fault.
/// A reading that costs less may be replaced by one that costs more, and tells `all`.
fn complaint(honest: &Told, all: &Told, faulty: &Told) -> Option<String> {
    if faulty.text.contains("panicked") || faulty.code.is_none() || faulty.code == Some(101) {
        return Some(format!("it did not end in order: {:?}\n{}", faulty.code, faulty.text));
    }
    let is_said = faulty.missing > honest.missing || faulty.code != honest.code;
    // Where records could not be understood, that is said with their number, and counts are lower by as many.
    let is_low = faulty.text.contains("the counts of sockets are too low by as many");
    for (path, number) in &faulty.numbers {
        match honest.numbers.get(path) {
            Some(right) if right == number => {}
            Some(right) if is_low && *number < *right && right - number <= 2 => {}
            // The tables of /proc have neither, and say so: a cookie of 0 is no socket's, and 0 no device.
            Some(_) if *number == 0 && (path.ends_with("/cookie") || path.ends_with("/interface")) && is_said => {}
            Some(right) => return Some(format!("{path} is {number}, and should be {right}\n{}", faulty.text)),
            None if is_said || all.numbers.get(path) == Some(number) => {}
            None => return Some(format!("{path} is {number}, and should not be there\n{}", faulty.text)),
        }
    }
    let lost: Vec<&String> = honest.numbers.keys().filter(|path| !faulty.numbers.contains_key(*path)).collect();
    (!lost.is_empty() && !is_said).then(|| format!("missing, and nothing says so: {lost:?}\n{}", faulty.text))
}

fn every_fault(place: &Place) -> Ran {
    if !can_notify() {
        return Err(CannotRun("the kernel lets nobody decide what becomes of a system call".to_owned()));
    }
    let _traffic = traffic(place);
    let mut complaints = Vec::new();
    let mut idle: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
    let all = told(&place.tcpctl(READERS[0]));
    for arguments in READERS {
        let honest = told(&place.tcpctl(arguments));
        assert_eq!(honest.code, Some(0), "{arguments:?}: {}", honest.text);
        for fault in FAULTS {
            let (output, done) = fault.run(arguments);
            if done == 0 {
                continue;
            }
            idle.retain(|name| *name != fault.name);
            if let Some(complaint) = complaint(&honest, &all, &told(&output)) {
                complaints.push(format!("{} {arguments:?}: {complaint}", fault.name));
            }
        }
    }
    assert_eq!(idle, Vec::<&str>::new(), "faults that no command met");
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n\n"));
    Ok(())
}

/// What a signal interrupts is asked again: not even a gap is left.
fn interrupted(place: &Place) -> Ran {
    if !can_notify() {
        return Err(CannotRun("the kernel lets nobody decide what becomes of a system call".to_owned()));
    }
    let _traffic = traffic(place);
    for arguments in READERS {
        let honest = told(&place.tcpctl(arguments));
        for fault in FAULTS.iter().filter(|fault| matches!(fault.harm, Harm::Refuse(EINTR))) {
            let (output, _) = fault.run(arguments);
            let faulty = told(&output);
            let differ = |path: &&String| faulty.numbers.get(*path) != honest.numbers.get(*path);
            let differing: Vec<_> = faulty.numbers.keys().chain(honest.numbers.keys()).filter(differ).collect();
            assert_eq!(differing, Vec::<&String>::new(), "{} {arguments:?}: {}", fault.name, faulty.text);
            assert_eq!(faulty.missing, honest.missing, "{} {arguments:?}: {}", fault.name, faulty.text);
        }
    }
    Ok(())
}

/// Whatever answer it is that a record is lost from: not in the first reading, after which it is new to the list.
fn lost_while_watching(place: &Place) -> Ran {
    if !can_notify() {
        return Err(CannotRun("the kernel lets nobody decide what becomes of a system call".to_owned()));
    }
    let _traffic = traffic(place);
    let mut harmed = 0;
    for nth in 1..10 {
        let lost = change("a record is of no family", Where::Receive(DIAG), |bytes| strange_family(bytes));
        let fault = only(Which::Nth(nth), lost);
        let watched = ["sockets", "-a", "--json", "--watch", "10ms", "--cpu-share", "50", "--count", "4"];
        let (rows, _) = fault.run(&watched);
        let readings = readings(&rows);
        let sockets: Vec<u64> = readings.iter().map(|reading| reading["sockets"].as_u64().unwrap()).collect();
        let all = *sockets.iter().max().unwrap();
        let is_harmed = sockets[0] == all && sockets.iter().any(|sockets| *sockets < all);
        if is_harmed {
            harmed += 1;
            let moved: Vec<_> = readings.iter().map(|reading| (&reading["new"], &reading["gone"])).collect();
            assert_eq!(moved, vec![(&Value::from(0), &Value::from(0)); 4], "{nth}: {readings:?}");
        }
        let (groups, _) = fault.run(&[&watched[..], &["--group-by", "state"]].concat());
        for group in self::readings(&groups).iter().flat_map(|reading| reading["groups"].as_array().unwrap()) {
            let more = &group["since_last"]["sockets"];
            assert!(!is_harmed || more.is_null() || *more == 0, "{nth}: {group}");
        }
    }
    assert!(harmed >= 2, "a record was lost in {harmed} runs");
    Ok(())
}

/// What is said of each reading.
fn readings(output: &Output) -> Vec<Value> {
    let lines = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    lines.filter(|line: &Value| line["reading"].is_u64()).collect()
}
