//! An event held against a filter of sockets.

use super::Told;
use crate::units::TcpState;
use crate::wire::{Candidate, Filter, TraceKind, Truth};

/// Whether an event passes. One of an unknown state passes when it would in every state; a change of state passes when it
/// would before or after. Without its ends, as most drops are, nothing is known.
#[must_use]
pub fn passes(filter: &Filter, told: &Told) -> Truth {
    if filter.is_empty() {
        return Truth::Yes;
    }
    let Some(ends) = told.ends else { return Truth::Unknown };
    let in_state = |state| {
        filter.matches(&Candidate {
            state,
            local: ends.local.ip(),
            local_port: ends.local.port(),
            remote: ends.peer.ip(),
            remote_port: ends.peer.port(),
            interface: None,
            mark: None,
            cgroup: None,
        })
    };
    let event = &told.event;
    match (event.kind, event.state, event.new_state) {
        (TraceKind::SynAck, ..) => in_state(TcpState::SynRecv),
        (_, Some(from), Some(to)) => match (in_state(from), in_state(to)) {
            (Truth::Yes, _) | (_, Truth::Yes) => Truth::Yes,
            (Truth::No, Truth::No) => Truth::No,
            _ => Truth::Unknown,
        },
        (_, Some(state), None) | (_, None, Some(state)) => in_state(state),
        (_, None, None) => {
            let mut judged = TcpState::ALL.into_iter().map(in_state);
            let first = judged.next().unwrap_or(Truth::Unknown);
            if judged.all(|truth| truth == first) { first } else { Truth::Unknown }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::EndsFrom;
    use crate::wire::{TraceDecoder, TraceEnds, TraceFormat, parse_filter};

    fn told(kind: TraceKind, states: [Option<TcpState>; 2], ends: Option<[&str; 2]>) -> Told {
        let mut decoder = TraceDecoder::default();
        decoder.add(kind, &TraceFormat::default());
        let mut event = decoder.decode(1, 0, &[0, 0]).unwrap();
        [event.state, event.new_state] = states;
        let ends = ends.map(|[local, peer]| TraceEnds { local: local.parse().unwrap(), peer: peer.parse().unwrap() });
        Told::of(event, ends, EndsFrom::Event)
    }

    fn asked(filter: &str, told: &Told) -> Truth {
        passes(&parse_filter(filter).unwrap(), told)
    }

    const ENDS: Option<[&str; 2]> = Some(["10.0.0.1:443", "192.0.2.7:50000"]);

    #[test]
    fn ports_addresses_and_states_are_those_of_ss() {
        let one = told(TraceKind::Retransmit, [Some(TcpState::Estab), None], ENDS);
        for filter in ["sport = :443", "dst 192.0.2.0/24", "state established", "not dport = :80", ""] {
            assert_eq!(asked(filter, &one), Truth::Yes, "{filter}");
        }
        for filter in ["sport = :80", "src 192.0.2.0/24", "state syn-sent", "exclude established"] {
            assert_eq!(asked(filter, &one), Truth::No, "{filter}");
        }
        assert_eq!(asked("fwmark = 1", &one), Truth::Unknown);
    }

    #[test]
    fn a_change_passes_by_the_state_before_or_after() {
        let one = told(TraceKind::State, [Some(TcpState::SynSent), Some(TcpState::Estab)], ENDS);
        assert_eq!(asked("state syn-sent", &one), Truth::Yes);
        assert_eq!(asked("state established", &one), Truth::Yes);
        assert_eq!(asked("state close-wait", &one), Truth::No);
    }

    #[test]
    fn an_unknown_state_decides_only_where_every_state_does() {
        let one = told(TraceKind::ResetReceived, [None, None], ENDS);
        assert_eq!(asked("sport = :443", &one), Truth::Yes);
        assert_eq!(asked("sport = :80 and state established", &one), Truth::No);
        assert_eq!(asked("state established", &one), Truth::Unknown);
        // A SYN-ACK comes from a half-open connection.
        assert_eq!(asked("state syn-recv", &told(TraceKind::SynAck, [None, None], ENDS)), Truth::Yes);
    }

    #[test]
    fn without_ends_nothing_is_known() {
        let one = told(TraceKind::Drop, [None, None], None);
        assert_eq!((asked("", &one), asked("sport = :443", &one)), (Truth::Yes, Truth::Unknown));
    }
}
