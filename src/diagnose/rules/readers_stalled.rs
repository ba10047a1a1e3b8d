//! Applications that have stopped reading, here or at the peer.
//!
//! A receiver without room advertises a window of 0 (`__tcp_select_window`, `tcp_select_window`: TCPToZeroWindowAdv),
//! and counts TCPFromZeroWindowAdv when there is room again. Counters tell of the moment at which a window closes; one
//! that has been closed for long shows by its socket alone: a receive buffer that is full and into which nothing comes,
//! or a sender whose window probes (`tcp_probe_timer`) are all that it sends.

use super::receive_drops;
use crate::diagnose::case::{at_least_percent, process_name};
use crate::diagnose::forecast::{Group, by_destination, counted, ends, holder, is_opened_here, leads_here};
use crate::diagnose::source;
use crate::diagnose::{Case, Confidence, Finding, Input, Proof, Rule, Severity, Verdict};
use crate::snapshot::{Process, Sample, SocketRow};
use crate::units::{Micros, TcpState};

/// Windows that stay closed below which it may be a reader in passing.
const MIN: u64 = 3;

/// How long several windows have been closed, in milliseconds, from when on it is no batch in passing.
const SEVERAL_MS: u32 = 5_000;

/// The same for a single one.
const ONE_MS: u32 = 60_000;

/// Share of a receive buffer that is in use, in percent, from which no window is left: 97 were seen.
const FULL_PERCENT: u64 = 90;

/// Share of all open connections, in percent, from which those count that clients opened to a listener here: a client may
/// pause for as long as it likes, and some always do.
const CLIENTS_PERCENT: u64 = 5;

/// Destinations that are told, the largest first.
const TOLD: usize = 3;

/// The rule.
pub(in crate::diagnose) const RULE: Rule = Rule {
    id: "readers-stalled",
    looks_for: "connections whose application, here or at the peer, has stopped reading",
    topic: Some("zero-window"),
    reads: &[
        Input::TcpExt("TCPToZeroWindowAdv"),
        Input::TcpExt("TCPFromZeroWindowAdv"),
        Input::TcpExt("TCPWinProbe"),
        Input::Sockets("states"),
        Input::Sockets("single connections with much unread, with tcp_info and their receive memory"),
        Input::Sockets("single connections that probe a closed window, with tcp_info"),
    ],
    keys: &[],
    threshold: "3 windows that closed and did not open again in the window watched, at least half of those that \
                closed: one that opens again is flow control at work; or 3 that have been closed for 5 s, or one for a \
                minute: 90% of the receive buffer in use and nothing coming in, or nothing sent but window probes; of those \
                that clients opened from 3 and 5% of what is open: a client may pause",
    confidence: Confidence::Likely,
    next: Some("ss -tnm, for sockets with Recv-Q near rb, and -p for their process"),
    proof: Proof::Live,
    wrong_remedy: "a larger receive buffer: it fills as well, only later; fewer net.ipv4.tcp_retries2: a peer that \
                   answers window probes is never given up",
    disproved_by: "TCPFromZeroWindowAdv that catches up within seconds",
    check: |case| judge(case).into(),
};

fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let mut findings = Vec::new();
    let mut gaps = Vec::new();
    let standing = standing(case);
    // One that stands is told with its age; where there is none, the counters tell of those that began.
    findings.extend(standing.as_ref().map(|stalled| stalled.finding(case)));
    match closed_lately(case) {
        Ok(finding) if findings.is_empty() => findings.extend(finding),
        Ok(_) => {}
        Err(gap) => gaps.push(gap),
    }
    findings.extend(peers_stalled(case, standing.is_some()));
    if case.samples().is_err() && gaps.is_empty() {
        gaps.extend(case.samples().err());
    }
    Ok(Verdict { findings, gaps })
}

/// Connections that nobody here reads.
struct Stalled<'a> {
    rows: Vec<&'a SocketRow>,
    longest_ms: u32,
    sample: &'a Sample,
}

fn unread<'a>(case: &Case<'a>) -> Option<&'a Sample> {
    case.samples().ok()?.unread.as_ref()
}

/// Those whose buffer is full and has been for long, if there are enough.
fn standing<'a>(case: &Case<'a>) -> Option<Stalled<'a>> {
    let sample = unread(case)?;
    // What has more in it than may be was made smaller than its window, and drops: that has its own verdict.
    let drops = receive_drops::claims(case);
    let rows = sample.rows.iter().filter(|row| is_full(row) && !(drops && is_overfull(row))).collect();
    let (rows, longest_ms) = for_long(rows, |row| row.clock.info.map(|info| info.last_data_recv_ms))?;
    Some(Stalled { rows, longest_ms, sample })
}

/// Whether its receive buffer has no room.
fn is_full(row: &SocketRow) -> bool {
    row.memory.is_some_and(|memory| {
        at_least_percent(memory.used_bytes.into(), memory.limit_bytes.into(), FULL_PERCENT) && memory.limit_bytes > 0
    })
}

