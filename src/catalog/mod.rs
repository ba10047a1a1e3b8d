//! What is known of each sysctl.
//!
//! For: one table of names, units, ranges, defaults by kernel version, scopes and effects.
//! Must not: read values, or decide what they should be.
//! Mirrors: `net/ipv4/sysctl_net_ipv4.c`, `net/core/sysctl_net_core.c`, `net/netfilter/nf_conntrack_standalone.c`.

mod canonical;
mod check;
mod defaults;
mod elsewhere;
mod lookup;
mod names;
mod parameter;
mod table;

pub use canonical::{canonical_value, join_ports, parse_number, same_value};
pub use check::{ValueError, check_value, kept_value, normalize_value, rounded_to_ticks};
pub use defaults::{default_value, defaults, ehash_buckets};
pub use elsewhere::{Elsewhere, elsewhere, is_charted, module_of, old_name};
pub use lookup::{exists, find, find_by_name, nearest};
pub use names::{Named, names_of, nearest_name};
pub use parameter::{Bound, Default, DefaultSince, Form, Order, Parameter, Range, RangeSince, Scope, TakesEffect};
pub use table::parameters;
