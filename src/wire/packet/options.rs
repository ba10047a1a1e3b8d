//! The options of a TCP header.
//!
//! Mirrors: RFC 9293 3.2 (end, no-operation, MSS), RFC 7323 (window scale, timestamps), RFC 2018 (SACK), RFC 7413
//! (Fast Open), RFC 5925 (authentication).

use super::error::PacketError;
use super::field::Fields;

/// Window scales above this are taken as this (RFC 7323 2.3).
const MOST_WINDOW_SCALE: u8 = 14;

/// Adds a field for each option of the header that begins at `header_at`.
pub(super) fn add_options(
    options: &[u8],
    syn: bool,
    header_at: usize,
    fields: &mut Fields<'_>,
) -> Result<(), PacketError> {
    // Places are counted from the header's beginning, whose fixed part has 20 bytes.
    let mut at = 0;
    while let Some(kind) = options.get(at).copied() {
        let left = options.len() - at;
        match kind {
            0 => {
                fields.add(20 + at, left, "Option: end", format!("{left} bytes"), "the rest is padding");
                return Ok(());
            }
            1 => {
                fields.add(20 + at, 1, "Option: no-operation", "-", "sets the next option to an even place");
                at += 1;
            }
            _ => {
                let length = options.get(at + 1).map_or(0, |length| usize::from(*length));
                let Some(body) = options.get(at + 2..at + length).filter(|_| length >= 2) else {
                    return Err(PacketError::BadOption { offset: header_at + 20 + at, kind, length, left });
                };
                let (name, value, meaning) = option(kind, body, syn);
                fields.add(20 + at, length, name, value, meaning);
                at += length;
            }
        }
    }
    Ok(())
}

/// Name, value and meaning of an option with a length.
fn option(kind: u8, body: &[u8], syn: bool) -> (&'static str, String, String) {
    match (kind, body) {
        (2, [high, low]) => {
            let mss = u16::from_be_bytes([*high, *low]);
            let meaning = if syn { "the sender takes no more data in one segment" } else { "ignored: not in a SYN" };
            ("Option: maximum segment size", mss.to_string(), meaning.to_owned())
        }
        (3, [shift]) => {
            let meaning = match shift {
                _ if !syn => "ignored: not in a SYN".to_owned(),
                0..=MOST_WINDOW_SCALE => format!("later windows of the sender count {} times", 1_u32 << shift),
                _ => format!("taken as {MOST_WINDOW_SCALE}, the most there is"),
            };
            ("Option: window scale", shift.to_string(), meaning)
        }
        (4, []) => ("Option: SACK permitted", "set".to_owned(), "the sender understands SACK".to_owned()),
        (5, blocks) if !blocks.is_empty() && blocks.len() % 8 == 0 => {
            let blocks: Vec<String> = blocks.chunks(8).map(sack_block).collect();
            ("Option: SACK", blocks.join(", "), "these have arrived, what is before them not".to_owned())
        }
        (8, [a, b, c, d, e, f, g, h]) => {
            let (value, echo) = (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]));
            let meaning = "for measuring the RTT and telling old segments; the echo is the peer's";
            ("Option: timestamps", format!("value {value}, echo {echo}"), meaning.to_owned())
        }
        (19, body) => ("Option: MD5 signature", hex(body), "RFC 2385, as BGP uses it".to_owned()),
        (29, body) => ("Option: authentication", hex(body), "TCP-AO, RFC 5925".to_owned()),
        (30, body) => ("Option: multipath TCP", hex(body), "RFC 8684".to_owned()),
        (34, []) => ("Option: Fast Open", "empty".to_owned(), "asks the server for a cookie".to_owned()),
        (34, cookie) => {
            let meaning = if syn { "cookie; data may come with the SYN" } else { "ignored: not in a SYN" };
            ("Option: Fast Open", hex(cookie), meaning.to_owned())
        }
        (253 | 254, body) => ("Option: experiment", hex(body), format!("kind {kind}, RFC 6994")),
        (2..=5 | 8, body) => ("Option: malformed", hex(body), format!("kind {kind} does not have this length")),
        (_, body) => ("Option: other", hex(body), format!("kind {kind}")),
    }
}

/// One block of a SACK option; both ends as sequence numbers.
fn sack_block(block: &[u8]) -> String {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    let (left, right) = block.split_at_checked(4).unwrap_or((block, &[]));
    format!("{}-{}", number(left), number(right))
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "empty".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &[u8], syn: bool) -> Vec<(&'static str, String)> {
        let mut fields = Fields::new(&[], 0);
        add_options(options, syn, 0, &mut fields).unwrap();
        fields.list.into_iter().map(|field| (field.name, field.value)).collect()
    }

    #[test]
    fn every_kind_that_linux_sends_is_read() {
        assert_eq!(of(&[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 1, 0], false)[2], ("Option: SACK", "1-256".to_owned()));
        assert_eq!(of(&[34, 2], true)[0].1, "empty");
        assert_eq!(of(&[34, 6, 0xab, 0xcd, 0, 1], true)[0].1, "abcd0001");
        assert_eq!(of(&[2, 4, 5, 0xb4, 0, 9, 9, 9], true)[1], ("Option: end", "4 bytes".to_owned()));
        assert_eq!(of(&[3, 4, 1, 1], true)[0].0, "Option: malformed");
        assert_eq!(of(&[200, 3, 7], true)[0], ("Option: other", "07".to_owned()));
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused_where_it_stands() {
        for options in [&[1, 2, 1][..], &[1, 2], &[1, 2, 5, 1]] {
            let mut fields = Fields::new(&[], 20);
            let error = add_options(options, true, 20, &mut fields).unwrap_err();
            assert!(error.to_string().starts_with("byte 41: TCP option 2"), "{error}");
        }
    }
}
