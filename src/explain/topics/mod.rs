//! One file per topic, and the table that lists them.
//!
//! For: what each topic asks of the model, and the sentences around the numbers.
//! Must not: state a time that the model did not give.
//! Mirrors: the kernel functions that each topic names as its sources.

mod accept_queue_full;
mod close;
mod connection;
mod handshake;
mod isn;
mod mss;
mod queues;
mod same_port;
mod segment;
mod syn_flood;
mod syn_lost;
mod synack_lost;
mod syncookies;
mod table;
mod tcp_vs_udp;
mod time_wait_many;
mod timers;
mod why_2msl;
mod why_four;

pub(super) use queues::TYPICAL_BACKLOG;
pub(super) use table::TOPICS;
