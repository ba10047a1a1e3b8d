//! Judges a snapshot.
