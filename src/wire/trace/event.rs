//! From a record to what it tells.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::format::{TraceField, TraceFormat};
use super::table::TraceKind;
use crate::units::TcpState;

/// `AF_INET` and `AF_INET6`.
const INET: u64 = 2;
const INET6: u64 = 10;

/// The two ends of a connection, seen from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceEnds {
    /// This host's end.
    pub local: SocketAddr,
    /// The other one; all zero for a listener.
    pub peer: SocketAddr,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// What happened.
    pub kind: TraceKind,
    /// When, in nanoseconds of the buffer's clock.
    pub at_ns: u64,
    /// The processor that wrote it.
    pub cpu: u32,
    /// Between whom; nothing where the record does not say, as of drops.
    pub ends: Option<TraceEnds>,
    /// The state that the socket was in; of a change, the one before.
    pub state: Option<TcpState>,
    /// The state that it has now, of a change.
    pub new_state: Option<TcpState>,
    /// The reason, under the kernel's name; its number where the kernel names none.
    pub reason: Option<Arc<str>>,
    /// The address of the function that dropped a packet.
    pub location: Option<u64>,
    /// Where the socket is in the kernel's memory: the same socket while it lives, and perhaps another one afterwards.
    pub socket: Option<u64>,
    /// Where the packet is in the kernel's memory.
    pub packet: Option<u64>,
    /// Of a change of state the protocol of its socket (`IPPROTO_*`); of a drop that of the packet (`ETH_P_*`).
    pub protocol: Option<u16>,
    /// The error with which sending failed, as a positive number.
    pub error: Option<u32>,
}

/// The fields of one tracepoint that are read, found by name once.
#[derive(Clone, Debug, Default)]
pub struct TraceLayout {
    family: Option<TraceField>,
    source_port: Option<TraceField>,
    destination_port: Option<TraceField>,
    source: Option<TraceField>,
    destination: Option<TraceField>,
    source_v6: Option<TraceField>,
    destination_v6: Option<TraceField>,
    state: Option<TraceField>,
    new_state: Option<TraceField>,
    reason: Option<TraceField>,
    reasons: BTreeMap<u64, Arc<str>>,
    location: Option<TraceField>,
    socket: Option<TraceField>,
    packet: Option<TraceField>,
    protocol: Option<TraceField>,
    error: Option<TraceField>,
}

/// What makes events of records, for the tracepoints of one kernel.
#[derive(Clone, Debug, Default)]
pub struct TraceDecoder {
    layouts: Vec<(u16, TraceKind, TraceLayout)>,
}

impl TraceLayout {
    /// Finds the fields.
    #[must_use]
    pub fn of(format: &TraceFormat) -> Self {
        let field = |name| format.field(name);
        Self {
            family: field("family"),
            source_port: field("sport"),
            destination_port: field("dport"),
            source: field("saddr"),
            destination: field("daddr"),
            source_v6: field("saddr_v6"),
            destination_v6: field("daddr_v6"),
            state: field("oldstate").or_else(|| field("state")),
            new_state: field("newstate"),
            reason: field("reason"),
            reasons: format.names("reason"),
            location: field("location"),
            socket: field("skaddr").or_else(|| field("rx_sk")),
            packet: field("skbaddr"),
            protocol: field("protocol"),
            error: field("err"),
        }
    }

    /// Reads the two ends. Newer tracepoints have them as `struct sockaddr_in6`, older ones as ports and addresses.
    fn ends(&self, record: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
        let source = self.source?.bytes(record)?;
        let destination = self.destination?.bytes(record)?;
        if source.len() >= 16 {
            return Some((sockaddr(source)?, sockaddr(destination)?));
        }
        let port = |field: Option<TraceField>| u16::try_from(field?.number(record)?).ok();
        let (source_port, destination_port) = (port(self.source_port)?, port(self.destination_port)?);
        let sixes = || Some((v6(self.source_v6?.bytes(record)?)?, v6(self.destination_v6?.bytes(record)?)?));
        let fours = || Some((v4(source)?, v4(destination)?));
        let (source, destination) = match self.family.and_then(|field| field.number(record)) {
            Some(INET) => fours()?,
            Some(INET6) => sixes()?,
            Some(_) => return None,
            // A record without a family has the addresses of an IPv4 socket mapped in the place of the others.
            None => match sixes() {
                Some((IpAddr::V6(one), IpAddr::V6(other)))
                    if one.to_ipv4_mapped().is_none() || other.to_ipv4_mapped().is_none() =>
                {
                    (IpAddr::V6(one), IpAddr::V6(other))
                }
                _ => fours()?,
            },
        };
        Some((SocketAddr::new(source, source_port), SocketAddr::new(destination, destination_port)))
    }

