//! Metrics over HTTP, for Prometheus.
//!
//! For: answering many scrapers from one reading, whatever a client does or leaves undone.
//! Must not: read the kernel itself, speak HTTP or TLS by own code, or let one client keep others waiting.
//! Mirrors: what a Prometheus server sends (`Accept`, `Authorization`) and takes for a failed scrape.

mod access;
mod answer;
mod crowd;
mod limits;
mod patience;
mod reader;
mod secret;
mod server;
mod tls;

pub use access::Access;
pub use reader::Page;
pub use server::{Doors, serve_pages};
pub use tls::Tls;
