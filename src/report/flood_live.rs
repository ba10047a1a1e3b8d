//! A flood while it is played: a line for each turn that it takes, and how far it has come.

use super::comparison::{seconds, window_text};
use super::lab_live::render_progress;
use super::prose::in_ascii;
use crate::lab::{FloodFollowed, FloodOutlook, FloodSight};
use crate::model::Window;

/// What the floods that are played side by side are called: one has no name, two are without and with a profile.
const NAMES: [&str; 2] = ["without", "with"];

/// What was shown of floods that are being played.
#[derive(Clone, Debug)]
pub struct FloodLive {
    outlooks: Vec<FloodOutlook>,
    shown: Vec<Shown>,
    ascii: bool,
}

/// What was shown of one of them.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    /// When the client called connect().
    called_us: u64,
    /// Most half-open requests since they were last told of, and those that there are now.
    most: u64,
    half_open: u64,
    sent: u32,
}

impl FloodLive {
    /// Of floods that begin.
    #[must_use]
    pub fn new(outlooks: Vec<FloodOutlook>, ascii: bool) -> Self {
        Self { shown: vec![Shown::default(); outlooks.len()], outlooks, ascii }
    }

    /// The heading of the lines of [`FloodLive::meet`].
    #[must_use]
    pub fn head(&self) -> String {
        format!("{:>9}  {}{:<36}  {:>17}\n", "at (s)", self.name("run"), "what", "predicted (s)")
    }

    /// What was seen with the window that it was predicted for, as a line; nothing for what is nothing new.
    pub fn meet(&mut self, seen: &FloodFollowed) -> Option<String> {
        let outlook = *self.outlooks.get(seen.place)?;
        let shown = self.shown.get_mut(seen.place)?;
        let mut predicted = None;
        let what = match seen.sight {
            FloodSight::FirstSyn => {
                *shown = Shown::default();
                "first SYN".to_owned()
            }
            FloodSight::LastSyn => format!("last of {} SYNs", outlook.count),
            FloodSight::Look { half_open, sent } => {
                (shown.half_open, shown.sent) = (half_open, sent);
                let before = shown.most;
                let turn = turn(&outlook, before, half_open);
                shown.most = if turn.is_some() { half_open } else { before.max(half_open) };
                predicted = turn?;
                match half_open {
                    full if full > before => format!("SYN queue full: {half_open} half-open"),
                    0 => "no half-open entry is left".to_owned(),
                    _ => format!("{half_open} of {before} half-open entries are left"),
                }
            }
            FloodSight::ClientCalls => {
                shown.called_us = seen.at_us;
                "client calls connect()".to_owned()
            }
            FloodSight::ClientSyn { dropped: true, .. } => "client's SYN is dropped".to_owned(),
            FloodSight::ClientSyn { cookie: true, .. } => "client's SYN is answered by a cookie".to_owned(),
            FloodSight::ClientSyn { .. } => "client's SYN finds room".to_owned(),
            FloodSight::ClientReturned { errno, .. } => {
                let Window { at_us, latest_us } = outlook.client_takes;
                let since = |us: u64| shown.called_us.saturating_add(us);
                predicted = Some(Window { at_us: since(at_us), latest_us: since(latest_us) });
                errno.map_or_else(
                    || "client is connected".to_owned(),
                    |errno| format!("client's connect() fails: {}", errno.name()),
                )
            }
        };
        let predicted = predicted.map_or_else(String::new, window_text);
        let run = self.name(NAMES.get(seen.place).copied().unwrap_or_default());
        let line = format!("{:>9}  {run}{what:<36}  {predicted:>17}", seconds(seen.at_us));
        let line = format!("{}\n", line.trim_end());
        Some(if self.ascii { in_ascii(&line) } else { line })
    }

    /// How far they have come, as a bar of at most `width` columns without a line end.
    #[must_use]
    pub fn progress(&self, elapsed_us: u64, width: usize) -> String {
        let longest_us = self.outlooks.iter().map(|outlook| outlook.longest_us).max().unwrap_or(0);
        let mut text = render_progress(elapsed_us, longest_us, None, width, self.ascii);
        for (outlook, shown) in self.outlooks.iter().zip(&self.shown) {
            text.push_str(&format!(", {}/{} SYNs, {} half-open", shown.sent, outlook.count, shown.half_open));
        }
        text.chars().take(width).collect()
    }

