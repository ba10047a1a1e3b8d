//! From one screen to what explains it, who it is, and what would help: tables, and nothing that judges.

use super::screen::Screen;
use super::state::State;
use super::view;
use crate::diagnose::RULES;
use crate::explain::topics;
use crate::model::Activity;
use crate::report::SocketRow;
use crate::tune::Profiles;
use crate::units::TcpState;

/// Where the things that a rule speaks of are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// Among the listeners.
    Listeners,
    /// Among the sockets that pass this filter.
    Sockets(&'static str),
}

/// Rules whose subject can be shown, and where.
const SUBJECTS: &[(&str, Whereabouts)] = &[
    ("accept-queue-full", Whereabouts::Listeners),
    ("backlog-capped", Whereabouts::Listeners),
    ("listener-drops", Whereabouts::Listeners),
    ("not-accepting", Whereabouts::Listeners),
    ("reuseport-skew", Whereabouts::Listeners),
    ("small-backlog", Whereabouts::Listeners),
    ("syn-cookies-off", Whereabouts::Listeners),
    ("syn-flood", Whereabouts::Sockets("state syn-recv")),
    ("half-open-stay", Whereabouts::Sockets("state syn-recv")),
    ("close-wait", Whereabouts::Sockets("state close-wait")),
    ("connects-unanswered", Whereabouts::Sockets("state syn-sent")),
    ("fin-wait-2", Whereabouts::Sockets("state fin-wait-2")),
    ("closing-unanswered", Whereabouts::Sockets("state fin-wait-1 state last-ack state closing")),
    ("orphans", Whereabouts::Sockets("state fin-wait-1 state last-ack state closing")),
    ("ports-exhaustion", Whereabouts::Sockets("state time-wait")),
    ("ports-bound-only", Whereabouts::Sockets("state closed")),
    ("time-wait-buckets", Whereabouts::Sockets("state time-wait")),
    ("readers-stalled", Whereabouts::Sockets("state established")),
    ("silent-peers", Whereabouts::Sockets("state established")),
    ("packet-loss", Whereabouts::Sockets("state established")),
    ("timed-out", Whereabouts::Sockets("state established")),
];

/// Where what a rule speaks of is shown.
pub(super) fn whereabouts(rule: &str) -> Option<Whereabouts> {
    SUBJECTS.iter().find(|(id, _)| *id == rule).map(|(_, subject)| *subject)
}

/// The topic about what a socket is at.
pub(super) fn topic_of_socket(row: &SocketRow) -> &'static str {
    let activity = row.forecast.as_ref().map(|forecast| forecast.activity);
    match (row.state, activity) {
        (Some(TcpState::SynSent), _) => "syn-lost",
        (Some(TcpState::SynRecv), _) => "synack-lost",
        (Some(TcpState::Estab), Some(Activity::Probing)) => "zero-window",
        (Some(TcpState::Estab), Some(Activity::InFlight | Activity::Retransmitting)) => "data-lost",
        (Some(TcpState::Estab), Some(Activity::Quiet)) => "half-open",
        (Some(TcpState::Estab), _) => "keepalive",
        (Some(TcpState::FinWait1), _) => "fin-lost",
        (Some(TcpState::FinWait2), _) => "fin-wait-2",
        (Some(TcpState::CloseWait), _) => "close-wait",
        (Some(TcpState::LastAck), _) => "last-ack-lost",
        (Some(TcpState::TimeWait), _) => "why-time-wait",
        (Some(TcpState::Closing), _) => "simultaneous-close",
        (Some(TcpState::Listen), _) => "queues",
        _ => "connection",
    }
}

/// The topic about a row of the overview's limits.
fn topic_of_limit(id: &str) -> &'static str {
    match id {
        "accept-queue" => "accept-queue-full",
        "syn-queue" => "queues",
        "ports" | "time-wait" => "time-wait-many",
        "orphans" => "fin-lost",
        _ => "timers",
    }
}

/// The topic that depends most on a key: the one with the fewest other keys.
fn topic_of_key(key: &str) -> Option<&'static str> {
    let of_key = topics().filter(|topic| topic.keys.contains(&key));
    of_key.min_by_key(|topic| topic.keys.len()).map(|topic| topic.id)
}

/// The topic about what is selected.
pub(super) fn topic(state: &State) -> Option<&'static str> {
    match state.screen {
        Screen::Overview => Some(topic_of_limit(view::selected_limit(state))),
        Screen::Listeners => Some("queues"),
        Screen::Sockets => state.selected_socket().map(topic_of_socket),
        Screen::Findings => state.selected_finding().and_then(|finding| finding.topic),
        Screen::Parameters => state.selected_parameter().and_then(|row| topic_of_key(row.key.as_str())),
        Screen::Lab => {
            let id = view::selected_id(state, Screen::Lab)?;
            topics().find(|topic| topic.id == id).map(|topic| topic.id)
        }
        Screen::Explain | Screen::Profiles | Screen::Namespaces => None,
    }
}

/// A built-in profile that sets one of these keys, and the key: the profile with the fewest others.
pub(super) fn profile_for(keys: &[&str]) -> Option<(String, String)> {
    let profiles = Profiles::vendor();
    let names = profiles.names();
    let resolved = names.into_iter().filter_map(|name| profiles.resolve(name)?.ok());
    let sets = resolved.filter_map(|profile| {
        let key = profile.rules.keys().find(|key| keys.contains(&key.as_str()))?.to_string();
        Some((profile.rules.len(), profile.name, key))
    });
    sets.min().map(|(_, name, key)| (name, key))
}

/// The keys that could help with what is selected.
pub(super) fn keys_to_change(state: &State) -> Vec<String> {
    match state.screen {
        Screen::Findings => {
            let rule = state.selected_finding().map(|finding| finding.rule);
            let keys = RULES.iter().find(|known| Some(known.id) == rule).map(|rule| rule.keys).unwrap_or_default();
            keys.iter().map(|key| (*key).to_owned()).collect()
        }
        Screen::Parameters => state.selected_parameter().map(|row| row.key.to_string()).into_iter().collect(),
        Screen::Explain => state.explaining.what_if.keys().map(|key| (*key).to_owned()).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::find_topic;
    use crate::ui::tui::prompt::filter_complaint;

    #[test]
    fn every_rule_topic_and_filter_that_is_named_exists() {
        for (rule, subject) in SUBJECTS {
            assert!(RULES.iter().any(|known| known.id == *rule), "{rule}");
            if let Whereabouts::Sockets(filter) = subject {
                assert_eq!(filter_complaint(filter), None, "{filter}");
            }
        }
        for state in TcpState::ALL {
            let row = SocketRow { state: Some(state), ..SocketRow::default() };
            assert!(find_topic(topic_of_socket(&row)).is_ok(), "{}", state.name());
        }
        for id in ["accept-queue", "syn-queue", "ports", "time-wait", "orphans", "memory"] {
            assert!(find_topic(topic_of_limit(id)).is_ok(), "{id}");
        }
    }

    #[test]
    fn a_key_leads_to_the_topic_and_the_profile_that_are_most_about_it() {
        assert_eq!(topic_of_key("net.ipv4.tcp_fin_timeout").map(|id| find_topic(id).is_ok()), Some(true));
        assert_eq!(topic_of_key("net.ipv4.tcp_no_such_thing"), None);
        let (profile, key) = profile_for(&["net.ipv4.tcp_syncookies"]).expect("a profile");
        assert_eq!(key, "net.ipv4.tcp_syncookies");
        assert!(Profiles::vendor().names().contains(&profile.as_str()));
    }
}
