//! The laboratory: a scenario on the real kernel of the host, in private network namespaces.
//!
//! For: playing the very scenarios that the model plays, and comparing the two event by event.
//! Must not: touch the namespace it is started in, let a packet leave its own wire, run without a limit of
//! time, or widen a window.
//! Mirrors: packetdrill's idea that the kernel is the oracle.

mod agenda;
mod apps;
mod bench;
mod carrier;
mod compare;
mod counters;
mod error;
mod expected;
mod filler;
mod flood;
mod flood_follow;
mod flood_plan;
mod flood_proof;
mod flood_run;
mod frame;
mod look;
mod network;
mod numbers;
mod pins;
mod play;
mod prove;
mod punctuality;
mod record;
mod rights;
mod states;
mod wire;

pub use agenda::check_playable;
pub use compare::{Comparison, Row, Verdict, compare, compare_until};
pub use counters::Moved;
pub use error::LabError;
pub use expected::{Expected, Met};
pub use flood::{FLOOD_MOST, FloodBench, FloodCounts, flood};
pub use flood_follow::{FloodConditions, FloodFollowed, FloodOutlook, FloodSight};
pub use flood_plan::{FloodPlan, FloodPlanError};
pub use flood_proof::{
    FloodExpected, FloodFigure, FloodProof, FloodRow, FloodSeen, FloodVerdict, judge_flood, prove_floods,
};
pub use flood_run::{PlayedClient, PlayedFlood};
pub use frame::{Frame, Passage};
pub use play::{Conditions, Followed, Played, play, play_each};
pub use prove::{Proof, Replays, judge, longest, predicted_end_us, prove, prove_beginning, prove_once};
pub use punctuality::Punctuality;
pub use rights::obtain_rights;
