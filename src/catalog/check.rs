//! Whether the kernel would take a value.

use super::canonical::{canonical_value, port_ranges};
use super::{Bound, Form, Order, Parameter, find, nearest, parse_number};
use crate::units::{Hz, KernelVersion};

/// Why the kernel would not take a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The table does not have the key.
    #[error("{key} is not a sysctl that this program knows{}", did_you_mean(.nearest))]
    UnknownKey {
        /// What was given.
        key: String,
        /// The keys most like it.
        nearest: Vec<&'static str>,
    },
    /// That kernel does not have the key.
    #[error("Linux {version} has no {key}: it {since_until}")]
    NotInThisKernel {
        /// The key.
        key: &'static str,
        /// The kernel.
        version: KernelVersion,
        /// Which kernels have it.
        since_until: String,
    },
    /// The text is not built as it must be.
    #[error("`{text}` is not a value of {key}; expected {expected}")]
    Malformed {
        /// The key.
        key: &'static str,
        /// What was given.
        text: String,
        /// What was expected.
        expected: String,
    },
    /// A number is outside what the kernel accepts.
    #[error(
        "{number} is out of range for {key}: the kernel takes {range} and refuses the rest with EINVAL (Invalid argument)"
    )]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The number.
        number: i128,
        /// What is accepted, in words.
        range: String,
    },
    /// A number is less than the one before it.
    #[error("`{text}` is not a value of {key}: {less} comes after {number} and is less; {who}")]
    NotRising {
        /// The key.
        key: &'static str,
        /// What was given.
        text: String,
        /// The greater number.
        number: i128,
        /// The lesser one after it.
        less: i128,
        /// Who refuses that.
        who: &'static str,
    },
    /// It cannot be written at all.
    #[error("{key} is read-only")]
    ReadOnly {
        /// The key.
        key: &'static str,
    },
}

/// `; did you mean A, B or C?`, or nothing.
fn did_you_mean(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("; did you mean {one}?"),
        [first @ .., last] => format!("; did you mean {} or {last}?", first.join(", ")),
    }
}

