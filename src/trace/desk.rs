//! Where every event passes: followed, held against what is wanted, and counted.

use std::net::IpAddr;

use super::{Follower, Resend, Told, TraceTally, passes, resend_of};
use crate::units::{LiveSocket, TcpState};
use crate::wire::{Filter, TraceEvent, TraceKind, Truth, is_left_out};

/// What becomes of the events of one trace.
#[derive(Clone, Debug, Default)]
pub struct TraceDesk {
    follower: Follower,
    filter: Filter,
    wanted: Vec<TraceKind>,
    tally: TraceTally,
}

/// How much later than its RTO a timer may be said to expire: some ticks of the kernel's clock. A fourth of the RTO may
/// always be: with a later resend it is half more at the least.
const SLACK_MS: u64 = 25;
/// How old an event may be whose socket does not say its RTO, as that of a SYN-ACK: it is sent again after a second, or
/// when the peer's SYN comes once more.
const WITHOUT_RTO_MS: u64 = 100;
/// Beginnings of names of kernel functions that belong to TCP, and to other protocols over IP.
const OF_TCP: [&str; 4] = ["tcp_", "__tcp_", "inet_csk_", "reqsk_"];
const OF_OTHERS: [&str; 9] = ["udp", "__udp", "icmp", "ping_", "raw", "igmp", "sctp_", "mld_", "ndisc_"];

impl TraceDesk {
    /// For events of these kinds that pass this filter.
    #[must_use]
    pub fn new(wanted: Vec<TraceKind>, filter: Filter) -> Self {
        Self { wanted, filter, ..Self::default() }
    }

    /// Which tracepoints must fire for what is wanted: whose a dropped packet was, and where one connection ends and the
    /// next one with the same ends begins, is known from the changes of state.
    #[must_use]
    pub fn needed(&self) -> Vec<TraceKind> {
        const BY_STATE: [TraceKind; 3] = [TraceKind::Drop, TraceKind::Retransmit, TraceKind::SynAck];
        let mut needed = self.wanted.clone();
        if needed.iter().any(|kind| BY_STATE.contains(kind)) && !needed.contains(&TraceKind::State) {
            needed.push(TraceKind::State);
        }
        needed
    }

    /// Hears what the socket of a SYN-ACK says of itself: how often it was sent again, which corrects what was counted of
    /// an earlier connection with the same ends.
    pub fn hear(&mut self, told: &mut Told, socket: &LiveSocket) {
        let resends = u32::from(socket.retransmits).max(1);
        let is_half_open = told.event.kind == TraceKind::SynAck && socket.state == TcpState::SynRecv;
        if let Some(ends) = told.ends.filter(|_| is_half_open && !told.whole && told.seen > resends) {
            told.seen = resends;
            self.follower.recount(ends, resends);
        }
    }

    /// Events by which sockets are followed are missing: what was known of them may be wrong by now.
    pub fn forget(&mut self) {
        self.follower.forget();
    }

    /// Drops or resets are missing: a packet in the same place may be another one by now.
    pub fn forget_packets(&mut self) {
        self.follower.forget_packets();
    }

    /// The counts.
    #[must_use]
    pub const fn tally(&self) -> &TraceTally {
        &self.tally
    }

    /// An event was counted, and there is no room to show it.
    pub const fn pass_over(&mut self) {
        self.tally.not_shown += 1;
    }

    /// Takes the next event, in the order of their times. `function` is what dropped a packet, and `is_own` whether an
    /// address is one of the network namespace that is meant, which may not be known; nothing where all of them are. What
    /// comes back is counted and to be shown.
    pub fn take(
        &mut self,
        event: TraceEvent,
        function: Option<&str>,
        is_own: Option<&dyn Fn(IpAddr) -> Option<bool>>,
    ) -> Option<Told> {
        // Where the kernel took no filter.
        if is_left_out(&event) {
            return None;
        }
        let mut told = self.follower.follow(event);
        if !self.wanted.contains(&told.event.kind) {
            return None;
        }
        told.function = function.map(str::to_owned);
        told.is_tcp = is_tcp(&told, function);
        if told.is_tcp == Some(false) {
            self.tally.other_protocols += 1;
            return None;
        }
        let own = is_own.map_or(Truth::Yes, |is_own| match told.ends {
            // Every namespace has listeners of all its addresses.
            Some(ends) if is_unspecified(ends.local.ip()) => Truth::Unknown,
            Some(ends) => {
                is_own(ends.local.ip()).map_or(Truth::Unknown, |own| if own { Truth::Yes } else { Truth::No })
            }
            None => Truth::Unknown,
        });
        match (own, passes(&self.filter, &told)) {
            (Truth::Yes, Truth::Yes) => {}
            (Truth::No, _) | (_, Truth::No) => return None,
            _ => {
                self.tally.undecided += 1;
                return None;
            }
        }
        self.tally.count(&told);
        Some(told)
    }
}

