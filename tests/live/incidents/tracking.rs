//! The table of tracked connections.

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};

use super::every::Judged;
use super::watch::{SECOND, judged_after, reading, says};
use crate::case::CannotRun;
use crate::place::Place;

const COUNT: &str = "net.netfilter.nf_conntrack_count";
const MAX: &str = "net.netfilter.nf_conntrack_max";

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW` (include/uapi/linux/netfilter/nfnetlink.h).
const CT_NEW: u16 = 1 << 8;
/// `NLM_F_REQUEST | NLM_F_CREATE`, and `NLM_F_ACK` besides.
const REQUEST: u16 = 0x401;
const ACKNOWLEDGE: u16 = 4;
/// `NLA_F_NESTED`.
const NESTED: u16 = 1 << 15;
/// Messages that are sent at once.
const BATCH: u32 = 500;

/// An attribute with its padding.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("short");
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A tuple of UDP: `CTA_TUPLE_IP` with both addresses, `CTA_TUPLE_PROTO` with protocol and both ports.
fn tuple(kind: u16, from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Vec<u8> {
    let ip = [attribute(1, &from.0), attribute(2, &to.0)].concat();
    let ports = [attribute(2, &from.1.to_be_bytes()), attribute(3, &to.1.to_be_bytes())].concat();
    let protocol = [attribute(1, &[17]), ports].concat();
    attribute(kind | NESTED, &[attribute(1 | NESTED, &ip), attribute(2 | NESTED, &protocol)].concat())
}

/// The message that makes an entry: the kernel is asked for one as `conntrack -I` asks for it.
fn new_entry(number: u32, flags: u16) -> Vec<u8> {
    let [_, a, b, c] = number.to_be_bytes();
    let (client, server) = (([10, a, b, c], 4000), ([192, 0, 2, 1], 53));
    // Behind the header: the family, the version of nfnetlink, and no resource.
    let body = [
        vec![2, 0, 0, 0],
        tuple(1, client, server),
        tuple(2, server, client),
        attribute(7, &600_u32.to_be_bytes()),
        // `CTA_STATUS`: `IPS_CONFIRMED`, as every entry in the table is.
        attribute(3, &8_u32.to_be_bytes()),
    ]
    .concat();
    let length = u32::try_from(16 + body.len()).expect("short");
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(CT_NEW.to_ne_bytes());
    message.extend((REQUEST | flags).to_ne_bytes());
    message.extend(number.to_ne_bytes());
    message.extend([0; 4]);
    message.extend(body);
    message
}

/// Makes entries with these numbers, and asks for an answer to the last of each batch.
fn track(socket: &Socket, numbers: core::ops::Range<u32>) -> Result<(), CannotRun> {
    let kernel = SocketAddr::new(0, 0);
    for first in numbers.clone().step_by(BATCH as usize) {
        let last = numbers.end.min(first + BATCH) - 1;
        let messages: Vec<u8> =
            (first..=last).flat_map(|number| new_entry(number, if number == last { ACKNOWLEDGE } else { 0 })).collect();
        let cannot =
            |error: std::io::Error| CannotRun(format!("the kernel takes no entries of connection tracking: {error}"));
        socket.send_to(&messages, &kernel, 0).map_err(cannot)?;
        let (answer, _) = socket.recv_from_full().map_err(cannot)?;
        let error = answer.get(16..20).map_or(-1, |bytes| i32::from_ne_bytes(bytes.try_into().expect("four")));
        if error != 0 {
            return Err(cannot(std::io::Error::from_raw_os_error(-error)));
        }
    }
    Ok(())
}

/// Nearly a third of the table is taken, and every window takes more of it.
pub(super) fn tracked(_: &Place) -> Judged {
    let missing = || CannotRun("this kernel does not track connections".to_owned());
    let figure = |key: &str| -> Option<u32> { reading().sysctls.values().get(key)?.parse().ok() };
    let limit = figure(MAX).ok_or_else(missing)?;
    let socket = Socket::new(NETLINK_NETFILTER).map_err(|error| CannotRun(error.to_string()))?;
    let begin = limit / 100 * 31;
    track(&socket, 0..begin)?;
    assert!(figure(COUNT) >= Some(begin / 100 * 99), "{:?} of {begin} entries", figure(COUNT));
    let before = reading();
    // As many as would fill it within 120 s, after which such entries end, however slow the machine is.
    track(&socket, begin..begin + limit / 100 * 8)?;
    let findings = judged_after(&before, SECOND);
    says(&findings, &format!(" of {limit} entries of connection tracking are taken, full in "));
    Ok(findings)
}
