//! The rows of a long sequence diagram with the middles of its repetitions left out.

use std::collections::BTreeMap;

use super::sequence::{Part, Row};
use crate::model::{Segment, Side};

/// Rows, some of them left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A row.
    Row(Row),
    /// So many repetitions in its place.
    Folded(Fold),
}

/// Repetitions that are not drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fold {
    /// Rows left out.
    pub(super) rows: usize,
    /// Each sender's segment with the number of copies and the waits between them.
    pub(super) sent: Vec<FoldedSegment>,
}

/// Copies of one segment that are not drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoldedSegment {
    pub(super) from: Side,
    pub(super) segment: Segment,
    pub(super) copies: usize,
    pub(super) waits: Waits,
}

/// How the waits between copies go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// Each as long as this, in microseconds.
    Even(u64),
    /// Each twice the one before, from the first to the last.
    Doubling(u64, u64),
    /// Neither, or too few to tell.
    Mixed,
}

/// Rows kept at either end of what is folded.
const KEPT: usize = 2;

/// Leaves out the middles of the longest repetitions until at most `most` lines are left; what is no repetition is
/// never left out, so a course of many different things can stay longer.
pub(super) fn fold(rows: Vec<Row>, most: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = rows.into_iter().map(Line::Row).collect();
    while lines.len() > most {
        let Some((first, count)) = longest_repetition(&lines) else { break };
        let excess = lines.len() - most + 1;
        let count = (count - 2 * KEPT).min(excess.max(2));
        let first = first + KEPT;
        let left_out: Vec<Line> = lines.splice(first..first + count, []).collect();
        let earlier = lines.get(..first).unwrap_or_default();
        let fold = folded(earlier, &left_out);
        lines.insert(first, Line::Folded(fold));
    }
    lines
}

/// The longest run of repetitions that is worth folding: its place and length.
fn longest_repetition(lines: &[Line]) -> Option<(usize, usize)> {
    let mut longest = (0, 0);
    let mut run = 0;
    for (place, line) in lines.iter().enumerate() {
        run = if matches!(line, Line::Row(row) if row.is_repetition()) { run + 1 } else { 0 };
        if run > longest.1 {
            longest = (place + 1 - run, run);
        }
    }
    (longest.1 >= 2 * KEPT + 2).then_some(longest)
}

fn folded(earlier: &[Line], left_out: &[Line]) -> Fold {
    let mut times: BTreeMap<(Side, Segment), Vec<u64>> = BTreeMap::new();
    for (from, segment, at_us) in left_out.iter().filter_map(sent) {
        times.entry((from, segment)).or_default().push(at_us);
    }
    let sent = times.into_iter().map(|((from, segment), mut at_us)| {
        let copies = at_us.len();
        // The first wait is that after the last copy that is drawn.
        let before = earlier.iter().rev().filter_map(sent).find(|it| (it.0, it.1) == (from, segment));
        at_us.splice(0..0, before.map(|(_, _, at_us)| at_us));
        FoldedSegment { from, segment, copies, waits: waits(&at_us) }
    });
    Fold { rows: left_out.len(), sent: sent.collect() }
}

/// Who sends what and when in a line.
fn sent(line: &Line) -> Option<(Side, Segment, u64)> {
    let Line::Row(row) = line else { return None };
    let arrow = row.arrow.filter(|arrow| arrow.part != Part::Arrives)?;
    Some((arrow.from, arrow.segment, row.mark(arrow.from).window?.at_us))
}

fn waits(at_us: &[u64]) -> Waits {
    let waits: Vec<u64> =
        at_us.iter().zip(at_us.iter().skip(1)).map(|(earlier, later)| later.saturating_sub(*earlier)).collect();
    let pairs = || waits.iter().zip(waits.iter().skip(1));
    match (waits.first(), waits.last()) {
        (Some(first), _) if *first > 0 && waits.len() > 1 && pairs().all(|(one, next)| one == next) => {
            Waits::Even(*first)
        }
        (Some(first), Some(last)) if *first > 0 && waits.len() > 1 && pairs().all(|(one, next)| one * 2 == *next) => {
            Waits::Doubling(*first, *last)
        }
        _ => Waits::Mixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, What, Window};
    use crate::report::sequence::rows;

    #[test]
    fn repetitions_are_folded_and_their_waits_told() {
        let sends = (0..30_u32).map(|copy| Event {
            window: Window::exactly((1 << copy) - 1),
            side: Side::Client,
            what: What::Send { segment: Segment::Syn, copy, lost: true },
        });
        let lines = fold(rows(&sends.collect::<Vec<_>>()), 12);
        assert_eq!(lines.len(), 12);
        let fold = lines.iter().find_map(|line| match line {
            Line::Folded(fold) => Some(fold),
            Line::Row(_) => None,
        });
        let fold = fold.expect("a fold");
        assert_eq!(fold.rows, 19);
        assert!(matches!(fold.sent[0].waits, Waits::Doubling(4, last) if last == 1 << 20), "{fold:?}");
        assert_eq!(waits(&[0, 5, 10, 15]), Waits::Even(5));
        assert_eq!(waits(&[0, 5, 11]), Waits::Mixed);
    }
}