/// Whether there is more in it than may be.
fn is_overfull(row: &SocketRow) -> bool {
    row.memory.is_some_and(|memory| memory.used_bytes > memory.limit_bytes)
}

/// Those that have lasted, and the longest of their times: three of some seconds, or one of a minute.
fn for_long(rows: Vec<&SocketRow>, lasted_ms: impl Fn(&SocketRow) -> Option<u32>) -> Option<(Vec<&SocketRow>, u32)> {
    let lasting = |least| rows.iter().copied().filter(|row| lasted_ms(row) >= Some(least)).collect::<Vec<_>>();
    let several = lasting(SEVERAL_MS);
    let found = if several.len() as u64 >= MIN { several } else { lasting(ONE_MS) };
    let longest_ms = found.iter().filter_map(|row| lasted_ms(row)).max()?;
    Some((found, longest_ms))
}

impl Stalled<'_> {
    fn finding(&self, case: &Case<'_>) -> Finding {
        let count = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        let who = holder(self.rows.iter().copied()).map_or_else(|| "nobody reads".to_owned(), reader);
        let longest = format!("{:#}", Micros(u64::from(self.longest_ms) * 1000));
        let (number, them) = match counted(count, self.sample).as_str() {
            "1" => ("a connection".to_owned(), "it"),
            several => (format!("{several} connections"), "them"),
        };
        let sentence = format!("{number} with a full receive buffer: {who} {them}, {longest} the longest");
        let (used, limit) = self
            .rows
            .iter()
            .filter_map(|row| row.memory)
            .map(|memory| (memory.used_bytes, memory.limit_bytes))
            .max()
            .unwrap_or_default();
        Finding::new(&RULE, Severity::Warning, sentence)
            .seen("such connections, of those with much unread that were looked at", count.to_string(), BUFFER)
            .looked_at(self.sample, "sock_diag idiag_rqueue")
            .seen("of the fullest, bytes in use (r)", used.to_string(), BUFFER)
            .seen("and bytes that may be (rb)", limit.to_string(), BUFFER)
            .seen("since data came, the longest", longest, source::info("tcpi_last_data_recv"))
            .tcp_ext(case, &["TCPToZeroWindowAdv", "TCPFromZeroWindowAdv"])
            .destinations(self.rows.iter().copied())
            .because("the application of this host does not read what has arrived: blocked, stopped or overloaded")
            .remedy(
                "look at what that process does instead of reading: its stack, its threads, what it waits for itself",
            )
    }
}

const BUFFER: &str = "sock_diag INET_DIAG_SKMEMINFO SK_MEMINFO_RMEM_ALLOC, SK_MEMINFO_RCVBUF";

/// "nginx(812) does not read".
fn reader(process: &Process) -> String {
    format!("{} does not read", process_name(process))
}

/// Windows that closed in the window watched.
fn closed_lately(case: &Case<'_>) -> Result<Option<Finding>, String> {
    let closed = case.tcp_ext_rise("TCPToZeroWindowAdv")?;
    let shut = closed.saturating_sub(case.tcp_ext_rise("TCPFromZeroWindowAdv")?);
    if shut < MIN || !at_least_percent(shut, closed, 50) {
        return Ok(None);
    }
    let unread: Vec<&SocketRow> = unread(case).into_iter().flat_map(|sample| &sample.rows).collect();
    let who = holder(unread.iter().copied()).map_or_else(|| "nobody reads".to_owned(), reader);
    let sentence = format!("{shut} connections {} filled their receive buffer: {who} them", case.in_window());
    let shut = case.over_window(shut);
    let finding = Finding::new(&RULE, Severity::Warning, sentence)
        .tcp_ext(case, &["TCPToZeroWindowAdv", "TCPFromZeroWindowAdv"])
        .seen(
            "windows that closed and did not open again",
            shut,
            source::tcp_ext("TCPToZeroWindowAdv, TCPFromZeroWindowAdv"),
        )
        .tcp_ext(case, &["TCPWinProbe"])
        .destinations(unread)
        .because("applications of this host do not read what has arrived: blocked, stopped or overloaded")
        .remedy("find their sockets by Recv-Q and look at what the process does instead of reading");
    Ok(Some(finding))
}

