//! A SYN flood and what helps.

use crate::explain::flood::flood_figures;
use crate::explain::{Ask, Figures, FloodFigures, Folklore, Group, Topic};
use crate::model::{FloodForecast, LimitedBy, Outcome, Scenario, Settings, Timeline};
use crate::units::Micros;

/// The topic.
pub(super) const TOPIC: Topic = Topic {
    id: "syn-flood",
    group: Group::Queues,
    question: "What is a SYN flood, and what helps?",
    keys: &[
        "net.ipv4.tcp_syncookies",
        "net.core.somaxconn",
        "net.ipv4.tcp_max_syn_backlog",
        "net.ipv4.tcp_synack_retries",
        "net.core.netdev_max_backlog",
        "net.ipv4.tcp_syn_retries",
        "net.ipv4.tcp_syn_linear_timeouts",
    ],
    folklore: &[
        Folklore {
            said: "Lower tcp_synack_retries from 5 to 2: entries then live 7 s instead of 63 s.",
            kernel: "Above half of the backlog the kernel does that by itself: old entries go at their third timer, \
                     after 7 s. Fewer retries only empty the lower half sooner, and give up on clients with a lossy \
                     path.",
        },
        Folklore {
            said: "Raise tcp_max_syn_backlog against floods.",
            kernel: "It is looked at only while tcp_syncookies is 0. The queue is as long as the backlog that the \
                     application gives to listen(), cut to somaxconn.",
        },
        Folklore {
            said: "Raise netdev_max_backlog against floods.",
            kernel: "It holds packets before TCP, per CPU, where they are handed over (RPS, loopback, veth). It bridges \
                     moments in which a CPU is late; TCP's own queues are not touched.",
        },
        Folklore {
            said: "tcp_syncookies=2 protects best.",
            kernel: "2 is for tests: every client gets a cookie, flood or not. With 1 the cookies begin when the \
                     queue is full.",
        },
    ],
    sources: &[
        "tcp_conn_request()",
        "reqsk_timer_handler()",
        "inet_csk_reqsk_queue_is_full()",
        "tcp_syn_flood_action()",
        "enqueue_to_backlog()",
    ],
    wants: &[],
    scenario: Some(scenario),
    answer,
};

/// One entry of the flood.
fn scenario(ask: &Ask) -> Scenario {
    Scenario::half_open(ask.host, &ask.settings())
}

fn answer(ask: &Ask, timeline: Option<&Timeline>) -> Figures {
    let settings = ask.settings();
    let figures = flood_figures(ask);
    let forecast = &figures.forecast;
    let mut sentences = vec![
        "SYNs from addresses that never answer: each one kept is a half-open entry in the SYN queue until its SYN-ACKs \
         have gone unanswered."
            .to_owned(),
    ];
    if let Some(end) = timeline.and_then(Timeline::end) {
        sentences.push(format!(
            "With tcp_synack_retries={} an entry that is left alone lives {}; the drawing shows one.",
            settings.synack_retries, end.window
        ));
    }
    sentences.push(flood_sentence(&figures));
    sentences.push(refused_sentence(forecast, settings.syncookies));
    sentences.extend(pruning_sentence(forecast));
    sentences.push(client_sentence(forecast));
    sentences.push(steady_sentence(forecast, &settings));
    if let Some(queue) = figures.input_queue {
        sentences.push(format!(
            "Before TCP, netdev_max_backlog ({}) holds {} of this rate while a CPU is late, if all of it goes to that \
             one; more than that is dropped there (softnet_stat) and changes no figure below.",
            queue.packets,
            Micros(queue.holds_us)
        ));
    }
    Figures { answer: sentences, flood: Some(figures), ..Figures::default() }
}

fn flood_sentence(figures: &FloodFigures) -> String {
    let FloodFigures { flood, asked, forecast, .. } = figures;
    let capacity = forecast.limits.half_open_capacity;
    let full = match forecast.full_at_us {
        Some(full_at_us) => format!("is full after {}", Micros(full_at_us)),
        None if capacity == 0 => "is not used".to_owned(),
        None => format!("is never full: {} at most", forecast.half_open_peak),
    };
    format!(
        "{} SYNs at {}/s (for {}) against listen(fd, {asked}): the SYN queue holds {capacity} and {full}.",
        flood.count,
        flood.rate_per_s,
        Micros(forecast.last_syn_us),
    )
}

