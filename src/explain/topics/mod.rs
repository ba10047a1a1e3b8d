//! One file per topic, and the table that lists them.
//!
//! For: what each topic asks of the model, and the sentences around the numbers.
//! Must not: state a time that the model did not give.
//! Mirrors: the kernel functions that each topic names as its sources.

mod queues;
mod syn_lost;
mod synack_lost;
mod table;
mod time_wait_many;

pub(super) use table::TOPICS;
