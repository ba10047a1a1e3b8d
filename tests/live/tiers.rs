//! Every way of counting sockets gives the same counts, whatever the sockets are and whatever goes on meanwhile.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, bind, connect, getsockname, listen, socket_with};
use serde_json::Value;
use tcpctl::collect::{self, SocketReading, Source};
use tcpctl::snapshot::{Drops, Listener, Snapshot, SocketSource, Sockets};
use tcpctl::sys::RouteSocket;
use tcpctl::units::TcpState;

use crate::case::{CannotRun, Case, Ran};
use crate::fill::{Fill, fill};
use crate::place::{Listening, Place, until, until_reachable};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("every tier gives what the walk through all sockets gives, state by state", mixed),
        Case::new("sums that need no walk are those of the states they name", sums),
        Case::new("an empty namespace is counted alike by every tier", empty),
        Case::new("while connections come and go each tier lies between the counters before and after", churn),
        Case::new("IPv4-mapped and dual-stack sockets are counted once by every tier", dual_stack),
        Case::new("link-local sockets with a scope are counted and told apart by it", link_local),
        Case::new("the half-open entries of a SO_REUSEPORT group are the same in every tier", reuseport),
        Case::new("the subflows of MPTCP connections are counted by every tier", mptcp),
        Case::new("connections that nobody has accepted yet have no inode and are counted", not_accepted),
        Case::new("more sockets than fit are counted without a row of each, and that is said", fitting),
        Case::new("status tells what it did not count", not_counted),
    ]
}

/// Index of the loopback device in every namespace.
const LOOPBACK: u32 = 1;
/// `IPPROTO_MPTCP` of `include/uapi/linux/in.h`.
const MPTCP: u32 = 262;

fn read(place: &Place, sockets: SocketReading) -> Snapshot {
    collect::live(&Source { sockets, ..place.source() }).expect("the own namespace can be read")
}

fn sockets(place: &Place, reading: SocketReading) -> Sockets {
    read(place, reading).sockets.expect("sockets can be read")
}

/// What every source tells of a listener.
fn queues(listeners: &[Listener]) -> Vec<(SocketAddr, Option<u32>, u64, u32)> {
    let queue =
        |one: &Listener| (SocketAddr::new(one.address, one.port), one.accept_queue, one.half_open, one.shares_port);
    let mut queues: Vec<_> = listeners.iter().map(queue).collect();
    queues.sort();
    queues
}

/// All sockets as one whole walk tells them, after comparing every other reading with it.
fn agree(place: &Place) -> Sockets {
    let whole = sockets(place, SocketReading::Best);
    assert_eq!(whole.source, SocketSource::SockDiag);
    for reading in [SocketReading::OneByOne, SocketReading::ProcNetTcp, SocketReading::Fitting(SocketReading::FITTING)]
    {
        let other = sockets(place, reading);
        // The tables of proc do not show sockets that are only bound.
        let states = |sockets: &Sockets| {
            let shown = |state: &TcpState| reading != SocketReading::ProcNetTcp || *state != TcpState::Close;
            let states = sockets.states.clone().into_iter().filter(|(state, _)| shown(state));
            states.collect::<BTreeMap<TcpState, u64>>()
        };
        assert_eq!((states(&other), other.ports), (states(&whole), whole.ports.clone()), "{reading:?}");
        assert_eq!(queues(&other.listeners), queues(&whole.listeners), "{reading:?}");
    }
    let masked = sockets(place, SocketReading::States);
    let mut expected = whole.states.clone();
    expected.remove(&TcpState::Close);
    assert_eq!((masked.source, &masked.states), (SocketSource::Masked, &expected));
    assert_eq!(masked.listeners.iter().map(unmoved).collect::<Vec<_>>(), unmoved_all(&whole.listeners));
    let listeners = sockets(place, SocketReading::Sums);
    assert_eq!(listeners.states, BTreeMap::from([(TcpState::Listen, whole.count(TcpState::Listen))]));
    let accept =
        |listeners: &[Listener]| -> Vec<_> { listeners.iter().map(|one| (one.port, one.accept_queue)).collect() };
    assert_eq!(accept(&listeners.listeners), accept(&whole.listeners));
    whole
}

/// Drops rise from one reading to the next: SYNs that a full queue refuses are sent again.
fn unmoved(listener: &Listener) -> Listener {
    assert_ne!(listener.drops, Drops::Unknown);
    Listener { processes: Vec::new(), drops: Drops::Unknown, ..listener.clone() }
}

fn unmoved_all(listeners: &[Listener]) -> Vec<Listener> {
    listeners.iter().map(unmoved).collect()
}

