//! What is played: two ends, what their applications do, and what the wire loses.

use super::script::{Action, Call, Fate, Injection, WireRule};
use super::{Host, IpVersion, Segment, Settings, Side, SocketOptions};

/// A scenario. Deterministic: the same scenario gives the same timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The kernel of both ends.
    pub host: Host,
    /// What carries the segments.
    pub family: IpVersion,
    /// The client's settings and socket options.
    pub client: Endpoint,
    /// The server's.
    pub server: Endpoint,
    /// Round-trip time in microseconds, half of it each way.
    pub rtt_us: u64,
    /// How it stands at time 0.
    pub start: Start,
    /// The server's listening socket.
    pub listener: Listener,
    /// What the wire does to segments; those that no rule is for arrive after half a round trip.
    pub wire: Vec<WireRule>,
    /// What comes from outside.
    pub injections: Vec<Injection>,
    /// What the applications do.
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

/// A listening socket and its accept queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The backlog given to listen(), before somaxconn.
    pub backlog: u32,
    /// Connections of others that wait for accept() from the beginning.
    pub waiting: u32,
    /// Connections of others that join them between the scenario's SYN and its third segment.
    pub joining: u32,
}

impl Default for Listener {
    /// Nobody waits.
    fn default() -> Self {
        Self { backlog: 4096, waiting: 0, joining: 0 }
    }
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
    /// Neither has a socket, and nobody listens.
    Nothing,
    /// Connected and idle, fresh from a handshake.
    Established,
    /// Connected; the client has data queued, the server's window is closed, and the first probe is due.
    WindowClosed,
    /// Connected as the client believes; the server has forgotten it (it was rebooted) and listens.
    Forgotten,
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
            family: IpVersion::default(),
            client: endpoint.clone(),
            server: endpoint,
            rtt_us: 0,
            start,
            listener: Listener::default(),
            wire: Vec::new(),
            injections: Vec::new(),
            calls: Vec::new(),
            about: Side::Client,
        }
    }

    /// The same, and an application does this at time 0.
    #[must_use]
    pub fn calling(self, side: Side, action: Action) -> Self {
        self.calling_at(0, side, action)
    }

    /// The same, and an application does this at a time in microseconds.
    #[must_use]
    pub fn calling_at(mut self, at_us: u64, side: Side, action: Action) -> Self {
        self.calls.push(Call { at_us, side, action });
        self
    }

    /// The same, and the wire loses every copy of a segment.
    #[must_use]
    pub fn losing(self, from: Side, segment: Segment) -> Self {
        self.ruled(WireRule { segment: Some(segment), ..WireRule::every(from, Fate::Lose) })
    }

    /// The same, and the wire loses the first copies of a segment.
    #[must_use]
    pub fn losing_first(self, from: Side, segment: Segment, copies: u32) -> Self {
        self.ruled(WireRule { segment: Some(segment), nth: (1, Some(copies)), ..WireRule::every(from, Fate::Lose) })
    }

    /// The same, and nothing that a side sends arrives.
    #[must_use]
    pub fn silencing(self, from: Side) -> Self {
        self.ruled(WireRule::every(from, Fate::Lose))
    }

    /// The same, and the wire has one more rule.
    #[must_use]
    pub fn ruled(mut self, rule: WireRule) -> Self {
        self.wire.push(rule);
        self
    }

    /// The same, and something comes from outside.
    #[must_use]
    pub fn injecting(mut self, injection: Injection) -> Self {
        self.injections.push(injection);
        self
    }

    /// The same, over this IP.
    #[must_use]
    pub fn over(mut self, family: IpVersion) -> Self {
        self.family = family;
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
        let listener = Listener { backlog: 0, waiting: 0, joining: 1 };
        Self { listener, ..Self::connect(host, settings).about(about) }
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

    /// What the wire does to this copy (counted from 0) of a segment that leaves at this time: by how much later than the
    /// half round trip it arrives, once for each time that it does, in microseconds; nothing when it is lost.
    #[must_use]
    pub fn passage_us(&self, from: Side, segment: Segment, copy: u32, at_us: u64) -> Vec<u64> {
        if self.loses(from, segment, copy, at_us) {
            return Vec::new();
        }
        let (mut delay_us, mut copies_us) = (0_u64, vec![0_u64]);
        for rule in self.wire.iter().filter(|rule| rule.fits(from, segment, copy) && rule.rules_at(at_us)) {
            match rule.fate {
                Fate::Lose => {}
                Fate::Delay { by_us } => delay_us = delay_us.saturating_add(by_us),
                Fate::Duplicate { after_us } => copies_us.push(after_us),
            }
        }
        copies_us.into_iter().map(|after_us| after_us.saturating_add(delay_us)).collect()
    }

    /// Whether the wire loses this copy (counted from 0) of a segment that leaves at this time.
    #[must_use]
    pub fn loses(&self, from: Side, segment: Segment, copy: u32, at_us: u64) -> bool {
        let loses = |rule: &&WireRule| rule.fate == Fate::Lose && rule.rules_at(at_us);
        self.wire.iter().filter(loses).any(|rule| rule.fits(from, segment, copy))
    }
}
