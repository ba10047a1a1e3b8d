//! The words of a filter.

use core::ops::Range;

/// One word, operator or bracket, with its place in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a str,
    pub(super) place: Range<usize>,
}

/// What a word is. Operators have names as well as signs, as in ss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Open,
    Close,
    Not,
    And,
    Or,
    Compare(Comparison),
    Word,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Signs that end a word, the longer ones first.
const SIGNS: [(&str, TokenKind); 14] = [
    ("==", TokenKind::Compare(Comparison::Equal)),
    ("!=", TokenKind::Compare(Comparison::NotEqual)),
    ("<=", TokenKind::Compare(Comparison::LessOrEqual)),
    (">=", TokenKind::Compare(Comparison::GreaterOrEqual)),
    ("&&", TokenKind::And),
    ("||", TokenKind::Or),
    ("=", TokenKind::Compare(Comparison::Equal)),
    ("<", TokenKind::Compare(Comparison::Less)),
    (">", TokenKind::Compare(Comparison::Greater)),
    ("!", TokenKind::Not),
    ("&", TokenKind::And),
    ("|", TokenKind::Or),
    ("(", TokenKind::Open),
    (")", TokenKind::Close),
];

/// Names of operators.
const NAMES: [(&str, TokenKind); 12] = [
    ("eq", TokenKind::Compare(Comparison::Equal)),
    ("ne", TokenKind::Compare(Comparison::NotEqual)),
    ("neq", TokenKind::Compare(Comparison::NotEqual)),
    ("lt", TokenKind::Compare(Comparison::Less)),
    ("le", TokenKind::Compare(Comparison::LessOrEqual)),
    ("leq", TokenKind::Compare(Comparison::LessOrEqual)),
    ("gt", TokenKind::Compare(Comparison::Greater)),
    ("ge", TokenKind::Compare(Comparison::GreaterOrEqual)),
    ("geq", TokenKind::Compare(Comparison::GreaterOrEqual)),
    ("not", TokenKind::Not),
    ("and", TokenKind::And),
    ("or", TokenKind::Or),
];

/// Cuts a filter into its words.
pub(super) fn tokenize(filter: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = filter.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(blank) = rest.chars().next().filter(|c| c.is_whitespace()) {
            at += blank.len_utf8();
            continue;
        }
        let sign = sign_at(rest);
        let length = sign.map_or_else(|| word_length(rest), |(text, _)| text.len());
        let text = rest.get(..length).unwrap_or(rest);
        let kind = sign.map_or_else(|| kind_of(text), |(_, kind)| kind);
        tokens.push(Token { kind, text, place: at..at + length });
        at += length;
    }
    tokens
}

fn sign_at(rest: &str) -> Option<(&'static str, TokenKind)> {
    SIGNS.into_iter().find(|(sign, _)| rest.starts_with(sign))
}

/// Up to the next blank or sign.
fn word_length(rest: &str) -> usize {
    let ends = |(at, letter): (usize, char)| {
        (letter.is_whitespace() || rest.get(at..).is_some_and(|rest| sign_at(rest).is_some())).then_some(at)
    };
    rest.char_indices().find_map(ends).unwrap_or(rest.len())
}

fn kind_of(word: &str) -> TokenKind {
    NAMES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map_or(TokenKind::Word, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(filter: &str) -> Vec<&str> {
        tokenize(filter).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn signs_need_no_blanks_around_them() {
        assert_eq!(
            words("!(sport>=:80&&dst=[::1]:443)"),
            ["!", "(", "sport", ">=", ":80", "&&", "dst", "=", "[::1]:443", ")"]
        );
        assert_eq!(words("  a\tNOT\nb "), ["a", "NOT", "b"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn names_of_operators_are_operators_in_any_case() {
        let kinds: Vec<_> = tokenize("EQ ne Or notable").into_iter().map(|token| token.kind).collect();
        use TokenKind::{Compare, Or, Word};
        assert_eq!(kinds, [Compare(Comparison::Equal), Compare(Comparison::NotEqual), Or, Word]);
    }

    #[test]
    fn places_are_bytes_even_behind_letters_of_several() {
        let places: Vec<_> = tokenize("é = ü").into_iter().map(|token| token.place).collect();
        assert_eq!(places, [0..2, 3..4, 5..7]);
    }
}
