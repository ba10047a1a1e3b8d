//! Lists with the detail of the selected row: beside it or below it, or in its place.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::found::with_found;
use super::target::RowsShown;
use super::{findings, laboratory, listeners, namespaces, parameters, sockets, topics};
use crate::ui::tui::layout::{Frame, Kind, first_shown, halves, take_rows};
use crate::ui::tui::listing::Listing;
use crate::ui::tui::number::time_of_day;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{draw_lines, left, mark_selected, right, rule, wrap};
use crate::ui::tui::theme::Role;

/// Least rows of the detail below a list.
const DETAIL_ROWS: usize = 9;

/// A screen's list, its lines so many columns wide.
fn listing_of(state: &State, screen: Screen, width: usize) -> Listing<'_> {
    match screen {
        Screen::Sockets => sockets::listing(state, width),
        Screen::Explain => topics::listing(state, width),
        Screen::Findings => findings::listing(state, width),
        Screen::Parameters => parameters::listing(state, width),
        Screen::Lab => laboratory::listing(state, width),
        Screen::Namespaces => namespaces::listing(state, width),
        Screen::Overview | Screen::Listeners | Screen::Profiles => Listing::nothing("", ""),
    }
}

/// All that is known of the selected row.
fn detail_of(state: &State, screen: Screen, width: usize) -> Vec<Line<'static>> {
    match screen {
        Screen::Sockets => sockets::detail(state, width),
        Screen::Explain => topics::detail(state, width),
        Screen::Findings => findings::detail(state, width),
        Screen::Parameters => parameters::detail(state, width),
        Screen::Lab => laboratory::detail(state, width),
        Screen::Namespaces => namespaces::detail(state, width),
        Screen::Overview | Screen::Listeners | Screen::Profiles => Vec::new(),
    }
}

/// Identity of the selected row.
pub(in crate::ui::tui) fn selected_id(state: &State, screen: Screen) -> Option<String> {
    let (listing, list) = (listing_of(state, screen, 80), state.list(screen));
    // A page stays with what it was opened on.
    if let (true, Some(id)) = (list.page, &list.selected) {
        return Some(id.clone());
    }
    listing.ids.get(listing.selected(list)).cloned()
}

/// Place of the selected row of the open screen, and all identities.
pub(in crate::ui::tui) fn listed_ids(state: &State) -> (usize, Vec<String>) {
    let listing = listing_of(state, state.screen, 80);
    (listing.selected(state.list(state.screen)), listing.ids)
}

/// The text of the open page.
pub(super) fn page_lines(state: &State, width: usize) -> Vec<Line<'static>> {
    detail_of(state, state.screen, width)
}

/// Rows that stay above a page's text while it is scrolled.
fn fixed_rows(state: &State, width: usize) -> Vec<Line<'static>> {
    match state.screen {
        Screen::Explain => topics::panel(state, width),
        Screen::Parameters => parameters::panel(state, width),
        _ => Vec::new(),
    }
}

/// How far the detail can be scrolled where it has the screen to itself.
pub(in crate::ui::tui) fn detail_scroll_limit(state: &State) -> usize {
    if state.screen == Screen::Listeners {
        return listeners::page_lines(state).len().saturating_sub(usize::from(state.size.1.saturating_sub(4)));
    }
    if !state.screen.is_listing() {
        return 0;
    }
    let (width, height) = (usize::from(state.size.0), usize::from(state.size.1.saturating_sub(4)));
    let height = height.saturating_sub(fixed_rows(state, width).len());
    detail_of(state, state.screen, width).len().saturating_sub(height)
}

