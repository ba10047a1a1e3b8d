//! The cells of a socket's line: addresses, process, timer, and what is behind it with `-e`, `-m`, `-i`.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;

use super::digits::{push_address, push_number};
use super::printable::printable;
use crate::snapshot::SocketOwner;
use crate::units::{Micros, SocketTimer, TcpState};
use crate::wire::{InetDiag, SocketFacts, TcpInfo};

/// Names of network devices by index.
pub(super) type Devices = BTreeMap<u32, String>;

/// Writes both ends as ss does: `*` for a wildcard of both families and for no port, `%` and the device behind the
/// local address of a socket that is bound to one. Returns where the second begins.
pub(super) fn push_ends(
    out: &mut Vec<u8>,
    found: &InetDiag<'_>,
    devices: &Devices,
    between: impl FnOnce(&mut Vec<u8>),
) -> usize {
    // Only listeners and sockets without a connection can have a wildcard, and only they say which.
    let unbound = matches!(found.state(), Some(TcpState::Listen | TcpState::Close));
    let both = unbound && found.facts().v6_only == Some(false);
    push_end(out, found.source(), found.source_port(), both, found.interface(), devices);
    between(out);
    let second = out.len();
    push_end(out, found.destination(), found.destination_port(), both, 0, devices);
    second
}

fn push_end(out: &mut Vec<u8>, address: IpAddr, port: u16, both: bool, interface: u32, devices: &Devices) {
    match address {
        IpAddr::V6(address) if both && address.is_unspecified() => out.push(b'*'),
        IpAddr::V6(_) => {
            out.push(b'[');
            push_address(out, address);
            out.push(b']');
        }
        IpAddr::V4(_) => push_address(out, address),
    }
    if interface != 0 {
        out.push(b'%');
        match devices.get(&interface) {
            Some(name) => out.extend_from_slice(printable(name).as_bytes()),
            None => drop(write!(out, "if{interface}")),
        }
    }
    out.push(b':');
    if port == 0 {
        out.push(b'*');
    } else {
        push_number(out, port);
    }
}

/// The processes of a socket: `nginx(1203) nginx.service`, the first and how many others.
pub(super) fn push_owners<'a>(out: &mut Vec<u8>, mut owners: impl Iterator<Item = &'a SocketOwner>) {
    let Some(first) = owners.next() else { return out.push(b'-') };
    drop(write!(out, "{}({})", printable(&first.name), first.pid));
    let others = owners.count();
    if others > 0 {
        drop(write!(out, " +{others}"));
    }
    for place in first.container.iter().chain(&first.unit) {
        out.push(b' ');
        out.extend_from_slice(printable(place).as_bytes());
    }
}

/// The kernel's name of a timer, in the word of ss.
pub(super) const fn timer_name(timer: SocketTimer) -> Option<&'static str> {
    Some(match timer {
        SocketTimer::Off => return None,
        SocketTimer::Retransmit => "on",
        SocketTimer::Keepalive => "keepalive",
        SocketTimer::TimeWait => "timewait",
        SocketTimer::Probe => "persist",
        SocketTimer::Other(_) => "unknown",
    })
}

/// A timer in a column: what it is for, when it fires, and how often it has: `retransmit 1.9s x3`.
pub(super) fn push_timer(out: &mut Vec<u8>, found: &InetDiag<'_>) {
    let name = match (found.timer(), found.state()) {
        (SocketTimer::Off, _) => return,
        (SocketTimer::Retransmit, Some(TcpState::SynSent)) => "syn",
        (SocketTimer::Retransmit, Some(TcpState::SynRecv)) => "syn-ack",
        (SocketTimer::Retransmit, _) => "retransmit",
        (SocketTimer::Keepalive, Some(TcpState::FinWait2)) => "fin-wait",
        (SocketTimer::Keepalive, _) => "keepalive",
        (SocketTimer::TimeWait, Some(TcpState::FinWait2)) => "fin-wait",
        (SocketTimer::TimeWait, _) => "time-wait",
        (SocketTimer::Probe, _) => "probe",
        (SocketTimer::Other(_), _) => "timer",
    };
    drop(write!(out, "{name} {:#}", Micros(u64::from(found.expires_ms()) * 1000)));
    if found.retransmits() > 0 {
        drop(write!(out, " x{}", found.retransmits()));
    }
}

/// `timer:(on,1.9s,3)`, as ss has it with `-o`.
pub(super) fn push_timer_of_ss(out: &mut Vec<u8>, found: &InetDiag<'_>) {
    if let Some(name) = timer_name(found.timer()) {
        let left = Micros(u64::from(found.expires_ms()) * 1000);
        drop(write!(out, "timer:({name},{left:#},{})", found.retransmits()));
    }
}