    fn read(&self, kind: TraceKind, record: &[u8]) -> TraceEvent {
        let number = |field: Option<TraceField>| field?.number(record);
        let state = |field| TcpState::from_kernel(u8::try_from(number(field)?).ok()?);
        let known = |address: Option<u64>| address.filter(|address| *address != 0);
        let reason = number(self.reason);
        let ends = self.ends(record).map(|(source, destination)| match kind {
            // The packet's own ends, and it came from the peer.
            TraceKind::BadChecksum => TraceEnds { local: destination, peer: source },
            _ => TraceEnds { local: source, peer: destination },
        });
        TraceEvent {
            kind,
            at_ns: 0,
            cpu: 0,
            ends,
            state: state(self.state),
            new_state: state(self.new_state),
            reason: reason.map(|number| {
                let named = self.reasons.get(&number).cloned();
                named.unwrap_or_else(|| number.to_string().into())
            }),
            location: known(number(self.location)),
            socket: known(number(self.socket)),
            packet: known(number(self.packet)),
            protocol: number(self.protocol).and_then(|number| u16::try_from(number).ok()),
            // Less than 0 for errors of the kernel, and more where the device took it with a warning.
            error: number(self.error)
                .map(u64::cast_signed)
                .filter(|error| *error != 0)
                .and_then(|error| u32::try_from(error.unsigned_abs()).ok()),
        }
    }
}

impl TraceDecoder {
    /// Takes up a tracepoint.
    pub fn add(&mut self, kind: TraceKind, format: &TraceFormat) {
        self.layouts.push((format.id, kind, TraceLayout::of(format)));
    }

    /// What a record tells; nothing for one of another tracepoint.
    #[must_use]
    pub fn decode(&self, at_ns: u64, cpu: u32, record: &[u8]) -> Option<TraceEvent> {
        let id = u16::from_ne_bytes(*record.first_chunk::<2>()?);
        let (_, kind, layout) = self.layouts.iter().find(|(known, ..)| *known == id)?;
        Some(TraceEvent { at_ns, cpu, ..layout.read(*kind, record) })
    }

    /// Whether the kernel says why it sends a RST, and of one that it sends without a socket (6.10).
    #[must_use]
    pub fn tells_reset_reasons(&self) -> bool {
        let reset = self.layouts.iter().find(|(_, kind, _)| *kind == TraceKind::ResetSent);
        reset.is_some_and(|(.., layout)| layout.reason.is_some())
    }
}

fn v4(bytes: &[u8]) -> Option<IpAddr> {
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into())
}

fn v6(bytes: &[u8]) -> Option<IpAddr> {
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
}

