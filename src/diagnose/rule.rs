//! What a rule is.

use core::fmt;

use super::{Case, Confidence, Finding, Stated};

/// Something that a rule reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// A counter of `/proc/net/netstat`, group `TcpExt`.
    TcpExt(&'static str),
    /// A counter of `/proc/net/snmp`, group `Tcp`.
    Tcp(&'static str),
    /// A figure of `/proc/net/sockstat`, group `TCP`.
    Sockstat(&'static str),
    /// A column of `/proc/net/softnet_stat`.
    Softnet(&'static str),
    /// Sockets, as sock_diag tells them: what of them.
    Sockets(&'static str),
    /// The queues of network devices: what they dropped.
    DeviceQueues,
    /// The host's memory, `MemTotal` of `/proc/meminfo`.
    Memory,
    /// What whoever asks says and no reading shows: what of it.
    Stated(&'static str),
    /// The files that set sysctls at boot.
    Files,
}

impl Input {
    /// Whether the kernel tells the same of it in every network namespace, since it counts it once for the host.
    #[must_use]
    pub fn is_host_wide(&self) -> bool {
        match self {
            Self::Sockstat(figure) => matches!(*figure, "orphan" | "mem" | "alloc"),
            Self::Softnet(_) | Self::Memory => true,
            Self::TcpExt(_) | Self::Tcp(_) | Self::Sockets(_) | Self::DeviceQueues | Self::Stated(_) | Self::Files => {
                false
            }
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TcpExt(name) => write!(f, "/proc/net/netstat TcpExt {name}"),
            Self::Tcp(name) => write!(f, "/proc/net/snmp Tcp {name}"),
            Self::Sockstat(name) => write!(f, "/proc/net/sockstat TCP {name}"),
            Self::Softnet(name) => write!(f, "/proc/net/softnet_stat {name}"),
            Self::Sockets(what) => write!(f, "sock_diag: {what}"),
            Self::DeviceQueues => f.write_str("rtnetlink RTM_GETQDISC drops"),
            Self::Memory => f.write_str("/proc/meminfo MemTotal"),
            Self::Stated(what) => write!(f, "what is stated: {what} (diagnose --{what})"),
            Self::Files => f.write_str("sysctl.d files, as lint reads them"),
        }
    }
}

/// How a rule was proved to give the right verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// On a recreated incident of the running kernel, and on written snapshots.
    Live,
    /// On written snapshots alone, for the reason given: why a network namespace of a test cannot be brought into it.
    Written(&'static str),
}

/// One thing that can be wrong, with everything about it that does not depend on the host.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, kebab-case; also the name of its file and of its topic in the manual.
    pub id: &'static str,
    /// What it looks for, as half a sentence: "a listener whose accept queue is full".
    pub looks_for: &'static str,
    /// The topic of `explain` that has more, if there is one.
    pub topic: Option<&'static str>,
    /// What it reads besides sysctls.
    pub reads: &'static [Input],
    /// The sysctls it reads.
    pub keys: &'static [&'static str],
    /// From when on it speaks, and why from there.
    pub threshold: &'static str,
    /// How sure it is, as a rule; a finding may be less sure.
    pub confidence: Confidence,
    /// The command that goes on where `/proc` cannot decide, if there is one.
    pub next: Option<&'static str>,
    /// How it was proved.
    pub proof: Proof,
    /// What is often done about it and does not help.
    pub wrong_remedy: &'static str,
    /// What would show that a finding of this rule is mistaken.
    pub disproved_by: &'static str,
    /// The judgement.
    pub check: fn(&Case<'_>) -> Verdict,
}

impl Rule {
    /// Whether it judges the host and not one network namespace: what it reads first is what it judges.
    ///
    /// The limits of orphans and of TCP memory exist in the initial namespace alone, so inside a container these rules
    /// cannot judge, and they say so: the figures there are the whole host's. Of all namespaces together they judge once.
    #[must_use]
    pub fn is_host_wide(&self) -> bool {
        self.reads.first().is_some_and(Input::is_host_wide)
    }

    /// Whether it judges the files that set sysctls, which are for one namespace alone.
    #[must_use]
    pub fn reads_files(&self) -> bool {
        self.reads.contains(&Input::Files)
    }

    /// Why it has nothing to judge with this, if it has not: one that judges what is stated first of all has nothing to
    /// say where nothing is.
    #[must_use]
    pub fn unasked(&self, stated: &Stated) -> Option<&'static str> {
        let reason = match self.reads.first() {
            Some(Input::Stated(_)) => "no timeouts are stated (--timeouts)",
            _ => "the files of settings were not read",
        };
        (!self.is_asked(stated)).then_some(reason)
    }

    /// Whether there is something for it to judge: one that judges what is stated first of all has nothing to say where
    /// nothing is.
    #[must_use]
    pub fn is_asked(&self, stated: &Stated) -> bool {
        match self.reads.first() {
            Some(Input::Stated(_)) => stated.timeouts.is_some(),
            Some(Input::Files) => stated.files.is_some(),
            _ => true,
        }
    }
}

/// What a rule says of one case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong; empty when all is well or when it cannot be told.
    pub findings: Vec<Finding>,
    /// What was missing for a full judgement; empty when nothing was.
    pub gaps: Vec<String>,
}

impl Verdict {
    /// All is well.
    #[must_use]
    pub fn quiet() -> Self {
        Self::default()
    }

    /// Could not judge.
    #[must_use]
    pub fn undecided(gap: String) -> Self {
        Self { findings: Vec::new(), gaps: vec![gap] }
    }
}

impl From<Finding> for Verdict {
    fn from(finding: Finding) -> Self {
        Self { findings: vec![finding], gaps: Vec::new() }
    }
}

/// A rule that lacks an input is undecided.
impl From<Result<Self, String>> for Verdict {
    fn from(result: Result<Self, String>) -> Self {
        result.unwrap_or_else(Self::undecided)
    }
}
