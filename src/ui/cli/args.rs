//! The arguments as typed. Help texts, the manual page and the completions are made from these.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::args_fleet::FleetArgs;
use super::args_interface::InterfaceArgs;
use super::args_lab::LabArgs;
pub use super::args_serve::{MetricsArgs, MetricsWhat, ServeArgs};
use super::args_sockets::SocketsArgs;
use super::args_solve::SolveArgs;
use super::deferred::Deferred;
pub use super::tune_args::{
    ApplyArgs, AwaitConfirmationArgs, ConfirmArgs, ExportFormat, HistoryArgs, PlanArgs, ProfileChoice, ProfilesArgs,
    RollbackArgs, VerifyArgs,
};
use crate::diagnose::Timeouts;
use crate::units::parse_duration_us;

/// See, understand, change and prove what the kernel's TCP does
///
/// Without a command: the terminal interface, or `status` when standard output is not a terminal.
#[derive(Clone, Debug, Parser)]
#[command(name = "tcpctl", version, max_term_width = 80, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 ok, 1 findings, drift or nothing to do, 2 usage, 3 failure, 4 not permitted.")]
pub struct Cli {
    /// Options of every command
    #[command(flatten)]
    pub global: Global,
    /// Options of the terminal interface
    #[command(flatten)]
    pub interface: InterfaceArgs,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Heading of the options of every command, apart from those of the verb.
const GLOBAL: &str = "Options of every command";

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Print JSON instead of text
    #[arg(help_heading = GLOBAL, long, short = 'j', global = true)]
    pub json: bool,
    /// Network namespace to read and change: a name as in `ip netns`, a process id, or a path
    #[arg(help_heading = GLOBAL, long, short = 'N', global = true, value_name = "NAME|PID|PATH", value_parser = parse_netns)]
    pub netns: Option<String>,
    /// Colour in the output
    #[arg(help_heading = GLOBAL, long, global = true, value_enum, default_value_t = ColorWhen::Auto)]
    pub color: ColorWhen,
    /// Draw with ASCII characters only
    #[arg(help_heading = GLOBAL, long, global = true)]
    pub ascii: bool,
    /// Root of the proc file system
    #[arg(help_heading = GLOBAL, long, global = true, value_name = "DIR", default_value = "/proc")]
    pub proc: PathBuf,
    /// Read this stored snapshot instead of the host: a file of `tcpctl snapshot`, or `-`
    #[arg(help_heading = GLOBAL, long, global = true, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Load no BPF program into the kernel, which would tell each listener's SYN queue without a walk through all sockets
    #[arg(help_heading = GLOBAL, long, global = true)]
    pub no_bpf: bool,
    /// Where the journal of changes is kept
    #[arg(help_heading = GLOBAL, long, global = true, value_name = "DIR", default_value = "/var/lib/tcpctl")]
    pub state_dir: PathBuf,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The verbs. One whose options stand under headings of their own is not deferred: they would come after those of every
/// command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show socket states, queues against limits, rates, and the settings in seconds
    Status(Deferred<StatusArgs>),
    /// Show each listener's accept queue and SYN queue against the limits that bind, its drops and process
    #[command(visible_alias = "l")]
    Listeners(Deferred<ListenersArgs>),
    /// Show sockets in the filter words of ss, each with its timer
    ///
    /// Without a filter: connections, as `ss -t` shows them, which leaves out TIME-WAIT and SYN-RECV; -a shows all,
    /// -l listeners. Lines are written as the kernel gives them.
    #[command(after_help = super::args_sockets::SOCKETS_HELP)]
    Sockets(Deferred<SocketsArgs>),
    /// Show retransmits, resets, changes of state and drops as they happen, each explained
    ///
    /// By the kernel's tracepoints, in a private instance of tracing. Times are UTC. Needs root of the host. Exit code
    /// 3 where the kernel has no tracefs or none of the tracepoints, 4 where rights are missing, 130 after Ctrl-C.
    #[command(after_help = super::args_trace::TRACE_HELP)]
    Trace(Deferred<super::args_trace::TraceArgs>),
    /// Explain what TCP does in a situation, and when, on this host or any other
    Explain(Deferred<ExplainArgs>),
    /// Play a scenario of your own: who calls what when, what the wire does, what comes from outside
    ///
    /// The file is TOML, described in tcpctl-scenario(5); `tcpctl explain TOPIC --scenario` prints one to start from.
    /// What it leaves open is this host's.
    Simulate(Deferred<SimulateArgs>),
    /// Play a scenario on this host's own kernel in private network namespaces, beside the prediction
    ///
    /// Exit code 1 when kernel and model disagree, 3 when this host was too busy to tell, 4 when rights are missing,
    /// 130 after Ctrl-C. Needs root, or unprivileged user namespaces and a /dev/net/tun that users may open.
    Lab(Deferred<LabArgs>),
    /// Say what is wrong on this host, how it is known, and what to do
    Diagnose(Deferred<DiagnoseArgs>),
    /// List the kernel's TCP parameters with their values, defaults and meaning, or tell all about one
    ///
    /// With the name of one key: what it does, when it counts, what follows from its value and from others near it,
    /// which file sets it, and what is commonly misunderstood about it.
    Params(Deferred<ParamsArgs>),
    /// Check sysctl.d files: keys that are gone, values that the kernel refuses, folk settings, lines taken back later
    ///
    /// Without FILE, everything that systemd-sysctl and `sysctl --system` would read on this host. Each finding comes
    /// with its place, why it matters and what to write instead. With --from alone, the values that the snapshot holds. A
    /// comment `# tcpctl: allow RULE` right above a line
    /// silences a rule for it. What packages ship in /usr/lib is never more than a note.
    ///
    /// Exit code 1 when there are errors or warnings, 2 when a FILE cannot be read.
    Lint(Deferred<LintArgs>),
    /// List tuning profiles, or show one
    Profiles(Deferred<ProfilesArgs>),
    /// Show what a profile would change, and what that does in seconds; nothing is written
    Plan(Deferred<PlanArgs>),
    /// Find the settings whose predicted times are as wished, with the least change; no sysctl is written
    #[command(after_help = super::args_solve::SOLVE_HELP)]
    Solve(Box<SolveArgs>),
    /// Apply a profile: shows the plan, asks, journals, writes, reads back
    Apply(Deferred<ApplyArgs>),
    /// Keep an apply that is undone otherwise (`apply --confirm`)
    ///
    /// Exit code 1 when nothing waits to be confirmed.
    Confirm(Deferred<ConfirmArgs>),
    /// Check whether the running values meet a profile, and those that are kept across boots
    Verify(Deferred<VerifyArgs>),
    /// Restore the values from before an apply
    ///
    /// Exit code 1 when there is nothing to roll back.
    Rollback(Deferred<RollbackArgs>),
    /// List what was applied and rolled back
    History(Deferred<HistoryArgs>),
    /// Write all that the reading commands need to a file, for `--from`
    Snapshot(Deferred<SnapshotArgs>),
    /// Ask stored snapshots of many hosts at once: findings, drift, who gives up when, the worst listeners
    ///
    /// The rules and the model are those of `diagnose`, `verify` and `status`, and each host is answered as
    /// `--from FILE` would be. Of several snapshots of a host the newest counts. Collecting them is the work of ssh,
    /// Ansible or a DaemonSet: see examples/fleet.
    ///
    /// Exit code 1 when there are findings, drift or snapshots that are too old, 2 when there is nothing to answer with,
    /// 3 when a file could not be read or an expected host is missing: the others are answered all the same.
    Fleet(Deferred<FleetArgs>),
    /// Serve metrics to Prometheus, or write them once to a file
    ///
    /// Over HTTP, or HTTPS with --tls-cert, until SIGTERM or Ctrl-C; tcpctl-metrics(7) has every metric and all limits.
    /// However many scrape at once share one reading, which costs what `tcpctl status` costs. With --textfile: for
    /// node_exporter's textfile collector.
    Serve(Deferred<ServeArgs>),
    /// Print what goes with the metrics: their list, alerting rules for Prometheus, a dashboard for Grafana
    Metrics(Deferred<MetricsArgs>),
    /// Print a completion script for a shell
    Completions(Deferred<CompletionsArgs>),
    /// Undo an apply unless it is confirmed in time
    #[command(hide = true)]
    AwaitConfirmation(Deferred<AwaitConfirmationArgs>),
    /// Write the manual pages
    #[command(hide = true)]
    Man(Deferred<ManArgs>),
}

