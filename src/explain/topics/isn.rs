//! Initial sequence numbers.

use crate::explain::{Ask, FigureTable, Figures, Folklore, Group, Topic};
use crate::model::{ISN_TICK_NS, TIME_WAIT_US, Timeline, isn_advance, isn_wrap_us};
use crate::units::Micros;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "isn",
    group: Group::Opening,
    question: "Why do initial sequence numbers differ, and how are they made?",
    keys: &["net.ipv4.tcp_timestamps", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_syncookies"],
    folklore: &[
        Folklore {
            said: "The number goes up by one every 4 microseconds and comes round after 4.55 hours.",
            kernel: "That was RFC 793. Linux adds a clock of 64 ns steps to a keyed hash (SipHash) of both addresses \
                     and ports: it comes round after 274 s, and differs from connection to connection.",
        },
        Folklore {
            said: "Sequence numbers alone keep old segments out.",
            kernel: "Above 125 Mbit/s a connection outruns the clock, so timestamps do it (PAWS), and TIME-WAIT.",
        },
    ],
    sources: &["secure_tcp_seq()", "seq_scale()", "tcp_timewait_state_process()", "RFC 6528", "RFC 7323 5"],
    wants: &[],
    scenario: None,
    answer,
};

/// Rates for which the wrap is shown, in Mbit/s.
const RATES_MBIT: [u64; 5] = [10, 100, 1_000, 10_000, 100_000];

fn answer(ask: &Ask, _timeline: Option<&Timeline>) -> Figures {
    let timestamps = ask.settings().timestamps;
    let sentences = vec![
        "Two reasons. A segment of an earlier connection between the same addresses and ports, late on its way, must \
         not fit into the new one. And nobody who cannot see the packets may guess the number: completing a handshake \
         under a false address, or ending a connection with a RST, takes the right one of 2^32."
            .to_owned(),
        format!(
            "The number is a secret hash of the four addresses and ports, plus the time in steps of {ISN_TICK_NS} ns. \
             For the same four it grows by {} a second and comes round after {}; for any others it begins elsewhere.",
            isn_advance(1_000_000),
            Micros(isn_wrap_us()),
        ),
        format!(
            "Example: the same client port connects again {} after a close. The number has moved on by {}. A late \
             segment of the old connection lies outside the new window, unless the old one had sent more than that.",
            Micros(TIME_WAIT_US),
            isn_advance(TIME_WAIT_US),
        ),
        "A connection that takes over a TIME-WAIT port begins 65537 above where the old one stopped.".to_owned(),
        if timestamps {
            "tcp_timestamps is on here: a segment with an older timestamp is refused (PAWS) even when its number fits. \
             That clock has steps of 1 ms, so it tells older from newer over 24.8 days."
                .to_owned()
        } else {
            "tcp_timestamps is 0 here: on fast links numbers come round within a segment's life and nothing else \
             tells old segments from new ones."
                .to_owned()
        },
    ];
    Figures { answer: sentences, tables: vec![wraps()], ..Figures::default() }
}

/// How fast data uses up all sequence numbers.
fn wraps() -> FigureTable {
    let rows = RATES_MBIT.iter().map(|rate| {
        // 2^32 bytes of 8 bits; a Mbit/s is one bit a microsecond.
        let wrap_us = (1_u64 << 35) / rate;
        let outruns = *rate * ISN_TICK_NS > 8_000;
        let clock = if outruns { "outruns the clock" } else { "slower than the clock" };
        let rate = if *rate >= 1000 { format!("{} Gbit/s", rate / 1000) } else { format!("{rate} Mbit/s") };
        vec![rate, Micros(wrap_us).to_string(), clock.to_owned()]
    });
    FigureTable {
        title: "How soon one connection uses all 2^32 numbers".to_owned(),
        columns: vec!["rate", "comes round after", "beside the clock of initial numbers"],
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gigabit_goes_round_in_half_a_minute_and_outruns_the_clock() {
        let rows = wraps().rows;
        assert_eq!(rows[2], ["1 Gbit/s", "34.4 s", "outruns the clock"]);
        assert_eq!(rows[1][2], "slower than the clock");
    }
}
