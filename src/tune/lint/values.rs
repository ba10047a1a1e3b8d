//! Rules about values that the kernel refuses, or takes otherwise than they are meant.

use super::{Hit, Judge, LineCase, LintRule, Severity};
use crate::catalog::{self, Form, ValueError};
use crate::snapshot::SysctlReading;
use crate::units::KernelVersion;

/// The rules.
pub(super) const RULES: &[LintRule] = &[
    LintRule {
        id: "empty-value",
        severity: Severity::Error,
        finds: "no value behind the equals sign",
        why: "an empty text is written, which the kernel refuses with EINVAL; the old value stays",
        instead: "a value, or delete the line",
        topic: None,
        judge: Judge::Line(|line| {
            let row = line.row?;
            let refused = line.value.is_empty() && row.form != Form::Ports;
            refused.then(|| Hit::new(format!("{} is given no value", row.key)))
        }),
    },
    LintRule {
        id: "quoted-value",
        severity: Severity::Error,
        finds: "quotes around a value",
        why: "they are taken for a part of the value, which the kernel refuses with EINVAL; the old value stays",
        instead: "the value without quotes",
        topic: None,
        judge: Judge::Line(|line| {
            line.line.value.starts_with(['"', '\'']).then(|| {
                let instead = format!("`{} = {}`", line.line.spelled, line.value);
                Hit::value("the quotes are a part of the value").instead(instead)
            })
        }),
    },
    LintRule {
        id: "inline-comment",
        severity: Severity::Warning,
        finds: "a comment behind a value",
        why: "it is a part of the value: keys of numbers stop at the blank before it, keys of words refuse it all",
        instead: "the comment on a line of its own",
        topic: None,
        judge: Judge::Line(|line| {
            let raw = catalog::normalize_value(&line.line.value);
            let commented = raw.contains(" #") || raw.contains(" ;");
            commented.then(|| {
                let instead = format!("`{} = {}`, and the comment on a line of its own", line.line.spelled, line.value);
                Hit::value("what follows the value is no comment but a part of it").instead(instead)
            })
        }),
    },
    LintRule {
        id: "bad-value",
        severity: Severity::Error,
        finds: "a value that is not built as the key's must be",
        why: "the kernel refuses it with EINVAL, or takes what it understands and leaves the rest as it was",
        instead: "a value as the message says",
        topic: None,
        judge: Judge::Line(|line| match refusal(line)? {
            error @ ValueError::Malformed { .. } => Some(malformed(line, &error)),
            _ => None,
        }),
    },
    LintRule {
        id: "octal-number",
        severity: Severity::Warning,
        finds: "a number with a leading zero",
        why: "the kernel reads numbers as C does: behind a zero in base 8, behind 0x in base 16",
        instead: "the number without the zero",
        topic: None,
        judge: Judge::Line(octal),
    },
    LintRule {
        id: "out-of-range",
        severity: Severity::Error,
        finds: "a number that the kernel refuses",
        why: "the write fails with EINVAL and the old value stays; `sysctl --system` of older releases even exits with 0",
        instead: "a number in that range, or delete the line",
        topic: None,
        judge: Judge::Line(|line| match refusal(line)? {
            error @ ValueError::OutOfRange { .. } if !wraps(line) => Some(Hit::value(error.to_string())),
            _ => None,
        }),
    },
    LintRule {
        id: "wraps-around",
        severity: Severity::Error,
        finds: "a number that the kernel cuts instead of refusing",
        why: "the kernel keeps the lower 32 bits: 4294967296 becomes 0",
        instead: "a number up to 2147483647",
        topic: None,
        judge: Judge::Line(|line| match refusal(line)? {
            ValueError::OutOfRange { number, .. } if wraps(line) => {
                Some(Hit::value(format!("{number} wraps around in {}", line.name())))
            }
            _ => None,
        }),
    },
    LintRule {
        id: "not-rising",
        severity: Severity::Error,
        finds: "numbers that must rise and do not",
        why: "the last number would be less than what comes before it",
        instead: "the numbers in rising order",
        topic: None,
        judge: Judge::Line(|line| match refusal(line)? {
            error @ ValueError::NotRising { .. } => Some(Hit::value(error.to_string())),
            _ => None,
        }),
    },
    LintRule {
        id: "meaningless-value",
        severity: Severity::Warning,
        finds: "a number that the kernel takes and that means nothing",
        why: "the kernel does not check it; it acts as some other number",
        instead: "one of the numbers that mean something",
        topic: None,
        judge: Judge::Line(meaningless),
    },
    LintRule {
        id: "unknown-name",
        severity: Severity::Warning,
        finds: "a congestion control or a queueing discipline that no Linux has",
        why: "the kernel looks for a module of that name and refuses the value with ENOENT where there is none; the old \
              value stays",
        instead: "a name that tcp_available_congestion_control or tc-qdisc(8) has, unless a module or a BPF program of \
                  your own brings it",
        topic: None,
        judge: Judge::Line(unknown_name),
    },
];

