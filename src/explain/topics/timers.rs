//! The timer wheel.

use crate::explain::{Ask, FigureTable, Figures, Folklore, Group, Topic};
use crate::model::{Scenario, Segment, Side, Timeline, WheelWait, wheel_wait};
use crate::units::{Hz, Micros};

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "timers",
    group: Group::Living,
    question: "Why are real times a bit later than the book's?",
    keys: &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts"],
    folklore: &[
        Folklore {
            said: "Kernel timers are exact to a tick.",
            kernel: "Only those up to 63 ticks. Each level of the timer wheel is eight times coarser than the one \
                     below, so a timer is up to an eighth late; it is never early.",
        },
        Folklore {
            said: "Being late evens out.",
            kernel: "It adds up: each retransmission is armed when the one before has fired, late as it was.",
        },
    ],
    sources: &["calc_wheel_index()", "__run_timers()", "tcp_reset_xmit_timer()", "CONFIG_HZ"],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

/// Waits that TCP uses, in microseconds, and which they are.
const WAITS: [(u64, &str); 12] = [
    (40_000, "delayed ACK"),
    (200_000, "least RTO, without the round trip"),
    (1_000_000, "first wait of SYN and SYN-ACK"),
    (2_000_000, "doubled"),
    (4_000_000, "doubled"),
    (8_000_000, "doubled"),
    (16_000_000, "doubled"),
    (32_000_000, "doubled"),
    (60_000_000, "TIME-WAIT; FIN-WAIT-2 by default"),
    (75_000_000, "between keepalive probes by default"),
    (120_000_000, "longest RTO"),
    (7_200_000_000, "idle before keepalive by default"),
];

fn scenario(ask: &Ask) -> Scenario {
    Scenario::connect(ask.host, &ask.settings()).losing(Side::Client, Segment::Syn)
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let rates: Vec<Hz> = ask.host.hz.map_or_else(|| Hz::COMMON.to_vec(), |hz| vec![hz]);
    let waits: Vec<WheelWait> =
        rates.iter().flat_map(|hz| WAITS.iter().map(|(wait_us, _)| wheel_wait(*wait_us, *hz))).collect();
    let mut sentences = vec![
        "The kernel sorts timers into a wheel whose levels get coarser with the wait: a timer fires at the first step \
         of its level after the time asked for. That saves work, and a retransmission does not mind."
            .to_owned(),
        match ask.host.hz {
            Some(hz) => {
                format!("This kernel ticks {hz} times a second: a tick is {}.", Micros(1_000_000 / u64::from(hz.get())))
            }
            None => "How often this kernel ticks could not be read; --hz says it. The table has every common rate."
                .to_owned(),
        },
    ];
    if let Some(end) = timeline.and_then(Timeline::end) {
        sentences.push(format!(
            "It adds up: a connect() that nobody answers ends after {} by the book and up to {} on the wheel.",
            Micros(end.window.at_us),
            Micros(end.window.latest_us.div_ceil(100_000) * 100_000)
        ));
    }
    sentences.push("That is why every time here is a window: not before the first, not after the second.".to_owned());
    let tables = rates.iter().map(|hz| table(*hz, &waits)).collect();
    Figures { answer: sentences, waits, tables, ..Figures::default() }
}

fn table(hz: Hz, waits: &[WheelWait]) -> FigureTable {
    let rows = waits.iter().filter(|wait| wait.hz == hz).zip(WAITS).map(|(wait, (_, name))| {
        vec![
            Micros(wait.wait_us).to_string(),
            Micros(wait.granularity_us).to_string(),
            milliseconds(wait.window.at_us),
            milliseconds(wait.window.latest_us),
            name.to_owned(),
        ]
    });
    FigureTable {
        title: format!("Windows of one wait at HZ {hz}; the latest counts a handler that is a tick late"),
        columns: vec!["wait", "late by up to", "from (s)", "to (s)", "used for"],
        rows: rows.collect(),
    }
}

/// Seconds with milliseconds, rounded up.
fn milliseconds(us: u64) -> String {
    let ms = us.div_ceil(1000);
    format!("{}.{:03}", ms / 1000, ms % 1000)
}
