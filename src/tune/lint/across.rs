//! Rules about lines that have to do with each other.

use std::collections::BTreeMap;

use super::{Hit, Judge, LintCase, LintRule, Severity, Spot};
use crate::catalog::{self, canonical_value};
use crate::tune::DROP_IN;
use crate::tune::sysctl_d::{Assignment, Setting, SysctlFile};

const fn rule(
    id: &'static str,
    severity: Severity,
    [finds, why, instead]: [&'static str; 3],
    check: fn(&LintCase<'_>) -> Vec<(Spot, Hit)>,
) -> LintRule {
    LintRule { id, severity, finds, why, instead, topic: None, judge: Judge::Whole(check) }
}

/// The rules.
pub(super) const RULES: &[LintRule] = &[
    rule(
        "duplicate",
        Severity::Warning,
        [
            "a line that says again what an earlier one says",
            "a later change of one of them is easily lost on the other",
            "one of them",
        ],
        duplicates,
    ),
    rule(
        "overridden",
        Severity::Warning,
        [
            "a value that a later line takes back",
            "the last line in the order of reading decides; this one does nothing",
            "one line for the key, in the file that is read last",
        ],
        overridden,
    ),
    rule(
        "readers-differ",
        Severity::Warning,
        [
            "a key that gets one value at boot and another from `sysctl --system`",
            "the value changes as soon as somebody runs `sysctl --system`, and changes back at the next boot",
            "the line in one place: a file of /etc/sysctl.d that is read last, and not in /etc/sysctl.conf",
        ],
        readers_differ,
    ),
    rule(
        "pattern-shadowed",
        Severity::Warning,
        [
            "a pattern that does not reach a key named before it",
            "a line that names a key beats every pattern, wherever the two stand",
            "the key by name after it, if the pattern's value is wanted",
        ],
        shadowed,
    ),
    rule(
        "contradiction",
        Severity::Warning,
        ["settings that do not go together", "one of them undoes the other", "one of them changed"],
        contradictions,
    ),
    rule(
        "syn-backlog-idle",
        Severity::Note,
        [
            "tcp_max_syn_backlog while SYN cookies are on",
            "the kernel looks at it only where tcp_syncookies is 0; the backlog of listen() is the SYN queue's length",
            "net.core.somaxconn, and the backlog of the application's listen()",
        ],
        syn_backlog_idle,
    ),
];

fn spot(file: &SysctlFile, line: &Assignment) -> Spot {
    Spot { file: file.path.clone(), place: Some(line.place), key: Some(line.spelled.clone()), vendor: file.is_vendor() }
}

fn spot_of(setting: &Setting) -> Spot {
    Spot {
        file: setting.file.clone(),
        place: Some(setting.place),
        key: Some(setting.spelled.clone()),
        vendor: setting.vendor,
    }
}

fn at(setting: &Setting) -> String {
    format!("{}:{}", setting.file, setting.place.line)
}

/// The same key with the same value again, in one file or in another that is read later. To say again what a package
/// says is to hold fast to it, and tcpctl's own file says what has to be so whoever else says it.
fn duplicates(case: &LintCase<'_>) -> Vec<(Spot, Hit)> {
    let mut found = Vec::new();
    for (key, lines) in case.by_key() {
        let mut before: BTreeMap<String, (&SysctlFile, usize)> = BTreeMap::new();
        for (file, line) in lines {
            let value = canonical_value(key.as_str(), &line.value);
            let earlier = before.insert(value.clone(), (file, line.place.line));
            let Some((other, earlier)) = earlier else { continue };
            let own = |file: &SysctlFile| file.name == DROP_IN;
            let place = match other.path == file.path {
                true => format!("line {earlier}"),
                false if other.is_vendor() || file.is_vendor() || own(other) || own(file) => continue,
                false => format!("{}:{earlier}", other.path),
            };
            found.push((spot(file, line), Hit::new(format!("{key} = {value} stands in {place} already"))));
        }
    }
    found
}

/// Lines that lose to a later one, of keys that this program knows: what others mean by theirs is theirs to know.
fn overridden(case: &LintCase<'_>) -> Vec<(Spot, Hit)> {
    let mut found = Vec::new();
    for key in case.systemd.keys().filter(|key| catalog::find(key.as_str()).is_some()) {
        let decision = case.systemd.decide(key);
        let Some(winner) = decision.decided_by else { continue };
        // What a package ships is there to be overridden, and a pattern to be narrowed.
        for loser in decision.overridden.iter().filter(|loser| !loser.vendor && !loser.by_glob) {
            let message = format!("{} is taken back by {}, which says {}", loser.value, at(&winner), winner.value);
            found.push((spot_of(loser), Hit::new(format!("{key} = {message}"))));
        }
    }
    found
}

fn readers_differ(case: &LintCase<'_>) -> Vec<(Spot, Hit)> {
    if case.is_part() {
        return Vec::new();
    }
    let linked = case.tree.files.iter().any(|file| file.is_sysctl_conf);
    let mut keys: Vec<_> = case.systemd.keys().chain(case.procps.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut found = Vec::new();
    for key in keys {
        let (boot, by_hand) = (case.systemd.decide(key), case.procps.decide(key));
        let value =
            |winner: &Option<Setting>| winner.as_ref().map(|winner| canonical_value(key.as_str(), &winner.value));
        if value(&boot.decided_by) == value(&by_hand.decided_by) {
            continue;
        }
        let message = match (&boot.decided_by, &by_hand.decided_by) {
            (Some(boot), Some(hand)) => {
                format!(
                    "{key} is {} at boot ({}) and {} by `sysctl --system` ({})",
                    boot.value,
                    at(boot),
                    hand.value,
                    at(hand)
                )
            }
            (None, Some(hand)) => format!("{key} is not set at boot and {} by `sysctl --system`", hand.value),
            (Some(boot), None) => format!("{key} is {} at boot and not set by `sysctl --system`", boot.value),
            (None, None) => continue,
        };
        // Rules of their own say that hidden files and an unlinked sysctl.conf are not read at boot.
        let own_rule = boot.decided_by.is_none() && boot.cancelled_by.is_none() && !linked;
        let Some(winner) = by_hand.decided_by.or(boot.decided_by) else { continue };
        if !own_rule {
            found.push((spot_of(&winner), Hit::new(message)));
        }
    }
    found
}

fn shadowed(case: &LintCase<'_>) -> Vec<(Spot, Hit)> {
    let mut found = Vec::new();
    let order: BTreeMap<&str, usize> =
        case.systemd_order().into_iter().enumerate().map(|(turn, file)| (file.path.as_str(), turn)).collect();
    let turn = |setting: &Setting| (order.get(setting.file.as_str()).copied(), setting.place);
    for key in case.systemd.keys() {
        let decision = case.systemd.decide(key);
        let Some(winner) = decision.decided_by.filter(|winner| !winner.by_glob) else { continue };
        for pattern in decision.overridden.iter().filter(|loser| loser.by_glob && !loser.vendor) {
            // A key that is named later, in the same file or in another, is meant to be other than the pattern.
            if turn(&winner) < turn(pattern) {
                let message =
                    format!("{} does not reach {key}, which {} sets to {}", pattern.spelled, at(&winner), winner.value);
                found.push((spot_of(pattern), Hit::new(message)));
            }
        }
    }
    found
}

/// Two settings that do not go together.
struct Pair {
    /// The key whose line the finding stands at.
    key: &'static str,
    /// The other key.
    other: &'static str,
    /// Whether their values contradict each other.
    clash: fn(&[i128], &[i128]) -> bool,
    /// What comes of it.
    why: &'static str,
    /// Whether one of them may be the kernel's default; otherwise both must stand in files.
    with_default: bool,
}

const PAIRS: &[Pair] = &[
    Pair {
        key: "net.ipv4.tcp_tw_reuse",
        other: "net.ipv4.tcp_timestamps",
        clash: |reuse, timestamps| reuse.first().is_some_and(|value| *value != 0) && timestamps.first() == Some(&0),
        why: "without timestamps no TIME-WAIT is ever reused",
        with_default: false,
    },
    Pair {
        key: "net.ipv4.ip_unprivileged_port_start",
        other: "net.ipv4.ip_local_port_range",
        clash: |start, range| start.first().zip(range.first()).is_some_and(|(start, low)| start > low),
        why: "the kernel refuses a range that begins below the first unprivileged port, whichever comes second",
        with_default: true,
    },
    Pair {
        key: "net.ipv4.tcp_reordering",
        other: "net.ipv4.tcp_max_reordering",
        clash: |initial, most| initial.first().zip(most.first()).is_some_and(|(initial, most)| initial > most),
        why: "the initial degree of reordering is above the limit, which new kernels refuse",
        with_default: true,
    },
    Pair {
        key: "net.netfilter.nf_conntrack_tcp_timeout_established",
        other: "net.ipv4.tcp_keepalive_time",
        clash: |forgotten, idle| forgotten.first().zip(idle.first()).is_some_and(|(forgotten, idle)| forgotten <= idle),
        why: "the tracker forgets a quiet connection before its first keepalive probe is sent",
        with_default: false,
    },
    Pair {
        key: "net.ipv4.tcp_rmem",
        other: "net.ipv4.tcp_window_scaling",
        clash: |buffers, scaling| buffers.get(2).is_some_and(|most| *most > 65_535 * 2) && scaling.first() == Some(&0),
        why: "without window scaling no window is above 64 KB, however large the buffer",
        with_default: false,
    },
    Pair {
        key: "net.ipv4.tcp_rmem",
        other: "net.ipv4.tcp_moderate_rcvbuf",
        clash: |_, moderate| moderate.first() == Some(&0),
        why: "without autotuning the third number is never reached",
        with_default: false,
    },
];

fn contradictions(case: &LintCase<'_>) -> Vec<(Spot, Hit)> {
    let numbers = |text: &str| text.split_whitespace().map(|word| word.parse().ok()).collect::<Option<Vec<i128>>>();
    let mut found = Vec::new();
    for pair in PAIRS {
        let value = |key| if pair.with_default { case.after_boot(key) } else { case.settled(key) };
        let Some((one, other)) = value(pair.key).zip(value(pair.other)) else { continue };
        let clash = numbers(&one).zip(numbers(&other)).is_some_and(|(one, other)| (pair.clash)(&one, &other));
        // At the line of the one, or where that has its default at the line of the other.
        let line = case.lines_of(pair.key).pop().or_else(|| case.lines_of(pair.other).pop());
        if let (true, Some((file, line))) = (clash, line) {
            let message = format!("{} = {one} does not go together with {} = {other}", pair.key, pair.other);
            found.push((spot(file, line), Hit::new(message).because(pair.why)));
        }
    }
    found
}

fn syn_backlog_idle(case: &LintCase<'_>) -> Vec<(Spot, Hit)> {
    let cookies = case.after_boot("net.ipv4.tcp_syncookies").filter(|value| value != "0");
    let Some(cookies) = cookies else { return Vec::new() };
    let lines = case.lines_of("net.ipv4.tcp_max_syn_backlog");
    let hit = |(file, line): &(&SysctlFile, &Assignment)| {
        let message = format!("tcp_max_syn_backlog has no effect while tcp_syncookies is {cookies}");
        (spot(file, line), Hit::new(message))
    };
    lines.last().map(hit).into_iter().collect()
}
