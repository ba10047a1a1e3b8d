//! The `tcpctl` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tcpctl::ui::cli::main()
}