/// Waits until the whole walk counts this, and compares the others with it then.
fn agree_on(place: &Place, expected: &BTreeMap<TcpState, u64>) -> Sockets {
    until("the expected counts", || {
        let states = sockets(place, SocketReading::Best).states;
        if states == *expected { Ok(()) } else { Err(states) }
    });
    agree(place)
}

/// Every state that can be had, in numbers that are all different.
fn everything(place: &Place) -> Fill {
    let mut fill = fill(place);
    for (address, more) in [("127.0.0.1:0", 0), ("[::1]:0", 1)] {
        let to = fill.listener(place, address, Listening::with_backlog(128));
        fill.stuck_closing_first(to, 2 + more);
        fill.stuck_closing_both(to, 3 + more);
        fill.stuck_closing_second(to, 4 + more);
    }
    fill
}

fn mixed(place: &Place) -> Ran {
    let fill = everything(place);
    let states = agree_on(place, &fill.all()).states;
    for (state, count) in states {
        assert_eq!(count == 0, state == TcpState::Close, "{state}: {count}");
    }
    Ok(())
}

fn sums(place: &Place) -> Ran {
    let fill = everything(place);
    let whole = agree_on(place, &fill.all());
    let status = place.json(&["status", "--json", "--detail", "sums"]);
    let sum = |id: &str| {
        let sums = status["sums"].as_array().expect("sums");
        sums.iter().find(|sum| sum["id"] == id).and_then(|sum| sum["now"].as_u64()).expect("a sum")
    };
    let count = |states: &[TcpState]| states.iter().map(|state| whole.count(*state)).sum::<u64>();
    // As `fill` makes them.
    let minisocks = 2 + 3;
    assert_eq!(sum("time-wait"), count(&[TcpState::TimeWait]) + minisocks);
    assert_eq!(status["states"]["LISTEN"], whole.count(TcpState::Listen));
    assert_eq!((&status["states"]["ESTAB"], &status["ports"]), (&Value::Null, &Value::Null));
    assert_eq!(status["listeners"][0]["syn_queue"]["now"], Value::Null);
    let version = place.snapshot().kernel.version;
    if version.is_some_and(|version| version.at_least(6, 10)) {
        assert_eq!(sum("open"), count(&[TcpState::Estab, TcpState::CloseWait]));
        let others = [TcpState::SynSent, TcpState::FinWait1, TcpState::FinWait2, TcpState::LastAck, TcpState::Closing];
        assert_eq!(sum("opening-and-closing"), count(&others) - minisocks);
    }
    Ok(())
}

fn empty(place: &Place) -> Ran {
    agree_on(place, &Fill::default().all());
    Ok(())
}

/// What the kernel counts by itself at one moment.
fn minisocks(place: &Place) -> u64 {
    let tw = read(place, SocketReading::Skip).counters.sockstat("TCP", "tw");
    u64::try_from(tw.expect("sockstat")).expect("a count")
}

/// Connections that were begun in this namespace.
fn opened(place: &Place) -> u64 {
    let opened = read(place, SocketReading::Skip).counters.tcp("ActiveOpens");
    u64::try_from(opened.expect("snmp")).expect("a count")
}

fn churn(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(128));
    fill.established(to, 50);
    fill.orphaned(to, 7);
    // The acknowledgement of a FIN may be delayed: until it comes, one that will be a minisock is a full socket.
    agree_on(place, &fill.all());
    let busy = place.listen("127.0.0.1:0", Listening::with_backlog(128));
    let at = busy.local_addr().expect("an address");
    let done = AtomicBool::new(false);
    let own = tcpctl::sys::own_netns_inode();
    scope(|scope| {
        scope.spawn(|| {
            // A thread begins in the namespace of the one that started it.
            assert_eq!(tcpctl::sys::own_netns_inode(), own);
            while !done.load(Ordering::Relaxed) {
                let client = TcpStream::connect(at).expect("connect");
                let (server, _) = busy.accept().expect("accept");
                drop(client);
                drop(server);
            }
        });
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..30 {
                within_counters(place);
            }
            // It was no quiet namespace.
            until("TIME-WAITs to be made", || match minisocks(place) {
                made @ ..100 => Err(made),
                _ => Ok(()),
            });
        }));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = judged {
            std::panic::resume_unwind(panic);
        }
    });
    Ok(())
}