/// Show socket states, queues against limits, rates, and the settings in seconds
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Print again after each interval, with rates over it, until interrupted; a second if none is given
    #[arg(long, short = 'w', value_name = "INTERVAL", value_parser = parse_interval_ms,
        num_args = 0..=1, default_missing_value = WATCH_INTERVAL)]
    pub watch: Option<u64>,
    /// What readings may take of one processor, in percent; where they take more, the interval is made longer
    #[arg(long, value_name = "PERCENT", default_value_t = 2, requires = "watch",
        value_parser = clap::value_parser!(u64).range(1..=100))]
    pub cpu_share: u64,
    /// Stop after this many readings
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// How much to read; all of up to 200000 sockets, and the states of more, if not given
    #[arg(long, value_enum, value_name = "WHAT")]
    pub detail: Option<Detail>,
    /// Every network namespace that a thread is in, that is bound to a file, or that a process holds open: who is in it,
    /// how many sockets there are in each state, and what is set otherwise than in the initial one
    #[arg(long, conflicts_with_all = ["watch", "detail"])]
    pub all_netns: bool,
}

/// How much to read of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Detail {
    /// Sums that the kernel counts by itself, and accept queues: at once, however many sockets there are
    Sums,
    /// The exact count of every state and of half-open entries, for a fifth of what walking through all costs
    States,
    /// Every socket and the processes of listeners: also ports in use per destination, and sockets in CLOSE
    All,
}

