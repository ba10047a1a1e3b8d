//! A wire of the test's own: a TUN device with a bare end, or one that leads to a second namespace.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tcpctl::sys::{DumpStep, Interest, Namespace, RouteSocket, Tun, raise_loopback, wait_ready};
use tcpctl::wire::{MessageKind, Messages, build_syn, decode_segment};

use crate::case::CannotRun;

/// The near end's address, in a documentation network that exists in the namespaces of the tests alone.
pub(crate) const NEAR: [u8; 4] = [192, 0, 2, 2];
/// The far end's.
pub(crate) const FAR: [u8; 4] = [192, 0, 2, 1];
const MTU: u32 = 1500;
const QUEUE_LENGTH: u32 = 10_000;
const PACKET_BYTES: usize = 2048;

/// Makes the device in the calling thread's namespace.
fn device(address: [u8; 4]) -> Result<Tun, CannotRun> {
    let cannot = |error: std::io::Error| CannotRun(format!("no wire can be laid: {error}"));
    let tun = Tun::create("wire0").map_err(cannot)?;
    let mut route = RouteSocket::open().map_err(cannot)?;
    route.raise_link(tun.index(), MTU, QUEUE_LENGTH).map_err(cannot)?;
    route.add_address(tun.index(), address.into(), 24).map_err(cannot)?;
    Ok(tun)
}

/// A wire whose other end is the test itself.
pub(crate) struct BareWire {
    tun: Tun,
}

impl BareWire {
    /// Lays it in the calling thread's namespace.
    pub(crate) fn lay() -> Result<Self, CannotRun> {
        Ok(Self { tun: device(NEAR)? })
    }

    /// Sends so many SYNs to a port, each from a source of its own.
    pub(crate) fn forge_syns(&self, port: u16, numbers: core::ops::Range<u32>) {
        for number in numbers {
            let host = u8::try_from(10 + number % 200).expect("a host");
            let from = SocketAddr::from(([192, 0, 2, host], u16::try_from(2000 + number / 200).expect("a port")));
            let syn = build_syn(from, SocketAddr::from((NEAR, port)), number).expect("a SYN");
            self.tun.send(&syn).expect("the device takes it");
        }
    }

    /// Sends this packet.
    pub(crate) fn forge(&self, packet: &[u8]) {
        self.tun.send(packet).expect("the device takes it");
    }

    /// Takes every packet that the kernel sent, and answers some.
    pub(crate) fn drain(&self, mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
        let mut buffer = [0; PACKET_BYTES];
        while let Some(packet) = self.tun.receive(&mut buffer).expect("the device can be read") {
            if let Some(reply) = answer(packet) {
                self.tun.send(&reply).expect("the device takes it");
            }
        }
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    Lose,
    Twice,
    /// Arrives so much later, and others overtake it.
    After(Duration),
    /// Arrives right behind a copy of itself that has an old timestamp.
    BehindStale,
}

/// What is done to packets: the packet, and whether it goes to the far end.
type Meddling = Box<dyn FnMut(&mut Vec<u8>, bool) -> Fate + Send>;

/// A wire to a namespace of its own, with somebody on it who may meddle.
pub(crate) struct Wire {
    far: Namespace,
    meddling: Arc<Mutex<Meddling>>,
    ended: Arc<AtomicBool>,
    carrier: Option<JoinHandle<()>>,
}

impl Wire {
    /// Lays it from the calling thread's namespace.
    pub(crate) fn lay() -> Result<Self, CannotRun> {
        let near = device(NEAR)?;
        let far = Namespace::fresh().map_err(|error| CannotRun(error.to_string()))?;
        let raised = far.run(|| {
            raise_loopback().map_err(|error| CannotRun(error.to_string()))?;
            device(FAR)
        });
        let far_tun = raised.map_err(|error| CannotRun(error.to_string()))??;
        let meddling: Arc<Mutex<Meddling>> = Arc::new(Mutex::new(Box::new(|_, _| Fate::Pass)));
        let ended = Arc::new(AtomicBool::new(false));
        let carrier = std::thread::spawn({
            let (meddling, ended) = (Arc::clone(&meddling), Arc::clone(&ended));
            move || carry(&near, &far_tun, &meddling, &ended)
        });
        Ok(Self { far, meddling, ended, carrier: Some(carrier) })
    }

    /// Does something at the far end.
    pub(crate) fn at_far_end<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.far.run(work).expect("the far namespace can be entered")
    }

    /// From now on this is done to packets.
    pub(crate) fn meddle(&self, how: impl FnMut(&mut Vec<u8>, bool) -> Fate + Send + 'static) {
        *self.meddling.lock().expect("nobody panicked") = Box::new(how);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(carrier) = self.carrier.take() {
            let _ = carrier.join();
        }
    }
}

