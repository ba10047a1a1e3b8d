//! The applications of both ends: their sockets, and what they do with them.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};

use super::LabError;
use super::network::Network;
use crate::model::{Action, Measured, Side, SocketOptions};
use crate::sys::{IntOption, Stream, listen_on, set_backlog, set_int_option};
use crate::wire::TcpInfo;

pub(super) const PORT: u16 = 80;
const BACKLOG: i32 = 128;
/// A receive buffer that is full after a few segments.
const SMALL_BUFFER: i32 = 4096;

/// Sockets of both ends.
pub(super) struct Apps {
    listener: TcpListener,
    /// The client's socket from the call of connect() until it is closed.
    pub(super) client: Option<Stream>,
    /// Whether connect() is under way.
    pub(super) connecting: bool,
    /// The server's socket once it was accepted, until it is closed.
    server: Option<Stream>,
    /// Whether the server closes as soon as the client has.
    close_after_peer: bool,
    /// Whether the server reads what arrives.
    pub(super) server_reads: bool,
    /// Whether the server accepts connections.
    pub(super) server_accepts: bool,
    /// A connection that waits in the accept queue for ever, where there is one.
    waiting: Option<Stream>,
}

impl Apps {
    /// Listens in the server's namespace.
    pub(super) fn listen(network: &Network, small_buffer: bool) -> Result<Self, LabError> {
        let server = &network.server;
        let listener = server.namespace.run(|| listen_on(SocketAddr::new(server.address, PORT), BACKLOG))?;
        let listener = listener.map_err(|error| LabError::Setup { doing: "listen", error })?;
        if small_buffer {
            set(&listener, IntOption::ReceiveBuffer, SMALL_BUFFER)?;
        }
        Ok(Self {
            listener,
            client: None,
            connecting: false,
            server: None,
            close_after_peer: false,
            server_reads: !small_buffer,
            server_accepts: true,
            waiting: None,
        })
    }

    /// Sets the server's options, which connections that it takes from now on inherit.
    pub(super) fn set_server_options(&self, options: &SocketOptions) -> Result<(), LabError> {
        set_options(&self.listener, options)
    }

    /// Opens a connection that the server never accepts.
    pub(super) fn connect_waiting(&mut self, network: &Network) -> Result<(), LabError> {
        self.server_accepts = false;
        self.waiting = Some(start_connect(network, &SocketOptions::default())?);
        Ok(())
    }

    /// Leaves the accept queue no place beside the connection that waits in it.
    pub(super) fn close_accept_queue(&self) -> Result<(), LabError> {
        // A backlog of 0 is a queue of one.
        set_backlog(&self.listener, 0).map_err(|error| LabError::Setup { doing: "listen with a backlog of 0", error })
    }

    /// Calls connect() in the client's namespace.
    pub(super) fn connect(&mut self, network: &Network, options: &SocketOptions) -> Result<(), LabError> {
        (self.client, self.connecting) = (Some(start_connect(network, options)?), true);
        Ok(())
    }

    /// Accepts and reads what there is, and closes the server's socket if it is time.
    pub(super) fn serve(&mut self) -> Result<(), LabError> {
        if self.server.is_none() && self.server_accepts {
            self.server = Stream::accept(&self.listener).map_err(LabError::Wire)?;
        }
        let Some(server) = self.server.as_ref().filter(|_| self.server_reads) else { return Ok(()) };
        // A connection that was reset has nothing to close any more.
        let ended = server.drain().unwrap_or(true);
        if ended && self.close_after_peer {
            self.server = None;
        }
        Ok(())
    }

    /// Whether the server has the connection.
    pub(super) fn is_accepted(&self) -> bool {
        self.server.is_some()
    }

