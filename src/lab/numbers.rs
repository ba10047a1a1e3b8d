//! The sequence numbers of the connection, learnt from what passes, and segments made to fit them.

use std::net::SocketAddr;

use super::LabError;
use super::network::Addresses;
use crate::model::{IcmpError, IpVersion, Number, Segment, Side};
use crate::wire::{SegmentHeader, build_icmp_error, build_segment};

/// What both ends have shown of their numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    client: Shown,
    server: Shown,
}

/// What one end has shown.
#[derive(Debug, Default)]
struct Shown {
    /// Its address and port, and the other end's.
    route: Option<(SocketAddr, SocketAddr)>,
    /// Its initial number.
    isn: Option<u32>,
    /// The next that it sends.
    next: u32,
    /// The next that it expects.
    expected: Option<u32>,
    /// The window that it offered last.
    window: u16,
    /// The last packet that it sent which took a number.
    last: Vec<u8>,
}

impl Numbers {
    fn of(&self, side: Side) -> &Shown {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn of_mut(&mut self, side: Side) -> &mut Shown {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// An end sent this.
    pub(super) fn sent(&mut self, side: Side, header: &SegmentHeader, packet: &[u8]) {
        let shown = self.of_mut(side);
        shown.route = Some((header.source, header.destination));
        if header.rst {
            return;
        }
        if header.ack {
            shown.expected = Some(header.acknowledgement);
        }
        let length = length_of(header);
        let end = header.sequence.wrapping_add(length);
        if header.syn && shown.isn != Some(header.sequence) {
            (shown.isn, shown.next) = (Some(header.sequence), end);
            if !header.ack {
                shown.expected = None;
            }
        } else if is_ahead(end, shown.next) {
            shown.next = end;
        }
        if !header.syn {
            shown.window = header.window;
        }
        if length > 0 {
            shown.last = packet.to_vec();
        }
    }

    /// An end got this.
    pub(super) fn delivered(&mut self, to: Side, header: &SegmentHeader) {
        let shown = self.of_mut(to);
        match shown.expected {
            Some(expected) if expected == header.sequence && !header.syn && !header.rst => {
                shown.expected = Some(expected.wrapping_add(length_of(header)));
            }
            None if header.syn => shown.expected = Some(header.sequence.wrapping_add(1)),
            _ => {}
        }
    }

    /// A segment that comes to an end as if the other one had sent it.
    pub(super) fn forge(
        &self,
        to: Side,
        segment: Segment,
        seq: Number,
        ack: Option<Number>,
    ) -> Result<Vec<u8>, LabError> {
        const UNKNOWN: LabError = LabError::NotPlayable("a segment of a connection that has shown no numbers yet");
        let (receiver, sender) = (self.of(to), self.of(to.other()));
        let (source, destination) = match (sender.route, receiver.route) {
            (Some(route), _) => route,
            (None, Some((receiver, sender))) => (sender, receiver),
            (None, None) => return Err(UNKNOWN),
        };
        let above = |number: u32, above: i32| number.wrapping_add_signed(above);
        let sequence = match seq {
            Number::Fitting(by) => above(receiver.expected.or(sender.isn).unwrap_or(0), by),
            Number::Initial(by) => above(sender.isn.ok_or(UNKNOWN)?, by),
        };
        let acknowledgement = match ack {
            Some(Number::Fitting(by)) => above(receiver.next, by),
            Some(Number::Initial(by)) => above(receiver.isn.ok_or(UNKNOWN)?, by),
            None => 0,
        };
        const WINDOW: u16 = 64_240;
        let window = if sender.window == 0 { WINDOW } else { sender.window };
        let header = SegmentHeader {
            source,
            destination,
            sequence,
            acknowledgement,
            syn: matches!(segment, Segment::Syn | Segment::SynAck),
            ack: ack.is_some(),
            fin: segment == Segment::Fin,
            rst: segment == Segment::Rst,
            window,
            payload: usize::from(segment == Segment::Data),
        };
        build_segment(&header).ok_or(UNKNOWN)
    }

    /// An ICMP error about what an end last sent.
    pub(super) fn forge_icmp(&self, to: Side, error: IcmpError) -> Result<Vec<u8>, LabError> {
        const NOTHING: LabError = LabError::NotPlayable("an ICMP error about nothing");
        let shown = self.of(to);
        let (own, _) = shown.route.ok_or(NOTHING)?;
        let family = if own.is_ipv6() { IpVersion::V6 } else { IpVersion::V4 };
        build_icmp_error(Addresses::of(family).router, error.type_and_code(family), &shown.last).ok_or(NOTHING)
    }
}

/// How many numbers a segment takes.
pub(super) fn length_of(header: &SegmentHeader) -> u32 {
    u32::try_from(header.payload).unwrap_or(0) + u32::from(header.syn) + u32::from(header.fin)
}

/// Whether a number is this one or lies ahead of it: half of the number space does (RFC 9293 3.4).
pub(super) fn is_ahead(number: u32, of: u32) -> bool {
    number.wrapping_sub(of) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{build_syn, decode_segment};

    fn syn_seen(source: &str, destination: &str) -> Numbers {
        let packet = build_syn(source.parse().unwrap(), destination.parse().unwrap(), 500).unwrap();
        let header = decode_segment(&packet).unwrap();
        let mut numbers = Numbers::default();
        numbers.sent(Side::Client, &header, &packet);
        numbers.delivered(Side::Server, &header);
        numbers
    }

    #[test]
    fn a_forged_segment_has_numbers_that_fit_what_was_seen() {
        let numbers = syn_seen("192.0.2.1:1000", "192.0.2.2:80");
        let forged = |to, segment, seq, ack| decode_segment(&numbers.forge(to, segment, seq, ack).unwrap()).unwrap();
        let old = forged(Side::Server, Segment::Syn, Number::Initial(-10), None);
        assert_eq!((old.source.port(), old.sequence, old.syn, old.ack), (1000, 490, true, false));
        let rst = forged(Side::Client, Segment::Rst, Number::Fitting(0), Some(Number::Fitting(0)));
        assert_eq!((rst.source.port(), rst.acknowledgement, rst.rst, rst.ack), (80, 501, true, true));
        let data = forged(Side::Server, Segment::Data, Number::Fitting(0), None);
        assert_eq!((data.sequence, data.payload), (501, 1));
    }

    #[test]
    fn nothing_is_forged_for_a_connection_that_was_never_seen() {
        let numbers = Numbers::default();
        assert!(numbers.forge(Side::Server, Segment::Rst, Number::Fitting(0), None).is_err());
        assert!(numbers.forge_icmp(Side::Client, IcmpError::HostUnreachable).is_err());
    }

    #[test]
    fn an_icmp_error_has_the_type_and_code_of_the_ip_that_it_is_about() {
        let v4 = syn_seen("192.0.2.1:1000", "192.0.2.2:80").forge_icmp(Side::Client, IcmpError::AdminProhibited);
        assert_eq!(v4.unwrap().get(20..22), Some([3, 13].as_slice()));
        let v6 =
            syn_seen("[2001:db8::1]:1000", "[2001:db8::2]:80").forge_icmp(Side::Client, IcmpError::AdminProhibited);
        assert_eq!(v6.unwrap().get(40..42), Some([1, 1].as_slice()));
    }
}
