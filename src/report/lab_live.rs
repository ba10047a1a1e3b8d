//! A playing of the laboratory while it goes on: a line for each event, and how far it has come.

use super::comparison::{marks, seconds, verdict_text, window_text};
use super::prose::in_ascii;
use super::timeline::words;
use crate::lab::{Followed, Met};
use crate::model::{End, Event, Outcome, Side, Timeline, What, Window};
use crate::units::Micros;

/// Columns of the bar itself.
const BAR: usize = 24;

/// The heading of the lines of [`render_followed`].
#[must_use]
pub fn render_live_head() -> String {
    format!("{:>9}  {:<6}  {:<26}  {:>17}\n", "at (s)", "side", "what", "predicted (s)")
}

/// One event with its window beside it; nothing for what is no event.
#[must_use]
pub fn render_followed(followed: &Followed, met: Option<Met>, ascii: bool) -> Option<String> {
    let (window, side, what) = described(followed)?;
    let (predicted, verdict) = met.map_or((String::new(), String::new()), |met| {
        let verdict = verdict_text(met.verdict, marks(ascii));
        (met.predicted.map_or_else(|| "-".to_owned(), window_text), verdict)
    });
    Some(line(&seconds(window.latest_us), side, &what, &predicted, &verdict, ascii))
}

/// The events of a timeline that cannot have happened yet, each as a line of the same columns, the next one first.
#[must_use]
pub fn render_expected(predicted: &Timeline, elapsed_us: u64, ascii: bool) -> Vec<String> {
    let later = |window: &Window| window.at_us > elapsed_us;
    let events = predicted.events.iter().filter(|event| !matches!(event.what, What::Arrive { .. }));
    let events = events.filter(|event| later(&event.window)).map(|event| Followed::Event(event.clone()));
    events
        .filter_map(|event| {
            let (window, side, what) = described(&event)?;
            Some(line("…", side, &what, &window_text(window), "", ascii))
        })
        .collect()
}

fn line(at: &str, side: Side, what: &str, predicted: &str, verdict: &str, ascii: bool) -> String {
    let line = format!("{at:>9}  {:<6}  {what:<26}  {predicted:>17}  {verdict}", side.name());
    let line = format!("{}\n", line.trim_end());
    if ascii { in_ascii(&line) } else { line }
}

/// When, on which side, and what in words; nothing for what is no event.
fn described(followed: &Followed) -> Option<(Window, Side, String)> {
    Some(match followed {
        Followed::Begins(_) => return None,
        // The laboratory does not say which of them come from outside.
        Followed::Event(Event { window, side, what: What::Arrive { segment, .. } }) => {
            (*window, *side, format!("{} arrives", segment.name()))
        }
        Followed::Event(Event { window, side, what: What::Return(call, Some(errno)) }) => {
            (*window, *side, format!("{call}() {}", errno.name()))
        }
        Followed::Event(Event { window, side, what: What::State(state) }) => {
            (*window, *side, format!("enters {}", state.name()))
        }
        Followed::Event(Event { window, side, what }) => (*window, *side, words(what)),
        Followed::End(End { window, side, outcome: Outcome::Failed(errno) }) => {
            (*window, *side, format!("connection {}", errno.name()))
        }
        Followed::End(End { window, side, .. }) => (*window, *side, "entry gone".to_owned()),
    })
}

/// How far a playing has come, as a bar of at most `width` columns without a line end.
#[must_use]
pub fn render_progress(
    elapsed_us: u64,
    end_us: u64,
    next: Option<&(Side, String, Window)>,
    width: usize,
    ascii: bool,
) -> String {
    let (full, empty) = if ascii { ('#', '.') } else { ('█', '░') };
    let columns = BAR.min(width / 3);
    let share = u64::try_from(columns).unwrap_or(0).saturating_mul(elapsed_us.min(end_us)).checked_div(end_us);
    let filled = share.and_then(|share| usize::try_from(share).ok()).unwrap_or(columns).min(columns);
    let mut text: String =
        core::iter::repeat_n(full, filled).chain(core::iter::repeat_n(empty, columns - filled)).collect();
    // Whole seconds, so that it does not flicker.
    let elapsed = Micros(elapsed_us / 1_000_000 * 1_000_000);
    text.push_str(&format!("  {elapsed} of {}", Micros(end_us)));
    if let Some((side, what, window)) = next {
        text.push_str(&format!(", next: {} {what} at {} s", side.name(), window_text(*window)));
    }
    let text = if ascii { in_ascii(&text) } else { text };
    text.chars().take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Verdict;
    use crate::model::{Errno, Segment};
    use crate::units::TcpState;

    #[test]
    fn each_event_is_a_line_with_its_window() {
        let event = |at_us, what| Followed::Event(Event { window: Window::exactly(at_us), side: Side::Client, what });
        let met = |at_us, latest_us, verdict| Some(Met { predicted: Some(Window { at_us, latest_us }), verdict });
        let shown = [
            (event(0, What::Send { segment: Segment::Syn, copy: 0, lost: true }), met(0, 0, Verdict::Inside)),
            (
                event(1_022_100, What::Send { segment: Segment::Syn, copy: 1, lost: true }),
                met(1_000_000, 1_033_000, Verdict::Inside),
            ),
            (event(1_022_150, What::Arrive { segment: Segment::SynAck, copy: None }), None),
            (event(1_022_160, What::State(TcpState::Estab)), met(1_022_000, 1_033_000, Verdict::Inside)),
            (event(1_500_000, What::Send { segment: Segment::Rst, copy: 0, lost: false }), {
                Some(Met { predicted: None, verdict: Verdict::Extra })
            }),
            (
                event(2_100_000_000, What::Return("connect", Some(Errno::TimedOut))),
                met(1_039_000_000, 2_000_000_000, Verdict::Late(100_000_000)),
            ),
        ];
        let mut text = render_live_head();
        text.extend(shown.iter().filter_map(|(followed, met)| render_followed(followed, *met, false)));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r"
        at (s)  side    what                            predicted (s)
         0.000  client  SYN, lost                               0.000  ✓
         1.022  client  SYN again (1), lost               1.000–1.033  ✓
         1.022  client  SYN-ACK arrives
         1.022  client  enters ESTAB                      1.022–1.033  ✓
         1.500  client  RST                                         -  ✗ extra
        2100.0  client  connect() ETIMEDOUT             1039.0–2000.0  ✗ 1m40s late
        ");
    }

    #[test]
    fn the_bar_fills_and_says_what_comes_next() {
        let window = Window { at_us: 13_200_000, latest_us: 13_632_000 };
        let next = (Side::Client, "SYN".to_owned(), window);
        let bar = |elapsed_us, next, ascii| render_progress(elapsed_us, 131_000_000, next, 80, ascii);
        insta::assert_snapshot!(bar(12_340_000, Some(&next), false), @"██░░░░░░░░░░░░░░░░░░░░░░  12 s of 131 s, next: client SYN at 13.200–13.632 s");
        insta::assert_snapshot!(bar(131_000_000, None, true), @"########################  131 s of 131 s");
        assert!(render_progress(5, 0, None, 80, false).starts_with('█'));
        assert!(render_progress(12_340_000, 131_000_000, Some(&next), 40, false).chars().count() <= 40);
    }
}
