//! Where things go, as a pure function of the size.

use ratatui::layout::Rect;

/// How much can be shown at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Less than 40×10: only a sentence.
    TooSmall,
    /// Less than 60×15: `name: value` lines.
    Records,
    /// Less than 80×24: list or detail, and the sparklines go first.
    Narrow,
    /// As drawn at 80×24: list above, detail below.
    Normal,
    /// From 140×40: two columns.
    Wide,
}

/// The smallest size that shows a screen.
pub(super) const SMALLEST: (u16, u16) = (40, 10);

/// The widest terminal that does not set two regions beside each other.
pub(super) const WIDEST_LIST: u16 = 139;

impl Kind {
    /// The kind for a size.
    pub(super) const fn of(width: u16, height: u16) -> Self {
        match (width, height) {
            (140.., 40..) => Self::Wide,
            (80.., 24..) => Self::Normal,
            (60.., 15..) => Self::Narrow,
            (40.., 10..) => Self::Records,
            _ => Self::TooSmall,
        }
    }

    /// Whether a list and the detail of its selected row fit at the same time.
    pub(super) const fn has_detail(self) -> bool {
        matches!(self, Self::Normal | Self::Wide)
    }
}

/// The rows that every screen has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// What fits.
    pub(super) kind: Kind,
    /// Host, rights, state of the picture.
    pub(super) header: Rect,
    /// Screens.
    pub(super) tabs: Rect,
    /// The screen itself.
    pub(super) body: Rect,
    /// Answer to the last action, or the gaps.
    pub(super) message: Rect,
    /// Keys.
    pub(super) footer: Rect,
}

impl Frame {
    /// Divides an area.
    pub(super) fn of(area: Rect) -> Self {
        let row = |from_top: u16| Rect { y: area.y + from_top.min(area.height), height: 1, ..area }.intersection(area);
        Self {
            kind: Kind::of(area.width, area.height),
            header: row(0),
            tabs: row(1),
            body: Rect { y: area.y + 2.min(area.height), height: area.height.saturating_sub(4), ..area },
            message: row(area.height.saturating_sub(2)),
            footer: row(area.height.saturating_sub(1)),
        }
    }
}

/// Divides an area into a left and a right part with so many columns between them.
pub(super) fn halves(area: Rect, left_width: u16, between: u16) -> (Rect, Rect) {
    let left_width = left_width.min(area.width);
    let skipped = (left_width + between).min(area.width);
    (Rect { width: left_width, ..area }, Rect { x: area.x + skipped, width: area.width - skipped, ..area })
}

/// Takes so many rows off the top of an area.
pub(super) fn take_rows(area: &mut Rect, rows: usize) -> Rect {
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).min(area.height);
    let taken = Rect { height: rows, ..*area };
    *area = Rect { y: area.y + rows, height: area.height - rows, ..*area };
    taken
}

/// The first row that a list shows so that the selected one is seen: lists move by whole pages.
pub(super) const fn first_shown(selected: usize, height: usize) -> usize {
    match selected.checked_div(height) {
        Some(page) => page * height,
        None => selected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rows_of_the_frame_overlap_and_all_lie_inside() {
        for width in (1..=250).step_by(7) {
            for height in 1..=80 {
                let area = Rect::new(0, 0, width, height);
                let frame = Frame::of(area);
                let parts = [frame.header, frame.tabs, frame.body, frame.message, frame.footer];
                for (index, part) in parts.iter().enumerate() {
                    assert_eq!(part.intersection(area).area(), part.area(), "{width}×{height}");
                    if frame.kind != Kind::TooSmall {
                        for other in parts.iter().skip(index + 1) {
                            assert!(!part.intersects(*other), "{width}×{height}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_kinds_follow_the_sizes() {
        assert_eq!(Kind::of(160, 48), Kind::Wide);
        assert_eq!(Kind::of(80, 24), Kind::Normal);
        assert_eq!(Kind::of(200, 30), Kind::Normal);
        assert_eq!(Kind::of(79, 60), Kind::Narrow);
        assert_eq!(Kind::of(60, 15), Kind::Narrow);
        assert_eq!(Kind::of(59, 15), Kind::Records);
        assert_eq!(Kind::of(40, 10), Kind::Records);
        assert_eq!(Kind::of(39, 10), Kind::TooSmall);
    }
}
