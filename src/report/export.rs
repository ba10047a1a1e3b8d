//! A plan's values in the forms of other tools.

use super::printable::printable_lines;
use super::prose::wrapped;
use crate::catalog::Scope;
use crate::tune::{Demand, Operator, Plan};

/// A form that another tool reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// A file for `/etc/sysctl.d`.
    SysctlD,
    /// Tasks of Ansible (`ansible.posix.sysctl`).
    Ansible,
    /// A `securityContext` of Kubernetes.
    Kubernetes,
    /// A profile of tuned.
    Tuned,
}

/// Columns of a comment in a file.
const WIDTH: usize = 80;

/// One value to set.
struct Row<'a> {
    key: &'a str,
    value: &'a str,
    operator: Operator,
    /// On one line: in the files of other tools it is a comment.
    reason: String,
    /// What the rules ask for, where the value of the plan is not just that: a larger one that this host has is kept.
    rule: Option<String>,
    scope: Option<Scope>,
}

/// A text without line breaks, which would end a comment.
fn one_line(text: &str) -> String {
    let visible =
        |letter: char| if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') { ' ' } else { letter };
    text.chars().map(visible).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the profiles ask for, where a number of the value is none that one of them does.
fn asked(value: &str, demands: &[Demand]) -> Option<String> {
    let words = |text: &str| one_line(text).split(' ').map(str::to_owned).collect::<Vec<_>>();
    let rules: Vec<&Demand> = demands.iter().filter(|demand| demand.operator != Operator::Expect).collect();
    let of_rules: Vec<Vec<String>> = rules.iter().map(|demand| words(&demand.value)).collect();
    let is_asked = |(place, word): (usize, &String)| of_rules.iter().any(|rule| rule.get(place) == Some(word));
    if rules.is_empty() || words(value).iter().enumerate().all(is_asked) {
        return None;
    }
    let mut asked: Vec<String> = Vec::new();
    for rule in &rules {
        let says = one_line(&format!("{} {}", rule.operator, rule.value));
        if !asked.contains(&says) {
            asked.push(says);
        }
    }
    let who = if asked.len() == 1 { "The profile asks for" } else { "The profiles ask for" };
    Some(format!("{who} {}", asked.join(" and ")))
}

/// The values of a plan: those that change, then those that are so already.
fn rows(plan: &Plan) -> Vec<Row<'_>> {
    let changes = plan.changes.iter().map(|change| Row {
        key: change.key.as_str(),
        value: &change.after,
        operator: change.operator,
        reason: one_line(&change.reason),
        rule: asked(&change.after, &change.demands),
        scope: change.scope,
    });
    let already = plan.already.iter().filter(|already| already.operator != Operator::Expect).map(|already| Row {
        key: already.key.as_str(),
        value: &already.value,
        operator: already.operator,
        reason: one_line(&already.reason),
        rule: asked(&already.value, &already.demands),
        scope: crate::catalog::find(already.key.as_str()).map(|row| match row.per_namespace_since {
            Some(_) => Scope::Namespace,
            None => row.shared,
        }),
    });
    changes.chain(already).collect()
}

impl Row<'_> {
    /// What of the value is this host's own, as a sentence; nothing where it is the rule's. A file must not take from the
    /// host what it has more of, and whoever carries it to another host has to know.
    fn own(&self) -> Option<String> {
        let rule = self.rule.as_ref()?;
        Some(format!("{rule}; what differs from that here is this host's own value, which is kept"))
    }

    /// As a line of comment, indented by `indent`; empty where there is nothing to say.
    fn own_comment(&self, indent: &str) -> String {
        self.own().map(|own| comment(indent, &own)).unwrap_or_default()
    }
}

/// A sentence as lines of comment that people read in a terminal.
fn comment(indent: &str, sentence: &str) -> String {
    let lines = wrapped(sentence, WIDTH.saturating_sub(indent.len() + 2));
    lines.lines().map(|line| format!("{indent}# {line}\n")).collect()
}

/// The values of a plan for another tool. What the plan leaves out is not in it.
#[must_use]
pub fn render_export(plan: &Plan, format: Export) -> String {
    let rows = rows(plan);
    let text = match format {
        Export::SysctlD => sysctl_d(plan, &rows),
        Export::Ansible => ansible(plan, &rows),
        Export::Kubernetes => kubernetes(plan, &rows),
        Export::Tuned => tuned(plan, &rows),
    };
    printable_lines(&text)
}

fn head(plan: &Plan) -> String {
    let kernel = plan.kernel.as_deref().unwrap_or("an unknown kernel");
    comment("", &one_line(&format!("{}: values planned by tcpctl for Linux {kernel}", plan.profile)))
}

