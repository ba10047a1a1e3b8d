//! What the kernel's reasons mean, under the kernel's own names. A name that is not here is shown as it is.

/// A reason in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kernel's name.
    pub name: &'static str,
    /// What it means.
    pub text: &'static str,
    /// The kernel function that gives it.
    pub source: &'static str,
}

const fn row(name: &'static str, text: &'static str, source: &'static str) -> Reason {
    Reason { name, text, source }
}

/// Why a RST is sent (`enum sk_rst_reason`, 6.10). Those that are reasons of drops as well have the same meaning there.
const RESETS: [Reason; 17] = [
    row("NOT_SPECIFIED", "the kernel does not say why", "tcp_v4_send_reset"),
    row("NO_SOCKET", "nothing listens there, and no connection is there", "tcp_v4_rcv"),
    row("TCP_INVALID_ACK_SEQUENCE", "an ACK of what was never sent, while connecting", "tcp_rcv_synsent_state_process"),
    row("TCP_RFC7323_PAWS", "a time stamp that is too old, while connecting", "tcp_check_req"),
    row("TCP_TOO_OLD_ACK", "an ACK of what was acknowledged long ago", "tcp_rcv_state_process"),
    row("TCP_ACK_UNSENT_DATA", "an ACK of what was not sent yet", "tcp_rcv_state_process"),
    row("TCP_FLAGS", "flags that are wrong in this state", "tcp_rcv_state_process"),
    row("TCP_OLD_ACK", "an old ACK", "tcp_rcv_state_process"),
    row("TCP_ABORT_ON_DATA", "data came for a connection that the application has closed", "tcp_rcv_state_process"),
    row("TCP_TIMEWAIT_SOCKET", "a segment that a TIME-WAIT entry does not take", "tcp_timewait_state_process"),
    row("INVALID_SYN", "a SYN within a connection", "tcp_check_req"),
    row("TCP_ABORT_ON_CLOSE", "closed by the application with data unread", "__tcp_close"),
    row("TCP_ABORT_ON_LINGER", "closed by the application with SO_LINGER and a timeout of 0", "tcp_disconnect"),
    row("TCP_ABORT_ON_MEMORY", "too many orphans or no memory for them: tcp_max_orphans, tcp_mem", "tcp_check_oom"),
    row("TCP_STATE", "closed in a state in which the peer must be told", "tcp_disconnect"),
    row("TCP_KEEPALIVE_TIMEOUT", "no answer to keepalive probes", "tcp_keepalive_timer"),
    row("TCP_DISCONNECT_WITH_DATA", "disconnected by the application with data unsent", "tcp_disconnect"),
];

