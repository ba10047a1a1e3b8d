//! The record of one sysctl.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::units::KernelVersion;

/// One sysctl: a row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name with dots, such as `net.ipv4.tcp_syn_retries`.
    pub key: &'static str,
    /// What its number counts: `s`, `ms`, `count`, `bytes`, `bool` and so on.
    pub unit: &'static str,
    /// How its text is built.
    pub form: Form,
    /// How its numbers must stand to each other.
    pub order: Order,
    /// What the kernel accepts, oldest first; before the first entry any number of the type is taken.
    pub ranges: &'static [RangeSince],
    /// What the kernel sets it to, oldest first. Empty where no default is known.
    pub defaults: &'static [DefaultSince],
    /// First kernel that has it; 0.0 where nobody knows, which is older than 4.14, the oldest that this program speaks of.
    pub since: KernelVersion,
    /// First kernel that no longer has it.
    pub removed: Option<KernelVersion>,
    /// First kernel in which each network namespace has its own; nothing when none does.
    pub per_namespace_since: Option<KernelVersion>,
    /// Where it is while it is not per namespace.
    pub shared: Scope,
    /// When a new value begins to count.
    pub takes_effect: TakesEffect,
    /// What it does, in a phrase.
    pub affects: &'static str,
    /// What to know besides; may be empty.
    pub note: &'static str,
    /// What it is commonly taken to be, and what it is; may be empty.
    pub misunderstood: &'static str,
    /// First kernel that still has it and pays no attention to it.
    pub idle_since: Option<KernelVersion>,
    /// The builds that alone have it, where no released Linux does.
    pub only_in: Option<&'static str>,
}

/// How the text of a value is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// So many whole numbers separated by blanks.
    Numbers(usize),
    /// A word, such as the name of an algorithm.
    Name,
    /// Words separated by blanks.
    Words,
    /// Ports and ranges of ports separated by commas; may be empty.
    Ports,
    /// Bits as hexadecimal digits, with commas or dashes between groups.
    Hex,
}

/// How the numbers of one value must stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In any way.
    Any,
    /// None may be less than the one before it; the kernel refuses that.
    RisingByKernel,
    /// None should be less than the one before it: the kernel takes it, and it means nothing sensible.
    RisingBySense,
}

/// A bound of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// This number.
    Number(i64),
    /// The largest `int` divided by the tick rate: the kernel keeps the value in ticks.
    IntMaxPerHz,
    /// Minus the largest `int` divided by the tick rate: `proc_dointvec_jiffies` bounds the size of a number and not
    /// its sign.
    MinusIntMaxPerHz,
    /// The largest `unsigned int` divided by the tick rate.
    UintMaxPerHz,
    /// The largest `unsigned long`.
    UlongMax,
}

/// What the kernel accepts, both ends included; outside it write(2) fails with EINVAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least value.
    pub min: Bound,
    /// The greatest value.
    pub max: Bound,
}

/// A range with the first kernel that checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeSince {
    /// First kernel with it.
    pub since: KernelVersion,
    /// The range.
    pub range: Range,
}

/// What the kernel sets a sysctl to at boot, or when a namespace is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// This text.
    Constant(&'static str),
    /// The number of buckets of the established hash, divided, and at least `floor`.
    EhashShare {
        /// What the number of buckets is divided by.
        divisor: u64,
        /// The least it can be.
        floor: u64,
    },
    /// This text on a host with at least so much memory; the kernel lowers the last number below that.
    ConstantFrom {
        /// The text.
        text: &'static str,
        /// Memory in KiB from which on the text is right for sure.
        memory_kib: u64,
    },
    /// It cannot be told without the host; says how the kernel finds it.
    Described(&'static str),
}

/// A default with the first kernel that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultSince {
    /// First kernel with it.
    pub since: KernelVersion,
    /// The default.
    pub default: Default,
}

/// Whose value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Each network namespace has its own.
    Namespace,
    /// One for the host; the file is only in the initial network namespace.
    Host,
    /// One for the host; other network namespaces see it and cannot write it.
    HostReadOnlyInChild,
}

impl Scope {
    /// In a few words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Namespace => "this network namespace",
            Self::Host => "the whole host",
            Self::HostReadOnlyInChild => "the whole host, read-only in other network namespaces",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// When a new value begins to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TakesEffect {
    /// The kernel reads it whenever it needs it, for sockets that exist too.
    Now,
    /// Copied when a socket is made.
    NewSockets,
    /// Settled while a connection is opened.
    NewConnections,
    /// Copied when a connection is accepted.
    NewAccepted,
    /// Copied when the application calls listen().
    NextListen,
    /// Looked at when a socket enters FIN_WAIT_2.
    NextFinWait2,
    /// Looked at when a socket enters TIME_WAIT.
    NextTimeWait,
    /// Looked at when the next packet of a tracked flow arrives.
    NextPacket,
    /// Used for network devices that are made later.
    NewDevices,
    /// Used for network namespaces that are made later.
    NewNamespaces,
    /// Used when the feature is switched on the next time.
    NextEnable,
    /// Some of its numbers when a socket is made, the last one at once.
    NewSocketsLimitNow,
    /// It cannot be written.
    ReadOnly,
    /// Nothing looks at it any more.
    Never,
}

