//! What a case is.

use libtest_mimic::{Completion, Failed, Trial};
use tcpctl::sys::{Namespace, raise_loopback};

use crate::ability::{Ability, cannot_run};
use crate::place::Place;

/// A case that cannot run on this machine, and why.
#[derive(Debug)]
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
        let obstacle = ability.obstacle(self.needs_root);
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
