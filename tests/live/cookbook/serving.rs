//! What happens to who serves.

use std::cell::Cell;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tcpctl::units::TcpState;

use super::scene::{GoingOn, Made, Scene};
use crate::incidents::ends::{accept_all, begin_connect, read_to_end};
use crate::place::{Listening, Place, until};
use crate::wire::{BareWire, Wire, near};

/// A service that does not accept, and a new client every 50 ms, on another host.
pub(super) fn accept_queue(place: &Place) -> Made {
    let wire = Wire::lay()?;
    let listener = place.listen(&near(8080).to_string(), Listening::with_backlog(128));
    let mut clients: Vec<TcpStream> = Vec::new();
    // One more than the backlog fits.
    wire.at_far_end(|| clients.extend((0..129).map(|_| TcpStream::connect(near(8080)).expect("there is room"))));
    let coming = GoingOn::every(Duration::from_millis(50), move || {
        clients.push(wire.at_far_end(|| begin_connect(near(8080))));
    });
    let accepting: Arc<Mutex<Option<GoingOn>>> = Arc::default();
    let scene = Scene::of("shop").holding(Arc::clone(&accepting)).holding(coming);
    Ok(scene.then("the workers are free again", move || {
        let mut accepted = accept_all(&listener);
        let going_on = GoingOn::every(Duration::from_millis(1), move || accepted.extend(accept_all(&listener)));
        *accepting.lock().expect("nobody panicked") = Some(going_on);
    }))
}

/// Some thousand forged SYNs a second, for a host whose SYN cookies are off. So fast is the queue filled that its entries,
/// whose life is 7 s while it is full, all go within a moment, and it is full before and after.
pub(super) fn syn_flood(place: &Place) -> Made {
    place.set("net.ipv4.tcp_syncookies", "0");
    let wire = BareWire::lay()?;
    let listener = place.listen(&near(443).to_string(), Listening::with_backlog(511));
    let mut number = 0;
    let flood = GoingOn::every(Duration::from_millis(1), move || {
        for _ in 0..4 {
            wire.forge_syns(443, number..number + 1);
            wire.drain(|_| None);
            number += 1;
        }
    });
    until("a full queue", || {
        let there = place.snapshot().sockets.expect("sockets").count(TcpState::SynRecv);
        if there > 500 { Ok(()) } else { Err(there) }
    });
    Ok(Scene::of("nginx").holding(listener).holding(flood))
}

/// A server that closes first, as HTTP servers do, on a host that has been tuned by a guide.
pub(super) fn time_wait(place: &Place) -> Made {
    for (key, value) in [("tcp_tw_reuse", "1"), ("tcp_fin_timeout", "10"), ("tcp_max_tw_buckets", "5000")] {
        place.set(&format!("net.ipv4.{key}"), value);
    }
    let wire = Wire::lay()?;
    let listener = place.listen(&near(443).to_string(), Listening::with_backlog(511));
    for _ in 0..300 {
        let mut client = wire.at_far_end(|| TcpStream::connect(near(443)).expect("it listens"));
        drop(listener.accept().expect("it connected"));
        read_to_end(&mut client);
    }
    until("all in TIME-WAIT", || {
        let there = place.snapshot().sockets.expect("sockets").count(TcpState::TimeWait);
        if there == 300 { Ok(()) } else { Err(there) }
    });
    Ok(Scene::of("nginx").holding(wire).holding(listener))
}

/// Clients that have gone, whose connections nobody closes here.
pub(super) fn close_wait(place: &Place) -> Made {
    let wire = Wire::lay()?;
    let listener = place.listen(&near(8080).to_string(), Listening::with_backlog(128));
    let leak = |_| {
        let client = wire.at_far_end(|| TcpStream::connect(near(8080)).expect("it listens"));
        let mut server = listener.accept().expect("it connected").0;
        drop(client);
        read_to_end(&mut server);
        server
    };
    let leaked: Vec<TcpStream> = (0..120).map(leak).collect();
    let scene = Scene::of("billing").holding(wire).holding(listener);
    Ok(scene.then("billing is restarted", move || drop(leaked)))
}

/// A service whose backlog is what a file of the system leaves of it.
pub(super) fn settings(place: &Place) -> Made {
    let wire = Wire::lay()?;
    place.set("net.core.somaxconn", "1024");
    let listen = |place: &Place| place.listen(&near(443).to_string(), Listening::with_backlog(4096));
    let listener = listen(place);
    let again: Rc<Cell<Option<TcpListener>>> = Rc::default();
    let scene = Scene::of("nginx").holding(wire).holding(Rc::clone(&again));
    let place = place.clone();
    Ok(scene.then("nginx is restarted", move || {
        drop(listener);
        again.set(Some(listen(&place)));
    }))
}
