//! Inputs that nobody sends but who means harm: seeded, so that each can be made again.

/// A generator of numbers that gives the same ones for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The one of a name and a number.
    pub(crate) fn of(name: &str, number: u32) -> Self {
        // FNV-1a, 64 bits.
        let seed = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below this; 0 where there is none.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(bound).unwrap_or(0)).unwrap_or(0)
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        let at = self.below(among.len());
        among.get(at)
    }
}

/// The longest input that mutations make, in bytes.
const LONGEST: usize = 64 << 10;

/// Numbers at the edges of what integers hold, as binary files have them.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// The same, as text has them.
const WRITTEN: [&str; 17] = [
    "0",
    "-0",
    "-1",
    "1",
    "65535",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "99999999999999999999999999999999999999999999999999",
];

/// Pieces that text has no use for.
const STRANGE: [&[u8]; 8] =
    [b"\0", b"\x1b[2J", b"\r\n", b"\xff\xfe", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\"", b"\\u0000"];

/// Changes an input in one way or several.
pub(crate) fn mutate(seeds: &[Vec<u8>], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.pick(seeds).cloned().unwrap_or_default();
    for _ in 0..=dice.below(4) {
        match dice.below(12) {
            0 => flip(&mut bytes, dice),
            1 => {
                let at = dice.below(bytes.len());
                bytes.truncate(at);
            }
            2 => duplicate(&mut bytes, dice),
            3 => remove(&mut bytes, dice),
            4 => splice(&mut bytes, seeds, dice),
            5 | 6 => number(&mut bytes, dice),
            7 | 8 => written_numbers(&mut bytes, dice),
            9 => insert_word(&mut bytes, words, dice),
            10 => insert(&mut bytes, dice, |dice| dice.pick(&STRANGE).copied().unwrap_or_default().to_vec()),
            _ => swap(&mut bytes, dice),
        }
        bytes.truncate(LONGEST);
    }
    bytes
}

fn flip(bytes: &mut [u8], dice: &mut Dice) {
    for _ in 0..=dice.below(8) {
        let (at, bit) = (dice.below(bytes.len()), dice.below(8));
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }
}

/// A range that begins anywhere and is more often short than long.
fn range(bytes: &[u8], dice: &mut Dice) -> core::ops::Range<usize> {
    let from = dice.below(bytes.len());
    let most = [4, 64, bytes.len()].get(dice.below(3)).copied().unwrap_or(4);
    from..from.saturating_add(dice.below(most.max(1)) + 1).min(bytes.len())
}

fn duplicate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let from = range(bytes, dice);
    let piece = bytes.get(from).unwrap_or_default().to_vec();
    // Sometimes very often: nesting, and long lists.
    let times = if dice.below(16) == 0 { dice.below(20_000) } else { 1 + dice.below(3) };
    let times = times.min(LONGEST.saturating_sub(bytes.len()) / piece.len().max(1));
    insert(bytes, dice, |_| piece.repeat(times));
}

fn remove(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let gone = range(bytes, dice);
    bytes.drain(gone);
}

/// The head of this and the tail of another.
fn splice(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    let Some(other) = dice.pick(seeds) else { return };
    let (head, tail) = (dice.below(bytes.len()), dice.below(other.len()));
    bytes.truncate(head);
    bytes.extend_from_slice(other.get(tail..).unwrap_or_default());
}

/// A number at an edge, of one to eight bytes, in either order.
fn number(bytes: &mut [u8], dice: &mut Dice) {
    let edge = dice.pick(&EDGES).copied().unwrap_or_default();
    let width = [1, 2, 4, 8].get(dice.below(4)).copied().unwrap_or(1);
    let little: Vec<u8> = edge.to_le_bytes().into_iter().take(width).collect();
    let ordered: Vec<u8> = if dice.below(2) == 0 { little } else { little.into_iter().rev().collect() };
    let at = dice.below(bytes.len());
    // Words lie at multiples of four more often than not.
    let at = if dice.below(2) == 0 { at - at % 4 } else { at };
    bytes.iter_mut().skip(at).zip(ordered).for_each(|(place, byte)| *place = byte);
}

/// Written numbers become others: one, some, or all of them.
fn written_numbers(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let one_in = [1, 4, 64].get(dice.below(3)).copied().unwrap_or(1);
    let same = dice.pick(&WRITTEN).copied().unwrap_or("0");
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let Some(at) = rest.iter().position(u8::is_ascii_digit) {
        let (head, tail) = rest.split_at(at);
        let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, behind) = tail.split_at(digits);
        out.extend_from_slice(head);
        match dice.below(one_in) {
            0 if dice.below(2) == 0 => out.extend_from_slice(same.as_bytes()),
            0 => out.extend_from_slice(dice.pick(&WRITTEN).copied().unwrap_or("0").as_bytes()),
            _ => out.extend_from_slice(number),
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    *bytes = out;
}

fn insert_word(bytes: &mut Vec<u8>, words: &[&str], dice: &mut Dice) {
    let Some(word) = dice.pick(words) else { return };
    // A word that nests does so without end if it may.
    let times = if dice.below(16) == 0 { dice.below(LONGEST) / word.len().max(1) } else { 1 };
    insert(bytes, dice, |_| word.as_bytes().repeat(times));
}

fn insert(bytes: &mut Vec<u8>, dice: &mut Dice, piece: impl FnOnce(&mut Dice) -> Vec<u8>) {
    let at = dice.below(bytes.len() + 1);
    let piece = piece(dice);
    bytes.splice(at..at, piece);
}

fn swap(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let moved = range(bytes, dice);
    let piece: Vec<u8> = bytes.drain(moved).collect();
    insert(bytes, dice, |_| piece);
}
