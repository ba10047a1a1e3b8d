//! The applications of both ends: their sockets, and what they do with them.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};

use super::LabError;
use super::network::Host;
use crate::model::{Action, Errno, Measured, Scenario, Side, SocketOptions, Start};
use crate::sys::{IntOption, Interest, Stream, listen_on, set_backlog, set_int_option, unix_ns};
use crate::wire::TcpInfo;

/// The server's port.
pub(super) const PORT: u16 = 80;
/// The client's, where the script has to know it.
pub(super) const CLIENT_PORT: u16 = 40_000;
/// The first port of connections that take places in the accept queue.
const FILLER_PORT: u16 = 50_000;
const BACKLOG: i32 = 128;
/// A receive buffer that is full after a few segments.
const SMALL_BUFFER: i32 = 4096;

/// The application of one end.
pub(super) struct App {
    /// Where it listens, or would.
    own: SocketAddr,
    peer: SocketAddr,
    /// Whether connect() binds the own port first, since the peer must know it.
    binds: bool,
    /// Its options, as set last.
    options: SocketOptions,
    listener: Option<TcpListener>,
    /// Connections of others that lie before the scenario's in the accept queue.
    others: u32,
    /// Those of them that were accepted.
    held: Vec<Stream>,
    /// The connection, until it is closed.
    stream: Option<Stream>,
    /// Whether connect() is under way.
    pub(super) connecting: bool,
    /// What it does as soon as the connection is there.
    wishes: Vec<Action>,
    /// Whether it reads what arrives.
    reads: bool,
    /// Whether the peer has closed.
    ended: bool,
    /// Whether both directions are closed, so that there is nothing to wait for any more.
    hung_up: bool,
    /// What a call on the connection failed with.
    failure: Option<io::Error>,
    /// Whether it has just closed since the peer has.
    pub(super) answered_close: bool,
}

/// What an application learns of its connection.
pub(super) struct Noticed {
    /// Whether connect() has come to an end.
    pub(super) connecting: bool,
    /// What went wrong.
    pub(super) errno: Option<Errno>,
}

/// The application of both ends.
pub(super) struct Apps {
    ends: BTreeMap<Side, App>,
    /// The far ends of connections that take places in the accept queue.
    fillers: Vec<Stream>,
}

impl Apps {
    pub(super) fn new(scenario: &Scenario, client: &Host, server: &Host) -> Self {
        let connects = |side| scenario.calls.iter().any(|call| call.side == side && call.action == Action::Connect);
        let at = |host: &Host, port| SocketAddr::new(host.address, port);
        let (there, here) = (at(client, CLIENT_PORT), at(server, PORT));
        let closed_window = scenario.start == Start::WindowClosed;
        let server_connects = connects(Side::Server);
        let ends = [
            (Side::Client, App::new(there, here, scenario.client.options, server_connects, true)),
            (Side::Server, App::new(here, there, scenario.server.options, server_connects, !closed_window)),
        ];
        Self { ends: BTreeMap::from(ends), fillers: Vec::new() }
    }

    pub(super) fn of(&mut self, side: Side) -> Result<&mut App, LabError> {
        self.ends.get_mut(&side).ok_or(LabError::NotPlayable("a third end"))
    }

    /// Opens another connection to the server, which is to wait in the accept queue.
    pub(super) fn connect_filler(&mut self, client: &Host) -> Result<(), LabError> {
        let number = u16::try_from(self.fillers.len()).unwrap_or(u16::MAX);
        let from = SocketAddr::new(client.address, FILLER_PORT.saturating_add(number));
        let server = self.of(Side::Server)?;
        server.others += 1;
        let to = server.own;
        let stream = client.namespace.run(|| Stream::new(to.is_ipv6()))?.map_err(setup("make a socket"))?;
        stream.bind_to(from).map_err(setup("bind a port"))?;
        stream.start_connect(to).map_err(setup("connect"))?;
        self.fillers.push(stream);
        Ok(())
    }

    /// Whether any connect() is under way.
    pub(super) fn are_connecting(&self) -> bool {
        self.ends.values().any(|app| app.connecting)
    }

    /// Whether both ends have a connection that is open.
    pub(super) fn are_connected(&self) -> bool {
        self.ends.values().all(App::is_connected)
    }

    /// Each accepts and reads what there is, and does what it waited for.
    pub(super) fn serve(&mut self) -> Result<(), LabError> {
        self.ends.values_mut().try_for_each(App::serve)
    }

    /// What to wait for.
    pub(super) fn watched(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Interest)> {
        self.ends.values().filter(|app| !app.hung_up).filter_map(|app| {
            let interest = if app.connecting { Interest::Writable } else { Interest::Failure };
            app.stream.as_ref().map(|stream| (stream.as_fd(), interest))
        })
    }

