//! Rules about files and about lines that are no assignments.

use super::{Hit, Judge, LintCase, LintRule, Severity};
use crate::tune::sysctl_d::{Content, Directory, Fault, Home, Item, Mask, Reader, SysctlFile};

/// The rules.
pub(super) const RULES: &[LintRule] = &[
    LintRule {
        id: "unreadable-file",
        severity: Severity::Error,
        finds: "a file that cannot be read",
        why: "whatever stands in it is not set",
        instead: "a regular file of at most 1 MiB that root can read, or delete it",
        topic: None,
        judge: Judge::File(|_, file| match &file.content {
            Content::Unreadable(reason) => Some(Hit::new(format!("it cannot be read: {reason}"))),
            _ => None,
        }),
    },
    LintRule {
        id: "dangling-link",
        severity: Severity::Warning,
        finds: "a link to a file that is not there",
        why: "it hides files of its name in other directories, and `sysctl --system` fails on it",
        instead: "a link to /dev/null if that is meant, or delete it",
        topic: None,
        judge: Judge::File(|_, file| match &file.content {
            Content::Masks(Mask::Dangling(target)) => {
                Some(Hit::new(format!("it is a link to {target}, which is not there")))
            }
            _ => None,
        }),
    },
    LintRule {
        id: "file-not-read",
        severity: Severity::Warning,
        finds: "a file whose name keeps it from being read",
        why: "both readers take names that end in .conf, exactly so",
        instead: "a name that ends in .conf",
        topic: None,
        judge: Judge::File(not_read),
    },
    LintRule {
        id: "hidden-file",
        severity: Severity::Warning,
        finds: "a file that systemd-sysctl passes over and procps reads",
        why: "systemd-sysctl ignores names that begin with a dot, `sysctl --system` does not",
        instead: "a name without the dot, or delete it",
        topic: None,
        judge: Judge::File(|_, file| {
            let hidden =
                matches!(file.home, Home::DropIn(_)) && file.name.starts_with('.') && file.name.ends_with(".conf");
            (hidden && assigns(file)).then(|| Hit::new("it is read by `sysctl --system` and not at boot"))
        }),
    },
    LintRule {
        id: "gone-at-boot",
        severity: Severity::Note,
        finds: "a file in /run, which is empty after a boot",
        why: "what it says holds until the next boot and no longer",
        instead: "the same file in /etc/sysctl.d",
        topic: None,
        judge: Judge::File(gone_at_boot),
    },
    LintRule {
        id: "sysctl-conf-not-read",
        severity: Severity::Warning,
        finds: "settings in /etc/sysctl.conf that nothing reads at boot",
        why: "systemd-sysctl reads /etc/sysctl.conf only through a link in /etc/sysctl.d, and there is none",
        instead: "the lines in a file such as /etc/sysctl.d/60-local.conf",
        topic: None,
        judge: Judge::File(|case, file| {
            let linked = case.tree.files.iter().any(|other| other.is_sysctl_conf);
            (file.home == Home::SysctlConf && assigns(file) && !linked)
                .then(|| Hit::new("it is read by `sysctl --system` and not at boot"))
        }),
    },
    LintRule {
        id: "no-assignment",
        severity: Severity::Warning,
        finds: "a line without an equals sign",
        why: "both readers pass over it, and systemd-sysctl ends with an error because of it",
        instead: "`key = value`, or `#` in front of a comment",
        topic: None,
        judge: Judge::Fault(|fault| match fault {
            Fault::NoEquals(text) => {
                let shown: String = text.chars().take(60).collect();
                let hit = Hit::new(format!("`{shown}` has no equals sign and sets nothing"));
                Some(match text.split_once([' ', '\t', ':']) {
                    Some((key, value)) if is_like_a_key(key) => hit.instead(format!("`{key} = {}`", value.trim())),
                    _ => hit,
                })
            }
            _ => None,
        }),
    },
    LintRule {
        id: "byte-order-mark",
        severity: Severity::Error,
        finds: "a byte order mark at the beginning",
        why: "it becomes a part of the first line, whose key then exists nowhere; procps says nothing",
        instead: "the file saved as UTF-8 without a mark",
        topic: None,
        judge: Judge::Fault(|fault| {
            (*fault == Fault::ByteOrderMark)
                .then(|| Hit::new("the file begins with a byte order mark, which spoils its first line"))
        }),
    },
    LintRule {
        id: "nul-byte",
        severity: Severity::Error,
        finds: "a NUL byte",
        why: "readers stop at it or take it for a part of the value; this is no text file",
        instead: "the file written anew as text",
        topic: None,
        judge: Judge::Fault(|fault| (*fault == Fault::Nul).then(|| Hit::new("there is a NUL byte in the line"))),
    },
    LintRule {
        id: "not-utf-8",
        severity: Severity::Error,
        finds: "bytes that are no text",
        why: "no key or value of the kernel has such bytes",
        instead: "the line in plain ASCII",
        topic: None,
        judge: Judge::Fault(|fault| (*fault == Fault::NotUtf8).then(|| Hit::new("there are bytes that are not UTF-8"))),
    },
    LintRule {
        id: "huge-line",
        severity: Severity::Error,
        finds: "a line that is longer than any setting",
        why: "no value is so long, and systemd-sysctl gives up on files with lines of 1 MiB",
        instead: "one setting in each line",
        topic: None,
        judge: Judge::Fault(|fault| match fault {
            Fault::TooLong(length) => Some(Hit::new(format!("the line has {length} bytes and is not read"))),
            _ => None,
        }),
    },
];