/// Why a packet is dropped (`enum skb_drop_reason`, 5.17), as far as TCP has to do with it.
const DROPS: [Reason; 57] = [
    row("NO_SOCKET", "nothing listens there, and no connection is there", "tcp_v4_rcv"),
    row("SOCKET_CLOSE", "the socket was closed meanwhile", "tcp_v4_do_rcv"),
    row("SOCKET_FILTER", "a filter of the socket (SO_ATTACH_FILTER, BPF) refuses it", "tcp_filter"),
    row("SOCKET_RCVBUFF", "the receive buffer is full", "tcp_data_queue"),
    row("SOCKET_BACKLOG", "the socket's backlog is full while the application holds the socket", "tcp_add_backlog"),
    row("PROTO_MEM", "TCP's memory is used up: net.ipv4.tcp_mem", "tcp_data_queue"),
    row("PKT_TOO_SMALL", "shorter than its headers", "tcp_v4_rcv"),
    row("TCP_CSUM", "wrong TCP checksum: broken on the way, or by a device", "tcp_v4_rcv"),
    row("IP_CSUM", "wrong IP checksum", "ip_rcv_core"),
    row("IP_INHDR", "wrong IP header", "ip_rcv_core"),
    row("IP_RPFILTER", "the reverse path filter refuses it: net.ipv4.conf.*.rp_filter", "ip_rcv_finish_core"),
    row("OTHERHOST", "for another host's link address", "ip_rcv_core"),
    row("UNICAST_IN_L2_MULTICAST", "for one host, sent to all of a link", "ip_rcv_finish_core"),
    row("IP_NOPROTO", "nothing takes this protocol", "ip_protocol_deliver_rcu"),
    row("IP_OUTNOROUTES", "no route to send it by", "__ip_queue_xmit"),
    row("IP_INNOROUTES", "no route for where it came from", "ip_route_input_slow"),
    row("NETFILTER_DROP", "a rule of netfilter drops it: nft list ruleset", "nf_hook_slow"),
    row("XFRM_POLICY", "an IPsec policy refuses it", "xfrm_policy_check"),
    row("SECURITY_HOOK", "a security module refuses it", "sk_filter_trim_cap"),
    row("BPF_CGROUP_EGRESS", "a BPF program of the cgroup refuses it", "ip_finish_output"),
    row("NEIGH_CREATEFAIL", "no entry for the neighbour can be made: gc_thresh3", "ip_finish_output2"),
    row("NEIGH_FAILED", "the neighbour does not answer (ARP, NDP)", "neigh_event_send"),
    row("NEIGH_QUEUEFULL", "too many packets wait for the neighbour's address", "__neigh_event_send"),
    row("NEIGH_DEAD", "the entry of the neighbour is gone", "__neigh_event_send"),
    row("QDISC_DROP", "the queueing discipline drops it: tc -s qdisc", "__dev_xmit_skb"),
    row("QDISC_OVERLIMIT", "the queue of the device is full: tc -s qdisc", "qdisc_enqueue"),
    row("QDISC_CONGESTED", "the queue's own control of delay drops it", "codel_dequeue"),
    row("FQ_FLOW_LIMIT", "too much of one flow in the queue: flow_limit of fq", "fq_enqueue"),
    row("FQ_BAND_LIMIT", "too much of one band in the queue: limit of fq", "fq_enqueue"),
    row("FQ_HORIZON_LIMIT", "its time to be sent is too far away: horizon of fq", "fq_enqueue"),
    row("TC_EGRESS", "a tc filter drops it on the way out", "sch_handle_egress"),
    row("TC_INGRESS", "a tc filter drops it on the way in", "sch_handle_ingress"),
    row("XDP", "an XDP program drops it", "do_xdp_generic"),
    row("CPU_BACKLOG", "a processor's input queue is full: net.core.netdev_max_backlog", "enqueue_to_backlog"),
    row("FULL_RING", "the ring of a virtual device is full", "tun_net_xmit"),
    row("NOMEM", "no memory", "kernel"),
    row("DEV_READY", "the device is not ready", "tun_net_xmit"),
    row("TCP_FLAGS", "flags that are wrong in this state, or a SYN that is not taken", "tcp_rcv_state_process"),
    row("TCP_MINTTL", "its time to live is below the socket's minimum", "tcp_v4_rcv"),
    row("TCP_ZEROWINDOW", "beyond the window, which is closed: the application does not read", "tcp_data_queue"),
    row("TCP_OLD_DATA", "data that is here already: sent again, since an ACK was late or lost", "tcp_data_queue"),
    row("TCP_OVERWINDOW", "beyond the window", "tcp_data_queue"),
    row("TCP_OFOMERGE", "data out of order that is here already", "tcp_data_queue_ofo"),
    row("TCP_OFO_QUEUE_PRUNE", "data out of order, given up for want of memory", "tcp_prune_ofo_queue"),
    row("TCP_RFC7323_PAWS", "an older time stamp than the last one", "tcp_validate_incoming"),
    row("TCP_RFC7323_PAWS_ACK", "an ACK with an older time stamp than the last one", "tcp_validate_incoming"),
    row("TCP_LISTEN_OVERFLOW", "the accept queue of the listener is full", "tcp_check_req"),
    row("TCP_OLD_SEQUENCE", "before what is expected: sent again, since an ACK was late or lost", "tcp_sequence"),
    row("TCP_INVALID_SEQUENCE", "outside the window", "tcp_sequence"),
    row("TCP_INVALID_ACK_SEQUENCE", "an ACK of what was never sent", "tcp_rcv_synsent_state_process"),
    row("TCP_RESET", "a RST, which is heeded", "tcp_validate_incoming"),
    row("TCP_INVALID_SYN", "a SYN within a connection: answered with a challenge ACK", "tcp_validate_incoming"),
    row("TCP_CLOSE", "the socket is in CLOSE", "tcp_rcv_state_process"),
    row("TCP_OLD_ACK", "an ACK that says nothing new", "tcp_ack"),
    row("TCP_TOO_OLD_ACK", "an ACK of what was acknowledged long ago", "tcp_ack"),
    row("TCP_ACK_UNSENT_DATA", "an ACK of what was not sent yet", "tcp_ack"),
    row("TCP_ABORT_ON_DATA", "data came for a connection that the application has closed", "tcp_rcv_state_process"),
];

/// What a reason of `tcp_send_reset` means.
#[must_use]
pub fn reset_reason(name: &str) -> Option<&'static Reason> {
    RESETS.iter().find(|reason| reason.name == name)
}

/// What a reason of `kfree_skb` means.
#[must_use]
pub fn drop_reason(name: &str) -> Option<&'static Reason> {
    DROPS.iter().find(|reason| reason.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::parse_trace_format;

    #[test]
    fn every_name_is_one_that_the_kernel_has_and_stands_once() {
        let names = |text: &str| -> Vec<String> {
            parse_trace_format(text).unwrap().names("reason").values().map(ToString::to_string).collect()
        };
        let drops = names(include_str!("../../tests/data/trace/6.18/kfree_skb.format"));
        let resets = names(include_str!("../../tests/data/trace/6.18/tcp_send_reset.format"));
        for (table, known) in [(DROPS.as_slice(), &drops), (RESETS.as_slice(), &resets)] {
            for reason in table {
                assert!(known.iter().any(|name| name == reason.name), "{} is none of the kernel's", reason.name);
                assert_eq!(table.iter().filter(|other| other.name == reason.name).count(), 1, "{}", reason.name);
            }
        }
        assert_eq!((drop_reason("LATER"), reset_reason("LATER")), (None, None));
    }
}
