//! The sockets: what happens next to each, and when it dies, unless what.

use ratatui::text::Line;

use super::listing::{gone_lines, labelled};
use crate::model::{Activity, LiveEnd, LiveForecast, Outcome, Window};
use crate::report::{
    OWNER_UNSEEN, SocketGroup, SocketGroupBy, SocketRow, render_live_details, render_live_window, rounded_down_us,
};
use crate::ui::tui::listing::Listing;
use crate::ui::tui::number::{count, duration_ms, time_of_day};
use crate::ui::tui::screen::Screen;
use crate::ui::tui::socket_columns::SocketColumn;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{columns, cut_address, left, right, rule};
use crate::ui::tui::theme::Role;
use crate::ui::tui::wants::{SocketsOrder, SocketsReading};
use crate::units::TcpState;

/// A day in milliseconds; what lies further ahead is told as a duration and not as a time of day.
const DAY_MS: u64 = 86_400_000;

/// The table.
pub(super) fn listing(state: &State, width: usize) -> Listing<'_> {
    let want = &state.sockets_want;
    let Some(reading) = state.sockets.as_deref().filter(|reading| reading.want == *want) else {
        let looks = want.holder.is_some() || want.group == Some(SocketGroupBy::Process);
        let why =
            if looks { ": all processes are looked through, which takes long on a host with many sockets" } else { "" };
        return Listing::nothing("Sockets", format!("… reading{why}"));
    };
    let rows = match &reading.rows {
        Ok(rows) => rows,
        Err(reason) => return Listing::nothing("Sockets", format!("? {reason}")),
    };
    let filter = if want.filter.is_empty() { "all but listeners".to_owned() } else { want.filter.clone() };
    let filter = want.holder.iter().fold(filter, |filter, (_, name)| format!("of {name}, {filter}"));
    let arrow = if want.reverse { "↓" } else { "↑" };
    if let Some(by) = want.group {
        let by = format!("by {by:?}").to_lowercase();
        return groups(
            reading,
            vec![format!("{} in {} groups", reading.passed, reading.groups.len()), by, filter],
            width,
        );
    }
    let shown = if reading.passed > rows.len() as u64 {
        format!("first {} of {}", rows.len(), reading.passed)
    } else {
        format!("{} shown", rows.len())
    };
    // The order is turned round among those that are kept, which are the first ones all the same.
    let of_these = if want.reverse && reading.passed > rows.len() as u64 { " of these" } else { "" };
    let sort = format!("sort {} {arrow}{of_these}", want.order.name());
    let by_local = want.order == SocketsOrder::Local;
    let peers = rows.iter().map(|row| columns(&row.peer));
    let longest = peers.filter(|columns| *columns <= PEER).max().unwrap_or(PEER);
    // Looking through all processes takes long where there are a million sockets.
    let owners = if rows.iter().any(|row| row.owner == "…") { "… owners are being looked for" } else { "" };
    let columns = Columns::of(width, state.preferences.columns.as_deref(), by_local, longest);
    let empty = if want.filter.is_empty() {
        "there is no socket but listeners in this network namespace".to_owned()
    } else {
        format!("no socket passes `{}`; Esc clears the filter", want.filter)
    };
    Listing {
        title: "Sockets",
        facts: vec![shown, owners.to_owned(), filter, sort],
        heading: columns.heading(),
        ids: rows.iter().map(|row| row.cookie.to_string()).collect(),
        line: Box::new(move |at| match rows.get(at) {
            Some(row) => (columns.line(state, reading, row), role_of(row)),
            None => (String::new(), Role::Plain),
        }),
        empty,
    }
}

fn groups(reading: &SocketsReading, facts: Vec<String>, width: usize) -> Listing<'_> {
    // The queues are the first to go.
    let shown = match width {
        ..60 => 2,
        60..110 => 5,
        _ => 7,
    };
    let name_width = width.saturating_sub(2 + shown * 10);
    let heading = ["sockets", "ESTAB", "SYN-RECV", "CLOSE-W", "TIME-W", "Recv-Q", "Send-Q"];
    let cells: String = heading.iter().take(shown).map(|name| right(name, 10)).collect();
    let line = move |group: &SocketGroup| {
        let numbers = [
            group.sockets,
            group.established,
            group.half_open,
            group.close_wait,
            group.time_wait,
            group.recv_q,
            group.send_q,
        ];
        let cells: String = numbers.iter().take(shown).map(|number| right(&count(*number), 10)).collect();
        format!(" {}{cells}", left(&group.name, name_width))
    };
    Listing {
        title: "Sockets",
        facts,
        heading: format!("  {}{cells}", left("in common", name_width)),
        ids: reading.groups.iter().map(|group| group.name.clone()).collect(),
        line: Box::new(move |at| (reading.groups.get(at).map(line).unwrap_or_default(), Role::Plain)),
        empty: "no socket passes the filter".to_owned(),
    }
}

