//! The arguments of `tcpctl fleet`, as typed.

use std::path::PathBuf;

use clap::Args;

use super::args::FailOn;
use crate::units::{parse_bandwidth_bit_s, parse_duration_us};

/// Ask stored snapshots of many hosts at once: findings, drift, who gives up when, the worst listeners
#[derive(Clone, Debug, Args)]
pub struct FleetArgs {
    /// Snapshots, one a host, and directories of them: every *.json and *.json.gz below
    #[arg(required = true, value_name = "DIR|FILE")]
    pub paths: Vec<PathBuf>,
    /// Which hosts do not meet this profile: a name, or the path of a file; several are combined
    #[arg(long, short = 'p', value_name = "PROFILE")]
    pub profile: Vec<String>,
    /// Read further profiles from this directory; they win by name
    #[arg(long, value_name = "DIR", default_value = "/etc/tcpctl/profiles.d")]
    pub profile_dir: PathBuf,
    /// Round-trip time of the paths that matter, such as 30ms, for profiles that work values out from it
    #[arg(long, value_name = "TIME", value_parser = parse_duration_us)]
    pub rtt: Option<u64>,
    /// Bandwidth that one connection should fill, such as 1Gbit/s, for profiles that work values out from it
    #[arg(long, value_name = "RATE", value_parser = parse_bandwidth_bit_s)]
    pub bandwidth: Option<u64>,
    /// The hosts that there should be, one a line, `-` for standard input: those without a snapshot are named
    ///
    /// A name is a host's own, with or without its domain, or that of its file. Empty lines and lines that begin with #
    /// are passed over.
    #[arg(long, value_name = "FILE")]
    pub hosts: Option<PathBuf>,
    /// Name the hosts whose snapshot is older than this, such as 24h
    #[arg(long, value_name = "TIME", value_parser = parse_duration_us)]
    pub max_age: Option<u64>,
    /// Exit with 1 for findings from this severity on
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Warning)]
    pub fail_on: FailOn,
}
