//! What this process may do.

/// Effective user id.
#[must_use]
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Effective capabilities of the calling thread, bit n for the capability with number n
/// (`include/uapi/linux/capability.h`); nothing when the kernel refuses to tell.
///
/// By `capget(2)` and not by `CapEff` of `/proc/self/status`, since the proc root may be a copy.
#[must_use]
pub fn effective_capabilities() -> Option<u64> {
    rustix::thread::capabilities(None).ok().map(|sets| sets.effective.bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_those_that_proc_tells() {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
        assert_eq!(effective_capabilities(), u64::from_str_radix(line.trim(), 16).ok());
    }
}
