//! What this kernel sends of sockets that are known: a text that `tests/data/dumps` keeps and a test replays.
//!
//! `cargo test -q --test kernels -- --dump` prints that of the running kernel, `tests/kernels/run --dump` those of others.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use std::io::Write;
use tcpctl::sys::{DumpStep, IntOption, Namespace, SockDiag, raise_loopback, set_int_option};
use tcpctl::units::TcpState;
use tcpctl::wire::{DumpRequest, Extensions, InetDiag, MessageKind, Messages, StateMask};

use crate::fill::{begin_connect, read_end};
use crate::place::{Listening, Place};

/// Bytes of the dump on a line.
const ON_A_LINE: usize = 60;
/// How long the last segments may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// `IPPROTO_MPTCP` of `include/uapi/linux/in.h`.
const MPTCP: u32 = 262;

/// Prints the text.
pub(crate) fn print() {
    let namespace = Namespace::fresh().expect("root may make a namespace");
    namespace
        .run(|| {
            raise_loopback().expect("it has a loopback device");
            let made = Made::new(&Place::here(&namespace));
            let buffers = made.dump();
            println!(
                "# sockets of Linux {}",
                std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("proc").trim()
            );
            made.lines.iter().for_each(|line| println!("{line}"));
            for buffer in buffers {
                println!("answer");
                for bytes in buffer.chunks(ON_A_LINE) {
                    println!("{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
                }
            }
            println!("# end");
        })
        .expect("it can be entered");
}

/// Sockets that are kept open, and a line for each that there is.
#[derive(Default)]
struct Made {
    lines: Vec<String>,
    kept: Vec<std::os::fd::OwnedFd>,
}

impl Made {
    fn new(place: &Place) -> Self {
        let mut made = Self::default();
        let shared = Listening { share: true, ..Listening::with_backlog(3) };
        let both = Listening { v6_only: false, ..Listening::with_backlog(7) };
        for (address, reached, how) in [
            ("127.0.0.1:7001", "127.0.0.1:7001", Listening::with_backlog(5)),
            ("[::1]:7002", "[::1]:7002", Listening::with_backlog(6)),
            ("[::]:7003", "127.0.0.1:7003", both),
        ] {
            let listener = place.listen(address, how);
            made.listening(&listener, how.backlog);
            let pair = || {
                let client = TcpStream::connect(reached).expect("it listens");
                (client, listener.accept().expect("it was reached").0)
            };
            let (client, server) = pair();
            (&client).write_all(&[7; 321]).expect("the peer has room");
            made.connected(&client, TcpState::Estab, 0);
            made.connected(&server, TcpState::Estab, 321);
            made.keep([client, server]);
            let (client, server) = pair();
            client.shutdown(Shutdown::Write).expect("it is connected");
            made.connected(&client, TcpState::FinWait2, 0);
            // A FIN counts as one byte to be read.
            made.connected(&server, TcpState::CloseWait, 1);
            made.keep([client, server]);
            // Nobody owns the first: it becomes a minisock.
            let (client, mut server) = pair();
            made.connected(&client, TcpState::FinWait2, 0);
            drop(client);
            read_end(&mut server);
            made.connected(&server, TcpState::CloseWait, 0);
            made.keep([server]);
            let (client, mut server) = pair();
            made.connected(&client, TcpState::TimeWait, 0);
            drop(client);
            read_end(&mut server);
            drop(server);
            made.kept.push(listener.into());
        }
        for _ in 0..2 {
            let listener = place.listen("127.0.0.1:7004", shared);
            made.listening(&listener, shared.backlog);
            made.kept.push(listener.into());
        }
        made.opening(place);
        made.others();
        made.lines.sort();
        made
    }

    /// A request that waits for data, and a SYN that finds a full queue.
    fn opening(&mut self, place: &Place) {
        let waiting = place.listen("127.0.0.1:7005", Listening::with_backlog(8));
        set_int_option(&waiting, IntOption::DeferAccept, 60).expect("TCP_DEFER_ACCEPT");
        self.listening(&waiting, 8);
        let client = TcpStream::connect("127.0.0.1:7005").expect("it listens");
        self.connected(&client, TcpState::Estab, 0);
        self.line(TcpState::SynRecv, client.peer_addr(), client.local_addr(), 0, 0);
        let full = place.listen("[::1]:7006", Listening::with_backlog(0));
        let first = TcpStream::connect("[::1]:7006").expect("the queue holds one");
        let second = begin_connect("[::1]:7006".parse().expect("an address"));
        self.connected(&first, TcpState::Estab, 0);
        self.line(TcpState::Estab, first.peer_addr(), first.local_addr(), 0, 0);
        self.line(TcpState::Listen, full.local_addr(), Ok(any(true)), 1, 0);
        self.line(TcpState::SynSent, second.local_addr(), full.local_addr(), 0, 1);
        self.kept.extend([waiting.into(), full.into()]);
        self.keep([client, first, second]);
    }

    /// One that is only bound, which is shown since Linux 6.8, and a listener of MPTCP where the kernel has that.
    fn others(&mut self) {
        let address: SocketAddr = "127.0.0.1:7007".parse().expect("an address");
        let bound = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a socket");
        bind(&bound, &address).expect("the port is free");
        self.kept.push(bound);
        self.lines.push(format!("maybe CLOSE {address} {} 0 0", any(false)));
        let protocol = rustix::net::Protocol::from_raw(core::num::NonZero::new(MPTCP).expect("it is not 0"));
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, Some(protocol));
        if let Ok(socket) = socket {
            let address: SocketAddr = "127.0.0.1:7008".parse().expect("an address");
            bind(&socket, &address).expect("the port is free");
            rustix::net::listen(&socket, 9).expect("it is bound");
            self.line(TcpState::Listen, Ok(address), Ok(any(false)), 0, 9);
            self.kept.push(socket);
        }
    }

    fn listening(&mut self, listener: &std::net::TcpListener, backlog: i32) {
        let local = listener.local_addr().expect("it is bound");
        self.line(TcpState::Listen, Ok(local), Ok(any(local.is_ipv6())), 0, backlog);
    }

    fn connected(&mut self, stream: &TcpStream, state: TcpState, unread: u32) {
        self.line(state, stream.local_addr(), stream.peer_addr(), unread, 0);
    }

    /// State, both ends, what is to be read, and what is not acknowledged or may wait.
    fn line(
        &mut self,
        state: TcpState,
        local: std::io::Result<SocketAddr>,
        remote: std::io::Result<SocketAddr>,
        receive_queue: u32,
        send_queue: i32,
    ) {
        let (local, remote) = (local.expect("it is bound"), remote.expect("it is connected"));
        self.lines.push(format!("socket {} {local} {remote} {receive_queue} {send_queue}", state.name()));
    }

    fn keep<const N: usize>(&mut self, streams: [TcpStream; N]) {
        self.kept.extend(streams.map(Into::into));
    }

    /// The answers to one request for all of them, when every segment has come.
    fn dump(&self) -> Vec<Vec<u8>> {
        let wanted = Extensions::INFO.and(Extensions::CONGESTION).and(Extensions::MEMORY);
        let wanted = wanted.and(Extensions::TOS).and(Extensions::TRAFFIC_CLASS);
        let request = DumpRequest::of(StateMask::ALL).with(wanted);
        let mut socket = SockDiag::open().expect("the kernel has sock_diag");
        let began = Instant::now();
        loop {
            let mut buffers = Vec::new();
            let taken = socket.dump(&request.for_both(1), |buffer| {
                buffers.push(buffer.to_vec());
                let is_end = |kind| matches!(kind, MessageKind::Done(_) | MessageKind::Error(_));
                if Messages::new(buffer).any(|one| is_end(one.kind)) { DumpStep::Done } else { DumpStep::More }
            });
            taken.expect("it answers");
            if self.is_settled(&buffers) {
                return buffers;
            }
            assert!(began.elapsed() < DEADLINE, "the sockets are not as they were made");
            sleep(Duration::from_millis(5));
        }
    }

    /// Whether as many are in each state as were made.
    fn is_settled(&self, buffers: &[Vec<u8>]) -> bool {
        let found = |state: TcpState| {
            let messages = buffers.iter().flat_map(|buffer| Messages::new(buffer));
            let is = |kind| matches!(kind, MessageKind::Data(_, payload) if InetDiag::decode(payload).and_then(|one| one.state()) == Some(state));
            messages.filter(|one| is(one.kind)).count()
        };
        let made = |state: TcpState| {
            let start = format!("socket {} ", state.name());
            self.lines.iter().filter(|line| line.starts_with(&start)).count()
        };
        TcpState::ALL.into_iter().filter(|state| *state != TcpState::Close).all(|state| found(state) == made(state))
    }
}

/// What a socket without a peer has for one.
fn any(is_ipv6: bool) -> SocketAddr {
    if is_ipv6 { "[::]:0".parse().expect("an address") } else { "0.0.0.0:0".parse().expect("an address") }
}