/// None of the churn's sockets leaves TIME-WAIT meanwhile, and at any moment it has at most two that are not there.
fn within_counters(place: &Place) {
    let (before, opened_before) = (minisocks(place), opened(place));
    let counted = sockets(place, SocketReading::States);
    let (after, opened_after) = (minisocks(place), opened(place));
    let count = |state| counted.count(state);
    let waiting = count(TcpState::TimeWait);
    assert!(waiting <= after, "{waiting} in TIME-WAIT, {before} to {after} minisocks: {:?}", counted.states);
    let minisocks = waiting + count(TcpState::FinWait2);
    assert!(minisocks >= before, "{minisocks} minisocks, {before} before: {:?}", counted.states);
    // All full sockets are a counter for each processor, and the kernel adds these up one after the other
    // (`sock_prot_inuse_get`): a socket that is hashed on one behind the sum and unhashed on another before it is counted
    // as one less than none. So that is off by no more than the connections that came and went during the reading.
    let churned = 2 * (opened_after - opened_before + 1);
    let rare = [TcpState::SynSent, TcpState::FinWait1, TcpState::Closing, TcpState::LastAck, TcpState::CloseWait];
    let full = count(TcpState::Estab) + rare.into_iter().map(count).sum::<u64>();
    assert!(full <= 107 + churned, "{churned} churned: {:?}", counted.states);
    // One in FIN-WAIT-2 is a full socket for a moment before it is a minisock.
    let maybe_full = count(TcpState::FinWait2).saturating_sub(7);
    assert!(full + maybe_full + churned >= 107, "{churned} churned: {:?}", counted.states);
    assert!(count(TcpState::CloseWait) >= 7, "{:?}", counted.states);
    assert_eq!(count(TcpState::Listen), 2);
}

fn dual_stack(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let both = fill.listener(place, "[::]:0", Listening { v6_only: false, ..Listening::with_backlog(128) });
    let mapped = SocketAddr::from(([127, 0, 0, 1], both.port()));
    fill.established(mapped, 3);
    fill.time_wait(mapped, 4);
    fill.orphaned(mapped, 2);
    fill.established(SocketAddr::from((Ipv6Addr::LOCALHOST, both.port())), 5);
    fill.half_open(mapped, 6);
    let whole = agree_on(place, &fill.all());
    let [listener] = whole.listeners.as_slice() else { panic!("{:?}", whole.listeners) };
    assert_eq!((listener.half_open, listener.v6_only), (6, Some(false)));
    Ok(())
}

