//! Drawing: one file per screen or page.
//!
//! For: turning the state into cells, at any size.
//! Must not: change the state, read a clock, or do I/O.
//! Mirrors: the table of screens and the layout kinds.

mod findings;
mod footer;
mod found;
mod frame;
mod laboratory;
mod listeners;
mod listing;
mod namespaces;
mod overview;
mod overview_lines;
mod overview_wide;
mod pages;
mod parameters;
mod plan;
mod profiles;
mod prompt;
mod sockets;
mod tables;
mod target;
mod topics;

pub(super) use super::layout::WIDEST_LIST;
pub(super) use findings::finding_ids;
pub(super) use found::text_of_place;
pub use frame::draw;
pub(super) use frame::{countdown_words, picture_words};
pub(super) use listeners::{listed_rows as listed_listeners, selected_listener_port};
pub(super) use listing::{detail_scroll_limit, listed_ids, rows_needed, selected_id};
pub(super) use namespaces::namespace_name;
pub(super) use overview::{overview_limit_ids, selected_limit};
pub(super) use overview_lines::overview_scroll_limit;
pub(super) use pages::page_scroll_limit;
pub(super) use plan::{plan_deciding_length, plan_height, plan_scroll_limit};
pub(super) use sockets::counted_down;
pub(super) use target::{Target, target};
