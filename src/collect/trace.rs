//! The kernel's tracepoints, as they fire.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::PathBuf;

use super::Whose;
use super::trace_merge::{Merge, Missing, Traced};
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
/// Pages that are read in one turn, of all processors together: a page is some 90 events, which are held a few times over.
const PAGES_A_TURN: usize = 256;

/// What is to be traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceWanted {
    /// Which tracepoints.
    pub kinds: Vec<TraceKind>,
    /// Where tracefs is; it is looked for if not given.
    pub tracefs: Option<PathBuf>,
    /// Kibibytes of buffers of each processor.
    pub buffer_kib: u32,
}

/// A trace that is under way. What it made in the kernel is removed with it.
#[derive(Debug)]
pub struct Tracing {
    parts: Vec<Part>,
    place: String,
    leftovers: usize,
    layout: PageLayout,
    decoder: TraceDecoder,
    kinds: Vec<TraceKind>,
    merge: Merge,
    page: Vec<u8>,
    /// What the page that is being read tells.
    fresh: Vec<TraceEvent>,
    filters: Vec<TraceFilter>,
    gaps: Vec<Gap>,
    begun_ns: u64,
    begun_unix_ns: u64,
    unclear_pages: u64,
}

/// An instance, and what is traced into it.
#[derive(Debug)]
struct Part {
    instance: TraceInstance,
    kinds: Vec<TraceKind>,
    /// Its buffers' processors, and which of all buffers the first of them is.
    processors: Vec<u32>,
    first_lane: usize,
    missing: Missing,
}

/// What the kernel is asked to leave out of the events of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFilter {
    /// Of which.
    pub kind: TraceKind,
    /// What is told, in the words of the kernel's `filter` files.
    pub text: String,
    /// Whether the kernel took it. Where it did not, it writes more, and the same is left out afterwards.
    pub in_kernel: bool,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceLosses {
    /// Events that the kernel wrote over, or had no room for, before they were read: of which kinds, which share a buffer,
    /// and how many; nothing where its counts could not be read.
    pub events: Vec<(Vec<TraceKind>, Option<u64>)>,
    /// Pages that could not be understood to their end.
    pub unclear_pages: u64,
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
        let mut tracing = Self {
            parts: Vec::new(),
            place: files.place().to_owned(),
            leftovers,
            layout,
            decoder: TraceDecoder::default(),
            kinds: Vec::new(),
            merge: Merge::default(),
            page: vec![0; layout.length],
            fresh: Vec::new(),
            filters: Vec::new(),
            gaps: Vec::new(),
            begun_ns: 0,
            begun_unix_ns: 0,
            unclear_pages: 0,
        };
        tracing.take_up(&files, &wanted.kinds)?;
        tracing.make_parts(&files, wanted.buffer_kib)?;
        for part in &tracing.parts {
            for filter in tracing.filters.iter_mut().filter(|filter| part.kinds.contains(&filter.kind)) {
                // Without it more is written than is told: what comes is held against the same once more.
                let path = format!("{}/filter", directory_of(filter.kind));
                filter.in_kernel = part.instance.write(&path, &filter.text).is_ok();
            }
        }
        (tracing.begun_ns, tracing.begun_unix_ns) = (monotonic_ns(), unix_ns());
        for part in &tracing.parts {
            for kind in &part.kinds {
                part.instance.write(&format!("{}/enable", directory_of(*kind)), "1")?;
            }
        }
        Ok(tracing)
    }

    /// Makes an instance for the events that flood and one for the others, as far as there are both.
    fn make_parts(&mut self, files: &TraceFs, buffer_kib: u32) -> Result<(), TracingError> {
        let (floods, others): (Vec<_>, Vec<_>) = self.kinds.iter().partition(|kind| kind.row().floods);
        let whole = if floods.is_empty() || others.is_empty() { buffer_kib } else { 0 };
        let quarter = if whole > 0 { whole } else { (buffer_kib / 4).max(1) };
        let rest = if whole > 0 { whole } else { buffer_kib.saturating_sub(quarter).max(1) };
        let parts = [("events", others, quarter, Missing::OfSockets), ("floods", floods, rest, Missing::OfFloods)];
        let mut lanes = 0;
        for (name, kinds, kib, missing) in parts.into_iter().filter(|(_, kinds, ..)| !kinds.is_empty()) {
            let mut instance = files.instance(name)?;
            let buffers = instance.open_buffers()?;
            instance.write("trace_clock", CLOCK)?;
            instance.write("buffer_size_kb", &kib.to_string())?;
            // Older kernels wake at every event, which only costs time.
            let _ = instance.write("buffer_percent", WAKE_PERCENT);
            // A new instance does as the host does at that moment, and what does not write over marks nothing as missing.
            if let Err(error) = instance.write("options/overwrite", "1") {
                let without = "where events were lost may not be seen";
                self.gaps.push(Gap::new("options/overwrite", GapKind::Failed, error.to_string(), without));
            }
            let processors = instance.processors().collect();
            self.parts.push(Part { instance, kinds, processors, first_lane: lanes, missing });
            lanes += buffers;
        }
        self.merge = Merge::new(lanes);
        Ok(())
    }

    /// Reads the formats; a tracepoint that is not there is a gap. Notes what the kernel is to leave out by itself.
    fn take_up(&mut self, files: &TraceFs, kinds: &[TraceKind]) -> Result<(), TracingError> {
        for kind in kinds {
            let row = kind.row();
            let format = match files.read(&format!("{}/format", directory_of(*kind))) {
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
            let filter = kernel_filter(*kind, &format);
            self.filters.extend(filter.map(|text| TraceFilter { kind: *kind, text, in_kernel: false }));
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

    /// The names of the instances that are traced into, one or two.
    #[must_use]
    pub fn instances(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.instance.name()).collect()
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

    /// What is left out of the events.
    #[must_use]
    pub fn filters(&self) -> &[TraceFilter] {
        &self.filters
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
        Ok(TraceInstance::wait(self.parts.iter().map(|part| &part.instance), most_ms, output)?)
    }

    /// Hands on the events up to now in the order of their times, as far as nothing earlier can come. Says whether more is
    /// to be read at once.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&mut self, mut each: impl FnMut(Traced)) -> Result<bool, TracingError> {
        let more = self.read_buffers()?;
        self.merge.release(false, &mut each);
        Ok(more)
    }

    /// Lets nothing more happen in the buffers. What is in them is there to be read, until [`Tracing::read`] says that there
    /// is no more.
    ///
    /// # Errors
    /// The kernel's.
    pub fn stop(&self) -> Result<(), TracingError> {
        for part in &self.parts {
            part.instance.write("tracing_on", "0")?;
        }
        Ok(())
    }

    /// Hands on what was held back for something earlier. Says what was lost.
    pub fn end(mut self, mut each: impl FnMut(Traced)) -> TraceLosses {
        self.merge.release(true, &mut each);
        self.losses()
    }

    /// What was lost so far.
    #[must_use]
    pub fn losses(&self) -> TraceLosses {
        let lost = |part: &Part| {
            let counts = part.processors.iter().map(|number| {
                let path = format!("per_cpu/cpu{number}/stats");
                part.instance.read(&path).ok().and_then(|text| lost_of(&text))
            });
            (part.kinds.clone(), counts.sum())
        };
        TraceLosses { events: self.parts.iter().map(lost).collect(), unclear_pages: self.unclear_pages }
    }

    fn read_buffers(&mut self) -> Result<bool, TracingError> {
        let lanes: usize = self.parts.iter().map(|part| part.processors.len()).sum();
        let most = (PAGES_A_TURN / lanes.max(1)).max(4);
        let mut more = false;
        for part in &self.parts {
            for buffer in 0..part.processors.len() {
                if self.merge.is_ahead(part.first_lane + buffer) {
                    more = true;
                    continue;
                }
                let mut reader = Reader {
                    part,
                    merge: &mut self.merge,
                    decoder: &self.decoder,
                    layout: &self.layout,
                    page: &mut self.page,
                    fresh: &mut self.fresh,
                    unclear_pages: &mut self.unclear_pages,
                };
                more |= reader.read(buffer, most)?;
            }
        }
        Ok(more)
    }
}

/// What reads one instance.
struct Reader<'a> {
    part: &'a Part,
    merge: &'a mut Merge,
    decoder: &'a TraceDecoder,
    layout: &'a PageLayout,
    page: &'a mut [u8],
    fresh: &'a mut Vec<TraceEvent>,
    unclear_pages: &'a mut u64,
}

