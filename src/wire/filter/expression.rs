//! A filter as it was meant.

use core::ops::RangeInclusive;

use super::condition::{Condition, End, Named};
use super::error::{FilterError, FilterFault};
use crate::wire::StateMask;

/// What to do with a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// One condition.
    Is(Condition),
    /// The opposite.
    Not(Box<Expression>),
    /// All of them; every socket when there are none.
    All(Vec<Expression>),
    /// One of them at least; no socket when there are none.
    Any(Vec<Expression>),
}

/// A filter in ss's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// As it was typed.
    pub(super) text: String,
    /// The states named at its beginning, which stand in for those that are shown otherwise.
    pub(super) states: Option<StateMask>,
    /// Everything else.
    pub(super) expression: Expression,
}

impl Default for Filter {
    /// Every socket.
    fn default() -> Self {
        Self { text: String::new(), states: None, expression: Expression::All(Vec::new()) }
    }
}

impl Expression {
    /// Goes through all conditions.
    pub(super) fn each(&self, visit: &mut impl FnMut(&Condition)) {
        match self {
            Self::Is(condition) => visit(condition),
            Self::Not(inner) => inner.each(visit),
            Self::All(inner) | Self::Any(inner) => inner.iter().for_each(|one| one.each(visit)),
        }
    }

    /// Says which ports the kernel gives out: one that nobody chose is one of them. The kernel says of every socket in
    /// TIME-WAIT that nobody chose its port, which this sets right as far as ports can tell.
    fn among(self, ports: &RangeInclusive<u16>) -> Self {
        let each = |parts: Vec<Self>| parts.into_iter().map(|part| part.among(ports)).collect();
        match self {
            Self::Is(Condition::Autobound) => Self::All(vec![
                Self::Is(Condition::PortFrom(End::Local, *ports.start())),
                Self::Is(Condition::PortTo(End::Local, *ports.end())),
                Self::Is(Condition::Autobound),
            ]),
            Self::Is(condition) => Self::Is(condition),
            Self::Not(inner) => Self::Not(Box::new(inner.among(ports))),
            Self::All(parts) => Self::All(each(parts)),
            Self::Any(parts) => Self::Any(each(parts)),
        }
    }

    fn each_mut<E>(&mut self, visit: &mut impl FnMut(&mut Condition) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Is(condition) => visit(condition),
            Self::Not(inner) => inner.each_mut(visit),
            Self::All(inner) | Self::Any(inner) => inner.iter_mut().try_for_each(|one| one.each_mut(visit)),
        }
    }
}

impl Filter {
    /// The states named at the beginning (`state …`, `exclude …`); nothing when there are none, and what is shown
    /// then is for the caller to say.
    #[must_use]
    pub const fn states(&self) -> Option<StateMask> {
        self.states
    }

    /// Whether every socket passes, whatever its state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_none() && self.expression == Expression::All(Vec::new())
    }

    /// Whether it asks for the mark of sockets, which the kernel shows only with `CAP_NET_ADMIN`.
    #[must_use]
    pub fn asks_mark(&self) -> bool {
        self.asks(|condition| matches!(condition, Condition::Mark { .. }))
    }

    /// Whether it asks what only the kernel can tell: whether a port was chosen by hand.
    #[must_use]
    pub fn asks_autobound(&self) -> bool {
        self.asks(|condition| matches!(condition, Condition::Autobound))
    }

    /// Whether it asks for more than state, addresses and ports: then only a reading of sockets can tell.
    #[must_use]
    pub fn asks_beyond_ends(&self) -> bool {
        use Condition::{Autobound, Cgroup, Device, Mark};
        self.asks(|condition| matches!(condition, Device(_) | Mark { .. } | Cgroup(_) | Autobound))
    }

    fn asks(&self, what: impl Fn(&Condition) -> bool) -> bool {
        let mut found = false;
        self.expression.each(&mut |condition| found |= what(condition));
        found
    }

    /// Looks up what names stand for: the index of a device, the id of a cgroup's directory. A device's name that is
    /// not known but is an index, or `if` and an index, is taken as that.
    ///
    /// # Errors
    /// With the place of a name that is not known.
    pub fn look_up(
        &mut self,
        mut device: impl FnMut(&str) -> Option<u32>,
        mut cgroup: impl FnMut(&str) -> Option<u64>,
    ) -> Result<(), FilterError> {
        let text = &self.text;
        let unknown = |named: &Named, what: &str| FilterError::new(text, &named.place, what);
        self.expression.each_mut(&mut |condition| {
            match condition {
                Condition::Device(named) => {
                    let index = device(&named.name).or_else(|| index_of(&named.name));
                    let message = format!("there is no device `{}` in this network namespace", named.name);
                    named.number = Some(u64::from(index.ok_or_else(|| unknown(named, &message))?));
                }
                Condition::Cgroup(named) => {
                    let message = format!("there is no cgroup `{}` below /sys/fs/cgroup", named.name);
                    named.number = Some(cgroup(&named.name).ok_or_else(|| unknown(named, &message))?);
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// The same where ports that nobody chose are among these, as `ss` has it: `net.ipv4.ip_local_port_range`.
    #[must_use]
    pub fn with_chosen_among(self, ports: &RangeInclusive<u16>) -> Self {
        Self { expression: self.expression.among(ports), ..self }
    }

    /// The refusal of a filter that this process may not have applied, with the reason.
    #[must_use]
    pub fn refusal(&self, reason: &str) -> FilterError {
        let place = 0..self.text.len();
        FilterError { fault: FilterFault::Permission, ..FilterError::new(&self.text, &place, reason) }
    }
}

/// The index that a word is: `3`, or `if3` as ss writes devices whose names it cannot find.
fn index_of(name: &str) -> Option<u32> {
    name.strip_prefix("if").unwrap_or(name).parse().ok().filter(|index| *index != 0)
}
