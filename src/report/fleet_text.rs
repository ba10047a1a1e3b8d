//! A fleet as text.

use core::fmt::Write;
use std::collections::{BTreeMap, BTreeSet};

use super::answer::render_answer;
use super::figure;
use super::findings::{painted, sign};
use super::fleet_view::{AnswerGroup, FleetDrift, FleetView, GivesUp, HostListener, RuleHosts};
use super::listeners::{QueueView, plain, processes};
use super::printable::printable;
use super::prose::hanging;
use super::status_text::time;
use super::table::{Align, render_table};
use crate::diagnose::Severity;
use crate::model::Answer;

/// How many hosts are named as examples.
const EXAMPLES: usize = 3;
/// How many rows of files and hosts are shown; JSON has all.
const ROWS: usize = 10;
/// Columns of a host's name; the rest of a longer one is left out.
const NAME: usize = 24;

/// Renders the answers. With `ascii` nothing outside ASCII is in it but names that hosts gave.
#[must_use]
pub fn render_fleet(fleet: &FleetView, width: usize, ascii: bool) -> String {
    let mut text = header(fleet, width);
    incomplete(fleet, width, &mut text);
    if !fleet.is_empty() {
        rules(&fleet.findings, width, ascii, &mut text);
        if let Some(drift) = &fleet.drift {
            drifting(drift, fleet.len(), width, &mut text);
        }
        giving_up(&fleet.gives_up, width, ascii, &mut text);
        listeners(&fleet.listeners, width, &mut text);
        worst_hosts(fleet, width, &mut text);
    }
    if ascii { plain(&text) } else { text }
}

/// `1 host`, `2 hosts`.
fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn header(fleet: &FleetView, width: usize) -> String {
    let mut parts = vec![counted(fleet.len(), "host")];
    if !fleet.kernels.is_empty() {
        let kernels: Vec<String> = fleet.kernels.iter().map(|(series, hosts)| format!("{series} ({hosts})")).collect();
        parts.push(format!("Linux {}", kernels.join(", ")));
    }
    if let Some((first, last)) = fleet.taken_unix_ms {
        parts.push(if first == last {
            format!("read {}", time(first))
        } else {
            format!("read {} to {}", time(first), time(last))
        });
    }
    hanging("", &parts.join(" · "), width)
}

/// The word behind a number in a column.
const fn hosts_word(number: usize) -> &'static str {
    if number == 1 { "host " } else { "hosts" }
}

/// What is not there, first of all: whoever reads the rest has to know that it is not of all.
fn incomplete(fleet: &FleetView, width: usize, text: &mut String) {
    let mut list = |head: String, rows: Vec<String>| {
        if rows.is_empty() {
            return;
        }
        text.push_str(&painted(Severity::Warning, "!", &hanging("! ", &head, width)));
        for row in rows.iter().take(ROWS) {
            text.push_str(&hanging("    ", &printable(row), width));
        }
        if rows.len() > ROWS {
            let _ = writeln!(text, "    … and {} more (--json has all)", rows.len() - ROWS);
        }
    };
    let unread = fleet.unread.iter().map(|one| format!("{}: {}", one.file, one.reason)).collect();
    list(format!("{} could not be read:", counted(fleet.unread.len(), "file")), unread);
    list(
        format!("{} expected, and of none of them is there a snapshot:", counted(fleet.missing.len(), "host")),
        fleet.missing.clone(),
    );
    list(format!("{} older than --max-age:", counted(fleet.old.len(), "snapshot")), fleet.old.clone());
    if !fleet.superseded.is_empty() {
        let says =
            format!("{} left out: there is a newer one of the same host", counted(fleet.superseded.len(), "file"));
        text.push_str(&hanging("- ", &says, width));
    }
    if fleet.other_files > 0 {
        let files = counted(fleet.other_files, "file");
        text.push_str(&hanging("- ", &format!("{files} passed over, not named *.json or *.json.gz"), width));
    }
}

