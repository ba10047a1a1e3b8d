//! All families together, and the small words that rows are written with.

use super::{buffers, closing, congestion, conntrack, core, neighbours, opening, ports, retransmission, udp_icmp};
use crate::catalog::parameter::ALWAYS;
use crate::catalog::{Bound, Default, DefaultSince, Parameter, Range, RangeSince};
use crate::units::KernelVersion;

/// The families in the order in which they are listed.
const FAMILIES: &[&[Parameter]] = &[
    opening::ROWS,
    retransmission::ROWS,
    closing::ROWS,
    buffers::ROWS,
    congestion::ROWS,
    ports::ROWS,
    udp_icmp::ROWS,
    core::ROWS,
    neighbours::ROWS,
    conntrack::ROWS,
];

/// Every sysctl of the table.
pub fn parameters() -> impl Iterator<Item = &'static Parameter> {
    FAMILIES.iter().copied().flatten()
}

/// The largest `int`.
pub(in crate::catalog) const INT_MAX: Bound = Bound::Number(2_147_483_647);

/// A bound that is a number.
pub(in crate::catalog) const fn number(number: i64) -> Bound {
    Bound::Number(number)
}

/// A range that every kernel checks.
pub(in crate::catalog) const fn always(min: Bound, max: Bound) -> RangeSince {
    RangeSince { since: ALWAYS, range: Range { min, max } }
}

/// A range that kernels check from this one on.
pub(in crate::catalog) const fn since(major: u16, minor: u16, min: Bound, max: Bound) -> RangeSince {
    RangeSince { since: KernelVersion::new(major, minor), range: Range { min, max } }
}

/// A default that every kernel has.
pub(in crate::catalog) const fn constant(text: &'static str) -> DefaultSince {
    from(0, 0, Default::Constant(text))
}

/// A default that only the host can tell.
pub(in crate::catalog) const fn described(how: &'static str) -> DefaultSince {
    from(0, 0, Default::Described(how))
}

/// A default from this kernel on that is a share of the established hash's buckets.
pub(in crate::catalog) const fn ehash(major: u16, minor: u16, divisor: u64, floor: u64) -> DefaultSince {
    from(major, minor, Default::EhashShare { divisor, floor })
}

/// A default from this kernel on.
pub(in crate::catalog) const fn from(major: u16, minor: u16, default: Default) -> DefaultSince {
    DefaultSince { since: KernelVersion::new(major, minor), default }
}
