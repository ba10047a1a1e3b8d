//! The walk over a buffer of netlink messages.

/// Bytes of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Netlink lengths are rounded up to this (`NLMSG_ALIGNTO`).
const ALIGN: usize = 4;
/// `NLMSG_NOOP`, `NLMSG_ERROR`, `NLMSG_DONE`, `NLMSG_OVERRUN` of `include/uapi/linux/netlink.h`.
const NOOP: u16 = 1;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const OVERRUN: u16 = 4;

/// One message; its payload stays in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: MessageKind<'a>,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`: the number of the request that it answers.
    pub sequence: u32,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind<'a> {
    /// To be ignored.
    Noop,
    /// The end of a dump, with an error number when it ended early (0 otherwise).
    Done(i32),
    /// The answer to a request: 0 for an acknowledgement, else the error number (positive).
    Error(i32),
    /// Data were lost.
    Overrun,
    /// A message of the protocol: its type and payload.
    Data(u16, &'a [u8]),
}

/// Walks a receive buffer. Ends at the end of the buffer or at the first header that cannot be right;
/// [`Messages::is_broken`] tells which.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    broken: bool,
}

impl<'a> Messages<'a> {
    /// The messages of one receive buffer.
    #[must_use]
    pub const fn new(buffer: &'a [u8]) -> Self {
        Self { rest: buffer, broken: false }
    }

    /// Whether the walk ended at a length that cannot be right, so that messages may be missing.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        // Whatever is wrong with a header, nothing behind it can be found any more.
        let buffer = core::mem::take(&mut self.rest);
        self.broken = true;
        let (header, _) = buffer.split_first_chunk::<HEADER>()?;
        let length = usize::try_from(u32::from_ne_bytes([header[0], header[1], header[2], header[3]])).ok()?;
        let payload = buffer.get(HEADER..length)?;
        self.broken = false;
        self.rest = buffer.get(length.next_multiple_of(ALIGN)..).unwrap_or_default();
        let kind = match u16::from_ne_bytes([header[4], header[5]]) {
            NOOP => MessageKind::Noop,
            ERROR => MessageKind::Error(leading_errno(payload)),
            DONE => MessageKind::Done(leading_errno(payload)),
            OVERRUN => MessageKind::Overrun,
            number => MessageKind::Data(number, payload),
        };
        let flags = u16::from_ne_bytes([header[6], header[7]]);
        let sequence = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
        Some(Message { kind, flags, sequence })
    }
}

/// The error number at the start of an error or done message, made positive; 0 when there is none.
fn leading_errno(payload: &[u8]) -> i32 {
    payload.first_chunk::<4>().map_or(0, |bytes| i32::from_ne_bytes(*bytes).saturating_neg().max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER + payload.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(2_u16.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        bytes
    }

    #[test]
    fn messages_are_found_behind_padding() {
        let mut buffer = message(20, 7, &[1, 2, 3]);
        buffer.extend(message(DONE, 7, &0_i32.to_ne_bytes()));
        let kinds: Vec<_> = Messages::new(&buffer).map(|message| message.kind).collect();
        assert_eq!(kinds, [MessageKind::Data(20, &[1, 2, 3]), MessageKind::Done(0)]);
    }

    #[test]
    fn an_error_carries_its_number_and_its_request() {
        let buffer = message(ERROR, 9, &(-2_i32).to_ne_bytes());
        let first = Messages::new(&buffer).next().unwrap();
        assert_eq!((first.kind, first.sequence), (MessageKind::Error(2), 9));
    }

    #[test]
    fn a_cut_buffer_gives_the_whole_messages_before_the_cut_and_says_so() {
        let mut buffer = message(20, 1, &[9; 8]);
        let whole = buffer.len();
        buffer.extend(message(20, 1, &[9; 8]));
        for length in 0..buffer.len() {
            let mut messages = Messages::new(&buffer[..length]);
            assert_eq!(messages.by_ref().count(), length / whole, "cut at {length}");
            assert_eq!(messages.is_broken(), length % whole != 0, "cut at {length}");
        }
    }

    #[test]
    fn a_length_below_the_header_ends_the_walk() {
        for length in 0..16_u32 {
            let mut buffer = message(20, 1, &[0; 16]);
            buffer[..4].copy_from_slice(&length.to_ne_bytes());
            let mut messages = Messages::new(&buffer);
            assert_eq!(messages.next(), None);
            assert!(messages.is_broken());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_walk_panic_or_run_for_ever(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(Messages::new(&bytes).count() <= bytes.len() / HEADER);
        }
    }
}
