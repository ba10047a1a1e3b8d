//! The packets of a playing in a file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::lab::Frame;
use crate::report::render_capture;
use crate::ui::cli::CliError;
use crate::ui::cli::args_lab::LabArgs;
use crate::ui::export::{Readers, check_replaceable, replace_file};
use crate::units::KernelVersion;

/// A file for packets that will be written when all of them are known.
pub(super) struct CaptureFile(PathBuf);

impl CaptureFile {
    /// The file that was asked for, if any. What is in the way is said before minutes are spent on playing.
    pub(super) fn asked_for(args: &LabArgs) -> Result<Option<Self>, CliError> {
        let Some(path) = &args.pcap else { return Ok(None) };
        if path == Path::new("-") {
            let message = "--pcap needs the name of a file: standard output has the comparison";
            return Err(CliError::Usage(message.to_owned()));
        }
        check_replaceable(path).map_err(refused)?;
        Ok(Some(Self(path.clone())))
    }

    /// Writes what passed; says how much, for a person.
    pub(super) fn write(&self, title: &str, kernel: KernelVersion, frames: &[Frame]) -> Result<String, CliError> {
        let bytes = render_capture(title, kernel, frames).map_err(CliError::failure)?;
        replace_file(&self.0, &bytes, Readers::All).map_err(refused)?;
        Ok(format!("{} packets are in {}.\n", frames.len(), self.0.display()))
    }
}

fn refused(error: anyhow::Error) -> CliError {
    let denied = |error: &std::io::Error| error.kind() == ErrorKind::PermissionDenied;
    match error.downcast_ref::<std::io::Error>() {
        Some(cause) if denied(cause) => CliError::NotPermitted(format!("{error:#}")),
        _ => CliError::Failure(error),
    }
}
