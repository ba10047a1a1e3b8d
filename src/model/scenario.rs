//! What is played: two ends, what their applications do, and what the wire loses.

use super::{Host, Segment, Settings, Side, SocketOptions};

/// A scenario. Deterministic: the same scenario gives the same timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The kernel of both ends.
    pub host: Host,
    /// The client's settings and socket options.
    pub client: Endpoint,
    /// The server's.
    pub server: Endpoint,
    /// Round-trip time in microseconds, half of it each way.
    pub rtt_us: u64,
    /// How it stands at time 0.
    pub start: Start,
    /// Whether the server's accept queue is full from the third segment on: its application accepts nothing.
    pub accept_queue_full: bool,
    /// What the wire loses; everything else arrives.
    pub losses: Vec<Loss>,
    /// What the applications do, by time.
    pub calls: Vec<Call>,
    /// The side whose end the scenario is about.
    pub about: Side,
}

/// One end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Its sysctls.
    pub settings: Settings,
    /// Its socket options.
    pub options: SocketOptions,
    /// What its connection is known to have measured; nothing for a connection fresh from its handshake.
    pub measured: Option<Measured>,
}

/// What `tcp_info` says of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// `tcpi_rto`, not backed off, in microseconds.
    pub rto_us: u64,
    /// `tcpi_rtt`, smoothed, in microseconds.
    pub srtt_us: u64,
}

/// How a scenario stands at time 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The server listens, the client has no socket yet.
    Closed,
    /// Connected and idle, fresh from a handshake.
    Established,
    /// Connected; the client has data queued, the server's window is closed, and the first probe is due.
    WindowClosed,
    /// Connected as the client believes; the server has forgotten it (it was rebooted) and listens.
    Forgotten,
}

/// A segment kind that the wire loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Who sends it.
    pub from: Side,
    /// Which kind; nothing for every kind.
    pub segment: Option<Segment>,
    /// How many copies of it from the first on; nothing for every copy.
    pub first: Option<u32>,
}

impl Loss {
    /// Whether it takes this copy (counted from 0) of a segment.
    #[must_use]
    pub fn takes(&self, from: Side, segment: Segment, copy: u32) -> bool {
        self.from == from
            && self.segment.is_none_or(|lost| lost == segment)
            && self.first.is_none_or(|first| copy < first)
    }
}

/// An application's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When, in microseconds.
    pub at_us: u64,
    /// Who.
    pub side: Side,
    /// What.
    pub action: Action,
}

/// What an application can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// connect() to the server.
    Connect,
    /// Send one SYN from outside any socket, as a flood does: nobody waits for the answer.
    ForgeSyn,
    /// send() one segment of data, as soon as the connection is established.
    Send,
    /// shutdown(SHUT_WR), as soon as the connection is established; the socket stays with the application.
    Shutdown,
    /// close(), as soon as the connection is established.
    Close,
    /// close(), as soon as the peer has closed.
    CloseAfterPeer,
}

impl Scenario {
    /// A client connects at time 0 between two ends with these settings; nothing is lost.
    #[must_use]
    pub fn connect(host: Host, settings: &Settings) -> Self {
        Self::beginning(host, settings, Start::Closed).calling(Side::Client, Action::Connect)
    }

    /// Two ends that are connected and idle at time 0; nothing is lost and nobody does anything yet.
    #[must_use]
    pub fn established(host: Host, settings: &Settings) -> Self {
        Self::beginning(host, settings, Start::Established)
    }

    /// Two ends with these settings that stand so at time 0.
    #[must_use]
    pub fn beginning(host: Host, settings: &Settings, start: Start) -> Self {
        let endpoint = Endpoint { settings: settings.clone(), ..Endpoint::default() };
        Self {
            host,
            client: endpoint.clone(),
            server: endpoint,
            rtt_us: 0,
            start,
            accept_queue_full: false,
            losses: Vec::new(),
            calls: Vec::new(),
            about: Side::Client,
        }
    }

    /// The same, and an application does this at time 0.
    #[must_use]
    pub fn calling(mut self, side: Side, action: Action) -> Self {
        self.calls.push(Call { at_us: 0, side, action });
        self
    }

    /// The same, and the wire loses every copy of a segment.
    #[must_use]
    pub fn losing(mut self, from: Side, segment: Segment) -> Self {
        self.losses.push(Loss { from, segment: Some(segment), first: None });
        self
    }

    /// The same, and the wire loses the first copies of a segment.
    #[must_use]
    pub fn losing_first(mut self, from: Side, segment: Segment, copies: u32) -> Self {
        self.losses.push(Loss { from, segment: Some(segment), first: Some(copies) });
        self
    }

    /// The same, and nothing that a side sends arrives.
    #[must_use]
    pub fn silencing(mut self, from: Side) -> Self {
        self.losses.push(Loss { from, segment: None, first: None });
        self
    }

    /// The same, about this side.
    #[must_use]
    pub fn about(mut self, side: Side) -> Self {
        self.about = side;
        self
    }

    /// A half-open entry that nobody ever completes: one SYN from a source that does not answer.
    #[must_use]
    pub fn half_open(host: Host, settings: &Settings) -> Self {
        Self::beginning(host, settings, Start::Closed)
            .calling(Side::Client, Action::ForgeSyn)
            .losing(Side::Server, Segment::SynAck)
            .about(Side::Server)
    }

    /// A client connects and the server took its SYN, but has no place for it when the third segment comes. It is
    /// about the server, which gives up first, unless that resets the client (`tcp_abort_on_overflow`).
    #[must_use]
    pub fn overflowing(host: Host, settings: &Settings) -> Self {
        let about = if settings.abort_on_overflow { Side::Client } else { Side::Server };
        Self { accept_queue_full: true, ..Self::connect(host, settings).about(about) }
    }

    /// A connection that the client closes as soon as it is open, and the server right after it.
    #[must_use]
    pub fn close(host: Host, settings: &Settings) -> Self {
        Self::closed_alone(host, settings).calling(Side::Server, Action::CloseAfterPeer)
    }

    /// A connection that the client closes as soon as it is open, and the server never.
    #[must_use]
    pub fn closed_alone(host: Host, settings: &Settings) -> Self {
        Self::connect(host, settings).calling(Side::Client, Action::Close)
    }

    /// An end.
    pub(super) fn endpoint(&self, side: Side) -> &Endpoint {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// Whether the wire loses this copy of a segment.
    #[must_use]
    pub fn loses(&self, from: Side, segment: Segment, copy: u32) -> bool {
        self.losses.iter().any(|loss| loss.takes(from, segment, copy))
    }
}
