//! What of a filter the kernel can apply by itself.

use super::bytecode::{Program, Step};
use super::condition::{Condition, End};
use super::expression::{Expression, Filter};
use super::states::{NONE, common};
use crate::wire::StateMask;

/// A filter as the kernel takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The states to report.
    pub states: StateMask,
    /// The value of `INET_DIAG_REQ_BYTECODE`; empty when there is nothing for it to do.
    pub bytecode: Vec<u8>,
    /// The one local port that every socket which passes has, 0 where there is none. The kernel looks at it before it
    /// runs the bytecode, which asks for it as well: sockets that are only bound are not held against it.
    pub source_port: u16,
    /// The one remote port, likewise.
    pub destination_port: u16,
    /// Whether the kernel reports more than was asked for, so that [`Filter::matches`] must be asked of each socket.
    pub is_rough: bool,
}

impl Filter {
    /// Makes of it what the kernel can apply: every socket that passes is reported, and no other unless
    /// [`Compiled::is_rough`]. Without states at its beginning it is about `otherwise`.
    ///
    /// Names must have been looked up; a condition about one that was not is left to [`Filter::matches`].
    #[must_use]
    pub fn compile(&self, otherwise: StateMask) -> Compiled {
        let form = Form::of(&self.expression, false);
        let states = common(self.states.unwrap_or(otherwise), form.states());
        let code = form.code();
        let (bytecode, fits) = match &code {
            Step::Always => (Vec::new(), true),
            code => match Program::of(code) {
                Some(program) => (program.into_bytes(), true),
                None => (Vec::new(), false),
            },
        };
        let [source_port, destination_port] = [End::Local, End::Remote].map(|end| form.port(end).unwrap_or(0));
        Compiled { states, bytecode, source_port, destination_port, is_rough: !fits || !form.is_exact() }
    }
}

/// An expression with negations at its conditions only.
enum Form<'a> {
    Is(&'a Condition, bool),
    All(Vec<Form<'a>>),
    Any(Vec<Form<'a>>),
}

impl<'a> Form<'a> {
    fn of(expression: &'a Expression, negated: bool) -> Self {
        let each = |parts: &'a [Expression]| parts.iter().map(|part| Form::of(part, negated)).collect();
        match expression {
            Expression::Is(condition) => Self::Is(condition, !negated),
            Expression::Not(inner) => Self::of(inner, !negated),
            Expression::All(parts) if negated => Self::Any(each(parts)),
            Expression::All(parts) => Self::All(each(parts)),
            Expression::Any(parts) if negated => Self::All(each(parts)),
            Expression::Any(parts) => Self::Any(each(parts)),
        }
    }

    /// The states that a socket which passes can be in.
    fn states(&self) -> StateMask {
        match self {
            Self::Is(Condition::State(states), true) => *states,
            Self::Is(Condition::State(states), false) => StateMask::ALL.without(*states),
            Self::Is(..) => StateMask::ALL,
            Self::All(parts) => parts.iter().map(Self::states).fold(StateMask::ALL, common),
            Self::Any(parts) => parts.iter().map(Self::states).fold(NONE, StateMask::and),
        }
    }

    /// The port that this end of every socket has which passes, as far as one condition says so.
    fn port(&self, end: End) -> Option<u16> {
        match self {
            Self::Is(Condition::Host(of, host), true) if *of == end => host.port,
            Self::All(parts) => parts.iter().find_map(|part| part.port(end)),
            Self::Is(..) | Self::Any(_) => None,
        }
    }

    /// What the bytecode can tell of it; more sockets pass where it speaks of states.
    fn code(&self) -> Step<'a> {
        match self {
            Self::Is(condition, wanted) => match condition {
                Condition::State(_) => Step::Always,
                Condition::Device(named) | Condition::Cgroup(named) if named.number.is_none() => Step::Always,
                condition => Step::Is(condition, *wanted),
            },
            Self::All(parts) => {
                let mut steps: Vec<Step<'a>> = parts.iter().map(Self::code).collect();
                steps.retain(|step| !matches!(step, Step::Always));
                if steps.is_empty() { Step::Always } else { Step::All(steps) }
            }
            Self::Any(parts) => {
                let steps: Vec<Step<'a>> = parts.iter().map(Self::code).collect();
                if steps.iter().any(|step| matches!(step, Step::Always)) { Step::Always } else { Step::Any(steps) }
            }
        }
    }

    /// Whether mask and bytecode together say the same as the whole: when it is a conjunction of parts of which each
    /// speaks of states alone or not at all.
    fn is_exact(&self) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(Self::is_exact),
            other => other.is_about_states(true) || other.is_about_states(false),
        }
    }

    /// Whether every condition is about states, or none is (and each can be compiled).
    fn is_about_states(&self, wanted: bool) -> bool {
        match self {
            Self::Is(Condition::State(_), _) => wanted,
            Self::Is(Condition::Device(named) | Condition::Cgroup(named), _) => !wanted && named.number.is_some(),
            Self::Is(..) => !wanted,
            Self::All(parts) | Self::Any(parts) => parts.iter().all(|part| part.is_about_states(wanted)),
        }
    }
}
