//! The command line.
//!
//! For: parsing arguments, running one verb, and mapping its result to an exit code.
//! Must not: read the kernel or format values itself; that is `collect` and `report`.
//! Mirrors: ss's and sysctl's options where they mean the same; exit codes 0 ok, 1 findings or drift,
//! 2 usage, 3 failure, 4 not permitted.

pub mod args;
pub mod args_fleet;
pub mod args_interface;
pub mod args_lab;
pub mod args_serve;
pub mod args_sockets;
mod args_solve;
mod args_trace;
mod change;
mod choose;
mod commands;
mod context;
mod deferred;
mod drawing;
mod exit;
mod facts;
mod measuring;
mod named_file;
mod pace;
mod past;
mod reading;
mod rights;
mod run;
mod scenario_text;
mod setting_files;
mod stored;
mod tune_args;
mod waiter;

pub use exit::{CliError, Exit};
pub use run::main;
