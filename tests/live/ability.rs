//! What this process is able to run.

use libtest_mimic::Completion;
use tcpctl::sys::{effective_capabilities, effective_uid, enter_own_user_namespace};

/// `CAP_SYS_ADMIN`, `CAP_NET_ADMIN` and `CAP_NET_RAW`: enough to make network namespaces and to work in them.
const NEEDED: u64 = 1 << 21 | 1 << 12 | 1 << 13;

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

    /// Why it cannot run something that may need to be root of the machine.
    pub(crate) fn obstacle(&self, needs_root: bool) -> Option<String> {
        match &self.obstacle {
            None if needs_root && !self.is_root => Some("only root of the machine can run it".to_owned()),
            other => other.clone(),
        }
    }
}

/// The harness shows the reason only in some formats, so it is printed too.
pub(crate) fn cannot_run(name: &str, reason: &str) -> Completion {
    eprintln!("cannot run: {name}: {reason}");
    Completion::ignored_with(reason)
}