/// A value as it is compared and shown: blanks and tabs between numbers or words turned into single blanks,
/// none at the ends.
#[must_use]
pub fn normalize_value(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a kernel would take `text` as the value of `key`.
///
/// Bounds that depend on the tick rate are taken at `hz`, or where that is not known at 100 Hz, the most generous
/// common rate; a kernel that ticks faster may then still refuse a value that this lets through, and says so on the
/// write.
///
/// # Errors
/// Says which rule of the kernel it breaks.
pub fn check_value(key: &str, text: &str, version: KernelVersion, hz: Option<Hz>) -> Result<(), ValueError> {
    let Some(parameter) = find(key) else {
        return Err(ValueError::UnknownKey { key: key.to_owned(), nearest: nearest(key) });
    };
    if !parameter.exists(version) {
        let since_until = match (parameter.removed, parameter.only_in) {
            (_, Some(builds)) => format!("is only in {builds}"),
            (Some(removed), _) if version >= removed => format!("was removed in {removed}"),
            _ => format!("came with {}", parameter.since),
        };
        return Err(ValueError::NotInThisKernel { key: parameter.key, version, since_until });
    }
    if parameter.takes_effect == super::TakesEffect::ReadOnly {
        return Err(ValueError::ReadOnly { key: parameter.key });
    }
    let malformed = |expected: String| ValueError::Malformed { key: parameter.key, text: text.to_owned(), expected };
    match parameter.form {
        Form::Numbers(count) => {
            let numbers = check_numbers(text, count).map_err(malformed)?;
            check_range(parameter, &numbers, version, hz)?;
            check_order(parameter, &numbers, text)
        }
        Form::Name if text.split_whitespace().count() != 1 => Err(malformed("one word".to_owned())),
        Form::Words if text.trim().is_empty() => Err(malformed("words separated by blanks".to_owned())),
        Form::Ports => check_ports(text).map_err(malformed),
        Form::Hex if !text.chars().all(|c| c.is_ascii_hexdigit() || ",- ".contains(c)) => {
            Err(malformed("hexadecimal digits".to_owned()))
        }
        Form::Name | Form::Words | Form::Hex => Ok(()),
    }
}

/// What the kernel holds after `text` was written to `key`: the value as the kernel prints it. Of more words than a key
/// has numbers the kernel reads the first ones and drops the rest without a word (`__do_proc_dointvec()`,
/// kernel/sysctl.c), and numbers that make no sense together it takes.
///
/// # Errors
/// Says which rule of the kernel the text breaks.
pub fn kept_value(key: &str, text: &str, version: KernelVersion, hz: Option<Hz>) -> Result<String, ValueError> {
    let text = match find(key).map(|row| row.form) {
        Some(Form::Numbers(count)) => text.split_whitespace().take(count).collect::<Vec<_>>().join(" "),
        _ => text.to_owned(),
    };
    let only_sense = find(key).is_some_and(|row| matches!(row.order, Order::RisingBySense));
    match check_value(key, &text, version, hz) {
        Err(error) if !(only_sense && matches!(error, ValueError::NotRising { .. })) => Err(error),
        _ => Ok(hz.and_then(|hz| rounded_to_ticks(key, &text, hz)).unwrap_or_else(|| canonical_value(key, &text))),
    }
}

/// Keys in milliseconds that the kernel keeps in ticks (`proc_dointvec_ms_jiffies()`, kernel/sysctl.c).
const IN_TICKS: [&str; 2] = ["net.ipv4.tcp_invalid_ratelimit", "net.ipv4.icmp_ratelimit"];

/// What the kernel makes of a time that it keeps in whole ticks, in milliseconds: of 501 at 250 ticks a second 504. Nothing
/// for other keys, and where the text is no such time.
#[must_use]
pub fn rounded_to_ticks(key: &str, text: &str, hz: Hz) -> Option<String> {
    let ms =
        parse_number(text.trim()).filter(|ms| IN_TICKS.contains(&key) && (0..=i128::from(i32::MAX)).contains(ms))?;
    let hz = i128::from(hz.get());
    let up = |number: i128, by: i128| (number + by - 1) / by;
    Some(up(up(ms * hz, 1000) * 1000, hz).to_string())
}

/// The numbers of a text, as the kernel reads them.
fn check_numbers(text: &str, count: usize) -> Result<Vec<i128>, String> {
    let expected = || match count {
        1 => "one whole number".to_owned(),
        many => format!("{many} whole numbers separated by blanks"),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() != count {
        return Err(expected());
    }
    let number = |word: &str| {
        let plainly = || match word.parse::<i128>() {
            Ok(number) => format!("{}, written plainly: {number}", expected()),
            Err(_) => expected(),
        };
        parse_number(word).ok_or_else(plainly)
    };
    words.into_iter().map(number).collect()
}

fn check_range(
    parameter: &Parameter,
    numbers: &[i128],
    version: KernelVersion,
    hz: Option<Hz>,
) -> Result<(), ValueError> {
    let range = parameter.range(version);
    let whole = (i128::from(i32::MIN), i128::from(i32::MAX));
    let (min, max) = range.map_or(whole, |range| (range.min.as_number(hz), range.max.as_number(hz)));
    match numbers.iter().find(|number| **number < min || **number > max) {
        Some(number) => {
            Err(ValueError::OutOfRange { key: parameter.key, number: *number, range: format!("{min} to {max}") })
        }
        None => Ok(()),
    }
}

fn check_order(parameter: &Parameter, numbers: &[i128], text: &str) -> Result<(), ValueError> {
    let who = match parameter.order {
        Order::Any => return Ok(()),
        Order::RisingByKernel => "the kernel refuses that with EINVAL (Invalid argument)",
        Order::RisingBySense => "the kernel would take it, but it can only be a mistake, so tcpctl does not",
    };
    for (number, less) in numbers.iter().zip(numbers.iter().skip(1)) {
        if less < number {
            let (number, less, text) = (*number, *less, text.to_owned());
            return Err(ValueError::NotRising { key: parameter.key, text, number, less, who });
        }
    }
    Ok(())
}

/// Ports as `proc_do_large_bitmap` reads them: `8080,9000-9100`.
fn check_ports(text: &str) -> Result<(), String> {
    let expected = || "ports and ranges separated by commas, such as 8080,9000-9100".to_owned();
    port_ranges(text).map(drop).ok_or_else(expected)
}

impl Bound {
    /// The bound as a number; those that depend on the tick rate at this one, or at 100 Hz.
    #[must_use]
    pub fn as_number(self, hz: Option<Hz>) -> i128 {
        let rate = hz.or_else(|| Hz::COMMON.first().copied()).map_or(100, |hz| i128::from(hz.get()));
        match self {
            Self::Number(number) => i128::from(number),
            Self::IntMaxPerHz => i128::from(i32::MAX) / rate,
            Self::MinusIntMaxPerHz => -(i128::from(i32::MAX) / rate),
            Self::UintMaxPerHz => i128::from(u32::MAX) / rate,
            Self::UlongMax => i128::from(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, text: &str) -> Result<(), String> {
        check_value(key, text, KernelVersion::new(6, 18), None).map_err(|error| error.to_string())
    }

    #[test]
    fn vectors_are_separated_by_single_blanks() {
        assert_eq!(normalize_value("4096\t131072\t6291456\n"), "4096 131072 6291456");
        assert_eq!(normalize_value("  bbr "), "bbr");
        assert_eq!(normalize_value("\n"), "");
    }

    #[test]
    fn values_are_refused_with_the_kernels_own_range() {
        assert_eq!(check("net.ipv4.tcp_syn_retries", "6"), Ok(()));
        assert_eq!(
            check("net.ipv4.tcp_syn_retries", "0"),
            Err("0 is out of range for net.ipv4.tcp_syn_retries: the kernel takes 1 to 127 and refuses the rest \
                 with EINVAL (Invalid argument)"
                .into())
        );
        assert!(check("net.ipv4.tcp_syn_retries", "128").is_err());
        assert!(check("net.core.somaxconn", "4294967296").is_err());
        assert!(check("net.core.somaxconn", "99999999999999999999999999").is_err());
        // The kernel takes these and so do we; whether they are wise is for a profile to say.
        assert_eq!(check("net.ipv4.tcp_max_syn_backlog", "-1"), Ok(()));
        assert_eq!(check("net.ipv4.tcp_fin_timeout", "0"), Ok(()));
    }

    #[test]
    fn the_retry_counts_were_plain_integers_before_5_13() {
        let check = |version| check_value("net.ipv4.tcp_retries2", "1000", version, None);
        assert_eq!(check(KernelVersion::new(5, 12)), Ok(()));
        assert!(check(KernelVersion::new(5, 13)).is_err());
    }

    #[test]
    fn the_form_of_a_value_is_checked() {
        assert_eq!(
            check("net.ipv4.tcp_rmem", "4096 131072"),
            Err("`4096 131072` is not a value of net.ipv4.tcp_rmem; expected 3 whole numbers separated by blanks"
                .into())
        );
        assert_eq!(check("net.ipv4.tcp_rmem", "4096\t131072\t6291456"), Ok(()));
        assert!(check("net.ipv4.tcp_syncookies", "on").is_err());
        assert!(check("net.ipv4.tcp_syncookies", "").is_err());
        assert_eq!(check("net.ipv4.ip_local_reserved_ports", ""), Ok(()));
        assert_eq!(check("net.ipv4.ip_local_reserved_ports", "8080,9000-9100"), Ok(()));
        assert!(check("net.ipv4.ip_local_reserved_ports", "9100-9000").is_err());
        assert!(check("net.ipv4.ip_local_reserved_ports", "70000").is_err());
        assert!(check("net.ipv4.tcp_congestion_control", "two words").is_err());
        assert!(check("net.ipv4.tcp_available_congestion_control", "cubic").is_err());
    }

    #[test]
    fn numbers_are_written_as_the_kernel_reads_them() {
        assert_eq!(
            check("net.ipv4.tcp_synack_retries", "+2"),
            Err("`+2` is not a value of net.ipv4.tcp_synack_retries; expected one whole number, written plainly: 2"
                .into())
        );
        for other_base in ["0x10", "010"] {
            assert_eq!(check("net.ipv4.tcp_synack_retries", other_base), Ok(()), "{other_base}");
        }
        assert!(check("net.ipv4.tcp_synack_retries", "0x100").is_err(), "256 is out of range");
        for odd in ["08", "0x", "2.0", "--2", "2-"] {
            assert!(check("net.ipv4.tcp_synack_retries", odd).is_err(), "{odd}");
        }
        assert!(check("net.ipv4.tcp_rmem", "4096 +131072 6291456").is_err());
        for odd in ["+8080", "8080, 9000", "08", "8080 - 8090", "-8080"] {
            assert!(check("net.ipv4.ip_local_reserved_ports", odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn numbers_that_must_rise_do() {
        let refused = |key, text| check(key, text).unwrap_err();
        let range = refused("net.ipv4.ip_local_port_range", "60000 1000");
        assert!(range.contains("1000 comes after 60000") && range.contains("EINVAL"), "{range}");
        assert_eq!(check("net.ipv4.ip_local_port_range", "1024 1024"), Ok(()));
        let buffers = refused("net.ipv4.tcp_rmem", "4096 131072 65536");
        assert!(buffers.contains("65536 comes after 131072") && buffers.contains("kernel would take it"), "{buffers}");
        assert!(check("net.ipv4.tcp_wmem", "4096 16384 8192").is_err());
    }

    #[test]
    fn an_unknown_or_absent_key_says_what_would_be_right() {
        assert_eq!(
            check("net.ipv4.tcp_synack_retrys", "2"),
            Err("net.ipv4.tcp_synack_retrys is not a sysctl that this program knows; \
                 did you mean net.ipv4.tcp_synack_retries, net.ipv4.tcp_syn_retries or net.ipv4.tcp_syncookies?"
                .into())
        );
        let old = check_value("net.ipv4.tcp_syn_linear_timeouts", "4", KernelVersion::new(6, 1), None);
        assert_eq!(
            old.map_err(|error| error.to_string()),
            Err("Linux 6.1 has no net.ipv4.tcp_syn_linear_timeouts: it came with 6.5".into())
        );
    }
}
