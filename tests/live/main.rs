//! Cases on the running kernel, each in a fresh network namespace of its own.
//!
//! Nothing here touches the namespace that the tests were started in. A case that cannot run on this machine is
//! reported as ignored, by name and with the reason, and is counted.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a case fails by panicking, and says on standard error why it cannot run"
)]

mod ability;
mod capture;
mod case;
mod catalogue;
mod connect;
mod cookbook;
#[path = "../suite/cookbook_text.rs"]
mod cookbook_text;
mod facts;
mod faults;
mod faults_together;
mod fill;
mod flood;
mod forecasts;
mod incidents;
mod interface;
mod laboratory;
mod namespaces;
mod notified;
mod params;
mod place;
mod privilege;
mod program;
mod prometheus;
mod readers;
mod row_filters;
mod row_holders;
mod row_kinds;
mod row_tables;
mod row_watch;
mod rows;
mod scraping;
mod screen;
mod serve;
mod sockets;
mod solve;
#[path = "../suite/sources.rs"]
mod sources;
mod stored_rows;
mod syn_queues;
mod tiers;
mod tmux;
mod trace_answers;
mod trace_ends;
mod trace_load;
mod trace_places;
mod traced;
#[path = "../suite/tracer.rs"]
mod tracer;
mod tracing;
mod transaction;
mod tune;
mod under_way;
mod vanishing;
mod watching;
mod wire;

use std::process::ExitCode;

use ability::Ability;
use case::Case;

fn main() -> ExitCode {
    let mut arguments = libtest_mimic::Arguments::from_args();
    // One after the other: what is measured is when the kernel does something, and cases disturb each other.
    arguments.test_threads = arguments.test_threads.or(Some(1));
    // Both before any thread exists.
    let _program = program::lay_out();
    let ability = Ability::obtain();
    let modules: &[fn() -> Vec<Case>] = &[
        // One of them wants the inode of a namespace that is gone, and the fewer are free the better.
        vanishing::cases,
        sockets::cases,
        tune::cases,
        transaction::cases,
        under_way::cases,
        solve::cases,
        catalogue::cases,
        params::cases,
        readers::cases,
        syn_queues::cases,
        tiers::cases,
        namespaces::cases,
        interface::cases,
        connect::cases,
        flood::cases,
        facts::cases,
        faults::cases,
        faults_together::cases,
        laboratory::cases,
        capture::cases,
        rows::cases,
        row_kinds::cases,
        row_filters::cases,
        row_holders::cases,
        row_watch::cases,
        row_tables::cases,
        stored_rows::cases,
        watching::cases,
        serve::cases,
        privilege::cases,
        prometheus::cases,
        forecasts::cases,
        tracing::cases,
        trace_ends::cases,
        trace_answers::cases,
        incidents::cases,
        cookbook::cases,
    ];
    let trials = modules.iter().flat_map(|cases| cases()).map(|case| case.into_trial(&ability)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
