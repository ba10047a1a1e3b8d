//! What a change of state means.

use crate::units::TcpState;

/// From, to, and what it means. A connection that ends in TIME-WAIT is told by the kernel as one that goes to CLOSE: its
/// minisocket, which stays, is none that is traced (`tcp_time_wait`).
const CHANGES: [(TcpState, TcpState, &str); 28] = {
    use TcpState::{Close, CloseWait, Closing, Estab, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent, TimeWait};
    [
        (Close, SynSent, "connect(): a SYN is sent"),
        (Close, Listen, "listen()"),
        (Listen, Close, "the listener is closed"),
        (Listen, SynRecv, "the ACK of a handshake came in: a socket of its own"),
        (SynRecv, Estab, "the handshake is complete; it waits for accept()"),
        (SynRecv, FinWait1, "closed by this end right after the handshake: a FIN is sent"),
        (SynRecv, CloseWait, "the peer closed right after the handshake"),
        (SynRecv, Close, "ended before the handshake was complete: a RST, or nobody accepts it"),
        (SynSent, Estab, "the SYN was answered: connected"),
        (SynSent, SynRecv, "both ends connect at once"),
        (SynSent, Close, "connecting ended: refused, timed out, unreachable or given up by the application"),
        (Estab, FinWait1, "this end closes first: a FIN is sent"),
        (Estab, CloseWait, "the peer closed; this application has not"),
        (Estab, Close, "ended at once: a RST came or was sent, or a timer gave up"),
        (Estab, SynSent, "a fast open was not taken: the handshake goes on"),
        (FinWait1, FinWait2, "the FIN is acknowledged; it waits for the peer's"),
        (FinWait1, Closing, "both ends closed at once"),
        (FinWait1, Close, "over: TIME-WAIT without a socket, or a RST, or a timer gave up"),
        (FinWait1, TimeWait, "both FINs are acknowledged"),
        (FinWait2, Close, "over for the application: what stays is an entry without a socket"),
        (FinWait2, TimeWait, "the peer closed too"),
        (Closing, Close, "over: TIME-WAIT without a socket, or a RST, or a timer gave up"),
        (Closing, TimeWait, "the FIN is acknowledged"),
        (CloseWait, LastAck, "this application closed too: a FIN is sent"),
        (CloseWait, Close, "ended at once: a RST came or was sent, or a timer gave up"),
        (LastAck, Close, "over: the FIN is acknowledged, or a RST came, or a timer gave up"),
        (TimeWait, Close, "TIME-WAIT is over"),
        (Close, Close, "closed once more"),
    ]
};

/// What a change means; nothing for one that no rule of TCP makes.
#[must_use]
pub fn change_of_state(from: TcpState, to: TcpState) -> Option<&'static str> {
    CHANGES.iter().find(|(one, other, _)| (*one, *other) == (from, to)).map(|(.., text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_has_one_meaning() {
        for (at, (from, to, text)) in CHANGES.iter().enumerate() {
            assert_eq!(change_of_state(*from, *to), Some(*text));
            assert!(!CHANGES.iter().skip(at + 1).any(|(one, other, _)| (one, other) == (from, to)), "{from:?} {to:?}");
        }
        assert_eq!(change_of_state(TcpState::Listen, TcpState::LastAck), None);
    }
}