fn link_local(place: &Place) -> Ran {
    let address: Ipv6Addr = "fe80::7".parse().expect("an address");
    RouteSocket::open()
        .and_then(|mut route| route.add_address(LOOPBACK, IpAddr::V6(address), 64))
        .map_err(|error| CannotRun(format!("a link-local address cannot be added: {error}")))?;
    let socket = socket_with(AddressFamily::INET6, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a socket");
    bind(&socket, &SocketAddrV6::new(address, 0, 0, LOOPBACK)).expect("bind");
    listen(&socket, 16).expect("listen");
    let listener = TcpListener::from(socket);
    let to = listener.local_addr().expect("an address");
    until_reachable(&listener);
    let mut fill = Fill::default();
    fill.listeners.push(listener);
    fill.expect(TcpState::Listen, 1);
    fill.established(to, 3);
    fill.time_wait(to, 2);
    fill.half_open(to, 4);
    let whole = agree_on(place, &fill.all());
    let [listener] = whole.listeners.as_slice() else { panic!("{:?}", whole.listeners) };
    assert_eq!((listener.address, listener.interface), (IpAddr::V6(address), LOOPBACK));
    assert_eq!(listener.half_open, 4, "the requests came by the interface that it is bound to");
    let local = place.json(&["listeners", "--json"])["listeners"][0]["local"].clone();
    assert_eq!(local, format!("[{address}]%lo:{}", to.port()), "the interface is named");
    Ok(())
}

fn reuseport(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let shared = Listening { share: true, ..Listening::with_backlog(128) };
    let to = fill.listener(place, "127.0.0.1:0", shared);
    for _ in 0..2 {
        tcpctl::sys::set_int_option(fill.listeners.last().expect("one"), tcpctl::sys::IntOption::DeferAccept, 60)
            .expect("TCP_DEFER_ACCEPT");
        fill.listener(place, &to.to_string(), shared);
    }
    fill.half_open(to, 9);
    let whole = agree_on(place, &fill.all());
    let rows: Vec<_> = whole.listeners.iter().map(|one| (one.half_open, one.shares_port)).collect();
    assert_eq!(rows, [(9, 3); 3]);
    Ok(())
}

fn mptcp(place: &Place) -> Ran {
    let protocol = Protocol::from_raw(MPTCP.try_into().expect("not 0"));
    let socket = || socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, Some(protocol));
    let server = match socket() {
        Ok(server) => server,
        Err(error @ (Errno::PROTONOSUPPORT | Errno::NOPROTOOPT | Errno::INVAL)) => {
            return Err(CannotRun(format!("the kernel has no MPTCP: {error}")));
        }
        Err(error) => panic!("{error}"),
    };
    bind(&server, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("bind");
    listen(&server, 16).expect("listen");
    let to = SocketAddr::try_from(getsockname(&server).expect("a name")).expect("an address");
    let clients: Vec<OwnedFd> = (0..5)
        .map(|_| {
            let client = socket().expect("a socket");
            connect(client.as_fd(), &to).expect("connect");
            client
        })
        .collect();
    let servers: Vec<OwnedFd> = (0..3).map(|_| rustix::net::accept(&server).expect("accept")).collect();
    let mut fill = Fill::default();
    fill.expect(TcpState::Listen, 1);
    fill.expect(TcpState::Estab, 10);
    agree_on(place, &fill.all());
    let used =
        place.snapshot().counters.netstat.and_then(|groups| groups.get("MPTcpExt")?.get("MPCapableSYNRX").copied());
    assert_eq!(used, Some(5), "the connections are MPTCP and no plain TCP");
    drop((clients, servers));
    // Those that nobody accepted stay open; the others close when the end of the data is acknowledged.
    until("every tier to agree after closing", || {
        let (whole, masked) =
            (sockets(place, SocketReading::Best).states, sockets(place, SocketReading::States).states);
        let closed = whole.get(&TcpState::Estab).is_some_and(|open| *open < 10);
        let agreed = masked.iter().all(|(state, count)| whole.get(state) == Some(count));
        if closed && agreed { Ok(()) } else { Err((whole, masked)) }
    });
    Ok(())
}

fn not_accepted(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(64));
    fill.streams.extend((0..40).map(|_| TcpStream::connect(to).expect("connect")));
    fill.expect(TcpState::Estab, 80);
    let whole = agree_on(place, &fill.all());
    assert_eq!(whole.listeners.first().and_then(|one| one.accept_queue), Some(40));
    // Their peers go away: they wait in CLOSE-WAIT, still without an inode.
    fill.streams.truncate(25);
    let mut fill = Fill { expected: BTreeMap::new(), ..fill };
    fill.expect(TcpState::Listen, 1);
    fill.expect(TcpState::Estab, 65 - 15);
    fill.expect(TcpState::CloseWait, 15);
    fill.expect(TcpState::FinWait2, 15);
    agree_on(place, &fill.all());
    Ok(())
}

fn fitting(place: &Place) -> Ran {
    let fill = everything(place);
    let whole = agree_on(place, &fill.all());
    let minisocks = minisocks(place);
    let full = read(place, SocketReading::Skip).counters;
    let in_use = |group: &str| u64::try_from(full.sockstat(group, "inuse").expect("sockstat")).expect("a count");
    let all = in_use("TCP") + in_use("TCP6") + minisocks;
    for (most, source) in [(all, SocketSource::SockDiag), (all - 1, SocketSource::Masked)] {
        let snapshot = read(place, SocketReading::Fitting(most));
        let told =
            snapshot.gaps.iter().any(|gap| gap.reason.contains(&format!("there are {all}, and more than {most}")));
        let sockets = snapshot.sockets.expect("sockets can be read");
        assert_eq!((sockets.source, told), (source, source == SocketSource::Masked));
        let states = |sockets: &Sockets| {
            let mut states = sockets.states.clone();
            states.remove(&TcpState::Close);
            states
        };
        assert_eq!(states(&sockets), states(&whole));
        let has_processes = sockets.listeners.iter().any(|one| !one.processes.is_empty());
        assert_eq!(has_processes, source == SocketSource::SockDiag);
    }
    Ok(())
}

fn not_counted(place: &Place) -> Ran {
    let mut fill = Fill::default();
    let to = fill.listener(place, "127.0.0.1:0", Listening::with_backlog(64));
    fill.established(to, 2);
    let status = place.json(&["status", "--json", "--detail", "states"]);
    assert_eq!((&status["states"]["ESTAB"], &status["states"]["CLOSE"]), (&Value::from(4), &Value::Null));
    assert_eq!((&status["ports"], &status["socket_source"]), (&Value::Null, &"sock-diag-and-sockstat".into()));
    let text = |detail: &str| String::from_utf8(place.tcpctl(&["status", "--detail", detail]).stdout).expect("UTF-8");
    assert!(text("states").contains("CLOSE              ?"), "{}", text("states"));
    let sums = text("sums");
    assert!(sums.contains("         4  ESTAB") && sums.contains("         1  LISTEN"), "{sums}");
    Ok(())
}