impl Reader<'_> {
    /// Reads so many pages of one processor; says whether there may be more.
    fn read(&mut self, buffer: usize, most: usize) -> Result<bool, TracingError> {
        let lane = self.part.first_lane + buffer;
        let cpu = self.part.processors.get(buffer).copied().unwrap_or(u32::MAX);
        for _ in 0..most {
            let now_ns = monotonic_ns();
            let Some(length) = self.part.instance.read_page(buffer, self.page)? else {
                self.merge.is_drained(lane, now_ns);
                return Ok(false);
            };
            let page = self.page.get(..length).unwrap_or(self.page);
            let read = decode_trace_page(page, self.layout, |entry| {
                self.fresh.extend(self.decoder.decode(entry.at_ns, cpu, entry.record));
            });
            let (first_ns, last_ns) = (self.fresh.first(), self.fresh.last());
            let [first_ns, last_ns] = [first_ns, last_ns].map(|event| event.map_or(now_ns, |event| event.at_ns));
            if read.lost != LostEvents::None {
                self.merge.is_missing(lane, first_ns, self.part.missing);
            }
            self.fresh.drain(..).for_each(|event| self.merge.push(lane, event));
            if !read.whole {
                *self.unclear_pages += 1;
                self.merge.is_missing(lane, last_ns, self.part.missing);
            }
        }
        Ok(true)
    }
}

/// Where a tracepoint is in tracefs.
fn directory_of(kind: TraceKind) -> String {
    let row = kind.row();
    format!("events/{}/{}", row.system, row.tracepoint)
}

/// Events that never came to their reader, of `per_cpu/cpuN/stats`; nothing where it does not say.
fn lost_of(stats: &str) -> Option<u64> {
    const LOST: [&str; 3] = ["overrun", "commit overrun", "dropped events"];
    let count = |wanted: &str| {
        let (_, count) =
            stats.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == wanted)?;
        count.trim().parse::<u64>().ok()
    };
    LOST.into_iter().map(count).sum()
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
        assert_eq!(lost_of(stats), Some(123));
        // What cannot be read is not that nothing was lost.
        for unclear in ["", "overrun: x\n\n:", "overrun: 1\ncommit overrun: 0\ndropped events:\n", "overrun: 3\n"] {
            assert_eq!(lost_of(unclear), None, "{unclear}");
        }
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
