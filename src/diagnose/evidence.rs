//! What rules add to a finding again and again: a counter, a state, a setting, each with its source.

use super::{Case, Finding, source};
use crate::units::TcpState;

impl Finding {
    /// Adds what these counters of `TcpExt` rose by; one that this kernel does not have is left out.
    #[must_use]
    pub(super) fn tcp_ext(self, case: &Case<'_>, names: &[&str]) -> Self {
        names.iter().fold(self, |finding, name| match case.tcp_ext_rise(name) {
            Ok(rise) => finding.seen(*name, case.over_window(rise), source::tcp_ext(name)),
            Err(_) => finding,
        })
    }

    /// The same for counters of `Tcp`.
    #[must_use]
    pub(super) fn tcp(self, case: &Case<'_>, names: &[&str]) -> Self {
        names.iter().fold(self, |finding, name| match case.tcp_rise(name) {
            Ok(rise) => finding.seen(*name, case.over_window(rise), source::tcp(name)),
            Err(_) => finding,
        })
    }

    /// Adds how many sockets are in these states, if sockets could be read.
    #[must_use]
    pub(super) fn states(self, case: &Case<'_>, states: &[TcpState]) -> Self {
        let Ok(sockets) = case.sockets() else { return self };
        states
            .iter()
            .fold(self, |finding, state| finding.seen(state.name(), sockets.count(*state).to_string(), source::STATES))
    }

    /// Adds a figure of sockstat, if it is there.
    #[must_use]
    pub(super) fn sockstat(self, case: &Case<'_>, name: &str) -> Self {
        match case.sockstat_tcp(name) {
            Ok(figure) => self.seen(name, figure.to_string(), source::sockstat(name)),
            Err(_) => self,
        }
    }

    /// Adds the values of these settings, where they are there.
    #[must_use]
    pub(super) fn settings(self, case: &Case<'_>, keys: &[&str]) -> Self {
        keys.iter().fold(self, |finding, key| match case.sysctl(key) {
            Ok(Some(value)) => finding.seen(*key, value, source::setting(key)),
            _ => finding,
        })
    }
}
