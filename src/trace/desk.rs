//! Where every event passes: followed, held against what is wanted, and counted.

use std::net::IpAddr;

use super::{Follower, Told, TraceTally, passes};
use crate::units::TcpState;
use crate::wire::{Filter, TraceEvent, TraceKind, Truth};

/// What becomes of the events of one trace.
#[derive(Clone, Debug, Default)]
pub struct TraceDesk {
    follower: Follower,
    filter: Filter,
    wanted: Vec<TraceKind>,
    tally: TraceTally,
}

/// Beginnings of names of kernel functions that belong to TCP, and to other protocols over IP.
const OF_TCP: [&str; 4] = ["tcp_", "__tcp_", "inet_csk_", "reqsk_"];
const OF_OTHERS: [&str; 9] = ["udp", "__udp", "icmp", "ping_", "raw", "igmp", "sctp_", "mld_", "ndisc_"];

impl TraceDesk {
    /// For events of these kinds that pass this filter.
    #[must_use]
    pub fn new(wanted: Vec<TraceKind>, filter: Filter) -> Self {
        Self { wanted, filter, ..Self::default() }
    }

    /// Which tracepoints must fire for what is wanted: whose a dropped packet was is known from the changes of state.
    #[must_use]
    pub fn needed(&self) -> Vec<TraceKind> {
        let mut needed = self.wanted.clone();
        if needed.contains(&TraceKind::Drop) && !needed.contains(&TraceKind::State) {
            needed.push(TraceKind::State);
        }
        needed
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
    /// address is one of the network namespace that is meant; nothing where all of them are. What comes back is counted and
    /// to be shown.
    pub fn take(
        &mut self,
        event: TraceEvent,
        function: Option<&str>,
        is_own: Option<&dyn Fn(IpAddr) -> bool>,
    ) -> Option<Told> {
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
            Some(ends) if is_own(ends.local.ip()) => Truth::Yes,
            Some(_) => Truth::No,
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
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let own: &dyn Fn(IpAddr) -> bool = &|address| address.to_string() == "10.0.0.1";
        assert!(desk.take(event(TraceKind::Retransmit, Some("10.0.0.1:1")), None, Some(own)).is_some());
        assert_eq!(desk.take(event(TraceKind::Retransmit, Some("10.0.0.2:1")), None, Some(own)), None);
        assert_eq!(desk.take(drop_for("TCP_RESET"), None, Some(own)), None);
        assert_eq!((desk.tally().undecided, desk.tally().events()), (1, 1));
    }
}
