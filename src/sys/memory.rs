//! How the kernel counts memory.

/// Bytes of a page.
#[must_use]
pub fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}