    /// What both ends have measured of the wire so far.
    pub(super) fn measured(&self) -> BTreeMap<Side, Measured> {
        let read = |app: &App| {
            let bytes = app.stream.as_ref()?.tcp_info().ok()?;
            let info = TcpInfo::of(&bytes);
            Some(Measured { rto_us: u64::from(info.rto_us()?), srtt_us: u64::from(info.rtt_us()?) })
        };
        self.ends.iter().filter_map(|(side, app)| Some((*side, read(app)?))).collect()
    }
}

impl App {
    fn new(own: SocketAddr, peer: SocketAddr, options: SocketOptions, binds: bool, reads: bool) -> Self {
        Self {
            own,
            peer,
            binds,
            options,
            listener: None,
            others: 0,
            held: Vec::new(),
            stream: None,
            connecting: false,
            wishes: Vec::new(),
            reads,
            ended: false,
            hung_up: false,
            failure: None,
            answered_close: false,
        }
    }

    /// Listens; connections that it takes from now on inherit its options.
    pub(super) fn listen(&mut self, host: &Host) -> Result<(), LabError> {
        let listener = host.namespace.run(|| listen_on(self.own, BACKLOG))?.map_err(setup("listen"))?;
        if !self.reads {
            set(&listener, IntOption::ReceiveBuffer, SMALL_BUFFER)?;
        }
        set_options(&listener, &self.options, None)?;
        self.listener = Some(listener);
        Ok(())
    }

    /// Gives the listener another backlog; what waits in its queue stays there.
    pub(super) fn limit_queue(&self, backlog: u32) -> Result<(), LabError> {
        let Some(listener) = &self.listener else { return Ok(()) };
        set_backlog(listener, i32::try_from(backlog).unwrap_or(i32::MAX)).map_err(setup("listen with another backlog"))
    }

    /// Begins a connect() of a new socket; says when, in nanoseconds since 1970, and what the kernel answers where it
    /// refuses at once.
    pub(super) fn connect(&mut self, host: &Host) -> Result<(u64, Option<Errno>), LabError> {
        let socket = host.namespace.run(|| Stream::new(self.peer.is_ipv6()))?.map_err(setup("make a socket"))?;
        set_options(&socket, &self.options, None)?;
        // Each send() is a segment of its own.
        set(&socket, IntOption::NoDelay, 1)?;
        if self.binds {
            socket.bind_to(self.own).map_err(setup("bind a port"))?;
        }
        // Making the socket takes its time.
        let now_ns = unix_ns();
        match socket.start_connect(self.peer) {
            Ok(()) => {
                (self.stream, self.connecting, self.ended, self.hung_up) = (Some(socket), true, false, false);
                Ok((now_ns, None))
            }
            Err(error) => Ok((now_ns, Some(errno_of(&error)?))),
        }
    }

    /// accept() of one of the others' connections, which makes room in the queue.
    pub(super) fn accept_other(&mut self) -> Result<(), LabError> {
        let Some(listener) = &self.listener else { return Err(LabError::NotPlayable("accept() without a listener")) };
        if self.others > 0 {
            let other = Stream::accept(listener).map_err(LabError::Wire)?;
            self.others -= u32::from(other.is_some());
            self.held.extend(other);
        }
        Ok(())
    }

    /// Whether it has a connection that is open.
    pub(super) const fn is_connected(&self) -> bool {
        self.stream.is_some() && !self.connecting
    }

    /// Wants this as soon as the connection is there.
    pub(super) fn wish(&mut self, action: Action) -> Result<(), LabError> {
        self.wishes.push(action);
        self.serve()
    }

    /// The process ends, and the kernel closes what it held.
    pub(super) fn die(&mut self) {
        self.wishes.clear();
        self.held.clear();
        (self.listener, self.stream, self.connecting) = (None, None, false);
    }

    /// Lets the kernel forget the connection as a reboot does; the wire must lose the RST.
    pub(super) fn forget(&mut self) -> Result<(), LabError> {
        self.wishes.clear();
        self.connecting = false;
        self.stream.take().map_or(Ok(()), Stream::reset).map_err(LabError::Wire)
    }

    /// setsockopt() on the connection, or on the listener where there is none yet.
    pub(super) fn set_options(&mut self, options: SocketOptions) -> Result<(), LabError> {
        let before = core::mem::replace(&mut self.options, options);
        match (&self.stream, &self.listener) {
            (Some(stream), _) => set_options(stream, &options, Some(&before)),
            (None, Some(listener)) => set_options(listener, &options, Some(&before)),
            (None, None) => Ok(()),
        }
    }

    /// Fills the way to a peer that does not read, until the kernel takes no more.
    pub(super) fn fill(&self) -> Result<(), LabError> {
        let bytes = [0_u8; 16 << 10];
        let Some(stream) = &self.stream else { return Err(LabError::NotPlayable("filling a closed connection")) };
        while stream.send(&bytes).map_err(LabError::Wire)? > 0 {}
        Ok(())
    }

