//! A flood of forged SYNs that goes on: written into a TUN device of the namespace, answers read and thrown away. No
//! packet leaves the namespace.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use etherparse::PacketBuilder;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
use tcpctl::sys::{RouteSocket, SysctlFiles, Tun};

use crate::churn::is_wanted;

/// Who is flooded; the forged sources are in the same network, so that answers have a way.
const TARGET: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const PORT: u16 = 61_092;
const BACKLOG: i32 = 1_024;
/// The longest that it goes on when nobody ends it.
const LONGEST: Duration = Duration::from_secs(600);
/// SYNs between two looks at the time.
const TURN: u32 = 64;

/// Floods when that is what the bench was started for.
pub(crate) fn run_part(words: &[&str]) -> Option<Result<()>> {
    let ["--flood", per_s] = words else { return None };
    Some(per_s.parse().map_err(Into::into).and_then(flood))
}

fn flood(per_s: u64) -> Result<()> {
    // As on a host that is set for it: the filled namespace has none.
    SysctlFiles::new("/proc").write(&"net.ipv4.tcp_syncookies".parse()?, "1")?;
    let tun = Tun::create("flood0").context("making a TUN device")?;
    let mut route = RouteSocket::open()?;
    route.raise_link(tun.index(), 1_500, 1_000)?;
    route.add_address(tun.index(), IpAddr::V4(TARGET), 8)?;
    let listener = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&listener, &SocketAddrV4::new(TARGET, PORT))?;
    listen(&listener, BACKLOG)?;
    let begun = Instant::now();
    let (mut number, mut answer) = (0_u32, [0; 2_048]);
    while begun.elapsed() < LONGEST && is_wanted() {
        for _ in 0..TURN {
            tun.send(&forged(number)?)?;
            while tun.receive(&mut answer)?.is_some() {}
            number = number.wrapping_add(1);
        }
        let due = Duration::from_micros(u64::from(number) * 1_000_000 / per_s.max(1));
        if let Some(left) = due.checked_sub(begun.elapsed()) {
            std::thread::sleep(left);
        }
    }
    Ok(())
}

/// The SYN with this number, from a source of its own.
fn forged(number: u32) -> Result<Vec<u8>> {
    let source = Ipv4Addr::from(u32::from_be_bytes([10, 100, 0, 0]) + (number >> 14));
    let port = 1_024 + u16::try_from(number & 0x3fff)?;
    let packet = PacketBuilder::ipv4(source.octets(), TARGET.octets(), 64).tcp(port, PORT, number, 65_535).syn();
    let mut bytes = Vec::with_capacity(packet.size(0));
    packet.write(&mut bytes, &[])?;
    Ok(bytes)
}
