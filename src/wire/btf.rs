//! BTF: how the kernel that is running lays out its structures.
//!
//! Its own description is read and nothing is compiled in, so that a member is found wherever a version or a vendor
//! moved it to. The format is that of `include/uapi/linux/btf.h`; it is read once, by a walk that keeps where each type
//! begins.

/// `BTF_MAGIC`, and the only version of the format so far.
const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
/// Bytes of `struct btf_type` and of a `struct btf_member`.
const TYPE: usize = 12;
const MEMBER: usize = 12;
/// How many modifiers are followed, and how many structures are looked into or wait for it for one member: more than any
/// compiler makes, since a ring would have no end.
const MODIFIERS: usize = 16;
const NESTED: usize = 256;

/// The types that the kernel tells of.
#[derive(Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins, the one with number 1 first.
    starts: Vec<u32>,
}

/// A kind of type that has a name to be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BtfKind {
    /// A structure.
    Struct,
    /// A function.
    Function,
}

/// A member of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BtfMember {
    /// Bytes from the beginning of the structure that was asked about.
    pub offset: u32,
    /// Bytes that it takes.
    pub size: u32,
    /// Number of its type, without modifiers.
    type_id: u32,
}

/// Why the kernel's types cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    /// It does not begin as BTF of this machine's byte order does.
    #[error("it is no BTF of this machine")]
    NotBtf,
    /// It ends before it should, or a type has a kind that is not known, so that the next one cannot be found.
    #[error("its type {0} cannot be read")]
    Broken(u32),
    /// There is no such type.
    #[error("it has no type `{0}`")]
    NoType(String),
    /// A structure has no such member, or not one that takes whole bytes.
    #[error("its type `{structure}` has no plain member `{member}`")]
    NoMember {
        /// The structure.
        structure: String,
        /// The path of members that was asked for.
        member: String,
    },
}

/// The kinds that matter here (`BTF_KIND_*`); of the others only the length is known.
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const FUNCTION: u32 = 12;

/// `struct btf_type` without what follows it.
#[derive(Clone, Copy, Debug)]
struct Type<'a> {
    name: u32,
    info: u32,
    size_or_type: u32,
    rest: &'a [u8],
}

