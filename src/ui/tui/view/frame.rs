//! The rows that every screen has, and what goes between them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{footer, listeners, listing, overview, pages, plan, profiles, prompt};
use crate::snapshot::{Capabilities, Snapshot};
use crate::ui::tui::action::{Action, Binding, KEYS, Place};
use crate::ui::tui::facts::headlines;
use crate::ui::tui::graph::bar;
use crate::ui::tui::layout::{Frame, Kind, SMALLEST};
use crate::ui::tui::number::{duration_ms, time_of_day};
use crate::ui::tui::profiles::CONFIRM_MS;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::{Liveness, State};
use crate::ui::tui::text::{columns, cut, left, wrap};
use crate::ui::tui::theme::{Role, Severity, to_ascii};

/// Draws the whole screen. Changes nothing but the buffer.
pub fn draw(state: &State, buffer: &mut Buffer) {
    let frame = Frame::of(buffer.area);
    if frame.kind == Kind::TooSmall {
        draw_too_small(buffer);
    } else {
        draw_header(state, frame, buffer);
        draw_tabs(state, frame, buffer);
        match (state.page, state.screen) {
            (Some(_), _) => pages::draw(state, buffer, frame.body),
            (None, Screen::Overview) => overview::draw(state, buffer, frame),
            (None, Screen::Listeners) => listeners::draw(state, buffer, frame),
            (None, Screen::Profiles) => profiles::draw(state, buffer, frame),
            (None, _) => listing::draw(state, buffer, frame),
        }
        prompt::draw_listed(state, buffer, frame.body);
        draw_message(state, frame.body, frame.message, buffer);
        footer::draw(state, frame.footer, buffer);
        if state.profiles.question.is_some() {
            plan::draw_question(state, buffer, frame.body);
        }
    }
    if state.theme.ascii {
        to_ascii(buffer);
    }
}

fn draw_too_small(buffer: &mut Buffer) {
    let area = buffer.area;
    let (width, height) = SMALLEST;
    let texts = [
        format!("{}×{} is too small", area.width, area.height),
        format!("need {width}×{height}"),
        "q quits".to_owned(),
    ];
    for (y, text) in (area.y..area.bottom()).zip(texts) {
        buffer.set_stringn(area.x, y, text, usize::from(area.width), ratatui::style::Style::new());
    }
}

/// The state of the picture with its age, as in `LIVE 1s`; changes at most once a minute while frozen, so that
/// a frozen screen costs nothing.
pub(in crate::ui::tui) fn picture_words(state: &State) -> String {
    match state.liveness() {
        Liveness::Starting => "READING".to_owned(),
        Liveness::Resting => format!("PAUSED {}", time_of_day(state.shown_until(), state.now.utc_offset_s)),
        // What is read, and not what was asked for, where reading costs more than that.
        Liveness::Live => format!("LIVE {}", duration_ms(state.interval_ms.max(state.pace_ms))),
        Liveness::Stale => format!("STALE {}", duration_ms(state.age_ms() / 1000 * 1000)),
        Liveness::Frozen => {
            let frozen = state.frozen.as_ref();
            let since = frozen.map_or(0, |frozen| frozen.since_unix_ms);
            let minutes = state.now.unix_ms.saturating_sub(since) / 60_000;
            let age = if minutes == 0 { "<1m".to_owned() } else { format!("{minutes}m") };
            format!("FROZEN {} {age}", time_of_day(state.shown_until(), state.now.utc_offset_s))
        }
    }
}

/// Which network namespace, in two words: the host's and the program's own are called so however they were come by; others
/// by the name that they were entered by, where that is one. A process id is none: it says who is in it and not what it is.
pub(in crate::ui::tui) fn netns_words(state: &State, snapshot: &Snapshot) -> String {
    let netns = &snapshot.netns;
    if netns.initial == Some(true) {
        return "net host".to_owned();
    }
    if state.entered_own || (netns.name.is_none() && state.entered_name.is_none()) {
        return "net own".to_owned();
    }
    let named = [state.entered_name.as_deref(), netns.name.as_deref()].into_iter().flatten();
    let mut named = named.filter(|name| name.parse::<u32>().is_err() && !name.starts_with("/proc/"));
    match (named.next().and_then(|name| name.rsplit('/').next()), netns.inode) {
        (Some(name), _) => format!("net {name}"),
        (None, Some(inode)) => format!("net {inode}"),
        (None, None) => "net ?".to_owned(),
    }
}

fn rights_words(capabilities: Capabilities) -> String {
    let who = if capabilities.euid == 0 { "root".to_owned() } else { format!("uid {}", capabilities.euid) };
    let may = if capabilities.has(Capabilities::NET_ADMIN) { "rw" } else { "read-only" };
    format!("{who} {may}")
}

