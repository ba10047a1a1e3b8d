//! Small texts: the host's memory.

/// `MemTotal` of `/proc/meminfo` in KiB.
#[must_use]
pub fn parse_mem_total_kib(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_in_kib() {
        assert_eq!(parse_mem_total_kib("MemTotal:       24579328 kB\nMemFree: 1 kB\n"), Some(24_579_328));
        assert_eq!(parse_mem_total_kib("MemTotal:  lots\n"), None);
    }
}
