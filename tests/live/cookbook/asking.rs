//! What happens to who asks others.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use tcpctl::sys::{IntOption, set_int_option};

use super::scene::{Made, Scene};
use crate::incidents::ends::{begin_connect, pair, read_to_end};
use crate::place::{Place, until};
use crate::wire::{FAR, Fate, Wire};

/// A database elsewhere.
fn database(wire: &Wire) -> (TcpListener, SocketAddr) {
    let to = SocketAddr::from((FAR, 5432));
    (wire.at_far_end(|| TcpListener::bind(to).expect("the address is the far end's")), to)
}

/// A pool that opens a connection a query and closes it, with few ports.
pub(super) fn ports(place: &Place) -> Made {
    place.set("net.ipv4.ip_local_port_range", "32768 33767");
    let wire = Wire::lay()?;
    let (listener, to) = database(&wire);
    let mut open: Vec<_> = (0..50).map(|_| pair(&listener, to)).collect();
    for _ in 0..950 {
        let (client, mut server) = pair(&listener, to);
        drop(client);
        read_to_end(&mut server);
    }
    let error = TcpStream::connect(to).expect_err("no port is left");
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable, "{error}");
    let scene = Scene::of("api").holding(wire);
    Ok(scene.then("api asks again", move || open.extend((0..50).map(|_| pair(&listener, to)))))
}

/// A database that has moved, and a firewall that drops what is sent to where it was.
pub(super) fn connect(_: &Place) -> Made {
    let wire = Wire::lay()?;
    wire.meddle(|_, _| Fate::Lose);
    let waiting: Vec<_> = (0..5).map(|_| begin_connect(SocketAddr::from((FAR, 5432)))).collect();
    until_retransmitted(10);
    Ok(Scene::of("api").holding(wire).holding(waiting))
}

/// A database that is gone while it was asked.
pub(super) fn dead_peer(_: &Place) -> Made {
    let wire = Wire::lay()?;
    let (listener, to) = database(&wire);
    let mut pairs: Vec<_> = (0..3).map(|_| pair(&listener, to)).collect();
    wire.meddle(|_, _| Fate::Lose);
    pairs.iter_mut().for_each(|(client, _)| client.write_all(b"select 1").expect("room"));
    until_retransmitted(12);
    let scene = Scene::of("api").holding(wire).holding(listener);
    Ok(scene.then("the pool is restarted", move || drop(pairs)))
}

/// A pool that keeps connections, and a load balancer that forgets them.
pub(super) fn idle(_: &Place) -> Made {
    let wire = Wire::lay()?;
    let (listener, to) = database(&wire);
    let pairs: Rc<Vec<_>> = Rc::new((0..5).map(|_| pair(&listener, to)).collect());
    let scene = Scene::of("api").holding(wire).holding(listener);
    Ok(scene
        .then("the pool keeps alive", {
            let pairs = Rc::clone(&pairs);
            move || {
                for (client, _) in pairs.iter() {
                    for (option, value) in
                        [(IntOption::KeepIdle, 129), (IntOption::KeepInterval, 18), (IntOption::Keepalive, 1)]
                    {
                        set_int_option(client, option, value).expect("the option is known");
                    }
                }
            }
        })
        .holding(pairs))
}

/// A tunnel on the way that carries less than it says, for as long as the night lasts.
pub(super) fn afterwards(_: &Place) -> Made {
    let wire = Wire::lay()?;
    let (listener, to) = database(&wire);
    let mut pairs: Vec<_> = (0..5).map(|_| pair(&listener, to)).collect();
    wire.meddle(|packet, _| if packet.len() > 1400 { Fate::Lose } else { Fate::Pass });
    for (client, server) in &mut pairs {
        client.write_all(b"a small request").expect("room");
        server.read_exact(&mut [0; 15]).expect("it arrives");
    }
    pairs.iter_mut().for_each(|(client, _)| client.write_all(&[7; 20_000]).expect("room"));
    until_retransmitted(20);
    let scene = Scene::of("backup").holding(wire).then("the night is over", move || drop(pairs));
    Ok(scene.then("the backup runs again", move || {
        let (mut client, mut server) = pair(&listener, to);
        client.write_all(&[7; 20_000]).expect("room");
        server.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
        server.read_exact(&mut [0; 20_000]).expect("all of it arrives");
    }))
}

/// Waits until so many timers have run out here.
fn until_retransmitted(least: i64) {
    until("timers that run out", || {
        let there = crate::incidents::watch::tcp_ext("TCPTimeouts");
        if there >= least { Ok(()) } else { Err(there) }
    });
}
