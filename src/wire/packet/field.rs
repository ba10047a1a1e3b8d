//! The fields of a packet.

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketField {
    /// First byte, counted from 0 at the beginning of the IP header.
    pub offset: usize,
    /// Its bytes; fields of less than a byte share them.
    pub bytes: Vec<u8>,
    /// Its name in the RFC.
    pub name: &'static str,
    /// Its value as people write it.
    pub value: String,
    /// What that means.
    pub meaning: String,
}

/// A checksum in the packet against the one that its bytes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// As written in the packet.
    pub found: u16,
    /// As worked out.
    pub computed: u16,
}

impl Checksum {
    /// Whether they agree.
    #[must_use]
    pub const fn is_right(self) -> bool {
        self.found == self.computed
    }

    /// In words; `offload` says what a wrong one usually is.
    pub(super) fn meaning(self, offload: bool) -> String {
        if self.is_right() {
            return "right".to_owned();
        }
        let computed = self.computed;
        let why = if offload { "; usual in a capture made on the sender, whose card fills it in" } else { "" };
        format!("wrong: these bytes have 0x{computed:04x}{why}")
    }
}

/// Collects fields from one header that begins at `base`.
pub(super) struct Fields<'a> {
    packet: &'a [u8],
    base: usize,
    pub(super) list: Vec<PacketField>,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(packet: &'a [u8], base: usize) -> Self {
        Self { packet, base, list: Vec::new() }
    }

    /// Adds the field of `length` bytes at `at` of this header.
    pub(super) fn add(
        &mut self,
        at: usize,
        length: usize,
        name: &'static str,
        value: impl core::fmt::Display,
        meaning: impl Into<String>,
    ) {
        let offset = self.base + at;
        let bytes = self.packet.get(offset..offset + length).unwrap_or_default().to_vec();
        self.list.push(PacketField { offset, bytes, name, value: value.to_string(), meaning: meaning.into() });
    }
}