/// A few names, and how many more there are.
fn examples(hosts: &[String]) -> String {
    let mut names: Vec<String> = hosts.iter().take(EXAMPLES).map(|name| cut(name)).collect();
    if hosts.len() > EXAMPLES {
        names.push("…".to_owned());
    }
    names.join(", ")
}

fn cut(name: &str) -> String {
    let name = printable(name);
    if name.chars().count() <= NAME { name } else { name.chars().take(NAME - 1).chain(['…']).collect() }
}

fn rules(found: &[RuleHosts], width: usize, ascii: bool, text: &mut String) {
    text.push_str("\nFindings\n");
    if found.is_empty() {
        text.push_str("  none\n");
        return;
    }
    let columns = found.iter().map(|rule| rule.rule.len()).max().unwrap_or(0);
    let counts = found.iter().map(|rule| rule.hosts.len().to_string().len()).max().unwrap_or(0);
    for rule in found {
        let sign = sign(rule.severity, ascii);
        let number = rule.hosts.len();
        let lead = format!("{sign} {:<columns$}  {number:>counts$} {}  ", rule.rule, hosts_word(number));
        text.push_str(&painted(rule.severity, sign, &hanging(&lead, &examples(&rule.hosts), width)));
    }
}

fn drifting(drift: &FleetDrift, hosts: usize, width: usize, text: &mut String) {
    let profile = printable(&drift.profile);
    let says = format!("{profile}: met by {} of {}", drift.met, counted(hosts, "host"));
    let _ = write!(text, "\nDrift\n{}", hanging("  ", &says, width));
    let counts = drift.keys.iter().map(|key| key.hosts.len().to_string().len()).max().unwrap_or(0);
    for key in &drift.keys {
        let lead = format!("    {:>counts$} {}  ", key.hosts.len(), hosts_word(key.hosts.len()));
        let values = format!("{} → {}", several(&key.values), several(&key.wanted));
        let says = printable(&format!("{values}; {}", examples(&key.hosts)));
        let _ = write!(text, "  {}\n{}", printable(&key.key), hanging(&lead, &says, width));
    }
    for (host, reason) in drift.unjudged.iter().take(ROWS) {
        text.push_str(&hanging("  ? ", &printable(&format!("{host}: {reason}")), width));
    }
}

/// The most frequent value, and how many others there are.
fn several(values: &BTreeMap<String, usize>) -> String {
    let most = values.iter().max_by_key(|(_, hosts)| **hosts).map_or("", |(value, _)| value);
    let most = if most.is_empty() { "(empty)" } else { most };
    if values.len() > 1 { format!("{most} (+{} others)", values.len() - 1) } else { most.to_owned() }
}

fn giving_up(questions: &[GivesUp], width: usize, ascii: bool, text: &mut String) {
    text.push_str("\nWho gives up when, by the model\n");
    for question in questions {
        text.push_str(&hanging("  ", question.label, width));
        let differing = differing(&question.groups);
        let columns = question.groups.iter().map(|one| after(one, ascii).chars().count()).max().unwrap_or(0);
        let counts = question.groups.iter().map(|one| one.hosts.len().to_string().len()).max().unwrap_or(0);
        for group in &question.groups {
            let number = group.hosts.len();
            let lead = format!("    {:<columns$}  {number:>counts$} {}  ", after(group, ascii), hosts_word(number));
            let mut parts = vec![format!("Linux {}", kernels(&group.kernels))];
            parts.extend(differing.iter().filter_map(|key| because(group, key)));
            let missing: Vec<&str> = group.missing.iter().map(|key| short(key)).collect();
            if !missing.is_empty() {
                parts.push(format!("not read: {}", missing.join(", ")));
            }
            if question.groups.len() > 1 {
                parts.push(examples(&group.hosts));
            }
            text.push_str(&hanging(&lead, &parts.join("; "), width));
        }
    }
}

fn after(group: &AnswerGroup, ascii: bool) -> String {
    match group.answer {
        Answer::Unknown => "?".to_owned(),
        answer => render_answer(answer, ascii),
    }
}

