//! The edges of the program: command line, terminal interface, metrics export.
//!
//! For: turning what a person typed into calls of the rooms, and their values into text or screens.
//! Must not: hold rules about TCP or tuning; one edge must not use another.
//! Mirrors: the conventions of ss, sysctl and systemctl.

pub mod cli;
pub mod export;
pub mod tui;
