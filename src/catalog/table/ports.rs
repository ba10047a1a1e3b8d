//! Ports and addresses.

use super::{always, constant, number, since};
use crate::catalog::{Form, Order, Parameter, TakesEffect};

/// The rows.
pub(super) const ROWS: &[Parameter] = &[
    Parameter::number("net.ipv4.ip_local_port_range", "ports")
        .form(Form::Numbers(2))
        .order(Order::RisingByKernel)
        .ranges(&[always(number(1), number(65_535))])
        .defaults(&[constant("32768 60999")])
        .affects("ephemeral ports (TCP UDP SCTP, v4 and v6)")
        .note("low >= ip_unprivileged_port_start; prefer different parity; IP_LOCAL_PORT_RANGE (6.3) per socket")
        .misunderstood(
            "ports are not used up as such: each destination address and port has the whole range to itself",
        ),
    Parameter::number("net.ipv4.ip_local_reserved_ports", "port list")
        .form(Form::Ports)
        .defaults(&[constant("")])
        .since_2_6(35)
        .affects("ports never chosen automatically")
        .note("explicit bind still allowed")
        .misunderstood("it keeps connect() and bind(0) away; whoever asks for a reserved port by number still gets it"),
    Parameter::number("net.ipv4.ip_local_port_step_width", "ports")
        .ranges(&[always(number(0), number(4_294_967_295))])
        .defaults(&[constant("0")])
        .since(6, 19)
        .affects("randomised scan step"),
    Parameter::number("net.ipv4.ip_unprivileged_port_start", "port")
        .ranges(&[always(number(0), number(65_535))])
        .defaults(&[constant("1024")])
        .since(4, 11)
        .affects("first port bindable without CAP_NET_BIND_SERVICE")
        .note("the kernel refuses one above the low end of ip_local_port_range")
        .misunderstood("it must not be above the first port of ip_local_port_range"),
    Parameter::number("net.ipv4.ip_autobind_reuse", "bool")
        .ranges(&[always(number(0), number(1))])
        .defaults(&[constant("0")])
        .since(5, 7)
        .affects("bind(0) with SO_REUSEADDR may share ports"),
    Parameter::number("net.ipv4.ip_nonlocal_bind", "bool")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .affects("bind to foreign addresses"),
    Parameter::number("net.ipv4.ip_no_pmtu_disc", "enum")
        .ranges(&[since(5, 13, number(0), number(255))])
        .defaults(&[constant("0")])
        .takes_effect(TakesEffect::NewSockets)
        .affects("path MTU discovery: 0 on, 1 off, 2 off and ICMP ignored, 3 on with checked ICMP alone")
        .note("the kernel takes up to 255; only 0 to 3 mean anything"),
];