/// Why the kernel would not take the value, where other rules do not say it better.
pub(super) fn refusal(line: &LineCase<'_>) -> Option<ValueError> {
    let row = line.row?;
    let version = line.case.host.version.unwrap_or(KernelVersion::new(u16::MAX, 0));
    if line.value.is_empty() || !row.exists(version) {
        return None;
    }
    catalog::check_value(row.key, &line.value, version, line.case.host.hz).err()
}

fn unknown_name(line: &LineCase<'_>) -> Option<Hit> {
    let key = line.row?.key;
    let (what, names) = catalog::names_of(key)?;
    let version = line.case.host.version;
    // What the running kernel has is known to it, wherever it came from.
    let available = "net.ipv4.tcp_available_congestion_control".parse().ok();
    let here = match available.as_ref().and_then(|key| line.case.reading(key)) {
        Some(SysctlReading::Value(list)) if what == "congestion control" => list.as_str(),
        _ => "",
    };
    line.value
        .split(' ')
        .filter(|word| !word.is_empty() && !here.split_whitespace().any(|name| name == *word))
        .find_map(|word| match names.iter().find(|named| named.name == word) {
            Some(named) => {
                let version = version?;
                let gone = named.removed.filter(|removed| version >= *removed);
                let later = (version < named.since).then_some(named.since);
                let says = match (later, gone) {
                    (Some(since), _) => format!("Linux {version} has no {what} {word}: it came with {since}"),
                    (_, Some(removed)) => format!("Linux {version} has no {what} {word}: it was removed in {removed}"),
                    (None, None) => return None,
                };
                Some(Hit::value(says))
            }
            None => {
                let hit = Hit::value(format!("no Linux has a {what} named {word}"));
                Some(match catalog::nearest_name(key, word) {
                    Some(nearest) => hit.instead(format!("did you mean {nearest}?")),
                    None => hit,
                })
            }
        })
}

fn octal(line: &LineCase<'_>) -> Option<Hit> {
    if !matches!(line.row?.form, Form::Numbers(_)) {
        return None;
    }
    let is_octal = |word: &&str| word.len() > 1 && word.starts_with('0') && word.bytes().all(|c| c.is_ascii_digit());
    let (word, bare) = line.value.split(' ').find(is_octal).map(|word| (word, word.trim_start_matches('0')))?;
    let number = catalog::parse_number(word).filter(|number| number.to_string() != bare && *number != 0)?;
    Some(
        Hit::value(format!("`{word}` is {number} to the kernel"))
            .instead(format!("{bare}, or {number} where that is meant")),
    )
}

fn wraps(line: &LineCase<'_>) -> bool {
    line.row.is_some_and(|row| row.note.contains("wrap around")) && line.number().is_some_and(|number| number > 1 << 31)
}

fn malformed(line: &LineCase<'_>, error: &ValueError) -> Hit {
    let hit = Hit::value(error.to_string());
    let count = line.value.split(' ').count();
    match line.row.map(|row| row.form) {
        // Integer handlers stop at the end of the text (measured on 6.18).
        Some(Form::Numbers(wanted)) if count < wanted && line.numbers().is_some() => hit.because(format!(
            "the kernel sets the first {count} of {wanted} numbers and leaves the rest as they were, without a word"
        )),
        Some(Form::Numbers(wanted)) if count > wanted && line.numbers().is_some() => {
            hit.because(format!("the kernel takes the first {wanted} and drops the rest without a word"))
        }
        _ => hit,
    }
}

/// Keys whose type is wider than what means something: the greatest number that does, and what a greater one does.
const MEANINGFUL: [(&str, i128, &str); 7] = [
    // 1, 2, 4, 0x200 and 0x400 (include/net/tcp.h).
    ("net.ipv4.tcp_fastopen", 0x607, "has bits that mean nothing"),
    ("net.ipv4.tcp_syncookies", 2, "acts as 1"),
    ("net.ipv4.tcp_timestamps", 2, "acts as 2"),
    ("net.ipv4.tcp_mtu_probing", 2, "acts as 2"),
    ("net.ipv4.tcp_frto", 2, "acts as 2"),
    ("net.ipv4.tcp_recovery", 7, "has bits that mean nothing"),
    ("net.ipv4.ip_no_pmtu_disc", 3, "means nothing"),
];

fn meaningless(line: &LineCase<'_>) -> Option<Hit> {
    let number = line.number()?;
    // What is out of range is said by another rule.
    if refusal(line).is_some() {
        return None;
    }
    let beyond = |most: i128| number > most || number < 0;
    if let Some((_, most, acts)) = MEANINGFUL.iter().find(|(key, most, _)| line.is(key) && beyond(*most)) {
        return Some(Hit::value(format!("{} = {number} {acts}; 0 to {most} mean something", line.name())));
    }
    let row = line.row?;
    if row.unit == "bool" && number > 1 {
        return Some(Hit::value(format!("{} = {number} acts as 1", row.key)));
    }
    let times = ["net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_fin_timeout"];
    if times.contains(&row.key) && number <= 0 {
        return Some(Hit::value(format!("{} = {number} is taken without a check and is no time", row.key)));
    }
    None
}
