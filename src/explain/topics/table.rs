//! The table of topics.

use super::{accept_queue_full, queues, syn_flood, syn_lost, synack_lost, syncookies, time_wait_many};
use crate::explain::Topic;

/// Every topic, by group and in the order in which they build on each other.
pub(in crate::explain) const TOPICS: &[&Topic] = &[
    &syn_lost::TOPIC,
    &synack_lost::TOPIC,
    &queues::TOPIC,
    &accept_queue_full::TOPIC,
    &syn_flood::TOPIC,
    &syncookies::TOPIC,
    &time_wait_many::TOPIC,
];
