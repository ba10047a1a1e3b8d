//! Sockets in every state that a timer ends, read, forecast, and watched until they are gone.
//!
//! A wire of two TUN devices joins the case's namespace with another one. It carries packets until all sockets are
//! where they should be, and nothing from then on.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tcpctl::collect::{self, Source};
use tcpctl::model::{
    Activity, Host, KnownOptions, KnownSettings, LiveEnd, LiveForecast, Outcome, Settings, forecast_live,
};
use tcpctl::sys::{
    DumpStep, IntOption, Namespace, RouteSocket, SockDiag, Stream, Tun, check_tun, listen_on, set_int_option,
};
use tcpctl::units::{LiveSocket, SocketTimer, TcpState};
use tcpctl::wire::{DumpFamily, DumpRequest, Extensions, InetDiag, MessageKind, Messages, StateMask, build_syn};

use crate::case::{CannotRun, Case, Ran};
use crate::connect::host;
use crate::place::{Place, until};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("sockets in every timed state end when their forecasts say, at each look at them", to_the_end),
        Case::new("what no timer ends is forecast to stay, and TIME-WAIT to last 60 s", stays),
    ]
}

/// What the timers are set to, so that all of it is over in seconds.
const SYSCTLS: [(&str, &str); 7] = [
    ("net.ipv4.tcp_syn_retries", "2"),
    ("net.ipv4.tcp_synack_retries", "1"),
    ("net.ipv4.tcp_retries2", "3"),
    ("net.ipv4.tcp_orphan_retries", "2"),
    ("net.ipv4.tcp_fin_timeout", "3"),
    ("net.ipv4.tcp_no_metrics_save", "1"),
    ("net.ipv4.tcp_congestion_control", "reno"),
];

/// How late a look at the sockets or their handlers may be on a busy machine.
const ALLOWANCE: Duration = Duration::from_millis(25);
/// Between two looks: the kernel tells nobody when a request or a minisock ends.
const LOOK: Duration = Duration::from_millis(5);
/// When everything must be over.
const DEADLINE: Duration = Duration::from_secs(40);

const HERE: &str = "192.0.2.1:0";
const THERE: &str = "192.0.2.2:443";
const NOBODY: &str = "192.0.2.77:443";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The case's namespace, another one, and the wire between them.
struct Wire {
    here: Tun,
    there: Tun,
    _other: Namespace,
    /// Listens in the other namespace; nobody reads what it accepts.
    server: TcpListener,
    /// What was accepted.
    accepted: Vec<Stream>,
    diag: SockDiag,
    next_port: u16,
}

impl Wire {
    fn lay() -> Result<Self, CannotRun> {
        check_tun().map_err(|error| CannotRun(format!("no TUN device can be made: {error}")))?;
        let end = |address: &str| {
            let mut route = RouteSocket::open().unwrap();
            route.raise_loopback().unwrap();
            let tun = Tun::create("wire0").unwrap();
            route.raise_link(tun.index(), 1500, 1000).unwrap();
            route.add_address(tun.index(), address.parse().unwrap(), 24).unwrap();
            tun
        };
        let here = end("192.0.2.1");
        let other = Namespace::fresh().unwrap();
        let (there, server) = other
            .run(|| {
                let tun = end("192.0.2.2");
                let server = listen_on(address(THERE), 64).unwrap();
                // A window that is soon closed.
                set_int_option(&server, IntOption::ReceiveBuffer, 4096).unwrap();
                (tun, server)
            })
            .unwrap();
        let diag = SockDiag::open().unwrap();
        Ok(Self { here, there, _other: other, server, accepted: Vec::new(), diag, next_port: 40_000 })
    }

    /// Carries what is there.
    fn carry(&self) {
        let mut buffer = [0; 2048];
        let mut moved = true;
        while moved {
            moved = false;
            for (from, to) in [(&self.here, &self.there), (&self.there, &self.here)] {
                while let Some(packet) = from.receive(&mut buffer).unwrap() {
                    to.send(packet).unwrap();
                    moved = true;
                }
            }
        }
    }

    /// A socket that calls connect(), from a port of its own.
    fn calling(&mut self, to: &str, prepare: impl FnOnce(&Stream)) -> (u16, Stream) {
        let stream = Stream::new(false).unwrap();
        self.next_port += 1;
        let mut own = address(HERE);
        own.set_port(self.next_port);
        stream.bind_to(own).unwrap();
        prepare(&stream);
        stream.start_connect(address(to)).unwrap();
        (self.next_port, stream)
    }