impl<'a> Btf<'a> {
    /// Walks through the types.
    ///
    /// # Errors
    /// When it is no BTF or cannot be walked through to its end.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let section = |offset_at: usize| {
            let (offset, length) = (word(bytes, offset_at)?, word(bytes, offset_at + 4)?);
            let from = usize::try_from(word(bytes, 4)?.checked_add(offset)?).ok()?;
            bytes.get(from..from.checked_add(usize::try_from(length).ok()?)?)
        };
        let magic = bytes.first_chunk::<2>().map(|magic| u16::from_ne_bytes(*magic));
        if magic != Some(MAGIC) || bytes.get(2) != Some(&VERSION) {
            return Err(BtfError::NotBtf);
        }
        let (types, strings) = section(8).zip(section(16)).ok_or(BtfError::NotBtf)?;
        let mut starts = Vec::new();
        let mut at = 0;
        while at < types.len() {
            let number = u32::try_from(starts.len() + 1).unwrap_or(u32::MAX);
            let length = Type::read(types, at).and_then(|one| one.length()).ok_or(BtfError::Broken(number))?;
            starts.push(u32::try_from(at).map_err(|_| BtfError::Broken(number))?);
            at += length;
        }
        // The last one may say that it is longer than what there is.
        if at > types.len() {
            return Err(BtfError::Broken(u32::try_from(starts.len()).unwrap_or(u32::MAX)));
        }
        Ok(Self { types, strings, starts })
    }

    /// The number of the first type with this kind and name.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, kind: BtfKind, name: &str) -> Result<u32, BtfError> {
        let kind = match kind {
            BtfKind::Struct => STRUCT,
            BtfKind::Function => FUNCTION,
        };
        let found = self.starts.iter().position(|start| {
            let one = usize::try_from(*start).ok().and_then(|at| Type::read(self.types, at));
            one.is_some_and(|one| one.kind() == kind && self.is_named(one.name, name))
        });
        let number = found.and_then(|index| u32::try_from(index + 1).ok());
        number.ok_or_else(|| BtfError::NoType(name.to_owned()))
    }

    /// The member of a structure at the end of a path such as `inet_conn.icsk_accept_queue.qlen`. Members of unnamed
    /// structures and unions count as the structure's own.
    ///
    /// # Errors
    /// When there is no such structure or member, or when the member is a bit field.
    pub fn member(&self, structure: &str, path: &str) -> Result<BtfMember, BtfError> {
        let mut found = BtfMember { offset: 0, size: 0, type_id: self.find(BtfKind::Struct, structure)? };
        for name in path.split('.') {
            let inner = self.member_of(found.type_id, name);
            let next =
                inner.and_then(|inner| Some(BtfMember { offset: found.offset.checked_add(inner.offset)?, ..inner }));
            found =
                next.ok_or_else(|| BtfError::NoMember { structure: structure.to_owned(), member: path.to_owned() })?;
        }
        Ok(found)
    }

    /// Looks at the members, and then at those of unnamed ones.
    fn member_of(&self, type_id: u32, name: &str) -> Option<BtfMember> {
        let mut inside = vec![(type_id, 0_u32)];
        for _ in 0..NESTED {
            let (type_id, before) = inside.pop()?;
            let Some(structure) = self.plain(type_id).filter(|one| matches!(one.kind(), STRUCT | UNION)) else {
                continue;
            };
            for member in structure.members() {
                let (member_name, type_id) = (word(member, 0)?, word(member, 4)?);
                let offset = || before.checked_add(structure.byte_offset(word(member, 8)?)?);
                if member_name == 0 {
                    if inside.len() >= NESTED {
                        return None;
                    }
                    inside.extend(offset().map(|offset| (type_id, offset)));
                } else if self.is_named(member_name, name) {
                    let type_id = self.plain_id(type_id)?;
                    return Some(BtfMember { offset: offset()?, size: self.size(type_id)?, type_id });
                }
            }
        }
        None
    }

    /// Bytes that a value of this type takes; nothing for what has no size, and for arrays, which no one asks about.
    fn size(&self, type_id: u32) -> Option<u32> {
        const POINTER: u32 = 2;
        let one = self.plain(type_id)?;
        match one.kind() {
            // Integers, structures, unions, enumerations of 4 and of 8 bytes, floating-point numbers.
            1 | STRUCT | UNION | 6 | 16 | 19 => Some(one.size_or_type),
            POINTER => u32::try_from(size_of::<usize>()).ok(),
            _ => None,
        }
    }

    /// The type behind names given to it (`typedef`) and qualifiers.
    fn plain_id(&self, mut type_id: u32) -> Option<u32> {
        for _ in 0..MODIFIERS {
            let one = self.at(type_id)?;
            match one.kind() {
                // typedef, volatile, const, restrict, type tags.
                8..=11 | 18 => type_id = one.size_or_type,
                _ => return Some(type_id),
            }
        }
        None
    }

    fn plain(&self, type_id: u32) -> Option<Type<'a>> {
        self.at(self.plain_id(type_id)?)
    }

    fn at(&self, type_id: u32) -> Option<Type<'a>> {
        let start = self.starts.get(usize::try_from(type_id).ok()?.checked_sub(1)?)?;
        Type::read(self.types, usize::try_from(*start).ok()?)
    }

    fn is_named(&self, at: u32, name: &str) -> bool {
        let text = usize::try_from(at).ok().and_then(|at| self.strings.get(at..));
        let rest = text.and_then(|text| text.strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }
}

impl<'a> Type<'a> {
    fn read(types: &'a [u8], at: usize) -> Option<Self> {
        let rest = types.get(at..)?;
        Some(Self { name: word(rest, 0)?, info: word(rest, 4)?, size_or_type: word(rest, 8)?, rest: rest.get(TYPE..)? })
    }

    const fn kind(self) -> u32 {
        self.info >> 24 & 0x1f
    }

    /// How many members, values or parameters it has.
    fn count(self) -> usize {
        usize::try_from(self.info & 0xffff).unwrap_or(0)
    }

