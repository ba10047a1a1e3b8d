//! Reading sockets one by one for the screen that shows them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::holder_reader::HolderReader;
use super::wants::{SocketsOrder, SocketsReading, SocketsWant};
use crate::collect::{Holders, RowsWanted, ShownStates, SocketRows, Source};
use crate::model::{Host, KnownSettings};
use crate::report::{Forecaster, SocketGroupBy, SocketGroups, SocketOrder, SocketRow, SoonestSockets, SortedSockets};
use crate::snapshot::{Gap, Snapshot};

/// Reads the sockets that pass one filter, again and again.
pub(super) struct SocketReader {
    filter: String,
    /// Why nothing can be read stays the same until something else is asked.
    rows: Result<SocketRows, String>,
    proc_root: PathBuf,
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
    pub(super) fn read(
        &mut self,
        want: &SocketsWant,
        last: Option<&Snapshot>,
        holders: &mut HolderReader,
    ) -> SocketsReading {
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
            Ok(rows) => match want.group {
                // Only who counts by process needs the holders of all sockets.
                Some(SocketGroupBy::Process) => {
                    count(rows, want, Some(&mut Holders::read(&self.proc_root)), &mut reading)
                }
                Some(_) => count(rows, want, None, &mut reading),
                None => keep(rows, want, (holders, &self.proc_root), last, &mut reading),
            },
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
    mut holders: Option<&mut Holders>,
    reading: &mut SocketsReading,
) -> Result<(), String> {
    let Some(by) = want.group else { return Ok(()) };
    let mut groups = SocketGroups::new(by);
    groups.name_devices(rows.devices());
    let walked = rows.walk(|found| {
        reading.passed += 1;
        let owners = holders.as_mut().map(|holders| holders.of(found.inode()));
        groups.push(found, owners.into_iter().flatten());
        ControlFlow::Continue(())
    });
    reading.gaps = walked.map_err(|error| error.to_string())?;
    reading.gaps.extend(holders.and_then(|holders| holders.gap()));
    reading.groups = groups.finish(SocketsReading::MOST).0;
    if want.reverse {
        reading.groups.reverse();
    }
    Ok(())
}

fn keep(
    rows: &mut SocketRows,
    want: &SocketsWant,
    (holders, root): (&mut HolderReader, &Path),
    last: Option<&Snapshot>,
    reading: &mut SocketsReading,
) -> Result<(), String> {
    let forecaster = last.and_then(|snapshot| {
        let settings = KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key));
        let hz = snapshot.kernel.hz.as_ref().map(|reading| reading.hz);
        Some(Forecaster { host: Host { version: snapshot.kernel.version?, hz }, settings })
    });
    let mut kept = Kept::new(want.order, forecaster.as_ref());
    let mut all = want.holder.as_ref().map(|(pid, _)| (*pid, Holders::read(root)));
    let walked = rows.walk(|found| {
        if let Some((pid, holders)) = &mut all
            && !holders.of(found.inode()).any(|owner| owner.pid == *pid)
        {
            return ControlFlow::Continue(());
        }
        reading.passed += 1;
        match &mut kept {
            Kept::Soonest(sockets) => sockets.push(found),
            Kept::Sorted(sockets) => sockets.push(found),
        }
        ControlFlow::Continue(())
    });
    reading.gaps = walked.map_err(|error| error.to_string())?;
    let devices = rows.devices();
    let mut texts = Vec::new();
    match kept {
        Kept::Soonest(sockets) => sockets.each(|found, forecast| {
            texts.push(SocketRow::new(found, core::iter::empty(), devices, forecast));
        }),
        Kept::Sorted(sockets) => sockets.each(|found, _| {
            let forecast = forecaster.as_ref().and_then(|forecaster| forecaster.of(found));
            texts.push(SocketRow::new(found, core::iter::empty(), devices, forecast));
        }),
    }
    if want.reverse {
        texts.reverse();
    }
    reading.rows = Ok(with_holders(texts, holders, &mut reading.gaps));
    Ok(())
}

/// The rows with the processes that hold them, as far as those are known yet.
fn with_holders(rows: Vec<SocketRow>, holders: &mut HolderReader, gaps: &mut Vec<Gap>) -> Vec<SocketRow> {
    let known = holders.of(rows.iter().map(|row| row.inode));
    let Some(known) = known else {
        let open = |row: SocketRow| if row.inode == 0 { row } else { SocketRow { owner: NOT_YET.to_owned(), ..row } };
        return rows.into_iter().map(open).collect();
    };
    let held: Vec<SocketRow> = rows
        .into_iter()
        .map(|row| {
            let inode = row.inode;
            row.held_by(known.of(inode))
        })
        .collect();
    gaps.extend(known.gap());
    let is_open = |row: &SocketRow| row.owner == "?" && holders.is_open(row.inode);
    held.into_iter()
        .map(|row| if is_open(&row) { SocketRow { owner: NOT_YET.to_owned(), ..row } } else { row })
        .collect()
}

/// What stands for a holder that is being looked for.
const NOT_YET: &str = "…";

/// Sockets that are kept while all go by.
enum Kept<'a> {
    /// Those that end first.
    Soonest(SoonestSockets<'a>),
    /// By what the kernel tells of them.
    Sorted(SortedSockets),
}

impl<'a> Kept<'a> {
    fn new(order: SocketsOrder, forecaster: Option<&'a Forecaster>) -> Self {
        let order = match order {
            SocketsOrder::Dies => return Self::Soonest(SoonestSockets::new(SocketsReading::MOST, forecaster)),
            SocketsOrder::SendQueue => SocketOrder::SendQueue,
            SocketsOrder::State => SocketOrder::State,
            SocketsOrder::ReceiveQueue => SocketOrder::ReceiveQueue,
            SocketsOrder::Peer => SocketOrder::Peer,
            SocketsOrder::Local => SocketOrder::Local,
        };
        Self::Sorted(SortedSockets::new(order, SocketsReading::MOST, true))
    }
}
