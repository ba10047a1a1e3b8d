//! Both ends of connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};

use crate::place::{Listening, Place};
use crate::wire::{FAR, Wire};

/// Nobody answers there.
pub(crate) const SILENT: ([u8; 4], u16) = ([192, 0, 2, 99], 80);

/// Sends a SYN and does not wait for the answer.
pub(crate) fn begin_connect(to: SocketAddr) -> TcpStream {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP)).expect("a socket");
    match connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS | rustix::io::Errno::CONNREFUSED) => {}
        Err(error) => panic!("connect: {error}"),
    }
    TcpStream::from(socket)
}

/// Takes all that waits.
pub(crate) fn accept_all(listener: &TcpListener) -> Vec<TcpStream> {
    listener.set_nonblocking(true).expect("a listener");
    core::iter::from_fn(|| match listener.accept() {
        Ok((stream, _)) => Some(stream),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("accept: {error}"),
    })
    .collect()
}

/// A listener on loopback.
pub(crate) fn listener(place: &Place, backlog: i32) -> (TcpListener, SocketAddr) {
    let listener = place.listen("127.0.0.1:0", Listening::with_backlog(backlog));
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Both ends of a connection.
pub(crate) fn pair(listener: &TcpListener, to: SocketAddr) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(to).expect("it listens");
    (client, listener.accept().expect("it connected").0)
}

pub(crate) fn read_to_end(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the peer closes");
}

/// One connection with a request and an answer, closed in order by the client.
pub(crate) fn ask(listener: &TcpListener, to: SocketAddr) {
    let (mut client, mut server) = pair(listener, to);
    client.write_all(b"question").expect("room");
    client.shutdown(Shutdown::Write).expect("open");
    read_to_end(&mut server);
    server.write_all(b"answer").expect("room");
    drop(server);
    read_to_end(&mut client);
}

/// A listener at the far end.
pub(crate) fn far_listener(wire: &Wire) -> (TcpListener, SocketAddr) {
    let to = SocketAddr::from((FAR, 80));
    (wire.at_far_end(|| TcpListener::bind(to).expect("the address is the far end's")), to)
}

/// Connections to the far end, which then goes silent.
pub(crate) fn connections(wire: &Wire, count: usize) -> (Vec<TcpStream>, Vec<TcpStream>) {
    let (listener, to) = far_listener(wire);
    (0..count).map(|_| pair(&listener, to)).unzip()
}
