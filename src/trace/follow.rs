//! From event to event of one socket.

use std::collections::BTreeMap;

use crate::units::TcpState;
use crate::wire::{TraceEnds, TraceEvent, TraceKind};

/// Sockets and connections that are remembered at the most. With more, all are forgotten: what is not known is then said
/// to be unknown, and nothing is mistaken.
const MOST: usize = 1 << 16;
/// How many courses are not worth looking through.
const FEW: usize = 1 << 10;
/// How long after a SYN-ACK the next can come, twice over: `TCP_RTO_MAX`, and the most that `net.ipv4.tcp_rto_max_ms` may be.
const OVER_NS: u64 = 240_000_000_000;

/// An event with what earlier ones say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The event.
    pub event: TraceEvent,
    /// Between whom.
    pub ends: Option<TraceEnds>,
    /// How that is known.
    pub from: EndsFrom,
    /// How often this connection has sent again since the trace began, or since the connection did: this time included.
    pub seen: u32,
    /// Whether the trace has seen the connection begin, so that nothing came before.
    pub whole: bool,
    /// Whether a RST that came in right before ends it.
    pub by_reset: bool,
    /// The function of the kernel that dropped the packet.
    pub function: Option<String>,
    /// Whether it is TCP's; nothing where that is not known.
    pub is_tcp: Option<bool>,
}

impl Told {
    /// An event of which nothing else is known.
    pub(super) const fn of(event: TraceEvent, ends: Option<TraceEnds>, from: EndsFrom) -> Self {
        Self { event, ends, from, seen: 0, whole: false, by_reset: false, function: None, is_tcp: None }
    }
}

/// How the ends of an event are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndsFrom {
    /// The event says so.
    Event,
    /// An earlier event of the same socket did.
    Socket,
    /// An event of the same packet did.
    Packet,
    /// They are not known.
    Unknown,
}

impl EndsFrom {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Socket => "socket",
            Self::Packet => "packet",
            Self::Unknown => "unknown",
        }
    }
}

/// What is remembered of the events before.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    /// Whose the sockets are, by their place in the kernel's memory.
    sockets: BTreeMap<u64, TraceEnds>,
    /// By the ends and by whose socket: another namespace may have a connection with the same ends.
    courses: BTreeMap<CourseKey, Course>,
    /// With how many of them it is next looked which are over.
    sift_at: usize,
    /// The packet that each processor has answered with a RST, and whose it was.
    answered: BTreeMap<u32, (u64, TraceEnds)>,
}

/// The ends of a connection and the place of its socket; none for a half-open one, of which only the listener's is told.
type CourseKey = (TraceEnds, Option<u64>);

/// What is remembered of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    resends: u32,
    whole: bool,
    reset: bool,
    /// When a SYN-ACK was last sent again, for a half-open connection: how that ends is not told.
    half_open_ns: Option<u64>,
}

impl Course {
    /// Whether it was of a half-open connection that cannot be there any more.
    fn is_over(&self, now_ns: u64) -> bool {
        self.half_open_ns.is_some_and(|at| now_ns.saturating_sub(at) >= OVER_NS)
    }
}

impl Follower {
    /// Forgets whose the sockets are: events are missing, and with them perhaps the end of one and the beginning of
    /// another in the same place.
    pub fn forget(&mut self) {
        self.sockets.clear();
        self.courses.clear();
        self.sift_at = 0;
        self.answered.clear();
    }

    /// Forgets which packets were answered with a RST: of those events and of drops some are missing.
    pub fn forget_packets(&mut self) {
        self.answered.clear();
    }

    /// Takes the next event, in the order of their times.
    pub fn follow(&mut self, event: TraceEvent) -> Told {
        let (ends, from) = self.ends_of(&event);
        let mut told = Told::of(event, ends, from);
        if let Some(ends) = ends {
            self.note(ends, &mut told);
        }
        told
    }

