//! Two private network namespaces and the wire between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::LabError;
use super::apps::CLIENT_PORT;
use super::pins::write_pins;
use crate::model::{Action, IpVersion, Scenario, Settings, Side, Start};
use crate::sys::{Namespace, ProcRoot, RouteSocket, SysctlFiles, Tap, Tun};
use crate::units::SysctlKey;

/// What the device is called at both ends.
pub(super) const WIRE: &str = "wire0";
const MTU: u32 = 1500;
/// Room for any packet of it.
pub(super) const PACKET_BYTES: usize = 2048;
/// Room for a burst of a whole tick; what does not fit would be a local transmit failure and change TCP's timing.
/// The stable kernels of 2026 (seen: 6.1.192, 6.12.117) refuse more than this with `ERANGE`.
const QUEUE_LENGTH: u32 = 32_767;
/// Buckets of a private connection table, so that looking at it does not walk the host's.
const OWN_TABLE: &str = "1024";

/// The addresses of a wire. They are documentation networks of RFC 5737 and RFC 3849, and exist in the private
/// namespaces alone.
pub(super) struct Addresses {
    client: IpAddr,
    server: IpAddr,
    /// One that nobody has: where forged SYNs come from.
    pub(super) nobody: IpAddr,
    /// One that nobody has: who sends ICMP errors.
    pub(super) router: IpAddr,
    prefix: u8,
}

impl Addresses {
    pub(super) fn of(family: IpVersion) -> Self {
        let (host, prefix): (fn(u8) -> IpAddr, u8) = match family {
            IpVersion::V4 => (|number| Ipv4Addr::new(192, 0, 2, number).into(), 24),
            IpVersion::V6 => (|number| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(), 64),
        };
        Self { client: host(1), server: host(2), nobody: host(77), router: host(254), prefix }
    }
}

/// One end of the wire: a namespace with its device.
pub(super) struct Host {
    pub(super) namespace: Namespace,
    pub(super) tun: Tun,
    pub(super) tap: Tap,
    pub(super) address: IpAddr,
    /// What was set in it.
    pub(super) pins: Vec<(String, String)>,
}

/// Both ends.
pub(super) struct Network {
    pub(super) client: Host,
    pub(super) server: Host,
}

impl Network {
    /// Makes both namespaces with the scenario's settings. They vanish with the returned value, whatever happens
    /// to the process: nothing is named or mounted.
    pub(super) fn build(scenario: &Scenario) -> Result<Self, LabError> {
        // A namespace takes the size of its connection table from the one that it is made in.
        let factory = Namespace::fresh()?;
        factory.run(|| {
            let own_table: Option<SysctlKey> = "net.ipv4.tcp_child_ehash_entries".parse().ok();
            // Since 6.1; without it looking at sockets takes longer, and nothing else changes.
            let _ = own_table.map(|key| SysctlFiles::new("/proc").write(&key, OWN_TABLE));
            let client = Host::build(scenario, Side::Client)?;
            let server = Host::build(scenario, Side::Server)?;
            Ok(Self { client, server })
        })?
    }

    pub(super) fn host(&self, side: Side) -> &Host {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl Host {
    fn build(scenario: &Scenario, side: Side) -> Result<Self, LabError> {
        let addresses = Addresses::of(scenario.family);
        let (address, settings) = match side {
            Side::Client => (addresses.client, &scenario.client.settings),
            Side::Server => (addresses.server, &scenario.server.settings),
        };
        let namespace = Namespace::fresh()?;
        let setup = |doing| move |error| LabError::Setup { doing, error };
        let (tun, tap, pins) = namespace.run(|| -> Result<_, LabError> {
            // Before the device and the sockets: both take values when they are made.
            let pins = write_pins(&with_one_port(scenario, side, settings))?;
            let mut route = RouteSocket::open().map_err(setup("open an rtnetlink socket"))?;
            route.raise_loopback().map_err(setup("raise the loopback device"))?;
            let tun = Tun::create(WIRE).map_err(setup("make a TUN device"))?;
            if address.is_ipv6() {
                has_ipv6()?;
                route
                    .withhold_link_local(tun.index())
                    .map_err(setup("keep the TUN device without link-local address"))?;
            }
            route.raise_link(tun.index(), MTU, QUEUE_LENGTH).map_err(setup("raise the TUN device"))?;
            route
                .add_address(tun.index(), address, addresses.prefix)
                .map_err(setup("give the TUN device an address"))?;
            let tap = Tap::open(tun.index()).map_err(setup("open a packet socket"))?;
            Ok((tun, tap, pins))
        })??;
        Ok(Self { namespace, tun, tap, address, pins })
    }
}

/// Says of a kernel without IPv6 that it has none: it was built so, or booted with `ipv6.disable=1`.
fn has_ipv6() -> Result<(), LabError> {
    match ProcRoot::new("/proc").read_net("if_inet6") {
        Ok(_) => Ok(()),
        Err(_) => Err(LabError::NotPlayable("IPv6 on a kernel that has none")),
    }
}

/// The settings of a side. One that connects more than once gets a single port, so that it takes the same again
/// without binding it: a bound port may be taken out of TIME-WAIT whatever `tcp_tw_reuse` says.
fn with_one_port(scenario: &Scenario, side: Side, settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    let connects = scenario.calls.iter().filter(|call| call.side == side && call.action == Action::Connect);
    // Where it begins connected, the client has done so once.
    let before = usize::from(side == Side::Client && !matches!(scenario.start, Start::Closed | Start::Nothing));
    if connects.count() + before > 1 {
        settings.local_ports = (CLIENT_PORT, CLIENT_PORT);
    }
    settings
}
