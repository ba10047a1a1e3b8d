//! What the functions of the kernel are called.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::ReadError;

/// Hands every line of `/proc/kallsyms` on; nothing of it is kept. To who may not see addresses the kernel shows zeros.
///
/// # Errors
/// Absent (a kernel without `CONFIG_KALLSYMS`), denied or failed.
pub fn each_kernel_symbol(mut each: impl FnMut(&str)) -> Result<(), ReadError> {
    let path = Path::new("/proc/kallsyms");
    let failed = |error: &std::io::Error| ReadError::new(path, error);
    let mut reader = BufReader::with_capacity(64 << 10, File::open(path).map_err(|error| failed(&error))?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(|error| failed(&error))? == 0 {
            return Ok(());
        }
        if let Ok(line) = core::str::from_utf8(&line) {
            each(line);
        }
    }
}
