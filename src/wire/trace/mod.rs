//! The kernel's tracepoints: how their records are laid out, and what is in the pages of the ring buffer.
//!
//! For: reading `events/*/*/format`, `header_page` and `header_event` as the running kernel gives them, and making events
//! of the bytes of `trace_pipe_raw`.
//! Must not: know an offset, or the number of a reason: both are the kernel's to say.
//! Mirrors: include/linux/ring_buffer.h, kernel/trace/ring_buffer.c, kernel/trace/trace_events.c.

mod event;
mod format;
mod page;
mod table;

pub use event::{TraceDecoder, TraceEnds, TraceEvent, TraceLayout};
pub use format::{TraceField, TraceFormat, parse_trace_format};
pub use page::{
    LostEvents, PageLayout, PageRead, TraceEntry, decode_trace_page, is_known_entry_header, parse_page_header,
};
pub use table::{TRACED_EVENTS, TraceKind, TracedEvent, is_left_out, kernel_filter};
