//! Patterns of keys.

use crate::units::SysctlKey;

/// A pattern such as `net.ipv4.conf.*.rp_filter`.
///
/// Both readers hand it to glob(3) over the files below `/proc/sys`, so `*` never crosses a separator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyGlob {
    /// The pattern as a path, one part for each folder.
    parts: Vec<Vec<char>>,
}

impl KeyGlob {
    /// The pattern of a text, or nothing when nothing in it is a wildcard.
    ///
    /// The first separator decides the spelling, as for keys.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.contains(['*', '?', '[']).then(|| {
            let dotted = text.find(['.', '/']).and_then(|at| text.get(at..)).is_some_and(|rest| rest.starts_with('.'));
            let swap = |letter| match letter {
                '.' if dotted => '/',
                '/' if dotted => '.',
                other => other,
            };
            let path: Vec<char> = text.chars().map(swap).collect();
            Self { parts: path.split(|letter| *letter == '/').map(<[char]>::to_vec).collect() }
        })
    }

    /// Whether a key falls under it.
    #[must_use]
    pub fn matches(&self, key: &SysctlKey) -> bool {
        let path = key.relative_path();
        let names: Vec<Vec<char>> = path.split('/').map(|name| name.chars().collect()).collect();
        names.len() == self.parts.len() && self.parts.iter().zip(&names).all(|(part, name)| matches_part(part, name))
    }
}

/// fnmatch(3) of one part, without climbing back more than to the last star.
fn matches_part(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() || at < pattern.len() {
        let step = match (pattern.get(at), name.get(from)) {
            (Some('*'), _) => {
                star = Some((at, from));
                at += 1;
                continue;
            }
            (Some('?'), Some(_)) => Some(1),
            (Some('['), Some(letter)) => bracket(pattern.get(at..).unwrap_or_default(), *letter),
            (Some(wanted), Some(letter)) if wanted == letter => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => (at, from) = (at + length, from + 1),
            (None, Some((place, taken))) if taken < name.len() => {
                star = Some((place, taken + 1));
                (at, from) = (place + 1, taken + 1);
            }
            (None, _) => return false,
        }
    }
    true
}

/// Whether a letter is in a bracket expression at the beginning of a pattern; the length of the expression if so.
fn bracket(pattern: &[char], letter: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let end = first + 1 + pattern.get(first + 1..)?.iter().position(|letter| *letter == ']')?;
    let set = pattern.get(first..end)?;
    let mut inside = false;
    let mut at = 0;
    while let Some(low) = set.get(at) {
        match (set.get(at + 1), set.get(at + 2)) {
            (Some('-'), Some(high)) => {
                inside |= (*low..=*high).contains(&letter);
                at += 3;
            }
            _ => {
                inside |= *low == letter;
                at += 1;
            }
        }
    }
    (inside != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, key: &str) -> bool {
        KeyGlob::parse(pattern).unwrap().matches(&key.parse().unwrap())
    }

    #[test]
    fn a_star_stays_within_its_part() {
        assert!(matches("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0.rp_filter"));
        assert!(matches("net/ipv4/conf/*/rp_filter", "net.ipv4.conf.eth0/100.rp_filter"));
        assert!(!matches("net.ipv4.*", "net.ipv4.conf.eth0.rp_filter"));
        assert!(matches("net.ipv4.tcp_*_retries", "net.ipv4.tcp_syn_retries"));
        assert!(!matches("net.ipv4.tcp_*_retries", "net.ipv4.tcp_retries2"));
        assert!(KeyGlob::parse("net.ipv4.tcp_rmem").is_none());
    }

    #[test]
    fn brackets_and_question_marks_match_one_letter() {
        assert!(matches("net.ipv4.tcp_retries[12]", "net.ipv4.tcp_retries2"));
        assert!(matches("net.ipv4.tcp_retries?", "net.ipv4.tcp_retries1"));
        assert!(matches("net.ipv4.conf.eth[0-3].rp_filter", "net.ipv4.conf.eth2.rp_filter"));
        assert!(!matches("net.ipv4.conf.eth[!0-3].rp_filter", "net.ipv4.conf.eth2.rp_filter"));
        assert!(!matches("net.ipv4.conf.eth[0.rp_filter", "net.ipv4.conf.eth0.rp_filter"));
    }

    #[test]
    fn many_stars_cost_no_more_than_the_product_of_the_lengths() {
        let pattern = format!("net.{}b", "*a".repeat(200));
        assert!(!matches(&pattern, &format!("net.{}", "a".repeat(2000))));
    }
}
