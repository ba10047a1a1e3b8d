//! The table of rules.

use super::Rule;
use super::rules::{
    accept_queue_full, backlog_capped, bad_checksums, bufferbloat, close_wait, closed_ports, closing_unanswered,
    congestion_kept, connection_resets, connects_refused, connects_time_out, connects_unanswered, conntrack_full,
    duplicated_packets, failover_budget, failover_late, fin_wait_2, fin_wait_2_orphans, half_open_stay,
    handshake_resets, idle_restart, invalid_cookies, keepalive_too_late, listener_drops, mtu_black_hole, no_neighbour,
    not_accepting, orphans, own_queue_drops, packet_loss, paws_drops, ports_bound_first, ports_bound_only,
    ports_exhaustion, readers_stalled, receive_drops, reordering, reuseport_skew, send_buffer_small,
    settings_elsewhere, settings_harmful, settings_undone, silent_peers, small_backlog, softnet_drops, softnet_squeeze,
    spurious_timeouts, syn_cookies_off, syn_flood, tcp_mem_beyond_ram, tcp_memory, time_wait_buckets, timed_out,
    tw_recycle, window_small,
};

/// Every rule, in the order in which they are asked. What an earlier rule claims, a later one leaves alone: the
/// order of those about drops is that of the decision tree in `rules`.
pub const RULES: &[Rule] = &[
    syn_cookies_off::RULE,
    not_accepting::RULE,
    reuseport_skew::RULE,
    accept_queue_full::RULE,
    backlog_capped::RULE,
    small_backlog::RULE,
    listener_drops::RULE,
    syn_flood::RULE,
    invalid_cookies::RULE,
    half_open_stay::RULE,
    handshake_resets::RULE,
    closed_ports::RULE,
    connects_time_out::RULE,
    connects_unanswered::RULE,
    connects_refused::RULE,
    no_neighbour::RULE,
    ports_exhaustion::RULE,
    ports_bound_first::RULE,
    ports_bound_only::RULE,
    own_queue_drops::RULE,
    packet_loss::RULE,
    reordering::RULE,
    duplicated_packets::RULE,
    spurious_timeouts::RULE,
    mtu_black_hole::RULE,
    failover_late::RULE,
    failover_budget::RULE,
    silent_peers::RULE,
    timed_out::RULE,
    keepalive_too_late::RULE,
    connection_resets::RULE,
    window_small::RULE,
    send_buffer_small::RULE,
    bufferbloat::RULE,
    idle_restart::RULE,
    congestion_kept::RULE,
    receive_drops::RULE,
    readers_stalled::RULE,
    close_wait::RULE,
    fin_wait_2::RULE,
    fin_wait_2_orphans::RULE,
    closing_unanswered::RULE,
    time_wait_buckets::RULE,
    orphans::RULE,
    tcp_memory::RULE,
    tcp_mem_beyond_ram::RULE,
    tw_recycle::RULE,
    paws_drops::RULE,
    conntrack_full::RULE,
    softnet_drops::RULE,
    softnet_squeeze::RULE,
    bad_checksums::RULE,
    settings_undone::RULE,
    settings_elsewhere::RULE,
    settings_harmful::RULE,
];

#[cfg(test)]
mod tests {
    use super::RULES;
    use std::collections::BTreeSet;

    #[test]
    fn every_sysctl_that_a_rule_reads_is_in_the_catalog() {
        for key in RULES.iter().flat_map(|rule| rule.keys) {
            assert!(crate::catalog::find(key).is_some(), "{key}");
        }
    }

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        for id in ids {
            assert!(
                id.split('-')
                    .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())),
                "{id}"
            );
        }
    }

    #[test]
    fn every_rule_says_what_would_disprove_it_and_what_not_to_do() {
        for rule in RULES {
            for text in [rule.looks_for, rule.wrong_remedy, rule.disproved_by] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: `{text}`", rule.id);
            }
        }
    }
}
