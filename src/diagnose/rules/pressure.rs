//! What kind of pressure a listener is under: shared by the rules about drops, so that one listener is one finding.

use crate::diagnose::case::at_least_percent;
use crate::diagnose::{Case, Finding, Verdict};
use crate::snapshot::Listener;

/// Share of its backlog, in percent, from which an accept queue counts as nearly full. A process that keeps up
/// leaves its queue empty in almost every sample, one that does not was seen between 94 and 106 %.
const NEARLY_FULL_PERCENT: u64 = 90;

/// Share of its backlog, in percent, below which an accept queue counts as low while its listener drops: the
/// process accepts at once, and what did not fit came in one burst.
const LOW_PERCENT: u64 = 50;

/// Share of the drops of all listeners on one address and port, in percent, from which one of them is to blame.
const SKEW_PERCENT: u64 = 90;

/// Drops of all of them below which that is chance.
const SKEW_DROPS_MIN: u64 = 10;

/// A window, in milliseconds, in which a process that accepts at all takes something off its queue.
const STUCK_WINDOW_MS: u64 = 1000;

/// The limit of every backlog.
pub(super) const SOMAXCONN: &str = "net.core.somaxconn";

/// The pressure on one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressure {
    /// Nothing was dropped and there is room.
    None,
    /// Nothing was dropped yet, or that is not known, and there is no room.
    Full,
    /// Connections wait, nobody took one off any accept queue in the whole window, and so many were dropped.
    NotAccepting(u64),
    /// So many were dropped, nearly all by this one of several listeners on its port, while another is idle.
    Skew(u64),
    /// So many connections were dropped while the accept queue was nearly full.
    AcceptSide(u64),
    /// So many were dropped while the SYN queues were full and cookies off.
    CookiesOff(u64),
    /// So many were dropped while the accept queue was low, and the backlog is just what somaxconn allows.
    Capped(u64),
    /// So many were dropped while the accept queue was low.
    Burst(u64),
    /// So many were dropped while the accept queue was neither, or by something else than the queues.
    Unclear(u64),
}

/// Tells the pressure on a listener.
///
/// # Errors
/// The gap, when the source tells neither its queue nor its limit.
pub(super) fn pressure(case: &Case<'_>, listener: &Listener) -> Result<Pressure, String> {
    let (Some(queue), Some(backlog)) = (listener.accept_queue, listener.backlog) else {
        return Err("accept queues and their limits are told by sock_diag only".to_owned());
    };
    // A queue that was full at either end of the window was full in it.
    let before = case.listener_before(listener).and_then(|old| old.accept_queue).unwrap_or(0);
    let fullest = u64::from(queue.max(before));
    let cookies_off = case.tcp_ext_rise("TCPReqQFullDrop").unwrap_or(0) > 0;
    // Every drop by a full accept queue is a ListenOverflow too; where that counter rests, the queue is innocent.
    let overflowed = case.tcp_ext_rise("ListenOverflows") != Ok(0);
    Ok(match case.drops_rise(listener).unwrap_or(0) {
        0 if queue > 0 && before > 0 && nobody_accepts(case) => Pressure::NotAccepting(0),
        // `sk_acceptq_is_full`: more than the backlog wait.
        0 if queue > backlog => Pressure::Full,
        0 => Pressure::None,
        drops if !overflowed && cookies_off => Pressure::CookiesOff(drops),
        drops if !overflowed => Pressure::Unclear(drops),
        drops if fullest > 0 && at_least_percent(fullest, backlog.into(), NEARLY_FULL_PERCENT) => {
            accept_side(case, listener, drops)
        }
        drops if cookies_off => Pressure::CookiesOff(drops),
        drops if fullest * 100 > u64::from(backlog) * LOW_PERCENT => Pressure::Unclear(drops),
        drops if case.sysctl_number(SOMAXCONN) == Ok(i64::from(backlog)) => Pressure::Capped(drops),
        drops => Pressure::Burst(drops),
    })
}