/// `struct sockaddr_in` or `struct sockaddr_in6`.
fn sockaddr(bytes: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(*bytes.first_chunk::<2>()?);
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let address = match u64::from(family) {
        INET => v4(bytes.get(4..8)?)?,
        INET6 => v6(bytes.get(8..24)?)?,
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{decode_trace_page, parse_page_header, parse_trace_format};
    use super::*;
    use crate::wire::{TRACED_EVENTS, is_left_out};

    const PAGE: &[u8] = include_bytes!("../../../tests/data/trace/6.18/page");

    fn format(tracepoint: &str) -> TraceFormat {
        format_of("6.18", tracepoint)
    }

    fn format_of(series: &str, tracepoint: &str) -> TraceFormat {
        let path = format!("{}/tests/data/trace/{series}/{tracepoint}.format", env!("CARGO_MANIFEST_DIR"));
        parse_trace_format(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn decoder() -> TraceDecoder {
        let mut decoder = TraceDecoder::default();
        for row in &TRACED_EVENTS {
            decoder.add(row.kind, &format(row.tracepoint));
        }
        decoder
    }

    fn recorded() -> Vec<TraceEvent> {
        let layout = parse_page_header(include_str!("../../../tests/data/trace/6.18/header_page")).unwrap();
        let (decoder, mut events) = (decoder(), Vec::new());
        decode_trace_page(PAGE, &layout, |entry| events.extend(decoder.decode(entry.at_ns, 0, entry.record)));
        events
    }

    fn shown(event: &TraceEvent) -> String {
        let state = |state: Option<TcpState>| state.map_or("-", TcpState::name);
        let ends = event.ends.map_or_else(|| "-".to_owned(), |ends| format!("{} {}", ends.local, ends.peer));
        let reason = event.reason.as_deref().unwrap_or("-");
        format!("{} {ends} {} {} {reason}", event.kind.row().name, state(event.state), state(event.new_state))
    }

    #[test]
    fn the_events_of_a_recorded_page_are_what_the_kernel_itself_printed() {
        let shown: Vec<String> = recorded().iter().map(shown).collect();
        assert_eq!(shown.len(), 28);
        assert_eq!(shown[0], "state 127.0.0.1:4443 0.0.0.0:0 CLOSE LISTEN -");
        assert_eq!(shown[2], "state 127.0.0.1:56108 127.0.0.1:4443 SYN-SENT ESTAB -");
        assert_eq!(shown[6], "reset-received 127.0.0.1:4443 127.0.0.1:56108 - - -");
        assert_eq!(shown[8], "reset-sent 127.0.0.1:56108 127.0.0.1:4443 CLOSE - TCP_ABORT_ON_CLOSE");
        assert_eq!(shown[10], "reset-sent 127.0.0.1:4444 127.0.0.1:47472 - - NO_SOCKET");
        assert_eq!(shown[11], "drop - - - NO_SOCKET");
        assert_eq!(shown[18], "state [::1]:4443 [::1]:41062 SYN-RECV ESTAB -");
        assert_eq!(shown[24], "drop - - - QUEUE_PURGE");
        let left_out: Vec<usize> =
            recorded().iter().enumerate().filter(|(_, event)| is_left_out(event)).map(|(at, _)| at).collect();
        assert_eq!(left_out, [24]);
        let protocols: Vec<_> = [0, 11, 10].map(|at| recorded()[at].protocol).into();
        assert_eq!(protocols, [Some(6), Some(0x0800), None]);
    }

    #[test]
    fn every_kernels_formats_lead_to_the_fields_that_are_read() {
        for (series, tells_reasons) in [("6.1", false), ("6.12", true), ("6.18", true)] {
            let mut decoder = TraceDecoder::default();
            for row in &TRACED_EVENTS {
                let format = format_of(series, row.tracepoint);
                assert_eq!(format.name, row.tracepoint);
                decoder.add(row.kind, &format);
                let layout = TraceLayout::of(&format);
                assert_eq!(layout.source.is_some(), row.kind != TraceKind::Drop, "{series} {}", row.name);
                let by_ports = layout.source_port.is_some() && layout.source_v6.is_some() && layout.family.is_some();
                let by_sockaddr = layout.source.is_some_and(|field| field.size == 28);
                assert!(by_ports || by_sockaddr || row.kind == TraceKind::Drop, "{series} {}", row.name);
            }
            assert_eq!(decoder.tells_reset_reasons(), tells_reasons, "{series}");
        }
        // The numbers of reasons move from kernel to kernel.
        let name = |series, number: u64| format_of(series, "kfree_skb").names("reason").get(&number).cloned();
        assert_eq!((name("6.1", 28).as_deref(), name("6.18", 45).as_deref()), (Some("TCP_RESET"), Some("TCP_RESET")));
    }

    #[test]
    fn the_packet_that_was_answered_by_a_reset_is_the_one_that_is_dropped() {
        let events = recorded();
        assert!(events[10].packet.is_some() && events[10].packet == events[11].packet);
        assert_eq!((events[10].socket, events[8].packet), (None, None));
    }

    #[test]
    fn a_field_that_a_kernel_does_not_have_costs_what_it_gives() {
        let text = std::fs::read_to_string(format!(
            "{}/tests/data/trace/6.18/tcp_receive_reset.format",
            env!("CARGO_MANIFEST_DIR")
        ));
        let text = text.unwrap().replace("family;", "familie;");
        let mut decoder = TraceDecoder::default();
        decoder.add(TraceKind::ResetReceived, &parse_trace_format(&text).unwrap());
        let mut record = vec![0; 72];
        record[..2].copy_from_slice(&format("tcp_receive_reset").id.to_ne_bytes());
        record[16..18].copy_from_slice(&80_u16.to_ne_bytes());
        record[22..26].copy_from_slice(&[10, 0, 0, 1]);
        for at in [30, 46] {
            record[at + 10..at + 12].copy_from_slice(&[255, 255]);
        }
        let ends = |record: &[u8]| decoder.decode(0, 0, record).unwrap().ends;
        assert_eq!(ends(&record).unwrap().local, "10.0.0.1:80".parse().unwrap());
        // No mapped addresses: then it is IPv6.
        record[30] = 0x20;
        assert!(ends(&record).unwrap().local.is_ipv6());
        // What is cut off is not there, and the rest is.
        assert_eq!(decoder.decode(0, 0, &record[..20]).unwrap().ends, None);
    }

    #[test]
    fn an_error_of_sending_is_told_as_its_number() {
        let format = format("tcp_retransmit_skb");
        let mut decoder = TraceDecoder::default();
        decoder.add(TraceKind::Retransmit, &format);
        let mut record = vec![0; 80];
        record[..2].copy_from_slice(&format.id.to_ne_bytes());
        assert_eq!(decoder.decode(0, 0, &record).unwrap().error, None);
        record[76..80].copy_from_slice(&(-105_i32).to_ne_bytes());
        assert_eq!(decoder.decode(0, 0, &record).unwrap().error, Some(105));
    }

    proptest! {
        #[test]
        fn no_record_makes_it_panic(row in 0..TRACED_EVENTS.len(), bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let decoder = decoder();
            let id = format(TRACED_EVENTS[row].tracepoint).id;
            let record = [id.to_ne_bytes().as_slice(), &bytes].concat();
            prop_assert!(decoder.decode(1, 2, &record).is_some_and(|event| event.cpu == 2));
            let _ = decoder.decode(1, 2, &bytes);
        }
    }
}
