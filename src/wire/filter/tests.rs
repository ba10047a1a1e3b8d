//! The kernel's way of applying a filter and ours, side by side.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::condition::{Condition, End, Host, Named};
use super::expression::{Expression, Filter};
use super::states::has;
use super::{Candidate, Truth, parse_filter};
use crate::units::TcpState;
use crate::wire::StateMask;

fn byte(code: &[u8], at: usize) -> usize {
    usize::from(code[at])
}

fn half(code: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([code[at], code[at + 1]])
}

fn word(code: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(code[at..at + 4].try_into().unwrap())
}

/// `inet_diag_bc_audit`: whether the kernel takes a program.
fn audit(code: &[u8]) -> bool {
    if code.len() < 4 {
        return false;
    }
    let mut at = 0;
    while at < code.len() {
        let (op, len) = (&code[at..], code.len() - at);
        let mut least = 4;
        match op[0] {
            7 | 8 => {
                least += 8;
                if len < least {
                    return false;
                }
                let address = match op[4] {
                    0 => 0,
                    2 => 4,
                    10 => 16,
                    _ => return false,
                };
                least += address;
                if len < least || byte(op, 5) > 8 * address {
                    return false;
                }
            }
            2..=5 | 9 | 11 | 12 => least += 4,
            10 | 13 => least += 8,
            0 | 1 | 6 => {}
            _ => return false,
        }
        let (yes, no) = (byte(op, 1), usize::from(half(op, 2)));
        let jumps_well =
            op[0] == 0 || (no >= least && no <= len + 4 && no % 4 == 0 && (no >= len || lands(code, at + no)));
        if len < least || !jumps_well || yes < least || yes > len + 4 || yes % 4 != 0 {
            return false;
        }
        at += yes;
    }
    at == code.len()
}

/// `valid_cc`: whether a jump lands at the beginning of an operation.
fn lands(code: &[u8], target: usize) -> bool {
    let mut at = 0;
    while at < target {
        at += byte(code, at + 1);
    }
    at == target
}

/// `inet_diag_bc_run`: whether the kernel reports a socket.
fn run(code: &[u8], socket: &Candidate, autobound: bool) -> bool {
    let mut at = 0;
    while at < code.len() {
        let op = &code[at..];
        let yes = match op[0] {
            1 => false,
            2 => socket.local_port >= half(op, 6),
            3 => socket.local_port <= half(op, 6),
            4 => socket.remote_port >= half(op, 6),
            5 => socket.remote_port <= half(op, 6),
            6 => autobound,
            7 => holds(op, socket.local, socket.local_port),
            8 => holds(op, socket.remote, socket.remote_port),
            9 => Some(word(op, 4)) == socket.interface,
            10 => socket.mark.unwrap() & word(op, 8) == word(op, 4),
            13 => u64::from_ne_bytes(op[4..12].try_into().unwrap()) == socket.cgroup.unwrap(),
            other => panic!("no program of ours has {other}"),
        };
        at += if yes { byte(op, 1) } else { usize::from(half(op, 2)) };
    }
    at == code.len()
}

fn holds(op: &[u8], address: IpAddr, port: u16) -> bool {
    let wanted = i32::from_ne_bytes(op[8..12].try_into().unwrap());
    if wanted != -1 && wanted != i32::from(port) {
        return false;
    }
    let (family, prefix) = (op[4], byte(op, 5));
    let own: Vec<u8> = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    if family != 0 && (family == 2) != address.is_ipv4() {
        let is_mapped = own.len() == 16 && own[..10] == [0; 10] && own[10..12] == [0xff; 2];
        return family == 2 && is_mapped && same_prefix(&own[12..], &op[12..], prefix);
    }
    prefix == 0 || same_prefix(&own, &op[12..], prefix)
}

/// `bitstring_match`, bit by bit.
fn same_prefix(one: &[u8], other: &[u8], bits: usize) -> bool {
    (0..bits).all(|bit| (one[bit / 8] ^ other[bit / 8]) & (0x80 >> (bit % 8)) == 0)
}

/// Few addresses, so that conditions hold often.
fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        prop::sample::select(vec!["10.0.0.1", "10.0.0.2", "10.128.0.1", "0.0.0.0", "192.0.2.7"])
            .prop_map(|text| IpAddr::V4(text.parse::<Ipv4Addr>().unwrap())),
        prop::sample::select(vec!["::", "::1", "fe80::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:192.0.2.7"])
            .prop_map(|text| IpAddr::V6(text.parse::<Ipv6Addr>().unwrap())),
    ]
}

