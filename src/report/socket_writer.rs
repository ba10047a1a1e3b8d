//! Sockets as lines of text or of JSON, and what is said of a reading among several.

use std::collections::BTreeMap;

use super::socket_json::SocketJson;
use super::socket_lines::{RowChange, SocketLines, SocketStyle};
use super::socket_moves::{SocketMoves, seconds};
use crate::model::LiveForecast;
use crate::snapshot::{NamespaceName, SocketOwner};
use crate::units::Micros;
use crate::wire::InetDiag;

/// Writes a line for each socket.
#[derive(Debug)]
pub enum SocketWriter<'a> {
    /// Text.
    Lines(SocketLines<'a>),
    /// JSON, one object a line.
    Json(SocketJson<'a>),
}

impl<'a> SocketWriter<'a> {
    /// Text of this style, or JSON with the same things in it.
    #[must_use]
    pub const fn new(json: bool, style: SocketStyle, devices: &'a BTreeMap<u32, String>) -> Self {
        if json {
            let mut json = SocketJson::new(devices, style.processes, style.changes);
            if style.changes {
                // They are read for what moves, whether they are asked for or not.
                json.show(style.info, style.memory);
            }
            Self::Json(json)
        } else {
            Self::Lines(SocketLines::new(style, devices))
        }
    }

    /// Cgroups that are shown by their paths.
    pub fn name_cgroups(&mut self, cgroups: BTreeMap<u64, String>) {
        match self {
            Self::Lines(lines) => lines.name_cgroups(cgroups),
            Self::Json(json) => json.name_cgroups(cgroups),
        }
    }

    /// Says of sockets whose holders are not seen that this is why, where it is asked for each.
    pub fn name_unseen(&mut self, reason: Option<String>) {
        if let Self::Json(json) = self {
            json.name_unseen(reason);
        }
    }

    /// The sockets that follow are of the namespace with these devices; its name is shown if it is one of several.
    pub fn enter(&mut self, name: Option<&NamespaceName>, devices: &BTreeMap<u32, String>) {
        match self {
            Self::Lines(lines) => lines.enter(name, devices),
            Self::Json(json) => json.enter(name, devices),
        }
    }

    /// Writes a socket behind `out`, or holds it back for a while.
    pub fn push<'b>(
        &mut self,
        found: &InetDiag<'_>,
        change: impl Into<RowChange>,
        owners: impl Iterator<Item = &'b SocketOwner>,
        forecast: Option<&LiveForecast>,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::Lines(lines) => lines.push(found, change, owners, forecast, out),
            Self::Json(json) => {
                json.push(found, change, owners, forecast, out);
                out.push(b'\n');
            }
        }
    }

    /// Writes what is held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Self::Lines(lines) = self {
            lines.finish(out);
        }
    }
}

/// How one reading among several went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchReading {
    /// Its number, from 1.
    pub number: u64,
    /// Sockets that pass the filter.
    pub sockets: u64,
    /// Whether the screen has no room for all of them.
    pub hidden: bool,
    /// Those that were not there before.
    pub new: u64,
    /// Those that are not there any more.
    pub gone: u64,
    /// Those in another state than before.
    pub changed: u64,
    /// Those in which something moved, in whatever state.
    pub moved: u64,
    /// What moved in all of them; the queues are those of connections.
    pub moves: SocketMoves,
    /// Microseconds since the reading before; nothing in the first.
    pub window_us: Option<u64>,
    /// Processor time that it took, in microseconds.
    pub cost_us: u64,
    /// The interval that was asked for, in microseconds.
    pub asked_us: u64,
    /// The interval until the next, in microseconds.
    pub interval_us: u64,
}

/// What is said of a reading, as text or as a line of JSON. `share_percent` is what readings may take of a processor.
#[must_use]
pub fn render_watch(reading: &WatchReading, share_percent: u64, json: bool) -> String {
    let WatchReading { number, sockets, new, gone, changed, moved, cost_us, asked_us, interval_us, .. } = *reading;
    let hidden = if reading.hidden { " (more than fit here)" } else { "" };
    if json {
        return format!("{}\n", watch_json(reading));
    }
    let what = if sockets == 1 { "socket" } else { "sockets" };
    let since = match reading.window_us {
        _ if number == 1 => String::new(),
        None => String::new(),
        Some(window_us) => {
            let window = Micros(window_us / 1000 * 1000);
            let words = Some(reading.moves.words(window_us)).filter(|words| !words.is_empty());
            let words = words.map_or(String::new(), |words| format!("\n{words}"));
            format!(" in {window:#}: + {new} new, - {gone} gone, ~ {changed} in another state, * {moved} moved{words}")
        }
    };
    let pace = render_pace(asked_us, interval_us, cost_us, share_percent);
    format!("{sockets} {what}{hidden}{since}\n{pace}\n")
}

/// A reading for programs. The shape is a contract: it only grows.
#[must_use]
pub fn watch_json(reading: &WatchReading) -> serde_json::Value {
    let WatchReading { number, sockets, new, gone, changed, moved, cost_us, interval_us, .. } = *reading;
    let mut view = serde_json::json!({
        "reading": number, "sockets": sockets, "new": new, "gone": gone, "changed": changed, "moved": moved,
        "cpu_us": cost_us, "interval_us": interval_us,
    });
    if let (Some(window_us), Some(view)) = (reading.window_us, view.as_object_mut()) {
        view.insert("window_s".to_owned(), seconds(window_us));
        view.insert("since_last".to_owned(), reading.moves.json(window_us).into());
    }
    view
}

/// How often is read, and why not as often as asked for if so; in microseconds, and percent of one processor.
#[must_use]
pub fn render_pace(asked_us: u64, interval_us: u64, cost_us: u64, share_percent: u64) -> String {
    let (interval, asked, cost) = (Micros(interval_us), Micros(asked_us), Micros(cost_us));
    if interval_us > asked_us {
        format!("every {interval:#} instead of {asked:#}, to take {share_percent}% of a CPU ({cost:#} a reading)")
    } else {
        format!("every {interval:#}, {cost:#} of CPU a reading")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_says_what_changed_and_why_it_is_not_as_often_as_asked() {
        let first = WatchReading {
            number: 1,
            sockets: 1,
            cost_us: 3_000,
            asked_us: 1_000_000,
            interval_us: 1_000_000,
            ..WatchReading::default()
        };
        insta::assert_snapshot!(render_watch(&first, 2, false), @r"
        1 socket
        every 1s, 3ms of CPU a reading
        ");
        let moves = SocketMoves { sent_bytes: Some(3_000_000), retransmits: Some(3), ..SocketMoves::default() };
        let dear = WatchReading {
            number: 2,
            sockets: 900,
            hidden: true,
            new: 3,
            moved: 12,
            moves,
            window_us: Some(1_500_700),
            cost_us: 84_000,
            interval_us: 4_200_000,
            ..first
        };
        insta::assert_snapshot!(render_watch(&dear, 2, false), @r"
        900 sockets (more than fit here) in 1.5s: + 3 new, - 0 gone, ~ 0 in another state, * 12 moved
        sent 1.9MiB/s, 3 resent (2/s)
        every 4.2s instead of 1s, to take 2% of a CPU (84ms a reading)
        ");
        let json = render_watch(&dear, 2, true);
        assert!(json.starts_with("{\"changed\":0,\"cpu_us\":84000,") && json.contains("\"window_s\":1.5}"), "{json}");
        assert!(!render_watch(&first, 2, true).contains("window_s"));
    }
}
