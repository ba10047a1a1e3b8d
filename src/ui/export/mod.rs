//! Metrics for other programs.
//!
//! For: putting the text that `report` makes where a collector finds it, whole or not at all.
//! Must not: read the kernel, make up metrics, or leave half a file where one is expected.
//! Mirrors: what node_exporter's textfile collector asks of its writers: same directory, atomic rename, readable by all.

mod textfile;

pub use textfile::write_textfile;