    /// A connection, with its place among the accepted ones.
    fn connected(&mut self, prepare: impl FnOnce(&Stream)) -> (u16, Stream, usize) {
        let (port, stream) = self.calling(THERE, prepare);
        let accepted = until("the connection", || {
            self.carry();
            Stream::accept(&self.server).unwrap().ok_or("no connection")
        });
        self.accepted.push(accepted);
        (port, stream, self.accepted.len() - 1)
    }

    /// The sockets of this namespace by local port, and when they were read: not before, not after.
    fn look(&mut self) -> (BTreeMap<u16, LiveSocket>, Instant, Instant) {
        let idle = StateMask::of(TcpState::Listen).and(StateMask::of(TcpState::Close));
        let states = StateMask::ALL.without(idle);
        let wanted = Extensions::MEMORY.and(Extensions::INFO);
        let request = DumpRequest::of(states).with(wanted).for_family(DumpFamily::Ipv4, 1);
        let mut sockets = BTreeMap::new();
        let before = Instant::now();
        let step = |buffer: &[u8]| {
            for message in Messages::new(buffer) {
                match message.kind {
                    MessageKind::Data(_, payload) => {
                        let found = InetDiag::decode(payload).unwrap();
                        // A request has its listener's port; its peer has one of its own.
                        let port =
                            if found.source_port() == 443 { found.destination_port() } else { found.source_port() };
                        sockets.insert(port, found.live_socket().unwrap());
                    }
                    MessageKind::Done(0) => return DumpStep::Done,
                    MessageKind::Done(number) | MessageKind::Error(number) => return DumpStep::Error(number),
                    MessageKind::Overrun => return DumpStep::Lost,
                    MessageKind::Noop => {}
                }
            }
            DumpStep::More
        };
        self.diag.dump(&request, step).unwrap();
        // One that has just come to its end may still be in the table.
        sockets.retain(|_, socket: &mut LiveSocket| socket.state != TcpState::Close);
        (sockets, before, Instant::now())
    }

    /// Waits until a socket looks so.
    fn until(&mut self, what: &str, port: u16, looks: impl Fn(&LiveSocket) -> bool) {
        until(what, || {
            self.carry();
            let (sockets, ..) = self.look();
            let found = sockets.get(&port).copied();
            if found.as_ref().is_some_and(&looks) { Ok(()) } else { Err(found) }
        });
    }
}

/// A socket that is watched.
struct Watched {
    name: &'static str,
    port: u16,
    known: KnownOptions,
    /// The application's descriptor, where there is one.
    stream: Option<Stream>,
    forecasts: Vec<(Instant, Instant, LiveSocket, LiveForecast)>,
    /// When it was last there, and when it was first gone.
    end: Option<(Instant, Instant)>,
}

impl Watched {
    fn new(name: &'static str, port: u16, stream: Option<Stream>) -> Self {
        Self { name, port, known: KnownOptions::default(), stream, forecasts: Vec::new(), end: None }
    }

    fn knowing(self, known: KnownOptions) -> Self {
        Self { known, ..self }
    }
}

/// The settings as the program reads them.
fn settings(place: &Place) -> KnownSettings {
    let source = Source::own(Settings::keys().map(|key| key.parse().unwrap()).collect());
    let snapshot = collect::live(&source).expect("the own namespace can be read");
    assert_eq!(snapshot.netns.inode, Some(place.inode()));
    KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key))
}

/// Looks at the sockets until all are gone.
fn watch(wire: &mut Wire, watched: &mut [Watched], host: &Host, settings: &KnownSettings) {
    let started = Instant::now();
    let mut last = Instant::now();
    while watched.iter().any(|one| one.end.is_none()) {
        let (sockets, before, after) = wire.look();
        for one in watched.iter_mut().filter(|one| one.end.is_none()) {
            if let Some(socket) = sockets.get(&one.port) {
                let forecast = forecast_live(socket, &one.known, host, settings);
                one.forecasts.push((before, after, *socket, forecast));
            } else {
                assert!(!one.forecasts.is_empty(), "{} was never there", one.name);
                one.end = Some((last, after));
            }
        }
        last = before;
        let left: Vec<_> = watched.iter().filter(|one| one.end.is_none()).map(|one| one.name).collect();
        assert!(started.elapsed() < DEADLINE, "still there: {left:?}");
        sleep(LOOK);
    }
}

