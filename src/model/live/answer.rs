//! What is said of a live socket.

use crate::model::{Outcome, Segment, Window};

/// What a live socket will do if nothing is heard for it. All times count from the moment at which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveForecast {
    /// What is going on.
    pub activity: Activity,
    /// How far it has come; nothing where nothing is counted.
    pub progress: Option<Progress>,
    /// What its timer does next; nothing without a timer.
    pub next: Option<LiveNext>,
    /// How it ends.
    pub end: LiveEnd,
    /// What would make it all void; nothing where the socket waits for its application alone.
    pub unless: Option<Unless>,
    /// What was taken for granted since nothing tells it.
    pub assumptions: Vec<Assumption>,
}

/// What is going on at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Its SYN is not answered.
    Connecting,
    /// Its SYN-ACK is not answered.
    HalfOpen,
    /// Something is in flight, and no timeout has sent it again.
    InFlight,
    /// Timeouts send again what is in flight.
    Retransmitting,
    /// Data waits behind a closed window.
    Probing,
    /// Nothing moves, and keepalive watches.
    Watched,
    /// Nothing moves, and keepalive probes are out.
    KeepaliveProbing,
    /// This end has closed and waits for the peer's FIN.
    AwaitingFin,
    /// TIME_WAIT.
    TimeWait,
    /// The peer has closed, and the application has not.
    AwaitingClose,
    /// Nothing moves, and no timer runs.
    Quiet,
    /// It listens.
    Listening,
    /// It is not connected.
    Unconnected,
}

/// How often something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// So far.
    pub done: u32,
    /// How often it will have been when the end comes, at the least and at the most; nothing where the end is not known.
    pub of: Option<(u32, u32)>,
}

/// What a timer does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveNext {
    /// When.
    pub window: Window,
    /// What, the likelier first; more than one where it hinges on how late timers are or on what is not known, none where
    /// nothing is known of it.
    pub steps: Vec<NextStep>,
}

/// Kinds of what a timer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextStep {
    /// Sends something.
    Send(Segment),
    /// Sends what is in flight again, of which it is not known what it is.
    Resend,
    /// Sends a tail loss probe, or what may only be late.
    LossProbe,
    /// Looks whether something was heard, and waits again.
    Look,
    /// What is left of the socket goes on as a minisock.
    Shrink,
    /// Ends.
    End,
}

/// How a live socket ends if nothing is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveEnd {
    /// By a timer.
    At {
        /// When.
        window: Window,
        /// How.
        outcome: Outcome,
    },
    /// Not by itself.
    Never,
    /// Nobody can tell from what is known.
    Unknown(WhyUnknown),
}

/// Why the end of a socket is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyUnknown {
    /// Settings that decide it could not be read.
    Settings(Vec<&'static str>),
    /// `tcp_info` is needed, and was not asked for.
    NoTcpInfo,
    /// It has not gone as the settings say, so that this socket option rules, or they were changed.
    Beyond(&'static str),
    /// A rule that the model does not have: data in flight towards a window that has shrunk to nothing.
    WindowShrank,
    /// No timer runs where one must: the reading fell between two of them.
    BetweenTimers,
    /// A clock that goes on for too long to be followed.
    TooLong,
}

/// What would make a forecast void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unless {
    /// The SYN is answered.
    Answered,
    /// The handshake is completed, refused, or begun anew.
    Completed,
    /// What is in flight is acknowledged.
    Acknowledged,
    /// The peer is heard: then it is probed for ever.
    ProbeAnswered,
    /// The peer is heard.
    Heard,
    /// The peer closes as well: then TIME_WAIT follows.
    PeerCloses,
    /// A late segment begins it anew, or a new connection takes its place.
    Disturbed,
}

/// What was taken for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assumption {
    /// The application has not set this socket option; which of them the kernel does not tell others.
    Unset(&'static str),
    /// The listener has not set this socket option.
    UnsetOnListener(&'static str),
    /// The listener's SYN queue stays less than half full, so that no entry is pruned.
    QueueHalfEmpty,
    /// The client does not send its SYN again: that is answered once more, and the wait for the next timer begins anew
    /// (`tcp_check_req`).
    NoSecondSyn,
    /// No ICMP error was noted, which would be the error at the end.
    NoSoftError,
    /// Orphans and their memory stay below their limits.
    OrphansWithinLimits,
}