fn ports() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![0, 1, 79, 80, 443, 1024, 65534, 65535])
}

fn ends() -> impl Strategy<Value = End> {
    prop::sample::select(vec![End::Local, End::Remote])
}

fn states() -> impl Strategy<Value = StateMask> {
    let none = StateMask::ALL.without(StateMask::ALL);
    prop::collection::vec(prop::sample::select(TcpState::ALL.to_vec()), 0..5)
        .prop_map(move |states| states.into_iter().map(StateMask::of).fold(none, StateMask::and))
}

fn named(number: Option<u64>) -> Named {
    Named { name: "x".to_owned(), number, place: 0..1 }
}

fn hosts() -> impl Strategy<Value = Host> {
    let network = (addresses(), 0..=128_u8).prop_map(|(address, prefix)| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (address, prefix.min(bits))
    });
    (prop::option::of(network), prop::option::of(ports())).prop_map(|(network, port)| Host { network, port })
}

/// Conditions that both sides can judge.
fn conditions() -> impl Strategy<Value = Condition> {
    prop_oneof![
        states().prop_map(Condition::State),
        (ends(), hosts()).prop_map(|(end, host)| Condition::Host(end, host)),
        (ends(), ports()).prop_map(|(end, port)| Condition::PortFrom(end, port)),
        (ends(), ports()).prop_map(|(end, port)| Condition::PortTo(end, port)),
        (0..3_u64).prop_map(|index| Condition::Device(named(Some(index)))),
        (0..4_u32, 0..4_u32).prop_map(|(mark, mask)| Condition::Mark { mark, mask }),
        (0..3_u64).prop_map(|id| Condition::Cgroup(named(Some(id)))),
    ]
}

fn expressions() -> impl Strategy<Value = Expression> {
    conditions().prop_map(Expression::Is).prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Expression::Not(Box::new(inner))),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expression::All),
            prop::collection::vec(inner, 0..4).prop_map(Expression::Any),
        ]
    })
}

fn filters() -> impl Strategy<Value = Filter> {
    (prop::option::of(states()), expressions()).prop_map(|(states, expression)| Filter {
        text: String::new(),
        states,
        expression,
    })
}

fn candidates() -> impl Strategy<Value = Candidate> {
    let state = prop::sample::select(TcpState::ALL.to_vec());
    (state, addresses(), ports(), addresses(), ports(), 0..3_u32, 0..4_u32, 0..3_u64).prop_map(
        |(state, local, local_port, remote, remote_port, interface, mark, cgroup)| Candidate {
            state,
            local,
            local_port,
            remote,
            remote_port,
            interface: Some(interface),
            mark: Some(mark),
            cgroup: Some(cgroup),
        },
    )
}

/// Whether the kernel would report a socket.
fn reported(filter: &Filter, candidate: &Candidate) -> (bool, bool) {
    let compiled = filter.compile(StateMask::ALL);
    if !compiled.bytecode.is_empty() {
        assert!(audit(&compiled.bytecode), "the kernel would refuse {:?}", compiled.bytecode);
    }
    let in_state = has(compiled.states, candidate.state);
    // Sockets that are only bound are not held against the ports of a request.
    let is_asked = |port: u16, own: u16| port == 0 || port == own || candidate.state == TcpState::Close;
    let in_state = in_state
        && is_asked(compiled.source_port, candidate.local_port)
        && is_asked(compiled.destination_port, candidate.remote_port);
    (in_state && run(&compiled.bytecode, candidate, false), compiled.is_rough)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_reports_what_passes_here_and_nothing_else_unless_it_is_rough(
        filter in filters(),
        sockets in prop::collection::vec(candidates(), 1..12),
    ) {
        for socket in &sockets {
            let passes = filter.matches(socket);
            let (reported, is_rough) = reported(&filter, socket);
            prop_assert_ne!(passes, Truth::Unknown);
            if is_rough {
                prop_assert!(reported || passes == Truth::No, "{:?} was left out", socket);
            } else {
                prop_assert_eq!(reported, passes == Truth::Yes, "{:?}", socket);
            }
        }
    }
}

