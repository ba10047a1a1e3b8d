//! A course as the rows of a sequence diagram: what every drawing of it starts from.
//!
//! Each side is a lifeline with points in the order of its events. A segment whose two ends come in the same order
//! among all others on both sides is one row; segments that cross on the wire get a row where they leave and one
//! where they arrive, so that each side reads top down as it happened there.

use std::collections::{BTreeMap, VecDeque};

use crate::model::{Event, Segment, Side, What, Window};
use crate::units::TcpState;

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) client: Mark,
    pub(super) server: Mark,
    pub(super) arrow: Option<Arrow>,
}

/// What stands at one side of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// When; nothing when nothing happens on this side.
    pub(super) window: Option<Window>,
    /// The state entered.
    pub(super) state: Option<TcpState>,
    /// A call that fails; empty when none does.
    pub(super) note: String,
}

/// A segment, or one end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    /// Which message of the course it is; both ends of one have the same.
    pub(super) message: usize,
    pub(super) from: Side,
    pub(super) segment: Segment,
    /// How often it was sent before.
    pub(super) copy: u32,
    /// Whether it came from outside.
    pub(super) stray: bool,
    pub(super) part: Part,
}

/// How much of a segment's way a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// From one side to the other.
    Whole,
    /// It leaves and is lost.
    Lost,
    /// It leaves; another row shows where it arrives.
    Leaves,
    /// It arrives; another row, or none, shows where it left.
    Arrives,
}

