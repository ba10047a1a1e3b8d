//! What each command needs of the kernel. The rest is given up before it begins.

use super::CliError;
use super::args::{Cli, Command, Global};
use crate::sys::{Confinement, Rights, keep_rights};

/// Finds any file that is named, and who holds which socket.
const READS: Rights = Rights::READ_FILES.and(Rights::SEE_PROCESSES).and(Rights::NETWORK);

/// Changes settings, and keeps a journal of that.
const CHANGES: Rights = READS.and(Rights::NAMESPACES).and(Rights::WRITE_FILES);

/// Makes network namespaces and works in them, at once when something comes.
const PLAYS: Rights = READS
    .and(Rights::NAMESPACES)
    .and(Rights::WRITE_FILES)
    .and(Rights::RAW_SOCKETS)
    .and(Rights::LOW_PORTS)
    .and(Rights::PRIORITY)
    .and(Rights::RESOURCES);

/// The rights that a command has need of, at the most.
pub(super) fn needed(cli: &Cli) -> Rights {
    let global = &cli.global;
    let programs = if loads_programs(cli) { Rights::PROGRAMS } else { Rights::NONE };
    let namespaces = if global.netns.is_some() { Rights::NAMESPACES } else { Rights::NONE };
    let on_host = programs.and(namespaces);
    let host = |rights: Rights| if global.from.is_some() { Rights::READ_FILES } else { rights.and(on_host) };
    let everywhere = |all_netns: bool| if all_netns { READS.and(Rights::NAMESPACES) } else { READS };
    let output = if writes_file(cli.command.as_ref()) { Rights::WRITE_FILES } else { Rights::NONE };
    output.and(match &cli.command {
        // The interface applies plans, starts the laboratory and enters namespaces.
        None => host(CHANGES.and(PLAYS)),
        Some(Command::Status(args)) => host(everywhere(args.all_netns)),
        Some(Command::Sockets(args)) => host(everywhere(args.all_netns)),
        Some(Command::Diagnose(args)) => host(everywhere(args.all_netns)),
        Some(
            Command::Listeners(_)
            | Command::Explain(_)
            | Command::Snapshot(_)
            | Command::Params(_)
            | Command::Lint(_)
            | Command::Plan(_)
            | Command::Solve(_)
            | Command::Verify(_),
        ) => host(READS),
        // The journal, and which namespace this is. That of another's process is found by whoever sees processes.
        Some(Command::History(_)) if global.netns.is_some() => host(Rights::READ_FILES.and(Rights::SEE_PROCESSES)),
        Some(Command::History(_) | Command::Profiles(_)) => Rights::READ_FILES,
        Some(Command::Serve(args)) if args.textfile.is_some() => host(READS),
        Some(Command::Serve(_)) => host(READS).and(Rights::LOW_PORTS),
        Some(Command::Apply(_) | Command::Confirm(_) | Command::AwaitConfirmation(_) | Command::Rollback(_)) => {
            host(CHANGES)
        }
        Some(Command::Lab(_)) => host(PLAYS),
        // Mounting tracefs for itself, and an instance of its own, take CAP_SYS_ADMIN. Drops name the function that they
        // happened in by its address.
        Some(Command::Trace(_)) => host(READS.and(Rights::NAMESPACES).and(Rights::KERNEL_ADDRESSES)),
        Some(Command::Simulate(_) | Command::Fleet(_)) => Rights::READ_FILES,
        Some(Command::Metrics(_) | Command::Completions(_)) => Rights::NONE,
        Some(Command::Man(_)) => Rights::WRITE_FILES,
    })
}

/// What `serve` keeps once its ports are open.
pub(super) fn while_serving(namespaces: bool, programs: bool, stored: bool) -> Rights {
    let with = |wanted: bool, rights: Rights| if wanted { rights } else { Rights::NONE };
    let reads = READS.and(with(namespaces, Rights::NAMESPACES)).and(with(programs, Rights::PROGRAMS));
    if stored { Rights::READ_FILES } else { reads }
}

/// Gives up the rest, in the thread that traces; the one that waits for signals has given up all.
pub(super) fn keep_while_tracing(others: bool) -> Result<(), CliError> {
    keep_rights(while_tracing(others))
        .map_err(|error| CliError::failure(anyhow::anyhow!("cannot give up what opening the trace took: {error}")))
}

/// Whether what a reading command says goes to a file that was named, which may stand in somebody else's directory.
fn writes_file(command: Option<&Command>) -> bool {
    match command {
        Some(Command::Explain(args)) => args.drawing.output.is_some(),
        Some(Command::Simulate(args)) => args.drawing.output.is_some(),
        Some(Command::Solve(args)) => args.write_profile.is_some(),
        Some(Command::Snapshot(args)) => args.file.is_some(),
        Some(Command::Serve(args)) => args.textfile.is_some(),
        _ => false,
    }
}

/// Whether the command shows the SYN queues of listeners, which a program in the kernel may read for it.
pub(super) const fn loads_programs(cli: &Cli) -> bool {
    let Global { no_bpf, from, .. } = &cli.global;
    let shows = match &cli.command {
        None
        | Some(
            Command::Status(_)
            | Command::Listeners(_)
            | Command::Diagnose(_)
            | Command::Explain(_)
            | Command::Snapshot(_)
            | Command::Serve(_),
        ) => true,
        // Plans and what undoes them hang on no queue, and a trace on no listener.
        Some(
            Command::Sockets(_)
            | Command::Trace(_)
            | Command::Simulate(_)
            | Command::Lab(_)
            | Command::Params(_)
            | Command::Lint(_)
            | Command::Plan(_)
            | Command::Solve(_)
            | Command::Verify(_)
            | Command::Profiles(_)
            | Command::Apply(_)
            | Command::Confirm(_)
            | Command::AwaitConfirmation(_)
            | Command::Rollback(_)
            | Command::History(_)
            | Command::Fleet(_)
            | Command::Metrics(_)
            | Command::Completions(_)
            | Command::Man(_),
        ) => false,
    };
    shows && !*no_bpf && from.is_none()
}