/// What `-e` adds.
pub(super) fn push_extended(out: &mut Vec<u8>, found: &InetDiag<'_>, facts: &SocketFacts<'_>) {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if found.uid() != 0 {
        let _ = write!(text, " uid:{}", found.uid());
    }
    let _ = write!(text, " ino:{} sk:{:x}", found.inode(), found.cookie());
    if let Some(v6_only) = facts.v6_only {
        let _ = write!(text, " v6only:{}", u8::from(v6_only));
    }
    if let Some(mark) = facts.mark.filter(|mark| *mark != 0) {
        let _ = write!(text, " fwmark:0x{mark:x}");
    }
    match facts.shutdown {
        Some(1) => text.push_str(" shut:receive"),
        Some(2) => text.push_str(" shut:send"),
        Some(3) => text.push_str(" shut:both"),
        _ => {}
    }
    out.extend_from_slice(text.trim_start().as_bytes());
}

/// What `-m` adds, with the letters of ss.
pub(super) fn push_memory(out: &mut Vec<u8>, facts: &SocketFacts<'_>) {
    let Some(memory) = facts.memory else { return };
    let words = [
        ("r", memory.receive_bytes()),
        ("rb", memory.receive_limit_bytes()),
        ("t", memory.transmit_bytes()),
        ("tb", memory.send_limit_bytes()),
        ("f", memory.forward_bytes()),
        ("w", memory.queued_bytes()),
        ("o", memory.option_bytes()),
        ("bl", memory.backlog_bytes()),
        ("d", memory.drops()),
    ];
    let words: Vec<String> = words.into_iter().filter_map(|(name, value)| Some(format!("{name}{}", value?))).collect();
    drop(write!(out, "skmem:({})", words.join(",")));
}

/// What `-i` adds, with the names of ss; what is 0 and says nothing is left out.
pub(super) fn push_info(out: &mut Vec<u8>, facts: &SocketFacts<'_>) {
    let Some(bytes) = facts.info else { return };
    let info = TcpInfo::decode(bytes);
    let mut text = String::new();
    if let Some(name) = facts.congestion {
        let _ = write!(text, " {name}");
    }
    if let Some(layer) = facts.upper_layer {
        let _ = write!(text, " {layer}");
    }
    let thousandths = |us: Option<u32>| us.map(|us| format!("{}.{:03}", us / 1000, us % 1000));
    if let Some(rto) = info.rto_us {
        let _ = write!(text, " rto:{}", rto / 1000);
    }
    if let (Some(rtt), Some(variance)) = (thousandths(info.rtt_us), thousandths(info.rttvar_us)) {
        let _ = write!(text, " rtt:{rtt}/{variance}");
    }
    let numbers: [(&str, Option<u64>); 24] = [
        ("backoff", info.backoff.map(u64::from)),
        ("mss", info.snd_mss.map(u64::from)),
        ("pmtu", info.pmtu.map(u64::from)),
        ("cwnd", info.snd_cwnd.map(u64::from)),
        ("ssthresh", info.snd_ssthresh.filter(|it| *it < 0xffff).map(u64::from)),
        ("bytes_sent", info.bytes_sent),
        ("bytes_retrans", info.bytes_retrans),
        ("bytes_acked", info.bytes_acked),
        ("bytes_received", info.bytes_received),
        ("segs_out", info.segs_out.map(u64::from)),
        ("segs_in", info.segs_in.map(u64::from)),
        ("lastsnd", info.last_data_sent_ms.map(u64::from)),
        ("lastrcv", info.last_data_recv_ms.map(u64::from)),
        ("lastack", info.last_ack_recv_ms.map(u64::from)),
        ("unacked", info.unacked.map(u64::from)),
        ("lost", info.lost.map(u64::from)),
        ("sacked", info.sacked.map(u64::from)),
        ("notsent", info.notsent_bytes.map(u64::from)),
        ("rwnd_limited_us", info.rwnd_limited_us),
        ("sndbuf_limited_us", info.sndbuf_limited_us),
        ("delivered", info.delivered.map(u64::from)),
        ("rcv_space", info.rcv_space.map(u64::from)),
        ("snd_wnd", info.snd_wnd.map(u64::from)),
        ("rcv_wnd", info.rcv_wnd.map(u64::from)),
    ];
    for (name, value) in numbers {
        if let Some(value) = value.filter(|value| *value != 0) {
            let _ = write!(text, " {name}:{value}");
        }
    }
    if let (Some(now), Some(total)) = (info.retrans, info.total_retrans)
        && total > 0
    {
        let _ = write!(text, " retrans:{now}/{total}");
    }
    out.extend_from_slice(printable(text.trim_start()).as_bytes());
}
