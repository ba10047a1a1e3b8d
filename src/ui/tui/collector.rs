//! The thread that reads the kernel: what every screen needs, and then what the open one wants besides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::holder_reader::HolderReader;
use super::run::{Arrival, Options, send, spawn};
use super::wants::{Found, ParametersReading, Want};
use super::{DEFAULT_INTERVAL_MS, Event, socket_reader};
use crate::collect::{SocketReading, Source, SynQueues, live, survey_namespaces};
use crate::report::{BothReaders, ParameterRow, StatusView};
use crate::snapshot::{Listener, Snapshot};
use crate::sys::process_cpu_us;
use crate::tune::read_sysctl_tree;
use crate::units::SysctlKey;
use crate::{catalog, diagnose, explain};

/// What the thread can be told.
#[derive(Clone, Debug)]
pub(super) enum CollectorRequest {
    /// Read now.
    ReadNow,
    /// Read this often.
    Interval(Duration),
    /// Read seldom, as nobody looks, or as before and at once.
    Rest(bool),
    /// Read this besides, and at once.
    Want(Want),
    /// Read another network namespace from now on, by name, process id or path; nothing for the one that was asked
    /// for at the start.
    Enter(Option<String>),
}

/// The shortest interval while nobody looks: the history goes on, with fewer points.
const RESTING: Duration = Duration::from_secs(10);

/// Of one processor reading takes at most one part in so many.
const SHARE: u32 = 10;

/// A moment, and what this process had cost until then.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    spent_us: u64,
}

impl Moment {
    fn now() -> Self {
        Self { at: Instant::now(), spent_us: process_cpu_us() }
    }
}

/// Processor time of this process since a moment: on a busy host reading takes longer and costs no more.
fn spent_since(moment: Moment) -> Duration {
    Duration::from_micros(process_cpu_us().saturating_sub(moment.spent_us))
}

/// Every sysctl that the screens, the model, the topics and the rules need.
pub(super) fn screen_keys() -> BTreeSet<SysctlKey> {
    let topics = explain::topics().flat_map(|topic| topic.keys.iter().copied());
    StatusView::keys().chain(diagnose::keys()).chain(topics).filter_map(|key| key.parse().ok()).collect()
}

/// Starts the thread; it ends with the sender of its requests.
pub(super) fn start(options: &Options, sender: Sender<Arrival>) -> Sender<CollectorRequest> {
    let source = Source {
        proc_root: options.proc_root.clone(),
        netns: options.netns.clone(),
        keys: screen_keys().into_iter().collect(),
        sockets: SocketReading::Fitting(SocketReading::FITTING),
        processes: true,
        syn_queues: options.syn_queues.clone(),
    };
    let (requests, told) = channel();
    let asked = options.chosen.interval_ms.or(options.remembered.settings.interval_ms);
    let interval = Duration::from_millis(asked.unwrap_or(DEFAULT_INTERVAL_MS));
    spawn("reading", sender, move |sender| {
        let first_netns = source.netns.clone();
        let mut collector = Collector {
            source,
            first_netns,
            want: Want::Nothing,
            interval,
            resting: false,
            told_ms: 0,
            rows: None,
            holders: None,
            last: None,
        };
        // Ends with whoever asks or listens.
        loop {
            let began = Moment::now();
            if !collector.read_once(sender) || !collector.rest(began, sender, &told) {
                return;
            }
        }
    });
    requests
}

struct Collector {
    source: Source,
    /// The namespace that was asked for at the start.
    first_netns: Option<String>,
    want: Want,
    interval: Duration,
    resting: bool,
    /// The pace that was told last, in milliseconds; 0 for the interval that was asked for.
    told_ms: u64,
    /// What reads sockets one by one, as long as the same ones are wanted.
    rows: Option<socket_reader::SocketReader>,
    /// What finds out who holds sockets, once somebody looks at them.
    holders: Option<HolderReader>,
    /// The settings that forecasts hang on.
    last: Option<Arc<Snapshot>>,
}

impl Collector {
    /// Reads what every screen needs and sends it; whether anybody listens.
    fn read_once(&mut self, sender: &Sender<Arrival>) -> bool {
        let snapshot = match live(&self.source) {
            Ok(snapshot) => Arc::new(snapshot),
            Err(error) => return send(sender, Event::ReadFailed(error.to_string())),
        };
        self.last = Some(Arc::clone(&snapshot));
        // Before the reading that they belong to, so that no frame has the one without the other.
        let queues = Found::SynQueues(Arc::new(self.queues_apart(&snapshot)));
        send(sender, Event::Found(queues)) && send(sender, Event::Read(snapshot))
    }

