//! Values as the kernel prints them, so that two ways of writing one value are told to be the same.

use super::{Form, find, normalize_value};
use crate::units::SysctlKey;

/// A number as `proc_get_long` (kernel/sysctl.c) reads it: after a minus at most, in base 16 behind `0x`, in base 8 behind
/// another `0`, else in base 10. No other sign, and nothing behind it.
#[must_use]
pub fn parse_number(word: &str) -> Option<i128> {
    let (minus, digits) = word.strip_prefix('-').map_or((false, word), |digits| (true, digits));
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match hex {
        Some(hex) => (hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    // `from_str_radix` alone would take a second sign.
    let plain = digits.chars().all(|digit| digit.is_digit(base));
    let number = i128::from_str_radix(digits, base).ok().filter(|_| plain)?;
    Some(if minus { -number } else { number })
}

/// A value of a key as the kernel prints it when it was written: numbers in base 10, neighbouring ports as one range,
/// hexadecimal groups at their full width. What cannot be a value of the key, and keys that the table does not have, are
/// only freed of needless blanks.
#[must_use]
pub fn canonical_value(key: &str, text: &str) -> String {
    let plain = normalize_value(text);
    match find(key).map(|row| row.form) {
        Some(Form::Numbers(_)) => {
            let word = |word: &str| parse_number(word).map_or_else(|| word.to_owned(), |number| number.to_string());
            plain.split(' ').map(word).collect::<Vec<_>>().join(" ")
        }
        Some(Form::Ports) => join_ports(&plain, "").unwrap_or(plain),
        Some(Form::Hex) => canonical_hex(&plain),
        Some(Form::Name | Form::Words) | None => plain,
    }
}

/// Whether two texts are one value of a key: the one comparison for what was wanted, what was read back, what a file says
/// and what the journal remembers.
#[must_use]
pub fn same_value(key: &SysctlKey, one: &str, other: &str) -> bool {
    normalize_value(one) == normalize_value(other)
        || canonical_value(key.as_str(), one) == canonical_value(key.as_str(), other)
}

/// Keys are printed as four groups of eight digits with dashes (`proc_tcp_fastopen_key`), masks of processors as groups
/// of eight with commas and as many digits in the first as there are processors (`bitmap_string`).
fn canonical_hex(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    if text.contains('-') {
        let group = |group: &str| format!("{group:0>8}");
        let key = |key: &str| key.trim().split('-').map(group).collect::<Vec<_>>().join("-");
        return text.split(',').map(key).collect::<Vec<_>>().join(",");
    }
    let mut groups = text.split(',');
    let first = groups.next().unwrap_or_default().to_owned();
    let digits = groups.fold(first, |digits, group| format!("{digits}{group:0>8}"));
    match digits.trim_start_matches('0') {
        "" if !digits.is_empty() => "0".to_owned(),
        digits => digits.to_owned(),
    }
}

/// The list of ports `present` with those of `more`, or nothing when one of the two is no such list.
///
/// `proc_do_large_bitmap` (kernel/sysctl.c) replaces the whole list on writing, and prints neighbours as one range.
#[must_use]
pub fn join_ports(present: &str, more: &str) -> Option<String> {
    let mut ranges = port_ranges(present)?;
    ranges.extend(port_ranges(more)?);
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    let text = merged.into_iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    Some(text.collect::<Vec<_>>().join(","))
}

/// The ranges of a list, both ends included, in the order of the text.
pub(super) fn port_ranges(text: &str) -> Option<Vec<(u32, u32)>> {
    let port =
        |word: &str| parse_number(word).filter(|_| !word.starts_with('-')).and_then(|port| u16::try_from(port).ok());
    let range = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last) = (port(first)?, port(last)?);
        (first <= last).then_some((first.into(), last.into()))
    };
    text.trim().split(',').filter(|word| !word.is_empty()).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_the_base_that_the_kernel_reads_them_in() {
        let read = [("0x3", 3), ("0XfF", 255), ("010", 8), ("-5", -5), ("-0x10", -16), ("0", 0), ("-0", 0), ("00", 0)];
        for (text, number) in read {
            assert_eq!(parse_number(text), Some(number), "{text}");
        }
        for text in ["", "-", "+2", "0x", "0xg", "08", "--2", "0x-2", "2.0", "2-"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn two_ways_of_writing_a_value_are_one() {
        let same = |key: &str, one: &str, other: &str| same_value(&key.parse().unwrap(), one, other);
        assert!(same("net.ipv4.tcp_fastopen", "0x3", "3"));
        assert!(same("net.ipv4.tcp_rmem", "4096\t0x20000 6291456\n", "4096 131072 6291456"));
        assert!(same("net.ipv4.ip_local_reserved_ports", "8081,8080,9000-9001,0x2328", "8080-8081,9000-9001"));
        assert!(same("net.ipv4.ip_local_reserved_ports", "", "\n"));
        assert!(same("net.ipv4.tcp_fastopen_key", "1-2-3-AB", "00000001-00000002-00000003-000000ab"));
        assert!(same("net.core.flow_limit_cpu_bitmap", "00000000,0000000f", "F"));
        assert!(same("net.core.flow_limit_cpu_bitmap", "0", "00"));
        assert!(!same("net.core.flow_limit_cpu_bitmap", "1,0", "10"));
        assert!(!same("net.ipv4.tcp_fastopen", "3", "1"));
        assert!(!same("net.ipv4.tcp_congestion_control", "0x3", "3"));
        assert!(!same("net.ipv4.ip_local_reserved_ports", "8080,8082", "8080-8082"));
        assert!(!same("vm.swappiness", "0x3", "3"), "how that one is read is not known");
    }

    #[test]
    fn ports_are_joined_as_the_kernel_prints_them() {
        assert_eq!(join_ports("8080,9000-9010", "30000-32767").as_deref(), Some("8080,9000-9010,30000-32767"));
        assert_eq!(join_ports("5,6", "4,7").as_deref(), Some("4-7"));
        assert_eq!(join_ports("9-8", ""), None);
        assert_eq!(join_ports("8080, 9000", ""), None);
    }
}