fn host_words(state: &State, snapshot: &Snapshot, wide: bool) -> String {
    let host = snapshot.hostname.as_deref().unwrap_or("?");
    let kernel = snapshot.kernel.version.map_or_else(|| "?".to_owned(), |version| version.to_string());
    let hz = snapshot.kernel.hz.as_ref().map_or_else(|| "?".to_owned(), |reading| reading.hz.to_string());
    let (netns, rights) = (netns_words(state, snapshot), rights_words(snapshot.capabilities));
    if !wide {
        return format!(" {host} · {netns} · {kernel} HZ{hz} · {rights}");
    }
    let inode = match (snapshot.netns.inode, netns.ends_with(char::is_numeric)) {
        (Some(inode), false) => format!(" ({inode})"),
        _ => String::new(),
    };
    let release = snapshot.kernel.release.as_deref().unwrap_or(&kernel);
    format!(" tcpctl · {host} · {netns}{inode} · Linux {release}, HZ {hz} · {rights}")
}

fn draw_header(state: &State, frame: Frame, buffer: &mut Buffer) {
    let area = frame.header;
    let mut right: Vec<Span<'static>> = Vec::new();
    let found = headlines(state);
    for severity in [Severity::Critical, Severity::Warning] {
        let count = found.iter().filter(|headline| headline.severity == severity).count();
        if count > 0 {
            right.push(Span::styled(format!("{}{count}", severity.sign()), state.theme.style(severity.role())));
            right.push(Span::raw(" "));
        }
    }
    // Where something else has the row of messages, the countdown stands here.
    if state.profiles.countdown.is_some() && (state.prompt.is_some() || state.profiles.question.is_some()) {
        right.push(Span::styled(
            format!(" UNDONE in {}s ", left_ms(state).div_ceil(1000)),
            state.theme.style(Role::Bold),
        ));
    }
    let role = if state.liveness() == Liveness::Live { Role::Plain } else { Role::Bold };
    right.push(Span::styled(format!(" {}", picture_words(state)), state.theme.style(role)));
    if matches!(state.liveness(), Liveness::Live | Liveness::Stale) {
        let clock = time_of_day(state.shown_until(), state.now.utc_offset_s);
        right.push(Span::raw(format!(" · {clock}")));
    }
    let right = Line::from(right);
    let right_width = u16::try_from(right.width()).unwrap_or(u16::MAX).min(area.width);
    let left = match state.shown() {
        Some(snapshot) => host_words(state, snapshot, frame.kind == Kind::Wide),
        None => " tcpctl".to_owned(),
    };
    let left = cut(&left, usize::from(area.width.saturating_sub(right_width + 1)));
    buffer.set_line(area.x, area.y, &Line::raw(left), area.width);
    buffer.set_line(area.right() - right_width, area.y, &right, right_width);
}

/// The row of tabs in pieces, each with the key that it stands for.
fn tabs(state: &State, frame: Frame) -> Vec<(Option<&'static Binding>, Span<'static>)> {
    let wide = frame.kind == Kind::Wide;
    let mut pieces = Vec::new();
    let mut end = " ";
    for binding in KEYS.iter().filter(|binding| binding.place == Place::Tab) {
        let active = binding.action == Action::Show(state.screen);
        let word = if active || frame.kind.has_detail() { binding.label } else { "" };
        let between = if wide && !word.is_empty() { " " } else { "" };
        let text = format!("{}{between}{word}", binding.shown);
        // Brackets take the place of the blanks on both sides, so that nothing moves.
        pieces.push((None, Span::raw(if active { "" } else { end })));
        let tab =
            if active { Span::styled(format!("[{text}]"), state.theme.style(Role::Selected)) } else { Span::raw(text) };
        pieces.push((Some(binding), tab));
        end = if active { "" } else { " " };
        if wide {
            pieces.push((None, Span::raw("  ")));
            end = " ";
        }
    }
    pieces
}

/// The tab that stands at a column.
pub(super) fn tab_at(state: &State, frame: Frame, column: u16) -> Option<&'static Binding> {
    let mut at = usize::from(frame.tabs.x);
    tabs(state, frame).into_iter().find_map(|(binding, piece)| {
        let from = at;
        at += piece.width();
        binding.filter(|_| (from..at).contains(&usize::from(column)))
    })
}

fn draw_tabs(state: &State, frame: Frame, buffer: &mut Buffer) {
    let spans: Vec<Span<'static>> = tabs(state, frame).into_iter().map(|(_, piece)| piece).collect();
    buffer.set_line(frame.tabs.x, frame.tabs.y, &Line::from(spans), frame.tabs.width);
}

