//! What the attributes behind a `struct inet_diag_msg` tell, read in one pass and in place.
//!
//! Filled by `inet_diag_msg_attrs_fill` and `inet_sk_diag_fill` (net/ipv4/inet_diag.c) and by `tcp_diag_get_aux`
//! (net/ipv4/tcp_diag.c). TIME_WAIT and SYN_RECV have none but the mark.

use super::inet_diag::{Attribute, Attributes, InetDiag};

/// Attribute numbers of `enum` `INET_DIAG_*`, those behind `MD5SIG` included, which the crate does not know.
const INFO: u16 = 2;
const CONG: u16 = 4;
const TOS: u16 = 5;
const TCLASS: u16 = 6;
const SKMEMINFO: u16 = 7;
const SHUTDOWN: u16 = 8;
const SKV6ONLY: u16 = 11;
const MARK: u16 = 15;
const CLASS_ID: u16 = 17;
const MD5SIG: u16 = 18;
const ULP_INFO: u16 = 19;
const CGROUP_ID: u16 = 21;
/// Attribute numbers inside `ULP_INFO` (`enum` `INET_ULP_INFO_*`).
const ULP_NAME: u16 = 1;
const ULP_MPTCP: u16 = 3;

/// What the attributes of a socket tell; nothing where the kernel sent none. Texts and bytes stay in the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketFacts<'a> {
    /// `struct tcp_info`, for `TcpInfo::of`; asked for by `Extensions::INFO`.
    pub info: Option<&'a [u8]>,
    /// Name of the congestion control; asked for by `Extensions::CONGESTION`.
    pub congestion: Option<&'a str>,
    /// Type of service (IPv4, and IPv6 sockets that take IPv4); asked for by `Extensions::TOS`.
    pub tos: Option<u8>,
    /// Traffic class (IPv6); asked for by `Extensions::TRAFFIC_CLASS`.
    pub traffic_class: Option<u8>,
    /// Memory and drops; asked for by `Extensions::MEMORY`.
    pub memory: Option<SocketMemory<'a>>,
    /// `sk_shutdown`: 1 receiving is shut down, 2 sending, 3 both.
    pub shutdown: Option<u8>,
    /// Whether an IPv6 listener or closed socket refuses IPv4 (since Linux 4.2).
    pub v6_only: Option<bool>,
    /// `SO_MARK`, sent to readers with `CAP_NET_ADMIN` (since Linux 4.8).
    pub mark: Option<u32>,
    /// The traffic control class of the socket's cgroup, else its priority; asked for by `Extensions::TRAFFIC_CLASS`.
    pub class_id: Option<u32>,
    /// Id of the cgroup that made the socket: the inode of its directory (since Linux 5.9).
    pub cgroup_id: Option<u64>,
    /// Name of the upper layer protocol, such as `tls` or `mptcp`, sent to readers with `CAP_NET_ADMIN` (since Linux 5.6).
    pub upper_layer: Option<&'a str>,
    /// Whether the socket is a subflow of MPTCP (since Linux 5.6; rights as for `upper_layer`).
    pub is_mptcp_subflow: bool,
    /// Whether the socket has keys of TCP MD5, which only readers with `CAP_NET_ADMIN` are told (since Linux 4.14).
    pub has_md5: bool,
}

/// `INET_DIAG_SKMEMINFO`, an array of native 32-bit words that grew at its end (`SK_MEMINFO_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMemory<'a>(&'a [u8]);

impl SocketMemory<'_> {
    /// Bytes in the receive queue with their overhead.
    #[must_use]
    pub fn receive_bytes(&self) -> Option<u32> {
        self.word(0)
    }

    /// `SO_RCVBUF` as the kernel keeps it.
    #[must_use]
    pub fn receive_limit_bytes(&self) -> Option<u32> {
        self.word(1)
    }

    /// Bytes on their way out with their overhead.
    #[must_use]
    pub fn transmit_bytes(&self) -> Option<u32> {
        self.word(2)
    }

    /// `SO_SNDBUF` as the kernel keeps it.
    #[must_use]
    pub fn send_limit_bytes(&self) -> Option<u32> {
        self.word(3)
    }

    /// Bytes set aside for the socket and not used.
    #[must_use]
    pub fn forward_bytes(&self) -> Option<u32> {
        self.word(4)
    }

    /// Bytes in the send queue with their overhead.
    #[must_use]
    pub fn queued_bytes(&self) -> Option<u32> {
        self.word(5)
    }

    /// Bytes of options.
    #[must_use]
    pub fn option_bytes(&self) -> Option<u32> {
        self.word(6)
    }

    /// Bytes in the backlog of a socket that is locked (since Linux 2.6.33).
    #[must_use]
    pub fn backlog_bytes(&self) -> Option<u32> {
        self.word(7)
    }

    /// `sk_drops`: segments the socket dropped; for a listener the connections it refused (since Linux 4.7).
    #[must_use]
    pub fn drops(&self) -> Option<u32> {
        self.word(8)
    }

    fn word(&self, index: usize) -> Option<u32> {
        word_of(self.0.get(index * 4..)?)
    }
}

