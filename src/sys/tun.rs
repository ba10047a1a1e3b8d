//! A TUN device: a network interface whose other end is this process.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// The device of `include/uapi/linux/if_tun.h`.
pub const TUN_DEVICE: &str = "/dev/net/tun";
/// `TUNSETIFF` and `TUNSETPERSIST`.
const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
const TUNSETPERSIST: libc::c_ulong = 0x4004_54cb;

/// Mode (its permission bits) and owner of the device's file, as far as the caller's user namespace knows them.
///
/// # Errors
/// The kernel's answer, `ENOENT` without the tun driver.
pub fn read_tun_node() -> io::Result<(u32, u32)> {
    std::fs::metadata(TUN_DEVICE).map(|node| (node.mode() & 0o7777, node.uid()))
}

/// Whether this process may use the device: opens it and makes nothing.
///
/// # Errors
/// The kernel's answer: `ENOENT` or `ENODEV` without the tun driver, `EACCES` or `EPERM` without the right to use it.
pub fn check_tun() -> io::Result<()> {
    OpenOptions::new().read(true).write(true).open(TUN_DEVICE).map(drop)
}

/// A TUN device without packet information headers: what is read and written are whole IP packets.
#[derive(Debug)]
pub struct Tun {
    file: File,
    index: u32,
}

impl Tun {
    /// Makes a device of this name (at most 15 bytes) in the calling thread's network namespace; its
    /// descriptor works from any thread afterwards.
    ///
    /// The device is persistent: it goes with its namespace and not with the descriptor, whose closing would
    /// otherwise wait 25 ms for the kernel to take the device down.
    ///
    /// # Errors
    /// `ENOENT` or `ENODEV` without the tun driver, `EACCES` or `EPERM` without the right to use it.
    pub fn create(name: &str) -> io::Result<Self> {
        Self::create_as(name, libc::IFF_TUN)
    }

    /// The same with a link layer (TAP): what is read and written are whole Ethernet frames, and the kernel asks for the
    /// link addresses of its neighbours.
    ///
    /// # Errors
    /// As [`Tun::create`].
    pub fn create_ethernet(name: &str) -> io::Result<Self> {
        Self::create_as(name, libc::IFF_TAP)
    }

    fn create_as(name: &str, kind: libc::c_int) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(TUN_DEVICE)?;
        let mut request = interface_request(name)?;
        request.ifr_ifru.ifru_flags = i16::try_from(kind | libc::IFF_NO_PI).map_err(io::Error::other)?;
        ioctl(&file, TUNSETIFF, &raw mut request as libc::c_ulong)?;
        ioctl(&file, TUNSETPERSIST, 1)?;
        let index = interface_index(name)?;
        Ok(Self { file, index })
    }

    /// Interface index in its namespace.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Takes the next packet that the kernel sent, or nothing when there is none.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        match (&self.file).read(buffer) {
            Ok(length) => Ok(buffer.get(..length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands a packet to the kernel, which runs its whole receive path before this returns.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.file).write(packet).map(|_| ())
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// `struct ifreq` with the name of a device.
#[expect(unsafe_code, reason = "ifreq holds a union, which only zeroing initialises")]
fn interface_request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: ifreq is made of integers and unions of integers; all zeroes is a value of it.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an interface name has at most 15 bytes"));
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    Ok(request)
}

#[expect(unsafe_code, reason = "ioctl is not wrapped for TUN by any crate used here")]
fn ioctl(file: &File, request: libc::c_ulong, argument: libc::c_ulong) -> io::Result<()> {
    // SAFETY: TUNSETIFF gets a pointer to an ifreq that outlives the call; TUNSETPERSIST gets a number.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), request, argument) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Index of an interface in the calling thread's namespace.
fn interface_index(name: &str) -> io::Result<u32> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    Ok(rustix::net::netdevice::name_to_index(&socket, name)?)
}
