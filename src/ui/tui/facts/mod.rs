//! What the screens say, worked out from the state and not yet laid out.
//!
//! For: the rows of each table as plain values, so that every size of screen shows the same facts.
//! Must not: draw, choose colours, or read anything.
//! Mirrors: `Snapshot` and the kernel's counters by name.

mod headline;
mod limits;
mod listeners;
mod rates;
mod series;

pub(super) use headline::{Headline, headlines};
pub(super) use limits::{LimitRow, limits, what_binds};
pub(super) use listeners::{ListenerRow, SortBy, address, listener_row, listener_rows};
pub(super) use rates::{RateRow, rates};
pub(super) use series::SeriesId;
