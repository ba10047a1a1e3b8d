//! One packet, field by field.
//!
//! For: reading an IPv4 or IPv6 packet that carries TCP as a list of fields with place, value and meaning, and
//! saying where it breaks off or stops being one.
//! Must not: guess: a packet that is cut short, is a fragment or carries something else is refused with the place.
//! Mirrors: RFC 791, RFC 8200, RFC 9293 3.1, the option kinds of the IANA registry.

mod decode;
mod error;
mod field;
mod hex;
mod ip;
mod options;
mod tcp;

pub use decode::{Packet, decode_packet};
pub use error::PacketError;
pub use field::{Checksum, PacketField};
pub use hex::{HexError, parse_hex};
