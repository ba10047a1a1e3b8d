//! `[[call]]`: what the applications do.

use std::collections::BTreeMap;

use toml::Spanned;

use super::raw::{RawCall, RawMap};
use super::reader::Reader;
use super::values::socket_options;
use super::words::{ACTIONS, SIDES};
use crate::model::{Action, Call, Host, Scenario, Side, SocketOptions};
use crate::units::TextError;

/// Calls at the most.
const MOST_CALLS: usize = 64;

/// The calls in the order of the file. Each setsockopt() leaves the options that it does not name as they are, so
/// its options are laid over those of the end and of the calls before it.
pub(super) fn calls(
    reader: &Reader<'_>,
    raw: &[Spanned<RawCall>],
    scenario: &Scenario,
) -> Result<Vec<Call>, TextError> {
    reader.few("call", raw, MOST_CALLS)?;
    let mut calls = Vec::new();
    for raw in raw {
        calls.push(call(reader, raw.get_ref(), scenario.host)?);
    }
    let mut order: Vec<usize> = (0..calls.len()).collect();
    order.sort_by_key(|place| calls.get(*place).map(|(call, _)| call.at_us));
    let mut now = BTreeMap::from([(Side::Client, scenario.client.options), (Side::Server, scenario.server.options)]);
    for place in order {
        let Some((call, given)) = calls.get_mut(place) else { continue };
        if let (Action::SetOptions(options), Some(now)) = (&mut call.action, now.get_mut(&call.side)) {
            for option in given {
                option.store(now);
            }
            *options = *now;
        }
    }
    Ok(calls.into_iter().map(|(call, _)| call).collect())
}

fn call(
    reader: &Reader<'_>,
    raw: &RawCall,
    host: Host,
) -> Result<(Call, Vec<crate::explain::SocketOptionValue>), TextError> {
    let side = reader.word("side", &raw.side, &SIDES)?;
    let action = reader.word("do", &raw.action, &ACTIONS)?;
    let at_us = reader.duration_or("at", raw.at.as_ref(), 0)?;
    let options = match (action, &raw.sockopt) {
        (Action::SetOptions(_), Some(options)) => named(reader, side, options, host)?,
        (Action::SetOptions(_), None) => {
            let message = "setsockopt without `sockopt`; expected a line such as sockopt = { TCP_USER_TIMEOUT = 5000 }";
            return Err(reader.error(&raw.action.span(), message));
        }
        (_, Some(options)) => {
            return Err(reader.error(&options.span(), "`sockopt` is for do = \"setsockopt\" alone"));
        }
        (_, None) => Vec::new(),
    };
    let (only, other) = match action {
        Action::Listen | Action::Accept => (Side::Server, "the server"),
        Action::ForgeSyn => (Side::Client, "the client"),
        _ => (side, ""),
    };
    if side != only {
        let word = super::words::action_word(action);
        let message = format!("the {} cannot {word}: that is what {other} does", side.name());
        return Err(reader.error(&raw.action.span(), message));
    }
    Ok((Call { at_us, side, action }, options))
}

fn named(
    reader: &Reader<'_>,
    side: Side,
    options: &Spanned<RawMap>,
    host: Host,
) -> Result<Vec<crate::explain::SocketOptionValue>, TextError> {
    if options.get_ref().is_empty() {
        let message = "`sockopt` names no option; expected one such as { TCP_USER_TIMEOUT = 5000 }";
        return Err(reader.error(&options.span(), message));
    }
    socket_options(reader, side, options.get_ref(), host)
}

/// The options of an end when a call comes: those of the end, or of the last setsockopt() before it.
pub(super) fn options_before(scenario: &Scenario, place: usize) -> SocketOptions {
    let Some(call) = scenario.calls.get(place) else { return SocketOptions::default() };
    let end = match call.side {
        Side::Client => scenario.client.options,
        Side::Server => scenario.server.options,
    };
    let earlier = scenario
        .calls
        .iter()
        .enumerate()
        .filter(|(other, earlier)| earlier.side == call.side && (earlier.at_us, *other) < (call.at_us, place));
    let set = earlier.filter_map(|(other, earlier)| match earlier.action {
        Action::SetOptions(options) => Some(((earlier.at_us, other), options)),
        _ => None,
    });
    set.max_by_key(|(when, _)| *when).map_or(end, |(_, options)| options)
}