fn carry(near: &Tun, far: &Tun, meddling: &Mutex<Meddling>, ended: &AtomicBool) {
    let mut buffer = [0; PACKET_BYTES];
    // What is due when, the number telling those of one instant apart.
    let mut late: BTreeMap<(Instant, u64), (bool, Vec<u8>)> = BTreeMap::new();
    let mut number = 0;
    while !ended.load(Ordering::Relaxed) {
        let watched = [(near.as_fd(), Interest::Readable), (far.as_fd(), Interest::Readable)];
        let idle = Duration::from_millis(20);
        let next = late.keys().next().map_or(idle, |(due, _)| due.saturating_duration_since(Instant::now()).min(idle));
        wait_ready(&watched, next).expect("devices can be waited for");
        while let Some(first) = late.first_entry().filter(|first| first.key().0 <= Instant::now()) {
            let (to_far, packet) = first.remove();
            (if to_far { far } else { near }).send(&packet).expect("the device takes it");
        }
        for (from, to, to_far) in [(near, far, true), (far, near, false)] {
            while let Some(packet) = from.receive(&mut buffer).expect("the device can be read") {
                let mut packet = packet.to_vec();
                let fate = (meddling.lock().expect("nobody panicked"))(&mut packet, to_far);
                let copies = match fate {
                    Fate::Pass => 1,
                    Fate::Lose => 0,
                    Fate::Twice => 2,
                    Fate::BehindStale => {
                        to.send(&with_old_timestamp(&packet)).expect("the device takes it");
                        1
                    }
                    Fate::After(delay) => {
                        number += 1;
                        late.insert((Instant::now() + delay, number), (to_far, packet.clone()));
                        0
                    }
                };
                for _ in 0..copies {
                    to.send(&packet).expect("the device takes it");
                }
            }
        }
    }
}

/// The same IPv4 packet with a timestamp of a hundred seconds ago and the checksum that goes with it.
fn with_old_timestamp(packet: &[u8]) -> Vec<u8> {
    const TIMESTAMPS: u8 = 8;
    const AGO: u32 = 100_000;
    let mut packet = packet.to_vec();
    let tcp = 20;
    let end = tcp + usize::from(packet[tcp + 12] >> 4) * 4;
    let mut at = tcp + 20;
    while at < end && packet[at] != TIMESTAMPS {
        at += if packet[at] == 1 { 1 } else { usize::from(packet[at + 1]).max(2) };
    }
    assert!(at < end, "the connection has timestamps");
    let value = at + 2..at + 6;
    let old = u32::from_be_bytes(packet[value.clone()].try_into().expect("four bytes")).wrapping_sub(AGO);
    packet[value].copy_from_slice(&old.to_be_bytes());
    // The ones' complement sum of the pseudo header and the segment, RFC 9293 3.1.
    packet[tcp + 16..tcp + 18].fill(0);
    let length = u16::try_from(packet.len() - tcp).expect("a short packet");
    let pseudo = packet[12..20].iter().copied().chain([0, 6]).chain(length.to_be_bytes());
    let bytes: Vec<u8> = pseudo.chain(packet[tcp..].iter().copied()).collect();
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    packet[tcp + 16..tcp + 18].copy_from_slice(&(!u16::try_from(sum).expect("folded")).to_be_bytes());
    packet
}

/// Lets the wire of the calling thread's namespace carry so many bytes a second and hold so many: a token bucket
/// (`struct tc_tbf_qopt`, include/uapi/linux/pkt_sched.h).
pub(crate) fn limit_wire(bytes_per_s: u32, limit_bytes: u32) -> Result<(), CannotRun> {
    const BURST: u32 = 1600;
    let attribute = |number: u16, value: &[u8]| {
        let mut bytes = u16::try_from(4 + value.len()).expect("a short value").to_ne_bytes().to_vec();
        bytes.extend(number.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    // `struct tc_ratespec` of Ethernet, whose rates need no table.
    let mut options = vec![0, 1, 0, 0, 0, 0, 0, 0];
    options.extend(bytes_per_s.to_ne_bytes());
    options.extend([0; 12]); // no peak rate
    [limit_bytes, 0, 0].iter().for_each(|word| options.extend(word.to_ne_bytes()));
    let options = [attribute(1, &options), attribute(6, &BURST.to_ne_bytes())].concat();
    let index = tcpctl::sys::device_names(&tcpctl::sys::ProcRoot::new("/proc"))
        .into_iter()
        .find(|(_, name)| name == "wire0")
        .expect("a wire is laid")
        .0;
    let mut body = vec![0; 4];
    [index, 0x0001_0000, 0xffff_ffff, 0].iter().for_each(|word| body.extend(word.to_ne_bytes()));
    body.extend(attribute(1, b"tbf\0"));
    body.extend(attribute(2, &options));
    // RTM_NEWQDISC with NLM_F_REQUEST, ACK, REPLACE and CREATE.
    let mut request = u32::try_from(16 + body.len()).expect("a short request").to_ne_bytes().to_vec();
    request.extend(36_u16.to_ne_bytes());
    request.extend(0x505_u16.to_ne_bytes());
    request.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    request.extend(body);
    let mut answered = Err(CannotRun("no answer".to_owned()));
    let mut route = RouteSocket::open().expect("rtnetlink");
    route
        .dump(&request, |answer| {
            for message in Messages::new(answer) {
                if let MessageKind::Error(number) = message.kind {
                    answered = match number {
                        0 => Ok(()),
                        number => Err(CannotRun(format!("no queue can be set: error {number}"))),
                    };
                }
            }
            DumpStep::Done
        })
        .expect("an answer");
    answered
}

/// An Ethernet on which nobody is.
pub(crate) fn lonely_ethernet() -> Result<Tun, CannotRun> {
    let cannot = |error: std::io::Error| CannotRun(format!("no wire can be laid: {error}"));
    let tap = Tun::create_ethernet("ether0").map_err(cannot)?;
    let mut route = RouteSocket::open().map_err(cannot)?;
    route.raise_link(tap.index(), MTU, QUEUE_LENGTH).map_err(cannot)?;
    route.add_address(tap.index(), NEAR.into(), 24).map_err(cannot)?;
    Ok(tap)
}

/// Whether a packet carries data.
pub(crate) fn has_data(packet: &[u8]) -> bool {
    decode_segment(packet).is_some_and(|segment| segment.payload > 0)
}

/// The near end's socket address with this port.
pub(crate) fn near(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from(NEAR), port)
}
