//! The terminal interface.
//!
//! For: seeing the host live, going from trouble to its cause, and from a plan to its question, at any size of
//! terminal. Events go into `update`, effects come out of it, `draw` looks at the state and changes nothing.
//! Must not: hold rules about TCP or tuning, or write to the host other than by the answer `y` to a question.
//! Mirrors: one table of keys (`action`), one of screens (`screen`), one of figures (`facts`).

mod action;
mod clipboard;
mod collector;
mod event;
mod explaining;
mod export;
mod facts;
mod find;
mod gone;
mod graph;
mod history;
mod holder_reader;
mod jump;
mod key;
mod key_what_if;
mod laboratory;
mod layout;
mod listing;
mod mouse;
mod navigate;
mod number;
mod palette;
mod profiles;
mod prompt;
mod remembered;
mod run;
mod screen;
mod settings;
mod socket_columns;
mod socket_reader;
mod state;
mod terminal;
mod text;
mod theme;
mod trail;
mod tuner;
mod tuning;
mod update;
mod view;
mod wants;
mod watch;

pub use action::{Action, Binding, Context, KEYS, Motion, Place, Step, valid_bindings};
pub use event::{Effect, Event};
pub use key::Key;
pub use laboratory::{LabNews, LabRequest};
pub use mouse::Mouse;
pub use palette::{VERBS, Verb};
pub use profiles::{CONFIRM_MS, ProfileEntry, TuneReply, TuneRequest, Verified};
pub use remembered::Remembered;
pub use run::{Ending, Options, main};
pub use screen::Screen;
pub use settings::{SETTINGS, Setting, Settings};
pub use socket_columns::SocketColumn;
pub use state::{DEFAULT_INTERVAL_MS, Now, State};
pub use theme::{Severity, Theme};
pub use update::update;
pub use view::draw;
pub use wants::{Found, ParametersReading, SocketsOrder, SocketsReading, SocketsWant, Want};