/// Which of the ways in which a process can leave its queue full.
fn accept_side(case: &Case<'_>, listener: &Listener, drops: u64) -> Pressure {
    if is_skewed(case, listener, drops) {
        return Pressure::Skew(drops);
    }
    if listener.accept_queue > Some(0) && nobody_accepts(case) {
        return Pressure::NotAccepting(drops);
    }
    Pressure::AcceptSide(drops)
}

/// Whether of several listeners on this address and port this one drops and another has nothing to do.
fn is_skewed(case: &Case<'_>, listener: &Listener, drops: u64) -> bool {
    let siblings = case.siblings(listener);
    let idle = siblings.iter().any(|other| other.cookie != listener.cookie && other.accept_queue == Some(0));
    if !idle {
        return false;
    }
    let all = drops_of_all(case, listener);
    all >= SKEW_DROPS_MIN && at_least_percent(drops, all, SKEW_PERCENT)
}

/// What all listeners on this one's address and port dropped.
pub(super) fn drops_of_all(case: &Case<'_>, listener: &Listener) -> u64 {
    case.siblings(listener).iter().map(|other| case.drops_rise(other).unwrap_or(0)).sum()
}

/// What a rule says that finds fault with single listeners over a window.
pub(super) fn judge_listeners(case: &Case<'_>, find: impl Fn(&Listener, Pressure) -> Option<Finding>) -> Verdict {
    match case.window_ms() {
        Ok(_) => judge_each_listener(case, find),
        Err(gap) => Verdict::undecided(case.sockets().err().unwrap_or(gap)),
    }
}

/// The same for what one reading may show already: without an older one the drops of each are a gap.
pub(super) fn judge_each_listener(case: &Case<'_>, find: impl Fn(&Listener, Pressure) -> Option<Finding>) -> Verdict {
    let sockets = match case.sockets() {
        Ok(sockets) => sockets,
        Err(gap) => return Verdict::undecided(gap),
    };
    let mut verdict = Verdict::quiet();
    for listener in &sockets.listeners {
        match pressure(case, listener) {
            Ok(pressure) => verdict.findings.extend(find(listener, pressure)),
            Err(gap) => verdict.gaps.push(gap),
        }
        verdict.gaps.extend(case.drops_rise(listener).err());
    }
    verdict
}

/// Whether the window was long enough and nothing was taken off any accept queue in it.
fn nobody_accepts(case: &Case<'_>) -> bool {
    case.window_ms().is_ok_and(|ms| ms >= STUCK_WINDOW_MS) && accepted(case) == Some(0)
}

/// How many connections processes of this namespace took off accept queues: those that opened, less those by which
/// the queues grew. What is true of all is true of one only when it is nothing.
pub(super) fn accepted(case: &Case<'_>) -> Option<u64> {
    let opens = i64::try_from(case.tcp_rise("PassiveOpens").ok()?).ok()?;
    Some(u64::try_from(opens - case.accept_queues_grew()?).unwrap_or(0))
}

/// The listener whose SYN queue is full, or was until it was pruned to half of it (`reqsk_timer_handler`); the one with
/// most half-open connections when there are several.
pub(super) fn full_syn_queue<'a>(case: &Case<'a>) -> Option<&'a Listener> {
    let listeners = case.sockets().ok()?.listeners.iter();
    let full = |one: &&Listener| one.half_open > 0 && one.half_open * 2 >= u64::from(one.backlog.unwrap_or(u32::MAX));
    listeners.filter(full).max_by_key(|one| one.half_open)
}

/// The queue beside its capacity, which is one more than the backlog.
pub(super) fn occupancy(listener: &Listener) -> String {
    let capacity = u64::from(listener.backlog.unwrap_or(0)) + 1;
    format!("{} of {capacity}", listener.accept_queue.unwrap_or(0))
}
