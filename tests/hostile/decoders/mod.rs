//! Everything that reads foreign bytes, as one table: the runner beside it and the fuzz targets walk the same one.
//!
//! A decoder takes any bytes at all. It hands what it read on to what shows or judges it, since an absurd number does its
//! harm there.

mod files;
mod kernel;
mod proc_files;
mod snapshots;
mod trace;
mod words;

/// One thing that reads foreign bytes.
pub(crate) struct Decoder {
    /// Its name, which is that of its fuzz target and of its folder of inputs.
    pub(crate) name: &'static str,
    /// Reads the bytes; whatever they are, it comes back.
    pub(crate) run: fn(&[u8]),
    /// Names of functions of the library that are called, by which a new one is missed.
    pub(crate) calls: &'static [&'static str],
    /// Words of its language, which mutations put in and the fuzzers take as dictionary.
    pub(crate) words: &'static [&'static str],
    /// Bytes that may be allocated at once for each byte of input.
    pub(crate) bytes_a_byte: usize,
    /// Bytes that may be allocated at once whatever the input.
    pub(crate) bytes_always: usize,
    /// Mutated inputs that the runner tries: fewer of what takes long.
    pub(crate) mutations: u32,
}

impl Decoder {
    /// A decoder whose output is about as long as its input.
    const fn new(name: &'static str, run: fn(&[u8]), calls: &'static [&'static str]) -> Self {
        Self { name, run, calls, words: &[], bytes_a_byte: 64, bytes_always: 64 << 10, mutations: 4_000 }
    }

    /// With words of its language.
    const fn of_words(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    /// With another bound of memory: so many bytes for each byte, and so many always.
    const fn within(self, bytes_a_byte: usize, bytes_always: usize) -> Self {
        Self { bytes_a_byte, bytes_always, ..self }
    }

    /// With another number of mutated inputs.
    const fn tried(self, mutations: u32) -> Self {
        Self { mutations, ..self }
    }
}

/// All of them.
pub(crate) fn decoders() -> impl Iterator<Item = &'static Decoder> {
    let rooms = [kernel::DECODERS, trace::DECODERS, proc_files::DECODERS, files::DECODERS, snapshots::DECODERS];
    rooms.into_iter().chain([words::DECODERS]).flatten()
}

/// The one with this name.
pub(crate) fn find_decoder(name: &str) -> Option<&'static Decoder> {
    decoders().find(|decoder| decoder.name == name)
}

/// Bytes as text the way files of the kernel are read.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