fn refused_sentence(forecast: &FloodForecast, syncookies: i64) -> String {
    let (cookies, dropped) = (forecast.cookies_sent, forecast.dropped);
    match (syncookies, forecast.limits.limited_by) {
        (2, _) => format!("All {cookies} get a cookie and take no room (tcp_syncookies=2)."),
        _ if cookies + dropped == 0 => "None is refused.".to_owned(),
        (0, LimitedBy::MaxSynBacklog) => format!(
            "The other {dropped} are dropped (ListenDrops): cookies are off, and the last quarter of \
             tcp_max_syn_backlog is kept for known peers."
        ),
        (0, _) => {
            format!("The other {dropped} are dropped (TCPReqQFullDrop, ListenDrops): tcp_syncookies is 0.")
        }
        _ => format!(
            "The other {cookies} get a cookie and take no room (TCPReqQFullDoCookies, SyncookiesSent); none is \
             dropped."
        ),
    }
}

fn pruning_sentence(forecast: &FloodForecast) -> Option<String> {
    let gone = forecast.last_gone?;
    let left = forecast.half_open_after_pruning;
    // reqsk_timer_handler(): a backlog below 8 counts as 8.
    let half = u64::from(forecast.backlog.max(8) / 2);
    Some(if forecast.half_open_peak <= half {
        format!("That is not above half of the backlog, so nothing is pruned; the last entry goes at {gone}.")
    } else if left == 0 {
        format!("After the last SYN every entry is gone by its third timer; the last one goes at {gone}.")
    } else {
        format!(
            "Above half of the backlog ({half}) entries are dropped at their third timer, 7 s old: when the last \
             SYN's have had theirs, {left} are left. The last one goes at {gone}.",
        )
    })
}

fn client_sentence(forecast: &FloodForecast) -> String {
    let client = forecast.legitimate;
    let when = match forecast.full_at_us {
        Some(full_at_us) if full_at_us == client.connects_at_us => "when the queue is just full".to_owned(),
        _ => format!("{} into it", Micros(client.connects_at_us)),
    };
    let chance = if client.chance_ppm < 10_000 { "below 1 %".to_owned() } else { percent(client.chance_ppm) };
    let round_trip = if client.at.at_us == 0 { String::new() } else { format!(" ({})", client.at) };
    match client.outcome {
        Outcome::Established if client.by_cookie => {
            format!("An honest client that connects {when} is served by a cookie, in one round trip{round_trip}.")
        }
        Outcome::Established if client.attempts.1 == 1 => {
            format!("An honest client that connects {when} finds room, in one round trip{round_trip}.")
        }
        Outcome::Established if client.likeliest == client.at => {
            format!(
                "An honest client that connects {when} gets in after {}, with SYN {}.",
                client.at, client.attempts.0
            )
        }
        Outcome::Established => format!(
            "An honest client that connects {when} gets in after {} most likely; any of its SYNs {} to {} may meet a \
             free place, the first of them after {}.",
            client.likeliest,
            client.attempts.0,
            client.attempts.1,
            Micros(client.at.at_us),
        ),
        outcome => format!(
            "An honest client that connects {when} fails with {} after {}; its chance to meet a free place is {chance}.",
            outcome.name(),
            client.at,
        ),
    }
}

fn steady_sentence(forecast: &FloodForecast, settings: &Settings) -> String {
    let steady = forecast.steady;
    let refused = match settings.syncookies {
        0 => format!("{} SYNs dropped", steady.dropped_per_s),
        _ => format!("{} cookies", steady.cookies_per_s),
    };
    let room = match (settings.syncookies, steady.room_ppm) {
        (0, 1_000_000) => "; a client always finds room".to_owned(),
        (0, 0..1000) => "; a client's SYN finds room less than 0.1 % of the time".to_owned(),
        (0, ppm) => format!("; a client's SYN finds room {} of the time", percent(ppm)),
        _ => String::new(),
    };
    format!(
        "If it never ended: {} half-open on average, and per second {refused} and {} SYN-ACKs sent{room}.",
        steady.half_open, steady.syn_acks_per_s
    )
}

/// Parts per million as a percentage with one digit.
fn percent(ppm: u64) -> String {
    let tenths = ppm.saturating_add(500) / 1000;
    format!("{}.{} %", tenths / 10, tenths % 10)
}
