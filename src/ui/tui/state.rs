//! Everything that the screens are drawn from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::action::Context;
use super::explaining::Explaining;
use super::facts::SortBy;
use super::find::Find;
use super::gone::Opened;
use super::history::{History, ListenerId, Span};
use super::laboratory::Laboratory;
use super::layout::Kind;
use super::listing::ListState;
use super::profiles::ProfilesState;
use super::prompt::Prompt;
use super::screen::Screen;
use super::settings::Preferences;
use super::theme::{Severity, Theme};
use super::trail::Visit;
use super::view;
use super::wants::{ParametersReading, SocketsReading, SocketsWant, Want};
use crate::diagnose::Findings;
use crate::model::{Answer, Consequence};
use crate::report::{ParameterRow, SocketRow};
use crate::snapshot::{Capabilities, Gap, Listener, NamespaceSurvey, Snapshot};

/// The time, as it is told to the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970-01-01 UTC.
    pub unix_ms: u64,
    /// Seconds that the local clock is ahead of UTC.
    pub utc_offset_s: i32,
}

/// What stands in the message row until the next message or a key that means something; what is critical until Esc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) severity: Severity,
    pub(super) text: String,
}

/// A page over the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// The keys of the place below it.
    Help,
    /// What could not be read.
    Gaps,
    /// What the selected profile wants.
    Values,
    /// What came of holding a profile against the host.
    Verification,
    /// The selected entry of the history.
    Entry,
}

/// A picture that was frozen.
#[derive(Clone, Debug)]
pub(super) struct Frozen {
    pub(super) picture: Picture,
    /// When, on the clock of [`Now`].
    pub(super) since_unix_ms: u64,
}

/// A reading with what the model makes of its settings.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) snapshot: Arc<Snapshot>,
    /// The settings in seconds; nothing when the kernel version is unknown.
    pub(super) consequences: Option<Vec<(&'static Consequence, Answer)>>,
    /// What the rules say.
    pub(super) findings: Arc<Findings>,
}

/// How the state of the picture is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Liveness {
    /// Nothing was read yet.
    Starting,
    /// The last reading is as young as the interval promises.
    Live,
    /// Frozen by the user.
    Frozen,
    /// Reading fails or takes too long.
    Stale,
    /// Another window is in front.
    Resting,
}

/// Everything that the screens are drawn from. Changed only by `update`.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) theme: Theme,
    pub(super) size: (u16, u16),
    pub(super) now: Now,
    pub(super) screen: Screen,
    pub(super) page: Option<Page>,
    /// First line of the page that is shown.
    pub(super) page_scroll: usize,
    pub(super) message: Option<Message>,
    pub(super) latest: Option<Picture>,
    pub(super) frozen: Option<Frozen>,
    pub(super) history: History,
    /// The readings of the last seconds, the oldest first, for rules about rates.
    pub(super) recent: VecDeque<Arc<Snapshot>>,
    pub(super) read_error: Option<String>,
    pub(super) interval_ms: u64,
    /// Time between the last two readings: what is slow to read comes less often than was asked for.
    pub(super) reading_gap_ms: u64,
    /// How often it is read at present: what costs much is read less often than was asked for.
    pub(super) pace_ms: u64,
    /// The row of the overview's limits that is selected.
    pub(super) selected_limit: &'static str,
    /// First line of the overview, where it is one list of lines.
    pub(super) overview_scroll: usize,
    pub(super) selected_listener: Option<ListenerId>,
    pub(super) sort: SortBy,
    /// Whether one listener has the screen to itself.
    pub(super) listener_page: bool,
    pub(super) profiles: ProfilesState,
    /// Where the user is on each screen that is a list.
    pub(super) lists: BTreeMap<Screen, ListState>,
    /// What the open pages are about, as it was last read.
    pub(super) opened: BTreeMap<Screen, Opened>,
    /// Where the user jumped from, the last jump last.
    pub(super) trail: Vec<Visit>,
    /// What is searched for in texts.
    pub(super) find: Find,
    /// The line that is being typed.
    pub(super) prompt: Option<Prompt>,
    /// Which sockets are wanted.
    pub(super) sockets_want: SocketsWant,
    pub(super) sockets: Option<Arc<SocketsReading>>,
    /// SYN queues of listeners that share a port, by cookie.
    pub(super) syn_queues: Arc<BTreeMap<u64, u64>>,
    pub(super) parameters: Option<Arc<ParametersReading>>,
    pub(super) namespaces: Option<Arc<Result<NamespaceSurvey, String>>>,
    /// Inode of the namespace that was entered; readings of another one are late and not shown.
    pub(super) entered: Option<u64>,
    /// Inode of the namespace of the start.
    pub(super) first_netns: Option<u64>,
    /// What named it when it was entered.
    pub(super) entered_name: Option<String>,
    /// Whether it is the one that this program itself runs in.
    pub(super) entered_own: bool,
    pub(super) explaining: Explaining,
    pub(super) laboratory: Laboratory,
    /// What the user chose, or left as it is.
    pub(super) preferences: Preferences,
    /// Whether another window is in front.
    pub(super) unfocused: bool,
    pub(super) dirty: bool,
}

