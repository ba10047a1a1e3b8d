//! A host under load: a million sockets while connections come and go, while a flood is in progress, and with little
//! memory. What is asked stays right, and costs no more than on a host that stands still.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::churn::Background;
use crate::cost::{self, Cost};
use crate::fill::{Filled, Mix};
use crate::limited::MemoryGroup;
use crate::table::{Limit, Table};
use crate::{Asked, SOCKETS, floor, installed, states, tcpctl};

/// Connections per second that come and go.
const COMING_PER_S: u64 = 2_000;
/// Forged SYNs per second.
const FLOOD_PER_S: u64 = 20_000;
/// Memory that is enough, in KiB.
const ENOUGH_KIB: u64 = 64 << 10;
/// The sockets that stay, by their addresses: not those that come and go.
const STAYING: &str = "src 127.64.0.0/12";
/// Fewer that came or were answered by a cookie would be no load.
const FEWEST: u64 = 1_000;
/// Readings whose counts are looked at.
const LOOKS: usize = 10;

/// All of it with this many sockets.
pub(crate) fn measure(asked: &Asked, table: &mut Table) -> Result<()> {
    churning(asked, table)?;
    flooded(asked, table)?;
    limited(asked, table)
}

/// What a count of all states may cost in floors, as on a host that stands still. With fewer sockets the start of the
/// program tells.
fn states_limit(asked: &Asked) -> Limit {
    Limit::AtMost(if asked.sockets < SOCKETS { 600 } else { 250 })
}

fn churning(asked: &Asked, table: &mut Table) -> Result<()> {
    let mix = Mix::established(asked.sockets);
    let mut filled = Filled::new(mix)?;
    table.heading(&format!("{}, {COMING_PER_S} connections a second come and go", mix.name()), &filled)?;
    let churn = Background::start(&filled, &["--churn", &COMING_PER_S.to_string(), "time-wait"])?;
    under_load(asked, &mut filled, table)?;
    let came = counter(&filled, "PassiveOpens")?;
    churn.end()?;
    table.note(&format!("  {came} connections had come and gone by then"))?;
    anyhow::ensure!(came >= FEWEST, "too few connections came");
    Ok(())
}

fn flooded(asked: &Asked, table: &mut Table) -> Result<()> {
    let mix = Mix::established(asked.sockets);
    let mut filled = Filled::new(mix)?;
    table.heading(&format!("{}, flooded by {FLOOD_PER_S} SYNs a second", mix.name()), &filled)?;
    let flood = Background::start(&filled, &["--flood", &FLOOD_PER_S.to_string()])?;
    under_load(asked, &mut filled, table)?;
    let output = filled.output(installed(), &["diagnose", "--window", "1s", "--fail-on", "never", "--json"])?;
    let found: Value = serde_json::from_slice(&output)?;
    let findings = found.get("findings").and_then(Value::as_array).context("there is a list of findings")?;
    let of_flood = findings.iter().filter(|finding| finding.get("rule").is_some_and(|rule| rule == "syn-flood"));
    table.exact("findings of a flood", 1, Some(u64::try_from(of_flood.count())?))?;
    let refused = counter(&filled, "SyncookiesSent")?;
    flood.end()?;
    table.note(&format!("  {refused} SYNs had been answered by a cookie by then"))?;
    anyhow::ensure!(refused >= FEWEST, "this was no flood");
    Ok(())
}

/// The costs in floors, and the counts of the sockets that stay.
fn under_load(asked: &Asked, filled: &mut Filled, table: &mut Table) -> Result<()> {
    let rows = tcpctl("rows", "sockets -a -n");
    let costs = cost::rounds(filled, &[floor(), states(), rows], asked.rounds)?;
    table.ratio("states / floor", &costs, ["states", "floor"], Cost::cpu, states_limit(asked))?;
    table.ratio("rows / floor", &costs, ["rows", "floor"], Cost::cpu, Limit::None)?;
    table.memory("memory, rows", &costs, "rows", Limit::AtMost(16 << 10))?;
    let mut counts = Vec::new();
    for _ in 0..LOOKS {
        let arguments = ["sockets", "-a", "-n", "--group-by", "state", "--json", STAYING];
        let counted: Value = serde_json::from_slice(&filled.output(installed(), &arguments)?)?;
        let groups = counted.get("groups").and_then(Value::as_array).context("there is a list of groups")?;
        let established = groups.iter().find(|group| group.get("name").is_some_and(|name| name == "ESTAB"));
        counts.push(established.and_then(|group| group.get("sockets")?.as_u64()));
    }
    let wrong = counts.iter().find(|count| **count != Some(asked.sockets));
    let name = format!("those that stay, {LOOKS} times");
    table.exact(&name, asked.sockets, wrong.copied().unwrap_or(Some(asked.sockets)))?;
    Ok(())
}

/// A counter of the namespace.
fn counter(filled: &Filled, name: &str) -> Result<u64> {
    let output = filled.output("cat", &["/proc/net/netstat", "/proc/net/snmp"])?;
    let lines: Vec<Vec<&str>> = std::str::from_utf8(&output)?.lines().map(|line| line.split(' ').collect()).collect();
    let value = lines.chunks_exact(2).find_map(|pair| {
        let [names, values] = pair else { return None };
        values.get(names.iter().position(|one| *one == name)?)
    });
    Ok(value.with_context(|| format!("the kernel counts {name}"))?.parse()?)
}

/// Every reading command in a control group with little memory.
fn limited(asked: &Asked, table: &mut Table) -> Result<()> {
    let mix = Mix::mixed(asked.sockets);
    let mut filled = Filled::new(mix)?;
    table.heading(&format!("64 MiB in all, {}", mix.name()), &filled)?;
    for line in [
        "status --detail all",
        "listeners",
        "sockets -a -n",
        "sockets -a -n -i --json",
        "sockets -a -n --sort local",
        "sockets -a -n --group-by peer",
        "diagnose --window 1s --fail-on never",
        "snapshot",
        "serve --textfile -",
    ] {
        filled.refresh()?;
        let group = match MemoryGroup::new(ENOUGH_KIB << 10) {
            Ok(group) => group,
            Err(error) => return table.note(&format!("  cannot run: {error:#}")),
        };
        let arguments: Vec<&str> = line.split(' ').collect();
        let (in_order, peak_kib) = group.run(&filled, installed(), &arguments)?;
        anyhow::ensure!(in_order, "`{line}` did not end in order with so little memory");
        table.kib(line, peak_kib, Limit::AtMost(ENOUGH_KIB))?;
    }
    Ok(())
}
