//! The text of one file.

use super::KeyGlob;
use crate::units::{SysctlKey, TextPlace};

/// Longest line that is read, in bytes; the longest values people write, lists of reserved ports, have a few hundred.
pub(super) const LINE_LIMIT: usize = 64 << 10;

/// What one line says; blank lines and comments say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// `key = value`.
    Assign(Assignment),
    /// `-key`: no glob is to reach it.
    Exclude(Exclusion),
    /// A line that no reader takes as it is meant.
    Fault(TextPlace, Fault),
}

/// `key = value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Where the key begins.
    pub place: TextPlace,
    /// Where the value begins.
    pub value_place: TextPlace,
    /// The key as it is written, without a leading `-`.
    pub spelled: String,
    /// What is meant.
    pub target: KeyTarget,
    /// The value as both readers take it: everything behind the first `=`, without blanks at its ends.
    pub value: String,
    /// Whether a failure is to be passed over (`-key = value`).
    pub ignore_failure: bool,
    /// The comment right above, its lines joined.
    pub comment: String,
}

/// `-key` without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Where the key begins.
    pub place: TextPlace,
    /// The key as it is written.
    pub spelled: String,
    /// What is meant.
    pub target: KeyTarget,
}

/// What a written key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTarget {
    /// One key.
    Key(SysctlKey),
    /// All keys under a pattern.
    Glob(KeyGlob),
    /// No key can be called so; says why.
    Unusable(&'static str),
}

/// What is wrong with the text of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No `=`, and no `-` in front.
    NoEquals(String),
    /// The file begins with a byte order mark, which becomes a part of its first line.
    ByteOrderMark,
    /// A NUL byte.
    Nul,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// Longer than [`LINE_LIMIT`]; its length.
    TooLong(usize),
}

/// Reads a file as systemd-sysctl and procps do. Nothing is refused: what cannot be meant is an [`Item::Fault`].
#[must_use]
pub fn parse_sysctl_file(bytes: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut comment = String::new();
    for (at, raw) in bytes.split(|byte| *byte == b'\n').enumerate() {
        parse_line(at + 1, raw, &mut comment, &mut items);
    }
    items
}

fn parse_line(line: usize, raw: &[u8], comment: &mut String, items: &mut Vec<Item>) {
    let fault = |column: usize, fault| Item::Fault(TextPlace { line, column }, fault);
    if raw.len() > LINE_LIMIT {
        items.push(fault(1, Fault::TooLong(raw.len())));
        return;
    }
    if let Err(error) = core::str::from_utf8(raw) {
        let good = raw.get(..error.valid_up_to()).unwrap_or_default();
        items.push(fault(String::from_utf8_lossy(good).chars().count() + 1, Fault::NotUtf8));
    }
    let text = String::from_utf8_lossy(raw);
    if let Some(column) = text.chars().position(|letter| letter == '\0') {
        items.push(fault(column + 1, Fault::Nul));
        return;
    }
    if line == 1 && text.starts_with('\u{feff}') {
        items.push(fault(1, Fault::ByteOrderMark));
        return;
    }
    let begins = text.chars().take_while(|letter| letter.is_ascii_whitespace()).count();
    let said = text.trim_matches(|letter: char| letter.is_ascii_whitespace());
    if said.is_empty() {
        comment.clear();
        return;
    }
    if let Some(words) = said.strip_prefix(['#', ';']) {
        if !comment.is_empty() {
            comment.push(' ');
        }
        comment.push_str(words.trim());
        return;
    }
    let comment = core::mem::take(comment);
    items.push(statement(TextPlace { line, column: begins + 1 }, said, comment));
}

/// A line that is neither blank nor a comment.
fn statement(begins: TextPlace, said: &str, comment: String) -> Item {
    let (marked, bare) = match said.strip_prefix('-') {
        Some(bare) => (true, bare),
        None => (false, said),
    };
    let place = TextPlace { column: begins.column + usize::from(marked), ..begins };
    let Some((key, value)) = bare.split_once('=') else {
        let spelled = bare.trim().to_owned();
        return if marked {
            Item::Exclude(Exclusion { place, target: target(&spelled), spelled })
        } else {
            Item::Fault(begins, Fault::NoEquals(said.to_owned()))
        };
    };
    let blanks = value.chars().take_while(|letter| letter.is_ascii_whitespace()).count();
    let value_place = TextPlace { column: place.column + key.chars().count() + 1 + blanks, ..place };
    let spelled = key.trim().to_owned();
    Item::Assign(Assignment {
        place,
        value_place,
        target: target(&spelled),
        spelled,
        value: value.trim_matches(|letter: char| letter.is_ascii_whitespace()).to_owned(),
        ignore_failure: marked,
        comment,
    })
}

