//! Connections that come and go: made, accepted and closed at once, so many per second, over loopback. They end in
//! TIME-WAIT or by a reset.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, accept_with, bind, connect, listen, socket_with};

use crate::cost::own_path;
use crate::fill::Filled;

/// Below 127/8, above the addresses of the sockets that stay.
const COMING: u8 = 144;
const PORT: u16 = 61_091;
/// Connections to one address, so that neither ports nor the minute of TIME-WAIT end it.
const TO_ONE: u64 = 4_000;
/// Addresses in turn.
const ADDRESSES: u64 = 250;
/// The longest that it goes on when nobody ends it.
const LONGEST: Duration = Duration::from_secs(3 * 3600);

/// Something that goes on in a namespace until it is dropped: a process of the bench's own.
pub(crate) struct Background {
    child: Child,
    input: Option<ChildStdin>,
}

impl Background {
    /// Starts a part of the bench, which ends when its input does.
    pub(crate) fn start(filled: &Filled, part: &[&str]) -> Result<Self> {
        let mut command = Command::new(own_path());
        command.args(part).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = filled.spawn(&mut command)?;
        let input = child.stdin.take();
        Ok(Self { child, input })
    }

    /// Ends it, and fails where it failed.
    pub(crate) fn end(mut self) -> Result<()> {
        drop(self.input.take());
        anyhow::ensure!(self.child.wait()?.success(), "what went on beside it failed");
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Whether the bench that started this still wants it: its end of the pipe is open.
pub(crate) fn is_wanted() -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let input = rustix::stdio::stdin();
    let mut watched = [PollFd::new(&input, PollFlags::IN)];
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut watched, Some(&now)), Ok(0))
}

/// Lets connections come and go when that is what the bench was started for.
pub(crate) fn run_part(words: &[&str]) -> Option<Result<()>> {
    let ["--churn", per_s, ending] = words else { return None };
    Some(per_s.parse().map_err(Into::into).and_then(|per_s| come_and_go(per_s, *ending == "reset")))
}

fn come_and_go(per_s: u64, reset: bool) -> Result<()> {
    let stream = || socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let listener = stream()?;
    bind(&listener, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT))?;
    listen(&listener, 128)?;
    let begun = Instant::now();
    for number in 0.. {
        let due = Duration::from_micros(number * 1_000_000 / per_s.max(1));
        if let Some(left) = due.checked_sub(begun.elapsed()) {
            std::thread::sleep(left);
        }
        if number.is_multiple_of(per_s.div_ceil(10)) && !is_wanted() || begun.elapsed() > LONGEST {
            break;
        }
        let address = u32::from_be_bytes([127, COMING, 0, 1]) + u32::try_from(number / TO_ONE % ADDRESSES)?;
        let client = stream()?;
        connect(&client, &SocketAddrV4::new(Ipv4Addr::from(address), PORT))
            .with_context(|| format!("connection {number}"))?;
        let served = accept_with(&listener, SocketFlags::CLOEXEC)?;
        if reset {
            rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
        }
        // Otherwise the client's end stays in TIME-WAIT.
        drop(client);
        drop(served);
    }
    Ok(())
}
