//! Files for other programs, and answers for them over HTTP.
//!
//! For: putting what `report` makes where another program finds it, whole or not at all.
//! Must not: read the kernel, make up metrics, or leave half a file where one is expected.
//! Mirrors: what node_exporter's textfile collector asks of its writers (same directory, atomic rename, readable by all),
//! and what Prometheus asks of a target that it scrapes.

mod http;
mod replace;

pub use http::{Access, Doors, Page, Tls, serve_pages};
pub use replace::{Readers, check_replaceable, create_file, replace_file, replace_file_with};
