//! Small texts: sysctl values, the host's memory.

/// A sysctl value with its runs of blanks and tabs turned into single blanks and none at either end, so that
/// `4096\t131072\t6291456` equals what a person types.
#[must_use]
pub fn normalise_sysctl(raw: &str) -> String {
    let mut value = String::with_capacity(raw.len());
    for word in raw.split_whitespace() {
        if !value.is_empty() {
            value.push(' ');
        }
        value.push_str(word);
    }
    value
}

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
    fn vectors_are_separated_by_single_blanks() {
        assert_eq!(normalise_sysctl("4096\t131072\t6291456\n"), "4096 131072 6291456");
        assert_eq!(normalise_sysctl("  bbr "), "bbr");
        assert_eq!(normalise_sysctl("\n"), "");
    }

    #[test]
    fn memory_is_in_kib() {
        assert_eq!(parse_mem_total_kib("MemTotal:       24579328 kB\nMemFree: 1 kB\n"), Some(24_579_328));
        assert_eq!(parse_mem_total_kib("MemTotal:  lots\n"), None);
    }
}
