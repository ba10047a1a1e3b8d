//! The host to change: which namespace, by which `/proc`, with which journal.

use std::path::{Path, PathBuf};

use super::carry_out::{apply_watched, check_permission};
use super::receipt::{ApplyError, ApplyFrom, Receipt, Wishes};
use crate::sys::{Namespace, ProcRoot, SysctlFiles, effective_uid, netns_cookie, own_netns_inode, page_bytes, unix_ms};
use crate::tune::Plan;
use crate::tune::journal::StateDir;
use crate::units::SysctlKey;

/// Where plans are carried out. The command line and the screens go through here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The proc file system, normally `/proc`.
    proc_root: PathBuf,
    /// The network namespace by name, process id or path; the caller's own if not given.
    netns: Option<String>,
    /// Where the journal is.
    state_dir: StateDir,
}

/// Which boot and which network namespace this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The boot (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// Inode of the network namespace.
    pub netns: u64,
    /// Its cookie (`SO_NETNS_COOKIE`), which unlike an inode is never given to another namespace; nothing before
    /// Linux 5.14.
    pub netns_cookie: Option<u64>,
}

impl Place {
    /// Whether this is the network namespace with this inode and, as far as both cookies are known, this cookie.
    #[must_use]
    pub fn is_namespace(&self, inode: u64, cookie: Option<u64>) -> bool {
        let differs = |(one, other)| one != other;
        self.netns == inode && !self.netns_cookie.zip(cookie).is_some_and(differs)
    }
}

impl Target {
    /// The namespace `netns` (the caller's own if not given) by the proc file system at `proc_root`.
    #[must_use]
    pub fn new(proc_root: &Path, netns: Option<&str>, state_dir: &Path) -> Self {
        let netns = netns.map(str::to_owned);
        Self { proc_root: proc_root.to_owned(), netns, state_dir: StateDir::new(state_dir) }
    }

    /// The journal's directory.
    #[must_use]
    pub fn state_dir(&self) -> &StateDir {
        &self.state_dir
    }

    /// Bytes of a page of this host's memory, in which the kernel counts `tcp_mem`.
    #[must_use]
    pub fn page_bytes() -> u64 {
        page_bytes()
    }

    /// Which boot and which network namespace this is.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or one of the two cannot be told.
    pub fn place(&self) -> Result<Place, ApplyError> {
        self.inside(|| self.own_place())
    }

    /// Whether every key of a plan may be written by this process; nothing is written.
    ///
    /// # Errors
    /// The first key that cannot be written.
    pub fn check_permission(&self, plan: &Plan) -> Result<(), ApplyError> {
        self.inside(|| check_permission(plan, &self.files()))
    }

    /// Carries out a plan in the namespace; see [`apply_plan`](super::apply_plan).
    ///
    /// # Errors
    /// As `apply_plan`, and when the namespace cannot be entered.
    pub fn apply(&self, plan: &Plan) -> Result<Receipt, ApplyError> {
        self.apply_with(plan, &Wishes::default(), &mut |_| Ok(()))
    }

    /// As [`Target::apply`], as the user wishes. `journalled` is called in the namespace with the number of the entry,
    /// when the journal is on the disk and nothing is written yet; when it fails, nothing is.
    ///
    /// # Errors
    /// As [`Target::apply`].
    pub fn apply_with(
        &self,
        plan: &Plan,
        wishes: &Wishes,
        journalled: &mut (dyn FnMut(u64) -> Result<(), String> + Send),
    ) -> Result<Receipt, ApplyError> {
        self.inside(|| {
            let place = self.own_place()?;
            let login_uid = ProcRoot::new(&self.proc_root).read("self/loginuid").ok();
            // The greatest number stands for nobody.
            let login_uid = login_uid.and_then(|text| text.trim().parse().ok()).filter(|uid| *uid != u32::MAX);
            let (now_unix_ms, uid, wishes) = (unix_ms(), effective_uid(), wishes.clone());
            let from = ApplyFrom { now_unix_ms, uid, login_uid, wishes, place };
            apply_watched(plan, &self.files(), &self.state_dir, &from, journalled)
        })
    }

    fn files(&self) -> SysctlFiles {
        SysctlFiles::new(&self.proc_root)
    }

    /// Runs something in the namespace, since files below `/proc/sys/net` are those of the thread that opens them.
    fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T, ApplyError> + Send) -> Result<T, ApplyError> {
        let Some(asked) = &self.netns else { return work() };
        let root = ProcRoot::new(&self.proc_root);
        let namespace = Namespace::open(asked, &root)?;
        let inode = namespace.inode()?;
        namespace.run(|| {
            // A copy of /proc, or that of another pid namespace, would lead the writes elsewhere.
            match root.netns_inode() {
                Ok(shown) if shown == inode => work(),
                Ok(shown) => Err(ApplyError::OtherNamespace { planned: inode, present: shown }),
                Err(error) => {
                    Err(ApplyError::Unidentified { what: "the network namespace", reason: error.to_string() })
                }
            }
        })?
    }

    /// The boot and namespace of the calling thread.
    fn own_place(&self) -> Result<Place, ApplyError> {
        let unidentified = |what, reason: String| ApplyError::Unidentified { what, reason };
        let key: SysctlKey = BOOT_ID
            .parse()
            .map_err(|error: crate::units::ParseSysctlKeyError| unidentified("the boot", error.to_string()))?;
        let boot_id = self.files().read(&key).map_err(|error| unidentified("the boot", error.to_string()))?;
        let netns = ProcRoot::new(&self.proc_root).netns_inode();
        let netns = netns.map_err(|error| unidentified("the network namespace", error.to_string()))?;
        // The cookie is that of the calling thread's namespace, which a copy of /proc need not show.
        let netns_cookie = (own_netns_inode() == Some(netns)).then(netns_cookie).flatten();
        Ok(Place { boot_id: boot_id.trim().to_owned(), netns, netns_cookie })
    }
}

/// A text that differs from boot to boot.
const BOOT_ID: &str = "kernel.random.boot_id";