    fn name(&self, name: &str) -> String {
        if self.outlooks.len() > 1 { format!("{name:<8}") } else { String::new() }
    }
}

/// Whether this many half-open requests are a turn after that many, and when that was to be: the queue is full, half of
/// what was there is gone, or all of it is.
fn turn(outlook: &FloodOutlook, before: u64, half_open: u64) -> Option<Option<Window>> {
    if outlook.capacity > 0 && half_open >= outlook.capacity && before < outlook.capacity {
        return Some(outlook.full_at);
    }
    match half_open {
        0 if before > 0 => Some(outlook.last_gone),
        fewer if fewer <= before / 2 && before > 0 => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Errno;

    const OUTLOOK: FloodOutlook = FloodOutlook {
        count: 5000,
        capacity: 129,
        full_at: Some(Window { at_us: 128_000, latest_us: 136_000 }),
        last_gone: Some(Window { at_us: 7_200_000, latest_us: 7_400_000 }),
        client_takes: Window { at_us: 0, latest_us: 4_000 },
        longest_us: 11_000_000,
    };

    fn told(live: &mut FloodLive, seen: &[(usize, u64, FloodSight)]) -> String {
        let mut text = live.head();
        let seen =
            seen.iter().map(|(place, at_us, sight)| FloodFollowed { place: *place, at_us: *at_us, sight: *sight });
        text.extend(seen.filter_map(|seen| live.meet(&seen)));
        text
    }

    #[test]
    fn each_turn_of_a_flood_is_a_line_and_what_lies_between_is_none() {
        let look = |half_open| FloodSight::Look { half_open, sent: 200 };
        let mut live = FloodLive::new(vec![OUTLOOK], false);
        let text = told(
            &mut live,
            &[
                (0, 0, FloodSight::FirstSyn),
                (0, 60_000, look(60)),
                (0, 131_000, look(129)),
                (0, 141_000, look(129)),
                (0, 2_500_000, FloodSight::ClientCalls),
                (0, 2_500_100, FloodSight::ClientSyn { cookie: true, dropped: false }),
                (0, 2_500_300, FloodSight::ClientReturned { took_us: 300, errno: None }),
                (0, 4_999_000, FloodSight::LastSyn),
                (0, 7_250_000, look(64)),
                (0, 7_300_000, look(0)),
            ],
        );
        insta::assert_snapshot!(text, @r"
           at (s)  what                                      predicted (s)
            0.000  first SYN
            0.131  SYN queue full: 129 half-open               0.128–0.136
            2.500  client calls connect()
            2.500  client's SYN is answered by a cookie
            2.500  client is connected                         2.500–2.504
            4.999  last of 5000 SYNs
            7.250  64 of 129 half-open entries are left
            7.300  no half-open entry is left                  7.200–7.400
        ");
        let bar = live.progress(5_500_000, 80);
        insta::assert_snapshot!(bar, @"████████████░░░░░░░░░░░░  5 s of 11 s, 200/5000 SYNs, 0 half-open");
    }

    #[test]
    fn two_floods_are_told_apart_and_every_answer_has_its_words() {
        let mut live = FloodLive::new(vec![OUTLOOK; 2], true);
        let refused = FloodSight::ClientReturned { took_us: 9, errno: Some(Errno::ConnectionReset) };
        let text = told(
            &mut live,
            &[
                (0, 1, FloodSight::ClientSyn { cookie: false, dropped: true }),
                (1, 2, FloodSight::ClientSyn { cookie: false, dropped: false }),
                (1, 3, refused),
            ],
        );
        insta::assert_snapshot!(text, @r"
           at (s)  run     what                                      predicted (s)
            0.000  without client's SYN is dropped
            0.000  with    client's SYN finds room
            0.000  with    client's connect() fails: ECONNRESET        0.000-0.004
        ");
        assert!(text.is_ascii() && live.progress(1_000_000, 80).is_ascii());
    }
}