/// Show each listener's accept queue and SYN queue against the limits that bind, its drops and process
#[derive(Clone, Debug, Args)]
pub struct ListenersArgs {
    /// Only listeners on this port
    #[arg(long, short = 'p', value_name = "PORT")]
    pub port: Option<u16>,
}

/// Explain what TCP does in a situation, and when, on this host or any other
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// The topic; without one, all topics are listed
    pub topic: Option<String>,
    /// What if: a sysctl with another value; several, separated by commas, are compared
    #[arg(long = "set", value_name = "KEY=VALUE[,VALUE]")]
    pub set: Vec<String>,
    /// Premises that a scenario has as well
    #[command(flatten)]
    pub premises: PremisesArgs,
    /// Whether the peer still answers (zero-window)
    #[arg(long, value_enum, default_value_t = Peer::Gone)]
    pub peer: Peer,
    /// What if: the backlog that the application gives to listen()
    #[arg(long, value_name = "N")]
    pub backlog: Option<u32>,
    /// What if: SYNs per second of a flood, or connections per second (time-wait-many), such as 50000 or 50k/s
    #[arg(long, value_name = "RATE", value_parser = parse_rate_per_s)]
    pub rate: Option<u64>,
    /// What if: SYNs of a flood in all; those of one minute if not given
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// What if: MTU of the links in bytes; 1500 when not given
    #[arg(long, value_name = "BYTES")]
    pub mtu: Option<u32>,
    /// Print only the sequence diagram
    #[command(flatten)]
    pub drawing: DrawingArgs,
    /// Print the scenario of the topic as a file for `tcpctl simulate`, with every what-if in it
    #[arg(long, conflicts_with_all = ["diagram", "decode"])]
    pub scenario: bool,
    /// For the topic `segment`: explain this IP packet, given as hexadecimal digits, field by field
    #[arg(long, value_name = "HEX", conflicts_with = "diagram")]
    pub decode: Option<String>,
}

