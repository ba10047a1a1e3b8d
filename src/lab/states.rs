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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, Host, Scenario, Settings, forecast};
    use crate::units::{Hz, KernelVersion};

    /// What the client of a connection that it closes alone was seen in, against the prediction.
    fn verdicts(seen: &[(TcpState, u64, u64)]) -> Vec<(TcpState, Verdict)> {
        let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
        let predicted = forecast(&Scenario::closed_alone(host, &Settings::default()));
        let event = |(state, since_us, at_us): &(TcpState, u64, u64)| Event {
            window: Window { at_us: *since_us, latest_us: *at_us },
            side: Side::Client,
            what: What::State(*state),
        };
        let measured =
            Timeline { events: seen.iter().map(event).collect(), ends: Vec::new(), alternatives: Vec::new() };
        let rows = state_rows(Side::Client, (&predicted, &measured), 25_000, u64::MAX);
        let state = |what: &str| TcpState::ALL.into_iter().find(|state| words(*state) == what).unwrap();
        rows.into_iter().map(|row| (state(&row.what), row.verdict)).collect()
    }

    #[test]
    fn a_state_that_lasts_must_be_seen_and_one_that_does_not_may_be() {
        use TcpState::{Estab, FinWait1, FinWait2};
        assert_eq!(verdicts(&[(FinWait2, 0, 5000)]), [(FinWait2, Verdict::Inside)]);
        let all = verdicts(&[(Estab, 0, 10), (FinWait1, 10, 20), (FinWait2, 0, 5000)]);
        assert!(all.iter().all(|(_, verdict)| *verdict == Verdict::Inside), "{all:?}");
        assert_eq!(verdicts(&[]), [(FinWait2, Verdict::Missing)]);
    }

    #[test]
    fn a_state_that_is_seen_must_have_been_predicted_for_then() {
        use TcpState::{FinWait2, TimeWait};
        let seen = verdicts(&[(FinWait2, 0, 5000), (TimeWait, 1_000_000, 1_005_000)]);
        assert_eq!(seen, [(FinWait2, Verdict::Inside), (TimeWait, Verdict::Extra)]);
        assert!(matches!(verdicts(&[(FinWait2, 500_000, 505_000)])[..], [(FinWait2, Verdict::Late(_))]));
    }
}
