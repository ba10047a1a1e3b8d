//! What stands where: for the mouse.

use ratatui::layout::{Position, Rect};

use super::{footer, frame, listeners, listing, overview, profiles};
use crate::ui::tui::action::Binding;
use crate::ui::tui::layout::{Frame, Kind};
use crate::ui::tui::profiles::Region;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;

/// What stands at a place of the screen.
#[derive(Clone, Copy, Debug)]
pub(in crate::ui::tui) enum Target {
    /// A key, in the row of tabs or in the footer.
    Key(&'static Binding),
    /// A row to choose.
    Row {
        /// Its number.
        at: usize,
        /// Whether it is the selected one.
        selected: bool,
        /// Its region, on the screen that has two.
        region: Option<Region>,
    },
}

/// The rows of a list that are on the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowsShown {
    pub(super) area: Rect,
    /// Number of the first one.
    pub(super) first: usize,
    /// Rows of the terminal that each takes.
    pub(super) each: u16,
    /// How many there are in all.
    pub(super) count: usize,
    /// Number of the selected one.
    pub(super) selected: usize,
}

impl RowsShown {
    fn target(self, place: Position, region: Option<Region>) -> Option<Target> {
        let below = place.y.checked_sub(self.area.y).filter(|_| self.area.contains(place))?;
        // A row that is cut in half is not shown.
        let whole = self.area.height / self.each.max(1);
        let at = self.first + usize::from(below / self.each.max(1));
        let shown = at < self.count && (below / self.each.max(1) < whole || whole == 0);
        shown.then_some(Target::Row { at, selected: at == self.selected, region })
    }
}

/// What stands at a column and a row.
pub(in crate::ui::tui) fn target(state: &State, column: u16, row: u16) -> Option<Target> {
    let frame = Frame::of(Rect::new(0, 0, state.size.0, state.size.1));
    let place = Position { x: column, y: row };
    if frame.kind == Kind::TooSmall {
        return None;
    }
    if frame.tabs.contains(place) {
        return frame::tab_at(state, frame, column).map(Target::Key);
    }
    if frame.footer.contains(place) {
        return footer::binding_at(state, frame.footer, column).map(Target::Key);
    }
    if state.page.is_some() {
        return None;
    }
    match state.screen {
        Screen::Overview => overview::rows_shown(state, frame)?.target(place, None),
        Screen::Listeners => listeners::rows_shown(state, frame)?.target(place, None),
        Screen::Profiles => {
            let regions = profiles::rows_shown(state, frame);
            regions.into_iter().find_map(|(region, rows)| rows.target(place, Some(region)))
        }
        _ => listing::rows_shown(state, frame)?.target(place, None),
    }
}
