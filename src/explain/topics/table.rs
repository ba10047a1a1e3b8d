//! The table of topics.

use super::{
    accept_queue_full, close, connection, handshake, isn, mss, queues, same_port, segment, syn_flood, syn_lost,
    synack_lost, syncookies, tcp_vs_udp, time_wait_many, timers, why_2msl, why_four,
};
use crate::explain::Topic;

/// Every topic, by group and in the order in which they build on each other.
pub(in crate::explain) const TOPICS: &[&Topic] = &[
    &segment::TOPIC,
    &connection::TOPIC,
    &tcp_vs_udp::TOPIC,
    &same_port::TOPIC,
    &handshake::TOPIC,
    &isn::TOPIC,
    &mss::TOPIC,
    &syn_lost::TOPIC,
    &synack_lost::TOPIC,
    &queues::TOPIC,
    &accept_queue_full::TOPIC,
    &syn_flood::TOPIC,
    &syncookies::TOPIC,
    &close::TOPIC,
    &why_four::TOPIC,
    &why_2msl::TOPIC,
    &time_wait_many::TOPIC,
    &timers::TOPIC,
];
