//! The conformance suite: each case in the model, against its recorded course, and on the running kernel, beside the
//! model's prediction for that kernel.
//!
//! `cargo test --test conformance` plays the default set, `TCPCTL_CONFORMANCE=full` before it all of them. Recorded
//! courses are written anew with `TCPCTL_CONFORMANCE=record`; what changed is then for a person to read.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a case fails by panicking, and says on standard error why it cannot run"
)]

#[path = "../live/ability.rs"]
mod ability;
mod cases;
mod kernel;
mod model;

use std::process::ExitCode;
use std::sync::Arc;

use tcpctl::collect::{self, Source};
use tcpctl::model::Host;

use ability::Ability;
use cases::{Case, cases};

fn main() -> ExitCode {
    let mut arguments = libtest_mimic::Arguments::from_args();
    // A case only waits for its result: all are played together.
    arguments.test_threads = arguments.test_threads.or(Some(1));
    // Before any thread exists.
    let ability = Ability::obtain();
    let asked = std::env::var("TCPCTL_CONFORMANCE").unwrap_or_default();
    let chosen = |case: &Case| asked == "full" || !case.only_full;
    let mut trials = model::trials(&cases(model::REFERENCE), asked == "record");
    let on_kernel: Vec<Case> = match running_kernel() {
        Some(host) => cases(host).into_iter().filter(chosen).collect(),
        None => {
            trials.push(libtest_mimic::Trial::ignorable_test("kernel: every case", || {
                Ok(ability::cannot_run("kernel: every case", "the version of the running kernel could not be read"))
            }));
            Vec::new()
        }
    };
    trials.extend(kernel::trials(on_kernel, &Arc::new(ability), &arguments));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The kernel that runs; a case cannot be judged by the rules of another one.
fn running_kernel() -> Option<Host> {
    let snapshot = collect::live(&Source::own(Vec::new())).ok()?;
    Some(Host { version: snapshot.kernel.version?, hz: snapshot.kernel.hz.map(|reading| reading.hz) })
}
