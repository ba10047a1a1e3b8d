//! Packets as they passed, for those who want to see all of them.

use crate::model::Side;

/// A packet that passed one end of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When, by the kernel's real-time clock, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// At whose end.
    pub side: Side,
    /// Whether that end sent it (and did not receive it).
    pub outgoing: bool,
    /// Whether it passed before the scenario began, when both ends were brought to where it does.
    pub before: bool,
    /// What the wire does with it.
    pub passage: Passage,
    /// The packet, from its IP header on.
    pub bytes: Vec<u8>,
}

/// What the wire does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Brings it to the other end, or has brought it.
    Carried,
    /// Loses it, as the scenario says.
    Lost,
    /// Has no part in it: it came from outside.
    Injected,
    /// Leaves it: it is no TCP.
    NotCarried,
}
