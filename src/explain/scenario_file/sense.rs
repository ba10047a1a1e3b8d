//! What contradicts itself although every word of it is right.

use core::ops::Range;

use super::read::Places;
use super::reader::Reader;
use super::words::{STARTS, action_word, word_of};
use crate::model::{Action, Call, Scenario, Side, Start, queue_limits};
use crate::units::TextError;

/// Refuses a scenario in which nothing happens, or in which somebody does what cannot be done.
pub(super) fn check(reader: &Reader<'_>, scenario: &Scenario, places: &Places) -> Result<(), TextError> {
    for (call, place) in scenario.calls.iter().zip(&places.calls) {
        if let Some(message) = senseless(scenario, call) {
            return Err(reader.error(place, message));
        }
    }
    listener(reader, scenario, places)?;
    if nothing_happens(scenario) {
        let message = "nothing would happen: nobody calls anything and nothing is injected; expected a [[call]]";
        return Err(reader.error(&places.start, message));
    }
    Ok(())
}

const fn begins_connected(start: Start) -> bool {
    matches!(start, Start::Established | Start::WindowClosed | Start::Forgotten)
}

/// Whether somebody does one of these before a call, or with it and further up in the file.
fn before(scenario: &Scenario, call: &Call, side: Side, one_of: &[Action]) -> bool {
    let earlier = scenario.calls.iter().enumerate();
    let own = scenario.calls.iter().position(|other| core::ptr::eq(other, call)).unwrap_or(usize::MAX);
    earlier
        .filter(|(place, other)| (other.at_us, *place) < (call.at_us, own))
        .any(|(_, other)| other.side == side && one_of.contains(&other.action))
}

/// Why an application cannot do that.
fn senseless(scenario: &Scenario, call: &Call) -> Option<String> {
    let start = word_of(&STARTS, &scenario.start);
    let word = action_word(call.action);
    let connected = begins_connected(scenario.start);
    let ever = |side, action| scenario.calls.iter().any(|other| other.side == side && other.action == action);
    match (call.side, call.action) {
        (Side::Server, Action::Connect) => {
            let listens = scenario.start != Start::Nothing || before(scenario, call, Side::Server, &[Action::Listen]);
            listens.then(|| "the server cannot connect: it listens; opening at once is start = \"nothing\"".to_owned())
        }
        (Side::Client, Action::Connect) => {
            let ended =
                [Action::Close, Action::CloseAfterPeer, Action::Shutdown, Action::Abort, Action::Die, Action::Reboot];
            let free = !connected || before(scenario, call, Side::Client, &ended);
            (!free).then(|| format!("the client is connected from the beginning (start = \"{start}\")"))
        }
        (_, Action::Listen) => {
            let free = scenario.start == Start::Nothing || before(scenario, call, Side::Server, &[Action::Die]);
            (!free).then(|| format!("the server listens from the beginning (start = \"{start}\")"))
        }
        (_, Action::ForgeSyn | Action::Die | Action::Reboot) => None,
        (Side::Client, Action::SetOptions(_)) => {
            // A socket takes options before it connects as well.
            let connects = connected || ever(Side::Client, Action::Connect);
            (!connects).then(|| format!("the client cannot {word}: it never connects, so it has no socket"))
        }
        (Side::Client, _) => {
            let connects = connected || before(scenario, call, Side::Client, &[Action::Connect]);
            (!connects).then(|| format!("the client cannot {word}: it does not connect before that"))
        }
        (Side::Server, action) => {
            let opens = [Action::Listen, Action::Connect];
            let has_socket = scenario.start != Start::Nothing || before(scenario, call, Side::Server, &opens);
            let peer = connected || ever(Side::Client, Action::Connect) || ever(Side::Server, Action::Connect);
            match action {
                _ if !has_socket => Some(format!("the server cannot {word}: it neither listens nor connects by then")),
                Action::Accept | Action::SetOptions(_) => None,
                _ => (!peer).then(|| format!("the server cannot {word}: the client never connects")),
            }
        }
    }
}

fn listener(reader: &Reader<'_>, scenario: &Scenario, places: &Places) -> Result<(), TextError> {
    let Some(place) = &places.listener else { return Ok(()) };
    let error = |place: &Range<usize>, message: String| Err(reader.error(place, message));
    if scenario.start == Start::Nothing && !scenario.calls.iter().any(|call| call.action == Action::Listen) {
        return error(place, "nobody listens: start is \"nothing\" and the server does not call listen".to_owned());
    }
    let limits = queue_limits(scenario.listener.backlog, &scenario.server.settings, scenario.host.version);
    let waiting = scenario.listener.waiting;
    if u64::from(waiting) > limits.accept_capacity {
        let message = format!(
            "{waiting} connections cannot wait: with this backlog and net.core.somaxconn the accept queue holds {}",
            limits.accept_capacity
        );
        return error(place, message);
    }
    Ok(())
}

fn nothing_happens(scenario: &Scenario) -> bool {
    let probed =
        begins_connected(scenario.start) && (scenario.client.options.keepalive || scenario.server.options.keepalive);
    scenario.calls.is_empty() && scenario.injections.is_empty() && scenario.start != Start::WindowClosed && !probed
}
