//! The walk through the kernel's sockets that every reading by sock_diag takes.

use std::ops::ControlFlow;

use crate::sys::{DumpError, DumpStep, SockDiag};
use crate::wire::{DumpFamily, DumpRequest, InetDiag, MessageKind, Messages};

/// `NLM_F_DUMP_INTR`: what was dumped changed in a way that the kernel tells (include/uapi/linux/netlink.h).
pub(super) const DUMP_INTERRUPTED: u16 = 0x10;

/// Which families a walk looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Families {
    /// Both, in one walk where the kernel can do that.
    Both,
    /// One, which takes the newer request.
    One(DumpFamily),
}

/// What is to be known of a walk besides the sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    /// Messages that could not be understood.
    pub(super) unknown: u64,
    /// Whether the kernel said that the walk is not consistent.
    pub(super) interrupted: bool,
    /// Whether the reader broke off.
    pub(super) stopped: bool,
}

impl Walked {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            unknown: self.unknown + other.unknown,
            interrupted: self.interrupted || other.interrupted,
            stopped: self.stopped || other.stopped,
        }
    }
}

/// What answers requests for sockets: the kernel, and what stands for it in tests.
pub(super) trait Dump {
    /// Sends a request and hands every answer buffer to `step` until that says that the dump is done.
    ///
    /// # Errors
    /// Absent, denied or failed.
    fn dump(&mut self, request: &[u8], step: impl FnMut(&[u8]) -> DumpStep) -> Result<(), DumpError>;
}

impl Dump for SockDiag {
    fn dump(&mut self, request: &[u8], step: impl FnMut(&[u8]) -> DumpStep) -> Result<(), DumpError> {
        Self::dump(self, request, step)
    }
}

/// A sock_diag socket of the calling thread's network namespace, and how it is to be asked.
#[derive(Debug)]
pub(super) struct Walker<S = SockDiag> {
    socket: S,
    sequence: u32,
    /// Whether the request for both families was refused, so that it is not tried again.
    one_by_one: bool,
}

impl Walker {
    /// Opens the socket.
    pub(super) fn open() -> Result<Self, DumpError> {
        Ok(Self::of(SockDiag::open()?))
    }
}

impl<S: Dump> Walker<S> {
    const fn of(socket: S) -> Self {
        Self { socket, sequence: 0, one_by_one: false }
    }

    /// Asks for one family after the other, as where one walk for both is refused.
    pub(super) fn one_by_one(self) -> Self {
        Self { one_by_one: true, ..self }
    }