impl<'a> InetDiag<'a> {
    /// Reads the attributes, all in one pass. Whoever counts does not call it.
    #[must_use]
    pub fn facts(&self) -> SocketFacts<'a> {
        let mut facts = SocketFacts::default();
        for attribute in self.attributes() {
            facts.take(attribute);
        }
        facts
    }
}

impl<'a> SocketFacts<'a> {
    fn take(&mut self, Attribute { number, value }: Attribute<'a>) {
        match number {
            INFO => self.info = Some(value),
            CONG => self.congestion = text_of(value),
            TOS => self.tos = value.first().copied(),
            TCLASS => self.traffic_class = value.first().copied(),
            SKMEMINFO => self.memory = Some(SocketMemory(value)),
            SHUTDOWN => self.shutdown = value.first().copied(),
            SKV6ONLY => self.v6_only = value.first().map(|value| *value != 0),
            MARK => self.mark = word_of(value),
            CLASS_ID => self.class_id = word_of(value),
            CGROUP_ID => self.cgroup_id = value.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes)),
            MD5SIG => self.has_md5 = true,
            ULP_INFO => {
                for inner in Attributes::new(value) {
                    match inner.number {
                        ULP_NAME => self.upper_layer = text_of(inner.value),
                        ULP_MPTCP => self.is_mptcp_subflow = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// The native 32-bit word at the start.
fn word_of(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

/// Text up to its final zero; nothing when it is no UTF-8, since names in the kernel are ASCII.
fn text_of(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    str::from_utf8(bytes.get(..end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(number.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn record(attributes: &[Vec<u8>]) -> Vec<u8> {
        [vec![0; 72], attributes.concat()].concat()
    }

    #[test]
    fn every_attribute_that_rows_show_is_read() {
        let memory: Vec<u8> = (100..109_u32).flat_map(u32::to_ne_bytes).collect();
        // NLA_F_NESTED is set on the outer one by newer kernels.
        let upper = [attribute(ULP_NAME, b"mptcp\0"), attribute(ULP_MPTCP | 0x8000, &[])].concat();
        let bytes = record(&[
            attribute(INFO, &[7; 248]),
            attribute(CONG, b"cubic\0"),
            attribute(TOS, &[0x10]),
            attribute(TCLASS, &[0x20]),
            attribute(SKMEMINFO, &memory),
            attribute(SHUTDOWN, &[2]),
            attribute(SKV6ONLY, &[1]),
            attribute(MARK, &0xbeef_u32.to_ne_bytes()),
            attribute(CLASS_ID, &0x1_0001_u32.to_ne_bytes()),
            attribute(999, &[5; 7]),
            attribute(CGROUP_ID, &0x1_0000_0042_u64.to_ne_bytes()),
            attribute(MD5SIG, &[0; 8]),
            attribute(ULP_INFO | 0x8000, &upper),
        ]);
        let facts = InetDiag::decode(&bytes).unwrap().facts();
        assert_eq!(facts.info.map(<[u8]>::len), Some(248));
        assert_eq!((facts.congestion, facts.upper_layer), (Some("cubic"), Some("mptcp")));
        assert_eq!((facts.tos, facts.traffic_class), (Some(0x10), Some(0x20)));
        assert_eq!((facts.shutdown, facts.v6_only), (Some(2), Some(true)));
        assert_eq!((facts.mark, facts.class_id), (Some(0xbeef), Some(0x1_0001)));
        assert_eq!(facts.cgroup_id, Some(0x1_0000_0042));
        assert!(facts.is_mptcp_subflow && facts.has_md5);
        let memory = facts.memory.unwrap();
        let words = [
            memory.receive_bytes(),
            memory.receive_limit_bytes(),
            memory.transmit_bytes(),
            memory.send_limit_bytes(),
            memory.forward_bytes(),
            memory.queued_bytes(),
            memory.option_bytes(),
            memory.backlog_bytes(),
            memory.drops(),
        ];
        assert!(words.into_iter().eq((100..109).map(Some)), "{words:?}");
    }

    #[test]
    fn a_shorter_memory_array_of_an_older_kernel_has_no_drops() {
        let bytes = record(&[attribute(SKMEMINFO, &[0; 32])]);
        let memory = InetDiag::decode(&bytes).unwrap().facts().memory.unwrap();
        assert_eq!((memory.backlog_bytes(), memory.drops()), (Some(0), None));
    }

    #[test]
    fn attributes_cut_short_lose_only_what_was_cut() {
        let bytes = record(&[attribute(SHUTDOWN, &[1]), attribute(CONG, b"bbr\0")]);
        for length in 72..bytes.len() {
            let facts = InetDiag::decode(&bytes[..length]).unwrap().facts();
            assert_eq!(facts.shutdown.is_some(), length >= 72 + 5, "cut at {length}");
            assert_eq!(facts.congestion, None, "cut at {length}");
        }
        assert_eq!(InetDiag::decode(&bytes).unwrap().facts().congestion, Some("bbr"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 72..400)) {
            let _ = InetDiag::decode(&bytes).map(|found| found.facts());
        }
    }
}