    fn ends_of(&mut self, event: &TraceEvent) -> (Option<TraceEnds>, EndsFrom) {
        if let Some(ends) = event.ends {
            // Before Linux 6.15 the socket that a listener makes still has the listener's ends when it is told.
            if event.new_state == Some(TcpState::SynRecv) && ends.peer.port() == 0 {
                return (None, EndsFrom::Unknown);
            }
            return (Some(ends), EndsFrom::Event);
        }
        let answered = self.answered.remove(&event.cpu).filter(|(packet, _)| Some(*packet) == event.packet);
        if let Some((_, ends)) = answered {
            return (Some(ends), EndsFrom::Packet);
        }
        match event.socket.and_then(|socket| self.sockets.get(&socket)) {
            Some(ends) => (Some(*ends), EndsFrom::Socket),
            None => (None, EndsFrom::Unknown),
        }
    }

    /// Forgets half-open connections that are over. What they leave is that no further SYN-ACK comes.
    fn sift(&mut self, now_ns: u64) {
        if self.courses.len() < self.sift_at.max(FEW) {
            return;
        }
        self.courses.retain(|_, course| !course.is_over(now_ns));
        self.sift_at = 2 * self.courses.len();
    }

    fn note(&mut self, ends: TraceEnds, told: &mut Told) {
        self.sift(told.event.at_ns);
        if self.sockets.len() >= MOST || self.courses.len() >= MOST {
            self.forget();
        }
        let event = &told.event;
        // The socket of a SYN-ACK is the listener, whose ends are others.
        let own = event.socket.filter(|_| event.kind != TraceKind::SynAck && event.kind != TraceKind::Drop);
        // What a closed socket still sends is no reason to remember it: nothing tells that it is gone.
        let is_closed = event.state == Some(TcpState::Close) && event.new_state.is_none();
        match (own, event.new_state) {
            (Some(socket), Some(TcpState::Close)) => drop(self.sockets.remove(&socket)),
            (Some(socket), _) if !is_closed => drop(self.sockets.insert(socket, ends)),
            _ => {}
        }
        let key = (ends, own);
        match event.kind {
            TraceKind::Retransmit | TraceKind::SynAck => {
                let course = self.courses.entry(key).or_default();
                // How a half-open connection ends is not told: after so long it is another one.
                if course.is_over(event.at_ns) {
                    *course = Course::default();
                }
                course.resends = course.resends.saturating_add(1);
                course.half_open_ns = (event.kind == TraceKind::SynAck).then_some(event.at_ns);
                (told.seen, told.whole) = (course.resends, course.whole);
            }
            TraceKind::ResetReceived => self.courses.entry(key).or_default().reset = true,
            TraceKind::ResetSent => {
                if let Some(packet) = event.packet {
                    self.answered.insert(event.cpu, (packet, ends));
                }
            }
            TraceKind::State => self.note_change(key, told),
            TraceKind::Drop | TraceKind::BadChecksum => {}
        }
    }

    /// The socket of a SYN-ACK says how often it was sent: where more was counted, some of it was of an earlier connection
    /// with the same ends, whose end is not told.
    pub(super) fn recount(&mut self, ends: TraceEnds, resends: u32) {
        if let Some(course) = self.courses.get_mut(&(ends, None)) {
            course.resends = course.resends.min(resends);
        }
    }

