//! How the kernel counts memory.

/// What `/proc/meminfo` has as `MemTotal`, in KiB (`si_meminfo`, mm/show_mem.c), without asking for the rest.
#[must_use]
pub fn memory_kib() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(info.mem_unit.into()) / 1024
}

/// Bytes of a page.
#[must_use]
pub fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}
