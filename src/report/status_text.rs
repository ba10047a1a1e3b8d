//! `tcpctl status` as one screen of text.

use core::fmt::Write;
use std::collections::BTreeMap;

use super::counters::CounterView;
use super::figure;
use super::findings::{painted, sign};
use super::listeners::{ListenerView, QueueView, plain, processes, render_gaps, use_of};
use super::printable::printable;
use super::prose::hanging;
use super::status::{LimitView, StatusView};
use crate::diagnose::Severity;
use crate::units::Micros;

/// How many listeners the screen shows; `tcpctl listeners` shows all.
const LISTENERS_SHOWN: usize = 3;
/// Columns for what a counter counts, so that the line fits with the longest name, TCPReqQFullDoCookies.
const LABEL_COLUMNS: usize = 45;
/// States that come after SYN-RECV and TIME-WAIT, three to a line.
const OTHER_STATES: [&str; 9] =
    ["ESTAB", "SYN-SENT", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "LAST-ACK", "CLOSING", "CLOSE", "LISTEN"];

/// Renders the screen. With `ascii` nothing outside ASCII is in it but names that the host gave.
#[must_use]
pub fn render_status(status: &StatusView, width: usize, ascii: bool) -> String {
    let mut text = String::new();
    render_header(status, width, &mut text);
    for headline in &status.headlines {
        let sign = sign(headline.severity, ascii);
        let line = hanging(&format!("{sign} "), &printable(&headline.sentence), width);
        text.push_str(&painted(headline.severity, sign, &line));
    }
    render_states(status, width, &mut text);
    render_limits(status, &mut text);
    render_counters(status, width, &mut text);
    render_seconds(status, width, &mut text);
    render_gaps(&status.gaps, width, &mut text);
    if ascii { plain(&text) } else { text }
}

fn render_header(status: &StatusView, width: usize, text: &mut String) {
    let kernel = &status.kernel;
    let mut parts = vec![status.hostname.clone().unwrap_or_else(|| "host ?".to_owned())];
    parts.push(kernel.version.map_or_else(|| "Linux ?".to_owned(), |version| format!("Linux {version}")));
    parts.push(kernel.hz.map_or_else(|| "HZ ?".to_owned(), |hz| format!("HZ {hz}")));
    let inode = status.netns.inode.map_or_else(|| "?".to_owned(), |inode| inode.to_string());
    parts.push(match (&status.netns.name, status.netns.initial) {
        (Some(name), _) => format!("netns {name} ({inode})"),
        (None, Some(true)) => format!("netns {inode} (initial)"),
        (None, _) => format!("netns {inode}"),
    });
    parts.push(time(status.taken_unix_ms));
    // Joined parts stay together when the line is broken.
    text.push_str(&hanging("", &printable(&parts.join(" · ")), width));
}

