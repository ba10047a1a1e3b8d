//! The program in the kernel that tells how long each listener's SYN queue is.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::{Arc, OnceLock};

use crate::sys::{BpfError, BpfIterator, ReadError, with_kernel_types};
use crate::wire::{Btf, BtfError, ListenerProgram, decode_listener_queues};

/// The name by which `bpftool prog` shows the program while it is loaded.
const NAME: [u8; 15] = *b"tcpctl_synqueue";
/// The kernel lends `bpf_seq_write` only to programs under the GPL or both.
const LICENSE: &CStr = c"Dual MIT/GPL";

/// What reads the SYN queues of listeners. It is loaded when it is needed for the first time, and kept as long as one
/// clone of this value is; whether it could be loaded is asked once.
#[derive(Clone, Debug, Default)]
pub struct SynQueues {
    /// Nothing where none may be loaded.
    program: Option<Arc<OnceLock<Result<BpfIterator, SynQueuesError>>>>,
}

/// Why SYN queues cannot be read by a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SynQueuesError {
    /// Nobody wants it to be loaded.
    #[error("no BPF program is to be loaded")]
    Unwanted,
    /// The kernel does not tell of its types.
    #[error("the kernel does not tell how its sockets are laid out: {0}")]
    NoTypes(#[from] ReadError),
    /// Its types are not those that the program knows.
    #[error("the kernel's sockets are laid out otherwise than the BPF program knows: {0}")]
    OtherTypes(#[from] BtfError),
    /// The kernel does not run the program.
    #[error(transparent)]
    Kernel(#[from] BpfError),
}

impl PartialEq for SynQueues {
    fn eq(&self, other: &Self) -> bool {
        self.program.is_some() == other.program.is_some()
    }
}

impl Eq for SynQueues {}

impl SynQueues {
    /// Loads the program when it is needed. The default loads none.
    #[must_use]
    pub fn when_needed() -> Self {
        Self { program: Some(Arc::default()) }
    }

    /// Whether a program may be loaded.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.program.is_some()
    }

    /// The length of the SYN queue of each listener in the calling thread's network namespace, by the cookie of its
    /// socket. A listener that sock_diag was never asked about has none yet, and is left out.
    ///
    /// # Errors
    /// When the program cannot be loaded, as it was found the first time, or cannot be read.
    pub fn read(&self) -> Result<BTreeMap<u64, u32>, SynQueuesError> {
        let program = self.program.as_ref().ok_or(SynQueuesError::Unwanted)?;
        let iterator = program.get_or_init(load).as_ref().map_err(Clone::clone)?;
        let mut queues = BTreeMap::new();
        iterator.read(|bytes| {
            let known = decode_listener_queues(bytes).filter(|queue| queue.cookie != 0);
            queues.extend(known.map(|queue| (queue.cookie, queue.half_open)));
        })?;
        Ok(queues)
    }
}

fn load() -> Result<BpfIterator, SynQueuesError> {
    let program = with_kernel_types(|bytes| ListenerProgram::for_kernel(&Btf::decode(bytes)?))??;
    Ok(BpfIterator::load(NAME, &program.instructions, program.attach_to, LICENSE)?)
}
