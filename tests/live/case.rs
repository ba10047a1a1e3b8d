//! What a case is, and what this process is able to run.

use libtest_mimic::{Completion, Failed, Trial};
use tcpctl::sys::{Namespace, effective_capabilities, effective_uid, enter_own_user_namespace, raise_loopback};

use crate::place::Place;

/// `CAP_SYS_ADMIN` and `CAP_NET_ADMIN`: enough to make network namespaces and to work in them.
const NEEDED: u64 = 1 << 21 | 1 << 12;

/// Whether this process can make network namespaces.
pub(crate) struct Ability {
    /// Why it cannot.
    obstacle: Option<String>,
    /// Whether it is root of the machine and not only of a user namespace of its own.
    is_root: bool,
}

impl Ability {
    /// Finds out, and enters a user namespace where that is what it takes. Call it before any thread exists.
    pub(crate) fn obtain() -> Self {
        let privileged = effective_capabilities().is_some_and(|held| held & NEEDED == NEEDED);
        if privileged {
            return Self { obstacle: None, is_root: effective_uid() == 0 };
        }
        let entered = enter_own_user_namespace();
        let obstacle = entered.err().map(|error| {
            format!("no right to make network namespaces, and no user namespace either: {error}; run as root")
        });
        Self { obstacle, is_root: false }
    }
}

/// A case that cannot run on this machine, and why.
pub(crate) struct CannotRun(pub(crate) String);

/// How a case that did not fail ended. Failures are panics.
pub(crate) type Ran = Result<(), CannotRun>;

/// One test in a fresh network namespace.
pub(crate) struct Case {
    name: &'static str,
    needs_root: bool,
    body: fn(&Place) -> Ran,
}

impl Case {
    /// A case that root and, where user namespaces are allowed, everybody can run. The body runs on a thread
    /// of its own in a fresh namespace whose loopback is up; it fails by panicking.
    pub(crate) const fn new(name: &'static str, body: fn(&Place) -> Ran) -> Self {
        Self { name, needs_root: false, body }
    }

    /// A case that only root of the machine can run.
    pub(crate) const fn for_root(name: &'static str, body: fn(&Place) -> Ran) -> Self {
        Self { name, needs_root: true, body }
    }

    /// The case as the test harness takes it.
    pub(crate) fn into_trial(self, ability: &Ability) -> Trial {
        let obstacle = match &ability.obstacle {
            None if self.needs_root && !ability.is_root => Some("only root of the machine can run it".to_owned()),
            other => other.clone(),
        };
        Trial::ignorable_test(self.name, move || match obstacle {
            Some(reason) => Ok(cannot_run(self.name, &reason)),
            None => run(self.name, self.body),
        })
    }
}

fn run(name: &str, body: fn(&Place) -> Ran) -> Result<Completion, Failed> {
    let namespace = Namespace::fresh()?;
    let ran = namespace.run(|| {
        let place = Place::here(&namespace);
        raise_loopback().map_err(|error| CannotRun(format!("the loopback device cannot be raised: {error}")))?;
        body(&place)
    })?;
    Ok(match ran {
        Ok(()) => Completion::Completed,
        Err(CannotRun(reason)) => cannot_run(name, &reason),
    })
}

/// The harness shows the reason only in some formats, so it is printed too.
fn cannot_run(name: &str, reason: &str) -> Completion {
    eprintln!("cannot run: {name}: {reason}");
    Completion::ignored_with(reason)
}