/// What both a topic and a scenario are played with.
#[derive(Clone, Debug, Args)]
pub struct PremisesArgs {
    /// What if: a socket option, such as TCP_USER_TIMEOUT=5000 or server:TCP_DEFER_ACCEPT=10
    #[arg(long, value_name = "[SIDE:]NAME=VALUE")]
    pub sockopt: Vec<String>,
    /// What if: another kernel version
    #[arg(long, value_name = "VERSION")]
    pub kernel: Option<String>,
    /// What if: another tick rate
    #[arg(long, value_name = "TICKS")]
    pub hz: Option<String>,
    /// Start from the kernel's defaults instead of this host's values
    #[arg(long)]
    pub defaults: bool,
    /// What if: round-trip time, such as 30us, 50ms or 1s
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub rtt: Option<String>,
}

/// A diagram instead of the text.
#[derive(Clone, Debug, Args)]
pub struct DrawingArgs {
    /// Print only the sequence diagram, as SVG or Mermaid
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub diagram: Option<DiagramFormat>,
    /// Write the diagram to this file instead of standard output
    #[arg(long, short = 'o', value_name = "FILE", requires = "diagram")]
    pub output: Option<PathBuf>,
}

/// Play a scenario of your own: who calls what when, what the wire does, what comes from outside
#[derive(Clone, Debug, Args)]
pub struct SimulateArgs {
    /// The scenario; `-` for standard input
    pub file: PathBuf,
    /// What if: over IPv6
    #[arg(long, short = '6')]
    pub ipv6: bool,
    /// What if: a sysctl with another value, at both ends
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Premises that a topic has as well
    #[command(flatten)]
    pub premises: PremisesArgs,
    /// Print only the sequence diagram
    #[command(flatten)]
    pub drawing: DrawingArgs,
}

/// Formats of a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiagramFormat {
    /// A picture for browsers and documents
    Svg,
    /// Text that GitHub, GitLab and others draw
    Mermaid,
}

/// Whether a peer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// It answers
    Alive,
    /// Nothing comes back
    Gone,
}

/// Say what is wrong on this host, how it is known, and what to do
#[derive(Clone, Debug, Args)]
pub struct DiagnoseArgs {
    /// Only these rules
    pub rules: Vec<String>,
    /// Judge what has moved since this stored snapshot, instead of waiting
    #[arg(long, value_name = "FILE", conflicts_with_all = ["window", "watch"])]
    pub since: Option<PathBuf>,
    /// How long to watch counters before judging
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_interval_ms)]
    pub window: u64,
    /// Judge these timeouts too, such as app=5s,pool=30s,user=20s,keepalive=60s,idle=350s
    ///
    /// app is how long the application waits for an answer, pool how long its pool does, user is TCP_USER_TIMEOUT,
    /// keepalive TCP_KEEPIDLE, and idle after how long a load balancer or firewall elsewhere forgets an idle
    /// connection. Said are those that do not fit into each other, or into what the kernel grants by the
    /// model, and connections here that do not have them.
    #[arg(long, value_name = "NAME=TIME,...")]
    pub timeouts: Option<Timeouts>,
    /// Judge the files of settings of the system below this directory, and not those of this host
    #[arg(long, value_name = "DIR", conflicts_with = "all_netns")]
    pub root: Option<PathBuf>,
    /// Judge every network namespace that a thread is in, that is bound to a file, or that a process holds open, all over the same window
    #[arg(long, conflicts_with_all = ["since", "watch", "explain"])]
    pub all_netns: bool,
    /// Show the evidence of each finding
    #[arg(long, short = 'v')]
    pub verbose: bool,
    /// Judge again after each window, until interrupted
    #[arg(long, short = 'w')]
    pub watch: bool,
    /// Stop after this many judgements
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Exit with 1 for findings from this severity on
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Warning)]
    pub fail_on: FailOn,
    /// Say what a rule looks for, what it reads and when it speaks; nothing is read
    #[arg(long, value_name = "RULE", conflicts_with_all = ["rules", "watch"])]
    pub explain: Option<String>,
}

