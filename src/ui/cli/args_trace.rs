//! The arguments of `tcpctl trace` as typed.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::args::parse_interval_ms;
use crate::trace::{TRACED_EVENTS, TraceKind};

/// Details, as help.
pub(super) const TRACE_HELP: &str = "\
The filter is that of `tcpctl sockets`, by state, addresses and ports; a change of state \
passes by the state before or after. A drop names no addresses: it is given those of its \
socket where an event before told them, and is left out and counted where a filter asks \
for what is not known.

Tracepoints see the whole host, and events do not name a network namespace. What a socket \
does next is asked of this one's sockets, or of --netns's, with which only events of its \
own addresses are shown: another namespace may have the same ones, such as 127.0.0.1. \
With --all-netns every namespace that has the local address is asked, and an event is that \
one's whose socket it is, or, where there is none to ask about, that one's which alone has \
the address, which is said. Namespaces that come later are found within seconds.

Left out are drops for which the kernel gives no reason (NOT_SPECIFIED) and what a socket \
still had queued when it was closed (QUEUE_PURGE). With --netns, events of listeners of all \
addresses (0.0.0.0, ::) are counted and not shown: every namespace may have them.

Drops, resets and wrong checksums, which others can make come by the million, have three \
quarters of --buffer to themselves, so that they push out no retransmission. What was lost \
is counted, and told at the end by the events that share a buffer.

Where tracefs is not mounted, it is mounted for this process alone, at no place that \
others could see. The instance that is traced into is removed at the end, whatever ends \
it; the next run removes what was left by one that was killed.

Examples:
  tcpctl trace --event retransmit synack -- dport = :443
  tcpctl trace --for 10s --summary
  tcpctl trace --event drop --event reset-sent --json
  tcpctl trace 'state syn-sent and dst 10.0.0.0/8'";

/// Show retransmits, resets, changes of state and drops as they happen, each explained
#[derive(Clone, Debug, Args)]
pub struct TraceArgs {
    /// Only events of sockets that pass this filter, in the words of ss
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// Only these events; all of them if not given
    #[arg(long, short = 'e', value_name = "NAME", num_args = 1.., value_parser = event_parser())]
    pub event: Vec<TraceKind>,
    /// Stop after this time
    #[arg(long = "for", value_name = "TIME", value_parser = parse_interval_ms)]
    pub duration: Option<u64>,
    /// Stop after this many events were shown
    #[arg(long, value_name = "N", conflicts_with = "summary", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Only count: by event, by reason, by pair of addresses
    #[arg(long, short = 's')]
    pub summary: bool,
    /// How many pairs of addresses the summary lists
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// What happened and what it means on the same line
    #[arg(long, short = 'O')]
    pub oneline: bool,
    /// No heading
    #[arg(long, short = 'H')]
    pub no_header: bool,
    /// Show no more events a second than this; the others are counted
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub max_rate: u64,
    /// What reading may take of one processor, in percent; events that come faster are lost, and counted as such
    #[arg(long, value_name = "PERCENT", default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub cpu_share: u64,
    /// Buffer of each processor in KiB
    #[arg(long, value_name = "KIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(4..=65_536))]
    pub buffer: u32,
    /// Say which network namespace each event is of, as far as sockets and addresses tell, and ask the sockets of all of them
    #[arg(long)]
    pub all_netns: bool,
    /// Where tracefs is mounted; it is looked for if not given
    #[arg(long, value_name = "DIR")]
    pub tracefs: Option<PathBuf>,
}

/// The names of the table, with what each tells.
fn event_parser() -> impl TypedValueParser<Value = TraceKind> {
    let values = TRACED_EVENTS.iter().map(|row| PossibleValue::new(row.name).help(row.about));
    PossibleValuesParser::new(values).map(|name| {
        let [first, ..] = &TRACED_EVENTS;
        TRACED_EVENTS.iter().find(|row| row.name == name).map_or(first.kind, |row| row.kind)
    })
}
