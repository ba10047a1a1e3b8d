//! Rules about keys.

use super::{Hit, Judge, LineCase, LintRule, Severity};
use crate::catalog::{self, TakesEffect};
use crate::snapshot::SysctlReading;
use crate::tune::sysctl_d::KeyTarget;

/// The rules.
pub(super) const RULES: &[LintRule] = &[
    LintRule {
        id: "bad-key",
        severity: Severity::Error,
        finds: "a name that no key can have",
        why: "nothing below /proc/sys is called so, and nothing is set",
        instead: "a name such as net.ipv4.tcp_syn_retries",
        topic: None,
        judge: Judge::Line(bad_key),
    },
    LintRule {
        id: "unknown-key",
        severity: Severity::Error,
        finds: "a key that no kernel has",
        why: "systemd-sysctl warns in the journal and goes on, `sysctl --system` says nothing; nothing is set",
        instead: "delete the line",
        topic: None,
        judge: Judge::Line(unknown),
    },
    LintRule {
        id: "removed-key",
        severity: Severity::Error,
        finds: "a key that the kernel no longer has",
        why: "nothing is set, and no reader makes a noise about it",
        instead: "delete the line",
        topic: None,
        judge: Judge::Line(removed),
    },
    LintRule {
        id: "newer-key",
        severity: Severity::Warning,
        finds: "a key that only newer kernels have",
        why: "nothing is set until such a kernel is booted",
        instead: "a `-` in front of it if the file is shared with newer hosts, or delete the line",
        topic: None,
        judge: Judge::Line(newer),
    },
    LintRule {
        id: "vendor-key",
        severity: Severity::Error,
        finds: "a key that no released Linux has",
        why: "it was copied from a system with a kernel of its own; nothing is set here",
        instead: "delete the line",
        topic: None,
        judge: Judge::Line(|line| {
            let builds = line.row?.only_in?;
            let here = line.key.and_then(|key| line.case.reading(key));
            (!matches!(here, Some(SysctlReading::Value(_))) && !line.line.ignore_failure)
                .then(|| Hit::new(format!("{} is only in {builds}", line.name())))
        }),
    },
    LintRule {
        id: "absent-key",
        severity: Severity::Warning,
        finds: "a key that this kernel does not have",
        why: "nothing is set: it is spelt wrong, or this kernel was built without it",
        instead: "a `-` in front of it if the file is shared with other hosts, or delete the line",
        topic: None,
        judge: Judge::Line(absent),
    },
    LintRule {
        id: "absent-interface",
        severity: Severity::Note,
        finds: "a key of an interface that is not here now",
        why: "it is set when the interface appears, where systemd's rules for udev are in force, and else never",
        instead: "the interface's name as `ip link` shows it, should it be spelt wrong",
        topic: None,
        judge: Judge::Line(absent_interface),
    },
    LintRule {
        id: "module-key",
        severity: Severity::Warning,
        finds: "a key that is there only while a module is loaded",
        why: "systemd-sysctl runs once, early at boot; when the module is loaded later the key comes with its default",
        instead: "the module's name in a file of /etc/modules-load.d, which is read before sysctl.d",
        topic: None,
        judge: Judge::Line(module),
    },
    LintRule {
        id: "read-only-key",
        severity: Severity::Error,
        finds: "a key that cannot be written",
        why: "the kernel only tells something by it",
        instead: "delete the line",
        topic: None,
        judge: Judge::Line(|line| {
            let read_only = line.row?.takes_effect == TakesEffect::ReadOnly;
            read_only.then(|| Hit::new(format!("{} is read-only", line.name())))
        }),
    },
    LintRule {
        id: "no-effect",
        severity: Severity::Warning,
        finds: "a key that the kernel no longer pays attention to",
        why: "the kernel takes the value and never looks at it",
        instead: "delete the line",
        topic: None,
        judge: Judge::Line(|line| {
            let (row, version) = (line.row?, line.case.host.version?);
            let since = row.idle_since.filter(|_| row.exists(version) && row.is_idle(version))?;
            let when = if since.major == 0 { String::new() } else { format!(" since {since}") };
            Some(Hit::new(format!("{} has had no effect{when}", line.name())))
        }),
    },
    LintRule {
        id: "dotted-interface",
        severity: Severity::Error,
        finds: "an interface whose own name has a dot, written with dots",
        why: "every dot is taken for a separator, so the path does not exist; `sysctl --system` says nothing",
        instead: "the spelling with slashes",
        topic: None,
        judge: Judge::Line(dotted),
    },
];

/// Whether the running kernel was asked for the key and has it.
fn is_here(line: &LineCase<'_>) -> bool {
    let reading = line.key.and_then(|key| line.case.reading(key));
    matches!(reading, Some(SysctlReading::Value(_) | SysctlReading::Unreadable(_)))
}

fn bad_key(line: &LineCase<'_>) -> Option<Hit> {
    let KeyTarget::Unusable(reason) = line.line.target else { return None };
    let spelled: String = line.line.spelled.chars().take(80).collect();
    let hit = Hit::new(format!("`{spelled}` is no key: {reason}"));
    let bare = spelled.trim_start_matches("/proc/sys/").trim_start_matches("sysctl ").trim_start_matches("-w ");
    let bare = bare.trim_matches(['"', '\'']);
    Some(match catalog::find_by_name(bare) {
        Some(row) if bare != spelled => hit.instead(format!("`{} = {}`", row.key, line.value)),
        _ => hit,
    })
}

