//! The arguments of `tcpctl lab` as typed.

use std::path::PathBuf;

use clap::Args;

use super::args::{Peer, parse_limit_us, parse_rate_per_s};

/// Play a scenario on this host's own kernel in private network namespaces, beside the prediction
#[derive(Clone, Debug, Args)]
pub struct LabArgs {
    /// What to play: a topic of `explain`, the file of a scenario (a path, or a name that ends in .toml), or `-`
    ///
    /// Without one, what can be played is listed, with how long that takes, and what cannot, with why.
    pub scenario: Option<String>,
    /// Play every topic that can be played, side by side, and print a table
    #[arg(long, conflicts_with_all = ["scenario", "live", "pcap"])]
    pub all: bool,
    /// Play and compare only the beginning, such as 60s; what --all plays it for at most, 60s if not given
    #[arg(long, value_name = "TIME", value_parser = parse_limit_us)]
    pub limit: Option<u64>,
    /// Print events as they happen, each beside its predicted window; on a terminal with a progress bar
    ///
    /// The comparison follows as without it. Not together with --json, which prints the whole at the end.
    #[arg(long, requires = "scenario")]
    pub live: bool,
    /// Play it over IPv6 instead of IPv4
    #[arg(long, short = '6')]
    pub ipv6: bool,
    /// Write the packets of both ends to this file as pcapng, for Wireshark
    ///
    /// Each end is an interface, so that what both saw is there twice; `frame.interface_id == 0` shows the client's view
    /// alone. Comments say which packets the wire lost, which came from outside, and which were before the scenario
    /// began.
    #[arg(long, value_name = "FILE", requires = "scenario")]
    pub pcap: Option<PathBuf>,
    /// A sysctl to set in the private namespaces
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// A socket option that the application sets, such as TCP_USER_TIMEOUT=5000 or server:TCP_DEFER_ACCEPT=10
    #[arg(long, value_name = "[SIDE:]NAME=VALUE")]
    pub sockopt: Vec<String>,
    /// Start from the kernel's defaults instead of this host's values
    #[arg(long)]
    pub defaults: bool,
    /// Round-trip time of the wire, such as 30us, 50ms or 1s
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub rtt: Option<String>,
    /// Whether the peer still answers (zero-window)
    #[arg(long, value_enum, default_value_t = Peer::Gone)]
    pub peer: Peer,
    /// Play the flood twice, without and with this profile's values in the private namespaces (syn-flood)
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The backlog that the application gives to listen(); 128 when not given (syn-flood)
    #[arg(long, value_name = "N")]
    pub backlog: Option<u32>,
    /// SYNs per second of the flood, such as 1000 or 1k/s; 1000 when not given (syn-flood)
    #[arg(long, value_name = "RATE", value_parser = parse_rate_per_s)]
    pub rate: Option<u64>,
    /// SYNs of the flood in all, at most 20000; those of 5 s if not given (syn-flood)
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}
