//! Snapshots in a file: one JSON document with one reading or more.

use std::io::{BufReader, Read};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::{SCHEMA_VERSION, Snapshot, StoredRows};

/// What every stored file says of itself.
const FORMAT: &str = "tcpctl-snapshot";
/// Version of the document around the readings; the readings have [`SCHEMA_VERSION`].
const VERSION: u32 = 1;
/// Version of a document that has single sockets as well. Without them, who knows only version 1 can read it too.
const WITH_ROWS: u32 = 2;

/// Readings of one network namespace, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshots {
    /// All but the last one.
    earlier: Vec<Snapshot>,
    last: Snapshot,
    rows: Option<Arc<StoredRows>>,
}

/// Why a file is no stored snapshot, with the place where that shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// It is no JSON, or not of the right form.
    #[error("{line}:{column}: {message}")]
    Form {
        /// Line, from 1 on.
        line: usize,
        /// Column, from 1 on; 0 where the line ends too soon.
        column: usize,
        /// What was found and what was expected.
        message: String,
    },
    /// It is another program's.
    #[error("its `format` is `{0}` and not `{FORMAT}`: it is no snapshot of tcpctl")]
    Foreign(String),
    /// A newer tcpctl wrote it.
    #[error("version {found} was written by a newer tcpctl; this one reads up to version {known}")]
    Newer {
        /// The version in the file.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// Reading it failed half way.
    #[error("cannot read it: {0}")]
    Unread(String),
    /// There is nothing in it.
    #[error("it holds no reading")]
    Empty,
    /// Its readings do not follow each other.
    #[error("reading {0} of the file is older than the one before it, or of another boot")]
    Order(usize),
}

/// What can be told of a file before its readings are looked at.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

#[derive(Deserialize)]
struct Body {
    readings: Vec<Snapshot>,
    #[serde(default, deserialize_with = "shared")]
    sockets: Option<Arc<StoredRows>>,
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<StoredRows>>, D::Error> {
    Ok(Some(Arc::new(StoredRows::deserialize(deserializer)?)))
}

/// The same without single sockets, which are passed over.
#[derive(Deserialize)]
struct ReadingsAlone {
    readings: Vec<Snapshot>,
}

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    readings: Vec<&'a Snapshot>,
}

impl StoredSnapshots {
    /// Readings in the order in which they were taken.
    #[must_use]
    pub const fn new(earlier: Vec<Snapshot>, last: Snapshot) -> Self {
        Self { earlier, last, rows: None }
    }

    /// The sockets of the newest reading one by one, where they are stored.
    #[must_use]
    pub const fn rows(&self) -> Option<&Arc<StoredRows>> {
        self.rows.as_ref()
    }

    /// The newest reading.
    #[must_use]
    pub const fn last(&self) -> &Snapshot {
        &self.last
    }

    /// The newest reading, to be changed.
    pub const fn last_mut(&mut self) -> &mut Snapshot {
        &mut self.last
    }

    /// The oldest reading, where there is more than one: rates are told since then.
    #[must_use]
    pub fn first(&self) -> Option<&Snapshot> {
        self.earlier.first()
    }

    /// All readings, the oldest first.
    pub fn readings(&self) -> impl Iterator<Item = &Snapshot> {
        self.earlier.iter().chain([&self.last])
    }

    /// All readings, to be changed.
    pub(super) fn readings_mut(&mut self) -> impl Iterator<Item = &mut Snapshot> {
        self.earlier.iter_mut().chain([&mut self.last])
    }
}

/// Writes readings as a document, without single sockets.
///
/// # Errors
/// When a value has no form in JSON, which none of a snapshot's is.
pub fn render_stored(stored: &StoredSnapshots) -> Result<String, serde_json::Error> {
    Ok(render(stored, VERSION)? + "\n")
}

/// The two parts of a document between which stands what [`RowsWriter`](super::RowsWriter) writes.
///
/// # Errors
/// As of [`render_stored`].
pub fn render_around_rows(stored: &StoredSnapshots) -> Result<(String, &'static str), serde_json::Error> {
    let text = render(stored, WITH_ROWS)?;
    let open = text.strip_suffix("\n}").unwrap_or(&text);
    Ok((format!("{open},\n  \"sockets\": "), "\n}\n"))
}

fn render(stored: &StoredSnapshots, version: u32) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Document { format: FORMAT, version, readings: stored.readings().collect() })
}

/// Reads a document of this version or an older one.
///
/// # Errors
/// With the place, when it is none.
pub fn parse_stored(text: &str) -> Result<StoredSnapshots, StoredError> {
    // First alone, since a newer version may have another form.
    let head: Head = serde_json::from_str(text).map_err(|error| form(&error))?;
    head.check()?;
    let Body { readings, sockets: rows } = serde_json::from_str(text).map_err(|error| form(&error))?;
    in_order(readings, rows)
}

/// The same from bytes, and without single sockets: where only the readings are asked for, nothing is kept of a million
/// rows behind them.
///
/// # Errors
/// As of [`parse_stored`].
pub fn parse_readings(bytes: &[u8]) -> Result<StoredSnapshots, StoredError> {
    let head: Head = serde_json::from_slice(bytes).map_err(|error| form(&error))?;
    head.check()?;
    let ReadingsAlone { readings } = serde_json::from_slice(bytes).map_err(|error| form(&error))?;
    in_order(readings, None)
}

/// The same for a document that is too long to be held: `open` gives it from its beginning, and is called twice. Slower
/// than [`parse_readings`].
///
/// # Errors
/// As of [`parse_stored`], and what reading it failed with.
pub fn decode_readings<R: Read>(mut open: impl FnMut() -> std::io::Result<R>) -> Result<StoredSnapshots, StoredError> {
    let refused = |error: serde_json::Error| {
        if error.is_io() { StoredError::Unread(error.to_string()) } else { form(&error) }
    };
    let mut opened = || open().map(BufReader::new).map_err(|error| StoredError::Unread(error.to_string()));
    let head: Head = serde_json::from_reader(opened()?).map_err(refused)?;
    head.check()?;
    let ReadingsAlone { readings } = serde_json::from_reader(opened()?).map_err(refused)?;
    in_order(readings, None)
}

impl Head {
    fn check(self) -> Result<(), StoredError> {
        if self.format != FORMAT {
            return Err(StoredError::Foreign(self.format.chars().take(40).collect()));
        }
        if self.version > WITH_ROWS {
            return Err(StoredError::Newer { found: self.version, known: WITH_ROWS });
        }
        Ok(())
    }
}

fn in_order(mut readings: Vec<Snapshot>, rows: Option<Arc<StoredRows>>) -> Result<StoredSnapshots, StoredError> {
    if let Some(newer) = readings.iter().find(|reading| reading.schema > SCHEMA_VERSION) {
        return Err(StoredError::Newer { found: newer.schema, known: SCHEMA_VERSION });
    }
    let pairs = readings.iter().zip(readings.iter().skip(1)).zip(2..);
    for ((before, after), number) in pairs {
        if after.monotonic_ms < before.monotonic_ms {
            return Err(StoredError::Order(number));
        }
    }
    let last = readings.pop().ok_or(StoredError::Empty)?;
    Ok(StoredSnapshots { earlier: readings, last, rows })
}

/// The parser's own words end with the place, which is told before them.
fn form(error: &serde_json::Error) -> StoredError {
    let (line, column, message) = (error.line(), error.column(), error.to_string());
    let place = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
    StoredError::Form { line, column, message }
}
