//! The kernel's tracepoints, as they fire.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::PathBuf;

use super::Whose;
use super::trace_merge::Merge;
use crate::snapshot::{Gap, GapKind};
use crate::sys::{TraceFs, TraceFsError, TraceInstance, each_kernel_symbol, monotonic_ns, unix_ns};
use crate::wire::{
    LostEvents, PageLayout, TraceDecoder, TraceEvent, TraceKind, decode_trace_page, is_known_entry_header,
    kernel_filter, parse_kernel_function, parse_page_header, parse_trace_format,
};

/// The clock that stamps events: that of `clock_gettime(CLOCK_MONOTONIC)`.
const CLOCK: &str = "mono";
/// How full a buffer is when its reader is woken before its time, in percent.
const WAKE_PERCENT: &str = "25";
/// Pages that are read in one turn, of all processors together.
const PAGES_A_TURN: usize = 1024;

/// What is to be traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceWanted {
    /// Which tracepoints.
    pub kinds: Vec<TraceKind>,
    /// Where tracefs is; it is looked for if not given.
    pub tracefs: Option<PathBuf>,
    /// Kibibytes of buffer of each processor.
    pub buffer_kib: u32,
}

/// A trace that is under way. What it made in the kernel is removed with it.
#[derive(Debug)]
pub struct Tracing {
    instance: TraceInstance,
    place: String,
    leftovers: usize,
    layout: PageLayout,
    decoder: TraceDecoder,
    kinds: Vec<TraceKind>,
    merge: Merge,
    page: Vec<u8>,
    gaps: Vec<Gap>,
    begun_ns: u64,
    begun_unix_ns: u64,
    unclear_pages: u64,
    pages_after_loss: u64,
}

/// What the clocks say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceClocks {
    /// The clock that stamps events, in nanoseconds since boot, before the other was read.
    pub before_ns: u64,
    /// The calendar's, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// The first once more.
    pub after_ns: u64,
}

/// Reads the clock that stamps events, and the calendar's between.
#[must_use]
pub fn read_trace_clocks() -> TraceClocks {
    TraceClocks { before_ns: monotonic_ns(), unix_ns: unix_ns(), after_ns: monotonic_ns() }
}

/// What a trace has missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceLosses {
    /// Events that the kernel wrote over, or had no room for, before they were read.
    pub events: u64,
    /// Pages that could not be understood to their end.
    pub unclear_pages: u64,
    /// How often something was missing between two pages.
    pub breaks: u64,
}

/// Why nothing can be traced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TracingError {
    /// The kernel or the rights to it.
    #[error(transparent)]
    Kernel(#[from] TraceFsError),
    /// There is no tracefs where it is said to be.
    #[error("{0}; leave out --tracefs, or name where it is mounted")]
    Place(String),
    /// The pages of the buffer are not laid out as in any kernel up to 6.18.
    #[error(
        "cannot trace: `{0}` of tracefs describes a buffer that is not known here; please report it with that file"
    )]
    Unknown(&'static str),
    /// None of the tracepoints is there.
    #[error("cannot trace: the kernel has none of the tracepoints {0}; they came with Linux 4.16")]
    NoTracepoint(String),
}

impl TracingError {
    /// Where the fault lies.
    #[must_use]
    pub const fn whose(&self) -> Whose {
        match self {
            Self::Kernel(TraceFsError::Denied { .. }) => Whose::Permission,
            Self::Place(_) => Whose::Request,
            Self::Kernel(_) | Self::Unknown(_) | Self::NoTracepoint(_) => Whose::Kernel,
        }
    }
}

