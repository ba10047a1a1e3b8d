//! Numbers and addresses written straight into bytes, for lines of which there are a million.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};

/// Digits of the largest number.
const LONGEST: usize = 20;

/// Writes a number in decimal digits.
#[inline]
pub(super) fn push_number(out: &mut Vec<u8>, number: impl Into<u64>) {
    let number = number.into();
    // Most numbers of a socket are 0.
    if number < 10 { out.push(digit(number)) } else { push_digits(out, number) }
}

fn push_digits(out: &mut Vec<u8>, mut rest: u64) {
    let mut digits = [0_u8; LONGEST];
    let mut start = LONGEST;
    for place in digits.iter_mut().rev() {
        *place = digit(rest % 10);
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Writes a number at the right end of a column.
pub(super) fn push_number_right(out: &mut Vec<u8>, number: u32, width: usize) {
    let length = number.checked_ilog10().unwrap_or(0) as usize + 1;
    out.extend(core::iter::repeat_n(b' ', width.saturating_sub(length)));
    push_number(out, number);
}

/// An address as people know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddressText {
    bytes: [u8; ADDRESS],
    length: usize,
}

impl AddressText {
    /// The text of an address.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_ipv4(address),
            IpAddr::V6(address) => {
                let mut bytes = [0; ADDRESS];
                let mut rest = bytes.as_mut_slice();
                // There is room for the longest.
                drop(write!(rest, "{address}"));
                let length = ADDRESS - rest.len();
                Self { bytes, length }
            }
        }
    }

    fn of_ipv4(address: Ipv4Addr) -> Self {
        let mut bytes = [0; ADDRESS];
        let mut length = 0;
        for octet in address.octets() {
            let [text @ .., digits] = OCTETS.get(usize::from(octet)).copied().unwrap_or_default();
            if let Some(place) = bytes.get_mut(length..length + text.len()) {
                place.copy_from_slice(&text);
            }
            length += usize::from(digits) + 1;
        }
        // Without the dot behind the last.
        Self { bytes, length: length - 1 }
    }

    /// The text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Room for the longest address of either family.
const ADDRESS: usize = 48;
/// The digits of every octet with a dot behind them, and how many digits there are.
static OCTETS: [[u8; 5]; 256] = octets();

const fn octets() -> [[u8; 5]; 256] {
    let mut table = [[0; 5]; 256];
    let mut rows: &mut [[u8; 5]] = &mut table;
    let mut octet = 0_u8;
    while let [row, others @ ..] = rows {
        let [hundreds, tens, ones] = [b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10];
        *row = match octet {
            0..10 => [ones, b'.', 0, 0, 1],
            10..100 => [tens, ones, b'.', 0, 2],
            100.. => [hundreds, tens, ones, b'.', 3],
        };
        octet = octet.wrapping_add(1);
        rows = others;
    }
    table
}

/// The character of a number below ten.
const fn digit(number: u64) -> u8 {
    b'0' + number.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_stand_at_the_right_and_push_what_is_too_narrow() {
        assert_eq!(text(|out| push_number_right(out, 0, 3)), "  0");
        assert_eq!(text(|out| push_number_right(out, 100, 3)), "100");
        assert_eq!(text(|out| push_number_right(out, 65_535, 3)), "65535");
    }

    proptest! {
        #[test]
        fn numbers_and_addresses_are_what_the_standard_library_writes(number: u64, narrow: u32, v4: u32, v6: u128) {
            prop_assert_eq!(text(|out| push_number(out, number)), number.to_string());
            prop_assert_eq!(text(|out| push_number_right(out, narrow, 7)), format!("{narrow:>7}"));
            for address in [IpAddr::V4(v4.into()), IpAddr::V6(v6.into())] {
                prop_assert_eq!(text(|out| out.extend_from_slice(AddressText::of(address).as_bytes())), address.to_string());
            }
        }
    }
}