fn compiled(text: &str) -> super::Compiled {
    parse_filter(text).unwrap().compile(StateMask::ALL)
}

#[test]
fn states_and_the_rest_go_to_the_kernel_apart() {
    let filter = compiled("state established sport = :443");
    assert_eq!((filter.states, filter.is_rough), (StateMask::of(TcpState::Estab), false));
    // S_COND of 12 bytes, no address, port 443.
    let mut expected = vec![7, 12];
    expected.extend(16_u16.to_ne_bytes());
    expected.extend([0, 0, 0, 0]);
    expected.extend(443_i32.to_ne_bytes());
    assert_eq!(filter.bytecode, expected);
    let only_states = compiled("( state listening or state closed )");
    assert_eq!((only_states.bytecode.len(), only_states.is_rough), (0, false));
    assert_eq!(only_states.states, StateMask::of(TcpState::Listen).and(StateMask::of(TcpState::Close)));
}

#[test]
fn states_joined_with_other_things_by_or_are_narrowed_in_the_kernel_and_finished_here() {
    let filter = compiled("( state established and dport = :1 ) or ( state syn-recv and sport = :2 )");
    assert!(filter.is_rough && !filter.bytecode.is_empty());
    assert_eq!(filter.states, StateMask::of(TcpState::Estab).and(StateMask::of(TcpState::SynRecv)));
    let filter = compiled("( state established or dport = :1 )");
    assert_eq!((filter.states, filter.bytecode.len(), filter.is_rough), (StateMask::ALL, 0, true));
}

#[test]
fn names_that_were_looked_up_go_to_the_kernel_and_unknown_ones_are_mistakes() {
    let mut filter = parse_filter("dev eth0 and not dev if7 cgroup = /a").unwrap();
    filter.look_up(|name| (name == "eth0").then_some(3), |path| (path == "/a").then_some(1 << 40)).unwrap();
    let compiled = filter.compile(StateMask::ALL);
    assert!(!compiled.is_rough && audit(&compiled.bytecode));
    let mut filter = parse_filter("sport = :1 dev eth9").unwrap();
    insta::assert_snapshot!(filter.look_up(|_| None, |_| None).unwrap_err(), @r"
    the filter cannot be applied: there is no device `eth9` in this network namespace
      sport = :1 dev eth9
                     ^^^^
    ");
}

#[test]
fn a_filter_too_long_for_the_kernel_is_applied_here() {
    let long: Vec<String> = (0..3000).map(|n| format!("dst = [2001:db8::{n:x}]:{n}")).collect();
    let filter = compiled(&long.join(" or "));
    assert_eq!((filter.bytecode.len(), filter.is_rough), (0, true));
    let filter = compiled(&long[..1500].join(" or "));
    assert!(!filter.is_rough && audit(&filter.bytecode));
}

#[test]
fn whether_a_port_was_chosen_by_hand_only_the_kernel_knows() {
    let filter = parse_filter("autobound sport = :80").unwrap();
    let code = filter.compile(StateMask::ALL).bytecode;
    let ends = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let socket = Candidate {
        state: TcpState::Estab,
        local: ends.0,
        local_port: 80,
        remote: ends.1,
        remote_port: 1,
        interface: Some(0),
        mark: None,
        cgroup: None,
    };
    assert!(audit(&code) && run(&code, &socket, true) && !run(&code, &socket, false));
    assert!(filter.asks_autobound() && !filter.asks_mark());
    assert_eq!(filter.matches(&socket), Truth::Unknown);
    // A port that the kernel does not give out was chosen, whatever it says of the socket.
    let ports = |text| parse_filter(text).unwrap().with_chosen_among(&(1024..=2000));
    let [is, is_not] = ["autobound", "not autobound"].map(|text| ports(text).compile(StateMask::ALL));
    assert!(audit(&is.bytecode) && audit(&is_not.bytecode) && !is.is_rough && !is_not.is_rough);
    for (local_port, by_kernel, autobound) in
        [(80, true, false), (1024, true, true), (2000, true, true), (2000, false, false), (2001, true, false)]
    {
        let socket = Candidate { local_port, ..socket };
        assert_eq!(run(&is.bytecode, &socket, by_kernel), autobound, "{local_port}");
        assert_eq!(run(&is_not.bytecode, &socket, by_kernel), !autobound, "{local_port}");
    }
}