impl Tracing {
    /// Makes an instance of tracing and lets the tracepoints fire into it. What crashed runs left is removed.
    ///
    /// # Errors
    /// Where there is no tracefs, no right to it, or none of the tracepoints.
    pub fn begin(wanted: &TraceWanted) -> Result<Self, TracingError> {
        const HEADER_PAGE: &str = "events/header_page";
        const HEADER_EVENT: &str = "events/header_event";
        let files = TraceFs::open(wanted.tracefs.as_deref()).map_err(|error| match error {
            TraceFsError::Denied { .. } => TracingError::Kernel(error),
            _ if wanted.tracefs.is_some() => TracingError::Place(error.to_string()),
            _ => TracingError::Kernel(error),
        })?;
        let layout = parse_page_header(&files.read(HEADER_PAGE)?).ok_or(TracingError::Unknown(HEADER_PAGE))?;
        if !is_known_entry_header(&files.read(HEADER_EVENT)?) {
            return Err(TracingError::Unknown(HEADER_EVENT));
        }
        let leftovers = files.remove_leftovers(&PathBuf::from("/proc"));
        let mut instance = files.instance()?;
        let buffers = instance.open_buffers()?;
        instance.write("trace_clock", CLOCK)?;
        instance.write("buffer_size_kb", &wanted.buffer_kib.to_string())?;
        let mut tracing = Self {
            instance,
            place: files.place().to_owned(),
            leftovers,
            layout,
            decoder: TraceDecoder::default(),
            kinds: Vec::new(),
            merge: Merge::new(buffers),
            page: vec![0; layout.length],
            gaps: Vec::new(),
            begun_ns: 0,
            begun_unix_ns: 0,
            unclear_pages: 0,
            pages_after_loss: 0,
        };
        // Older kernels wake at every event, which only costs time.
        let _ = tracing.instance.write("buffer_percent", WAKE_PERCENT);
        tracing.take_up(&files, &wanted.kinds)?;
        (tracing.begun_ns, tracing.begun_unix_ns) = (monotonic_ns(), unix_ns());
        for kind in tracing.kinds.clone() {
            let row = kind.row();
            tracing.instance.write(&format!("events/{}/{}/enable", row.system, row.tracepoint), "1")?;
        }
        Ok(tracing)
    }

    /// Reads the formats and sets the kernel's filters; a tracepoint that is not there is a gap.
    fn take_up(&mut self, files: &TraceFs, kinds: &[TraceKind]) -> Result<(), TracingError> {
        for kind in kinds {
            let row = kind.row();
            let directory = format!("events/{}/{}", row.system, row.tracepoint);
            let format = match files.read(&format!("{directory}/format")) {
                Ok(text) => parse_trace_format(&text),
                Err(TraceFsError::Absent { reason, .. }) => {
                    let without = format!("no `{}` is told", row.name);
                    self.gaps.push(Gap::new(row.tracepoint, GapKind::Absent, reason, without));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let Some(format) = format else {
                let without = format!("no `{}` is told", row.name);
                let reason = "its format file is not understood";
                self.gaps.push(Gap::new(row.tracepoint, GapKind::Malformed, reason, without));
                continue;
            };
            if let Some(filter) = kernel_filter(*kind, &format) {
                // Without it more is written than is shown, and the same is told.
                let _ = self.instance.write(&format!("{directory}/filter"), &filter);
            }
            self.decoder.add(*kind, &format);
            self.kinds.push(*kind);
        }
        if self.kinds.is_empty() {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.row().tracepoint).collect();
            return Err(TracingError::NoTracepoint(names.join(", ")));
        }
        if self.kinds.contains(&TraceKind::ResetSent) && !self.decoder.tells_reset_reasons() {
            let reason = "before Linux 6.10 the kernel tells neither why it sends a RST nor of one without a socket";
            let without = "a RST from a closed port is not told, and others come without their reason";
            self.gaps.push(Gap::new("tcp_send_reset", GapKind::Absent, reason, without));
        }
        Ok(())
    }

    /// The name of the instance that is traced into.
    #[must_use]
    pub fn instance(&self) -> &str {
        self.instance.name()
    }

    /// Where tracefs was found.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// How many instances of crashed runs were removed.
    #[must_use]
    pub const fn leftovers(&self) -> usize {
        self.leftovers
    }

    /// How often something was missing between two pages so far.
    #[must_use]
    pub const fn breaks(&self) -> u64 {
        self.pages_after_loss
    }

    /// What this kernel does not tell.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// When the tracepoints began to fire: by the clock that stamps events, and in nanoseconds since 1970.
    #[must_use]
    pub const fn begun_ns(&self) -> (u64, u64) {
        (self.begun_ns, self.begun_unix_ns)
    }

    /// Waits until there is much to read or the time is up; says whether nobody reads the output any more.
    ///
    /// # Errors
    /// The kernel's.
    pub fn wait(&self, most_ms: u64, output: &impl AsFd) -> Result<bool, TracingError> {
        Ok(self.instance.wait(most_ms, output)?)
    }

    /// Hands on the events up to now in the order of their times, as far as nothing earlier can come. Says whether more is
    /// to be read at once.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&mut self, mut each: impl FnMut(TraceEvent)) -> Result<bool, TracingError> {
        let more = self.read_buffers()?;
        self.merge.release(false, &mut each);
        Ok(more)
    }