    /// Accepts and reads what there is, and does what it waited for.
    fn serve(&mut self) -> Result<(), LabError> {
        if self.stream.is_none()
            && self.others == 0
            && let Some(listener) = &self.listener
        {
            self.stream = Stream::accept(listener).map_err(LabError::Wire)?;
            if let Some(stream) = &self.stream {
                set(stream, IntOption::NoDelay, 1)?;
                (self.ended, self.hung_up) = (false, false);
            }
        }
        if let Some(stream) = self.stream.as_ref().filter(|_| self.reads && !self.connecting) {
            match stream.drain() {
                Ok(ended) => self.ended = ended,
                // Closed long ago.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => self.ended = true,
                Err(error) => self.failure = Some(error),
            }
        }
        if self.failure.is_none() { self.grant() } else { Ok(()) }
    }

    /// Does what it wants and can.
    fn grant(&mut self) -> Result<(), LabError> {
        while let Some(wish) = self.wishes.first().copied().filter(|_| !self.connecting) {
            let Some(stream) = &self.stream else { break };
            self.answered_close |= self.ended && matches!(wish, Action::Close | Action::CloseAfterPeer);
            match wish {
                Action::Send => self.failure = stream.send(b"x").err(),
                Action::Shutdown => stream.shutdown_write().map_err(setup("shut down"))?,
                Action::CloseAfterPeer if !self.ended => break,
                Action::Close | Action::CloseAfterPeer => self.stream = None,
                Action::Abort => self.stream.take().map_or(Ok(()), Stream::reset).map_err(LabError::Wire)?,
                _ => return Err(LabError::NotPlayable("such a call on a connection")),
            }
            self.wishes.remove(0);
        }
        Ok(())
    }

    /// What has become of the connection, or of the connect() that was under way, where there is news.
    pub(super) fn notice(&mut self) -> Result<Option<Noticed>, LabError> {
        let Some(stream) = &self.stream else {
            self.failure = None;
            return Ok(None);
        };
        let now = stream.readiness().map_err(LabError::Wire)?;
        let pending = if now.failed { stream.take_error().map_err(LabError::Wire)? } else { None };
        if let Some(error) = self.failure.take().or(pending) {
            self.stream = None;
            self.wishes.clear();
            let connecting = core::mem::take(&mut self.connecting);
            return Ok(Some(Noticed { connecting, errno: Some(errno_of(&error)?) }));
        }
        self.hung_up = now.hung_up;
        if self.connecting && (now.writable || now.hung_up) {
            self.connecting = false;
            return Ok(Some(Noticed { connecting: true, errno: None }));
        }
        Ok(None)
    }
}

fn setup(doing: &'static str) -> impl Fn(io::Error) -> LabError {
    move |error| LabError::Setup { doing, error }
}

fn set(socket: impl AsFd, option: IntOption, value: i32) -> Result<(), LabError> {
    set_int_option(socket, option, value).map_err(setup("set a socket option"))
}

/// Sets the options that the scenario asks for; those that had a value before and have none now are switched off.
fn set_options(socket: &impl AsFd, options: &SocketOptions, before: Option<&SocketOptions>) -> Result<(), LabError> {
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let values = |options: &SocketOptions| {
        [
            (IntOption::SynCount, options.syncnt.map(i32::from)),
            (IntOption::UserTimeout, (options.user_timeout_ms > 0).then(|| number(options.user_timeout_ms))),
            (IntOption::Linger2, options.linger2_s),
            (IntOption::DeferAccept, options.defer_accept_s.map(number)),
            (IntOption::RtoMaxMs, options.rto_max_ms.map(number)),
            (IntOption::RtoMinUs, options.rto_min_us.map(number)),
            (IntOption::ThinLinearTimeouts, options.thin_linear_timeouts.then_some(1)),
            (IntOption::KeepIdle, options.keepidle_s.map(number)),
            (IntOption::KeepInterval, options.keepintvl_s.map(number)),
            (IntOption::KeepCount, options.keepcnt.map(i32::from)),
            (IntOption::Keepalive, options.keepalive.then_some(1)),
        ]
    };
    let before = values(before.unwrap_or(&SocketOptions::default()));
    for ((option, value), (_, old)) in values(options).into_iter().zip(before) {
        if value == old {
            continue;
        }
        // Of those that can be taken back, all take 0 for off.
        set(socket, option, value.unwrap_or(0))?;
    }
    Ok(())
}

/// An error of the kernel in the model's words.
pub(super) fn errno_of(error: &io::Error) -> Result<Errno, LabError> {
    Ok(match error.kind() {
        io::ErrorKind::TimedOut => Errno::TimedOut,
        io::ErrorKind::ConnectionRefused => Errno::ConnectionRefused,
        io::ErrorKind::ConnectionReset => Errno::ConnectionReset,
        io::ErrorKind::BrokenPipe => Errno::BrokenPipe,
        io::ErrorKind::HostUnreachable => Errno::HostUnreachable,
        io::ErrorKind::NetworkUnreachable => Errno::NetworkUnreachable,
        io::ErrorKind::AddrNotAvailable => Errno::AddressNotAvailable,
        io::ErrorKind::PermissionDenied => Errno::PermissionDenied,
        _ => return Err(LabError::Wire(io::Error::new(error.kind(), error.to_string()))),
    })
}