fn target(spelled: &str) -> KeyTarget {
    // `/proc/sys/net/…` and `/net/…` are written now and then; neither reader strips them.
    match (KeyGlob::parse(spelled), spelled.parse::<SysctlKey>()) {
        (Some(glob), _) => KeyTarget::Glob(glob),
        (None, Ok(key)) => KeyTarget::Key(key),
        (None, Err(error)) => KeyTarget::Unusable(error.reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn only(text: &str) -> Item {
        let mut items = parse_sysctl_file(text.as_bytes());
        assert_eq!(items.len(), 1, "{items:?}");
        items.remove(0)
    }

    fn assigned(text: &str) -> Assignment {
        match only(text) {
            Item::Assign(assignment) => assignment,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_assignment_is_read_with_the_places_of_key_and_value() {
        let read = assigned("# why\n\n# because of\n# TIME_WAIT\n  -net.ipv4.tcp_fin_timeout =  30 # x\r\n");
        assert_eq!((read.place, read.value_place.column), (TextPlace { line: 5, column: 4 }, 33));
        assert_eq!((read.spelled.as_str(), read.value.as_str()), ("net.ipv4.tcp_fin_timeout", "30 # x"));
        assert!(read.ignore_failure);
        assert_eq!(read.comment, "because of TIME_WAIT");
        assert_eq!(assigned("a.b = c = d").value, "c = d");
        assert_eq!(assigned("a.b=").value, "");
    }

    #[test]
    fn comments_begin_with_either_sign_and_blank_lines_say_nothing() {
        assert_eq!(parse_sysctl_file(b"# a\n  ; b\n\n \t\r\n"), []);
    }

    #[test]
    fn both_spellings_globs_and_exclusions_are_told_apart() {
        let key = |text: &str| match assigned(text).target {
            KeyTarget::Key(key) => key.as_str().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(key("net/ipv4/conf/v.100/rp_filter=2"), "net.ipv4.conf.v/100.rp_filter");
        assert_eq!(key("net.ipv4.conf.v/100.rp_filter=2"), "net.ipv4.conf.v/100.rp_filter");
        assert!(matches!(assigned("net.ipv4.conf.*.rp_filter = 2").target, KeyTarget::Glob(_)));
        assert!(matches!(assigned("/proc/sys/net/ipv4/tcp_sack = 1").target, KeyTarget::Unusable(_)));
        assert!(matches!(assigned("net.ipv4.../x = 1").target, KeyTarget::Unusable(_)));
        assert!(matches!(only("-net.ipv4.conf.all.rp_filter"), Item::Exclude(_)));
        assert!(matches!(only("net.ipv4.tcp_sack 1"), Item::Fault(_, Fault::NoEquals(_))));
    }

    #[test]
    fn what_is_no_text_is_a_fault_with_its_place() {
        let faults = |bytes: &[u8]| {
            let found = parse_sysctl_file(bytes).into_iter();
            found
                .filter_map(|item| {
                    if let Item::Fault(place, fault) = item { Some((place.line, place.column, fault)) } else { None }
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(faults(b"a.b = 1\na.\xffb = 2\n"), [(2, 3, Fault::NotUtf8)]);
        assert_eq!(faults(b"a.b = \x001\n"), [(1, 7, Fault::Nul)]);
        assert_eq!(faults("\u{feff}a.b = 1\n".as_bytes()), [(1, 1, Fault::ByteOrderMark)]);
        let long = [b"a.b = ".as_slice(), &vec![b'1'; LINE_LIMIT], b"\na.b = 1\n"].concat();
        assert_eq!(faults(&long), [(1, 1, Fault::TooLong(LINE_LIMIT + 6))]);
        assert_eq!(parse_sysctl_file(&long).len(), 2, "what follows is read");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
            for item in parse_sysctl_file(&bytes) {
                let place = match &item {
                    Item::Assign(one) => one.place,
                    Item::Exclude(one) => one.place,
                    Item::Fault(place, _) => *place,
                };
                prop_assert!(place.line >= 1 && place.line <= lines && place.column >= 1);
            }
        }
    }
}
