//! The short cases on another kernel: this program is the first and only process of a machine that `tests/kernels/run`
//! boots, plays them there, says how they went on the console, and switches the machine off.
//!
//! Everywhere else it has nothing to do: what the running kernel does is the business of the live tests.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "the console is all that a machine without disk has")]

mod cases;
mod machine;
mod verdict;

use std::process::ExitCode;

fn main() -> ExitCode {
    if machine::is_booted_for_this() {
        machine::prepare();
        verdict::report(&machine::host());
        machine::switch_off();
    }
    let arguments = libtest_mimic::Arguments::from_args();
    libtest_mimic::run(&arguments, Vec::new()).exit_code()
}
