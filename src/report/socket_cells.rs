//! The cells of a socket's line: addresses, process, timer, and what is behind it with `-e`, `-m`, `-i`.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;

use super::digits::{AddressText, push_number};
use super::printable::{printable, push_printable};
use crate::snapshot::SocketOwner;
use crate::units::{Micros, SocketTimer, TcpState};
use crate::wire::{CgroupPlace, InetDiag, SocketFacts, TcpInfo, parse_cgroup_place};

/// Names of network devices by index.
pub(super) type Devices = BTreeMap<u32, String>;
/// Paths of cgroups by id.
pub(super) type Cgroups = BTreeMap<u64, String>;

/// The unit or container that a cgroup is.
pub(super) fn place_of(path: &str) -> CgroupPlace {
    parse_cgroup_place(&format!("0::{path}"))
}

/// The addresses of both ends as text, which a line may show more than once.
pub(super) struct EndTexts {
    pub(super) local: AddressText,
    pub(super) peer: AddressText,
}

impl EndTexts {
    pub(super) fn of(found: &InetDiag<'_>) -> Self {
        Self { local: AddressText::of(found.source()), peer: AddressText::of(found.destination()) }
    }
}

/// Writes both ends as ss does: `*` for a wildcard of both families and for no port, `%` and the device behind the
/// local address of a socket that is bound to one. Returns where the second begins.
pub(super) fn push_ends(
    out: &mut Vec<u8>,
    found: &InetDiag<'_>,
    texts: &EndTexts,
    devices: &Devices,
    between: impl FnOnce(&mut Vec<u8>),
) -> usize {
    // Only listeners and sockets without a connection can have a wildcard, and only they say which.
    let unbound = matches!(found.state(), Some(TcpState::Listen | TcpState::Close));
    let both = unbound && found.facts().v6_only == Some(false);
    push_end(out, (found.source(), &texts.local), both);
    let interface = found.interface();
    if interface != 0 {
        out.push(b'%');
        match devices.get(&interface) {
            Some(name) => push_printable(out, name),
            None => drop(write!(out, "if{interface}")),
        }
    }
    push_port(out, found.source_port());
    between(out);
    let second = out.len();
    push_end(out, (found.destination(), &texts.peer), both);
    push_port(out, found.destination_port());
    second
}

fn push_end(out: &mut Vec<u8>, (address, text): (IpAddr, &AddressText), both: bool) {
    match address {
        IpAddr::V6(address) if both && address.is_unspecified() => out.push(b'*'),
        IpAddr::V6(_) => {
            out.push(b'[');
            out.extend_from_slice(text.as_bytes());
            out.push(b']');
        }
        IpAddr::V4(_) => out.extend_from_slice(text.as_bytes()),
    }
}

fn push_port(out: &mut Vec<u8>, port: u16) {
    out.push(b':');
    if port == 0 {
        out.push(b'*');
    } else {
        push_number(out, port);
    }
}

