//! Why bytes are no packet that can be explained.

/// What is wrong, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The first byte is no IP version.
    #[error("byte 0 is 0x{first:02x}: an IP packet begins with 0x4 (IPv4) or 0x6 (IPv6){hint}")]
    NotIp {
        /// The byte.
        first: u8,
        /// What it may be instead.
        hint: &'static str,
    },
    /// The bytes end before the header or data that was announced.
    #[error("cut short at byte {given}: {what} goes to byte {needed}")]
    Truncated {
        /// What does not fit.
        what: &'static str,
        /// Bytes there are.
        given: usize,
        /// Bytes that it takes.
        needed: usize,
    },
    /// A length that cannot be.
    #[error("byte {offset}: {what} of {found} is less than the {least} that it must be")]
    TooSmall {
        /// Where the length stands.
        offset: usize,
        /// What it is the length of.
        what: &'static str,
        /// What it says.
        found: usize,
        /// The least.
        least: usize,
    },
    /// One fragment of a packet.
    #[error("byte {offset}: this is a fragment; only the reassembled packet can be explained")]
    Fragment {
        /// Where that is said.
        offset: usize,
    },
    /// It carries something else.
    #[error("byte {offset}: the protocol is {protocol} ({name}), not 6 (TCP)")]
    NotTcp {
        /// Where the protocol stands.
        offset: usize,
        /// The protocol's number.
        protocol: u8,
        /// Its name, or `unknown here`.
        name: &'static str,
    },
    /// An option whose length does not fit.
    #[error("byte {offset}: TCP option {kind} says it has {length} bytes; {left} are left and 2 is the least")]
    BadOption {
        /// Where the option begins.
        offset: usize,
        /// Its kind.
        kind: u8,
        /// Its length as written.
        length: usize,
        /// Bytes of options from there on.
        left: usize,
    },
}
