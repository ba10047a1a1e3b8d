//! One file per topic, and the table that lists them.
//!
//! For: what each topic asks of the model, and the sentences around the numbers.
//! Must not: state a time that the model did not give.
//! Mirrors: the kernel functions that each topic names as its sources.

mod accept_queue_full;
mod ack_with_data;
mod challenge_ack;
mod close;
mod close_wait;
mod connection;
mod data_lost;
mod fin_ack_lost;
mod fin_lost;
mod fin_wait_2;
mod final_ack_lost;
mod half_open;
mod handshake;
mod isn;
mod keepalive;
mod last_ack_lost;
mod mss;
mod queues;
mod same_port;
mod segment;
mod simultaneous_close;
mod simultaneous_open;
mod syn_flood;
mod syn_lost;
mod synack_lost;
mod syncookies;
mod table;
mod tcp_vs_udp;
mod third_ack_lost;
mod time_wait_many;
mod timers;
mod why_2msl;
mod why_four;
mod why_three;
mod why_time_wait;
mod zero_window;

pub(super) use queues::TYPICAL_BACKLOG;
pub(super) use table::TOPICS;