/// What is sent again hurts already.
fn role_of(row: &SocketRow) -> Role {
    if is_in_trouble(row) { Role::Warning } else { Role::Plain }
}

fn is_in_trouble(row: &SocketRow) -> bool {
    let forecast = row.forecast.as_ref();
    let troubled = forecast.is_some_and(|forecast| {
        let tried = forecast.progress.is_some_and(|progress| progress.done > 0);
        let watched = matches!(
            forecast.activity,
            Activity::Connecting
                | Activity::HalfOpen
                | Activity::Retransmitting
                | Activity::Probing
                | Activity::KeepaliveProbing
        );
        tried && watched
    });
    troubled || row.state == Some(TcpState::CloseWait)
}

/// Widths of the columns; nothing for one that is not shown.
#[derive(Clone, Copy)]
struct Columns {
    state: usize,
    local: usize,
    /// Of the local end only its port, which tells connections to one peer apart.
    port_only: bool,
    peer: usize,
    owner: usize,
    /// Of the owner only its name.
    name_only: bool,
    /// Both queues in columns of their own, or one column for what waits.
    both_queues: bool,
    queue: usize,
    next: usize,
    dies: usize,
}

const STATE: usize = 10;
const QUEUE: usize = 9;
const DIES: usize = 10;
/// A port after its colon, and a blank.
const PORT: usize = 7;
/// The longest peer of IPv4; one of IPv6 that is longer is cut before its port.
const PEER: usize = 21;
/// The shortest owner that says something, and the longest where there is room for one queue alone.
const OWNER: (usize, usize) = (6, 15);

impl Columns {
    /// The columns for a width: those that were asked for, else those that fit. The ends are the last to shrink: what is
    /// left once the longest peer has its room is the owner's.
    fn of(width: usize, asked: Option<&[SocketColumn]>, by_local: bool, longest_peer: usize) -> Self {
        let shown = |column| asked.is_none_or(|asked| asked.contains(&column));
        let width_of = |column, width: usize| if shown(column) { width } else { 0 };
        let both_queues = width >= 110;
        let next = match width {
            ..76 if asked.is_none() => 0,
            ..60 => 0,
            60..110 => 15,
            _ => 18,
        };
        let next = width_of(SocketColumn::Next, next);
        let queue = if both_queues { QUEUE } else { QUEUE - 1 };
        let queue = if width < 60 && asked.is_none() { 0 } else { width_of(SocketColumn::Queue, queue) };
        let (state, dies) = (width_of(SocketColumn::State, STATE + 1), width_of(SocketColumn::Dies, DIES));
        let queues = if both_queues { 2 * queue } else { queue };
        // Mark, sign, and a blank before each column.
        let free = width.saturating_sub(3 + state + queues + next + usize::from(next > 0) + dies);
        let (has_local, has_peer) = (shown(SocketColumn::Local), shown(SocketColumn::Peer));
        let port_only = !both_queues && asked.is_none() && !by_local;
        let least = if port_only && has_local { PORT + longest_peer } else { 22 };
        let spare = free.saturating_sub(least + 1);
        let owner = match (both_queues, by_local) {
            (true, _) => free.saturating_sub(22).clamp(10, 24),
            // Addresses of both ends have no room beside it.
            (false, true) => 0,
            (false, false) if spare < OWNER.0 && asked.is_none() => 0,
            (false, false) => spare.clamp(OWNER.0, OWNER.1),
        };
        let owner = if width < 76 && asked.is_none() { 0 } else { width_of(SocketColumn::Owner, owner) };
        let ends = free.saturating_sub(owner + usize::from(owner > 0));
        let (local, peer) = match (has_local, has_peer) {
            (true, true) if port_only => (PORT - 1, ends.saturating_sub(PORT)),
            (true, true) => (ends.saturating_sub(1) / 2, ends - ends.saturating_sub(1) / 2 - 1),
            (true, false) => (ends.saturating_sub(1), 0),
            (false, _) => (0, ends),
        };
        Self { state, local, port_only, peer, owner, name_only: owner < OWNER.1, both_queues, queue, next, dies }
    }

