//! Bytes from hexadecimal text.

/// Why a text is no sequence of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// Something that is neither a digit nor a separator.
    #[error("character {place} is `{found}`, which is no hexadecimal digit (after {bytes} bytes)")]
    NoDigit {
        /// Its place, counted from 1.
        place: usize,
        /// What stands there.
        found: char,
        /// Whole bytes before it.
        bytes: usize,
    },
    /// Half a byte at the end.
    #[error("the last byte has one digit only: {digits} digits are no whole number of bytes")]
    HalfByte {
        /// Digits read.
        digits: usize,
    },
    /// No digit at all.
    #[error("there are no bytes in it")]
    Empty,
}

/// Reads hexadecimal digits, two a byte; blanks, line ends, colons, dashes, commas and `0x` may stand in between.
///
/// # Errors
/// Names the first character that is neither.
pub fn parse_hex(text: &str) -> Result<Vec<u8>, HexError> {
    let mut nibbles: Vec<u8> = Vec::with_capacity(text.len());
    let mut characters = text.chars().enumerate().peekable();
    // `0x` begins a group, so the 0 before it is no digit of a byte.
    let mut group_begins = true;
    while let Some((place, found)) = characters.next() {
        if found.is_whitespace() || matches!(found, ':' | '-' | ',') {
            group_begins = true;
            continue;
        }
        if found == '0' && group_begins && matches!(characters.peek(), Some((_, 'x' | 'X'))) {
            characters.next();
            group_begins = false;
            continue;
        }
        group_begins = false;
        let digit = found.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        nibbles.push(digit.ok_or(HexError::NoDigit { place: place + 1, found, bytes: nibbles.len() / 2 })?);
    }
    if nibbles.is_empty() {
        return Err(HexError::Empty);
    }
    if !nibbles.len().is_multiple_of(2) {
        return Err(HexError::HalfByte { digits: nibbles.len() });
    }
    let byte = |pair: &[u8]| pair.iter().fold(0_u8, |byte, nibble| (byte << 4) | nibble);
    Ok(nibbles.chunks(2).map(byte).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_may_be_set_apart_in_every_usual_way() {
        for text in ["4500003c", "45 00 00 3c", "45:00:00:3C", "0x4500003c", "0x45, 0x00, 0x00, 0x3c", "4500\n 003c\n"]
        {
            assert_eq!(parse_hex(text), Ok(vec![0x45, 0, 0, 0x3c]), "{text}");
        }
    }

    #[test]
    fn what_is_no_byte_is_named_with_its_place() {
        assert_eq!(parse_hex("45 0g"), Err(HexError::NoDigit { place: 5, found: 'g', bytes: 1 }));
        assert_eq!(parse_hex("450"), Err(HexError::HalfByte { digits: 3 }));
        assert_eq!(parse_hex(" :\n"), Err(HexError::Empty));
        assert!(parse_hex("é").is_err());
    }
}