/// Every forecast against the end that came.
fn judge(one: &Watched) {
    let (last_there, first_gone) = one.end.expect("an end");
    let name = one.name;
    let since = |at: Instant| first_gone.saturating_duration_since(at);
    let (mut judged, mut between) = (0, 0);
    for (before, after, socket, forecast) in &one.forecasts {
        let told = format!("{name}: {socket:?}\n{forecast:?}\ngone {:?} after it was read", since(*after));
        let (window, outcome) = match &forecast.end {
            LiveEnd::At { window, outcome } => (window, outcome),
            // It was read while its timer was being armed, or while what the timer calls ran: sock_diag takes no lock.
            _ if socket.timer == SocketTimer::Off => {
                between += 1;
                continue;
            }
            _ => panic!("no end\n{told}"),
        };
        assert!(*before + Duration::from_micros(window.at_us) <= first_gone, "earlier than told\n{told}");
        let latest = *after + Duration::from_micros(window.latest_us) + ALLOWANCE;
        assert!(last_there <= latest, "later than told\n{told}");
        let expected = if one.stream.is_some() { "ETIMEDOUT" } else { "gone" };
        assert_eq!(outcome.name(), expected, "{told}");
        judged += 1;
    }
    // A look takes far less than a tenth of what is looked at.
    assert!(judged > 10 && between <= judged / 20, "{name}: {judged} forecasts, {between} without a timer");
    if let Some(stream) = &one.stream {
        let error = stream.take_error().unwrap().expect("an error");
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::TIMEDOUT.raw_os_error()), "{name}: {error}");
    }
}

fn to_the_end(place: &Place) -> Ran {
    let host = host(place)?;
    for (key, value) in SYSCTLS {
        place.set(key, value);
    }
    if host.version.at_least(6, 5) {
        place.set("net.ipv4.tcp_syn_linear_timeouts", "1");
    }
    let settings = settings(place);
    let mut wire = Wire::lay()?;
    let listener = listen_on("192.0.2.1:443".parse().unwrap(), 64).unwrap();

    let set = |option, value| move |stream: &Stream| set_int_option(stream, option, value).unwrap();
    let plain = |_: &Stream| {};
    // Connections, while the wire carries.
    let data = wire.connected(plain);
    let limited = wire.connected(set(IntOption::UserTimeout, 1500));
    let thin = wire.connected(set(IntOption::ThinLinearTimeouts, 1));
    let half = wire.connected(plain);
    let half_thin = wire.connected(set(IntOption::ThinLinearTimeouts, 1));
    let orphan = wire.connected(plain);
    let full = wire.connected(plain);
    let full_orphan = wire.connected(plain);
    let full_limited = wire.connected(set(IntOption::UserTimeout, 2500));
    let last = wire.connected(plain);
    let lingering = wire.connected(plain);
    let long = wire.connected(set(IntOption::Linger2, 62));
    let idle = wire.connected(|stream| {
        let options = [(IntOption::KeepIdle, 1), (IntOption::KeepInterval, 1), (IntOption::KeepCount, 2)];
        for (option, value) in options.into_iter().chain([(IntOption::Keepalive, 1)]) {
            set_int_option(stream, option, value).unwrap();
        }
    });

    // More than the window holds; probes are answered until the wire falls silent.
    for (port, stream, _) in [&full, &full_orphan, &full_limited] {
        assert!(stream.send(&[0; 60_000]).unwrap() > 0);
        wire.until("a closed window", *port, |socket| socket.timer == SocketTimer::Probe);
    }
    // The peer closes first.
    wire.accepted[last.2].shutdown_write().unwrap();
    wire.until("the peer's FIN", last.0, |socket| socket.state == TcpState::CloseWait);
    // This end closes, and the peer acknowledges and stays.
    let ports = [lingering.0, long.0];
    drop((lingering.1, long.1));
    for port in ports {
        wire.until("FIN-WAIT-2", port, |socket| socket.state == TcpState::FinWait2);
    }

    // From here on nothing is carried.
    let mut watched = vec![
        Watched::new("FIN-WAIT-2 of an orphan", ports[0], None),
        Watched::new("FIN-WAIT-2 for more than a minute", ports[1], None)
            .knowing(KnownOptions { linger2_s: Some(62), ..KnownOptions::default() }),
    ];
    for (name, (port, stream, _)) in [("data", data), ("a closed window", full)] {
        let _ = stream.send(b"x").unwrap();
        watched.push(Watched::new(name, port, Some(stream)));
    }
    for (name, milliseconds, (port, stream, _)) in
        [("data with TCP_USER_TIMEOUT", 1500, limited), ("a closed window with TCP_USER_TIMEOUT", 2500, full_limited)]
    {
        let _ = stream.send(b"x").unwrap();
        let known = KnownOptions { user_timeout_ms: Some(milliseconds), ..KnownOptions::default() };
        watched.push(Watched::new(name, port, Some(stream)).knowing(known));
    }
    let known = KnownOptions { thin_linear_timeouts: Some(true), ..KnownOptions::default() };
    let _ = thin.1.send(b"x").unwrap();
    watched.push(Watched::new("data of a thin stream", thin.0, Some(thin.1)).knowing(known));
    half_thin.1.shutdown_write().unwrap();
    watched.push(Watched::new("shutdown() of a thin stream", half_thin.0, Some(half_thin.1)).knowing(known));
    half.1.shutdown_write().unwrap();
    watched.push(Watched::new("shutdown()", half.0, Some(half.1)));
    for (name, (port, stream, _)) in
        [("FIN-WAIT-1 of an orphan", orphan), ("LAST-ACK", last), ("an orphan behind a closed window", full_orphan)]
    {
        drop(stream);
        watched.push(Watched::new(name, port, None));
    }
    let keeping =
        KnownOptions { keepidle_s: Some(1), keepintvl_s: Some(1), keepcnt: Some(2), ..KnownOptions::default() };
    watched.push(Watched::new("keepalive", idle.0, Some(idle.1)).knowing(keeping));
    let (port, stream) = wire.calling(NOBODY, plain);
    watched.push(Watched::new("connect()", port, Some(stream)));
    let (port, stream) = wire.calling(NOBODY, set(IntOption::SynCount, 1));
    let known = KnownOptions { syncnt: Some(1), ..KnownOptions::default() };
    watched.push(Watched::new("connect() with TCP_SYNCNT", port, Some(stream)).knowing(known));
    let (port, stream) = wire.calling(NOBODY, set(IntOption::UserTimeout, 2500));
    let known = KnownOptions { user_timeout_ms: Some(2500), ..KnownOptions::default() };
    watched.push(Watched::new("connect() with TCP_USER_TIMEOUT", port, Some(stream)).knowing(known));
    let forged = build_syn("192.0.2.77:50000".parse().unwrap(), "192.0.2.1:443".parse().unwrap(), 1).unwrap();
    wire.here.send(&forged).unwrap();
    watched.push(Watched::new("a half-open entry", 50_000, None));

    watch(&mut wire, &mut watched, &host, &settings);
    watched.iter().for_each(judge);
    drop(listener);
    Ok(())
}

