//! `[[wire]]` and `[[inject]]`: what happens between the ends, and what comes from elsewhere.

use toml::Spanned;

use super::raw::{RawInject, RawValue, RawWire};
use super::reader::{LONGEST_US, Reader};
use super::words::{ICMP_ERRORS, SEGMENTS, SIDES, parse_nth, parse_number};
use crate::model::{Fate, Injected, Injection, Number, Segment, WireRule};
use crate::units::TextError;

/// Rules of the wire at the most, and injections.
const MOST_RULES: usize = 64;

/// The rules of the wire.
pub(super) fn wire(reader: &Reader<'_>, raw: &[Spanned<RawWire>]) -> Result<Vec<WireRule>, TextError> {
    reader.few("wire", raw, MOST_RULES)?;
    raw.iter().map(|rule| wire_rule(reader, rule)).collect()
}

fn wire_rule(reader: &Reader<'_>, spanned: &Spanned<RawWire>) -> Result<WireRule, TextError> {
    let raw = spanned.get_ref();
    let from = reader.word("from", &raw.from, &SIDES)?;
    let segment = raw.segment.as_ref().map(|value| reader.word("segment", value, &SEGMENTS)).transpose()?;
    let nth = raw.nth.as_ref().map_or(Ok((1, None)), |value| nth(reader, value))?;
    let from_us = reader.duration_or("after", raw.after.as_ref(), 0)?;
    let until_us = raw.until.as_ref().map(|value| reader.duration("until", value, LONGEST_US)).transpose()?;
    if let (Some(until_us), Some(value)) = (until_us, &raw.until)
        && until_us <= from_us
    {
        let message = "`until` is not later than `after`, so the rule is for no time at all";
        return Err(reader.error(&value.span(), message));
    }
    Ok(WireRule { from, segment, nth, from_us, until_us, fate: fate(reader, spanned)? })
}

fn nth(reader: &Reader<'_>, value: &RawValue) -> Result<(u32, Option<u32>), TextError> {
    // A single number may do without quotes.
    if let toml::Value::Integer(number) = value.get_ref() {
        return parse_nth(&number.to_string()).map_err(|message| reader.error(&value.span(), message));
    }
    reader.parsed("nth", value, "1-3", parse_nth)
}

/// The one thing that happens.
fn fate(reader: &Reader<'_>, spanned: &Spanned<RawWire>) -> Result<Fate, TextError> {
    const FATES: &str = "expected one of lose = true, delay = \"300ms\", duplicate = \"20ms\"";
    let raw = spanned.get_ref();
    let given = [("lose", &raw.lose), ("delay", &raw.delay), ("duplicate", &raw.duplicate)];
    let mut given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let Some((name, value)) = given.next() else {
        return Err(reader.error(&spanned.span(), format!("the rule does not say what happens; {FATES}")));
    };
    if let Some((second, at)) = given.next() {
        return Err(reader.error(&at.span(), format!("the rule has both `{name}` and `{second}`; {FATES}")));
    }
    match name {
        "lose" if reader.flag(name, value)? => Ok(Fate::Lose),
        "lose" => Err(reader.error(&value.span(), format!("a rule that does not lose does nothing; {FATES}"))),
        "delay" => match reader.duration(name, value, LONGEST_US)? {
            0 => Err(reader.error(&value.span(), "a delay of 0 changes nothing; expected one such as \"300ms\"")),
            by_us => Ok(Fate::Delay { by_us }),
        },
        _ => Ok(Fate::Duplicate { after_us: reader.duration(name, value, LONGEST_US)? }),
    }
}

/// What comes from outside.
pub(super) fn injections(reader: &Reader<'_>, raw: &[Spanned<RawInject>]) -> Result<Vec<Injection>, TextError> {
    reader.few("inject", raw, MOST_RULES)?;
    raw.iter().map(|injection| self::injection(reader, injection)).collect()
}

fn injection(reader: &Reader<'_>, spanned: &Spanned<RawInject>) -> Result<Injection, TextError> {
    let raw = spanned.get_ref();
    let to = reader.word("to", &raw.to, &SIDES)?;
    let at_us = reader.duration_or("at", raw.at.as_ref(), 0)?;
    let what = match (&raw.segment, &raw.icmp) {
        (Some(segment), None) => injected_segment(reader, raw, segment)?,
        (None, Some(icmp)) => injected_icmp(reader, raw, icmp)?,
        (Some(_), Some(icmp)) => {
            return Err(reader.error(&icmp.span(), "both `segment` and `icmp` are given; expected one of them"));
        }
        (None, None) => {
            let message =
                "nothing is injected; expected a line such as segment = \"RST\" or icmp = \"host-unreachable\"";
            return Err(reader.error(&spanned.span(), message));
        }
    };
    Ok(Injection { at_us, to, what })
}

/// Whether a kind of segment acknowledges unless somebody says otherwise.
pub(super) const fn acknowledges(segment: Segment) -> bool {
    !matches!(segment, Segment::Syn | Segment::Rst)
}

fn injected_segment(reader: &Reader<'_>, raw: &RawInject, segment: &RawValue) -> Result<Injected, TextError> {
    let kind = reader.word("segment", segment, &SEGMENTS)?;
    if let Some(value) = &raw.in_call {
        return Err(reader.error(&value.span(), "`in-call` is for ICMP errors, and this is a segment"));
    }
    let number = |what, value| reader.parsed(what, value, "fitting", |text| parse_number(what, text));
    let seq = raw.seq.as_ref().map_or(Ok(Number::Fitting(0)), |value| number("seq", value))?;
    let ack = match &raw.ack {
        None => acknowledges(kind).then_some(Number::Fitting(0)),
        Some(value) if value.get_ref().as_str() == Some("none") => {
            if matches!(kind, Segment::Ack | Segment::SynAck) {
                let message = format!("a segment that does not acknowledge is no {}", kind.name());
                return Err(reader.error(&value.span(), message));
            }
            None
        }
        Some(value) if kind == Segment::Syn => {
            return Err(
                reader.error(&value.span(), "a SYN that acknowledges is a SYN-ACK: write segment = \"SYN-ACK\"")
            );
        }
        Some(value) => Some(number("ack", value)?),
    };
    Ok(Injected::Segment { segment: kind, seq, ack })
}

fn injected_icmp(reader: &Reader<'_>, raw: &RawInject, icmp: &RawValue) -> Result<Injected, TextError> {
    for (name, value) in [("seq", &raw.seq), ("ack", &raw.ack)] {
        if let Some(value) = value {
            let message = format!("`{name}` is for segments, and an ICMP error is about what was sent last");
            return Err(reader.error(&value.span(), message));
        }
    }
    let in_call = raw.in_call.as_ref().map_or(Ok(false), |value| reader.flag("in-call", value))?;
    Ok(Injected::Icmp { error: reader.word("icmp", icmp, &ICMP_ERRORS)?, in_call })
}
