//! A record of sock_diag as it is kept in a file.

use std::net::IpAddr;

use super::InetDiag;

/// `INET_DIAG_MD5SIG`, in which are keys.
const MD5SIG: u16 = 18;
/// Where the addresses are.
const SOURCE: usize = 8;
const DESTINATION: usize = 24;

impl InetDiag<'_> {
    /// Writes the record and its attributes behind `out`, with each address as `stand_in` has it, which keeps the family,
    /// and without the keys of TCP MD5, of which stays that there are some.
    pub fn push_stored(&self, mut stand_in: impl FnMut(IpAddr) -> IpAddr, out: &mut Vec<u8>) {
        let (head, _) = self.bytes();
        let start = out.len();
        out.extend_from_slice(head);
        for (address, at) in [(self.source(), SOURCE), (self.destination(), DESTINATION)] {
            let bytes = match stand_in(address) {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            out.iter_mut().skip(start + at).zip(bytes).for_each(|(place, byte)| *place = byte);
        }
        for attribute in self.attributes() {
            let value = if attribute.number == MD5SIG { &[] } else { attribute.value };
            let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&length.to_ne_bytes());
            out.extend_from_slice(&attribute.number.to_ne_bytes());
            out.extend_from_slice(value);
            out.resize(start + (out.len() - start).next_multiple_of(4), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(number.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_record_is_kept_as_it_was_but_for_keys_and_hidden_addresses() {
        for family in [2_u8, 10] {
            let mut record: Vec<u8> = (0..72).collect();
            record[0] = family;
            let all = [record, attribute(8, &[3]), attribute(4, b"cubic\0")].concat();
            let found = InetDiag::decode(&all).unwrap();
            let mut kept = Vec::new();
            found.push_stored(|address| address, &mut kept);
            assert_eq!(kept, all);
            let secret = [all.clone(), attribute(MD5SIG, b"a key that is nobody's business")].concat();
            let (mut kept, mut met) = (b"before".to_vec(), Vec::new());
            let found = InetDiag::decode(&secret).unwrap();
            found.push_stored(
                |address| {
                    met.push(address);
                    let stand_ins: [IpAddr; 2] = [[198, 18, 0, 1].into(), "2001:db8::1".parse().unwrap()];
                    stand_ins[usize::from(address.is_ipv6())]
                },
                &mut kept,
            );
            assert_eq!(met, [found.source(), found.destination()]);
            let kept = InetDiag::decode(&kept[6..]).unwrap();
            assert_eq!((kept.facts().has_md5, kept.facts().congestion), (true, Some("cubic")));
            assert!(!format!("{kept:?}").contains("107, 101, 121"), "`key` is in it");
            assert_eq!((kept.source(), kept.source_port()), (kept.destination(), found.source_port()));
            assert_eq!(
                (kept.inode(), kept.cookie(), kept.interface()),
                (found.inode(), found.cookie(), found.interface())
            );
        }
    }
}
