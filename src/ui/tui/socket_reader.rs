//! Reading sockets one by one for the screen that shows them.

use std::ops::ControlFlow;

use super::wants::{SocketsOrder, SocketsReading, SocketsWant};
use crate::collect::{Holders, RowsWanted, ShownStates, SocketRows, Source};
use crate::model::{Host, KnownOptions, KnownSettings, LiveEnd, LiveForecast, forecast_live};
use crate::report::{SocketGroups, SocketOrder, SocketRow, SortedSockets};
use crate::snapshot::Snapshot;
use crate::units::TcpState;

/// Reads the sockets that pass one filter, again and again.
pub(super) struct SocketReader {
    filter: String,
    /// Why nothing can be read stays the same until something else is asked.
    rows: Result<SocketRows, String>,
    proc_root: std::path::PathBuf,
}

impl SocketReader {
    /// Opens the namespace with a filter.
    pub(super) fn new(source: &Source, want: &SocketsWant) -> Self {
        Self { filter: want.filter.clone(), rows: open(source, want), proc_root: source.proc_root.clone() }
    }

    /// Whether it reads what is wanted. What failed is tried anew each time.
    pub(super) fn suits(&self, want: &SocketsWant) -> bool {
        self.rows.is_ok() && self.filter == want.filter
    }

    /// Reads them.
    pub(super) fn read(&mut self, want: &SocketsWant, last: Option<&Snapshot>) -> SocketsReading {
        let taken_unix_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let mut reading = SocketsReading {
            want: want.clone(),
            taken_unix_ms,
            passed: 0,
            rows: Ok(Vec::new()),
            groups: Vec::new(),
            gaps: Vec::new(),
        };
        let read = match &mut self.rows {
            Err(reason) => Err(reason.clone()),
            Ok(rows) => {
                let mut holders = Holders::read(&self.proc_root);
                match want.group {
                    Some(_) => count(rows, want, &mut holders, &mut reading),
                    None => keep(rows, want, &mut holders, last, &mut reading),
                }
            }
        };
        if let Err(reason) = read {
            reading.rows = Err(reason);
        }
        reading
    }
}

/// What is shown where nothing is asked for: all but listeners, which have a screen of their own.
const UNASKED: &str = "exclude listening";

fn open(source: &Source, want: &SocketsWant) -> Result<SocketRows, String> {
    let asked = if want.filter.trim().is_empty() { UNASKED } else { &want.filter };
    let filter = crate::collect::read_filter(asked).map_err(|error| error.message)?;
    let wanted =
        RowsWanted { filter, shown: ShownStates::All, ipv4: None, info: true, memory: true, filter_here: false };
    SocketRows::open(source, wanted).map_err(|error| error.to_string())
}

fn count(
    rows: &mut SocketRows,
    want: &SocketsWant,
    holders: &mut Holders,
    reading: &mut SocketsReading,
) -> Result<(), String> {
    let Some(by) = want.group else { return Ok(()) };
    let mut groups = SocketGroups::new(by);
    groups.name_devices(rows.devices());
    let walked = rows.walk(|found| {
        reading.passed += 1;
        groups.push(found, holders.of(found.inode()));
        ControlFlow::Continue(())
    });
    reading.gaps = walked.map_err(|error| error.to_string())?;
    reading.gaps.extend(holders.gap());
    reading.groups = groups.finish(SocketsReading::MOST).0;
    if want.reverse {
        reading.groups.reverse();
    }
    Ok(())
}

fn keep(
    rows: &mut SocketRows,
    want: &SocketsWant,
    holders: &mut Holders,
    last: Option<&Snapshot>,
    reading: &mut SocketsReading,
) -> Result<(), String> {
    let order = match want.order {
        // Of too many the shortest timers are not found without playing each; the longest queues are what hurts.
        SocketsOrder::Dies | SocketsOrder::SendQueue => SocketOrder::SendQueue,
        SocketsOrder::State => SocketOrder::State,
        SocketsOrder::ReceiveQueue => SocketOrder::ReceiveQueue,
        SocketsOrder::Peer => SocketOrder::Peer,
        SocketsOrder::Local => SocketOrder::Local,
    };
    let mut kept = SortedSockets::new(order, SocketsReading::MOST, true);
    let walked = rows.walk(|found| {
        reading.passed += 1;
        kept.push(found);
        ControlFlow::Continue(())
    });
    reading.gaps = walked.map_err(|error| error.to_string())?;
    let forecaster = last.and_then(|snapshot| {
        let settings = KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key));
        let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
        Some((Host { version: snapshot.kernel.version?, hz }, settings))
    });
    let devices = rows.devices();
    let mut texts = Vec::new();
    kept.each(|found, _| {
        let forecast = forecaster.as_ref().zip(found.live_socket());
        let forecast = forecast
            .filter(|(_, socket)| !matches!(socket.state, TcpState::Listen | TcpState::Close))
            .map(|((host, settings), socket)| forecast_live(&socket, &KnownOptions::default(), host, settings));
        texts.push(SocketRow::new(found, holders.of(found.inode()), devices, forecast));
    });
    if want.order == SocketsOrder::Dies {
        texts.sort_by_key(|row| end_us(row.forecast.as_ref()));
    }
    if want.reverse {
        texts.reverse();
    }
    reading.gaps.extend(holders.gap());
    reading.rows = Ok(texts);
    Ok(())
}

/// When it ends at the earliest, in microseconds; what is not known comes behind, and what never ends last.
fn end_us(forecast: Option<&LiveForecast>) -> (u8, u64) {
    match forecast.map(|forecast| &forecast.end) {
        Some(LiveEnd::At { window, .. }) => (0, window.at_us),
        Some(LiveEnd::Unknown(_)) => (1, 0),
        Some(LiveEnd::Never) => (2, 0),
        None => (3, 0),
    }
}
