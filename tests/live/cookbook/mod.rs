//! The situations of `docs/cookbook.md`, each made in a namespace of its own, and every command of the document run there.
//!
//! For: one function a situation, in a file by whose fault it is; `every` has the table of them, `play` does what a section
//! says.
//! Must not: know what a command prints: the document does.
//! Mirrors: `tests/suite/cookbook_text.rs`, which reads the document and compares.

mod asking;
mod every;
mod play;
mod scene;
mod serving;

pub(crate) use every::cases;
