//! `tcpctl serve` as a child, and a client that says exactly what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::place::until;

/// How long a client waits for a word of the server: longer than the server waits for one of the client.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs here.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Served {
    /// Starts the server on a port of the kernel's choice and waits until it listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", arguments)
    }

    /// The same on this address.
    pub(crate) fn start_on(listen: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
        command.args(["serve", "--listen", listen]).args(arguments);
        Self::wait_for(command.stdout(Stdio::piped()).spawn().expect("the program runs"))
    }

    /// Waits until a server listens whose output is piped.
    pub(crate) fn wait_for(mut child: Child) -> Self {
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let place = line.strip_prefix("listening on http").unwrap_or_else(|| panic!("it says {line:?}"));
        let address = place.trim_start_matches('s').trim_start_matches("://").split('/').next().expect("an address");
        Self { child, address: address.parse().expect("an address with a port") }
    }

    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to stop.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the child is there");
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> ExitStatus {
        until("the end of the server", || match self.child.try_wait().expect("a child") {
            Some(status) => Ok(status),
            None => Err("it runs"),
        })
    }

    /// Tells it to stop, and hands on what it said on standard error, which is piped.
    pub(crate) fn complaint(mut self) -> String {
        self.signal(Signal::TERM);
        let mut text = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut text).expect("text");
        text
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream
    }

    /// Asks for a page, with further lines of the head.
    pub(crate) fn get(&self, path: &str, lines: &[&str]) -> Answered {
        let mut stream = self.connect();
        stream.write_all(request("GET", path, lines).as_bytes()).expect("it reads");
        rest(&mut stream)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request after whose answer the connection is closed.
pub(crate) fn request(method: &str, path: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: tcpctl\r\nConnection: close\r\n{lines}\r\n")
}

/// All that comes until the end of a connection, as one answer.
pub(crate) fn rest(stream: &mut impl Read) -> Answered {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    if let Some(length) = length.filter(|_| !body.is_empty()) {
        assert_eq!(length.parse(), Ok(body.len()), "the body is whole");
    }
    Answered { status, head: head.to_owned(), body: body.to_owned() }
}

/// The value of the one sample whose line has all of these parts.
pub(crate) fn value(text: &str, parts: &[&str]) -> f64 {
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.starts_with('#') && parts.iter().all(|part| line.contains(part))).collect();
    let [line] = lines.as_slice() else { panic!("{parts:?} are in {lines:#?}") };
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}
