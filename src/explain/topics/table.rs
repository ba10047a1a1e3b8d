//! The table of topics, and which of them the laboratory plays.

use super::{
    accept_queue_full, ack_with_data, challenge_ack, close, close_wait, connection, data_lost, fin_ack_lost, fin_lost,
    fin_wait_2, final_ack_lost, half_open, handshake, isn, keepalive, last_ack_lost, mss, queues, same_port, segment,
    simultaneous_close, simultaneous_open, syn_flood, syn_lost, synack_lost, syncookies, tcp_vs_udp, third_ack_lost,
    time_wait_many, timers, why_2msl, why_four, why_three, why_time_wait, zero_window,
};
use crate::explain::InLab::{self, Cannot, Plays};
use crate::explain::Topic;

/// Every topic, by group and in the order in which they build on each other, and whether the laboratory plays it.
pub(in crate::explain) const TOPICS: &[(&Topic, InLab)] = &[
    (&segment::TOPIC, Cannot("theory: what stands where in a header takes no time")),
    (&connection::TOPIC, Cannot("theory: what names a connection, and a count of ports")),
    (&tcp_vs_udp::TOPIC, Cannot("theory: two protocols compared")),
    (&same_port::TOPIC, Cannot("theory: two tables of the kernel that know nothing of each other")),
    (&handshake::TOPIC, Plays),
    (&why_three::TOPIC, Plays),
    (&isn::TOPIC, Plays),
    (&mss::TOPIC, Cannot("a calculation: how data is cut up, and no course of events")),
    (&syn_lost::TOPIC, Plays),
    (&synack_lost::TOPIC, Plays),
    (&third_ack_lost::TOPIC, Plays),
    (&ack_with_data::TOPIC, Plays),
    (&queues::TOPIC, Cannot("a count and not a course: how many fit; accept-queue-full plays what happens then")),
    (&accept_queue_full::TOPIC, Plays),
    (&syn_flood::TOPIC, Plays),
    (&syncookies::TOPIC, Plays),
    (&close::TOPIC, Plays),
    (&why_four::TOPIC, Plays),
    (&fin_lost::TOPIC, Plays),
    (&fin_ack_lost::TOPIC, Plays),
    (&fin_wait_2::TOPIC, Plays),
    (&close_wait::TOPIC, Plays),
    (&last_ack_lost::TOPIC, Plays),
    (&final_ack_lost::TOPIC, Plays),
    (&why_time_wait::TOPIC, Plays),
    (&why_2msl::TOPIC, Plays),
    (
        &time_wait_many::TOPIC,
        Cannot("a count and not a course: how many ports are taken; why-time-wait plays one of them"),
    ),
    (&data_lost::TOPIC, Plays),
    (&keepalive::TOPIC, Plays),
    (&zero_window::TOPIC, Plays),
    (&half_open::TOPIC, Plays),
    (&challenge_ack::TOPIC, Plays),
    (&simultaneous_open::TOPIC, Plays),
    (&simultaneous_close::TOPIC, Plays),
    (&timers::TOPIC, Plays),
];