/// Rows of a terminal on which nothing of the open screen would be cut.
pub(in crate::ui::tui) fn rows_needed(state: &State) -> usize {
    match state.screen {
        // Header, tabs, message, footer; title, heading and the rows, each of two lines at most, and the detail.
        Screen::Listeners => return 4 + 2 + listeners::listed(state) * 2 + 24,
        Screen::Profiles if state.profiles.plan.is_some() => return 4 + super::plan::plan_length(state),
        Screen::Profiles => return 4 + 2 * (state.listed_profiles().len() + 8) + state.profiles.journal().len(),
        Screen::Overview => return usize::from(state.size.1) + super::overview_lines::overview_scroll_limit(state),
        _ => {}
    }
    let width = usize::from(state.size.0).max(120);
    let detail = detail_of(state, state.screen, width).len();
    // Header, tabs, message, footer; title and heading of the list, and a detail no shorter than half of it.
    let rows = listing_of(state, state.screen, width).ids.len() + 3;
    4 + if state.list(state.screen).page { detail + fixed_rows(state, width).len() } else { rows + detail.max(9) * 2 }
}

/// The area of the list and that of the detail, with its lines, where there is room for it.
fn divide(state: &State, frame: Frame) -> (Rect, Option<(Rect, Vec<Line<'static>>)>) {
    let (screen, body) = (state.screen, frame.body);
    if is_beside(frame, screen) {
        let list_width = if screen == Screen::Explain { body.width / 3 } else { body.width / 2 };
        let (list, area) = halves(body, list_width, 2);
        return (list, Some((area, detail_of(state, screen, usize::from(area.width)))));
    }
    if !frame.kind.has_detail() {
        return (body, None);
    }
    let mut rest = body;
    let width = usize::from(body.width);
    let lines = detail_of(state, screen, width);
    let detail = lines.len();
    let rows = listing_of(state, screen, width).ids.len() + 2;
    let height = usize::from(body.height);
    // A long detail leaves the list half of the screen, a short one all that it does not need itself.
    let detail_rows = detail.min(height / 2).max(DETAIL_ROWS.min(detail));
    let list_rows = (rows + 1).min(height.saturating_sub(detail_rows));
    let list = take_rows(&mut rest, list_rows);
    (list, Some((rest, lines)))
}

/// Whether the detail stands beside the list.
fn is_beside(frame: Frame, screen: Screen) -> bool {
    frame.kind == Kind::Wide && matches!(screen, Screen::Explain | Screen::Parameters)
}

/// Draws the screen.
pub(super) fn draw(state: &State, buffer: &mut Buffer, frame: Frame) {
    if state.list(state.screen).page {
        return draw_page(state, buffer, frame.body);
    }
    let (list, detail) = divide(state, frame);
    draw_list(state, buffer, list);
    let Some((area, lines)) = detail else { return };
    if is_beside(frame, state.screen) {
        draw_lines(buffer, area, lines);
    } else {
        draw_cut(state, buffer, area, lines);
    }
}

/// The rows of the list, or of the settings above a topic's page.
pub(super) fn rows_shown(state: &State, frame: Frame) -> Option<RowsShown> {
    if state.list(state.screen).page {
        return topics::settings_shown(state, frame.body).filter(|_| state.screen == Screen::Explain);
    }
    let (area, _) = divide(state, frame);
    let listing = listing_of(state, state.screen, usize::from(area.width));
    let area = rows_area(&listing, area);
    let selected = listing.selected(state.list(state.screen));
    let first = first_shown(selected, usize::from(area.height));
    Some(RowsShown { area, first, each: 1, count: listing.ids.len(), selected })
}

/// The rows of a list, below its title and its heading.
fn rows_area(listing: &Listing<'_>, area: Rect) -> Rect {
    let mut rest = area;
    take_rows(&mut rest, 1);
    if !listing.heading.is_empty() && rest.height > 2 {
        take_rows(&mut rest, 1);
    }
    rest
}

/// Draws a text, and says in its last row how much does not fit.
fn draw_cut(state: &State, buffer: &mut Buffer, area: Rect, lines: Vec<Line<'static>>) {
    let height = usize::from(area.height);
    let hidden = lines.len().saturating_sub(height.saturating_sub(1));
    let cut = lines.len() > height;
    draw_lines(buffer, area, lines);
    if cut && height > 1 {
        let note = Rect { y: area.bottom() - 1, height: 1, ..area };
        let opens = if state.screen == Screen::Namespaces { "" } else { ": Enter" };
        let text = left(&format!("   … {hidden} more lines{opens}"), usize::from(area.width));
        draw_lines(buffer, note, [Line::styled(text, state.theme.style(Role::Dim))]);
    }
}

fn draw_page(state: &State, buffer: &mut Buffer, body: Rect) {
    let mut rest = body;
    let width = usize::from(body.width);
    let fixed = fixed_rows(state, width);
    let area = take_rows(&mut rest, fixed.len());
    draw_lines(buffer, area, fixed);
    draw_scrolled(state, buffer, rest, detail_of(state, state.screen, width));
}

/// Draws the text of a page from where it is scrolled to, and says how much is below.
pub(super) fn draw_scrolled(state: &State, buffer: &mut Buffer, rest: Rect, lines: Vec<Line<'static>>) {
    let (width, height) = (usize::from(rest.width), usize::from(rest.height));
    let last = lines.len().saturating_sub(height);
    let from = state.list(state.screen).scroll.min(last);
    let below = lines.len().saturating_sub(from + height);
    draw_lines(buffer, rest, with_found(state, lines).into_iter().skip(from));
    if below > 0 && height > 1 {
        // It has the row to itself: the line below it comes again with the next screen.
        let text = right(&format!("{} more below: PgDn ", below + 1), width);
        let note = Rect { y: rest.bottom() - 1, height: 1, ..rest };
        draw_lines(buffer, note, [Line::styled(text, state.theme.style(Role::Dim))]);
    }
}

fn draw_list(state: &State, buffer: &mut Buffer, area: Rect) {
    let width = usize::from(area.width);
    let list = state.list(state.screen);
    let listing = listing_of(state, state.screen, width);
    let mut rest = area;
    let facts: Vec<&str> = listing.facts.iter().map(String::as_str).collect();
    let title = take_rows(&mut rest, 1);
    draw_lines(buffer, title, [rule(state.theme, listing.title, &facts, width)]);
    if listing.ids.is_empty() {
        let lines = wrap(&listing.empty, width.saturating_sub(2));
        draw_lines(buffer, rest, lines.into_iter().map(|line| Line::raw(format!(" {line}"))));
        return;
    }
    let heading = Line::styled(left(&listing.heading, width), state.theme.style(Role::Dim));
    draw_lines(buffer, Rect { height: rest.height.min(1), ..rest }, [heading]);
    rest = rows_area(&listing, area);
    let selected = listing.selected(list);
    let height = usize::from(rest.height);
    for at in (0..listing.ids.len()).skip(first_shown(selected, height)).take(height) {
        let place = take_rows(&mut rest, 1);
        let (text, role) = (listing.line)(at);
        let mark = if at == selected { ">" } else { " " };
        let line = Line::styled(left(&format!("{mark}{text}"), width), state.theme.style(role));
        draw_lines(buffer, place, [line]);
        if at == selected {
            mark_selected(buffer, state.theme, place);
        }
    }
}

/// What is said above what is gone.
pub(super) fn gone_lines(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some((since, what)) = state.gone() else { return Vec::new() };
    let since = time_of_day(since, state.now.utc_offset_s);
    let text = format!(" ! GONE at {since}: {what}. Below is what was known last.");
    let style = state.theme.style(Role::Warning);
    wrap(&text, width.saturating_sub(2)).into_iter().map(|line| Line::styled(format!(" {line}"), style)).collect()
}

/// A text of `report` as lines, one column from the edge.
pub(super) fn text_lines(text: &str) -> Vec<Line<'static>> {
    text.lines().map(|line| Line::raw(format!(" {line}"))).collect()
}

/// A labelled text that goes on below itself.
pub(super) fn labelled(state: &State, label: &str, text: &str, width: usize) -> Vec<Line<'static>> {
    let label_width = if width < 60 { 9 } else { 12 };
    let parts = wrap(text, width.saturating_sub(label_width + 2));
    let lines = parts.into_iter().enumerate().map(|(at, part)| {
        let label = if at == 0 { label } else { "" };
        Line::from(vec![
            Span::styled(format!(" {}", left(label, label_width)), state.theme.style(Role::Dim)),
            Span::raw(format!(" {part}")),
        ])
    });
    lines.collect()
}
