//! Namespaces full of sockets.
//!
//! A socket under `TCP_REPAIR` that is bound to an address and connected is ESTABLISHED at once, without a packet. One
//! that is connected to itself gets its own FIN when it is closed and ends in TIME-WAIT: one socket, two packets, no
//! descriptor left. Descriptors are limited, so processes of the bench's own hold the others, each a share.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with};
use tcpctl::sys::{IntOption, Namespace, SysctlFiles, raise_loopback, set_int_option};

use crate::FRESH_FOR;
use crate::cost::own_path;

/// Buckets of each namespace's own hash table, as many as a host with some memory has.
const BUCKETS: &str = "262144";
/// Descriptors that one process holds; the usual hard limit is 20000.
const HELD: u64 = 15_000;
/// Ports of the endpoints that are given out one after the other; connect() takes its own above.
const PORT_FIRST: u16 = 1_024;
const PORTS: u64 = 60_000;
/// Connections to one address, as many as the range of ephemeral ports has, and some spare.
const TO_ONE: u64 = 4_000;
/// Addresses below 127/8 for each kind.
const LISTENING: u8 = 1;
const WAITING: u8 = 16;
const OPEN: u8 = 64;
const CLOSING: u8 = 96;
const CLOSED: u8 = 112;
const ASKED: u8 = 128;
/// Port of the listener for half-open connections, above those of the endpoints.
const ASKED_PORT: u16 = 61_090;
/// `include/uapi/linux/tcp.h`; −1 ends the repair without a window probe.
const TCP_REPAIR: libc::c_int = 19;
const TCP_REPAIR_WINDOW: libc::c_int = 29;

/// How many sockets of which kind.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mix {
    established: u64,
    time_wait: u64,
    half_closed: u64,
    half_open: u64,
    listening: u64,
}

impl Mix {
    pub(crate) fn established(sockets: u64) -> Self {
        Self { established: sockets, ..Self::default() }
    }

    pub(crate) fn time_wait(sockets: u64) -> Self {
        Self { time_wait: sockets, ..Self::default() }
    }

    /// A server's: three quarters in TIME-WAIT, and some of everything else.
    pub(crate) fn mixed(sockets: u64) -> Self {
        Self {
            established: sockets / 8,
            time_wait: sockets * 3 / 4,
            half_closed: sockets / 80,
            half_open: sockets / 20,
            listening: sockets / 1_000,
        }
    }

    /// The same without the listeners that nobody connects to.
    pub(crate) fn with_one_listener(self) -> Self {
        Self { listening: 0, ..self }
    }

    /// Whether all are in TIME-WAIT.
    pub(crate) fn is_time_wait(&self) -> bool {
        self.established + self.half_closed + self.half_open + self.listening == 0
    }

    pub(crate) fn name(&self) -> String {
        match (self.established, self.time_wait) {
            (made, 0) => format!("{made} ESTABLISHED"),
            (0, made) => format!("{made} TIME-WAIT"),
            _ => format!(
                "mixed: {} ESTABLISHED, {} TIME-WAIT, {} FIN-WAIT-2, {} CLOSE-WAIT, {} SYN-RECV, {} LISTEN",
                self.established + self.half_open,
                self.time_wait,
                self.half_closed,
                self.half_closed,
                self.half_open,
                self.listening + 1
            ),
        }
    }

    /// How many there are in all.
    pub(crate) fn sockets(&self) -> u64 {
        self.established + self.time_wait + 2 * (self.half_closed + self.half_open) + self.listening + 1
    }

    /// Whether the sockets are full ones, which have a tcp_info.
    pub(crate) fn has_info(&self) -> bool {
        self.time_wait == 0
    }

    /// By how much rows must be cheaper than ss, in thousandths.
    pub(crate) fn rows_less_than_ss(&self) -> Option<u64> {
        match (self.established, self.time_wait) {
            (_, 0) => Some(2_000),
            (0, _) => Some(3_000),
            // What holds for the dearer half of them.
            _ => Some(2_000),
        }
    }
}

/// A namespace with sockets in it. They go with it.
pub(crate) struct Filled {
    mix: Mix,
    namespace: Namespace,
    holders: Vec<Holder>,
    born: Instant,
    took: Duration,
}

