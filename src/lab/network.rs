//! Two private network namespaces and the wire between them.

use std::net::{IpAddr, Ipv4Addr};

use super::LabError;
use super::apps::CLIENT_PORT;
use super::pins::write_pins;
use crate::model::{Action, Scenario, Settings, Side};
use crate::sys::{Namespace, RouteSocket, SysctlFiles, Tap, Tun};
use crate::units::SysctlKey;

/// Addresses of RFC 5737's first documentation network; they exist in the private namespaces alone.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const PREFIX: u8 = 24;
const MTU: u32 = 1500;
/// Room for a burst of a whole tick; what does not fit would be a local transmit failure and change TCP's timing.
/// The stable kernels of 2026 (seen: 6.1.192, 6.12.117) refuse more than this with `ERANGE`.
const QUEUE_LENGTH: u32 = 32_767;
/// Buckets of a private connection table, so that looking at it does not walk the host's.
const OWN_TABLE: &str = "1024";

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
        let (address, settings) = match side {
            Side::Client => (CLIENT, &scenario.client.settings),
            Side::Server => (SERVER, &scenario.server.settings),
        };
        let namespace = Namespace::fresh()?;
        let setup = |doing| move |error| LabError::Setup { doing, error };
        let (tun, tap, pins) = namespace.run(|| -> Result<_, LabError> {
            // Before the device and the sockets: both take values when they are made.
            let pins = write_pins(&with_one_port(scenario, side, settings))?;
            let mut route = RouteSocket::open().map_err(setup("open an rtnetlink socket"))?;
            route.raise_loopback().map_err(setup("raise the loopback device"))?;
            let tun = Tun::create("wire0").map_err(setup("make a TUN device"))?;
            route.raise_link(tun.index(), MTU, QUEUE_LENGTH).map_err(setup("raise the TUN device"))?;
            route.add_address(tun.index(), address, PREFIX).map_err(setup("give the TUN device an address"))?;
            let tap = Tap::open(tun.index()).map_err(setup("open a packet socket"))?;
            Ok((tun, tap, pins))
        })??;
        Ok(Self { namespace, tun, tap, address, pins })
    }
}

/// The settings of a side. One that connects more than once gets a single port, so that it takes the same again
/// without binding it: a bound port may be taken out of TIME-WAIT whatever `tcp_tw_reuse` says.
fn with_one_port(scenario: &Scenario, side: Side, settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    let connects = scenario.calls.iter().filter(|call| call.side == side && call.action == Action::Connect);
    if connects.count() > 1 {
        settings.local_ports = (CLIENT_PORT, CLIENT_PORT);
    }
    settings
}
