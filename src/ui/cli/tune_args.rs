//! The arguments of the verbs that change things, as typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::units::{parse_bandwidth_bit_s, parse_duration_us};

/// List tuning profiles, or show one
#[derive(Clone, Debug, Args)]
pub struct ProfilesArgs {
    /// Show this profile with the reason for each value; `show NAME` is the same
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Read further profiles from this directory; they win by name
    #[arg(long, value_name = "DIR", default_value = "/etc/tcpctl/profiles.d")]
    pub profile_dir: PathBuf,
}

/// Which profiles to work from.
#[derive(Clone, Debug, Args)]
pub struct ProfileChoice {
    /// The profiles: names, or paths of files; several are combined
    #[arg(required = true, value_name = "PROFILE")]
    pub profiles: Vec<String>,
    /// Read further profiles from this directory; they win by name
    #[arg(long, value_name = "DIR", default_value = "/etc/tcpctl/profiles.d")]
    pub profile_dir: PathBuf,
    /// Round-trip time of the paths that matter, such as 30ms, for profiles that work values out from it
    #[arg(long, value_name = "TIME", value_parser = parse_path_rtt_us)]
    pub rtt: Option<u64>,
    /// Bandwidth that one connection should fill, such as 1Gbit/s, for profiles that work values out from it
    #[arg(long, value_name = "RATE", value_parser = parse_bandwidth_bit_s)]
    pub bandwidth: Option<u64>,
    /// Look for what is set at boot in the files of sysctl.d below this directory as if it were `/`
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// Show what a profile would change, and what that does in seconds; nothing is written
///
/// Exit code 1 when it could not be applied: profiles contradict each other, or a key is missing that one requires.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// The profile
    #[command(flatten)]
    pub choice: ProfileChoice,
    /// Print only what differs, as lines of sysctl.d with - and +
    #[arg(long, conflicts_with = "export")]
    pub diff: bool,
    /// Print the values in the form of another tool instead
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub export: Option<ExportFormat>,
}

/// Forms that other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A file for /etc/sysctl.d
    #[value(name = "sysctl.d")]
    SysctlD,
    /// Tasks of Ansible
    Ansible,
    /// A securityContext of Kubernetes, with what is safe and what is not
    Kubernetes,
    /// A profile of tuned
    Tuned,
}

/// Apply a profile: shows the plan, asks, journals, writes, reads back
#[derive(Clone, Debug, Args)]
pub struct ApplyArgs {
    /// The profile
    #[command(flatten)]
    pub choice: ProfileChoice,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Show the plan and stop, as `plan` does
    #[arg(long)]
    pub dry_run: bool,
    /// Undo it after this time, such as 60s, unless `tcpctl confirm` comes; survives the end of this terminal
    ///
    /// A reboot before it is confirmed undoes it as well: with --persist, it is the confirmation that writes the file.
    ///
    /// Where logind ends whatever a session leaves behind (KillUserProcesses=yes, which few distributions set), it ends
    /// what waits here as well, and the values stay until `tcpctl rollback`. Put it into a scope of its own there:
    /// systemd-run --scope tcpctl apply …
    #[arg(long, value_name = "TIME", value_parser = parse_confirm_ms)]
    pub confirm: Option<u64>,
    /// Keep the values across boots, in one file of tcpctl's own, which rollback takes back
    ///
    /// Such a file is for the network namespace that the host boots into: not together with --netns, and in any other
    /// namespace only with --sysctl-dir or --root. With --confirm, the confirmation writes it.
    #[arg(long)]
    pub persist: bool,
    /// The directory of that file [default: /etc/sysctl.d, below --root where that is given]
    #[arg(long, value_name = "DIR")]
    pub sysctl_dir: Option<PathBuf>,
    /// With --persist: replace tcpctl's file although somebody else changed it
    #[arg(long, requires = "persist")]
    pub force: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", value_parser = parse_why)]
    pub why: Option<String>,
    /// Wait while another apply or rollback is under way
    #[arg(long)]
    pub wait: bool,
}

/// Keep an apply that is undone otherwise
#[derive(Clone, Debug, Args)]
pub struct ConfirmArgs {
    /// Which apply, as `history` numbers it; the newest one that waits if not given
    pub id: Option<String>,
    /// Wait while another apply or rollback is under way
    #[arg(long)]
    pub wait: bool,
}

/// Undo an apply unless it is confirmed in time
#[derive(Clone, Debug, Args)]
pub struct AwaitConfirmationArgs {
    /// The entry of the journal
    pub id: u64,
    /// Milliseconds to wait
    pub within_ms: u64,
}

/// Check whether the running values meet a profile, and those that are kept across boots
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// The profile
    #[command(flatten)]
    pub choice: ProfileChoice,
    /// The directory of the file that keeps values across boots [default: etc/sysctl.d below --root, the one that the
    /// journal knows of, or /etc/sysctl.d in the network namespace that the host boots into]
    #[arg(long, value_name = "DIR")]
    pub sysctl_dir: Option<PathBuf>,
}

/// Restore the values from before an apply
///
/// Exit code 1 when something is left as it is, or there is nothing to roll back.
#[derive(Clone, Debug, Args)]
pub struct RollbackArgs {
    /// Which apply, as `history` numbers it; the newest one that still stands if not given
    pub id: Option<String>,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Also restore keys, and tcpctl's file, that somebody else has changed since
    #[arg(long)]
    pub force: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", value_parser = parse_why)]
    pub why: Option<String>,
    /// Wait while another apply or rollback is under way
    #[arg(long)]
    pub wait: bool,
}

/// List what was applied and rolled back
///
/// All of it, or with --netns what was done to that network namespace since the host was booted.
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// Show this entry whole
    pub id: Option<String>,
}

/// Where values are kept across boots.
pub(in crate::ui::cli) const SYSCTL_DIR: &str = "/etc/sysctl.d";

/// How long a confirmation is waited for, in milliseconds: a second to a day.
fn parse_confirm_ms(text: &str) -> Result<u64, String> {
    let ms = parse_duration_us(text)? / 1000;
    if (1_000..=86_400_000).contains(&ms) {
        Ok(ms)
    } else {
        Err(format!("`{text}` is no time to confirm in; expected one from 1s to 24h, such as 60s"))
    }
}

/// A reason on one line.
fn parse_why(text: &str) -> Result<String, String> {
    let why = text.trim();
    if why.is_empty() || why.len() > 500 || why.contains(char::is_control) {
        return Err("expected a reason of one line, at most 500 bytes".to_owned());
    }
    Ok(why.to_owned())
}

/// A round-trip time in microseconds, up to a minute.
fn parse_path_rtt_us(text: &str) -> Result<u64, String> {
    const LONGEST_US: u64 = 60_000_000;
    let us = parse_duration_us(text)?;
    if (1..=LONGEST_US).contains(&us) {
        Ok(us)
    } else {
        Err(format!("`{text}` is no round-trip time; expected one from 1us to 60s, such as 30ms"))
    }
}