    /// Hands every socket that is asked for to `each` until there are no more or it breaks off. Nothing is kept, and
    /// nothing is allocated per socket.
    ///
    /// # Errors
    /// Absent, denied or failed. Sockets may have been handed on before; they are not all.
    pub(super) fn walk(
        &mut self,
        request: &DumpRequest<'_>,
        families: Families,
        mut each: impl FnMut(&InetDiag<'_>) -> ControlFlow<()>,
    ) -> Result<Walked, DumpError> {
        self.walk_with(request, families, &mut each)
    }

    fn walk_with(
        &mut self,
        request: &DumpRequest<'_>,
        families: Families,
        each: &mut impl FnMut(&InetDiag<'_>) -> ControlFlow<()>,
    ) -> Result<Walked, DumpError> {
        match families {
            Families::One(family) => self.run(each, |sequence| request.for_family(family, sequence)).result,
            Families::Both if self.one_by_one => self.walk_one_by_one(request, each),
            Families::Both => {
                let attempt = self.run(each, |sequence| request.for_both(sequence));
                // Where nothing came at all, the newer request may do; it also gives the better error.
                if attempt.result.is_err() && !attempt.begun {
                    self.one_by_one = true;
                    return self.walk_one_by_one(request, each);
                }
                attempt.result
            }
        }
    }

    fn walk_one_by_one(
        &mut self,
        request: &DumpRequest<'_>,
        each: &mut impl FnMut(&InetDiag<'_>) -> ControlFlow<()>,
    ) -> Result<Walked, DumpError> {
        let mut walked = Walked::default();
        for family in [DumpFamily::Ipv4, DumpFamily::Ipv6] {
            walked = walked.and(self.walk_with(request, Families::One(family), each)?);
            if walked.stopped {
                break;
            }
        }
        Ok(walked)
    }

    /// One dump.
    fn run(
        &mut self,
        each: &mut impl FnMut(&InetDiag<'_>) -> ControlFlow<()>,
        build: impl FnOnce(u32) -> Vec<u8>,
    ) -> Attempt {
        self.sequence += 1;
        let mut answers = Answers { sequence: self.sequence, walked: Walked::default(), begun: false };
        let result = self.socket.dump(&build(self.sequence), |buffer| answers.take(buffer, each));
        Attempt { result: result.map(|()| answers.walked), begun: answers.begun }
    }
}

/// How one dump went.
struct Attempt {
    result: Result<Walked, DumpError>,
    begun: bool,
}

/// The answers to one request.
struct Answers {
    sequence: u32,
    walked: Walked,
    /// Whether a socket or the end of the dump has come.
    begun: bool,
}

impl Answers {
    /// Hands on the sockets of one answer buffer and says whether more is to come.
    fn take(&mut self, buffer: &[u8], each: &mut impl FnMut(&InetDiag<'_>) -> ControlFlow<()>) -> DumpStep {
        let mut messages = Messages::new(buffer);
        // What is left of an earlier dump that was given up carries another number.
        for message in messages.by_ref().filter(|message| message.sequence == self.sequence) {
            self.walked.interrupted |= message.flags & DUMP_INTERRUPTED != 0;
            match message.kind {
                MessageKind::Data(_, payload) => {
                    self.begun = true;
                    match InetDiag::decode(payload) {
                        Some(found) if found.is_ipv4().is_some() => {
                            if each(&found).is_break() {
                                self.walked.stopped = true;
                                return DumpStep::Enough;
                            }
                        }
                        _ => self.walked.unknown += 1,
                    }
                }
                MessageKind::Done(0) => return DumpStep::Done,
                MessageKind::Done(number) | MessageKind::Error(number) => return DumpStep::Error(number),
                MessageKind::Overrun => return DumpStep::Lost,
                MessageKind::Noop => {}
            }
        }
        // Behind what cannot be right there may be any number of sockets.
        if messages.is_broken() { DumpStep::Lost } else { DumpStep::More }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::TcpState;
    use crate::wire::StateMask;

    const SEQUENCE: u32 = 7;

    fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes
    }

    fn socket(state: TcpState) -> Vec<u8> {
        let mut payload = vec![2, state.to_kernel()];
        payload.resize(72, 0);
        payload
    }

    fn take(buffer: &[u8], limit: usize) -> (DumpStep, Answers, Vec<TcpState>) {
        let mut answers = Answers { sequence: SEQUENCE, walked: Walked::default(), begun: false };
        let mut seen = Vec::new();
        let step = answers.take(buffer, &mut |found| {
            seen.extend(found.state());
            if seen.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        (step, answers, seen)
    }

    #[test]
    fn answers_to_either_request_are_sockets_until_the_end_is_told() {
        let mut buffer = message(18, 2, SEQUENCE, &socket(TcpState::Estab));
        buffer.extend(message(20, 2, SEQUENCE, &socket(TcpState::TimeWait)));
        let (step, answers, seen) = take(&buffer, usize::MAX);
        assert_eq!((step, seen), (DumpStep::More, vec![TcpState::Estab, TcpState::TimeWait]));
        assert_eq!(answers.walked, Walked::default());
        buffer.extend(message(3, 2, SEQUENCE, &0_i32.to_ne_bytes()));
        assert_eq!(take(&buffer, usize::MAX).0, DumpStep::Done);
    }

    #[test]
    fn what_an_earlier_dump_left_behind_is_not_counted() {
        let mut buffer = message(18, 2, SEQUENCE - 1, &socket(TcpState::Estab));
        buffer.extend(message(3, 2, SEQUENCE - 1, &0_i32.to_ne_bytes()));
        let (step, answers, seen) = take(&buffer, usize::MAX);
        assert_eq!((step, seen, answers.begun), (DumpStep::More, vec![], false));
    }

    #[test]
    fn an_interrupted_dump_and_strange_records_are_told() {
        let mut strange = socket(TcpState::Estab);
        strange[0] = 1;
        let mut buffer = message(18, 2 | DUMP_INTERRUPTED, SEQUENCE, &socket(TcpState::Estab));
        buffer.extend(message(18, 2, SEQUENCE, &strange));
        buffer.extend(message(18, 2, SEQUENCE, &[1; 20]));
        buffer.extend([9; 8]);
        let (step, answers, seen) = take(&buffer, usize::MAX);
        assert_eq!((answers.walked, seen.len()), (Walked { unknown: 2, interrupted: true, stopped: false }, 1));
        assert_eq!(step, DumpStep::Lost, "what is behind eight bytes that are no message is not known");
    }

    #[test]
    fn a_reader_that_breaks_off_gets_no_more() {
        let buffer = message(18, 2, SEQUENCE, &socket(TcpState::Estab)).repeat(3);
        let (step, answers, seen) = take(&buffer, 2);
        assert_eq!((step, seen.len(), answers.walked.stopped), (DumpStep::Enough, 2, true));
    }

    /// A kernel without the request for both families, or without IPv6, that has a socket of each family it knows.
    #[derive(Default)]
    struct Kernel {
        refuses_both: bool,
        refuses_all: bool,
        /// The kinds of the requests that came.
        asked: Vec<u16>,
    }

    impl Dump for Kernel {
        fn dump(&mut self, request: &[u8], mut step: impl FnMut(&[u8]) -> DumpStep) -> Result<(), DumpError> {
            let kind = u16::from_ne_bytes([request[4], request[5]]);
            let sequence = u32::from_ne_bytes([request[8], request[9], request[10], request[11]]);
            self.asked.push(kind);
            let refused = self.refuses_all || kind == TCPDIAG_GETSOCK && self.refuses_both;
            let mut answer = match refused {
                true => message(2, 0, sequence, &(-22_i32).to_ne_bytes()),
                false => message(kind, 2, sequence, &socket(TcpState::Estab)),
            };
            if kind == TCPDIAG_GETSOCK {
                answer.extend(message(kind, 2, sequence, &socket(TcpState::Estab)));
            }
            answer.extend(message(3, 2, sequence, &0_i32.to_ne_bytes()));
            match step(&answer) {
                DumpStep::Error(number) => Err(DumpError::Failed(number.to_string())),
                _ => Ok(()),
            }
        }
    }

    /// Kinds of requests (include/uapi/linux/inet_diag.h, sock_diag.h).
    const TCPDIAG_GETSOCK: u16 = 18;
    const SOCK_DIAG_BY_FAMILY: u16 = 20;

    #[test]
    fn where_one_walk_for_both_families_is_refused_there_are_two_from_then_on() {
        let walk = |walker: &mut Walker<Kernel>| {
            let mut seen = 0;
            let count = |_: &InetDiag<'_>| {
                seen += 1;
                ControlFlow::Continue(())
            };
            let walked = walker.walk(&DumpRequest::of(StateMask::ALL), Families::Both, count);
            (walked.map(|_| ()), seen)
        };
        let mut plain = Walker::of(Kernel::default());
        assert_eq!((walk(&mut plain), walk(&mut plain)), ((Ok(()), 2), (Ok(()), 2)));
        assert_eq!(plain.socket.asked, [TCPDIAG_GETSOCK, TCPDIAG_GETSOCK]);
        let mut refusing = Walker::of(Kernel { refuses_both: true, ..Kernel::default() });
        assert_eq!((walk(&mut refusing), walk(&mut refusing)), ((Ok(()), 2), (Ok(()), 2)));
        let by_family = [SOCK_DIAG_BY_FAMILY; 4];
        assert_eq!(refusing.socket.asked, [&[TCPDIAG_GETSOCK], &by_family[..]].concat());
        // What neither gives is told, and not taken for nothing.
        let mut silent = Walker::of(Kernel { refuses_all: true, ..Kernel::default() });
        assert_eq!(walk(&mut silent), (Err(DumpError::Failed("22".to_owned())), 0));
        assert_eq!(silent.socket.asked, [TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY]);
    }

    #[test]
    fn a_refusal_and_a_loss_are_no_end() {
        let refused = message(2, 0, SEQUENCE, &(-95_i32).to_ne_bytes());
        let (step, answers, _) = take(&refused, usize::MAX);
        assert_eq!((step, answers.begun), (DumpStep::Error(95), false));
        assert_eq!(take(&message(4, 0, SEQUENCE, &[]), usize::MAX).0, DumpStep::Lost);
        let failed = message(3, 2, SEQUENCE, &(-12_i32).to_ne_bytes());
        assert_eq!(take(&failed, usize::MAX).0, DumpStep::Error(12));
    }
}