    fn note_change(&mut self, key: CourseKey, told: &mut Told) {
        let (ends, _) = key;
        match told.event.new_state {
            Some(TcpState::Close) => {
                told.by_reset = self.courses.remove(&key).is_some_and(|course| course.reset);
            }
            // Before it has a port the connection is not the one that later events name.
            Some(TcpState::SynSent) if ends.local.port() == 0 => {}
            // What is counted are the tries of one phase.
            Some(TcpState::SynSent | TcpState::SynRecv | TcpState::Estab) => {
                // It is half-open no more.
                self.courses.remove(&(ends, None));
                self.courses.insert(key, Course { whole: true, ..Course::default() });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{TraceDecoder, TraceFormat};

    const ENDS: [&str; 2] = ["10.0.0.1:443", "192.0.2.7:50000"];

    fn event(kind: TraceKind, socket: u64, ends: Option<[&str; 2]>) -> TraceEvent {
        let mut decoder = TraceDecoder::default();
        decoder.add(kind, &TraceFormat::default());
        let ends = ends.map(|[local, peer]| TraceEnds { local: local.parse().unwrap(), peer: peer.parse().unwrap() });
        TraceEvent { socket: Some(socket), ends, ..decoder.decode(1, 0, &[0, 0]).unwrap() }
    }

    fn change(from: TcpState, to: TcpState, socket: u64) -> TraceEvent {
        TraceEvent { state: Some(from), new_state: Some(to), ..event(TraceKind::State, socket, Some(ENDS)) }
    }

    #[test]
    fn attempts_are_counted_from_where_the_connection_or_the_trace_began() {
        let mut follower = Follower::default();
        let resend_of = |socket| event(TraceKind::Retransmit, socket, Some(ENDS));
        let resend = || resend_of(1);
        let counted = |follower: &mut Follower, event| {
            let told = follower.follow(event);
            (told.seen, told.whole)
        };
        assert_eq!(counted(&mut follower, resend()), (1, false));
        assert_eq!(counted(&mut follower, resend()), (2, false));
        follower.follow(change(TcpState::Estab, TcpState::Close, 1));
        follower.follow(change(TcpState::Listen, TcpState::SynRecv, 2));
        assert_eq!(counted(&mut follower, resend_of(2)), (1, true));
        follower.follow(change(TcpState::SynRecv, TcpState::Estab, 2));
        assert_eq!(counted(&mut follower, resend_of(2)), (1, true));
        follower.forget();
        assert_eq!(counted(&mut follower, resend()), (1, false));
    }

    #[test]
    fn a_drop_is_the_sockets_that_it_was_meant_for_while_that_lives() {
        let mut follower = Follower::default();
        follower.follow(change(TcpState::SynRecv, TcpState::Estab, 7));
        let told = follower.follow(event(TraceKind::Drop, 7, None));
        assert_eq!((told.ends.map(|ends| ends.local.port()), told.from), (Some(443), EndsFrom::Socket));
        assert_eq!(follower.follow(event(TraceKind::Drop, 8, None)).from, EndsFrom::Unknown);
        follower.follow(change(TcpState::Estab, TcpState::Close, 7));
        assert_eq!(follower.follow(event(TraceKind::Drop, 7, None)).ends, None);
    }

    #[test]
    fn the_packet_that_a_reset_answers_is_the_one_that_is_dropped_next_on_its_processor() {
        let reset = TraceEvent { packet: Some(5), socket: None, ..event(TraceKind::ResetSent, 0, Some(ENDS)) };
        let dropped = |packet, cpu| TraceEvent { packet: Some(packet), cpu, ..event(TraceKind::Drop, 0, None) };
        let mut follower = Follower::default();
        follower.follow(reset.clone());
        assert_eq!(follower.follow(dropped(5, 1)).ends, None);
        assert_eq!(follower.follow(dropped(5, 0)).from, EndsFrom::Packet);
        // Only the next one: the place of a packet is used again at once.
        assert_eq!(follower.follow(dropped(5, 0)).ends, None);
        follower.follow(reset.clone());
        assert_eq!(follower.follow(dropped(6, 0)).ends, None);
        follower.follow(reset);
        follower.forget_packets();
        assert_eq!(follower.follow(dropped(5, 0)).ends, None);
    }

    #[test]
    fn an_end_by_a_reset_is_told_from_others() {
        let mut follower = Follower::default();
        follower.follow(event(TraceKind::ResetReceived, 1, Some(ENDS)));
        assert!(follower.follow(change(TcpState::Estab, TcpState::Close, 1)).by_reset);
        assert!(!follower.follow(change(TcpState::Estab, TcpState::Close, 1)).by_reset);
    }

    #[test]
    fn connections_of_two_namespaces_with_the_same_ends_are_told_apart() {
        let mut follower = Follower::default();
        follower.follow(change(TcpState::SynRecv, TcpState::Estab, 1));
        let counted = |follower: &mut Follower, socket| {
            let told = follower.follow(event(TraceKind::Retransmit, socket, Some(ENDS)));
            (told.seen, told.whole)
        };
        assert_eq!(
            [1, 2, 1, 2].map(|socket| counted(&mut follower, socket)),
            [(1, true), (1, false), (2, true), (2, false)]
        );
        follower.follow(event(TraceKind::ResetReceived, 1, Some(ENDS)));
        assert!(!follower.follow(change(TcpState::Estab, TcpState::Close, 2)).by_reset);
        assert_eq!(counted(&mut follower, 1), (3, true), "the other one goes on");
        assert!(follower.follow(change(TcpState::Estab, TcpState::Close, 1)).by_reset);
    }

    #[test]
    fn a_half_open_connection_that_is_over_leaves_no_count_to_the_next_one() {
        let mut follower = Follower::default();
        let counted = |follower: &mut Follower, at_ns| {
            let told = follower.follow(TraceEvent { at_ns, ..event(TraceKind::SynAck, 9, Some(ENDS)) });
            told.seen
        };
        assert_eq!([1, 2].map(|at_ns| counted(&mut follower, at_ns)), [1, 2]);
        assert_eq!(counted(&mut follower, 2 + OVER_NS), 1, "nothing sends for so long");
        // Its own word, where it was asked.
        assert_eq!(counted(&mut follower, 3 + OVER_NS), 2);
        follower.recount(follower_ends(), 1);
        assert_eq!(counted(&mut follower, 4 + OVER_NS), 2);
        // A handshake that was completed.
        follower.follow(change(TcpState::Listen, TcpState::SynRecv, 2));
        follower.follow(change(TcpState::SynRecv, TcpState::Close, 2));
        assert_eq!(counted(&mut follower, 5 + OVER_NS), 1);
    }

    fn follower_ends() -> TraceEnds {
        TraceEnds { local: ENDS[0].parse().unwrap(), peer: ENDS[1].parse().unwrap() }
    }

    #[test]
    fn a_socket_that_is_closed_is_not_remembered_for_what_it_sends_yet() {
        let mut follower = Follower::default();
        follower.follow(change(TcpState::Estab, TcpState::Close, 7));
        follower.follow(TraceEvent { state: Some(TcpState::Close), ..event(TraceKind::ResetSent, 7, Some(ENDS)) });
        assert!(follower.sockets.is_empty());
        follower.follow(TraceEvent { state: Some(TcpState::Estab), ..event(TraceKind::ResetSent, 8, Some(ENDS)) });
        assert_eq!(follower.sockets.len(), 1);
    }

    #[test]
    fn a_new_socket_that_is_told_with_its_listeners_ends_has_none() {
        let mut follower = Follower::default();
        let told = |follower: &mut Follower, from, to, peer| {
            let ends = Some(["0.0.0.0:443", peer]);
            let change = TraceEvent { ends: event(TraceKind::State, 3, ends).ends, ..change(from, to, 3) };
            let told = follower.follow(change);
            (told.ends.is_some(), told.from)
        };
        use TcpState::{Close, Listen, SynRecv};
        // As Linux up to 6.14 tells it, and as later ones do; a listener of itself has no peer.
        assert_eq!(told(&mut follower, Listen, SynRecv, "0.0.0.0:0"), (false, EndsFrom::Unknown));
        assert_eq!(told(&mut follower, Listen, SynRecv, "192.0.2.7:50000"), (true, EndsFrom::Event));
        assert_eq!(told(&mut follower, Close, Listen, "0.0.0.0:0"), (true, EndsFrom::Event));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut follower = Follower::default();
        for number in 0..=MOST + 10 {
            let peer = format!("192.0.2.7:{}", number % 65_536);
            let local = format!("10.0.{}.1:443", number / 65_536);
            follower.follow(event(TraceKind::Retransmit, number as u64 + 1, Some([&local, &peer])));
        }
        assert!(follower.sockets.len() <= MOST && follower.courses.len() <= MOST);
    }

    #[test]
    fn half_open_connections_are_forgotten_when_they_are_over_and_others_are_not() {
        const PER_S: u64 = 100;
        let mut follower = Follower::default();
        follower.follow(change(TcpState::SynRecv, TcpState::Estab, 1));
        let mut most = 0;
        for number in 0..100_000 {
            let peer = format!("198.51.{}.{}:1024", number / 256 % 256, number % 256);
            let mut asked = event(TraceKind::SynAck, 2, Some(["10.0.0.1:443", &peer]));
            asked.at_ns = number * 1_000_000_000 / PER_S;
            follower.follow(asked);
            most = most.max(follower.courses.len());
        }
        // Twice those that can still be there, since it is looked when they have doubled.
        assert!(most as u64 <= 2 * PER_S * OVER_NS / 1_000_000_000 + FEW as u64, "{most}");
        let told = follower.follow(event(TraceKind::Retransmit, 1, Some(ENDS)));
        assert_eq!(
            (told.seen, told.whole),
            (1, true),
            "an established connection is remembered however long it is idle"
        );
    }
}