fn stays(place: &Place) -> Ran {
    let host = host(place)?;
    let settings = settings(place);
    let mut wire = Wire::lay()?;
    let (idle, _idle, _) = wire.connected(|_| {});
    let (half_closed, stream, _) = wire.connected(|_| {});
    stream.shutdown_write().unwrap();
    wire.until("FIN-WAIT-2", half_closed, |socket| socket.state == TcpState::FinWait2);
    let (left, _left, at) = wire.connected(|_| {});
    wire.accepted[at].shutdown_write().unwrap();
    wire.until("CLOSE-WAIT", left, |socket| socket.state == TcpState::CloseWait);
    let (closed, stream, at) = wire.connected(|_| {});
    drop(stream);
    wire.until("FIN-WAIT-2", closed, |socket| socket.state == TcpState::FinWait2);
    wire.accepted[at].shutdown_write().unwrap();
    wire.until("TIME-WAIT", closed, |socket| socket.state == TcpState::TimeWait);

    // What is acknowledged last leaves no timer behind.
    let told = |wire: &mut Wire, port: u16| {
        let (sockets, ..) = wire.look();
        forecast_live(&sockets[&port], &KnownOptions::default(), &host, &settings)
    };
    for (port, activity) in
        [(idle, Activity::Quiet), (half_closed, Activity::AwaitingFin), (left, Activity::AwaitingClose)]
    {
        wire.until("no timer", port, |socket| socket.timer == SocketTimer::Off);
        let forecast = told(&mut wire, port);
        assert_eq!((forecast.activity, &forecast.end), (activity, &LiveEnd::Never), "{forecast:?}");
    }
    let forecast = told(&mut wire, closed);
    let LiveEnd::At { window, outcome: Outcome::Gone } = forecast.end else { panic!("{forecast:?}") };
    assert!(window.at_us > 55_000_000 && window.at_us <= 60_000_000, "{window:?}");
    Ok(())
}