    /// The SYN queues of listeners that share a port, by cookie; none where nothing waits in such, or where no program
    /// may tell them apart.
    fn queues_apart(&self, snapshot: &Snapshot) -> BTreeMap<u64, u64> {
        let listeners = |snapshot: &Snapshot| snapshot.sockets.as_ref().map(|sockets| sockets.listeners.clone());
        let shared = |one: &Listener| one.shares_port > 1 && one.half_open > 0;
        if self.source.syn_queues == SynQueues::default() || !listeners(snapshot).iter().flatten().any(shared) {
            return BTreeMap::new();
        }
        let source =
            Source { keys: Vec::new(), sockets: SocketReading::Listeners, processes: false, ..self.source.clone() };
        let read = live(&source).ok().and_then(|snapshot| snapshot.sockets);
        let apart = read.filter(|sockets| sockets.source.tells_half_open_apart());
        apart.into_iter().flat_map(|sockets| sockets.listeners).map(|one| (one.cookie, one.half_open)).collect()
    }

    /// Reads what is wanted besides, and waits until the next reading is due; whether anybody listens.
    fn rest(&mut self, began: Moment, sender: &Sender<Arrival>, told: &Receiver<CollectorRequest>) -> bool {
        let (mut wanted, mut cost) = (true, spent_since(began));
        loop {
            if core::mem::take(&mut wanted) {
                let before = Moment::now();
                if let Some(found) = self.read_wanted()
                    && !send(sender, Event::Found(found))
                {
                    return false;
                }
                cost += spent_since(before);
            }
            // Reading takes a tenth of one processor at most: what takes long is followed by a long rest.
            let least = if self.resting { self.interval.max(RESTING) } else { self.interval };
            let every = least.max(SHARE * cost);
            if !self.tell_pace(every, sender) {
                return false;
            }
            let due = every.saturating_sub(began.at.elapsed());
            match told.recv_timeout(due) {
                Ok(CollectorRequest::Interval(asked)) => self.interval = asked,
                Ok(CollectorRequest::Rest(resting)) => {
                    self.resting = resting;
                    if !resting {
                        return true;
                    }
                }
                Ok(CollectorRequest::Want(want)) => {
                    wanted = want != self.want;
                    self.want = want;
                }
                Ok(CollectorRequest::Enter(netns)) => {
                    self.source.netns = netns.or_else(|| self.first_netns.clone());
                    (self.rows, self.last) = (None, None);
                    // Whoever enters forgets what was told.
                    self.told_ms = u64::MAX;
                    return true;
                }
                Ok(CollectorRequest::ReadNow) | Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Tells how often it reads, when that is another time than what was told last; whether anybody listens.
    fn tell_pace(&mut self, every: Duration, sender: &Sender<Arrival>) -> bool {
        // What is a little longer is no news; what is told is in whole seconds, so that it does not flicker.
        let seconds = if every > self.interval * 3 / 2 { every.as_millis().div_ceil(1000) } else { 0 };
        let pace_ms = u64::try_from(seconds).unwrap_or(u64::MAX).saturating_mul(1000);
        let news = pace_ms != self.told_ms;
        self.told_ms = pace_ms;
        !news || send(sender, Event::Paced(pace_ms))
    }

    fn read_wanted(&mut self) -> Option<Found> {
        match &self.want {
            Want::Nothing => None,
            Want::Sockets(want) => {
                if self.rows.as_ref().is_none_or(|rows| !rows.suits(want)) {
                    self.rows = Some(socket_reader::SocketReader::new(&self.source, want));
                }
                let rows = self.rows.as_mut()?;
                let holders = self.holders.get_or_insert_with(|| HolderReader::start(&self.source.proc_root));
                Some(Found::Sockets(Arc::new(rows.read(want, self.last.as_deref(), holders))))
            }
            Want::Parameters => Some(Found::Parameters(Arc::new(self.parameters()))),
            Want::Namespaces => {
                let keys = catalogue_keys();
                let source = Source {
                    keys,
                    netns: None,
                    sockets: SocketReading::States,
                    processes: false,
                    ..self.source.clone()
                };
                let survey = survey_namespaces(&source).map_err(|error| error.to_string());
                Some(Found::Namespaces(Arc::new(survey)))
            }
        }
    }

    fn parameters(&self) -> ParametersReading {
        let keys = catalogue_keys();
        let source =
            Source { keys: keys.clone(), sockets: SocketReading::Skip, processes: false, ..self.source.clone() };
        let rows = live(&source).map_err(|error| error.to_string()).map(|snapshot| {
            let tree = read_sysctl_tree(Path::new("/"));
            let readers = BothReaders::new(&tree);
            let files = Some((&readers.boot, &readers.by_hand));
            keys.into_iter().map(|key| ParameterRow::new(key, &snapshot, files)).collect()
        });
        ParametersReading { rows }
    }
}

fn catalogue_keys() -> Vec<SysctlKey> {
    catalog::parameters().filter_map(|parameter| parameter.key.parse().ok()).collect()
}