impl TakesEffect {
    /// In two or three words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::NewSockets => "new sockets",
            Self::NewConnections => "new connections",
            Self::NewAccepted => "next accept()",
            Self::NextListen => "next listen()",
            Self::NextFinWait2 => "next FIN-WAIT-2",
            Self::NextTimeWait => "next TIME-WAIT",
            Self::NextPacket => "next packet",
            Self::NewDevices => "new devices",
            Self::NewNamespaces => "new namespaces",
            Self::NextEnable => "when next enabled",
            Self::NewSocketsLimitNow => "new sockets, limit now",
            Self::ReadOnly => "read-only",
            Self::Never => "no effect",
        }
    }
}

impl fmt::Display for TakesEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// The kernel that counts as "always": older than every kernel this program speaks of.
pub(super) const ALWAYS: KernelVersion = KernelVersion::new(0, 0);

impl Parameter {
    /// A row for a single number that any kernel has, per namespace, read by the kernel whenever it needs it.
    pub(super) const fn number(key: &'static str, unit: &'static str) -> Self {
        Self {
            key,
            unit,
            form: Form::Numbers(1),
            order: Order::Any,
            ranges: &[],
            defaults: &[],
            since: ALWAYS,
            removed: None,
            per_namespace_since: Some(ALWAYS),
            shared: Scope::Host,
            takes_effect: TakesEffect::Now,
            affects: "",
            note: "",
            misunderstood: "",
            idle_since: None,
            only_in: None,
        }
    }

    /// The form, where it is not a single number.
    pub(super) const fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// How the numbers stand to each other, where there are several.
    pub(super) const fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// What the kernel accepts.
    pub(super) const fn ranges(mut self, ranges: &'static [RangeSince]) -> Self {
        self.ranges = ranges;
        self
    }

    /// What the kernel sets it to.
    pub(super) const fn defaults(mut self, defaults: &'static [DefaultSince]) -> Self {
        self.defaults = defaults;
        self
    }

    /// The first kernel that has it.
    pub(super) const fn since(mut self, major: u16, minor: u16) -> Self {
        self.since = KernelVersion::new(major, minor);
        self
    }

    /// The first kernel that has it, of those that were numbered 2.6.N.
    pub(super) const fn since_2_6(mut self, patch: u16) -> Self {
        self.since = KernelVersion { major: 2, minor: 6, patch };
        self
    }

    /// The first kernel that no longer has it.
    pub(super) const fn removed(mut self, major: u16, minor: u16) -> Self {
        self.removed = Some(KernelVersion::new(major, minor));
        self
    }

    /// The first kernel in which each network namespace has its own; before, only the initial one had the file.
    pub(super) const fn per_namespace_since(mut self, major: u16, minor: u16) -> Self {
        self.per_namespace_since = Some(KernelVersion::new(major, minor));
        self
    }

    /// One value for the host.
    pub(super) const fn shared(mut self, scope: Scope) -> Self {
        self.per_namespace_since = None;
        self.shared = scope;
        self
    }

    /// When a new value begins to count.
    pub(super) const fn takes_effect(mut self, when: TakesEffect) -> Self {
        self.takes_effect = when;
        self
    }

    /// What it does.
    pub(super) const fn affects(mut self, affects: &'static str) -> Self {
        self.affects = affects;
        self
    }

    /// What to know besides.
    pub(super) const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    /// What it is taken to be, and what it is.
    pub(super) const fn misunderstood(mut self, misunderstood: &'static str) -> Self {
        self.misunderstood = misunderstood;
        self
    }

    /// The first kernel that pays no attention to it.
    pub(super) const fn idle_since(mut self, major: u16, minor: u16) -> Self {
        self.idle_since = Some(KernelVersion::new(major, minor));
        self
    }

    /// The builds that alone have it.
    pub(super) const fn only_in(mut self, builds: &'static str) -> Self {
        self.only_in = Some(builds);
        self
    }

    /// Whether a kernel has it and pays no attention to it.
    #[must_use]
    pub fn is_idle(&self, version: KernelVersion) -> bool {
        self.idle_since.is_some_and(|since| version >= since)
    }

    /// Whose value it is on a kernel.
    #[must_use]
    pub fn scope(&self, version: KernelVersion) -> Scope {
        match self.per_namespace_since {
            Some(since) if version >= since => Scope::Namespace,
            _ => self.shared,
        }
    }

    /// Whether a kernel has it.
    #[must_use]
    pub fn exists(&self, version: KernelVersion) -> bool {
        self.only_in.is_none() && version >= self.since && self.removed.is_none_or(|removed| version < removed)
    }

    /// What a kernel accepts, or nothing when it takes any number.
    #[must_use]
    pub fn range(&self, version: KernelVersion) -> Option<Range> {
        self.ranges.iter().rev().find(|entry| version >= entry.since).map(|entry| entry.range)
    }

    /// What a kernel sets it to, or nothing when that is not known.
    #[must_use]
    pub fn default(&self, version: KernelVersion) -> Option<Default> {
        self.defaults.iter().rev().find(|entry| version >= entry.since).map(|entry| entry.default)
    }
}
