//! What kind of pressure a listener is under: shared by the rules about drops, so that one listener is one finding.

use std::collections::BTreeSet;

use crate::diagnose::case::at_least_percent;
use crate::diagnose::source;
use crate::diagnose::{Case, Finding, Verdict};
use crate::snapshot::{Listener, SocketRow};
use crate::units::Micros;

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

/// Addresses, and the share of connections without data in percent, from which waiting ones look like a flood.
const FLOOD_SOURCES_MIN: u64 = 20;
const FLOOD_PERCENT: u64 = 90;

/// The limit of every backlog.
pub(super) const SOMAXCONN: &str = "net.core.somaxconn";

/// The pressure on one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressure {
    /// Nothing was dropped and there is room.
    None,
    /// Nothing was dropped yet, or that is not known, and there is no room.
    Full,
    /// Connections wait, nobody took one off in the whole window, and so many were dropped.
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
    let cookies_off = case.tcp_ext_rise("TCPReqQFullDrop").map(|rise| rise > 0);
    // Every drop by a full accept queue is a ListenOverflow too; where that counter rests, the queue is innocent.
    let overflowed = case.tcp_ext_rise("ListenOverflows") != Ok(0);
    Ok(match case.drops_rise(listener).unwrap_or(0) {
        0 if queue > 0 && before > 0 && nobody_accepts(case, listener) => Pressure::NotAccepting(0),
        // `sk_acceptq_is_full`: more than the backlog wait.
        0 if queue > backlog => Pressure::Full,
        0 => Pressure::None,
        drops if !overflowed && cookies_off == Ok(true) => Pressure::CookiesOff(drops),
        drops if !overflowed => Pressure::Unclear(drops),
        drops if fullest > 0 && at_least_percent(fullest, backlog.into(), NEARLY_FULL_PERCENT) => {
            accept_side(case, listener, drops)
        }
        drops if cookies_off == Ok(true) => Pressure::CookiesOff(drops),
        // The SYN queue may have been the one that was full.
        drops if cookies_off.is_err() => Pressure::Unclear(drops),
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
    if listener.accept_queue > Some(0) && nobody_accepts(case, listener) {
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

/// Whether the window was long enough and nothing was taken off this accept queue in it.
///
/// Where those that wait in it are known one by one, their age tells: the queue is taken from at its head, so all that
/// waited at the older reading are still there, and are older than the window. Else only that nobody accepted anything in
/// the whole namespace proves it.
fn nobody_accepts(case: &Case<'_>, listener: &Listener) -> bool {
    let Some(window_ms) = case.window_ms().ok().filter(|ms| *ms >= STUCK_WINDOW_MS) else { return false };
    let queue = Queue::of(case, listener);
    // Whose they are of several listeners on one address and port is not known: then all of these are judged together.
    let siblings = case.siblings(listener);
    let before = siblings.iter().map(|one| waiting_before(case, one)).sum();
    if queue.looked_at == 0 || before == 0 {
        return accepted(case) == Some(0);
    }
    let waiting = siblings.iter().map(|one| u64::from(one.accept_queue.unwrap_or(0))).sum::<u64>().max(queue.looked_at);
    // What was not looked at is taken to be like what was.
    let older = (queue.looked_at - queue.younger_than(window_ms)).saturating_mul(waiting) / queue.looked_at;
    older >= before
}

/// How many waited in its queue at the older reading; none in one that is new.
pub(super) fn waiting_before(case: &Case<'_>, listener: &Listener) -> u64 {
    u64::from(case.listener_before(listener).and_then(|old| old.accept_queue).unwrap_or(0))
}

/// Those that wait in one accept queue, or in those of all listeners on one address and port, as far as they are known one by one.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// How many were looked at.
    pub(super) looked_at: u64,
    /// Of these, that have sent nothing since they connected.
    pub(super) without_data: u64,
    /// From how many addresses.
    pub(super) sources: u64,
    /// For how long each has waited, in milliseconds.
    ages_ms: Vec<u32>,
}

impl Queue {
    /// Finds them. Of several listeners on one address and port it is not known whose they are: these are all of them.
    pub(super) fn of(case: &Case<'_>, listener: &Listener) -> Self {
        let rows =
            case.samples().ok().and_then(|samples| samples.waiting.as_ref()).map(|sample| sample.rows.as_slice());
        let mine = |row: &&SocketRow| is_in_queue_of(case, row, listener);
        let (mut sources, mut queue) =
            (BTreeSet::new(), Self { looked_at: 0, without_data: 0, sources: 0, ages_ms: Vec::new() });
        for row in rows.unwrap_or_default().iter().filter(mine) {
            // Nothing was sent on it, so that counts from when it was made (`tcp_create_openreq_child`).
            let Some(pace) = row.pace else { continue };
            queue.looked_at += 1;
            queue.without_data += u64::from(row.receive_queue == 0);
            queue.ages_ms.push(pace.last_data_sent_ms);
            sources.insert(row.remote.ip());
        }
        queue.sources = u64::try_from(sources.len()).unwrap_or(u64::MAX);
        queue
    }

    fn younger_than(&self, ms: u64) -> u64 {
        u64::try_from(self.ages_ms.iter().filter(|age| u64::from(**age) < ms).count()).unwrap_or(u64::MAX)
    }

    /// Adds what is known of them.
    pub(super) fn told(&self, finding: Finding) -> Finding {
        let (Some(oldest), Some(youngest)) = (self.ages_ms.iter().max(), self.ages_ms.iter().min()) else {
            return finding;
        };
        let time = |ms: u32| format!("{:#}", Micros(u64::from(ms).saturating_mul(1000)));
        finding
            .seen(
                "of those that wait, looked at one by one",
                self.looked_at.to_string(),
                "sock_diag idiag_state, idiag_inode",
            )
            .seen(
                "of these, the one that waits longest (tcpi_last_data_sent)",
                time(*oldest),
                source::info("tcpi_last_data_sent"),
            )
            .seen("and the one that came last", time(*youngest), source::info("tcpi_last_data_sent"))
            .seen(
                "of these, that have sent nothing since they connected",
                self.without_data.to_string(),
                source::info("tcpi_last_data_recv"),
            )
            .seen("addresses that these come from", self.sources.to_string(), "sock_diag idiag_dst")
    }

    /// Whether a flood of connections explains what waits: many addresses, and hardly one has sent anything.
    pub(super) fn is_like_a_flood(&self) -> bool {
        self.sources >= FLOOD_SOURCES_MIN && at_least_percent(self.without_data, self.looked_at, FLOOD_PERCENT)
    }
}

/// Whether it has connected to this listener: to its very address, or to any where no other listener has that address.
fn is_in_queue_of(case: &Case<'_>, row: &SocketRow, listener: &Listener) -> bool {
    let local = row.local.ip().to_canonical();
    let is_exact = |one: &Listener| one.port == row.local.port() && one.address.to_canonical() == local;
    let is_any = listener.address.is_unspecified() && listener.port == row.local.port();
    is_exact(listener) || (is_any && !case.sockets().is_ok_and(|sockets| sockets.listeners.iter().any(is_exact)))
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

/// The listener that has more than half of all half-open connections.
pub(super) fn most_half_open<'a>(case: &Case<'a>, all: u64) -> Option<&'a Listener> {
    case.sockets().ok()?.listeners.iter().find(|one| one.half_open * 2 > all && one.shares_port <= 1)
}

/// The queue beside its capacity, which is one more than the backlog.
pub(super) fn occupancy(listener: &Listener) -> String {
    let capacity = u64::from(listener.backlog.unwrap_or(0)) + 1;
    format!("{} of {capacity}", listener.accept_queue.unwrap_or(0))
}
