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
}

/// A segment kind that the wire loses, every copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Who sends it.
    pub from: Side,
    /// Which.
    pub segment: Segment,
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
    /// close() as soon as the connection is established.
    Close,
    /// close() as soon as the peer has closed.
    CloseAfterPeer,
}

impl Scenario {
    /// A client connects at time 0 between two ends with these settings; nothing is lost.
    #[must_use]
    pub fn connect(host: Host, settings: &Settings) -> Self {
        let endpoint = Endpoint { settings: settings.clone(), options: SocketOptions::default() };
        Self {
            host,
            client: endpoint.clone(),
            server: endpoint,
            rtt_us: 0,
            losses: Vec::new(),
            calls: vec![Call { at_us: 0, side: Side::Client, action: Action::Connect }],
            about: Side::Client,
        }
    }

    /// The same, and the wire loses every copy of a segment.
    #[must_use]
    pub fn losing(mut self, from: Side, segment: Segment) -> Self {
        self.losses.push(Loss { from, segment });
        self
    }

    /// A half-open entry that nobody ever completes: one SYN from a source that does not answer.
    #[must_use]
    pub fn half_open(host: Host, settings: &Settings) -> Self {
        let mut scenario = Self::connect(host, settings).losing(Side::Server, Segment::SynAck);
        scenario.calls = vec![Call { at_us: 0, side: Side::Client, action: Action::ForgeSyn }];
        scenario.about = Side::Server;
        scenario
    }

    /// A connection that the client closes as soon as it is open, and the server right after it.
    #[must_use]
    pub fn close(host: Host, settings: &Settings) -> Self {
        let mut scenario = Self::connect(host, settings);
        scenario.calls.extend([
            Call { at_us: 0, side: Side::Client, action: Action::Close },
            Call { at_us: 0, side: Side::Server, action: Action::CloseAfterPeer },
        ]);
        scenario
    }

    /// A connection that the client closes as soon as it is open, and the server never.
    #[must_use]
    pub fn closed_alone(host: Host, settings: &Settings) -> Self {
        let mut scenario = Self::connect(host, settings);
        scenario.calls.push(Call { at_us: 0, side: Side::Client, action: Action::Close });
        scenario
    }

    /// One end.
    pub(super) fn endpoint(&self, side: Side) -> &Endpoint {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}