/// The intervals that `+` and `-` go through, milliseconds.
pub(super) const INTERVALS_MS: [u64; 8] = [250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];
/// The interval at the start.
pub const DEFAULT_INTERVAL_MS: u64 = 1000;

impl State {
    /// The state before anything was read.
    #[must_use]
    pub fn new(theme: Theme, size: (u16, u16), now: Now) -> Self {
        Self {
            theme,
            size,
            now,
            screen: Screen::default(),
            page: None,
            page_scroll: 0,
            message: None,
            latest: None,
            frozen: None,
            history: History::default(),
            recent: VecDeque::new(),
            read_error: None,
            interval_ms: DEFAULT_INTERVAL_MS,
            reading_gap_ms: 0,
            pace_ms: 0,
            selected_limit: "accept-queue",
            overview_scroll: 0,
            selected_listener: None,
            sort: SortBy::default(),
            listener_page: false,
            profiles: ProfilesState::default(),
            lists: BTreeMap::new(),
            opened: BTreeMap::new(),
            trail: Vec::new(),
            find: Find::default(),
            prompt: None,
            sockets_want: SocketsWant::default(),
            sockets: None,
            syn_queues: Arc::default(),
            parameters: None,
            namespaces: None,
            entered: None,
            first_netns: None,
            entered_name: None,
            entered_own: false,
            explaining: Explaining::default(),
            laboratory: Laboratory::default(),
            preferences: Preferences::default(),
            unfocused: false,
            dirty: true,
        }
    }

    /// Whether anything visible changed since this was last asked.
    pub fn take_dirty(&mut self) -> bool {
        core::mem::take(&mut self.dirty)
    }

    /// The same, drawn in another theme.
    #[must_use]
    pub fn in_theme(&self, theme: Theme) -> Self {
        Self { theme, ..self.clone() }
    }

    /// Columns and rows that the state takes the terminal to have.
    #[must_use]
    pub const fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Whether a reading that fails now leaves nothing to show and nowhere to go back to.
    pub(super) const fn cannot_begin(&self) -> bool {
        self.never_read() && self.entered.is_none()
    }

    /// Whether nothing has been read so far.
    pub(super) const fn never_read(&self) -> bool {
        self.latest.is_none()
    }

    /// Where the keyboard is.
    #[must_use]
    pub fn context(&self) -> Context {
        if self.profiles.question.is_some() {
            return Context::Question;
        }
        if self.prompt.is_some() {
            return Context::Prompt;
        }
        self.place()
    }

    /// Where the keyboard is below a question and a line that is typed.
    pub(super) fn place(&self) -> Context {
        match self.page {
            Some(Page::Help) => Context::Help,
            Some(Page::Gaps) => Context::Gaps,
            Some(Page::Values) => Context::ProfileValues,
            Some(Page::Verification) => Context::Verification,
            Some(Page::Entry) => Context::Entry,
            None => self.screen_context(),
        }
    }

    /// Where the keyboard is below any page.
    pub(super) fn screen_context(&self) -> Context {
        let page = self.list(self.screen).page;
        match self.screen {
            Screen::Overview if self.kind().has_detail() => Context::Overview,
            Screen::Overview => Context::OverviewText,
            Screen::Listeners if self.listener_page => Context::ListenerDetail,
            Screen::Listeners => Context::Listeners,
            Screen::Profiles => self.profiles.context(),
            Screen::Sockets if page => Context::SocketPage,
            Screen::Sockets => Context::Sockets,
            Screen::Explain if page => Context::TopicPage,
            Screen::Explain => Context::Topics,
            Screen::Findings if page => Context::FindingPage,
            Screen::Findings => Context::Findings,
            Screen::Parameters if page => Context::ParameterPage,
            Screen::Parameters => Context::Parameters,
            Screen::Lab if page => Context::LabPage,
            Screen::Lab => Context::Lab,
            Screen::Namespaces => Context::Namespaces,
        }
    }

    /// Where the user is in a screen's list.
    pub(super) fn list(&self, screen: Screen) -> &ListState {
        static START: ListState =
            ListState { selected: None, at: 0, page: false, scroll: 0, search: String::new(), changed_only: false };
        self.lists.get(&screen).unwrap_or(&START)
    }

    /// The same, to be changed.
    pub(super) fn list_mut(&mut self, screen: Screen) -> &mut ListState {
        self.lists.entry(screen).or_default()
    }

    /// What the open screen wants read besides what every screen needs.
    pub(super) fn want(&self) -> Want {
        match self.screen {
            Screen::Sockets => Want::Sockets(self.sockets_want.clone()),
            Screen::Parameters => Want::Parameters,
            Screen::Namespaces => Want::Namespaces,
            _ => Want::Nothing,
        }
    }

