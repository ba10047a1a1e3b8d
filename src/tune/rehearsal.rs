//! What a profile would change in a network namespace that is made with a host's values, as the laboratory's are.

use super::{Plan, Profile, plan_profile};
use crate::catalog::{self, Scope};
use crate::snapshot::{Snapshot, SysctlReading};
use crate::units::SysctlValues;

/// Compares a profile with what was read of the host and with these values over it, as if all of that stood in a network
/// namespace other than the initial one. What only the initial one has, or may write, is left out with that reason.
///
/// The plan is for no namespace that exists and is not to be applied.
#[must_use]
pub fn plan_rehearsal(profile: &Profile, host: &Snapshot, over: &SysctlValues) -> Plan {
    let mut child = host.clone();
    child.netns.initial = Some(false);
    child.netns.inode = None;
    child.sockets = None;
    let readings = &mut child.sysctls.readings;
    readings.extend(over.iter().map(|(key, value)| (key.clone(), SysctlReading::Value(value.clone()))));
    if let Some(version) = host.kernel.version {
        let only_initial = |key: &str| catalog::find(key).is_some_and(|row| row.scope(version) == Scope::Host);
        for (_, reading) in readings.iter_mut().filter(|(key, _)| only_initial(key.as_str())) {
            *reading = SysctlReading::Absent;
        }
    }
    plan_profile(profile, &child)
}
