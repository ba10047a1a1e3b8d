//! Why a segment was sent again.

use crate::units::{LiveSocket, TcpState};

/// What made a socket send again, judged by what it says of itself a moment later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// Its timer expired, and nothing was acknowledged since.
    Timeout,
    /// Its timer had expired before: what it then took for lost is sent again as ACKs come.
    AfterTimeout,
    /// The peer's ACKs said that it was lost.
    Fast,
    /// A loss probe, or a fast one of which the recovery is over.
    ProbeOrFast,
    /// Everything was acknowledged before it could be asked.
    Acknowledged,
}

/// `TCP_CA_Recovery` and `TCP_CA_Loss`.
const RECOVERY: u8 = 3;
const LOSS: u8 = 4;

impl Resend {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::AfterTimeout => "after-timeout",
            Self::Fast => "fast",
            Self::ProbeOrFast => "probe-or-fast",
            Self::Acknowledged => "acknowledged",
        }
    }

    /// What it means; nothing for a timeout, of which the forecast says more.
    #[must_use]
    pub const fn text(self) -> Option<&'static str> {
        match self {
            Self::Timeout => None,
            Self::AfterTimeout => Some("after a timeout: what was in flight then is sent again as ACKs come"),
            Self::Fast => Some("fast retransmit: the peer's ACKs tell of the loss"),
            Self::ProbeOrFast => Some("a loss probe or a fast retransmit, no timeout"),
            Self::Acknowledged => Some("acknowledged since"),
        }
    }
}

/// Why a socket that was in this state sent again; nothing where it does not say.
#[must_use]
pub fn resend_of(state: Option<TcpState>, socket: &LiveSocket) -> Option<Resend> {
    if matches!(state, Some(TcpState::SynSent | TcpState::SynRecv)) {
        // A handshake is resent by its timer alone. One that has gone on was answered.
        return Some(if Some(socket.state) == state { Resend::Timeout } else { Resend::Acknowledged });
    }
    let info = socket.info?;
    Some(match (info.retransmits, info.unacked, info.ca_state) {
        (1.., ..) => Resend::Timeout,
        (0, 0, _) => Resend::Acknowledged,
        (0, _, RECOVERY) => Resend::Fast,
        (0, _, LOSS) => Resend::AfterTimeout,
        _ => Resend::ProbeOrFast,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{LiveInfo, SocketTimer};

    #[test]
    fn what_a_socket_says_of_itself_tells_why_it_sent_again() {
        let socket = |state, retransmits, unacked, ca_state| LiveSocket {
            state,
            timer: SocketTimer::Retransmit,
            expires_ms: 100,
            retransmits,
            inode: 1,
            info: Some(LiveInfo { retransmits, unacked, ca_state, ..LiveInfo::default() }),
        };
        let estab = Some(TcpState::Estab);
        assert_eq!(resend_of(estab, &socket(TcpState::Estab, 2, 1, 4)), Some(Resend::Timeout));
        assert_eq!(resend_of(estab, &socket(TcpState::Estab, 0, 5, RECOVERY)), Some(Resend::Fast));
        // An ACK of something new takes the count back, and the timeout's recovery goes on.
        assert_eq!(resend_of(estab, &socket(TcpState::Estab, 0, 5, LOSS)), Some(Resend::AfterTimeout));
        assert_eq!(resend_of(estab, &socket(TcpState::Estab, 0, 5, 1)), Some(Resend::ProbeOrFast));
        assert_eq!(resend_of(estab, &socket(TcpState::Estab, 0, 0, 0)), Some(Resend::Acknowledged));
        let connecting = Some(TcpState::SynSent);
        assert_eq!(resend_of(connecting, &socket(TcpState::SynSent, 1, 1, 4)), Some(Resend::Timeout));
        assert_eq!(resend_of(connecting, &socket(TcpState::Estab, 0, 0, 0)), Some(Resend::Acknowledged));
        let minisocket = LiveSocket { info: None, ..socket(TcpState::TimeWait, 0, 0, 0) };
        assert_eq!(resend_of(estab, &minisocket), None);
    }
}
