//! What an ICMP error does.
//!
//! Mirrors: `tcp_v4_err()`, `tcp_v6_err()`, `tcp_req_err()`, `tcp_ld_RTO_revert()`.
//!
//! Differs from the kernel: the error is always about the oldest segment in flight, no application has
//! `IP_RECVERR` or `IPV6_RECVERR`, and fragmentation errors, redirects and TCP-AO are left out.

use super::state::{Clock, Endpoint};
use crate::model::play::{Doing, Step};
use crate::model::script::IcmpError;
use crate::model::timeline::What;
use crate::model::timer::Timer;
use crate::units::TcpState;

impl Endpoint {
    /// An ICMP error arrives; `in_call` says that a system call holds the socket at that moment.
    pub(in crate::model) fn hear_icmp(&mut self, error: IcmpError, in_call: bool, step: &mut Step<'_>) {
        step.doings.push(Doing::Record(What::Icmp(error)));
        let errno = error.errno(self.family);
        match self.state {
            None | Some(TcpState::Close | TcpState::TimeWait) => {}
            _ if self.minisock => {}
            Some(TcpState::SynRecv) if self.request.is_some() => {
                if error.ends_request(self.family) {
                    self.forget(step);
                }
            }
            Some(TcpState::SynSent | TcpState::SynRecv) if !in_call => self.fail(errno, step),
            Some(TcpState::SynSent | TcpState::SynRecv) => self.soft_error = Some(errno),
            // About what is acknowledged already: its number lies before `snd_una` (measured).
            Some(_) if self.flight.is_empty() => {}
            Some(_) => {
                self.soft_error = Some(errno);
                if error.reverts_backoff(self.family, self.version) && !in_call {
                    self.take_back_a_backoff(step);
                }
            }
        }
    }

    /// RFC 6069: the path is broken, not crowded.
    fn take_back_a_backoff(&mut self, step: &mut Step<'_>) {
        let Some(Clock::Retransmit(clock)) = &step.armed else { return };
        let mut clock = clock.clone();
        match clock.revert_backoff(step.window.at_us) {
            None => {}
            Some(0) => {
                step.disarm(Timer::Write);
                self.expire(Clock::Retransmit(clock), step);
            }
            Some(wait_us) => step.arm(Clock::Retransmit(clock), wait_us),
        }
    }
}
