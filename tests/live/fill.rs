//! Sockets in known numbers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};
use tcpctl::sys::{IntOption, set_int_option};
use tcpctl::units::TcpState;

use crate::place::{Listening, Place};

/// Sockets that are kept open, and how many of each state they make.
#[derive(Default)]
pub(crate) struct Fill {
    pub(crate) streams: Vec<TcpStream>,
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) expected: BTreeMap<TcpState, u64>,
}

impl Fill {
    pub(crate) fn expect(&mut self, state: TcpState, more: u64) {
        *self.expected.entry(state).or_default() += more;
    }

    pub(crate) fn listener(&mut self, place: &Place, address: &str, how: Listening) -> SocketAddr {
        let listener = place.listen(address, how);
        let bound = listener.local_addr().unwrap();
        self.listeners.push(listener);
        self.expect(TcpState::Listen, 1);
        bound
    }

    /// Both ends of a connection through the last listener.
    pub(crate) fn pair(&mut self, to: SocketAddr) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(to).unwrap();
        let (server, _) = self.listeners.last().unwrap().accept().unwrap();
        (client, server)
    }

    pub(crate) fn established(&mut self, to: SocketAddr, count: u64) {
        for _ in 0..count {
            let (client, server) = self.pair(to);
            self.streams.extend([client, server]);
        }
        self.expect(TcpState::Estab, 2 * count);
    }

    /// The client has closed its half; the server has not.
    pub(crate) fn half_closed(&mut self, to: SocketAddr, count: u64) {
        for _ in 0..count {
            let (client, mut server) = self.pair(to);
            client.shutdown(Shutdown::Write).unwrap();
            read_end(&mut server);
            self.streams.extend([client, server]);
        }
        self.expect(TcpState::FinWait2, count);
        self.expect(TcpState::CloseWait, count);
    }

    /// The same with the client's descriptor gone: FIN_WAIT_2 is kept as a minisock.
    pub(crate) fn orphaned(&mut self, to: SocketAddr, count: u64) {
        for _ in 0..count {
            let (client, mut server) = self.pair(to);
            client.shutdown(Shutdown::Write).unwrap();
            read_end(&mut server);
            drop(client);
            self.streams.push(server);
        }
        self.expect(TcpState::FinWait2, count);
        self.expect(TcpState::CloseWait, count);
    }

    /// Clients that closed with more to send than the peer takes: their FIN waits behind the data.
    pub(crate) fn stuck_closing_first(&mut self, to: SocketAddr, count: u64) {
        for _ in 0..count {
            let (client, server) = self.pair(to);
            stuff(&client);
            drop(client);
            self.streams.push(server);
        }
        self.expect(TcpState::FinWait1, count);
        self.expect(TcpState::Estab, count);
    }

    /// The same, and then the peer closed too.
    pub(crate) fn stuck_closing_both(&mut self, to: SocketAddr, count: u64) {
        for _ in 0..count {
            let (client, server) = self.pair(to);
            stuff(&client);
            client.shutdown(Shutdown::Write).unwrap();
            server.shutdown(Shutdown::Write).unwrap();
            self.streams.extend([client, server]);
        }
        self.expect(TcpState::Closing, count);
        self.expect(TcpState::FinWait2, count);
    }

    /// Servers that closed second with more to send than the client takes.
    pub(crate) fn stuck_closing_second(&mut self, to: SocketAddr, count: u64) {
        for _ in 0..count {
            let (client, mut server) = self.pair(to);
            client.shutdown(Shutdown::Write).unwrap();
            read_end(&mut server);
            stuff(&server);
            drop(server);
            self.streams.push(client);
        }
        self.expect(TcpState::LastAck, count);
        self.expect(TcpState::FinWait2, count);
    }

    /// Closed by the client first and then by the server.
    pub(crate) fn time_wait(&mut self, to: SocketAddr, count: u64) {
        for _ in 0..count {
            let (client, mut server) = self.pair(to);
            drop(client);
            read_end(&mut server);
            drop(server);
        }
        self.expect(TcpState::TimeWait, count);
    }

    /// Requests that wait for data (`TCP_DEFER_ACCEPT`), and so stay half-open; the clients' ends are established.
    pub(crate) fn half_open(&mut self, to: SocketAddr, count: u64) {
        set_int_option(self.listeners.last().unwrap(), IntOption::DeferAccept, 60).unwrap();
        self.streams.extend((0..count).map(|_| TcpStream::connect(to).unwrap()));
        self.expect(TcpState::SynRecv, count);
        self.expect(TcpState::Estab, count);
    }

    /// Fills an accept queue of backlog 0 with the one connection that it holds, and knocks.
    pub(crate) fn knocking(&mut self, place: &Place, address: &str, count: u64) {
        let to = self.listener(place, address, Listening::with_backlog(0));
        self.streams.push(TcpStream::connect(to).unwrap());
        self.expect(TcpState::Estab, 2);
        self.streams.extend((0..count).map(|_| begin_connect(to)));
        self.expect(TcpState::SynSent, count);
    }

    pub(crate) fn count(&self, state: TcpState) -> u64 {
        self.expected.get(&state).copied().unwrap_or(0)
    }

    /// All states with their expected counts, zeros included.
    pub(crate) fn all(&self) -> BTreeMap<TcpState, u64> {
        TcpState::ALL.into_iter().map(|state| (state, self.count(state))).collect()
    }
}

/// Writes until nothing more fits into both buffers.
fn stuff(stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let mut stream = stream;
    while stream.write(&[0; 65_536]).is_ok() {}
    stream.set_nonblocking(false).unwrap();
}

/// Waits for the peer's FIN.
pub(crate) fn read_end(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

/// Sends a SYN and does not wait for the answer.
pub(crate) fn begin_connect(to: SocketAddr) -> TcpStream {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP)).unwrap();
    assert_eq!(connect(&socket, &to), Err(rustix::io::Errno::INPROGRESS));
    TcpStream::from(socket)
}

/// One of everything, in numbers that are all different, over both families.
pub(crate) fn fill(place: &Place) -> Fill {
    let mut fill = Fill::default();
    for (address, more) in [("127.0.0.1:0", 0), ("[::1]:0", 1)] {
        let to = fill.listener(place, address, Listening::with_backlog(128));
        fill.established(to, 3 + more);
        fill.half_closed(to, 5 + more);
        fill.orphaned(to, 2 + more);
        fill.time_wait(to, 9 + more);
        let to = fill.listener(place, address, Listening::with_backlog(128));
        fill.half_open(to, 11 + more);
        fill.knocking(place, address, 4 + more);
    }
    // IPv4 clients at a listener that takes both families.
    let both = fill.listener(place, "[::]:0", Listening { v6_only: false, ..Listening::with_backlog(128) });
    let to = SocketAddr::from(([127, 0, 0, 1], both.port()));
    fill.established(to, 2);
    fill.time_wait(to, 3);
    fill.half_open(to, 6);
    fill
}