/// `6.1, 6.12, 6.18`; the first and the last of many.
fn kernels(kernels: &BTreeMap<String, usize>) -> String {
    const NAMED: usize = 6;
    let mut names: Vec<&str> = kernels.keys().map(String::as_str).collect();
    let numbers = |name: &str| -> Vec<u32> { name.split('.').filter_map(|part| part.parse().ok()).collect() };
    names.sort_by_key(|name| numbers(name));
    match names.as_slice() {
        [first, .., last] if names.len() > NAMED => format!("{first} to {last}"),
        names => names.join(", "),
    }
}

/// The settings that are not the same in all groups: it is they that tell groups apart.
fn differing(groups: &[AnswerGroup]) -> Vec<&'static str> {
    let keys: BTreeSet<&'static str> = groups.iter().flat_map(|group| group.settings.keys()).copied().collect();
    let first = groups.first().map(|group| &group.settings);
    let differs = |key: &&'static str| {
        groups.iter().any(|group| first.is_some_and(|first| group.settings.get(key) != first.get(key)))
    };
    keys.into_iter().filter(differs).collect()
}

/// `tcp_syn_retries 5`, `tcp_syn_retries 4/5`.
fn because(group: &AnswerGroup, key: &str) -> Option<String> {
    const NAMED: usize = 3;
    let values = group.settings.get(key)?;
    let mut named: Vec<&str> = values.iter().take(NAMED).map(String::as_str).collect();
    if values.len() > NAMED {
        named.push("…");
    }
    Some(format!("{} {}", short(key), printable(&named.join("/"))))
}

/// A key without its folder.
fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn listeners(worst: &[HostListener], width: usize, text: &mut String) {
    text.push_str("\nWorst listeners\n");
    if worst.is_empty() {
        text.push_str("  nothing waits in a queue, and nothing was dropped\n");
        return;
    }
    let shown = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), figure::render_count);
    let queue = |queue: &QueueView| format!("{}/{}", shown(queue.now), shown(queue.capacity));
    let rows: Vec<[String; 6]> = worst
        .iter()
        .map(|HostListener { host, listener }| {
            let shared = if listener.syn_queue_shared { "≤" } else { "" };
            [
                cut(host),
                listener.local.clone(),
                queue(&listener.accept_queue),
                format!("{shared}{}", queue(&listener.syn_queue)),
                shown(listener.drops.map(u64::from)),
                processes(&listener.processes),
            ]
        })
        .collect();
    let align = [Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Left];
    let head = ["host", "address:port", "accept queue", "SYN queue", "drops", "process"];
    text.push_str(&render_table(&head, &align, &rows, width));
}

/// The hosts with the most that is wrong, so that there is one to begin with.
fn worst_hosts(fleet: &FleetView, width: usize, text: &mut String) {
    let count = |host: &super::fleet::FleetHost, severity: Severity| {
        host.findings.iter().filter(|finding| finding.severity == severity).count()
    };
    let mut worst: Vec<_> = fleet
        .hosts
        .iter()
        .map(|host| (count(host, Severity::Critical), count(host, Severity::Warning), host))
        .filter(|(critical, warnings, _)| critical + warnings > 0)
        .collect();
    worst.sort_by_key(|(critical, warnings, _)| core::cmp::Reverse((*critical, *warnings)));
    let Some((.., first)) = worst.first() else { return };
    let next = format!("tcpctl diagnose --from {} -v", printable(&first.file));
    let rows: Vec<[String; 4]> = worst
        .iter()
        .take(ROWS)
        .map(|(critical, warnings, host)| {
            let release = host.release.as_deref().map_or_else(|| "?".to_owned(), printable);
            [cut(&host.name), critical.to_string(), warnings.to_string(), release]
        })
        .collect();
    text.push_str("\nHosts with the most findings\n");
    let align = [Align::Left, Align::Right, Align::Right, Align::Left];
    text.push_str(&render_table(&["host", "critical", "warnings", "kernel"], &align, &rows, width));
    let _ = write!(text, "\n{}", hanging("Next: ", &next, width));
}