/// Whether it stands for all addresses, as `::ffff:0.0.0.0` does too.
const fn is_unspecified(address: IpAddr) -> bool {
    address.to_canonical().is_unspecified()
}

/// Whether an event is TCP's; nothing where that is not known, as of packets that netfilter or a queue drops.
fn is_tcp(told: &Told, function: Option<&str>) -> Option<bool> {
    let begins = |table: &[&str]| function.is_some_and(|name| table.iter().any(|begin| name.starts_with(begin)));
    let names_tcp = told.event.reason.as_deref().is_some_and(|reason| reason.starts_with("TCP_"));
    if told.event.kind != TraceKind::Drop || told.ends.is_some() || names_tcp || begins(&OF_TCP) {
        Some(true)
    } else {
        begins(&OF_OTHERS).then_some(false)
    }
}

impl Told {
    /// Whether it is worth asking the kernel what the socket does next.
    #[must_use]
    pub fn is_worth_asking(&self) -> bool {
        use TcpState::{Close, Closing, FinWait1, FinWait2, LastAck};
        let event = &self.event;
        match event.kind {
            TraceKind::Retransmit | TraceKind::SynAck => true,
            TraceKind::State => matches!(
                (event.state, event.new_state),
                (_, Some(FinWait1 | FinWait2 | LastAck | Closing)) | (Some(FinWait1 | FinWait2 | Closing), Some(Close))
            ),
            _ => false,
        }
    }

    /// Whether a socket in this state is still the one that the event is about. A connection that has gone to CLOSE may
    /// be there as an entry without a socket.
    #[must_use]
    pub fn is_answered_by(&self, state: TcpState) -> bool {
        match (self.event.kind, self.event.new_state) {
            (TraceKind::State, Some(TcpState::Close)) => matches!(state, TcpState::TimeWait | TcpState::FinWait2),
            (TraceKind::State, Some(new)) => state == new,
            _ => state != TcpState::Listen,
        }
    }

