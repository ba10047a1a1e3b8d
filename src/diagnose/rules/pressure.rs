//! What kind of pressure a listener is under: shared by the rules about drops, so that one listener is one finding.

use crate::diagnose::Case;
use crate::snapshot::Listener;

/// Share of its backlog, in percent, from which an accept queue counts as nearly full. A process that keeps up
/// leaves its queue empty in almost every sample, one that does not was seen between 94 and 106 %.
const NEARLY_FULL_PERCENT: u64 = 90;

/// Share of its backlog, in percent, below which an accept queue counts as low while its listener drops: the
/// process accepts at once, and what did not fit came in one burst.
const LOW_PERCENT: u64 = 50;

/// The pressure on one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressure {
    /// Nothing was dropped and there is room.
    None,
    /// Nothing was dropped yet, or that is not known, and there is no room.
    Full,
    /// So many connections were dropped while the accept queue was nearly full.
    AcceptSide(u64),
    /// So many were dropped while the SYN queues were full and cookies off.
    CookiesOff(u64),
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
    let percent_of_backlog = |percent: u64| u64::from(backlog) * percent;
    let cookies_off = case.tcp_ext_rise("TCPReqQFullDrop").unwrap_or(0) > 0;
    // Every drop by a full accept queue is a ListenOverflow too; where that counter rests, the queue is innocent.
    let overflowed = case.tcp_ext_rise("ListenOverflows") != Ok(0);
    Ok(match case.drops_rise(listener).unwrap_or(0) {
        // `sk_acceptq_is_full`: more than the backlog wait.
        0 if queue > backlog => Pressure::Full,
        0 => Pressure::None,
        drops if !overflowed && cookies_off => Pressure::CookiesOff(drops),
        drops if !overflowed => Pressure::Unclear(drops),
        drops if fullest > 0 && fullest * 100 >= percent_of_backlog(NEARLY_FULL_PERCENT) => Pressure::AcceptSide(drops),
        drops if cookies_off => Pressure::CookiesOff(drops),
        drops if fullest * 100 <= percent_of_backlog(LOW_PERCENT) => Pressure::Burst(drops),
        drops => Pressure::Unclear(drops),
    })
}
