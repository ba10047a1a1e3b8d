//! The short cases on another kernel: this program is the first and only process of a machine that `tests/kernels/run`
//! boots, plays them there, says how they went on the console, and switches the machine off.
//!
//! With `tcpctl.dump` on the kernel's command line it prints what the kernel sends of sockets instead, and with
//! `tcpctl.root=DEVICE` it hands the machine over to the system there, for `tests/boot/run`.
//!
//! Everywhere else it has nothing to do: what the running kernel does is the business of the live tests.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "the console is all that a machine without disk has")]

mod bare;
mod case;
mod cases;
mod dump;
#[path = "../live/fill.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the live tests use the rest of it")]
mod fill;
mod machine;
#[path = "../live/place.rs"]
#[expect(dead_code, clippy::unwrap_used, clippy::panic, reason = "the live tests use the rest of it")]
mod place;
mod program;
mod syn_queues;
#[path = "../live/trace_load.rs"]
#[expect(clippy::indexing_slicing, clippy::print_stderr, reason = "the live tests say so for all of them")]
mod trace_load;
#[path = "../live/trace_places.rs"]
#[expect(clippy::indexing_slicing, reason = "the live tests say so for all of them")]
mod trace_places;
#[path = "../live/traced.rs"]
#[expect(clippy::indexing_slicing, clippy::panic, dead_code, reason = "the live tests say so for all of them")]
mod traced;
#[expect(clippy::indexing_slicing, reason = "a document without a field has null there")]
mod tracing;
mod transaction;
mod verdict;

use std::process::ExitCode;

fn main() -> ExitCode {
    if transaction::is_the_program() {
        return tcpctl::ui::cli::main();
    }
    if machine::is_booted_for_this() {
        machine::mount_proc();
        if let Some(device) = machine::root_asked_for() {
            machine::prepare();
            let error = machine::hand_over(&device);
            println!("{device} has no first process: {error}");
        } else if machine::is_asked_for("tcpctl.dump") {
            machine::prepare();
            dump::print();
        } else {
            let mut played = bare::play();
            machine::prepare();
            let host = machine::host();
            played.extend(tracing::play_first(&host));
            verdict::report(&host, played);
        }
        machine::switch_off();
    }
    if std::env::args().any(|argument| argument == "--dump") {
        dump::print();
        return ExitCode::SUCCESS;
    }
    let arguments = libtest_mimic::Arguments::from_args();
    libtest_mimic::run(&arguments, Vec::new()).exit_code()
}