impl Row {
    pub(super) fn mark(&self, side: Side) -> &Mark {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn mark_mut(&mut self, side: Side) -> &mut Mark {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Whether it shows nothing but another copy of a segment, or the ACK that answers one.
    pub(super) fn is_repetition(&self) -> bool {
        let plain = |mark: &Mark| mark.state.is_none() && mark.note.is_empty();
        plain(&self.client)
            && plain(&self.server)
            && self.arrow.is_some_and(|arrow| arrow.copy > 0 || arrow.segment == Segment::Ack)
    }
}

impl Arrow {
    pub(super) fn label(&self) -> String {
        if self.stray { format!("{STRAY} {}", self.segment.name()) } else { label(self.segment, self.copy) }
    }
}

/// What comes from outside is called.
pub(super) const STRAY: &str = "stray";

/// `SYN`, `SYN again (3)`.
pub(super) fn label(segment: Segment, copy: u32) -> String {
    match copy {
        0 => segment.name().to_owned(),
        copy => format!("{} again ({copy})", segment.name()),
    }
}

/// A point of a lifeline.
#[derive(Clone, Debug, Default)]
struct Point {
    mark: Mark,
    /// The event it began with, for the order of points that nothing ties together.
    order: usize,
    message: Option<usize>,
    /// Whether its state was entered after its segment had left.
    state_followed: bool,
}

#[derive(Clone, Debug)]
struct Message {
    from: Side,
    segment: Segment,
    copy: u32,
    /// Whether it came from outside.
    stray: bool,
    lost: bool,
    /// Places in the sender's and the receiver's lifeline.
    leaves: Option<usize>,
    arrives: Option<usize>,
    crosses: bool,
}

impl Message {
    /// Its places on the client's and the server's side.
    fn ends(&self) -> Option<(usize, usize)> {
        let (leaves, arrives) = (self.leaves?, self.arrives?);
        Some(if self.from == Side::Client { (leaves, arrives) } else { (arrives, leaves) })
    }

    fn is_whole(&self) -> bool {
        !self.crosses && self.ends().is_some()
    }
}

/// The rows of a course.
pub(super) fn rows(events: &[Event]) -> Vec<Row> {
    let mut lifelines = Lifelines::default();
    for (order, event) in events.iter().enumerate() {
        lifelines.take(order, event);
    }
    lifelines.find_crossings();
    lifelines.merged()
}

#[derive(Default)]
struct Lifelines {
    client: Vec<Point>,
    server: Vec<Point>,
    messages: Vec<Message>,
    /// Messages of each sender, kind and copy that are on their way, oldest first.
    on_the_way: BTreeMap<(Side, Segment, u32), VecDeque<usize>>,
}

impl Lifelines {
    fn line(&self, side: Side) -> &[Point] {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn line_mut(&mut self, side: Side) -> &mut Vec<Point> {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Takes a state off the segment that it was entered after: what is sent next is sent in that state.
    fn take_followed_state(&mut self, side: Side, window: Window) -> Option<TcpState> {
        let point = self.line_mut(side).last_mut().filter(|point| point.state_followed)?;
        if point.mark.window.is_some_and(|there| there.at_us == window.at_us) {
            point.state_followed = false;
            point.mark.state.take()
        } else {
            None
        }
    }

    /// The last point of a side if it is of that moment and fit for more, else a new one.
    fn point(&mut self, side: Side, order: usize, window: Window, fits: impl Fn(&Point) -> bool) -> Option<&mut Point> {
        let line = self.line_mut(side);
        let now = |point: &Point| point.mark.window.is_some_and(|there| there.at_us == window.at_us);
        if !line.last().is_some_and(|point| now(point) && fits(point)) {
            line.push(Point { mark: Mark { window: Some(window), ..Mark::default() }, order, ..Point::default() });
        }
        let last = line.len().saturating_sub(1);
        line.get_mut(last)
    }

    fn take(&mut self, order: usize, event: &Event) {
        let (side, window) = (event.side, event.window);
        match &event.what {
            What::Send { segment, copy, lost } => {
                let message = self.messages.len();
                // A state entered just before, such as SYN-SENT, labels the row of what is sent then.
                let before = self.take_followed_state(side, window);
                let fits = |point: &Point| point.message.is_none() && point.mark.note.is_empty();
                if let Some(point) = self.point(side, order, window, fits) {
                    point.message = Some(message);
                    point.mark.state = point.mark.state.or(before);
                }
                let leaves = Some(self.line(side).len() - 1);
                let (from, crosses) = (side, false);
                self.messages.push(Message {
                    from,
                    segment: *segment,
                    copy: *copy,
                    stray: false,
                    lost: *lost,
                    leaves,
                    arrives: None,
                    crosses,
                });
                if !lost {
                    self.on_the_way.entry((side, *segment, *copy)).or_default().push_back(message);
                }
            }
            What::Arrive { segment, copy } => self.arrive(order, side, window, (*segment, *copy)),
            What::State(state) => {
                if let Some(point) = self.point(side, order, window, |point| point.mark.state.is_none()) {
                    point.mark.state = Some(*state);
                    point.state_followed = point.message.is_some();
                }
                let arrived = self.line(side).last().and_then(|point| self.messages.get(point.message?));
                if arrived.is_some_and(|message| message.from != side) {
                    self.line_mut(side).last_mut().into_iter().for_each(|point| point.state_followed = false);
                }
            }
            What::Return(call, Some(errno)) => {
                let fits = |point: &Point| point.message.is_none() && point.mark.note.is_empty();
                if let Some(point) = self.point(side, order, window, fits) {
                    point.mark.note = format!("{call}() fails: {}", errno.name());
                }
            }
            What::Icmp(error) => {
                if let Some(point) = self.point(side, order, window, |_| false) {
                    point.mark.note = format!("ICMP {}", error.name());
                }
            }
            What::Call(_) | What::Return(_, None) => {}
        }
    }

    fn arrive(&mut self, order: usize, side: Side, window: Window, (segment, copy): (Segment, Option<u32>)) {
        let from = side.other();
        let sent = copy.and_then(|copy| self.on_the_way.get_mut(&(from, segment, copy))?.pop_front());
        // What the other side was not seen to send is a duplicate, or came from outside.
        let message = sent.unwrap_or(self.messages.len());
        if let Some(point) = self.point(side, order, window, |_| false) {
            point.message = Some(message);
        }
        let arrives = Some(self.line(side).len() - 1);
        match self.messages.get_mut(message) {
            Some(sent) => sent.arrives = arrives,
            None => self.messages.push(Message {
                from,
                segment,
                copy: copy.unwrap_or(0),
                stray: copy.is_none(),
                lost: false,
                leaves: None,
                arrives,
                crosses: false,
            }),
        }
    }

    /// Marks messages that others overtake or meet on their way, those that meet the most first, until what is left
    /// keeps its order: one late segment does not break up all that pass it.
    fn find_crossings(&mut self) {
        loop {
            let ends: Vec<_> =
                self.messages.iter().map(|message| message.ends().filter(|_| !message.crosses)).collect();
            let crossings = |(client, server): (usize, usize)| {
                let crosses = |other: &&(usize, usize)| (client < other.0) != (server < other.1);
                // A message does not cross itself: both comparisons are false for it.
                ends.iter().flatten().filter(crosses).count()
            };
            let counts: Vec<usize> = ends.iter().map(|ends| ends.map_or(0, crossings)).collect();
            let Some(most) = counts.iter().copied().max().filter(|most| *most > 0) else { return };
            for (message, count) in self.messages.iter_mut().zip(counts) {
                message.crosses |= count == most;
            }
        }
    }

    /// Both lifelines as one list of rows.
    fn merged(&self) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.client.len() + self.server.len());
        let (mut client, mut server) = (self.client.iter().peekable(), self.server.iter().peekable());
        loop {
            let side = match (client.peek(), server.peek()) {
                (None, None) => return rows,
                (Some(_), None) => Side::Client,
                (None, Some(_)) => Side::Server,
                (Some(left), Some(right)) => match (self.whole(left), self.whole(right)) {
                    (Some(message), Some(other)) if message == other => {
                        let mut row = Row { client: left.mark.clone(), ..Row::default() };
                        row.server = right.mark.clone();
                        row.arrow = self.arrow(message, Part::Whole);
                        rows.push(row);
                        client.next();
                        server.next();
                        continue;
                    }
                    // The other end of a whole message is further down the other side.
                    (Some(_), _) => Side::Server,
                    (None, Some(_)) => Side::Client,
                    (None, None) if left.order <= right.order => Side::Client,
                    (None, None) => Side::Server,
                },
            };
            let point = if side == Side::Client { client.next() } else { server.next() };
            rows.extend(point.map(|point| self.alone(side, point)));
        }
    }

    /// The message that a point is one end of, if one row shows both.
    fn whole(&self, point: &Point) -> Option<usize> {
        point.message.filter(|message| self.messages.get(*message).is_some_and(Message::is_whole))
    }

    /// A row with one side only.
    fn alone(&self, side: Side, point: &Point) -> Row {
        let mut row = Row::default();
        *row.mark_mut(side) = point.mark.clone();
        row.arrow = point.message.and_then(|message| {
            let sent = self.messages.get(message)?;
            let part = match (sent.from == side, sent.lost) {
                (true, true) => Part::Lost,
                (true, false) => Part::Leaves,
                (false, _) => Part::Arrives,
            };
            self.arrow(message, part)
        });
        row
    }

    fn arrow(&self, message: usize, part: Part) -> Option<Arrow> {
        let Message { from, segment, copy, stray, .. } = self.messages.get(message)?;
        Some(Arrow { message, from: *from, segment: *segment, copy: *copy, stray: *stray, part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Host, Scenario, Settings, forecast};
    use crate::units::{Hz, KernelVersion};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_segment_is_drawn_once_and_each_side_reads_top_down(
            rtt_us in 0_u64..4_000_000,
            closes in any::<bool>(),
            lost in prop::option::of(prop::sample::select(vec![Segment::Syn, Segment::SynAck, Segment::Ack])),
        ) {
            let host = Host { version: KernelVersion::new(6, 18), hz: Hz::new(250) };
            let settings = Settings { syn_retries: 2, synack_retries: 2, ..Settings::default() };
            let scenario = if closes { Scenario::close(host, &settings) } else { Scenario::connect(host, &settings) };
            let mut scenario = match lost {
                Some(segment) if segment == Segment::SynAck => scenario.losing(Side::Server, segment),
                Some(segment) => scenario.losing(Side::Client, segment),
                None => scenario,
            };
            scenario.rtt_us = rtt_us;
            let events = forecast(&scenario).events;
            let rows = rows(&events);
            let leaving = rows.iter().filter_map(|row| row.arrow).filter(|arrow| arrow.part != Part::Arrives);
            let sent = events.iter().filter(|event| matches!(event.what, What::Send { .. }));
            prop_assert_eq!(leaving.count(), sent.count());
            let coming = rows.iter().filter_map(|row| row.arrow);
            let coming = coming.filter(|arrow| matches!(arrow.part, Part::Whole | Part::Arrives));
            let arrived = events.iter().filter(|event| matches!(event.what, What::Arrive { .. }));
            prop_assert_eq!(coming.count(), arrived.count());
            for side in Side::BOTH {
                let times = rows.iter().filter_map(|row| row.mark(side).window).map(|window| window.at_us);
                prop_assert!(times.is_sorted());
                let states = rows.iter().filter(|row| row.mark(side).state.is_some()).count();
                let entered = events.iter().filter(|event| event.side == side && matches!(event.what, What::State(_)));
                prop_assert_eq!(states, entered.count());
            }
        }
    }

    fn event(at_us: u64, side: Side, what: What) -> Event {
        Event { window: Window::exactly(at_us), side, what }
    }

    const fn send(segment: Segment, copy: u32, lost: bool) -> What {
        What::Send { segment, copy, lost }
    }

    #[test]
    fn segments_that_cross_leave_and_arrive_in_rows_of_their_own() {
        let events = [
            event(0, Side::Client, What::State(TcpState::SynSent)),
            event(0, Side::Client, send(Segment::Syn, 0, false)),
            event(0, Side::Server, What::State(TcpState::SynSent)),
            event(0, Side::Server, send(Segment::Syn, 0, false)),
            event(50, Side::Client, What::Arrive { segment: Segment::Syn, copy: Some(0) }),
            event(50, Side::Client, What::State(TcpState::SynRecv)),
            event(50, Side::Server, What::Arrive { segment: Segment::Syn, copy: Some(0) }),
            event(50, Side::Server, What::State(TcpState::SynRecv)),
        ];
        let rows = rows(&events);
        let parts: Vec<_> = rows.iter().filter_map(|row| row.arrow).map(|arrow| (arrow.from, arrow.part)).collect();
        assert_eq!(
            parts,
            [
                (Side::Client, Part::Leaves),
                (Side::Server, Part::Leaves),
                (Side::Server, Part::Arrives),
                (Side::Client, Part::Arrives),
            ]
        );
        assert_eq!(rows[2].client.state, Some(TcpState::SynRecv));
    }

    #[test]
    fn what_happens_before_an_arrival_stands_above_it() {
        let events = [
            event(0, Side::Client, send(Segment::Syn, 0, false)),
            event(0, Side::Server, What::State(TcpState::Close)),
            event(0, Side::Server, What::Arrive { segment: Segment::Syn, copy: Some(0) }),
            event(0, Side::Server, What::State(TcpState::SynRecv)),
        ];
        let rows = rows(&events);
        assert_eq!(rows[0].server.state, Some(TcpState::Close));
        assert_eq!(rows[1].arrow.map(|arrow| arrow.part), Some(Part::Whole));
        assert_eq!(rows[1].server.state, Some(TcpState::SynRecv));
    }

    #[test]
    fn what_nobody_sent_arrives_all_the_same() {
        let rows = rows(&[event(5, Side::Server, What::Arrive { segment: Segment::Syn, copy: Some(0) })]);
        assert_eq!(rows[0].arrow.map(|arrow| (arrow.from, arrow.part)), Some((Side::Client, Part::Arrives)));
    }
}
