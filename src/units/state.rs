//! The states of a TCP socket.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// A TCP state, under the name that ss prints.
///
/// Numbers are the kernel's (`include/net/tcp_states.h`). `TCP_NEW_SYN_RECV` (12) reads as
/// [`TcpState::SynRecv`], since sock_diag reports request sockets so, and `TCP_BOUND_INACTIVE` (13) is
/// reported as [`TcpState::Close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TcpState {
    /// Connection open on this side.
    #[serde(rename = "ESTAB")]
    Estab,
    /// SYN sent, no answer yet.
    #[serde(rename = "SYN-SENT")]
    SynSent,
    /// SYN received, SYN-ACK sent, third segment not seen: a half-open entry.
    #[serde(rename = "SYN-RECV")]
    SynRecv,
    /// This side closed first; its FIN is not acknowledged.
    #[serde(rename = "FIN-WAIT-1")]
    FinWait1,
    /// This side closed first; the FIN is acknowledged, the peer has not closed.
    #[serde(rename = "FIN-WAIT-2")]
    FinWait2,
    /// Both closed, this side first; kept for 60 s.
    #[serde(rename = "TIME-WAIT")]
    TimeWait,
    /// No connection (bound-inactive sockets appear so).
    #[serde(rename = "CLOSE")]
    Close,
    /// The peer closed; this side's application has not.
    #[serde(rename = "CLOSE-WAIT")]
    CloseWait,
    /// The peer closed first; this side's FIN is not acknowledged.
    #[serde(rename = "LAST-ACK")]
    LastAck,
    /// Waiting for connections.
    #[serde(rename = "LISTEN")]
    Listen,
    /// Both closed at once; this side's FIN is not acknowledged.
    #[serde(rename = "CLOSING")]
    Closing,
}

impl TcpState {
    /// Every state, in the kernel's order.
    pub const ALL: [Self; 11] = [
        Self::Estab,
        Self::SynSent,
        Self::SynRecv,
        Self::FinWait1,
        Self::FinWait2,
        Self::TimeWait,
        Self::Close,
        Self::CloseWait,
        Self::LastAck,
        Self::Listen,
        Self::Closing,
    ];

    /// Reads the kernel's number; nothing for a number that no kernel up to 6.18 uses.
    #[must_use]
    pub const fn from_kernel(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Estab,
            2 => Self::SynSent,
            3 | 12 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 | 13 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }

    /// The kernel's number for this state.
    #[must_use]
    pub const fn to_kernel(self) -> u8 {
        match self {
            Self::Estab => 1,
            Self::SynSent => 2,
            Self::SynRecv => 3,
            Self::FinWait1 => 4,
            Self::FinWait2 => 5,
            Self::TimeWait => 6,
            Self::Close => 7,
            Self::CloseWait => 8,
            Self::LastAck => 9,
            Self::Listen => 10,
            Self::Closing => 11,
        }
    }

    /// The name ss prints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Estab => "ESTAB",
            Self::SynSent => "SYN-SENT",
            Self::SynRecv => "SYN-RECV",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::TimeWait => "TIME-WAIT",
            Self::Close => "CLOSE",
            Self::CloseWait => "CLOSE-WAIT",
            Self::LastAck => "LAST-ACK",
            Self::Listen => "LISTEN",
            Self::Closing => "CLOSING",
        }
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for TcpState {
    type Err = String;

    /// Reads ss's name, in any case, or `established` and `unconnected`-style long forms as ss's filters do.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.to_ascii_uppercase();
        let name = match upper.as_str() {
            "ESTABLISHED" => "ESTAB",
            "CLOSED" | "UNCONN" => "CLOSE",
            "LISTENING" => "LISTEN",
            other => other,
        };
        Self::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| format!("`{text}` is not a TCP state; expected a name as ss prints it, such as SYN-RECV"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_the_way_to_the_kernel_and_back() {
        for state in TcpState::ALL {
            assert_eq!(TcpState::from_kernel(state.to_kernel()), Some(state));
            assert_eq!(state.name().parse(), Ok(state));
        }
    }

    #[test]
    fn request_sockets_and_bound_ones_take_the_state_that_sock_diag_reports() {
        assert_eq!(TcpState::from_kernel(12), Some(TcpState::SynRecv));
        assert_eq!(TcpState::from_kernel(13), Some(TcpState::Close));
        assert_eq!(TcpState::from_kernel(0), None);
        assert_eq!(TcpState::from_kernel(14), None);
    }
}
