//! Words for states, and for groups of them.

use super::error::did_you_mean;
use crate::units::TcpState;
use crate::wire::StateMask;

/// Every word, with the states that it stands for: those of ss(8), then the names that ss prints.
const WORDS: [(&str, &[TcpState]); 30] = [
    ("established", &[TcpState::Estab]),
    ("syn-sent", &[TcpState::SynSent]),
    ("syn-recv", &[TcpState::SynRecv]),
    ("fin-wait-1", &[TcpState::FinWait1]),
    ("fin-wait-2", &[TcpState::FinWait2]),
    ("time-wait", &[TcpState::TimeWait]),
    ("closed", &[TcpState::Close]),
    ("close-wait", &[TcpState::CloseWait]),
    ("last-ack", &[TcpState::LastAck]),
    ("listening", &[TcpState::Listen]),
    ("closing", &[TcpState::Closing]),
    ("all", &TcpState::ALL),
    ("connected", &CONNECTED),
    ("synchronized", &SYNCHRONIZED),
    ("bucket", &BUCKET),
    ("big", &BIG),
    ("estab", &[TcpState::Estab]),
    ("syn-rcv", &[TcpState::SynRecv]),
    ("close", &[TcpState::Close]),
    ("listen", &[TcpState::Listen]),
    ("unconnected", &[TcpState::Close]),
    ("unconn", &[TcpState::Close]),
    ("bound-inactive", &[TcpState::Close]),
    ("syn_sent", &[TcpState::SynSent]),
    ("syn_recv", &[TcpState::SynRecv]),
    ("fin_wait1", &[TcpState::FinWait1]),
    ("fin_wait2", &[TcpState::FinWait2]),
    ("time_wait", &[TcpState::TimeWait]),
    ("close_wait", &[TcpState::CloseWait]),
    ("last_ack", &[TcpState::LastAck]),
];

/// All but listeners and sockets without a connection.
const CONNECTED: [TcpState; 9] = [
    TcpState::Estab,
    TcpState::SynSent,
    TcpState::SynRecv,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::TimeWait,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::Closing,
];

/// The same without those that wait for the first answer.
const SYNCHRONIZED: [TcpState; 8] = [
    TcpState::Estab,
    TcpState::SynRecv,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::TimeWait,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::Closing,
];

/// What the kernel keeps as less than a socket.
const BUCKET: [TcpState; 2] = [TcpState::SynRecv, TcpState::TimeWait];

/// The opposite.
const BIG: [TcpState; 9] = [
    TcpState::Estab,
    TcpState::SynSent,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::Close,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::Listen,
    TcpState::Closing,
];

/// The states that a word stands for; else what is wrong with it.
pub(super) fn states_of(word: &str) -> Result<StateMask, String> {
    if let Some((_, states)) = WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)) {
        return Ok(states.iter().map(|state| StateMask::of(*state)).fold(NONE, StateMask::and));
    }
    let names: Vec<&str> = WORDS.iter().map(|(name, _)| *name).collect();
    let hint = did_you_mean(word, &names);
    if !hint.is_empty() {
        return Err(format!("`{word}` is not a state{hint}"));
    }
    let shown = names.get(..16).unwrap_or_default().join(", ");
    Err(format!("`{word}` is not a state; states are {shown}"))
}

/// No state.
pub(super) const NONE: StateMask = StateMask::ALL.without(StateMask::ALL);

/// The states that are in both.
pub(super) const fn common(one: StateMask, other: StateMask) -> StateMask {
    one.without(one.without(other))
}

/// Whether a state is among them.
pub(super) const fn has(mask: StateMask, state: TcpState) -> bool {
    common(mask, StateMask::of(state)).bits() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_the_word_that_ss_prints_and_groups_are_its_own() {
        for state in TcpState::ALL {
            assert_eq!(states_of(state.name()), Ok(StateMask::of(state)), "{state}");
        }
        let idle = StateMask::of(TcpState::Listen).and(StateMask::of(TcpState::Close));
        let connected = StateMask::ALL.without(idle);
        assert_eq!(states_of("connected"), Ok(connected));
        assert_eq!(states_of("synchronized"), Ok(connected.without(StateMask::of(TcpState::SynSent))));
        let bucket = StateMask::of(TcpState::SynRecv).and(StateMask::of(TcpState::TimeWait));
        assert_eq!((states_of("bucket"), states_of("BIG")), (Ok(bucket), Ok(StateMask::ALL.without(bucket))));
    }

    #[test]
    fn a_word_that_is_no_state_is_put_right() {
        assert_eq!(states_of("syn-revc").unwrap_err(), "`syn-revc` is not a state; did you mean `syn-recv`?");
        assert!(states_of("zzz").unwrap_err().contains("states are established, syn-sent"));
    }
}
