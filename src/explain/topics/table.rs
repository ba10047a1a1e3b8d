//! The table of topics.

use super::{queues, syn_lost, synack_lost, time_wait_many};
use crate::explain::Topic;

/// Every topic, by group and in the order in which they build on each other.
pub(in crate::explain) const TOPICS: &[&Topic] =
    &[&syn_lost::TOPIC, &synack_lost::TOPIC, &queues::TOPIC, &time_wait_many::TOPIC];
