//! What a screen wants read besides what every screen needs, and what comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::report::{ParameterRow, SocketGroup, SocketGroupBy, SocketRow};
use crate::snapshot::{Gap, NamespaceSurvey};

/// What the screen that is open wants read as often as the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Want {
    /// Nothing more.
    #[default]
    Nothing,
    /// Sockets one by one.
    Sockets(SocketsWant),
    /// Every parameter of the catalogue, and the files that set them.
    Parameters,
    /// Every network namespace.
    Namespaces,
}

/// Which sockets, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketsWant {
    /// In the words of ss; empty for all but listeners.
    pub filter: String,
    /// What they are ordered by.
    pub order: SocketsOrder,
    /// Turned round.
    pub reverse: bool,
    /// Counted by this instead of shown one by one.
    pub group: Option<SocketGroupBy>,
    /// Only those of this process, with what it is called.
    pub holder: Option<(u32, String)>,
}

/// What sockets are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SocketsOrder {
    /// When they end by themselves, the first one first.
    #[default]
    Dies,
    /// State.
    State,
    /// Receive queue, the longest first.
    ReceiveQueue,
    /// Send queue, the longest first.
    SendQueue,
    /// Peer address and port.
    Peer,
    /// Local address and port.
    Local,
}

impl SocketsOrder {
    /// All, in the order in which a key goes through them.
    pub const ALL: [Self; 6] = [Self::Dies, Self::State, Self::ReceiveQueue, Self::SendQueue, Self::Peer, Self::Local];

    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|order| *order == self).unwrap_or(0);
        Self::ALL.get(at + 1).copied().unwrap_or_default()
    }

    /// Its name in the title.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dies => "dies",
            Self::State => "state",
            Self::ReceiveQueue => "Recv-Q",
            Self::SendQueue => "Send-Q",
            Self::Peer => "peer",
            Self::Local => "local",
        }
    }
}

/// Sockets as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketsReading {
    /// What was asked for.
    pub want: SocketsWant,
    /// When, in milliseconds since 1970.
    pub taken_unix_ms: u64,
    /// How many pass the filter; of these at most [`SocketsReading::MOST`] are kept.
    pub passed: u64,
    /// The first ones in order; or why there are none.
    pub rows: Result<Vec<SocketRow>, String>,
    /// Counts by group, where that was asked for, the largest first.
    pub groups: Vec<SocketGroup>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

impl SocketsReading {
    /// How many sockets are kept: more than anybody reads, so that memory does not grow with the host.
    pub const MOST: usize = 1000;
}

/// The catalogue beside this host's values.
#[derive(Clone, Debug)]
pub struct ParametersReading {
    /// The rows; or why there are none.
    pub rows: Result<Vec<ParameterRow>, String>,
}

/// What came of a want.
#[derive(Clone, Debug)]
pub enum Found {
    /// Sockets.
    Sockets(Arc<SocketsReading>),
    /// Parameters.
    Parameters(Arc<ParametersReading>),
    /// The SYN queues of listeners that share a port, by cookie, as far as they could be told apart.
    SynQueues(Arc<BTreeMap<u64, u64>>),
    /// Namespaces, or why they cannot be listed.
    Namespaces(Arc<Result<NamespaceSurvey, String>>),
}