    /// Bytes from the beginning of this type to that of the next; nothing for a kind that is not known.
    fn length(self) -> Option<usize> {
        let more = match self.kind() {
            // Pointers, forward declarations, names, qualifiers, functions, floating-point numbers, type tags.
            2 | 7..=12 | 16 | 18 => 0,
            // Integers, variables, declaration tags: one word more.
            1 | 14 | 17 => 4,
            // Arrays.
            3 => 12,
            // Enumerations, parameters.
            6 | 13 => 8 * self.count(),
            // Structures, unions, sections, enumerations of 8 bytes.
            STRUCT | UNION | 15 | 19 => MEMBER * self.count(),
            _ => return None,
        };
        Some(TYPE + more)
    }

    fn members(self) -> impl Iterator<Item = &'a [u8]> {
        let end = (MEMBER * self.count()).min(self.rest.len());
        self.rest.get(..end).unwrap_or_default().chunks_exact(MEMBER)
    }

    /// Bytes to a member; nothing for a bit field. With `kind_flag` the upper eight bits are its width.
    const fn byte_offset(self, offset: u32) -> Option<u32> {
        let (bits, width) = if self.info >> 31 == 1 { (offset & 0x00ff_ffff, offset >> 24) } else { (offset, 0) };
        if width == 0 && bits % 8 == 0 { Some(bits / 8) } else { None }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_ne_bytes(*word))
}

#[cfg(test)]
pub(super) mod written {
    //! BTF written by hand.

    /// A blob that grows type by type.
    pub(crate) struct Blob {
        types: Vec<u8>,
        strings: Vec<u8>,
        count: u32,
    }

    impl Blob {
        pub(crate) fn new() -> Self {
            Self { types: Vec::new(), strings: vec![0], count: 0 }
        }

        fn name(&mut self, name: &str) -> u32 {
            if name.is_empty() {
                return 0;
            }
            let at = u32::try_from(self.strings.len()).unwrap();
            self.strings.extend(name.bytes().chain([0]));
            at
        }

        /// Writes a type and what follows it, and gives its number.
        pub(crate) fn add(&mut self, kind: u32, name: &str, count: u32, size_or_type: u32, more: &[u32]) -> u32 {
            let name = self.name(name);
            let words = [name, kind << 24 | count, size_or_type];
            self.types.extend(words.iter().chain(more).flat_map(|word| word.to_ne_bytes()));
            self.count += 1;
            self.count
        }

        /// A structure of members with their types and offsets in bytes.
        pub(crate) fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
            let words: Vec<u32> =
                members.iter().flat_map(|(name, kind, offset)| [self.name(name), *kind, 8 * offset]).collect();
            self.add(4, name, u32::try_from(members.len()).unwrap(), size, &words)
        }

