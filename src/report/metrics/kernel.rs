//! Samples of what the kernel told: counters, states, and what the settings mean.

use super::exposition::Sample;
use super::measured::Measured;
use crate::model::{Answer, Host, KnownSettings, Window, consequences, half_open_ages};
use crate::snapshot::{GapKind, PortUse, Snapshot, Sockets};
use crate::units::TcpState;

pub(super) fn one(value: Option<impl ToString>) -> Vec<Sample> {
    value.map(|value| Sample::new(value)).into_iter().collect()
}

pub(super) fn tcp(snapshot: &Snapshot, name: &str) -> Vec<Sample> {
    one(snapshot.counters.tcp(name))
}

pub(super) fn ext(snapshot: &Snapshot, name: &str) -> Vec<Sample> {
    one(snapshot.counters.tcp_ext(name))
}

pub(super) fn sockstat(snapshot: &Snapshot, name: &str) -> Vec<Sample> {
    one(snapshot.counters.sockstat("TCP", name))
}

/// Rows by CPU number; on kernels that do not print it (before 5.10) by their place, as node_exporter does.
pub(super) fn softnet(snapshot: &Snapshot, of: fn(&crate::snapshot::SoftnetCpu) -> u64) -> Vec<Sample> {
    let rows = snapshot.counters.softnet.as_deref().unwrap_or_default();
    let sample = |(place, row): (usize, &crate::snapshot::SoftnetCpu)| {
        let cpu = row.cpu.map_or_else(|| place.to_string(), |cpu| cpu.to_string());
        Sample::new(of(row)).label("cpu", cpu)
    };
    rows.iter().enumerate().map(sample).collect()
}

/// The sockets, for what is counted of all of them. Nothing where some could not be understood: who reads metrics is not
/// told that a number is too low.
pub(super) fn counted(snapshot: &Snapshot) -> Option<&Sockets> {
    snapshot.sockets.as_ref().filter(|_| !snapshot.misses_sockets())
}

pub(super) fn states(snapshot: &Snapshot) -> Vec<Sample> {
    let Some(sockets) = counted(snapshot).filter(|sockets| sockets.source.counts_states()) else {
        return Vec::new();
    };
    // A state that was not counted is not one without sockets.
    let sample = |state: TcpState| Some(Sample::new(sockets.counted(state)?).label("state", node_exporter_name(state)));
    TcpState::ALL.into_iter().filter_map(sample).collect()
}

/// The state as node_exporter's tcpstat collector labels it.
fn node_exporter_name(state: TcpState) -> &'static str {
    match state {
        TcpState::Estab => "established",
        TcpState::SynSent => "syn_sent",
        TcpState::SynRecv => "syn_recv",
        TcpState::FinWait1 => "fin_wait1",
        TcpState::FinWait2 => "fin_wait2",
        TcpState::TimeWait => "time_wait",
        TcpState::Close => "close",
        TcpState::CloseWait => "close_wait",
        TcpState::LastAck => "last_ack",
        TcpState::Listen => "listen",
        TcpState::Closing => "closing",
    }
}

/// The answers of the model; nothing when the kernel version is unknown.
pub(super) fn answers(snapshot: &Snapshot) -> Vec<(&'static str, Answer)> {
    let Some(host) = host(snapshot) else { return Vec::new() };
    consequences(&known(snapshot), &host).into_iter().map(|(consequence, answer)| (consequence.id, answer)).collect()
}

/// Half-open connections by how often their SYN-ACK was sent again.
pub(super) fn half_open(snapshot: &Snapshot) -> Vec<Sample> {
    let kinds = counted(snapshot).and_then(|sockets| sockets.half_open_resent.as_deref());
    let sample = |(resent, count): (usize, &u64)| Sample::new(count).label("synacks_resent", resent.to_string());
    kinds.into_iter().flatten().enumerate().map(sample).collect()
}