/// Whether a word is meant as a key: it begins like one of those there are.
fn is_like_a_key(word: &str) -> bool {
    const ROOTS: [&str; 8] = ["net", "kernel", "vm", "fs", "dev", "user", "crypto", "abi"];
    let root = word.split_once(['.', '/']).map_or("", |(root, _)| root);
    ROOTS.contains(&root)
}

fn assigns(file: &SysctlFile) -> bool {
    file.items().iter().any(|item| matches!(item, Item::Assign(_)))
}

/// Endings by which packages and people put files aside on purpose.
const PUT_ASIDE: [&str; 12] = [
    "bak",
    "old",
    "orig",
    "save",
    "disabled",
    "rpmnew",
    "rpmsave",
    "rpmorig",
    "dpkg-old",
    "dpkg-dist",
    "dpkg-new",
    "ucf-dist",
];

/// A file in /run that counts now. One that a file of its name in /etc hides does not, now or later; and what it hides
/// itself counts again after the next boot, be it a mask or a file with lines.
fn gone_at_boot(case: &LintCase<'_>, file: &SysctlFile) -> Option<Hit> {
    let counts = |other: &&SysctlFile| other.path == file.path;
    if file.home != Home::DropIn(Directory::Run) || !case.tree.order(Reader::Systemd).iter().any(counts) {
        return None;
    }
    let later = |home: Home| matches!(home, Home::DropIn(directory) if directory > Directory::Run);
    let hidden = case.tree.files.iter().filter(|other| later(other.home) && other.name == file.name && assigns(other));
    let hidden = hidden.min_by_key(|other| match other.home {
        Home::DropIn(directory) => Some(directory),
        _ => None,
    });
    match (assigns(file), hidden) {
        (true, None) => Some(Hit::new("it will be gone after the next boot")),
        (true, Some(hidden)) => Some(Hit::new(format!(
            "it will be gone after the next boot, and {}, which it hides, counts again",
            hidden.path
        ))),
        (false, Some(hidden)) => Some(
            Hit::new(format!("it hides {} until the next boot and no longer", hidden.path))
                .because("it will be gone then, and what it hides counts again")
                .instead(format!("a link /etc/sysctl.d/{} to /dev/null", file.name)),
        ),
        (false, None) => None,
    }
}

fn not_read(_: &LintCase<'_>, file: &SysctlFile) -> Option<Hit> {
    let drop_in = matches!(file.home, Home::DropIn(_)) && !file.name.ends_with(".conf");
    let ending = file.name.rsplit_once('.').map_or("", |(_, ending)| ending);
    // Prose that only mentions settings is no file of settings.
    let settings = |item: &Item| matches!(item, Item::Assign(line) if line.spelled.contains(['.', '/']));
    let all_settings = !file.items().is_empty() && file.items().iter().all(settings);
    let meant = drop_in && !PUT_ASIDE.contains(&ending) && !file.name.ends_with('~') && all_settings;
    meant.then(|| {
        let stem = if ending.eq_ignore_ascii_case("conf") || ending == "cfg" || ending == "config" {
            file.name.rsplit_once('.').map_or(file.name.as_str(), |(stem, _)| stem)
        } else {
            &file.name
        };
        Hit::new("nothing reads it: its name does not end in .conf").instead(format!("the name {stem}.conf"))
    })
}