/// A process that holds sockets until its input ends.
struct Holder {
    child: Child,
    input: Option<ChildStdin>,
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Why nothing can be filled here.
pub(crate) fn obstacle() -> Option<String> {
    fresh().err().map(|error| format!("{error:#}; run as root"))
}

/// An empty namespace with a hash table of its own and room for everything.
fn fresh() -> Result<Namespace> {
    // A namespace takes the size of its table from the one that it is made in.
    let parent = Namespace::fresh()?;
    let set = |key: &str, value: &str| -> Result<()> { Ok(SysctlFiles::new("/proc").write(&key.parse()?, value)?) };
    let namespace = parent.run(|| -> Result<Namespace> {
        set("net.ipv4.tcp_child_ehash_entries", BUCKETS)?;
        Ok(Namespace::fresh()?)
    })??;
    namespace.run(|| -> Result<()> {
        raise_loopback()?;
        for (key, value) in [
            ("net.ipv4.tcp_max_tw_buckets", "8000000"),
            ("net.ipv4.tcp_max_syn_backlog", "16000000"),
            ("net.core.somaxconn", "16000000"),
            ("net.ipv4.tcp_syncookies", "0"),
            ("net.ipv4.tcp_synack_retries", "12"),
            ("net.ipv4.ip_local_port_range", "61100 65500"),
        ] {
            set(key, value)?;
        }
        Ok(())
    })??;
    Ok(namespace)
}

impl Filled {
    pub(crate) fn new(mix: Mix) -> Result<Self> {
        let begun = Instant::now();
        let mut filled = Self { mix, namespace: fresh()?, holders: Vec::new(), born: begun, took: Duration::ZERO };
        filled.hold("listening", mix.listening)?;
        filled.hold("established", mix.established)?;
        filled.hold("half-closed", mix.half_closed)?;
        filled.hold("half-open", mix.half_open)?;
        filled.born = Instant::now();
        filled.wait_out("time-wait", mix.time_wait)?;
        filled.took = begun.elapsed();
        let late = filled.born.elapsed() > FRESH_FOR && mix.time_wait > 0;
        anyhow::ensure!(
            !late,
            "making {} TIME-WAITs took {} s here, and they last for 60 s: this machine is too slow or too busy; ask for fewer",
            mix.time_wait,
            filled.took.as_secs()
        );
        Ok(filled)
    }

    pub(crate) fn took(&self) -> Duration {
        self.took
    }

    /// Fills anew when TIME-WAITs are about to end.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        if self.mix.time_wait > 0 && self.born.elapsed() > FRESH_FOR {
            self.holders.clear();
            *self = Self::new(self.mix)?;
        }
        Ok(())
    }

    /// What must be counted.
    pub(crate) fn expected(&self) -> Vec<(&'static str, u64)> {
        let Mix { established, time_wait, half_closed, half_open, listening } = self.mix;
        // With half-open ones comes their listener, and the other end of each is established.
        let asked = u64::from(half_open > 0);
        let made = [
            ("ESTAB", established + half_open),
            ("TIME-WAIT", time_wait),
            ("FIN-WAIT-2", half_closed),
            ("CLOSE-WAIT", half_closed),
            ("SYN-RECV", half_open),
            ("LISTEN", listening + asked),
        ];
        made.into()
    }

    /// Starts a command in the namespace.
    pub(crate) fn spawn(&self, command: &mut Command) -> Result<Child> {
        Ok(self.namespace.run(|| command.spawn())??)
    }

    /// What a command prints in the namespace.
    pub(crate) fn output(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = self.namespace.run(|| Command::new(program).args(arguments).output())??;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }

    /// Starts processes that make and hold so many, and waits until they have.
    fn hold(&mut self, kind: &str, sockets: u64) -> Result<()> {
        let mut begun = Vec::new();
        for first in (0..sockets).step_by(usize::try_from(HELD / 2)?) {
            let end = sockets.min(first + HELD / 2);
            let mut child = self.start(kind, first, end, Stdio::piped())?;
            let input = child.stdin.take();
            let told = child.stdout.take().context("the holder has an output")?;
            begun.push((Holder { child, input }, told));
        }
        for (holder, told) in begun {
            let mut line = String::new();
            BufReader::new(told).read_line(&mut line)?;
            anyhow::ensure!(line.trim() == "ready", "sockets could not be made ({kind})");
            self.holders.push(holder);
        }
        Ok(())
    }

    /// Starts processes that make so many and leave them to the kernel, and waits for their end.
    fn wait_out(&self, kind: &str, sockets: u64) -> Result<()> {
        let workers = u64::try_from(std::thread::available_parallelism()?.get())?;
        let share = |worker: u64| sockets * worker / workers;
        let begun = (0..workers).map(|worker| self.start(kind, share(worker), share(worker + 1), Stdio::null()));
        for child in begun.collect::<Result<Vec<Child>>>()? {
            anyhow::ensure!(child.wait_with_output()?.status.success(), "sockets could not be made ({kind})");
        }
        Ok(())
    }

    fn start(&self, kind: &str, first: u64, end: u64, input: Stdio) -> Result<Child> {
        let mut command = Command::new(own_path());
        command.args(["--fill", kind, &first.to_string(), &end.to_string()]).stdin(input).stdout(Stdio::piped());
        self.spawn(&mut command)
    }
}