/// From which severity on findings make the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// For every finding, what files of settings say included
    Notice,
    /// For what hurts or will
    Warning,
    /// For what loses connections or packets now
    Critical,
    /// For none
    Never,
}

/// Write all that the reading commands need to a file, for `--from`
#[derive(Clone, Debug, Args)]
pub struct SnapshotArgs {
    /// The file, which is compressed if its name ends in .gz; standard output without one
    pub file: Option<PathBuf>,
    /// Read a second time after so long, so that rates can be told of it; 0 for one reading
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_window_ms)]
    pub window: u64,
    /// Store every socket as well, with tcp_info, memory and processes, for `tcpctl sockets --from`
    #[arg(long)]
    pub sockets: bool,
    /// Hide addresses, each behind the same stand-in everywhere, and the names of host and namespace
    #[arg(long)]
    pub redact: bool,
    /// The same, with stand-ins that are alike in every file taken with this secret, so that two files can be compared
    ///
    /// A file of 16 bytes and more, such as `head -c 32 /dev/urandom > FILE` makes. Keep it: without it nobody can make
    /// the same stand-ins, or find out whose they are.
    #[arg(long, value_name = "FILE")]
    pub redact_key: Option<PathBuf>,
}

/// List the kernel's TCP parameters with their values, defaults and meaning, or tell all about one
#[derive(Clone, Debug, Args)]
pub struct ParamsArgs {
    /// A key, with or without its folder; a part of names; or a pattern such as `tcp_*_retries`
    pub pattern: Option<String>,
    /// Only those whose value is not the kernel's default
    #[arg(long)]
    pub changed: bool,
    /// Read the files of sysctl.d below this directory as if it were `/`
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// Check sysctl.d files: keys that are gone, values that the kernel refuses, folk settings, lines taken back later
#[derive(Clone, Debug, Args)]
pub struct LintArgs {
    /// Files to check by themselves, in this order, `-` for standard input; the whole host if not given
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Check the files below this directory as if it were `/`, such as an unpacked image
    #[arg(long, value_name = "DIR", conflicts_with = "files")]
    pub root: Option<PathBuf>,
    /// Judge for this kernel version instead of the running one
    #[arg(long, value_name = "VERSION")]
    pub kernel: Option<String>,
    /// List the rules
    #[arg(long, conflicts_with_all = ["files", "root", "kernel"])]
    pub rules: bool,
}

/// Print a completion script for a shell
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Write the manual pages
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// The directory to write to
    pub dir: PathBuf,
}

/// Takes a namespace's name, process id or path; whether there is one is seen on opening it.
fn parse_netns(text: &str) -> Result<String, String> {
    // As in `limits.h`, the path without its final zero.
    const NAME_MAX: usize = 255;
    const PATH_MAX: usize = 4095;
    if text.is_empty() {
        return Err("it is empty; expected a name as in `ip netns`, a process id, or a path".to_owned());
    }
    if text.len() > PATH_MAX || text.split('/').any(|part| part.len() > NAME_MAX) {
        return Err("it is longer than a name or path can be".to_owned());
    }
    Ok(text.to_owned())
}

/// The interval of `--watch` without one.
pub(super) const WATCH_INTERVAL: &str = "1s";

/// Reads an interval such as `1s`, `500ms` or `2` (seconds) as milliseconds.
pub(super) fn parse_interval_ms(text: &str) -> Result<u64, String> {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let us = if bare { parse_duration_us(&format!("{text}s"))? } else { parse_duration_us(text)? };
    match us / 1000 {
        ms @ 10..=86_400_000 => Ok(ms),
        _ => Err(format!("`{text}` is outside 10ms to 24h")),
    }
}

/// Reads a window in milliseconds, or 0 for none.
fn parse_window_ms(text: &str) -> Result<u64, String> {
    if text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic()) == "0" { Ok(0) } else { parse_interval_ms(text) }
}