pub(super) fn time(unix_ms: u64) -> String {
    let stamp = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    stamp.map_or_else(|| "time ?".to_owned(), |stamp| stamp.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

fn render_states(status: &StatusView, width: usize, text: &mut String) {
    text.push_str("\nStates\n");
    let Some(states) = &status.states else {
        text.push_str("  ? sockets could not be read\n");
        return;
    };
    if states.get("ESTAB").copied().flatten().is_none() {
        return render_sums(status, states.get("LISTEN").copied().flatten(), width, text);
    }
    let count = |name: &str| shown(states.get(name).copied().flatten());
    for (name, note) in [("SYN-RECV", syn_recv_note(status)), ("TIME-WAIT", time_wait_note(status))] {
        text.push_str(&hanging(&format!("  {name:<11}{:>9}   ", count(name)), &note, width));
    }
    for line in OTHER_STATES.chunks(3) {
        let cells: Vec<String> = line.iter().map(|name| format!("{name:<11}{:>9}", count(name))).collect();
        let _ = writeln!(text, "  {}", cells.join("   "));
    }
    let changes = status.state_changes.iter().flatten();
    let changed: Vec<String> = changes.map(|(name, change)| format!("{name} {change:+}")).collect();
    if !changed.is_empty() {
        text.push_str(&hanging("  changed    ", &changed.join(" · "), width));
    }
}

/// What is known without a walk through the sockets.
fn render_sums(status: &StatusView, listening: Option<u64>, width: usize, text: &mut String) {
    for sum in &status.sums {
        let note = if sum.id == "time-wait" { format!("   {}", time_wait_note(status)) } else { String::new() };
        let _ = writeln!(text, "  {:>9}  {}{note}", shown(sum.now), sum.label);
    }
    let _ = writeln!(text, "  {:>9}  LISTEN", shown(listening));
    // One by one, so that none is counted for several listeners that share its port.
    let queues: Option<Vec<u64>> = status.listeners.as_deref().and_then(|listeners| {
        listeners.iter().map(|one| one.syn_queue.now.filter(|_| !one.syn_queue_shared)).collect()
    });
    match queues {
        Some(queues) => {
            let total = queues.iter().sum();
            let _ = writeln!(text, "  {total:>9}  in SYN queues   {}", syn_queue_note(status, Some(total)));
        }
        None => {
            let note = "SYN-RECV is not counted without a walk: --detail states tells states apart";
            text.push_str(&hanging("  ", note, width));
        }
    }
}

fn shown(number: Option<u64>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

/// Where the half-open entries are.
fn syn_recv_note(status: &StatusView) -> String {
    let total = status.states.as_ref().and_then(|states| states.get("SYN-RECV").copied().flatten());
    let resent: u64 = status.half_open_resent.iter().flatten().skip(1).sum();
    let again = if resent > 0 { format!("; to {resent} the SYN-ACK was sent again") } else { String::new() };
    format!("{}{again}", syn_queue_note(status, total))
}

/// The same for so many of them.
fn syn_queue_note(status: &StatusView, total: Option<u64>) -> String {
    let listeners = || status.listeners.iter().flatten();
    // Where no capacity is known, the longest queue stands for the fullest.
    let fullest = listeners().max_by_key(|one| (one.syn_queue.use_milli(), one.syn_queue.now));
    match fullest {
        Some(one) if one.syn_queue.now.is_some_and(|now| now > 0) => {
            let at_most = if one.syn_queue_shared { "≤" } else { "" };
            let word = if one.syn_queue.capacity.is_some() { "fullest" } else { "longest" };
            format!("{word} SYN queue {at_most}{} on {}", of_capacity(&one.syn_queue), one.local)
        }
        _ if total == Some(0) && listeners().all(|one| one.syn_queue.now == Some(0)) => {
            "half-open; every SYN queue is empty".to_owned()
        }
        _ => "half-open; no listener is known to hold them".to_owned(),
    }
}

fn time_wait_note(status: &StatusView) -> String {
    let limit = status.limits.iter().find(|limit| limit.id == "time-wait").and_then(|limit| limit.limit);
    limit.map_or_else(|| "limit ?".to_owned(), |limit| format!("of {limit} (tcp_max_tw_buckets)"))
}

fn of_capacity(queue: &QueueView) -> String {
    format!("{}/{}", shown(queue.now), shown(queue.capacity))
}

fn render_limits(status: &StatusView, text: &mut String) {
    let _ = writeln!(text, "\n{:<46}{:>9}{:>12}{:>7}", "Against limits", "now", "limit", "use");
    render_queues(status, text);
    for limit in &status.limits {
        // A limit that only the initial namespace has, and a figure of the whole host: nothing of this namespace.
        if limit.of_host && limit.limit.is_none() {
            continue;
        }
        limit_line(&limit.label, limit.now, limit.limit, &limit_use(limit), text);
    }
}

fn limit_use(limit: &LimitView) -> String {
    limit.now.zip(limit.limit).map_or_else(|| "?".to_owned(), |(now, limit)| figure::share(now, limit))
}

fn limit_line(label: &str, now: Option<u64>, limit: Option<u64>, usage: &str, text: &mut String) {
    // A label that is too long has a line of its own, so that the numbers stay below each other.
    let label = if label.chars().count() > 44 {
        let _ = writeln!(text, "  {label}");
        ""
    } else {
        label
    };
    let _ = writeln!(text, "  {label:<44}{:>9}{:>12}{usage:>7}", shown(now), shown(limit));
}

/// The queues that hold something, the fullest first.
fn render_queues(status: &StatusView, text: &mut String) {
    let Some(listeners) = status.listeners.as_deref() else { return };
    let own = |one: &&ListenerView| !one.syn_queue_shared;
    let mut used: Vec<(&'static str, &ListenerView, QueueView)> = listeners
        .iter()
        .map(|one| ("accept queue", one, one.accept_queue))
        .chain(listeners.iter().filter(own).map(|one| ("SYN queue", one, one.syn_queue)))
        .chain(shared_queues(listeners).into_iter().map(|(one, queues)| ("SYN queues", one, queues)))
        .filter(|(_, _, queue)| queue.now.is_some_and(|now| now > 0))
        .collect();
    if used.is_empty() {
        let both =
            if listeners.iter().any(|one| one.syn_queue.now.is_none()) { "the accept queue" } else { "both queues" };
        let listeners = match listeners.len() + status.listeners_left_out {
            0 => "no listeners".to_owned(),
            1 => format!("{both} of 1 listener"),
            count => format!("{both} of {count} listeners"),
        };
        let _ = writeln!(text, "  {listeners:<44}{:>9}", 0);
        return;
    }
    used.sort_by_key(|(_, _, queue)| core::cmp::Reverse(queue.use_milli()));
    for (kind, one, queue) in used.iter().take(LISTENERS_SHOWN) {
        let label = format!("{kind} {} {}", one.local, processes(&one.processes));
        let full = if queue.is_full() { "full".to_owned() } else { use_of(queue) };
        limit_line(&label, queue.now, queue.capacity, &full, text);
    }
    if let Some(more @ 1..) = used.len().checked_sub(LISTENERS_SHOWN) {
        // Of listeners that are not in the list it is known only that their queues are no fuller.
        let unlisted = status.listeners_left_out > 0 && listeners.iter().all(|one| one.accept_queue.now != Some(0));
        let at_least = if unlisted { "at least " } else { "" };
        let _ = writeln!(text, "  … {at_least}{more} more in `tcpctl listeners`");
    }
}

/// The SYN queues of listeners that share a port, as one with the first of them: the kernel tells of their entries
/// together.
fn shared_queues(listeners: &[ListenerView]) -> Vec<(&ListenerView, QueueView)> {
    let mut queues: BTreeMap<&str, (&ListenerView, QueueView)> = BTreeMap::new();
    for one in listeners.iter().filter(|one| one.syn_queue_shared) {
        let more = |(_, sum): &mut (_, QueueView)| {
            sum.capacity = sum.capacity.zip(one.syn_queue.capacity).map(|(sum, own)| sum + own);
        };
        queues.entry(&one.local).and_modify(more).or_insert((one, one.syn_queue));
    }
    queues.into_values().collect()
}

fn render_counters(status: &StatusView, width: usize, text: &mut String) {
    match status.window_ms {
        Some(ms) => {
            let _ = writeln!(text, "\nRates over {}", Micros(ms.saturating_mul(1_000)));
        }
        None if status.netns.initial == Some(true) => text.push_str("\nTotals since boot (rates: --watch 1s)\n"),
        None => text.push_str("\nTotals since the namespace was made (rates: --watch 1s)\n"),
    }
    let figure_of = |counter: &CounterView| match status.window_ms {
        Some(_) => counter.milli_per_s.map(|rate| (rate > 0, figure::render_rate(rate))),
        None => counter.total.map(|total| (total > 0, total.to_string())),
    };
    let (mut zero, mut absent, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for counter in &status.counters {
        match figure_of(counter) {
            Some((true, shown)) => {
                // A total may be of last year; only what is being lost now is marked.
                let mark = if counter.loss && status.window_ms.is_some() { '!' } else { ' ' };
                let line = format!("{mark} {:<LABEL_COLUMNS$}{shown:>11}  {}\n", counter.label, counter.name);
                text.push_str(&painted(Severity::Warning, "!", &line));
            }
            // Of what was not lost, only what there was is worth a line.
            Some((false, _)) if counter.loss => zero.push(counter.name),
            Some((false, _)) => {}
            None if counter.absent => absent.push(counter.name),
            None => unknown.push(counter.name),
        }
    }
    for (lead, names) in [("  zero: ", zero), ("  not in this kernel: ", absent), ("  ? ", unknown)] {
        if !names.is_empty() {
            text.push_str(&hanging(lead, &names.join(" "), width));
        }
    }
}

fn render_seconds(status: &StatusView, width: usize, text: &mut String) {
    text.push_str("\nWhat the settings mean here\n");
    let Some(seconds) = &status.seconds else {
        text.push_str("  ? the kernel version is unknown, and with it the rules that hold\n");
        return;
    };
    for one in seconds {
        let missing: Vec<&str> = one.missing.iter().map(|key| key.rsplit('.').next().unwrap_or(key)).collect();
        let why = if missing.is_empty() { String::new() } else { format!(" (not read: {})", missing.join(", ")) };
        let sentence = format!("{} {}{why}", one.label, figure::answer(one.answer));
        text.push_str(&hanging("  ", &sentence, width));
    }
    if status.kernel.hz.is_none() {
        text.push_str("  (HZ is unknown: the latest times cover every common rate)\n");
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::snapshot;
    use super::*;
    use crate::diagnose::{Headline, Severity};
    use crate::snapshot::{Gap, GapKind};

    #[test]
    fn a_host_in_trouble_fits_a_screen_of_80_columns() {
        let mut now = snapshot();
        let consequence = "the owner of 1 listener is unknown; run as root or with CAP_SYS_PTRACE";
        now.gaps.push(Gap::new("/proc/<pid>/fd", GapKind::Denied, "permission denied for 94 processes", consequence));
        let sentence = "clients of *:443 are refused: its accept queue is full".to_owned();
        let headline = Headline { severity: Severity::Critical, rule: "accept-queue-full", sentence };
        let coloured = render_status(&StatusView::new(&now, None, std::slice::from_ref(&headline)), 80, false);
        assert!(coloured.contains("\u{1b}[1m\u{1b}[31m✗\u{1b}[0m clients of"), "{coloured}");
        let ascii = render_status(&StatusView::new(&now, None, &[headline]), 80, true);
        assert!(ascii.is_ascii() && ascii.contains("X\u{1b}[0m clients of"), "{ascii}");
        let text = anstream::adapter::strip_str(&coloured).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!("host_in_trouble", text);
    }

    #[test]
    fn rates_take_the_place_of_totals_when_there_are_two_readings() {
        let earlier = snapshot();
        let mut now = snapshot();
        now.monotonic_ms += 1_000;
        now.counters.snmp.as_mut().unwrap().get_mut("Tcp").unwrap().insert("OutSegs".into(), 99_535);
        let text = render_status(&StatusView::new(&now, Some(&earlier), &[]), 80, false);
        let rates: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Rates")).take(4).collect();
        insta::assert_snapshot!("rates", rates.join("\n"));
    }

    #[test]
    fn what_could_not_be_read_is_a_question_mark_and_not_a_zero() {
        let mut now = snapshot();
        now.sockets = None;
        now.counters = crate::snapshot::Counters::default();
        now.kernel = crate::snapshot::Kernel { release: None, version: None, hz: None };
        now.netns.inode = None;
        insta::assert_snapshot!("nothing_could_be_read", render_status(&StatusView::new(&now, None, &[]), 80, false));
    }

    #[test]
    fn half_open_entries_that_wait_for_long_are_told() {
        let mut now = snapshot();
        now.sockets.as_mut().unwrap().half_open_resent = Some(vec![4, 2, 0, 1]);
        let text = render_status(&StatusView::new(&now, None, &[]), 200, false);
        assert!(text.contains("; to 3 the SYN-ACK was sent again\n"), "{text}");
    }

    #[test]
    fn without_a_walk_half_open_entries_are_those_of_the_queues_if_the_kernel_told_them() {
        use crate::snapshot::SocketSource;
        let text = |source| {
            let mut now = snapshot();
            let sockets = now.sockets.as_mut().unwrap();
            sockets.source = source;
            sockets.states.retain(|state, _| *state == crate::units::TcpState::Listen);
            let half_open = sockets.listeners.iter().map(|one| one.half_open).sum::<u64>();
            (half_open, render_status(&StatusView::new(&now, None, &[]), 80, false))
        };
        let (half_open, told) = text(SocketSource::Queues);
        assert!(half_open > 0 && told.contains(&format!(" {half_open}  in SYN queues   fullest SYN queue")), "{told}");
        let (_, untold) = text(SocketSource::Listeners);
        assert!(untold.contains("SYN-RECV is not counted without a walk"), "{untold}");
    }

    #[test]
    fn of_sums_the_listeners_nearest_to_refusing_are_listed_and_all_are_counted() {
        use crate::report::fixture::listener;
        let mut now = snapshot();
        let sockets = now.sockets.as_mut().unwrap();
        sockets.source = crate::snapshot::SocketSource::Listeners;
        sockets.listeners = (0..1_000).map(|port| listener("0.0.0.0", 2000 + port, 128, 0, 0)).collect();
        let idle = StatusView::new(&now, None, &[]);
        assert_eq!((idle.listeners.as_ref().unwrap().len(), idle.listeners_left_out), (64, 936));
        let text = render_status(&idle, 80, false);
        assert!(text.contains("the accept queue of 1000 listeners"), "{text}");
        let listeners = &mut now.sockets.as_mut().unwrap().listeners;
        listeners[900].accept_queue = Some(100);
        listeners[500].accept_queue = Some(7);
        listeners[700].drops = crate::snapshot::Drops::Total(3);
        let busy = StatusView::new(&now, None, &[]);
        let ports: Vec<u16> = busy.listeners.iter().flatten().map(|one| one.port).collect();
        assert!([2500, 2700, 2900].iter().all(|port| ports.contains(port)) && ports.is_sorted(), "{ports:?}");
        // Of a reading that is not about sums all are listed.
        now.sockets.as_mut().unwrap().source = crate::snapshot::SocketSource::Masked;
        let all = StatusView::new(&now, None, &[]);
        assert_eq!((all.listeners.unwrap().len(), all.listeners_left_out), (1_000, 0));
    }

    #[test]
    fn more_queues_than_are_listed_may_be_filled() {
        let mut now = snapshot();
        let sockets = now.sockets.as_mut().unwrap();
        sockets.source = crate::snapshot::SocketSource::Listeners;
        sockets.listeners =
            (0..80).map(|port| crate::report::fixture::listener("0.0.0.0", 2000 + port, 128, 5, 0)).collect();
        let text = render_status(&StatusView::new(&now, None, &[]), 80, false);
        assert!(text.contains("… at least "), "{text}");
    }

    #[test]
    fn the_queues_of_listeners_that_share_a_port_are_one_line() {
        let mut now = snapshot();
        let sockets = now.sockets.as_mut().unwrap();
        let shared =
            crate::snapshot::Listener { shares_port: 3, ..crate::report::fixture::listener("0.0.0.0", 2000, 4, 0, 7) };
        sockets.listeners = vec![shared; 3];
        let text = render_status(&StatusView::new(&now, None, &[]), 80, false);
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("0.0.0.0:2000 ")).collect();
        let words = |line: &&str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let queues: Vec<_> = lines.iter().map(words).filter(|words| words[0] == "SYN").collect();
        assert_eq!(queues.len(), 1, "{text}");
        assert!(queues[0].ends_with(&["7".to_owned(), "15".to_owned(), "46%".to_owned()]), "{text}");
    }

    #[test]
    fn half_open_entries_are_found_without_knowing_a_capacity() {
        let note = |now: &crate::snapshot::Snapshot| syn_recv_note(&StatusView::new(now, None, &[]));
        let mut now = snapshot();
        now.sysctls.readings.remove("net.ipv4.tcp_syncookies");
        assert_eq!(note(&now), "longest SYN queue 37/? on *:443");
        now.sockets.as_mut().unwrap().listeners.iter_mut().for_each(|one| one.half_open = 0);
        assert_eq!(note(&now), "half-open; no listener is known to hold them");
        now.sockets.as_mut().unwrap().states.insert(crate::units::TcpState::SynRecv, 0);
        assert_eq!(note(&now), "half-open; every SYN queue is empty");
    }

    #[test]
    fn every_counter_fits_a_line_with_a_large_total() {
        for counter in super::super::counters::MAIN_COUNTERS {
            assert!(counter.label.chars().count() <= LABEL_COLUMNS, "{}", counter.label);
            assert!(2 + LABEL_COLUMNS + 11 + 2 + counter.name.len() <= 80, "{}", counter.name);
        }
    }

    #[test]
    fn names_that_a_terminal_would_obey_are_spelt_out() {
        let mut now = snapshot();
        let evil = "a\u{1b}]0;b\u{7}\nc";
        now.hostname = Some(evil.to_owned());
        now.netns.name = Some(evil.to_owned());
        now.gaps.push(Gap::new(evil, GapKind::Failed, evil, evil));
        now.sockets.as_mut().unwrap().listeners[2].processes[0].name = evil.to_owned();
        let headline = Headline { severity: Severity::Warning, rule: "r", sentence: evil.to_owned() };
        let text = render_status(&StatusView::new(&now, None, &[headline]), 80, false);
        let text = text.replace("\u{1b}[1m\u{1b}[33m!\u{1b}[0m", "!");
        assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
        assert!(text.matches("a\\x1b]0;b\\x07\\nc").count() >= 5, "{text}");
        let json = serde_json::to_value(StatusView::new(&now, None, &[])).unwrap();
        assert_eq!(json["hostname"], evil, "JSON keeps it");
    }

    #[test]
    fn only_ascii_is_printed_when_asked() {
        let text = render_status(&StatusView::new(&snapshot(), None, &[]), 80, true);
        assert!(text.is_ascii(), "{text}");
    }
}