/// Makes sockets when that is what the bench was started for.
pub(crate) fn run_part(words: &[&str]) -> Option<Result<()>> {
    let ["--fill", kind, first, end] = words else { return None };
    let range = first.parse().and_then(|first: u64| Ok(first..end.parse::<u64>()?));
    Some(range.map_err(Into::into).and_then(|range| make(kind, range)))
}

fn make(kind: &str, range: std::ops::Range<u64>) -> Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised)?;
    let mut held: Vec<OwnedFd> = Vec::new();
    match kind {
        "time-wait" => {
            for at in range {
                let end = endpoint(WAITING, at)?;
                drop(repaired(end, end)?);
            }
            return Ok(());
        }
        "established" => {
            for at in range {
                let end = endpoint(OPEN, at)?;
                held.push(repaired(end, end)?);
            }
        }
        "half-closed" => {
            for at in range {
                let (one, other) = (endpoint(CLOSING, at)?, endpoint(CLOSED, at)?);
                held.extend([repaired(one, other)?, repaired(other, one)?]);
                if let [.., closing, _] = held.as_slice() {
                    rustix::net::shutdown(closing, rustix::net::Shutdown::Write)?;
                }
            }
        }
        "listening" => {
            for at in range {
                let socket = tcp_socket(SocketFlags::CLOEXEC)?;
                bind(&socket, &endpoint(LISTENING, at)?)?;
                listen(&socket, 128)?;
                held.push(socket);
            }
        }
        "half-open" => half_open(range, &mut held)?,
        other => anyhow::bail!("no such kind: {other}"),
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    // Until the bench lets go, or ends.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Connections whose listener waits for data keep their request. Only the first share has the listener.
fn half_open(range: std::ops::Range<u64>, held: &mut Vec<OwnedFd>) -> Result<()> {
    if range.start == 0 {
        let socket = tcp_socket(SocketFlags::CLOEXEC)?;
        set_int_option(&socket, IntOption::DeferAccept, 300)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, ASKED_PORT))?;
        // A queue that is more than half full is pruned.
        listen(&socket, 16_000_000)?;
        held.push(socket);
    }
    for at in range {
        let address = Ipv4Addr::from(u32::from_be_bytes([127, ASKED, 0, 1]) + u32::try_from(at / TO_ONE)?);
        let socket = tcp_socket(SocketFlags::CLOEXEC)?;
        let connected = connect_soon(&socket, SocketAddrV4::new(address, ASKED_PORT));
        connected.with_context(|| format!("connecting to {address}"))?;
        held.push(socket);
    }
    Ok(())
}

/// Connects; another process may not listen yet.
fn connect_soon(socket: &OwnedFd, to: SocketAddrV4) -> Result<()> {
    let begun = Instant::now();
    loop {
        match connect(socket, &to) {
            Err(rustix::io::Errno::CONNREFUSED) if begun.elapsed() < Duration::from_secs(10) => {
                std::thread::yield_now()
            }
            answer => return Ok(answer?),
        }
    }
}

fn tcp_socket(flags: SocketFlags) -> Result<OwnedFd> {
    Ok(socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(rustix::net::ipproto::TCP))?)
}

/// The endpoint with this number among those of a kind.
fn endpoint(kind: u8, at: u64) -> Result<SocketAddrV4> {
    let address = u32::from_be_bytes([127, kind, 0, 1]) + u32::try_from(at / PORTS)?;
    Ok(SocketAddrV4::new(Ipv4Addr::from(address), PORT_FIRST + u16::try_from(at % PORTS)?))
}

/// A connection that is established at once, without a packet; both ends begin at sequence number 0.
fn repaired(local: SocketAddrV4, remote: SocketAddrV4) -> Result<OwnedFd> {
    let socket = tcp_socket(SocketFlags::CLOEXEC)?;
    set_option(&socket, TCP_REPAIR, &[1])?;
    bind(&socket, &local)?;
    connect(&socket, &remote)?;
    // snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup.
    set_option(&socket, TCP_REPAIR_WINDOW, &[0, 65_535, 65_535, 65_535, 0])?;
    set_option(&socket, TCP_REPAIR, &[-1])?;
    Ok(socket)
}

/// Sets an option of TCP that is one or several words.
#[expect(unsafe_code, reason = "no safe wrapper of these options is among the dependencies")]
fn set_option(socket: &OwnedFd, name: libc::c_int, value: &[libc::c_int]) -> Result<()> {
    let length = libc::socklen_t::try_from(std::mem::size_of_val(value))?;
    // SAFETY: the pointer and the length are of one live slice, which setsockopt(2) only reads.
    let answer =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, name, value.as_ptr().cast(), length) };
    if answer == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().into()) }
}
