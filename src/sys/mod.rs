//! The only door to the kernel.
//!
//! For: every system call of the program: rooted reading of `/proc`, sysctl files, netlink sockets,
//! network namespaces, privilege and clocks.
//! Must not: interpret what it reads (that is `wire`), print, or keep state between calls.
//! Mirrors: procfs, `net/netlink/af_netlink.c`, `kernel/nsproxy.c`, `fs/proc/proc_sysctl.c`.

mod bpf;
mod cgroup;
mod clock;
mod confine;
mod descriptors;
mod device;
mod kernel_symbols;
mod memory;
mod netns;
mod netns_search;
mod private_dir;
mod privilege;
mod proc;
mod processes;
mod rights;
mod rooted;
mod route;
mod sock_diag;
mod socket_option;
mod stream;
mod sysctl;
mod tap;
mod terminal;
mod tracefs;
mod tun;
mod watch_dir;

pub use bpf::{BpfError, BpfIterator, with_kernel_types};
pub use cgroup::{cgroup_id, cgroup_paths};
pub use clock::{monotonic_ms, monotonic_ns, process_cpu_us, read_tick_length_ns, unix_ms, unix_ns};
pub use confine::{ConfineError, Confinement, confine};
pub use descriptors::{ProcessName, SocketTable, read_process_name, read_socket_table, read_socket_table_paced};
pub use device::device_names;
pub use kernel_symbols::each_kernel_symbol;
pub use memory::{memory_kib, page_bytes};
pub use netns::{Namespace, NamespaceError, enter_own_user_namespace, own_netns_inode};
pub use netns_search::{FoundNamespace, FoundNamespaces, find_namespaces};
pub use private_dir::{DirLock, PrivateDir, PrivateDirError};
pub use privilege::{effective_capabilities, effective_uid, raise_open_files, raise_priority};
pub use proc::{
    NetFile, ProcRoot, ReadError, ReadErrorKind, find_in_gzip, kernel_build, kernel_release, node_name, read_text,
    read_utf8_text,
};
pub use processes::{SocketHolder, SocketHolders, find_socket_holders};
pub use rights::{Rights, keep_rights};
pub use rooted::{RootedFile, RootedFiles};
pub use route::{RouteSocket, raise_loopback};
pub use sock_diag::{DumpError, DumpStep, SockDiag};
pub use socket_option::{IntOption, netns_cookie, set_int_option};
pub use stream::{Interest, Readiness, Stream, listen_on, set_backlog, wait_ready};
pub use sysctl::{SysctlError, SysctlFiles, SysctlReader};
pub use tap::{Tap, Tapped};
pub use terminal::{HeldSignals, TerminalSignal, stop_process_group, wait_for_hangup};
pub use tracefs::{TraceFs, TraceFsError, TraceInstance};
pub use tun::{TUN_DEVICE, Tun, check_tun, read_tun_node};
pub use watch_dir::{DirWatch, leave_terminal};