/// Destinations whose windows have been closed for long, and listeners whose clients' are. One that leads to this very host
/// is its reader's fault.
fn peers_stalled(case: &Case<'_>, is_known_here: bool) -> Vec<Finding> {
    let (Ok(sockets), Ok(samples)) = (case.sockets(), case.samples()) else { return Vec::new() };
    let Some(sample) = samples.probing.as_ref() else { return Vec::new() };
    let probing = sample.rows.iter().filter(|row| !(is_known_here && leads_here(row)) && is_shut_out(row));
    let (own, of_clients): (Vec<&SocketRow>, Vec<&SocketRow>) =
        probing.partition(|row| leads_here(row) || is_opened_here(row, &sockets.listeners));
    let to_peers = by_destination(own).into_iter().filter_map(|group| {
        let (rows, longest_ms) = for_long(group.rows.clone(), closed_ms)?;
        Some(peer_stalled(case, sample, &group, &rows, longest_ms))
    });
    to_peers.chain(clients_stalled(case, sample, of_clients)).take(TOLD).collect()
}

/// For how long a window has been closed, in milliseconds.
fn closed_ms(row: &SocketRow) -> Option<u32> {
    row.pace.map(|pace| pace.last_data_sent_ms)
}

fn peer_stalled(case: &Case<'_>, sample: &Sample, group: &Group<'_>, rows: &[&SocketRow], longest_ms: u32) -> Finding {
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let longest = format!("{:#}", Micros(u64::from(longest_ms) * 1000));
    let (of, to) = (group.of_process(), group.remote);
    let waits = match counted(count, sample).as_str() {
        "1" => format!("a connection{of} to {to} waits for a peer that does not read: its window"),
        several => format!("{several} connections{of} to {to} wait for a peer that does not read: the window"),
    };
    let sentence = format!("{waits} has been closed for {longest}, the longest");
    shut_out(Finding::new(&RULE, Severity::Warning, sentence), case, sample, rows, longest)
        .because(
            "the peer acknowledges and offers no room: its application does not read, and the kernel asks for as long as \
             it answers",
        )
        .remedy(
            "look at that service: it is blocked, stopped or overloaded; TCP_USER_TIMEOUT on the sockets here ends the \
             wait",
        )
}

/// Clients of this host's listeners that have stopped reading, where they are too many for pauses.
fn clients_stalled(case: &Case<'_>, sample: &Sample, rows: Vec<&SocketRow>) -> Option<Finding> {
    let looked_at = u64::try_from(sample.rows.len()).unwrap_or(u64::MAX);
    let (rows, longest_ms) = for_long(rows, closed_ms)?;
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    // What was not looked at is taken to be like what was.
    let of_all = count.saturating_mul(sample.total).checked_div(looked_at)?;
    let open = case.sockets().ok()?.count(TcpState::Estab);
    if count < MIN || !at_least_percent(of_all, open, CLIENTS_PERCENT) {
        return None;
    }
    let longest = format!("{:#}", Micros(u64::from(longest_ms) * 1000));
    let of = holder(rows.iter().copied()).map(|process| format!(" of {}", process_name(process))).unwrap_or_default();
    let ends = ends(rows.iter().copied());
    let sentence = format!(
        "{} connections{of}{ends} wait for clients that do not read: the window has been closed for {longest}, the longest",
        counted(count, sample)
    );
    let finding = shut_out(Finding::new(&RULE, Severity::Warning, sentence), case, sample, &rows, longest)
        .shared(&ends)
        .states(case, &[TcpState::Estab])
        .because(
            "so many clients at once do not read what they asked for: one program of theirs, or a slow-read attack",
        )
        .remedy(
            "a limit of the server's own for clients that take nothing, such as send_timeout of nginx, or \
             TCP_USER_TIMEOUT on its sockets",
        );
    Some(finding)
}

/// Adds what these probes of closed windows show.
fn shut_out(finding: Finding, case: &Case<'_>, sample: &Sample, rows: &[&SocketRow], longest: String) -> Finding {
    let waiting: u64 = rows.iter().map(|row| u64::from(row.send_queue)).sum();
    let limited = rows.iter().filter_map(|row| Some(row.pace?.window_limited_us)).max().unwrap_or(0);
    let window = rows.iter().filter_map(|row| row.pace?.peer_window).max();
    let finding = finding
        .seen("connections to there that probe a closed window", rows.len().to_string(), "sock_diag idiag_timer")
        .looked_at(sample, "sock_diag idiag_timer")
        .seen("since they sent data, the longest", longest, source::info("tcpi_last_data_sent"))
        .seen("bytes that they have not got through", waiting.to_string(), "sock_diag idiag_wqueue")
        .seen(
            "time in which the window was used up, the longest",
            format!("{:#}", Micros(limited)),
            source::info("tcpi_rwnd_limited"),
        );
    let finding = match window {
        Some(window) => {
            finding.seen("the peer's window in bytes, the widest", window.to_string(), source::info("tcpi_snd_wnd"))
        }
        None => finding,
    };
    finding.tcp_ext(case, &["TCPWinProbe"])
}

/// Whether less than a full segment fits into the peer's window, as far as the kernel tells (5.4).
fn is_shut_out(row: &SocketRow) -> bool {
    row.pace.is_some_and(|pace| pace.peer_window.is_none_or(|window| window < pace.mss))
}
