//! Numbers and addresses written straight into bytes, for lines of which there are a million.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};

/// Digits of the largest number.
const LONGEST: usize = 20;

/// Writes a number in decimal digits.
pub(super) fn push_number(out: &mut Vec<u8>, number: impl Into<u64>) {
    let mut rest = number.into();
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
    out.resize(out.len() + width.saturating_sub(length), b' ');
    push_number(out, number);
}

/// Writes an address as people know it.
pub(super) fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => push_ipv4(out, address),
        // Writing to a Vec cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

fn push_ipv4(out: &mut Vec<u8>, address: Ipv4Addr) {
    for (at, octet) in address.octets().into_iter().enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        if octet >= 100 {
            out.push(digit(u64::from(octet / 100)));
        }
        if octet >= 10 {
            out.push(digit(u64::from(octet / 10 % 10)));
        }
        out.push(digit(u64::from(octet % 10)));
    }
}

fn digit(number: u64) -> u8 {
    b'0' + u8::try_from(number).unwrap_or(0)
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
                prop_assert_eq!(text(|out| push_address(out, address)), address.to_string());
            }
        }
    }
}
