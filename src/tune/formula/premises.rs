//! What a formula may speak of.

use core::fmt;

use super::number::Fraction;
use crate::snapshot::Snapshot;

/// A quantity by its name in a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// Memory of the host.
    Memory,
    /// Processors that are online.
    Cpus,
    /// Round-trip time that the user gave.
    Rtt,
    /// Bandwidth that the user gave.
    Bandwidth,
    /// What one connection has to have in flight to fill that bandwidth over that round-trip time.
    Bdp,
}

impl Quantity {
    /// Every quantity, in the order in which they are documented.
    pub const ALL: [Self; 5] = [Self::Memory, Self::Cpus, Self::Rtt, Self::Bandwidth, Self::Bdp];

    /// The name in a formula.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpus => "cpus",
            Self::Rtt => "rtt",
            Self::Bandwidth => "bandwidth",
            Self::Bdp => "bdp",
        }
    }

    /// What it stands for, with its unit.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Memory => "memory of the host in bytes",
            Self::Cpus => "processors that are online",
            Self::Rtt => "the round-trip time of --rtt in seconds",
            Self::Bandwidth => "the bandwidth of --bandwidth in bits per second",
            Self::Bdp => "bandwidth-delay product in bytes: bandwidth * rtt / 8",
        }
    }

    /// The options without which it is not known; none for what is read of the host.
    #[must_use]
    pub const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Memory | Self::Cpus => &[],
            Self::Rtt => &["--rtt"],
            Self::Bandwidth => &["--bandwidth"],
            Self::Bdp => &["--rtt", "--bandwidth"],
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What is known when values are worked out. What is not known is not guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Premises {
    /// Memory of the host in bytes.
    pub memory_bytes: Option<u64>,
    /// Processors that are online.
    pub cpus: Option<u64>,
    /// Round-trip time in microseconds.
    pub rtt_us: Option<u64>,
    /// Bandwidth in bits per second.
    pub bandwidth_bit_s: Option<u64>,
}

impl Premises {
    /// What is known of a host; of the network nothing is.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let cpus = snapshot.counters.softnet.as_ref().and_then(|rows| u64::try_from(rows.len()).ok());
        Self {
            memory_bytes: snapshot.memory_kib.and_then(|kib| kib.checked_mul(1024)),
            // A row for each processor that is online.
            cpus: cpus.filter(|cpus| *cpus > 0),
            rtt_us: None,
            bandwidth_bit_s: None,
        }
    }

    /// Whether a quantity is known.
    #[must_use]
    pub fn knows(&self, quantity: Quantity) -> bool {
        self.quantity(quantity).is_some()
    }

    pub(super) fn quantity(&self, quantity: Quantity) -> Option<Fraction> {
        match quantity {
            Quantity::Memory => Some(Fraction::whole(self.memory_bytes?.into())),
            Quantity::Cpus => Some(Fraction::whole(self.cpus?.into())),
            Quantity::Rtt => Fraction::new(self.rtt_us?.into(), 1_000_000),
            Quantity::Bandwidth => Some(Fraction::whole(self.bandwidth_bit_s?.into())),
            Quantity::Bdp => {
                self.quantity(Quantity::Bandwidth)?.times(self.quantity(Quantity::Rtt)?)?.over(Fraction::whole(8))
            }
        }
    }

    /// Bytes that one connection has to have in flight to fill the bandwidth, rounded up; nothing while one of the two
    /// is not known.
    #[must_use]
    pub fn bdp_bytes(&self) -> Option<u64> {
        u64::try_from(self.quantity(Quantity::Bdp)?.ceiling()?).ok()
    }
}
