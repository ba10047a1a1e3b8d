//! What the kernel says of a process that has ended; the benches share it.

/// Waits for the process and returns its wait status and what it used; the standard library keeps the latter back.
#[expect(unsafe_code, reason = "no safe wrapper of wait4 is among the dependencies")]
pub(crate) fn wait_with_usage(pid: libc::pid_t) -> std::io::Result<(libc::c_int, libc::rusage)> {
    let mut status = 0;
    // SAFETY: rusage is a plain C structure for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live values of the types that wait4(2) writes.
        let answer = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if answer == pid {
            return Ok((status, usage));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