    fn row(self, cells: [&str; 8]) -> String {
        let [sign, state, local, peer, owner, queues, next, dies] = cells;
        let mut text = format!("{sign} ");
        if self.state > 0 {
            text.push_str(&left(state, self.state));
        }
        if self.local > 0 {
            let local =
                if self.port_only { local.rfind(':').and_then(|at| local.get(at..)).unwrap_or(local) } else { local };
            text.push_str(&format!("{} ", left(&cut_address(local, self.local), self.local)));
        }
        text.push_str(&left(&cut_address(peer, self.peer), self.peer));
        if self.owner > 0 {
            let name = owner.split_once('(').map_or(owner, |(name, _)| name);
            text.push_str(&format!(" {}", left(if self.name_only { name } else { owner }, self.owner)));
        }
        text.push_str(queues);
        if self.next > 0 {
            text.push_str(&format!(" {}", left(next, self.next)));
        }
        text.push_str(&right(dies, self.dies));
        text
    }

    fn heading(self) -> String {
        let queues = if self.queue == 0 {
            String::new()
        } else if self.both_queues {
            format!("{}{}", right("Recv-Q", self.queue), right("Send-Q", self.queue))
        } else {
            right("queue", self.queue)
        };
        // The mark of a row has no heading.
        let local = if self.port_only { ":port" } else { "local" };
        format!(" {}", self.row([" ", "state", local, "peer", "owner", &queues, "next event", "dies at"]))
    }

    fn line(self, state: &State, reading: &SocketsReading, row: &SocketRow) -> String {
        let (received, sent) = (u64::from(row.receive_queue), u64::from(row.send_queue));
        let queues = match (received, sent) {
            _ if self.queue == 0 => String::new(),
            _ if self.both_queues => {
                format!("{}{}", right(&count(received), self.queue), right(&count(sent), self.queue))
            }
            (0, 0) => right("0", self.queue),
            (0, sent) => right(&format!("{}→", count(sent)), self.queue),
            (received, 0) => right(&format!("{}←", count(received)), self.queue),
            (received, sent) => right(&format!("{}←{}→", count(received), count(sent)), self.queue),
        };
        self.row([
            if is_in_trouble(row) { "!" } else { " " },
            row.state.map_or("?", TcpState::name),
            &row.local,
            &row.peer,
            // `?` is itself: it could not be found out.
            if row.owner == "-" { "–" } else { &row.owner },
            &queues,
            &next_words(state, reading, row),
            &dies_words(state, reading, row),
        ])
    }
}

/// Microseconds since the reading; of a frozen picture none, and none of a socket that is gone.
fn age_us(state: &State, reading: &SocketsReading) -> u64 {
    if state.frozen.is_some() || state.gone().is_some() {
        0
    } else {
        state.now.unix_ms.saturating_sub(reading.taken_unix_ms) * 1000
    }
}

/// A forecast as it stands so much later.
fn later(forecast: &LiveForecast, us: u64) -> LiveForecast {
    let shift = |window: &mut Window| {
        window.at_us = window.at_us.saturating_sub(us);
        window.latest_us = window.latest_us.saturating_sub(us);
    };
    let mut forecast = forecast.clone();
    if let Some(next) = &mut forecast.next {
        shift(&mut next.window);
    }
    if let LiveEnd::At { window, .. } = &mut forecast.end {
        shift(window);
    }
    forecast
}

/// What the timer does next: `RTO 6/15  9s`.
fn next_words(state: &State, reading: &SocketsReading, row: &SocketRow) -> String {
    let Some(forecast) = &row.forecast else { return "–".to_owned() };
    let Some(next) = &forecast.next else { return "none".to_owned() };
    let what = match forecast.activity {
        Activity::Connecting => "SYN",
        Activity::HalfOpen => "SYN-ACK",
        Activity::InFlight | Activity::Retransmitting => "RTO",
        Activity::Probing => "probe",
        Activity::Watched | Activity::KeepaliveProbing => "keepalive",
        Activity::AwaitingFin | Activity::TimeWait => "gone",
        _ => "timer",
    };
    let tried = forecast.progress.filter(|progress| progress.done > 0).map(|progress| match progress.of {
        Some((_, most)) => format!(" {}/{most}", progress.done),
        None => format!(" {}", progress.done),
    });
    let left_us = next.window.at_us.saturating_sub(age_us(state, reading));
    // Rounded as the sentences below the table are.
    let when = if left_us == 0 { "due".to_owned() } else { duration_ms(rounded_down_us(left_us) / 1000) };
    format!("{what}{} {when}", tried.unwrap_or_default())
}