fn unknown(line: &LineCase<'_>) -> Option<Hit> {
    let key = line.key?.as_str();
    let known = line.row.is_some() || catalog::elsewhere(key).is_some() || catalog::old_name(key).is_some();
    // sysctl.d(5): what stands behind a `-` may fail.
    if known || !catalog::is_charted(key) || is_here(line) || line.line.ignore_failure {
        return None;
    }
    let hit = Hit::new(format!("no kernel has {key}"));
    Some(match catalog::nearest(key).as_slice() {
        [] => hit,
        [first, ..] => hit.instead(format!("did you mean {first}? Otherwise delete the line")),
    })
}

fn removed(line: &LineCase<'_>) -> Option<Hit> {
    let key = line.key?.as_str();
    if is_here(line) || line.line.ignore_failure {
        return None;
    }
    if let Some(instead) = catalog::old_name(key) {
        let hit = Hit::new(format!("{key} was gone before 4.14"));
        return Some(if instead.is_empty() { hit } else { hit.instead(instead) });
    }
    let (row, version) = (line.row?, line.case.host.version?);
    let removed = row.removed.filter(|removed| version >= *removed)?;
    let hit = Hit::new(format!("{key} was removed in {removed}"));
    Some(if row.misunderstood.is_empty() { hit } else { hit.because(row.misunderstood) })
}

fn newer(line: &LineCase<'_>) -> Option<Hit> {
    let (row, version) = (line.row?, line.case.host.version?);
    let later = row.only_in.is_none() && version < row.since && !is_here(line) && !line.line.ignore_failure;
    later.then(|| Hit::new(format!("Linux {version} has no {}: it came with {}", row.key, row.since)))
}

fn absent(line: &LineCase<'_>) -> Option<Hit> {
    let key = line.key?;
    let asked = line.case.reading(key) == Some(&SysctlReading::Absent) && !line.line.ignore_failure;
    let others = catalog::is_charted(key.as_str())
        || catalog::module_of(key.as_str()).is_some()
        || catalog::old_name(key.as_str()).is_some()
        || is_dotted(line)
        || interface(key.as_str()).is_some();
    (asked && !others).then(|| Hit::new(format!("this kernel has no {key}")))
}

fn absent_interface(line: &LineCase<'_>) -> Option<Hit> {
    let key = line.key?;
    let absent = line.case.reading(key) == Some(&SysctlReading::Absent) && !line.line.ignore_failure;
    let interface = interface(key.as_str()).filter(|_| absent && !is_dotted(line))?;
    Some(Hit::new(format!("there is no interface {interface} now that would have {key}")))
}

/// The interface that a key is about; nothing for those of all interfaces, and of the one that every namespace has.
fn interface(key: &str) -> Option<&str> {
    let (interface, _) = INTERFACES.iter().find_map(|folder| key.strip_prefix(folder))?.split_once('.')?;
    (!["all", "default", "lo"].contains(&interface)).then_some(interface)
}

fn module(line: &LineCase<'_>) -> Option<Hit> {
    let key = line.key?;
    let module = catalog::module_of(key.as_str())?;
    let (host, tree) = (line.case.host, line.case.tree);
    let loaded = host.loaded_modules.as_ref().map(|modules| modules.contains(module));
    // There without the module: it is built into the kernel, and the key is there from the beginning.
    let built_in = is_here(line) && loaded == Some(false);
    if built_in || tree.boot_modules.contains(module) {
        return None;
    }
    let now = match (loaded, is_here(line)) {
        (Some(true), _) => "; it is loaded now, and nothing says that it is at boot",
        (Some(false), _) => "; it is not loaded",
        (None, _) => "",
    };
    Some(Hit::new(format!("{key} comes with the module {module}{now}")).instead(format!(
        "{module} in a file such as /etc/modules-load.d/{module}.conf, which is read before sysctl.d"
    )))
}

/// Folders whose next part is the name of an interface and whose last is the setting.
const INTERFACES: [&str; 4] = ["net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.", "net.ipv6.neigh."];

fn is_dotted(line: &LineCase<'_>) -> bool {
    let Some(key) = line.key else { return false };
    let rest = INTERFACES.iter().find_map(|folder| key.as_str().strip_prefix(folder));
    rest.is_some_and(|rest| rest.split('.').count() > 2)
}

fn dotted(line: &LineCase<'_>) -> Option<Hit> {
    if !is_dotted(line) {
        return None;
    }
    let key = line.key?.as_str();
    let folder = INTERFACES.iter().find(|folder| key.starts_with(**folder))?;
    let (interface, leaf) = key.strip_prefix(folder)?.rsplit_once('.')?;
    let path = format!("{}{}/{leaf}", folder.replace('.', "/"), interface);
    let hit = Hit::new(format!("every dot of `{interface}` is taken for a separator"));
    Some(hit.instead(format!("`{path} = {}`", line.value)))
}
