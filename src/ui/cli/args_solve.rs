//! The arguments of `tcpctl solve`, as typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::tune::{WISH_KINDS, Wish};

/// Heading of what can be wished for.
const WISHES: &str = "Wishes";

/// How wishes are written.
pub(super) const SOLVE_HELP: &str = "\
A wish for a time is the latest it may be, at its worst: --connect 10s. One for a rate or a number is the least: \
--ports-rate 2000/s. Two bounds have dots between them: --unanswered 100s..5m, or --connect 5s.. for a least time. \
Where wishes contradict each other, those further up in this help are met.

Exit code 1 when a wish cannot be met.

  tcpctl solve --connect 10s --half-open 7s --dead-peer 30s
  tcpctl solve --ports-rate 2000/s --write-profile busy-proxy.toml && tcpctl apply ./busy-proxy.toml";

/// Find the settings whose predicted times are as wished, with the least change
#[derive(Clone, Debug, Args)]
pub struct SolveArgs {
    /// A connect that nobody answers fails after
    #[arg(help_heading = WISHES, long, value_name = "TIME", value_parser = wish("connect"))]
    pub connect: Option<Wish>,
    /// A half-open entry that nobody completes is dropped after
    #[arg(help_heading = WISHES, long, value_name = "TIME", value_parser = wish("half-open"))]
    pub half_open: Option<Wish>,
    /// An idle connection with SO_KEEPALIVE whose peer is gone fails after
    #[arg(help_heading = WISHES, long, value_name = "TIME", value_parser = wish("dead-peer"))]
    pub dead_peer: Option<Wish>,
    /// A connection whose data nobody acknowledges fails after
    #[arg(help_heading = WISHES, long, value_name = "TIME", value_parser = wish("unanswered"))]
    pub unanswered: Option<Wish>,
    /// A closed socket whose last data nobody acknowledges is dropped after
    #[arg(help_heading = WISHES, long, value_name = "TIME", value_parser = wish("orphan"))]
    pub orphan: Option<Wish>,
    /// A closed socket whose peer never closes leaves FIN-WAIT-2 after
    #[arg(help_heading = WISHES, long, value_name = "TIME", value_parser = wish("fin-wait"))]
    pub fin_wait: Option<Wish>,
    /// TIME-WAIT lasts
    #[arg(help_heading = WISHES, long, value_name = "TIME", value_parser = wish("time-wait"))]
    pub time_wait: Option<Wish>,
    /// Connections that this host can have to one address and port
    #[arg(help_heading = WISHES, long, value_name = "N", value_parser = wish("ports"))]
    pub ports: Option<Wish>,
    /// New connections to one address and port, closed by this host, that can go on
    #[arg(help_heading = WISHES, long, value_name = "RATE", value_parser = wish("ports-rate"))]
    pub ports_rate: Option<Wish>,
    /// Half-open entries that a listener can hold whose application asks for enough
    #[arg(help_heading = WISHES, long, value_name = "N", value_parser = wish("backlog"))]
    pub backlog: Option<Wish>,
    /// Which wishes are left to the application, where an option of its socket meets them
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Sockopts::Better)]
    pub sockopts: Sockopts,
    /// Start from the kernel's defaults instead of this host's values
    #[arg(long)]
    pub defaults: bool,
    /// What if: another kernel version
    #[arg(long, value_name = "VERSION")]
    pub kernel: Option<String>,
    /// What if: another tick rate
    #[arg(long, value_name = "TICKS")]
    pub hz: Option<String>,
    /// What if: a sysctl with another value to begin with
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Write what was found as a profile to this file, NAME.toml, which must not exist
    #[arg(long, value_name = "FILE")]
    pub write_profile: Option<PathBuf>,
}

/// Which wishes are left to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sockopts {
    /// Sysctls alone
    None,
    /// Those that no sysctl meets, or only one that changes every connection, such as tcp_rto_max_ms
    Better,
    /// All that an option meets
    All,
}

impl SolveArgs {
    /// The wishes, in the order of the table.
    pub(super) fn wishes(&self) -> Vec<Wish> {
        let all = [
            &self.connect,
            &self.half_open,
            &self.dead_peer,
            &self.unanswered,
            &self.orphan,
            &self.fin_wait,
            &self.time_wait,
            &self.ports,
            &self.ports_rate,
            &self.backlog,
        ];
        all.into_iter().flatten().cloned().collect()
    }
}

/// Reads a wish of this kind.
fn wish(word: &'static str) -> impl Fn(&str) -> Result<Wish, String> + Clone {
    move |text| {
        let kind = WISH_KINDS.iter().find(|kind| kind.word == word);
        kind.map_or_else(|| Err(format!("{word} is nothing to wish for")), |kind| Wish::parse(kind, text))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::args::Cli;
    use super::*;

    #[test]
    fn the_options_are_the_kinds_of_wishes_in_their_order() {
        let command = Cli::command();
        let solve = command.find_subcommand("solve").unwrap();
        let options = solve.get_arguments().filter(|option| option.get_help_heading() == Some(WISHES));
        let options: Vec<&str> = options.filter_map(clap::Arg::get_long).collect();
        assert_eq!(options, WISH_KINDS.iter().map(|kind| kind.word).collect::<Vec<_>>());
    }

    #[test]
    fn what_an_option_says_is_what_the_model_says() {
        let command = Cli::command();
        let solve = command.find_subcommand("solve").unwrap();
        for kind in WISH_KINDS {
            let option = solve.get_arguments().find(|option| option.get_long() == Some(kind.word)).unwrap();
            let help = option.get_help().unwrap().to_string().to_lowercase();
            let label = kind.consequence().unwrap().label.to_lowercase();
            let (help, label): (Vec<_>, Vec<_>) = (help.split(' ').take(2).collect(), label.split(' ').collect());
            assert!(help.iter().all(|word| label.iter().any(|other| other.trim_end_matches(',') == *word)), "{help:?}");
        }
    }
}
