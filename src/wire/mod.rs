//! Decoders: bytes and text of the kernel to records.
//!
//! For: reading netlink messages, `inet_diag` records, `tcp_info` and the text files below `/proc` without
//! trusting a byte of them: a short, strange or newer input loses what cannot be read and nothing else.
//! Must not: read anything itself, fail as a whole for one bad part, or allocate per socket on the counting path.
//! Mirrors: `include/uapi/linux/{netlink,inet_diag,tcp}.h`, `net/ipv4/proc.c`, `net/core/net-procfs.c`.

mod addresses;
mod btf;
mod cgroup;
mod config;
mod counters;
mod filter;
mod inet_diag;
mod inet_diag_facts;
mod inet_diag_store;
mod listener_program;
mod live_socket;
mod netlink;
mod packet;
mod proc_tcp;
mod proc_udp;
mod qdisc;
mod request;
mod segment;
mod tcp_info;
mod text;
mod trace;

pub use addresses::{parse_kernel_function, parse_local_ipv4, parse_local_ipv6};
pub use btf::{Btf, BtfError, BtfKind, BtfMember};
pub use cgroup::{CgroupPlace, parse_cgroup_place};
pub use config::parse_config_hz;
pub use counters::{
    Figures, Lenient, SoftnetRow, parse_paired_lines, parse_sockstat, parse_softnet_stat, parse_transmit_drops,
};
pub use filter::{Candidate, Compiled, Filter, FilterError, FilterFault, Truth, parse_filter, parse_filter_with};
pub use inet_diag::{Attribute, Attributes, InetDiag, SocketTimer};
pub use inet_diag_facts::{SocketFacts, SocketMemory};
pub use listener_program::{ListenerProgram, ListenerQueue, decode_listener_queues};
pub use netlink::{Message, MessageKind, Messages};
pub use packet::{Checksum, HexError, Packet, PacketError, PacketField, decode_packet, parse_hex};
pub use proc_tcp::{ProcTcpRow, parse_proc_tcp_line};
pub use proc_udp::{ProcUdpRow, parse_proc_udp_line};
pub use qdisc::{RootQdisc, qdisc_request};
pub use request::{DumpFamily, DumpRequest, Extensions, SocketQuestion, StateMask};
pub use segment::{SegmentHeader, build_icmp_error, build_segment, build_syn, decode_segment};
pub use tcp_info::TcpInfo;
pub use text::{parse_debian_version, parse_mem_total_kib, parse_port_range, parse_tcp_services};
pub use trace::{
    LostEvents, PageLayout, PageRead, TRACED_EVENTS, TraceDecoder, TraceEnds, TraceEntry, TraceEvent, TraceField,
    TraceFormat, TraceKind, TraceLayout, TracedEvent, decode_trace_page, is_known_entry_header, is_left_out,
    kernel_filter, parse_page_header, parse_trace_format,
};
