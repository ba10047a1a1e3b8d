//! A fresh network namespace, seen from a thread that is in it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{set_ipv6_v6only, set_socket_linger, set_socket_reuseaddr, set_socket_reuseport};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with};
use serde_json::Value;
use tcpctl::collect::{self, Source};
use tcpctl::snapshot::Snapshot;
use tcpctl::sys::{Namespace, SysctlFiles};

/// How long a case waits for something that must happen.
const DEADLINE: Duration = Duration::from_secs(10);
/// Sysctls that the cases read.
const KEYS: [&str; 4] =
    ["net.core.somaxconn", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies"];

/// The namespace of the calling thread.
#[derive(Clone)]
pub(crate) struct Place {
    inode: u64,
}

/// How to listen.
#[derive(Clone, Copy)]
pub(crate) struct Listening {
    /// The argument of listen().
    pub(crate) backlog: i32,
    /// `IPV6_V6ONLY`, for IPv6 only.
    pub(crate) v6_only: bool,
    /// `SO_REUSEPORT`.
    pub(crate) share: bool,
}

impl Listening {
    /// With this backlog, IPv6 apart from IPv4, alone on its port.
    pub(crate) const fn with_backlog(backlog: i32) -> Self {
        Self { backlog, v6_only: true, share: false }
    }
}

impl Place {
    /// The namespace that the calling thread has just entered.
    pub(crate) fn here(namespace: &Namespace) -> Self {
        Self { inode: namespace.inode().expect("a namespace has an inode") }
    }

    /// Inode of the namespace.
    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    /// Writes a sysctl of this namespace.
    pub(crate) fn set(&self, key: &str, value: &str) {
        assert_eq!(tcpctl::sys::own_netns_inode(), Some(self.inode), "the thread left its namespace");
        SysctlFiles::new("/proc").write(&key.parse().expect("a key"), value).expect("a sysctl can be written");
    }

    /// What to read here.
    pub(crate) fn source(&self) -> Source {
        Source::own(KEYS.iter().map(|key| key.parse().expect("a key")).collect())
    }

    /// Reads the namespace with the library.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let snapshot = collect::live(&self.source()).expect("the own namespace can be read");
        assert_eq!(snapshot.netns.inode, Some(self.inode), "another namespace was read");
        snapshot
    }

    /// Runs the built program here, as a child that inherits the namespace.
    pub(crate) fn tcpctl(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(arguments).output().expect("the program runs")
    }

    /// Runs the built program here and reads its JSON; it must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.tcpctl(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("the output is JSON")
    }

    /// Listens here.
    pub(crate) fn listen(&self, address: &str, how: Listening) -> TcpListener {
        let address: SocketAddr = address.parse().expect("an address with a port");
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket =
            socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP)).expect("a socket");
        set_socket_reuseaddr(&socket, true).expect("SO_REUSEADDR");
        if how.share {
            set_socket_reuseport(&socket, true).expect("SO_REUSEPORT");
        }
        if address.is_ipv6() {
            set_ipv6_v6only(&socket, how.v6_only).expect("IPV6_V6ONLY");
        }
        bind(&socket, &address).expect("the address is free in a fresh namespace");
        listen(&socket, how.backlog).expect("listen");
        TcpListener::from(socket)
    }
}

/// Waits until a listener can be reached: the kernel makes the routes of a new IPv6 address a moment later
/// (`addrconf_dad_work`). The connection that shows it is reset, so that nothing is left of it.
pub(crate) fn until_reachable(listener: &TcpListener) {
    let to = listener.local_addr().unwrap();
    let client = until("a way to the listener", || TcpStream::connect(to));
    let (server, _) = listener.accept().unwrap();
    set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
    drop(client);
    // The reset has come before close() returned.
    drop(server);
}

/// Asks again and again until there is an answer, and panics with what was last seen after a deadline.
pub(crate) fn until<T, S: core::fmt::Debug>(what: &str, mut ask: impl FnMut() -> Result<T, S>) -> T {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(seen) if started.elapsed() > DEADLINE => panic!("{what} did not happen; last seen: {seen:?}"),
            // The kernel tells nobody when a count changes, so there is nothing to wait on but time.
            Err(_) => sleep(Duration::from_millis(1)),
        }
    }
}
