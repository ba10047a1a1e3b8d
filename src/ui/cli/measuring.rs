//! Readings as metrics, one after the other.

use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

use super::context::Context;
use super::past::Past;
use super::reading::{Depth, source, with_keys};
use super::{CliError, choose};
use crate::collect::{self, Source};
use crate::diagnose::diagnose;
use crate::report::{LabRecord, Measured, MetricsFormat, ProfileState, parse_lab_record, render_metrics};
use crate::snapshot::{Snapshot, StoredSnapshots};
use crate::tune::{NetworkPath, Premises, Profile, plan_profiles};
use crate::ui::cli::args::{ProfileChoice, ServeArgs};

/// More than this is no record of the laboratory.
const RECORD_BYTES: u64 = 1 << 20;

/// What is read again and again, and what is kept between.
pub(super) struct Measuring {
    source: Source,
    stored: Option<StoredSnapshots>,
    past: Past,
    profiles: Vec<Profile>,
    lab_record: Option<PathBuf>,
}

impl Measuring {
    /// What the arguments say.
    ///
    /// # Errors
    /// When a profile or the record of the laboratory cannot be had.
    pub(super) fn new(args: &ServeArgs, context: &Context<'_>) -> Result<Self, CliError> {
        let choice = ProfileChoice {
            profiles: args.profiles.clone(),
            profile_dir: args.profile_dir.clone(),
            rtt: None,
            bandwidth: None,
            root: None,
        };
        let profiles = choose::profiles(&choice)?;
        if let Some(path) = &args.lab_record {
            read_lab_record(path).map_err(CliError::Usage)?;
        }
        let keys = choose::keys(&profiles);
        // As `status` reads: every socket up to a number, the states of more.
        let source = source(context, Depth::Fitting, keys);
        let past = Past::new(args.window);
        Ok(Self { source, stored: context.stored.clone(), past, profiles, lab_record: args.lab_record.clone() })
    }

    /// Reads once and tells it in each of the formats.
    ///
    /// # Errors
    /// When reading could not be begun, or a profile's values do not fit this host.
    pub(super) fn read<const N: usize>(&mut self, formats: [MetricsFormat; N]) -> Result<[String; N], CliError> {
        let began = Instant::now();
        let now = match &self.stored {
            Some(stored) => with_keys(stored.last().clone(), &self.source.keys),
            None => collect::live(&self.source)?,
        };
        let states = self.states(&now)?;
        let lab = self.lab_record.as_deref().and_then(|path| read_lab_record(path).ok());
        let before = match &self.stored {
            Some(stored) => stored.first(),
            None => self.past.before(&now),
        };
        let findings = diagnose(&now, before);
        let took_us = self.stored.is_none().then(|| u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        let mut measured = Measured::new(&now, before, &findings);
        (measured.profiles, measured.lab, measured.took_us) = (&states, lab.as_ref(), took_us);
        let texts = render_metrics(&measured, formats);
        self.past.keep(now);
        Ok(texts)
    }

    /// How far the values are from each profile.
    fn states(&self, now: &Snapshot) -> Result<Vec<ProfileState>, CliError> {
        let premises = Premises::of(now);
        let state = |profile: &Profile| {
            profile.check_values(&premises).map_err(|error| CliError::Usage(error.to_string()))?;
            Ok(ProfileState::of(&plan_profiles(core::slice::from_ref(profile), now, NetworkPath::default())))
        };
        self.profiles.iter().map(state).collect()
    }
}

fn read_lab_record(path: &Path) -> Result<LabRecord, String> {
    let failed = |reason: String| format!("cannot take {} as a record of the laboratory: {reason}", path.display());
    let metadata = path.metadata().map_err(|error| failed(error.to_string()))?;
    if metadata.len() > RECORD_BYTES {
        return Err(failed(format!("it is longer than {RECORD_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let mut record = parse_lab_record(&text).map_err(|error| failed(error.to_string()))?;
    let written = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    record.written_unix_s = written.map(|since| since.as_secs());
    Ok(record)
}