fn sysctl_d(plan: &Plan, rows: &[Row<'_>]) -> String {
    let line =
        |row: &Row<'_>| format!("{}{}{} = {}\n", comment("", &row.reason), row.own_comment(""), row.key, row.value);
    head(plan) + &rows.iter().map(line).collect::<String>()
}

fn ansible(plan: &Plan, rows: &[Row<'_>]) -> String {
    // The module's own default is /etc/sysctl.conf, which systemd reads only where a link in sysctl.d leads to it.
    let file = quoted(&format!("/etc/sysctl.d/99-{}.conf", file_name(&plan.profile)));
    let task = |row: &Row<'_>| {
        // What braces hold in a task's name is a template that Ansible works out.
        let says = format!("{} = {}", row.key, row.value);
        let name = quoted(&says.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #"));
        let (key, value) = (quoted(row.key), quoted(row.value));
        format!(
            "{}{}- name: {name}\n  ansible.posix.sysctl:\n    name: {key}\n    value: {value}\n    \
             sysctl_file: {file}\n    sysctl_set: true\n    state: present\n    reload: false\n",
            comment("", &row.reason),
            row.own_comment("")
        )
    };
    head(plan) + &rows.iter().map(task).collect::<String>()
}

/// Names of profiles as one of a file: letters, digits and dashes.
fn file_name(profile: &str) -> String {
    let plain = |letter: char| if letter.is_alphanumeric() { letter } else { ' ' };
    let name = profile.chars().map(plain).collect::<String>().split_whitespace().collect::<Vec<_>>().join("-");
    if name.is_empty() { "profile".to_owned() } else { name }
}

fn tuned(plan: &Plan, rows: &[Row<'_>]) -> String {
    let line = |row: &Row<'_>| {
        // tuned compares single numbers only.
        let sign = match row.operator {
            Operator::AtLeast if !row.value.contains(' ') => "=>",
            Operator::AtMost if !row.value.contains(' ') => "=<",
            _ => "=",
        };
        format!("{}{}{}{sign}{}\n", comment("", &row.reason), row.own_comment(""), row.key, row.value)
    };
    let summary = format!("[main]\nsummary={}\n\n[sysctl]\n", plan.profile);
    head(plan) + &summary + &rows.iter().map(line).collect::<String>()
}

/// Sysctls that every kubelet lets pods set, and the version since which it does (`pkg/kubelet/sysctl/safe_sysctls.go`).
const SAFE: [(&str, &str); 11] = [
    ("net.ipv4.ip_local_port_range", "always"),
    ("net.ipv4.tcp_syncookies", "always"),
    ("net.ipv4.ping_group_range", "1.18"),
    ("net.ipv4.ip_unprivileged_port_start", "1.22"),
    ("net.ipv4.ip_local_reserved_ports", "1.27"),
    ("net.ipv4.tcp_keepalive_time", "1.29"),
    ("net.ipv4.tcp_keepalive_intvl", "1.29"),
    ("net.ipv4.tcp_keepalive_probes", "1.29"),
    ("net.ipv4.tcp_fin_timeout", "1.29"),
    ("net.ipv4.tcp_rmem", "1.32"),
    ("net.ipv4.tcp_wmem", "1.32"),
];

fn kubernetes(plan: &Plan, rows: &[Row<'_>]) -> String {
    let mut text = head(plan);
    text.push_str(&comment(
        "",
        "Unsafe ones need `allowedUnsafeSysctls` in the kubelet of each node that the pod may run on; without it the pod \
         is scheduled and does not start. With hostNetwork none of them may be set.",
    ));
    text.push_str("securityContext:\n  sysctls:\n");
    for row in rows {
        let (key, value) = (row.key, quoted(row.value));
        if row.scope.is_some_and(|scope| scope != Scope::Namespace) {
            let says = format!("{key} = {} is the node's and not the pod's: set it on the node", row.value);
            text.push_str(&comment("    ", &says));
            continue;
        }
        let safety = match SAFE.iter().find(|(safe, _)| *safe == key) {
            Some((_, "always")) => "safe".to_owned(),
            Some((_, since)) => format!("safe since Kubernetes {since}"),
            None => "UNSAFE".to_owned(),
        };
        let own = row.own_comment("    ");
        text.push_str(&format!("{own}    - name: {key} # {safety}\n      value: {value}\n"));
    }
    text
}

/// A text in the double quotes of YAML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What a plan changes, as lines of `sysctl.d` with - and +, and the same for the file that it writes.
#[must_use]
pub fn render_plan_diff(plan: &Plan) -> String {
    let mut text = String::new();
    if !plan.changes.is_empty() {
        text.push_str(&format!("--- running\n+++ {}\n", plan.profile));
    }
    for change in &plan.changes {
        text.push_str(&format!("-{key} = {}\n+{key} = {}\n", change.before, change.after, key = change.key));
    }
    printable_lines(&text)
}