    /// Does what the client's application, or for CloseAfterPeer the server's, does.
    pub(super) fn act(&mut self, action: Action) -> Result<(), LabError> {
        let failed = |doing| move |error| LabError::Setup { doing, error };
        match (action, &self.client) {
            (Action::Send, Some(client)) => client.send(b"x").map(|_| ()).map_err(failed("send")),
            (Action::Shutdown, Some(client)) => client.shutdown_write().map_err(failed("shut down")),
            (Action::Close, _) => {
                self.client = None;
                Ok(())
            }
            (Action::CloseAfterPeer, _) => {
                self.close_after_peer = true;
                self.serve()
            }
            _ => Err(LabError::NotPlayable("a call on a socket that is not there")),
        }
    }

    /// What both ends have measured of the wire so far.
    pub(super) fn measured(&self) -> BTreeMap<Side, Measured> {
        let ends = [(Side::Client, &self.client), (Side::Server, &self.server)];
        let read = |stream: &Option<Stream>| {
            let info = TcpInfo::decode(&stream.as_ref()?.tcp_info().ok()?);
            Some(Measured { rto_us: u64::from(info.rto_us?), srtt_us: u64::from(info.rtt_us?) })
        };
        ends.into_iter().filter_map(|(side, stream)| Some((side, read(stream)?))).collect()
    }

    /// Fills the way to a server that does not read, until the kernel takes no more.
    pub(super) fn fill(&self) -> Result<(), LabError> {
        let bytes = [0_u8; 16 << 10];
        let Some(client) = &self.client else { return Err(LabError::NotPlayable("filling a closed connection")) };
        while client.send(&bytes).map_err(LabError::Wire)? > 0 {}
        Ok(())
    }

    /// Lets the server forget the connection as a reboot does; the wire must lose the RST.
    pub(super) fn forget(&mut self) -> Result<(), LabError> {
        self.server.take().map_or(Ok(()), Stream::reset).map_err(LabError::Wire)
    }
}

/// Begins a connect() of a new socket in the client's namespace.
fn start_connect(network: &Network, options: &SocketOptions) -> Result<Stream, LabError> {
    let target = SocketAddr::new(network.server.address, PORT);
    let socket = network.client.namespace.run(|| Stream::new(target.is_ipv6()))?;
    let socket = socket.map_err(|error| LabError::Setup { doing: "make a socket", error })?;
    set_options(&socket, options)?;
    socket.start_connect(target).map_err(|error| LabError::Setup { doing: "connect", error })?;
    Ok(socket)
}

fn set(socket: impl std::os::fd::AsFd, option: IntOption, value: i32) -> Result<(), LabError> {
    set_int_option(socket, option, value).map_err(|error| LabError::Setup { doing: "set a socket option", error })
}

/// Sets the options that the scenario asks for.
fn set_options(socket: &impl std::os::fd::AsFd, options: &SocketOptions) -> Result<(), LabError> {
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let wanted = [
        (IntOption::SynCount, options.syncnt.map(i32::from)),
        (IntOption::UserTimeout, (options.user_timeout_ms > 0).then(|| number(options.user_timeout_ms))),
        (IntOption::Linger2, options.linger2_s),
        (IntOption::DeferAccept, options.defer_accept_s.map(number)),
        (IntOption::RtoMaxMs, options.rto_max_ms.map(number)),
        (IntOption::KeepIdle, options.keepidle_s.map(number)),
        (IntOption::KeepInterval, options.keepintvl_s.map(number)),
        (IntOption::KeepCount, options.keepcnt.map(i32::from)),
        (IntOption::Keepalive, options.keepalive.then_some(1)),
    ];
    for (option, value) in wanted {
        if let Some(value) = value {
            set(socket, option, value)?;
        }
    }
    Ok(())
}

/// The error of a connection that ended, in the model's words.
pub(super) fn errno_of(error: &io::Error) -> Option<crate::model::Errno> {
    match error.kind() {
        io::ErrorKind::TimedOut => Some(crate::model::Errno::TimedOut),
        io::ErrorKind::ConnectionRefused => Some(crate::model::Errno::ConnectionRefused),
        io::ErrorKind::ConnectionReset => Some(crate::model::Errno::ConnectionReset),
        _ => None,
    }
}
