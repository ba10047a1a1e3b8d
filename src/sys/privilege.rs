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

/// Lets the calling thread run as soon as it has something to do: the lowest real-time priority (`SCHED_FIFO`), or where
/// that is refused the highest of the others (nice -20). It lasts as long as the thread, which must not run for long at
/// a time.
///
/// # Errors
/// `EPERM` or `EACCES` without `CAP_SYS_NICE`.
#[expect(unsafe_code, reason = "sched_setscheduler is not wrapped by rustix")]
pub fn raise_priority() -> std::io::Result<()> {
    // SAFETY: sched_param is made of integers; all zeroes is a value of it.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = 1;
    // SAFETY: 0 is the calling thread, and the parameters outlive the call.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const parameters) } == 0
    {
        return Ok(());
    }
    // nice(2) of Linux is the calling thread's alone.
    rustix::process::nice(-20)?;
    Ok(())
}

/// Lets this process open as many files as it is ever allowed to: the soft limit becomes the hard one (`setrlimit(2)`).
///
/// # Errors
/// The kernel's answer.
pub fn raise_open_files() -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
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