    /// The socket that is selected.
    pub(super) fn selected_socket(&self) -> Option<&SocketRow> {
        self.socket_shown().map(|(_, row)| row)
    }

    /// The parameter that is selected.
    pub(super) fn selected_parameter(&self) -> Option<&ParameterRow> {
        let rows = self.parameters.as_ref()?.rows.as_ref().ok()?;
        let selected = view::selected_id(self, Screen::Parameters)?;
        rows.iter().find(|row| row.key.as_str() == selected)
    }

    /// What could not be read of what is on the screen: of the host, and of the rows that the open screen shows.
    pub(super) fn gaps(&self) -> Vec<&Gap> {
        let of_host = self.shown().into_iter().flat_map(|snapshot| &snapshot.gaps);
        let of_rows = match self.screen {
            Screen::Sockets => self.sockets.iter().flat_map(|reading| reading.gaps.as_slice()).collect(),
            Screen::Namespaces => {
                let survey = self.namespaces.iter().filter_map(|survey| survey.as_ref().as_ref().ok());
                survey.flat_map(|survey| survey.gaps.as_slice()).collect()
            }
            _ => Vec::new(),
        };
        let mut gaps: Vec<&Gap> = Vec::new();
        for gap in of_rows.into_iter().chain(of_host) {
            if !gaps.contains(&gap) {
                gaps.push(gap);
            }
        }
        gaps
    }

    /// What is on the screen: the frozen picture, else the latest.
    pub(super) fn picture(&self) -> Option<&Picture> {
        self.frozen.as_ref().map(|frozen| &frozen.picture).or(self.latest.as_ref())
    }

    /// The snapshot on the screen.
    pub(super) fn shown(&self) -> Option<&Snapshot> {
        self.picture().map(|picture| picture.snapshot.as_ref())
    }

    /// The half-open entries of a listener, and whether they are its own: without a program that looks, all that share a
    /// port have the port's sum.
    pub(super) fn half_open(&self, listener: &Listener) -> (u64, bool) {
        match self.syn_queues.get(&listener.cookie) {
            Some(own) if listener.shares_port > 1 => (*own, true),
            _ => (listener.half_open, listener.shares_port <= 1),
        }
    }

    /// The time up to which history is shown.
    pub(super) fn shown_until(&self) -> u64 {
        match &self.frozen {
            Some(frozen) => frozen.picture.snapshot.taken_unix_ms,
            None => self.latest.as_ref().map_or(self.now.unix_ms, |latest| {
                // While readings fail, the graphs go on with holes.
                if self.read_error.is_some() { self.now.unix_ms } else { latest.snapshot.taken_unix_ms }
            }),
        }
    }

    /// A stretch of history that ends with the picture.
    pub(super) fn span(&self, length_ms: u64, columns: usize) -> Span {
        Span { until_unix_ms: self.shown_until(), length_ms, columns }
    }

    /// What kind of screen fits.
    pub(super) const fn kind(&self) -> Kind {
        Kind::of(self.size.0, self.size.1)
    }

    /// Age of the latest reading in milliseconds.
    pub(super) fn age_ms(&self) -> u64 {
        self.latest.as_ref().map_or(0, |latest| self.now.unix_ms.saturating_sub(latest.snapshot.taken_unix_ms))
    }

    /// How the state of the picture is called.
    pub(super) fn liveness(&self) -> Liveness {
        if self.is_resting() {
            Liveness::Resting
        } else if self.frozen.is_some() {
            Liveness::Frozen
        } else if self.latest.is_none() {
            Liveness::Starting
        } else if self.read_error.is_some()
            || self.age_ms() > (3 * self.interval_ms.max(1000)).max(2 * self.reading_gap_ms).max(2 * self.pace_ms)
        {
            Liveness::Stale
        } else {
            Liveness::Live
        }
    }

    /// Whether nothing is drawn, as nobody looks. What is about to be undone is shown to the end all the same.
    pub(super) const fn is_resting(&self) -> bool {
        self.unfocused && self.preferences.pause && self.profiles.countdown.is_none()
    }

    /// Why this process may not change the host; nothing when it may, or when that is not known yet.
    pub(super) fn read_only_reason(&self) -> Option<String> {
        let capabilities = self.latest.as_ref()?.snapshot.capabilities;
        if capabilities.has(Capabilities::NET_ADMIN) {
            return None;
        }
        let missing = "run as root or with CAP_NET_ADMIN to change settings";
        Some(format!("read-only: uid {} lacks CAP_NET_ADMIN; {missing}", capabilities.euid))
    }

    /// Puts a text into the message row.
    pub(super) fn say(&mut self, severity: Severity, text: impl Into<String>) {
        self.message = Some(Message { severity, text: text.into() });
    }
}