/// The processes of a socket: `nginx(1203) nginx.service`, the first and how many others; this sign where there is none.
pub(super) fn push_owners<'a>(out: &mut Vec<u8>, mut owners: impl Iterator<Item = &'a SocketOwner>, none: u8) {
    let Some(first) = owners.next() else { return out.push(none) };
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
pub(super) fn push_extended(out: &mut Vec<u8>, found: &InetDiag<'_>, facts: &SocketFacts<'_>, cgroups: &Cgroups) {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if found.uid() != 0 {
        let _ = write!(text, " uid:{}", found.uid());
    }
    let _ = write!(text, " ino:{}", found.inode());
    if !found.is_of_table() {
        let _ = write!(text, " sk:{:x}", found.cookie());
    }
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
    match facts.cgroup_id.map(|id| (id, cgroups.get(&id))) {
        Some((_, Some(path))) => {
            let _ = write!(text, " cgroup:{}", printable(path));
            if let Some(container) = place_of(path).container {
                let _ = write!(text, " container:{}", printable(&container));
            }
        }
        // As ss has one that it cannot find.
        Some((id, None)) => {
            let _ = write!(text, " cgroup:unreachable:{id:x}");
        }
        None => {}
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
    let mut before: &[u8] = b"skmem:(";
    for (name, value) in words {
        if let Some(value) = value {
            out.extend_from_slice(core::mem::replace(&mut before, b","));
            out.extend_from_slice(name.as_bytes());
            push_number(out, value);
        }
    }
    if before == b"," {
        out.push(b')');
    }
}

/// What `-i` adds, with the names of ss; what is 0 and says nothing is left out.
pub(super) fn push_info(out: &mut Vec<u8>, found: &InetDiag<'_>, facts: &SocketFacts<'_>) {
    let Some(bytes) = facts.info else { return };
    // Of a listener most of it is not set, and what is there means other things.
    let is_listener = found.state() == Some(TcpState::Listen);
    let info = if is_listener { TcpInfo::default() } else { TcpInfo::of(bytes) };
    let mut words = Words::new(out);
    for name in [facts.congestion, facts.upper_layer].into_iter().flatten() {
        push_printable(words.next(), name);
    }
    words.named(b"rto:", info.rto_us().map(|us| us / 1000));
    if let (Some(rtt @ 1..), Some(variance)) = (info.rtt_us(), info.rttvar_us()) {
        let out = words.next();
        out.extend_from_slice(b"rtt:");
        push_thousandths(out, rtt);
        out.push(b'/');
        push_thousandths(out, variance);
    }
    push_info_numbers(&mut words, &info, found.state());
    if let (Some(now), Some(total @ 1..)) = (info.retrans(), info.total_retrans()) {
        let out = words.next();
        out.extend_from_slice(b"retrans:");
        push_number(out, now);
        out.push(b'/');
        push_number(out, total);
    }
}

fn push_info_numbers(words: &mut Words<'_>, info: &TcpInfo<'_>, state: Option<TcpState>) {
    words.named(b"backoff:", info.backoff());
    words.named(b"mss:", info.snd_mss());
    words.named(b"pmtu:", info.pmtu());
    words.named(b"cwnd:", info.snd_cwnd());
    // Without a loss it is as good as infinite (TCP_INFINITE_SSTHRESH).
    words.named(b"ssthresh:", info.snd_ssthresh().filter(|segments| *segments < 0xffff));
    words.named(b"bytes_sent:", info.bytes_sent());
    words.named(b"bytes_retrans:", info.bytes_retrans());
    words.named(b"bytes_acked:", info.bytes_acked());
    words.named(b"bytes_received:", info.bytes_received());
    words.named(b"segs_out:", info.segs_out());
    words.named(b"segs_in:", info.segs_in());
    // Before the connection is open `lsndtime` is not set, and what is told counts from the start of the kernel's clock.
    let was_open = !matches!(state, Some(TcpState::SynSent | TcpState::Close));
    words.named(b"lastsnd:", info.last_data_sent_ms().filter(|_| was_open));
    words.named(b"lastrcv:", info.last_data_recv_ms());
    words.named(b"lastack:", info.last_ack_recv_ms());
    words.named(b"unacked:", info.unacked());
    words.named(b"lost:", info.lost());
    words.named(b"sacked:", info.sacked());
    words.named(b"notsent:", info.notsent_bytes());
    words.named(b"rwnd_limited_us:", info.rwnd_limited_us());
    words.named(b"sndbuf_limited_us:", info.sndbuf_limited_us());
    words.named(b"delivered:", info.delivered());
    words.named(b"rcv_space:", info.rcv_space());
    words.named(b"snd_wnd:", info.snd_wnd());
    words.named(b"rcv_wnd:", info.rcv_wnd());
}

/// Words with a blank between them.
struct Words<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Words<'a> {
    const fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Where the next word is to be written.
    #[inline]
    fn next(&mut self) -> &mut Vec<u8> {
        if self.out.len() > self.start {
            self.out.push(b' ');
        }
        self.out
    }

    /// `name:value`, unless it is 0 or not known.
    #[inline]
    fn named<const LENGTH: usize>(&mut self, name: &[u8; LENGTH], value: Option<impl Into<u64>>) {
        if let Some(value @ 1..) = value.map(Into::into) {
            let out = self.next();
            out.extend_from_slice(name);
            push_number(out, value);
        }
    }
}

/// Microseconds as milliseconds with three decimals.
fn push_thousandths(out: &mut Vec<u8>, us: u32) {
    push_number(out, us / 1000);
    out.push(b'.');
    let rest = us % 1000;
    out.extend_from_slice(if rest < 10 {
        b"00"
    } else if rest < 100 {
        b"0"
    } else {
        b""
    });
    push_number(out, rest);
}