/// Reads how much is to be played at the most, in microseconds.
pub(super) fn parse_limit_us(text: &str) -> Result<u64, String> {
    match parse_duration_us(text)? {
        0 => Err("it is 0: nothing would be played".to_owned()),
        us => Ok(us),
    }
}

/// Reads a rate such as `50000/s`, `50k/s` or `50000` as a number per second.
pub(super) fn parse_rate_per_s(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    let (number, factor) = match (number.strip_suffix(['k', 'K']), number.strip_suffix('M')) {
        (Some(thousands), _) => (thousands, 1_000),
        (_, Some(millions)) => (millions, 1_000_000),
        _ => (number, 1),
    };
    let rate = number.parse::<u64>().ok().and_then(|rate| rate.checked_mul(factor)).filter(|rate| *rate > 0);
    rate.ok_or_else(|| format!("`{text}` is not a rate; expected one such as 50000/s, 50k/s or 50000"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_argument_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn prose_below_the_options_is_wrapped_by_the_width_of_the_terminal_alone() {
        let is_example = |line: &&str| line.starts_with("  tcpctl ");
        for command in Cli::command().get_subcommands() {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in text.lines().filter(|line| line.chars().count() > 80 && !is_example(line)) {
                let name = command.get_name();
                assert!(
                    line.ends_with(['.', ':']),
                    "{name}: a line of a terminal's width ends amid a sentence: {line}"
                );
            }
        }
    }

    #[test]
    fn rates_are_read_with_and_without_their_unit() {
        assert_eq!(parse_rate_per_s("50000/s"), Ok(50_000));
        assert_eq!(parse_rate_per_s("50000"), Ok(50_000));
        assert_eq!(parse_rate_per_s("50k/s"), Ok(50_000));
        assert_eq!(parse_rate_per_s("2M"), Ok(2_000_000));
        for bad in ["", "/s", "0", "-1", "1.5", "5/m", "k", "99999999999999999999", "99999999999999999M"] {
            assert!(parse_rate_per_s(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn an_interval_without_a_unit_is_in_seconds() {
        assert_eq!((parse_interval_ms("2"), parse_interval_ms("1.5")), (Ok(2000), Ok(1500)));
        assert!(parse_interval_ms("2x").is_err() && parse_interval_ms("25h").is_err());
    }

    #[test]
    fn options_of_ss_go_together_as_there() {
        for words in [["tcpctl", "sockets", "-tanl"], ["tcpctl", "sockets", "-46"], ["tcpctl", "sockets", "-tanpo"]] {
            assert!(Cli::try_parse_from(words).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn watching_without_an_interval_is_every_second() {
        let watch = |words: &[&str]| match Cli::try_parse_from(words).map(|cli| cli.command) {
            Ok(Some(Command::Status(args))) => args.watch,
            Ok(Some(Command::Sockets(args))) => args.watch,
            _ => None,
        };
        assert_eq!(watch(&["tcpctl", "status", "--watch"]), Some(1000));
        assert_eq!(watch(&["tcpctl", "sockets", "state", "established", "-w"]), Some(1000));
        assert_eq!(watch(&["tcpctl", "sockets", "--watch", "2s", "state", "established"]), Some(2000));
        assert_eq!(watch(&["tcpctl", "sockets", "--watch", "state", "established"]), None);
        let misplaced = Cli::try_parse_from(["tcpctl", "sockets", "--watch", "state", "established"]).map(drop);
        let told = misplaced.map_err(|error| error.to_string()).unwrap_err();
        assert!(
            told.contains("a filter stands before --watch, or behind its interval: --watch 1s state ..."),
            "{told}"
        );
    }

    #[test]
    fn a_namespace_that_cannot_be_one_is_refused() {
        assert!(parse_netns("").is_err() && parse_netns(&"x".repeat(256)).is_err());
        assert!(parse_netns(&"/x".repeat(2048)).is_err());
        assert_eq!(parse_netns("/proc/1/ns/net"), Ok("/proc/1/ns/net".to_owned()));
    }
}