/// Bar and seconds of an apply that is undone unless it is kept: `UNDONE in 47s`.
pub(in crate::ui::tui) fn countdown_words(state: &State) -> Option<String> {
    let countdown = state.profiles.countdown.as_ref()?;
    let left_ms = countdown.until_unix_ms.saturating_sub(state.now.unix_ms);
    if left_ms == 0 || countdown.asked {
        return Some(format!("{}: being undone, as it was not kept", countdown.profile));
    }
    let left_s = left_ms.div_ceil(1000);
    let bar = bar(left_ms.min(CONFIRM_MS), CONFIRM_MS, 12);
    Some(format!("{} is UNDONE in {left_s}s {bar} unless kept   K keep  U undo now", countdown.profile))
}

/// Milliseconds until what waits to be kept is undone.
fn left_ms(state: &State) -> u64 {
    let countdown = state.profiles.countdown.as_ref();
    countdown.map_or(0, |countdown| countdown.until_unix_ms.saturating_sub(state.now.unix_ms))
}

/// The seconds and the keys.
fn short_countdown(state: &State) -> String {
    match left_ms(state).div_ceil(1000) {
        0 => "being undone".to_owned(),
        left_s => format!("UNDONE in {left_s}s   K keep  U undo now"),
    }
}

fn draw_countdown(state: &State, words: &str, area: Rect, buffer: &mut Buffer) {
    let role = if left_ms(state) <= 10_000 { Role::Bold } else { Role::Warning };
    let width = usize::from(area.width);
    // The keys are the last to go.
    let text = if columns(words) + 3 <= width { words.to_owned() } else { short_countdown(state) };
    let line = Line::styled(cut(&format!(" ! {text}"), width), state.theme.style(role));
    buffer.set_line(area.x, area.y, &line, area.width);
}

/// The answer to the last action; else what is going on; else the gaps.
fn draw_message(state: &State, body: Rect, area: Rect, buffer: &mut Buffer) {
    if let Some(typed) = &state.prompt {
        return prompt::draw(state, typed, body, area, buffer);
    }
    let critical = state.message.as_ref().is_some_and(|message| message.severity == Severity::Critical);
    let countdown = countdown_words(state).filter(|_| state.profiles.question.is_none());
    if let (Some(words), None) = (&countdown, &state.message) {
        return draw_countdown(state, words, area, buffer);
    }
    let width = usize::from(area.width);
    if state.is_resting() && !critical {
        let text = " … paused: another window is in front; `:set pause off` goes on all the same";
        buffer.set_line(area.x, area.y, &Line::raw(cut(text, width)), area.width);
        return;
    }
    let gaps = state.gaps();
    let (severity, sign, text, tail) = if let Some(message) = &state.message {
        let sign = if message.severity == Severity::Quiet { "" } else { message.severity.sign() };
        // An answer takes its room from the countdown, and never its seconds and its keys.
        let tail = countdown.map_or_else(String::new, |_| format!("  {}", short_countdown(state)));
        (message.severity, sign, message.text.clone(), tail)
    } else if let Some(busy) = state.profiles.busy {
        (Severity::Quiet, "…", busy.to_owned(), String::new())
    } else if let Some(error) = &state.read_error {
        (Severity::Warning, "!", error.clone(), String::new())
    } else if let [first, rest @ ..] = gaps.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!("{} more  ", rest.len()) };
        (Severity::Quiet, "?", format!("{}: {}", first.source, first.reason), format!("  {more}i gaps"))
    } else {
        return;
    };
    let start = if sign.is_empty() { " ".to_owned() } else { format!(" {sign} ") };
    let tail = if countdown_words(state).is_some() { tail } else { cut(&tail, width / 2) };
    let room = width.saturating_sub(columns(&start) + columns(&tail));
    let style = state.theme.style(severity.role());
    // An answer that is longer than the row goes on above it, over the last rows of the screen, until the next key.
    let whole = state.message.is_some() || state.profiles.busy.is_none() && state.read_error.is_some();
    let mut parts = if whole { wrap(&text, room) } else { vec![text] };
    let last = parts.pop().unwrap_or_default();
    let above = u16::try_from(parts.len()).unwrap_or(u16::MAX).min(body.height / 2);
    let mut start = start;
    for (y, part) in (area.y.saturating_sub(above)..area.y).zip(parts) {
        let line = left(&format!("{start}{part}"), width);
        buffer.set_line(area.x, y, &Line::styled(line, style), area.width);
        start = " ".repeat(columns(&start));
    }
    let line = format!("{start}{}{tail}", left(&last, room));
    buffer.set_line(area.x, area.y, &Line::styled(line, style), area.width);
}