/// When it ends at the earliest, on the clock.
fn dies_words(state: &State, reading: &SocketsReading, row: &SocketRow) -> String {
    match row.forecast.as_ref().map(|forecast| &forecast.end) {
        None => "–".to_owned(),
        Some(LiveEnd::Never) => "never".to_owned(),
        Some(LiveEnd::Unknown(_)) => "?".to_owned(),
        Some(LiveEnd::At { window, .. }) => {
            let ms = window.at_us / 1000;
            if ms >= DAY_MS {
                format!("in {}", duration_ms(ms))
            } else {
                time_of_day(reading.taken_unix_ms + ms, state.now.utc_offset_s)
            }
        }
    }
}

/// When the selected socket ends, both ends of the window and what is left of it.
fn end_words(state: &State, reading: &SocketsReading, forecast: &LiveForecast) -> Option<String> {
    let LiveEnd::At { window, outcome } = &forecast.end else { return None };
    let clock = |us: u64| time_of_day(reading.taken_unix_ms + us / 1000, state.now.utc_offset_s);
    let left = later(forecast, age_us(state, reading));
    let LiveEnd::At { window: left, .. } = left.end else { return None };
    let how = match outcome {
        Outcome::Failed(errno) => format!(" with {}", errno.name()),
        _ => String::new(),
    };
    let (first, last) = (clock(window.at_us), clock(window.latest_us.saturating_add(999_999)));
    let at = if window.at_us / 1000 >= DAY_MS {
        String::new()
    } else if first == last {
        format!("≈{first}{how}, ")
    } else {
        format!("≈{first}–{last}{how}, ")
    };
    let frozen = if state.frozen.is_some() { " after the freeze" } else { "" };
    Some(format!("{at}in {}{frozen}", render_live_window(left, false)))
}

/// What changes on the screen as time passes, for a screen that is drawn only when something does.
pub(in crate::ui::tui) fn counted_down(state: &State) -> Option<String> {
    if state.screen != Screen::Sockets || state.frozen.is_some() {
        return None;
    }
    let (reading, row) = state.socket_shown().filter(|_| state.gone().is_none())?;
    Some(format!("{} {:?}", next_words(state, reading, row), end_words(state, reading, row.forecast.as_ref()?)))
}

/// All that is known of the selected socket.
pub(super) fn detail(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some((reading, row)) = state.socket_shown() else { return Vec::new() };
    let name = row.state.map_or("?", TcpState::name);
    let title = format!("{} → {}", row.local, row.peer);
    let owner = match row.owner.as_str() {
        "-" => "no process",
        "?" => OWNER_UNSEEN,
        "…" => "… owner is being looked for",
        owner => owner,
    };
    let mut lines = vec![rule(state.theme, &title, &[name, owner], width)];
    lines.extend(gone_lines(state, width));
    let mut say = |label: &str, text: &str| lines.extend(labelled(state, label, text, width));
    match &row.forecast {
        Some(forecast) => {
            if let Some(end) = end_words(state, reading, forecast) {
                say("Dies", &end);
            }
            let aged = later(forecast, age_us(state, reading));
            let text = render_live_details(&aged, 4096);
            let mut sentences = text.lines();
            say("Now", sentences.next().unwrap_or_default());
            for sentence in sentences.filter(|line| !line.starts_with("The application then gets")) {
                match sentence.strip_prefix("- ") {
                    Some(assumption) => say("", &format!("· {assumption}")),
                    None => {
                        say(if sentence.ends_with(':') { "Taken" } else { "" }, sentence.trim_start_matches("Taken "))
                    }
                }
            }
        }
        None if row.state == Some(TcpState::Close) => say("Now", "not connected; no timer runs"),
        None if row.state == Some(TcpState::Listen) => say("Now", "listens; screen 2 has its queues"),
        None => say("Now", "? the kernel's version is not known, and with it what its timers do"),
    }
    let timer = if row.timer.is_empty() { "none runs" } else { &row.timer };
    say("Timer", timer);
    say("Queues", &format!("Recv-Q {}  Send-Q {}", row.receive_queue, row.send_queue));
    if !row.info.is_empty() {
        say("tcp_info", &row.info);
    }
    if !row.memory.is_empty() {
        say("Memory", &row.memory);
    }
    say("Identity", &row.identity);
    lines
}
