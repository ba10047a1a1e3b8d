//! The table of topics.

use super::{
    accept_queue_full, ack_with_data, challenge_ack, close, close_wait, connection, data_lost, fin_ack_lost, fin_lost,
    fin_wait_2, final_ack_lost, half_open, handshake, isn, keepalive, last_ack_lost, mss, queues, same_port, segment,
    simultaneous_close, simultaneous_open, syn_flood, syn_lost, synack_lost, syncookies, tcp_vs_udp, third_ack_lost,
    time_wait_many, timers, why_2msl, why_four, why_three, why_time_wait, zero_window,
};
use crate::explain::Topic;

/// Every topic, by group and in the order in which they build on each other.
pub(in crate::explain) const TOPICS: &[&Topic] = &[
    &segment::TOPIC,
    &connection::TOPIC,
    &tcp_vs_udp::TOPIC,
    &same_port::TOPIC,
    &handshake::TOPIC,
    &why_three::TOPIC,
    &isn::TOPIC,
    &mss::TOPIC,
    &syn_lost::TOPIC,
    &synack_lost::TOPIC,
    &third_ack_lost::TOPIC,
    &ack_with_data::TOPIC,
    &queues::TOPIC,
    &accept_queue_full::TOPIC,
    &syn_flood::TOPIC,
    &syncookies::TOPIC,
    &close::TOPIC,
    &why_four::TOPIC,
    &fin_lost::TOPIC,
    &fin_ack_lost::TOPIC,
    &fin_wait_2::TOPIC,
    &close_wait::TOPIC,
    &last_ack_lost::TOPIC,
    &final_ack_lost::TOPIC,
    &why_time_wait::TOPIC,
    &why_2msl::TOPIC,
    &time_wait_many::TOPIC,
    &data_lost::TOPIC,
    &keepalive::TOPIC,
    &zero_window::TOPIC,
    &half_open::TOPIC,
    &challenge_ack::TOPIC,
    &simultaneous_open::TOPIC,
    &simultaneous_close::TOPIC,
    &timers::TOPIC,
];
