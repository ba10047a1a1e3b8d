//! What a search found.

use super::wish::Wish;
use super::{Application, Caution, SocketOption};
use crate::model::Answer;
use crate::tune::{Plan, Profile};
use crate::units::SysctlKey;

/// Which wishes are left to the application, where an option of its socket meets them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptionsFor {
    /// None: sysctls alone.
    None,
    /// Those that no sysctl meets, or only one that changes every connection whatever it does.
    #[default]
    Better,
    /// All that an option meets.
    All,
}

/// What became of the wishes.
#[derive(Clone, Debug)]
pub struct Solution {
    /// Each wish, in the order of asking.
    pub wishes: Vec<WishOutcome>,
    /// The values that meet those that can be met, as a profile.
    pub profile: Profile,
    /// That profile compared with the host.
    pub plan: Plan,
}

/// What became of a wish.
#[derive(Clone, Debug)]
pub struct WishOutcome {
    /// The wish.
    pub wish: Wish,
    /// What the answer to it is about, as the subject of a sentence.
    pub label: &'static str,
    /// The answer with the values as they are.
    pub now: Answer,
    /// The answer with those of the plan.
    pub then: Answer,
    /// Whether it is met, and by what.
    pub verdict: WishVerdict,
    /// A lesser change with which it would be in time but for the lateness of timers; nothing when there is none.
    pub nominal: Option<Nearest>,
    /// What the plan warns of in the values that meet it; nothing when they are beyond reproach.
    pub caution: Option<Caution>,
    /// What the application can do for itself; nothing when there is nothing or it is of no use here.
    pub application: Option<Application>,
    /// The answer for a socket that has every option which is advised here for sockets of its kind (but those that are
    /// to be kept [`apart`](Application::apart)), with the plan; nothing where it is no other than what is said already.
    pub on_socket: Option<Answer>,
}

/// Whether a wish is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WishVerdict {
    /// It is, with the values as they are.
    Already,
    /// It will be; these keys of the plan are its.
    Met(Vec<SysctlKey>),
    /// The application can meet it by itself, and the plan changes nothing for it.
    ByApplication,
    /// It cannot be met.
    Impossible {
        /// Why, in sentences.
        why: Vec<String>,
        /// The nearest that can be had; nothing when nothing can be changed for it.
        nearest: Option<Nearest>,
    },
    /// It cannot be met together with another, which is met.
    Contradicts {
        /// The other as it was typed.
        other: String,
        /// What would be on a socket that both are about, as a sentence; nothing where there is no value for both.
        why: Option<String>,
    },
    /// Its answer follows from keys that could not be read.
    Unknown(Vec<&'static str>),
}

/// The nearest to a wish that can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The answer.
    pub answer: Answer,
    /// The values that give it, those of now left out.
    pub values: Vec<(SysctlKey, String)>,
    /// The option that gives it to sockets which have it, where that comes nearer than any values.
    pub option: Option<SocketOption>,
}

impl WishVerdict {
    /// A stable word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Already => "already",
            Self::Met(_) => "met",
            Self::ByApplication => "by-application",
            Self::Impossible { .. } => "impossible",
            Self::Contradicts { .. } => "contradicts",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Whether the wish is met, by the plan, the application, or already.
    #[must_use]
    pub const fn is_met(&self) -> bool {
        matches!(self, Self::Already | Self::Met(_) | Self::ByApplication)
    }
}

impl Solution {
    /// Whether every wish is met.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.wishes.iter().all(|outcome| outcome.verdict.is_met())
    }
}

/// Why nothing could be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SolveError {
    /// The rules differ by version.
    #[error("the version of the kernel is not known, and what its settings do depends on it; say it with --kernel")]
    NoKernel,
    /// Nobody asked for anything.
    #[error("nothing is wished for; say what, such as --connect 10s or --dead-peer 30s")]
    NoWish,
}
