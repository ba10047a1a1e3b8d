//! Initial sequence numbers.

use crate::explain::{Ask, FigureTable, Figures, Folklore, Group, Topic};
use crate::model::{
    Action, Event, ISN_TICK_NS, Injected, Injection, Number, Scenario, Segment, Side, TIME_WAIT_US, Timeline, What,
    forecast, isn_advance, isn_wrap_us,
};
use crate::units::{Micros, TcpState};

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
    scenario: Some(scenario),
    answer,
};

/// How long after TIME-WAIT the client connects again, and then how long a segment of the old connection is late.
/// The first is more than the eighth of a wait by which a timer can be late.
const AFTER_US: u64 = 10_000_000;
const LATE_US: u64 = 1_000_000;

/// When the client connects again: as soon as the port is free on every tick rate.
fn again_us(ask: &Ask) -> u64 {
    TIME_WAIT_US.saturating_add(AFTER_US).saturating_add(ask.rtt_us.saturating_mul(4))
}

/// The first byte of data of the connection before comes late.
fn scenario(ask: &Ask) -> Scenario {
    late_segment(ask, Segment::Data, old_number(ask))
}

/// That byte's number, seen from the new connection.
fn old_number(ask: &Ask) -> Number {
    Number::Initial(1_i32.wrapping_sub_unsigned(isn_advance(again_us(ask))))
}

/// When the late segment comes.
fn late_us(ask: &Ask) -> u64 {
    again_us(ask).saturating_add(ask.rtt_us.saturating_mul(2)).saturating_add(LATE_US)
}

/// The same addresses and ports connect again, and then a segment with this number comes late.
fn late_segment(ask: &Ask, segment: Segment, seq: Number) -> Scenario {
    let again = again_us(ask);
    let mut scenario = Scenario::close(ask.host, &ask.settings()).calling_at(again, Side::Client, Action::Connect);
    scenario.rtt_us = ask.rtt_us;
    let what = Injected::Segment { segment, seq, ack: Some(Number::Fitting(0)) };
    scenario.injecting(Injection { at_us: late_us(ask), to: Side::Server, what })
}

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
            "In the diagram the same client port connects again {} later, and its number has moved on by {}. So late data \
             of the old connection lies outside the new window: it is answered by an ACK and thrown away. That holds \
             unless the old one had sent more than that.",
            Micros(again_us(ask)),
            isn_advance(again_us(ask)),
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
    Figures { answer: sentences, tables: vec![late_fin(ask), wraps()], ..Figures::default() }
}

/// What an old FIN does to the new connection, by its number. A FIN shows it best: one that is taken changes the state.
fn late_fin(ask: &Ask) -> FigureTable {
    let row = |number: &str, seq| {
        let timeline = forecast(&late_segment(ask, Segment::Fin, seq));
        let after = |event: &&Event| event.side == Side::Server && event.window.at_us >= late_us(ask);
        let taken = timeline.events.iter().filter(after).any(|event| event.what == What::State(TcpState::CloseWait));
        let becomes = if taken { "CLOSE-WAIT: taken for the end of the new one" } else { "stays ESTAB" };
        vec![number.to_owned(), becomes.to_owned()]
    };
    FigureTable {
        title: "A late FIN of the old connection, were it not for timestamps".to_owned(),
        columns: vec!["its number", "the new connection"],
        rows: vec![
            row("as it was: outside the window", old_number(ask)),
            row("what is expected next: in the window", Number::Fitting(0)),
        ],
    }
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
    fn an_old_fin_is_refused_by_its_number_and_one_that_fits_is_taken() {
        for rtt_us in [0, 20_000, 1_500_000] {
            let rows = late_fin(&Ask::of_defaults(rtt_us)).rows;
            assert_eq!(rows[0][1], "stays ESTAB", "{rtt_us}");
            assert!(rows[1][1].starts_with("CLOSE-WAIT"), "{rtt_us}");
        }
    }

    #[test]
    fn a_gigabit_goes_round_in_half_a_minute_and_outruns_the_clock() {
        let rows = wraps().rows;
        assert_eq!(rows[2], ["1 Gbit/s", "34.4 s", "outruns the clock"]);
        assert_eq!(rows[1][2], "slower than the clock");
    }
}