/// What `trace` keeps once the tracepoints fire: it asks about sockets, names functions, and takes its instance away, which
/// is root's own. It goes into other namespaces again, where it asks about one or all of them: their addresses change.
const fn while_tracing(others: bool) -> Rights {
    let reads = READS.and(Rights::KERNEL_ADDRESSES);
    if others { reads.and(Rights::NAMESPACES) } else { reads }
}

/// What is left to a command of system calls, as soon as its options are read; nothing where all are.
///
/// Files of other hosts are read where nothing can be written, started or sent.
pub(super) fn confinement(cli: &Cli) -> Option<Confinement> {
    match &cli.command {
        Some(Command::Fleet(_)) => Some(Confinement::Reading),
        Some(Command::Serve(_)) => None,
        command if writes_file(command.as_ref()) => None,
        Some(_) if cli.global.from.is_some() => Some(Confinement::Reading),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// Numbers of capabilities (`include/uapi/linux/capability.h`).
    fn numbers(rights: Rights) -> Vec<u32> {
        (0..64).filter(|number| rights.bits() >> number & 1 == 1).collect()
    }

    #[test]
    fn every_command_keeps_what_it_needs_and_no_more() {
        const READS: [u32; 3] = [2, 12, 19];
        let of = |line: &str| numbers(needed(&Cli::try_parse_from(line.split(' ')).unwrap()));
        let reads = |more: &[u32]| {
            let mut all = [&READS[..], more].concat();
            all.sort_unstable();
            all
        };
        for (line, expected) in [
            ("tcpctl completions bash", vec![]),
            ("tcpctl metrics", vec![]),
            ("tcpctl fleet /x", vec![2]),
            ("tcpctl simulate x.toml", vec![2]),
            ("tcpctl diagnose --from x.json", vec![2]),
            ("tcpctl plan anti-syn-flood --from x.json -N 7", vec![2]),
            ("tcpctl status --no-bpf", reads(&[])),
            ("tcpctl status", reads(&[38, 39])),
            ("tcpctl -N blue listeners --no-bpf", reads(&[21])),
            ("tcpctl status --all-netns --no-bpf", reads(&[21])),
            ("tcpctl snapshot --no-bpf", reads(&[])),
            ("tcpctl snapshot x.json --no-bpf", reads(&[1])),
            ("tcpctl solve --connect 10s --write-profile x.toml --from x.json", vec![1, 2]),
            ("tcpctl serve --no-bpf", reads(&[10])),
            ("tcpctl serve --textfile x.prom --no-bpf", reads(&[1])),
            ("tcpctl apply anti-syn-flood --no-bpf", reads(&[1, 21])),
            ("tcpctl apply anti-syn-flood", reads(&[1, 21])),
            ("tcpctl confirm 7", reads(&[1, 21])),
            ("tcpctl rollback", reads(&[1, 21])),
            ("tcpctl trace", reads(&[21, 34])),
            ("tcpctl lab syn-lost", reads(&[1, 10, 13, 21, 23, 24])),
            ("tcpctl --no-bpf", reads(&[1, 10, 13, 21, 23, 24])),
            ("tcpctl", reads(&[1, 10, 13, 21, 23, 24, 38, 39])),
            ("tcpctl sockets --watch", reads(&[])),
            ("tcpctl params", reads(&[])),
            ("tcpctl lint", reads(&[])),
            ("tcpctl plan anti-syn-flood", reads(&[])),
            ("tcpctl verify anti-syn-flood", reads(&[])),
            ("tcpctl listeners", reads(&[38, 39])),
            ("tcpctl diagnose", reads(&[38, 39])),
            ("tcpctl explain accept-queue-overflow", reads(&[38, 39])),
            ("tcpctl snapshot", reads(&[38, 39])),
            ("tcpctl serve", reads(&[10, 38, 39])),
            ("tcpctl history", vec![2]),
            ("tcpctl history -N blue", vec![2, 19, 21]),
            ("tcpctl profiles", vec![2]),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
        // Entering and loading is given up where it was not asked for, and low ports in any case.
        assert_eq!(numbers(while_serving(false, false, false)), READS);
        assert_eq!(numbers(while_serving(true, true, false)), reads(&[21, 38, 39]));
        assert_eq!(numbers(while_serving(true, true, true)), [2]);
        assert_eq!(numbers(while_tracing(false)), reads(&[34]));
        assert_eq!(numbers(while_tracing(true)), reads(&[21, 34]));
    }

    #[test]
    fn files_of_other_hosts_are_read_where_nothing_can_be_written() {
        let of = |line: &str| confinement(&Cli::try_parse_from(line.split(' ')).unwrap());
        for line in [
            "tcpctl fleet /x",
            "tcpctl diagnose --from x.json",
            "tcpctl sockets --from -",
            "tcpctl snapshot --from x.json",
        ] {
            assert_eq!(of(line), Some(Confinement::Reading), "{line}");
        }
        for line in [
            "tcpctl status",
            "tcpctl snapshot y.json --from x.json",
            "tcpctl serve --from x.json",
            "tcpctl solve --connect 10s --write-profile y.toml --from x.json",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
