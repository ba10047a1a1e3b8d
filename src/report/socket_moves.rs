//! How much went through sockets between two readings, and how much of it a second.

use core::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::figure::{bytes, render_rate as rate};

/// What moved in one socket, or in several together, between two readings. What the kernel does not tell is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketMoves {
    /// How much longer the receive queue became, or shorter.
    pub receive_queue: i64,
    /// The same of the send queue.
    pub send_queue: i64,
    /// Bytes sent, those sent again included.
    pub sent_bytes: Option<u64>,
    /// Bytes that the peer acknowledged.
    pub acked_bytes: Option<u64>,
    /// Bytes that came, in order.
    pub received_bytes: Option<u64>,
    /// Segments sent again.
    pub retransmits: Option<u64>,
    /// Segments that the socket dropped; connections that a listener refused.
    pub drops: Option<u64>,
}

impl SocketMoves {
    /// Whether anything did.
    #[must_use]
    pub fn is_some(&self) -> bool {
        let counted = [self.sent_bytes, self.acked_bytes, self.received_bytes, self.retransmits, self.drops];
        self.receive_queue != 0 || self.send_queue != 0 || counted.iter().flatten().any(|number| *number > 0)
    }

    /// Adds what moved in another socket; what is known of one of them counts.
    pub fn add(&mut self, other: &Self) {
        let sum = |one: &mut Option<u64>, other: Option<u64>| {
            if let Some(other) = other {
                *one = Some(one.unwrap_or(0).saturating_add(other));
            }
        };
        self.receive_queue = self.receive_queue.saturating_add(other.receive_queue);
        self.send_queue = self.send_queue.saturating_add(other.send_queue);
        sum(&mut self.sent_bytes, other.sent_bytes);
        sum(&mut self.acked_bytes, other.acked_bytes);
        sum(&mut self.received_bytes, other.received_bytes);
        sum(&mut self.retransmits, other.retransmits);
        sum(&mut self.drops, other.drops);
    }

    /// Without the queues, which of a listener are connections and cannot be added to bytes.
    pub(super) const fn without_queues(self) -> Self {
        Self { receive_queue: 0, send_queue: 0, ..self }
    }

    /// What was sent: with what was sent again where the kernel tells that (since Linux 4.19), else what was acknowledged.
    pub(super) fn out_bytes(&self) -> Option<u64> {
        self.sent_bytes.or(self.acked_bytes)
    }

    /// In words, what is 0 left out: `sent 1.2MiB/s, received 30KiB/s, 3 resent (1.5/s), recv-q +300`.
    pub(super) fn words(&self, window_us: u64) -> String {
        let mut words = Vec::new();
        let through = |name: &str, moved: Option<u64>| {
            moved.filter(|bytes| *bytes > 0).map(|moved| format!("{name} {}", bytes_per_s(moved, window_us)))
        };
        words.extend(through("sent", self.out_bytes()));
        // Said only where it is plainly less: what is in flight makes the two differ in every reading.
        if let (Some(sent), Some(acked)) = (self.sent_bytes, self.acked_bytes)
            && sent - sent / 8 > acked
        {
            words.push(format!("acked {}", bytes_per_s(acked, window_us)));
        }
        words.extend(through("received", self.received_bytes));
        if let Some(resent @ 1..) = self.retransmits {
            words.push(format!("{resent} resent ({})", per_s(resent, window_us)));
        }
        if let Some(drops @ 1..) = self.drops {
            words.push(format!("{drops} dropped"));
        }
        for (name, longer) in [("recv-q", self.receive_queue), ("send-q", self.send_queue)] {
            if longer != 0 {
                words.push(format!("{name} {longer:+}"));
            }
        }
        words.join(", ")
    }

    /// As JSON, with the window and rates. The shape is a contract: it only grows.
    pub(super) fn json(&self, window_us: u64) -> Map<String, Value> {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("window_s", seconds(window_us));
        put("recv_q", json!(self.receive_queue));
        put("send_q", json!(self.send_queue));
        let counters = [
            ("sent_bytes", self.sent_bytes),
            ("acked_bytes", self.acked_bytes),
            ("received_bytes", self.received_bytes),
            ("retransmits", self.retransmits),
            ("drops", self.drops),
        ];
        for (name, counted) in counters {
            if let Some(counted) = counted {
                put(name, json!(counted));
                put(&format!("{name}_per_s"), decimal(i128::from(milli_per_s(counted, window_us))));
            }
        }
        object
    }
}

/// Thousandths a second.
pub(super) fn milli_per_s(number: u64, window_us: u64) -> u64 {
    let milli = u128::from(number) * 1_000_000_000 / u128::from(window_us.max(1));
    u64::try_from(milli).unwrap_or(u64::MAX)
}

/// `1.5/s`.
pub(super) fn per_s(number: u64, window_us: u64) -> String {
    rate(milli_per_s(number, window_us))
}

/// `1.2MiB/s`.
pub(super) fn bytes_per_s(number: u64, window_us: u64) -> String {
    format!("{}/s", bytes(milli_per_s(number, window_us) / 1000))
}

/// Microseconds as seconds in JSON, to a thousandth.
pub(super) fn seconds(us: u64) -> Value {
    decimal(i128::from(us / 1000))
}

/// Thousandths as a number of JSON.
pub(super) fn decimal(milli: i128) -> Value {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let sign = if milli < 0 { "-" } else { "" };
    let _ = write!(text, "{sign}{}.{:03}", milli.unsigned_abs() / 1000, milli.unsigned_abs() % 1000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves() -> SocketMoves {
        SocketMoves {
            receive_queue: 300,
            send_queue: -20,
            sent_bytes: Some(5_000_000),
            acked_bytes: Some(2_500_000),
            received_bytes: Some(0),
            retransmits: Some(3),
            drops: None,
        }
    }

    #[test]
    fn what_moved_is_told_by_the_second_and_what_did_not_is_not() {
        assert_eq!(
            moves().words(2_000_000),
            "sent 2.4MiB/s, acked 1.2MiB/s, 3 resent (1.5/s), recv-q +300, send-q -20"
        );
        assert_eq!(SocketMoves::default().words(1), "");
        assert!(!SocketMoves { drops: Some(0), ..SocketMoves::default() }.is_some() && moves().is_some());
    }

    #[test]
    fn the_shape_for_programs_has_the_window_and_leaves_out_what_is_not_known() {
        let expected = json!({
            "window_s": 2.0, "recv_q": 300, "send_q": -20, "sent_bytes": 5_000_000, "sent_bytes_per_s": 2_500_000.0,
            "acked_bytes": 2_500_000, "acked_bytes_per_s": 1_250_000.0, "received_bytes": 0, "received_bytes_per_s": 0.0,
            "retransmits": 3, "retransmits_per_s": 1.5,
        });
        assert_eq!(Value::Object(moves().json(2_000_000)), expected);
        assert_eq!(decimal(-1500), json!(-1.5));
    }

    #[test]
    fn sums_are_of_what_is_known() {
        let mut sum = SocketMoves::default();
        sum.add(&moves());
        sum.add(&SocketMoves { drops: Some(2), sent_bytes: Some(1), ..SocketMoves::default() });
        assert_eq!(sum, SocketMoves { sent_bytes: Some(5_000_001), drops: Some(2), ..moves() });
    }
}
