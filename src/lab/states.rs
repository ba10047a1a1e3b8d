//! The states that sockets were seen in, against those that were predicted.
//!
//! Sockets are looked at from time to time, so a state that lasts for less than that may pass unseen; one that is seen
//! must have been predicted, and one that lasts must be seen.

use super::compare::{Row, Verdict, judge};
use crate::model::{Side, Timeline, What, Window};
use crate::units::TcpState;

/// A state that lasts for at least this is seen, in microseconds: after whatever happens looks are 5 ms apart.
const SEEN_US: u64 = 100_000;

/// A state that a side is predicted to enter.
struct Predicted {
    state: TcpState,
    entered: Window,
    /// When it leaves it at the earliest, in microseconds.
    left_us: u64,
}

/// What both timelines say of a side; `allowance_us` is added to windows, and nothing after `until_us` is looked at.
pub(super) fn state_rows(
    side: Side,
    (predicted, measured): (&Timeline, &Timeline),
    allowance_us: u64,
    until_us: u64,
) -> Vec<Row> {
    let mut open = predicted_states(side, predicted);
    let mut rows = Vec::new();
    for (state, seen) in states(side, measured).filter(|(_, seen)| seen.at_us <= until_us) {
        let fits = |one: &Predicted| one.state == state && judge(seen, one.entered, allowance_us) == Verdict::Inside;
        let same = |one: &Predicted| one.state == state;
        let place = open.iter().position(fits).or_else(|| open.iter().position(same));
        let entered = place.map(|place| open.remove(place).entered);
        let verdict = entered.map_or(Verdict::Extra, |entered| judge(seen, entered, allowance_us));
        let measured_us = Some(seen.latest_us);
        rows.push(Row { side, what: words(state), predicted: entered, measured_us, verdict });
    }
    let must_be_seen = |one: &Predicted| {
        let latest_us = one.entered.latest_us.saturating_add(allowance_us);
        one.left_us.min(until_us) >= latest_us.saturating_add(SEEN_US)
    };
    rows.extend(open.into_iter().filter(must_be_seen).map(|one| Row {
        side,
        what: words(one.state),
        predicted: Some(one.entered),
        measured_us: None,
        verdict: Verdict::Missing,
    }));
    rows
}

fn words(state: TcpState) -> String {
    format!("enters {}", state.name())
}

/// The states that a side enters, by a timeline.
fn states(side: Side, timeline: &Timeline) -> impl Iterator<Item = (TcpState, Window)> {
    timeline.events.iter().filter(move |event| event.side == side).filter_map(|event| match event.what {
        What::State(state) => Some((state, event.window)),
        _ => None,
    })
}

/// What can be seen of them: a socket that does not exist has no state, and listeners are not looked at.
fn predicted_states(side: Side, predicted: &Timeline) -> Vec<Predicted> {
    let end_us = predicted.ends.iter().filter(|end| end.side == side).map(|end| end.window.at_us).max();
    let all: Vec<_> = states(side, predicted).collect();
    let lefts = all.iter().skip(1).map(|(_, window)| window.at_us).chain([end_us.unwrap_or(u64::MAX)]);
    let visible = |state: TcpState| !matches!(state, TcpState::Close | TcpState::Listen);
    let states = all.iter().zip(lefts).filter(|((state, _), _)| visible(*state));
    states.map(|((state, entered), left_us)| Predicted { state: *state, entered: *entered, left_us }).collect()
}
