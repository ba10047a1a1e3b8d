//! Names of network devices, which the network namespace of the calling thread gives.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

use super::ProcRoot;

/// The names of all devices by their index, those of the calling thread's network namespace; empty when they cannot be
/// read. `root` must show that namespace.
#[must_use]
pub fn device_names(root: &ProcRoot) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    let plain = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
    // Who serves metrics may make no socket but those of netlink.
    let socket = plain.or_else(|_| socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None));
    let Ok(socket) = socket else { return names };
    // Two lines of heading hold no colon.
    let read = root.for_each_net_line("dev", |line| {
        if let Some((name, _)) = line.split_once(':')
            && let Ok(index) = netdevice::name_to_index(&socket, name.trim())
        {
            names.insert(index, name.trim().to_owned());
        }
        ControlFlow::Continue(())
    });
    if read.is_err() {
        names.clear();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_has_index_1_in_every_namespace() {
        assert_eq!(device_names(&ProcRoot::new("/proc")).get(&1).map(String::as_str), Some("lo"));
    }

    #[test]
    fn what_is_not_there_has_no_name() {
        assert!(device_names(&ProcRoot::new("/no/such/proc")).is_empty());
    }
}
