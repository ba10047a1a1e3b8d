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
    /// Whether the wire loses it.
    pub lost: bool,
    /// The packet, from its IP header on.
    pub bytes: Vec<u8>,
}