    /// Ends the tracing and hands on what is left. Says what was lost.
    ///
    /// # Errors
    /// The kernel's.
    pub fn end(mut self, mut each: impl FnMut(TraceEvent)) -> Result<TraceLosses, TracingError> {
        self.instance.write("tracing_on", "0")?;
        while self.read_buffers()? {
            self.merge.release(false, &mut each);
        }
        self.merge.release(true, &mut each);
        Ok(self.losses())
    }

    /// What was lost so far.
    #[must_use]
    pub fn losses(&self) -> TraceLosses {
        let stats = self.instance.processors().filter_map(|number| {
            let path = format!("per_cpu/cpu{number}/stats");
            self.instance.read(&path).ok()
        });
        let events = stats.map(|text| lost_of(&text)).sum();
        TraceLosses { events, unclear_pages: self.unclear_pages, breaks: self.pages_after_loss }
    }

    fn read_buffers(&mut self) -> Result<bool, TracingError> {
        let numbers: Vec<u32> = self.instance.processors().collect();
        let most = (PAGES_A_TURN / numbers.len().max(1)).max(4);
        let mut more = false;
        for (lane, cpu) in numbers.into_iter().enumerate() {
            more |= self.read_buffer(lane, cpu, most)?;
        }
        Ok(more)
    }

    /// Reads the pages of one processor; says whether there may be more.
    fn read_buffer(&mut self, lane: usize, cpu: u32, most: usize) -> Result<bool, TracingError> {
        for _ in 0..most {
            let now_ns = monotonic_ns();
            let Some(length) = self.instance.read_page(lane, &mut self.page)? else {
                self.merge.is_drained(lane, now_ns);
                return Ok(false);
            };
            let (merge, decoder) = (&mut self.merge, &self.decoder);
            let page = self.page.get(..length).unwrap_or(&self.page);
            let read = decode_trace_page(page, &self.layout, |entry| {
                if let Some(event) = decoder.decode(entry.at_ns, cpu, entry.record) {
                    merge.push(lane, event);
                }
            });
            self.unclear_pages += u64::from(!read.whole);
            self.pages_after_loss += u64::from(read.lost != LostEvents::None);
        }
        Ok(true)
    }
}

/// Events that never came to their reader, of `per_cpu/cpuN/stats`.
fn lost_of(stats: &str) -> u64 {
    const LOST: [&str; 3] = ["overrun", "commit overrun", "dropped events"];
    let lines = stats.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(name, _)| LOST.contains(&name.trim()))
        .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
        .sum()
}

/// Names of the kernel's functions by addresses within them, each looked up once.
#[derive(Debug, Default)]
pub struct KernelFunctions {
    known: BTreeMap<u64, Option<String>>,
}

impl KernelFunctions {
    /// Looks up those that are not known yet, in one walk through all functions. An address that lies in none, or a kernel
    /// that hides its addresses, gives none.
    pub fn look_up(&mut self, addresses: impl Iterator<Item = u64>) {
        let mut asked: BTreeMap<u64, (u64, Option<String>)> =
            addresses.filter(|address| !self.known.contains_key(address)).map(|address| (address, (0, None))).collect();
        if asked.is_empty() {
            return;
        }
        let _ = each_kernel_symbol(|line| {
            let Some((begins, name)) = parse_kernel_function(line) else { return };
            for (_, (best, found)) in asked.range_mut(begins..) {
                if begins > *best {
                    (*best, *found) = (begins, Some(name.to_owned()));
                }
            }
        });
        self.known.extend(asked.into_iter().map(|(address, (_, name))| (address, name)));
    }

    /// What it is called; nothing where that is not known.
    #[must_use]
    pub fn name(&self, address: u64) -> Option<&str> {
        self.known.get(&address)?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_the_sum_of_the_kernels_three_counts() {
        let stats = "entries: 9\noverrun: 100\ncommit overrun: 20\nbytes: 7\noldest event ts:  5.1\ndropped events: 3\nread events: 50\n";
        assert_eq!(lost_of(stats), 123);
        assert_eq!(lost_of("overrun: x\n\n:"), 0);
    }

    #[test]
    fn a_tracefs_is_missing_by_the_callers_word_by_the_kernels_or_for_want_of_rights() {
        let wanted = TraceWanted { kinds: vec![], tracefs: Some(PathBuf::from("/nonexistent")), buffer_kib: 64 };
        assert_eq!(Tracing::begin(&wanted).unwrap_err().whose(), Whose::Request);
        let absent = TraceFsError::Absent { what: String::new(), reason: String::new() };
        assert_eq!(TracingError::from(absent).whose(), Whose::Kernel);
        let denied = TraceFsError::Denied { what: String::new(), reason: String::new() };
        assert_eq!(TracingError::from(denied).whose(), Whose::Permission);
    }
}
