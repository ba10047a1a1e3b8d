//! Hostile input: whatever bytes come, every decoder comes back, soon, and with little memory.
//!
//! Each decoder of the table is given what is honest, cut at every length; the same changed by seeded mutations; and
//! every input that was ever found to do harm (`tests/data/hostile`). The fuzz targets of `fuzz/` walk the same table.
//!
//! `TCPCTL_CORPUS=DIR cargo test --test hostile` writes what the decoders begin from into folders of that directory, and
//! their words as dictionaries, for the fuzzers.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::exit,
    clippy::unwrap_used,
    reason = "a case fails by panicking, and what never comes back can only be ended"
)]

mod allocation;
mod decoders;
mod examine;
mod mutate;
mod seeds;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};

use decoders::{Decoder, decoders};
use examine::examine;
use mutate::{Dice, mutate};
use seeds::seeds;

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;

/// Bytes that all cuts of a decoder's seeds may have together. The shortest seed is always cut at every length, and of
/// those for which there is no room any more so many cuts are chosen by the dice.
const CUT_BYTES: usize = 2 << 20;
const CHOSEN_CUTS: usize = 20;

fn main() -> ExitCode {
    if let Some(folder) = std::env::var_os("TCPCTL_CORPUS") {
        write_corpus(Path::new(&folder));
        return ExitCode::SUCCESS;
    }
    let arguments = libtest_mimic::Arguments::from_args();
    examine::catch_words();
    examine::watch();
    let of_each = |decoder: &'static Decoder| {
        [
            Trial::test(format!("{}: honest inputs cut at every length", decoder.name), move || cuts(decoder)),
            Trial::test(format!("{}: honest inputs changed", decoder.name), move || mutations(decoder)),
            Trial::test(format!("{}: what once did harm", decoder.name), move || replays(decoder)),
        ]
    };
    let trials = decoders().flat_map(of_each).chain(table::trials()).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Every beginning of the seeds.
fn cuts(decoder: &'static Decoder) -> Result<(), Failed> {
    let mut left = CUT_BYTES;
    for (number, seed) in seeds(decoder.name).iter().enumerate() {
        let mut dice = Dice::of(decoder.name, u32::try_from(number)?);
        let cost = seed.len().saturating_mul(seed.len()) / 2;
        let lengths: Vec<usize> = if number == 0 || cost <= left {
            left = left.saturating_sub(cost);
            (0..=seed.len()).collect()
        } else {
            (0..CHOSEN_CUTS).map(|_| dice.below(seed.len())).chain([seed.len()]).collect()
        };
        for length in lengths {
            let cut = seed.get(..length).expect("it is a beginning");
            examine(decoder, cut, &format!("seed {number} cut to {length}"))?;
        }
    }
    Ok(())
}

/// So many mutations of its seeds.
fn mutations(decoder: &'static Decoder) -> Result<(), Failed> {
    let seeds = seeds(decoder.name);
    for number in 0..decoder.mutations {
        let input = mutate(&seeds, decoder.words, &mut Dice::of(decoder.name, number));
        examine(decoder, &input, &format!("mutation {number}"))?;
    }
    Ok(())
}

/// What was found before.
fn replays(decoder: &'static Decoder) -> Result<(), Failed> {
    for path in found_inputs(decoder.name) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        examine(decoder, &fs::read(&path)?, &name)?;
    }
    Ok(())
}

/// The inputs of a decoder that did harm once.
fn found_inputs(decoder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hostile").join(decoder);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths
}

/// A folder of inputs and a dictionary for each decoder.
fn write_corpus(folder: &Path) {
    for decoder in decoders() {
        let own = folder.join(decoder.name);
        fs::create_dir_all(&own).expect("a folder can be made");
        let found = found_inputs(decoder.name).into_iter().map(|path| fs::read(path).expect("a file"));
        for (number, seed) in seeds(decoder.name).into_iter().chain(found).enumerate() {
            fs::write(own.join(format!("seed-{number:04}")), seed).expect("a file can be written");
        }
        let escaped = |word: &&str| word.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        let words: String = decoder.words.iter().map(|word| format!("\"{}\"\n", escaped(word))).collect();
        fs::write(folder.join(format!("{}.dict", decoder.name)), words).expect("a file can be written");
    }
}
