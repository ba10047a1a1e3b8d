//! The arguments of `tcpctl sockets` as typed.

use clap::{Args, ValueEnum};

use super::args::{WATCH_INTERVAL, parse_interval_ms};

/// The language of filters, as help.
pub(super) const SOCKETS_HELP: &str = "\
Filter words, as in ss(8):
  state syn-recv          also: connected, synchronized, bucket, big, all;
                          exclude in place of state
  sport = :443            local port; dport: remote port; also != < <= > >=;
                          TCP services of /etc/services have names, as :https
  src 10.0.0.0/8          local address; dst [2001:db8::1]:443: remote one,
                          with port
  dev eth0  fwmark = 0x1/0x3  cgroup /system.slice/nginx.service  autobound
  and  or  not  ( )       conditions without a word between them are joined
                          by `and`
  src any  dst inet:*     every address; inet: and inet6: mean sockets of that
                          family alone, and 10.0.0.1 its IPv4-mapped form too

As in ss, conditions are joined from left to right: `A or B and C` is `(A or B) and C`, \
and `not` holds for the next one; brackets say it plainly.
Unlike ss (6.1): an exclusion that leaves no state shows nothing, where ss falls back to \
connected ones; `not autobound` is the opposite of `autobound`; inet: and inet6: hold \
for their own condition and not for the whole filter; conditions on states may stand \
anywhere; bound sockets without a connection are shown where the kernel tells of them.

Examples:
  tcpctl sockets state syn-recv sport = :443
  tcpctl sockets -p 'dst 10.0.0.0/8 and not dport = :5432'
  tcpctl sockets -a --sort recv-q --limit 20
  tcpctl sockets -a --group-by peer --limit 10
  tcpctl sockets --watch 2s --sort sent
  tcpctl sockets --watch 5s --group-by listener --json

With --watch each row says what moved since the reading before: bytes sent and received by \
the second, segments sent again, drops, queues that grew or shrank. `+` is new, `-` gone, \
`~` in another state, `*` moved; a screen shows these first, a pipe shows nothing else.";

/// Show sockets in the filter words of ss, each with its timer
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are the switches of ss")]
pub struct SocketsArgs {
    /// Only sockets that pass this filter
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// All states, listeners included; of -a and -l the last one counts
    #[arg(long, short = 'a', overrides_with = "listening")]
    pub all: bool,
    /// Only listeners
    #[arg(long, short = 'l', overrides_with = "all")]
    pub listening: bool,
    /// The processes that hold them, with unit or container
    #[arg(long, short = 'p')]
    pub processes: bool,
    /// The running timer, and what follows from it
    #[arg(long, short = 'o')]
    pub options: bool,
    /// The internals of TCP (tcp_info)
    #[arg(long, short = 'i')]
    pub info: bool,
    /// Memory, limits of buffers, and drops
    #[arg(long, short = 'm')]
    pub memory: bool,
    /// User, inode, cookie, mark, cgroup
    #[arg(long, short = 'e')]
    pub extended: bool,
    /// Only IPv4 sockets
    #[arg(long, short = '4')]
    pub ipv4: bool,
    /// Only IPv6 sockets, IPv4-mapped ones included
    #[arg(long, short = '6')]
    pub ipv6: bool,
    /// No heading
    #[arg(long, short = 'H')]
    pub no_header: bool,
    /// What -o, -e, -m and -i add on the same line
    #[arg(long, short = 'O')]
    pub oneline: bool,
    /// Numbers instead of names, which is what is always shown
    #[arg(long, short = 'n', hide = true)]
    pub numeric: bool,
    /// TCP sockets, which is what is always shown
    #[arg(long, short = 't', hide = true)]
    pub tcp: bool,
    /// Sort instead of printing as they come; queues and timers from the greatest down
    #[arg(long, value_enum, value_name = "KEY", conflicts_with = "group_by")]
    pub sort: Option<SocketSort>,
    /// Count sockets instead of listing them
    #[arg(long, value_enum, value_name = "WHAT")]
    pub group_by: Option<SocketGroup>,
    /// Show no more than this many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Those of every network namespace that a thread is in, that is bound to a file, or that a process holds open
    #[arg(long)]
    pub all_netns: bool,
    /// Print again after each interval, with what changed and how much went through, until interrupted; a second if none
    /// is given, which must then stand behind the filter
    #[arg(long, short = 'w', value_name = "INTERVAL", value_parser = parse_watch_ms,
        num_args = 0..=1, default_missing_value = WATCH_INTERVAL)]
    pub watch: Option<u64>,
    /// What readings may take of one processor, in percent; where they take more, the interval is made longer
    #[arg(long, value_name = "PERCENT", default_value_t = 2, requires = "watch",
        value_parser = clap::value_parser!(u64).range(1..=100))]
    pub cpu_share: u64,
    /// Stop after this many readings
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

/// Reads an interval; what may be meant as a filter instead is told where that stands.
fn parse_watch_ms(text: &str) -> Result<u64, String> {
    parse_interval_ms(text).map_err(|reason| match text.bytes().next() {
        Some(b'0'..=b'9' | b'.') | None => reason,
        _ => format!("{reason}; a filter stands before --watch, or behind its interval: --watch 1s {text} ..."),
    })
}

/// What sockets are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SocketSort {
    /// State
    State,
    /// Unread bytes
    RecvQ,
    /// Unacknowledged bytes
    SendQ,
    /// Local address and port
    Local,
    /// Peer address and port
    Peer,
    /// Time until the timer fires
    Timer,
    /// Bytes sent since the reading before, with --watch
    Sent,
    /// Bytes received since the reading before, with --watch
    Received,
    /// Segments sent again since the reading before, with --watch
    Resent,
    /// Segments dropped since the reading before, with --watch
    Drops,
}

/// What sockets are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SocketGroup {
    /// Remote address
    Peer,
    /// Process
    Process,
    /// Listener they came through
    Listener,
    /// State
    State,
    /// Network namespace; every one, as with --all-netns
    Netns,
}