/// The least age of each of these kinds.
pub(super) fn half_open_least_age(snapshot: &Snapshot) -> Vec<Sample> {
    let Some(host) = host(snapshot) else { return Vec::new() };
    let ages = half_open_ages(&known(snapshot), &host);
    let sample =
        |(resent, age): (usize, &Window)| Sample::new(seconds(age.at_us)).label("synacks_resent", resent.to_string());
    ages.iter().take(Sockets::HALF_OPEN_KINDS).enumerate().map(sample).collect()
}

/// Nothing when the kernel version is unknown.
fn host(snapshot: &Snapshot) -> Option<Host> {
    Some(Host { version: snapshot.kernel.version?, hz: snapshot.kernel.hz.as_ref().map(|reading| reading.hz) })
}

fn known(snapshot: &Snapshot) -> KnownSettings {
    KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key))
}

pub(super) fn setting_seconds(measured: &Measured<'_>) -> Vec<Sample> {
    let mut samples = Vec::new();
    for &(id, answer) in &measured.answers {
        let (at, latest) = match answer {
            Answer::After(window) => (seconds(window.at_us), seconds(window.latest_us)),
            Answer::Never => ("+Inf".to_owned(), "+Inf".to_owned()),
            Answer::PerSecond(_) | Answer::Count(_) | Answer::Unknown => continue,
        };
        samples.push(Sample::new(at).label("setting", id).label("bound", "nominal"));
        samples.push(Sample::new(latest).label("setting", id).label("bound", "latest"));
    }
    samples
}

pub(super) fn setting_per_second(measured: &Measured<'_>) -> Vec<Sample> {
    let sample = |&(id, answer): &(&'static str, Answer)| match answer {
        Answer::PerSecond(rate) => Some(Sample::new(rate).label("setting", id)),
        _ => None,
    };
    measured.answers.iter().filter_map(sample).collect()
}

pub(super) fn setting_limit(measured: &Measured<'_>) -> Vec<Sample> {
    let sample = |&(id, answer): &(&'static str, Answer)| match answer {
        Answer::Count(count) => Some(Sample::new(count).label("setting", id)),
        _ => None,
    };
    measured.answers.iter().filter_map(sample).collect()
}

pub(super) fn ports_available(snapshot: &Snapshot) -> Vec<Sample> {
    one(known(snapshot).ports_available())
}

pub(super) fn ports_in_use_most(snapshot: &Snapshot) -> Vec<Sample> {
    let most = |ports: &[PortUse]| ports.iter().map(|row| row.used).max().unwrap_or(0);
    // Where ports were not counted, none in use would be a lie.
    one(counted(snapshot).and_then(Sockets::counted_ports).map(most))
}

pub(super) fn gaps(snapshot: &Snapshot) -> Vec<Sample> {
    const KINDS: [(GapKind, &str); 5] = [
        (GapKind::Absent, "absent"),
        (GapKind::Denied, "denied"),
        (GapKind::Malformed, "malformed"),
        (GapKind::Failed, "failed"),
        (GapKind::Substituted, "substituted"),
    ];
    let count = |kind| snapshot.gaps.iter().filter(|gap| gap.kind == kind).count();
    KINDS.into_iter().map(|(kind, name)| Sample::new(count(kind)).label("kind", name)).collect()
}

pub(super) fn taken(snapshot: &Snapshot) -> Vec<Sample> {
    let ms = snapshot.taken_unix_ms;
    one(Some(format!("{}.{:03}", ms / 1000, ms % 1000)))
}

pub(super) fn info(snapshot: &Snapshot) -> Vec<Sample> {
    let release = snapshot.kernel.release.clone().unwrap_or_default();
    let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz.to_string()).unwrap_or_default();
    vec![Sample::new(1).label("release", release).label("hz", hz)]
}

/// Microseconds as seconds with the digits that are needed.
pub(super) fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_no_needless_digits() {
        assert_eq!([131_000_000, 63_004_000, 1, 0].map(seconds), ["131", "63.004", "0.000001", "0"]);
    }
}
