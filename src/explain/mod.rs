//! Questions about TCP, answered for one host.
//!
//! For: one table of topics; each has a question, a scenario or arithmetic run through the model, the settings
//! that matter, and what people say against what this kernel does.
//! Must not: read the host (values come as arguments), format tables or diagrams, or know rules of its own
//! about times: those are the model's.
//! Mirrors: the questions of tcp(7) and of every post-mortem about connections.

mod ask;
mod course;
mod explanation;
mod facts;
mod flood;
mod key_effect;
mod premise;
mod scenario_file;
mod simulation;
mod socket_option;
mod topic;
mod topics;
mod variant;

pub use ask::{Ask, AskError, Origin, Overrides, Sourced};
pub use explanation::{
    Explanation, FigureTable, Figures, MssFigures, PortFigures, QueueFigures, SettingRow, SocketOptionRow, explain,
    scenario_of,
};
pub use facts::{
    CloseWaitFact, DestinationFact, Fact, FactGap, HostFacts, ListenerFact, ListenerFigures, PortSideFact, PortUseFact,
    ProcessFact, Seen, SharedPortFact, SharedPortsFact,
};
pub use flood::{FloodAsk, FloodAskError, FloodFigures, InputQueue, Remedy};
pub use key_effect::{KeyEffect, key_effects, key_effects_with};
pub use premise::{Premise, PremiseError, premises};
pub use scenario_file::{
    FORMAT, FormatKey, FormatTable, FormatWord, HostPremises, ScenarioFile, ScenarioFileError, format_words,
    read_scenario, scenario_text, topic_scenario_text,
};
pub use simulation::{Simulation, simulate};
pub use socket_option::{SocketOption, SocketOptionError, SocketOptionValue, parse_socket_option};
pub use topic::{Folklore, Group, InLab, Topic, UnknownTopic, find_topic, topics};
pub use variant::{Case, Variant, variants};
