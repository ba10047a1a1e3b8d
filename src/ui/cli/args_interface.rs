//! Options of the terminal interface, which is what runs without a command.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::units::parse_duration_us;

/// Heading of these options in the help.
const HEADING: &str = "Options of the terminal interface";

/// Options of the terminal interface.
#[derive(Clone, Debug, Default, Args)]
pub struct InterfaceArgs {
    /// File of settings to read, and to write what you change; else $XDG_CONFIG_HOME/tcpctl/interface.toml
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How often to read, from 250ms to 1m
    #[arg(help_heading = HEADING, long, value_name = "TIME", value_parser = parse_interval)]
    pub interval: Option<u64>,
    /// Leave the mouse to the terminal, which selects text with it
    #[arg(help_heading = HEADING, long)]
    pub no_mouse: bool,
}

impl InterfaceArgs {
    /// Refuses them where the interface does not run.
    ///
    /// # Errors
    /// A mistake of usage, where one of them was given.
    pub fn refuse_elsewhere(&self, elsewhere: bool) -> Result<(), CliError> {
        let given = [
            ("--config", self.config.is_some()),
            ("--interval", self.interval.is_some()),
            ("--no-mouse", self.no_mouse),
        ];
        match given.into_iter().find(|(_, given)| elsewhere && *given) {
            Some((name, _)) => {
                Err(CliError::Usage(format!("{name} is for the terminal interface, which runs without a command")))
            }
            None => Ok(()),
        }
    }
}

fn parse_interval(text: &str) -> Result<u64, String> {
    let ms = parse_duration_us(text)? / 1000;
    if (250..=60_000).contains(&ms) { Ok(ms) } else { Err("it is not within 250ms and 1m".to_owned()) }
}
