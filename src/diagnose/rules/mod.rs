//! The rules, one a file.
//!
//! For: one judgement a file, with the kernel functions it rests on and the reason of each threshold.
//! Must not: read anything but the case it is given, or claim what an earlier rule of the table claims.
//! Mirrors: `tcp_conn_request` and its order of tests. Dropped connections are told apart in this order, first match
//! wins: `TCPReqQFullDrop` rose: cookies are off; a listener dropped and its accept queue was nearly full: nobody
//! accepts, one of several listeners is stuck, or the process does not accept fast enough; it dropped and its accept
//! queue was low: its backlog, or what somaxconn left of it, is smaller than a burst; it dropped otherwise: unclear;
//! nobody dropped and cookies were sent: completed handshakes tell honest clients from a flood. Segments sent again
//! have one reason (`retransmits`), and a connection that ends has one: its connect, a reset, or silence.

pub(super) mod accept_queue_full;
pub(super) mod backlog_capped;
pub(super) mod bad_checksums;
pub(super) mod bufferbloat;
pub(super) mod close_wait;
pub(super) mod closed_ports;
pub(super) mod closing_unanswered;
pub(super) mod congestion_kept;
pub(super) mod connection_resets;
pub(super) mod connects_refused;
pub(super) mod connects_time_out;
pub(super) mod connects_unanswered;
pub(super) mod conntrack_full;
pub(super) mod duplicated_packets;
pub(super) mod failover_budget;
pub(super) mod failover_late;
pub(super) mod fin_wait_2;
pub(super) mod fin_wait_2_orphans;
pub(super) mod half_open_stay;
pub(super) mod handshake_resets;
mod held_up;
pub(super) mod idle_restart;
pub(super) mod invalid_cookies;
pub(super) mod keepalive_too_late;
pub(super) mod listener_drops;
pub(super) mod mtu_black_hole;
pub(super) mod no_neighbour;
pub(super) mod not_accepting;
pub(super) mod orphans;
pub(super) mod own_queue_drops;
pub(super) mod packet_loss;
pub(super) mod paws_drops;
pub(super) mod ports_bound_first;
pub(super) mod ports_bound_only;
pub(super) mod ports_exhaustion;
mod pressure;
pub(super) mod readers_stalled;
pub(super) mod receive_drops;
pub(super) mod reordering;
mod retransmits;
pub(super) mod reuseport_skew;
pub(super) mod send_buffer_small;
mod setting_files;
pub(super) mod settings_elsewhere;
pub(super) mod settings_harmful;
pub(super) mod settings_undone;
pub(super) mod silent_peers;
pub(super) mod small_backlog;
pub(super) mod softnet_drops;
pub(super) mod softnet_squeeze;
pub(super) mod spurious_timeouts;
pub(super) mod syn_cookies_off;
pub(super) mod syn_flood;
pub(super) mod tcp_mem_beyond_ram;
pub(super) mod tcp_memory;
pub(super) mod time_wait_buckets;
pub(super) mod timed_out;
pub(super) mod tw_recycle;
pub(super) mod window_small;

pub use ports_exhaustion::{PortsEnd, PortsLeft, ports_left};