    /// Whether what a socket says so long after the event is still about it, and not about a resend that came later: a
    /// timer that was set by this one has run since then, and runs for the rest of its time.
    #[must_use]
    pub fn is_of_this_resend(&self, socket: &LiveSocket, elapsed_ns: u64) -> bool {
        let state = match self.event.kind {
            TraceKind::Retransmit => self.event.state,
            TraceKind::SynAck => Some(TcpState::SynRecv),
            _ => return true,
        };
        let elapsed_ms = elapsed_ns / 1_000_000;
        let rto_ms = socket.info.map(|info| u64::from(info.rto_us / 1000)).filter(|rto_ms| *rto_ms > 0);
        let Some(rto_ms) = rto_ms else { return elapsed_ms <= WITHOUT_RTO_MS };
        let most_ms = rto_ms + (rto_ms / 4).max(SLACK_MS);
        match resend_of(state, socket) {
            Some(Resend::Acknowledged) => true,
            Some(Resend::Timeout) => elapsed_ms + u64::from(socket.expires_ms) <= most_ms,
            _ => elapsed_ms <= most_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{LiveInfo, SocketTimer};
    use crate::wire::{TraceDecoder, TraceEnds, TraceFormat, parse_filter};

    fn event(kind: TraceKind, local: Option<&str>) -> TraceEvent {
        let mut decoder = TraceDecoder::default();
        decoder.add(kind, &TraceFormat::default());
        let peer = "192.0.2.7:50000".parse().unwrap();
        let ends = local.map(|local| TraceEnds { local: local.parse().unwrap(), peer });
        TraceEvent { ends, ..decoder.decode(1, 0, &[0, 0]).unwrap() }
    }

    fn drop_for(reason: &str) -> TraceEvent {
        TraceEvent { reason: Some(reason.into()), ..event(TraceKind::Drop, None) }
    }

    #[test]
    fn drops_of_other_protocols_are_left_out_and_those_of_nobody_knows_whom_stay() {
        let mut desk = TraceDesk::new(vec![TraceKind::Drop], Filter::default());
        assert_eq!(desk.needed(), [TraceKind::Drop, TraceKind::State]);
        let mut taken = |reason, function| desk.take(drop_for(reason), function, None).map(|told| told.is_tcp);
        assert_eq!(taken("NO_SOCKET", Some("__udp4_lib_rcv")), None);
        assert_eq!(taken("NO_SOCKET", Some("tcp_v4_rcv")), Some(Some(true)));
        assert_eq!(taken("TCP_OLD_DATA", None), Some(Some(true)));
        assert_eq!(taken("NETFILTER_DROP", Some("nf_hook_slow")), Some(None));
        assert_eq!((desk.tally().events(), desk.tally().other_protocols), (3, 1));
    }

    #[test]
    fn what_is_not_wanted_is_followed_and_not_counted() {
        let mut desk = TraceDesk::new(vec![TraceKind::Drop], Filter::default());
        let change = TraceEvent { socket: Some(9), ..event(TraceKind::State, Some("10.0.0.1:443")) };
        assert_eq!(desk.take(change, None, None), None);
        let told = desk.take(TraceEvent { socket: Some(9), ..drop_for("SOCKET_CLOSE") }, None, None).unwrap();
        assert!(told.ends.is_some() && desk.tally().events() == 1);
    }

    #[test]
    fn a_filter_that_cannot_be_decided_is_counted_and_nothing_else() {
        let filter = parse_filter("sport = :443").unwrap();
        let mut desk = TraceDesk::new(vec![TraceKind::Drop, TraceKind::Retransmit], filter);
        assert_eq!(desk.take(drop_for("NO_SOCKET"), None, None), None);
        assert!(desk.take(event(TraceKind::Retransmit, Some("10.0.0.1:443")), None, None).is_some());
        assert_eq!(desk.take(event(TraceKind::Retransmit, Some("10.0.0.1:80")), None, None), None);
        assert_eq!((desk.tally().undecided, desk.tally().events()), (1, 1));
    }

    #[test]
    fn a_namespace_has_the_events_of_its_own_addresses() {
        let mut desk = TraceDesk::new(vec![TraceKind::Drop, TraceKind::Retransmit], Filter::default());
        let own: &dyn Fn(IpAddr) -> Option<bool> = &|address| match address.to_string().as_str() {
            "10.0.0.1" => Some(true),
            "10.0.0.2" => Some(false),
            _ => None,
        };
        assert!(desk.take(event(TraceKind::Retransmit, Some("10.0.0.1:1")), None, Some(own)).is_some());
        assert_eq!(desk.take(event(TraceKind::Retransmit, Some("10.0.0.2:1")), None, Some(own)), None);
        assert_eq!(desk.take(drop_for("TCP_RESET"), None, Some(own)), None);
        assert_eq!((desk.tally().undecided, desk.tally().events()), (1, 1));
        // Whose these are cannot be said, which is not that they are another's.
        for local in ["0.0.0.0:443", "[::]:443", "[::ffff:0.0.0.0]:443", "10.0.0.3:1"] {
            assert_eq!(desk.take(event(TraceKind::Retransmit, Some(local)), None, Some(own)), None, "{local}");
        }
        assert_eq!((desk.tally().undecided, desk.tally().events()), (5, 1));
    }

    #[test]
    fn what_the_kernel_was_to_leave_out_is_left_out_where_it_took_no_filter() {
        let mut desk = TraceDesk::new(vec![TraceKind::Drop, TraceKind::State], Filter::default());
        for reason in ["NOT_SPECIFIED", "QUEUE_PURGE", "CONSUMED"] {
            assert_eq!(desk.take(drop_for(reason), None, None), None, "{reason}");
        }
        let of = |protocol, event| TraceEvent { protocol: Some(protocol), ..event };
        let change = || event(TraceKind::State, Some("10.0.0.1:443"));
        // ARP, and SCTP.
        assert_eq!(desk.take(of(0x0806, drop_for("NETFILTER_DROP")), None, None), None);
        assert_eq!(desk.take(of(132, change()), None, None), None);
        assert_eq!(desk.tally().events(), 0);
        for (protocol, event) in [(0x0800, drop_for("NO_SOCKET")), (0x86dd, drop_for("TCP_CSUM")), (6, change())] {
            assert!(desk.take(of(protocol, event), None, None).is_some(), "{protocol}");
        }
        assert_eq!((desk.tally().events(), desk.tally().other_protocols), (3, 0));
    }

    #[test]
    fn what_tells_connections_apart_is_traced_with_what_is_counted_by_connection() {
        for kind in [TraceKind::Retransmit, TraceKind::SynAck, TraceKind::Drop] {
            assert_eq!(TraceDesk::new(vec![kind], Filter::default()).needed(), [kind, TraceKind::State]);
        }
        assert_eq!(TraceDesk::new(vec![TraceKind::ResetSent], Filter::default()).needed(), [TraceKind::ResetSent]);
    }

    fn socket(state: TcpState, retransmits: u8, expires_ms: u32, info: Option<LiveInfo>) -> LiveSocket {
        LiveSocket { state, timer: SocketTimer::Retransmit, expires_ms, retransmits, inode: 1, info }
    }

    #[test]
    fn a_half_open_socket_corrects_what_was_counted_of_one_before_it() {
        let mut desk = TraceDesk::new(vec![TraceKind::SynAck], Filter::default());
        let again = |desk: &mut TraceDesk| desk.take(event(TraceKind::SynAck, Some("10.0.0.1:443")), None, None);
        let first = again(&mut desk).unwrap();
        let mut second = again(&mut desk).unwrap();
        assert_eq!((first.seen, second.seen), (1, 2));
        desk.hear(&mut second, &socket(TcpState::SynRecv, 1, 900, None));
        assert_eq!((second.seen, again(&mut desk).unwrap().seen), (1, 2));
        // It may have been sent before the trace began.
        let mut next = again(&mut desk).unwrap();
        desk.hear(&mut next, &socket(TcpState::SynRecv, 7, 900, None));
        assert_eq!(next.seen, 3);
    }

    #[test]
    fn what_a_socket_says_after_a_later_resend_is_not_said_of_an_earlier_one() {
        const MS: u64 = 1_000_000;
        let told =
            |kind, state| Told::of(TraceEvent { state, ..event(kind, None) }, None, crate::trace::EndsFrom::Unknown);
        let info = |retransmits, rto_ms: u32| {
            Some(LiveInfo { retransmits, unacked: 1, rto_us: rto_ms * 1000, ca_state: 4, ..LiveInfo::default() })
        };
        let connecting = told(TraceKind::Retransmit, Some(TcpState::SynSent));
        let asked = |told: &Told, expires_ms, info, elapsed_ms| {
            told.is_of_this_resend(&socket(TcpState::SynSent, 1, expires_ms, info), elapsed_ms * MS)
        };
        assert!(asked(&connecting, 1950, info(1, 2000), 50));
        // The next one has come 1 s later, by linear timeouts, and by doubled ones.
        assert!(!asked(&connecting, 800, info(2, 1000), 1200));
        assert!(!asked(&connecting, 3800, info(2, 4000), 2200));
        // An answer is one, however late; of a fast one only for so long as nothing else can have come.
        let data = told(TraceKind::Retransmit, Some(TcpState::Estab));
        let of_data = |unacked, ca_state, elapsed_ms: u64| {
            let info = LiveInfo { unacked, ca_state, rto_us: 200_000, ..LiveInfo::default() };
            data.is_of_this_resend(&socket(TcpState::Estab, 0, 150, Some(info)), elapsed_ms * MS)
        };
        assert!(of_data(0, 0, 5000) && of_data(1, 3, 190) && !of_data(1, 3, 400));
        let half_open = told(TraceKind::SynAck, None);
        let of_half_open =
            |elapsed_ms| half_open.is_of_this_resend(&socket(TcpState::SynRecv, 1, 900, None), elapsed_ms * MS);
        assert!(of_half_open(90) && !of_half_open(110));
        assert!(told(TraceKind::State, None).is_of_this_resend(&socket(TcpState::FinWait2, 0, 0, None), 9000 * MS));
    }
}