        pub(crate) fn bytes(&self) -> Vec<u8> {
            let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
            let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
            bytes.extend([1, 0]);
            let words = [24, 0, length(&self.types), length(&self.types), length(&self.strings)];
            bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
            bytes.extend(&self.types);
            bytes.extend(&self.strings);
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::written::Blob;
    use super::*;
    use proptest::prelude::*;

    /// An integer, a structure behind a name and a qualifier, one with an unnamed union and a bit field, a function.
    fn sample() -> Vec<u8> {
        let mut blob = Blob::new();
        let number = blob.add(1, "int", 0, 4, &[0x20]);
        let byte = blob.add(1, "unsigned char", 0, 1, &[8]);
        let counter = blob.structure("", 4, &[("counter", number, 0)]);
        let atomic = blob.add(8, "atomic_t", 0, counter, &[]);
        let volatile = blob.add(9, "", 0, atomic, &[]);
        let inner = blob.structure("", 8, &[("plain", byte, 1), ("length", volatile, 4)]);
        let pointer = blob.add(2, "", 0, inner, &[]);
        let outer = blob.structure("outer", 32, &[("first", pointer, 0), ("", inner, 8), ("queue", inner, 16)]);
        // With kind_flag: a field of three bits, and a whole one.
        let bits = [blob_name(&mut blob, "bits"), number, 3 << 24, blob_name(&mut blob, "whole"), number, 64];
        blob.add(4 | 0x80, "flags", 2, 12, &bits);
        let prototype = blob.add(13, "", 1, 0, &[0, outer]);
        blob.add(12, "outer", 0, prototype, &[]);
        blob.bytes()
    }

    /// Names get into a blob with types; this one is a forward declaration.
    fn blob_name(blob: &mut Blob, name: &str) -> u32 {
        blob.add(7, name, 0, 0, &[]);
        let bytes = blob.bytes();
        let at = bytes.windows(name.len()).rposition(|window| window == name.as_bytes()).unwrap();
        u32::try_from(at).unwrap() - word(&bytes, 4).unwrap() - word(&bytes, 16).unwrap()
    }

    fn offset_and_size(structure: &str, member: &str) -> Option<(u32, u32)> {
        let bytes = sample();
        let found = Btf::decode(&bytes).unwrap().member(structure, member).ok()?;
        Some((found.offset, found.size))
    }

    #[test]
    fn members_are_found_by_their_path_through_names_qualifiers_and_unnamed_members() {
        assert_eq!(offset_and_size("outer", "first"), Some((0, u32::try_from(size_of::<usize>()).unwrap())));
        assert_eq!(offset_and_size("outer", "queue.length"), Some((20, 4)));
        assert_eq!(offset_and_size("outer", "queue.length.counter"), Some((20, 4)));
        assert_eq!(offset_and_size("outer", "length"), Some((12, 4)));
        assert_eq!(offset_and_size("outer", "plain"), Some((9, 1)));
        assert_eq!(offset_and_size("flags", "whole"), Some((8, 4)));
    }

    #[test]
    fn what_is_not_there_or_no_whole_bytes_is_an_error_that_names_it() {
        let bytes = sample();
        let btf = Btf::decode(&bytes).unwrap();
        let error = |structure, member| btf.member(structure, member).unwrap_err().to_string();
        assert_eq!(error("outer", "queue.depth"), "its type `outer` has no plain member `queue.depth`");
        assert_eq!(error("outer", "firs"), "its type `outer` has no plain member `firs`");
        assert_eq!(error("flags", "bits"), "its type `flags` has no plain member `bits`");
        assert_eq!(error("oute", "first"), "it has no type `oute`");
        // A pointer is not followed.
        assert_eq!(error("outer", "first.length"), "its type `outer` has no plain member `first.length`");
    }

    #[test]
    fn a_function_and_a_structure_of_one_name_are_told_apart() {
        let bytes = sample();
        let btf = Btf::decode(&bytes).unwrap();
        assert_ne!(btf.find(BtfKind::Function, "outer"), btf.find(BtfKind::Struct, "outer"));
        assert_eq!(btf.find(BtfKind::Function, "flags"), Err(BtfError::NoType("flags".to_owned())));
    }

    #[test]
    fn rings_come_to_an_end() {
        let mut blob = Blob::new();
        blob.add(8, "forever", 0, 1, &[]);
        let within = blob.structure("within", 4, &[("", 2, 0), ("", 2, 0), ("loop", 1, 0)]);
        assert_eq!(within, 2);
        let bytes = blob.bytes();
        let btf = Btf::decode(&bytes).unwrap();
        assert!(btf.member("within", "loop").is_err());
        assert!(btf.member("within", "absent").is_err());
    }

    #[test]
    fn a_blob_cut_anywhere_is_an_error() {
        let bytes = sample();
        for length in 0..bytes.len() {
            let error = Btf::decode(&bytes[..length]).map(drop);
            assert_eq!(error, Err(BtfError::NotBtf), "cut at {length}");
        }
    }

    #[test]
    fn a_kind_that_is_not_known_ends_the_walk() {
        let mut blob = Blob::new();
        blob.add(1, "int", 0, 4, &[0x20]);
        blob.add(31, "new", 0, 4, &[]);
        assert_eq!(Btf::decode(&blob.bytes()).map(drop), Err(BtfError::Broken(2)));
        let mut blob = Blob::new();
        // It says that it has two members and ends after one.
        blob.add(4, "short", 2, 4, &[0, 0, 0]);
        assert_eq!(Btf::decode(&blob.bytes()).map(drop), Err(BtfError::Broken(1)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_run_for_ever(
            changes in proptest::collection::vec((0..400_usize, any::<u8>()), 0..20), cut in 0..400_usize,
        ) {
            let mut bytes = sample();
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(cut.max(24));
            if let Ok(btf) = Btf::decode(&bytes) {
                for member in ["first", "queue.length", "length", "bits", "counter", "loop"] {
                    let _ = (btf.member("outer", member), btf.member("flags", member));
                }
            }
        }
    }
}
