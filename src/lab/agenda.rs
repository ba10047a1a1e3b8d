//! What a scenario's script does and when: calls of the applications, and what comes from outside.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::LabError;
use super::apps::PORT;
use super::bench::Bench;
use super::network::Addresses;
use crate::model::{Action, Injected, Scenario, Segment, Side, Start};
use crate::sys::unix_ns;
use crate::wire::build_syn;

/// The port that forged SYNs come from.
const FORGED_PORT: u16 = 5555;

/// Calls of the beginning are made one after the other; those within this time are made at once, in microseconds.
const AT_ONCE_US: u64 = 200;

/// A line of the script.
#[derive(Clone, Copy, Debug)]
enum Line {
    /// The n-th call.
    Call(usize),
    /// The n-th injection.
    Inject(usize),
}

/// What is still to be done, and when what was done took place.
#[derive(Debug)]
pub(super) struct Agenda {
    /// By microseconds since the beginning and place in the script.
    open: BTreeMap<(u64, usize), Line>,
    /// When the scenario began.
    begun: Option<Instant>,
    /// When a call and an injection took place, in nanoseconds since 1970.
    calls_ns: BTreeMap<usize, u64>,
    injections_ns: BTreeMap<usize, u64>,
}

/// Says of what the laboratory cannot play that it cannot.
///
/// # Errors
/// [`LabError::NotPlayable`] with what that is.
pub fn check_playable(scenario: &Scenario) -> Result<(), LabError> {
    let connects = |side| scenario.calls.iter().any(|call| call.side == side && call.action == Action::Connect);
    let in_call = |what: &Injected| matches!(what, Injected::Icmp { in_call: true, .. });
    if scenario.injections.iter().any(|injection| in_call(&injection.what)) {
        return Err(LabError::NotPlayable("an ICMP error in the middle of a system call"));
    }
    if connects(Side::Server) && scenario.start != Start::Nothing {
        return Err(LabError::NotPlayable("connect() by a server that listens on that port"));
    }
    Ok(())
}

impl Agenda {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let calls = scenario.calls.iter().enumerate().map(|(place, call)| (call.at_us, Line::Call(place)));
        let injections =
            scenario.injections.iter().enumerate().map(|(place, injection)| (injection.at_us, Line::Inject(place)));
        let open = calls.chain(injections).enumerate().map(|(order, (at_us, line))| ((at_us, order), line)).collect();
        Self { open, begun: None, calls_ns: BTreeMap::new(), injections_ns: BTreeMap::new() }
    }

    /// When the next line is due, once the scenario has begun.
    pub(super) fn due(&self) -> Option<Instant> {
        let (at_us, _) = self.open.keys().next()?;
        self.begun.map(|begun| begun + Duration::from_micros(*at_us))
    }

    fn next_due(&mut self) -> Option<(u64, Line)> {
        self.due().filter(|due| *due <= Instant::now())?;
        self.open.pop_first().map(|((at_us, _), line)| (at_us, line))
    }

    /// The scenario with the times at which its lines took place; those of its beginning are time 0 unless they were
    /// late.
    pub(super) fn as_played(&self, scenario: &Scenario, start_ns: u64) -> Scenario {
        let mut scenario = scenario.clone();
        let since_us = |unix_ns: &u64| unix_ns.saturating_sub(start_ns) / 1000;
        for (place, call) in scenario.calls.iter_mut().enumerate() {
            let took_place_us = self.calls_ns.get(&place).map_or(call.at_us, since_us);
            if call.at_us > 0 || took_place_us > AT_ONCE_US {
                call.at_us = took_place_us;
            }
        }
        for (place, injection) in scenario.injections.iter_mut().enumerate() {
            injection.at_us = self.injections_ns.get(&place).map_or(injection.at_us, since_us);
        }
        scenario
    }
}

impl Bench<'_> {
    /// The scenario begins: the applications do what they do at time 0, and the wire begins to lose.
    pub(super) fn begin(&mut self) -> Result<(), LabError> {
        self.measured = self.apps.measured();
        self.record.tell_beginning(self.scenario, &self.measured);
        let mut now_ns = unix_ns();
        let speaks = |action| !matches!(action, Action::CloseAfterPeer | Action::SetOptions(_) | Action::Listen);
        let first_probe = self.scenario.start == Start::WindowClosed;
        if !first_probe && !self.scenario.calls.iter().any(|call| call.at_us == 0 && speaks(call.action)) {
            // Time 0 is when something was last heard; else when the first call sends something.
            if self.scenario.start == Start::Established {
                now_ns = self.last_ns;
            }
            self.record.begin(now_ns);
        }
        self.begun_ns = Some(now_ns);
        if first_probe {
            // Time 0 is when it leaves.
            self.until("the first probe", |bench| bench.record.start_ns().is_some())?;
            now_ns = self.record.start_ns().unwrap_or(now_ns);
            self.begun_ns = Some(now_ns);
        }
        let since = Duration::from_nanos(unix_ns().saturating_sub(now_ns));
        let now = Instant::now();
        self.agenda.begun = Some(now.checked_sub(since).unwrap_or(now));
        self.perform_due()
    }

    /// Does what is due by now.
    pub(super) fn perform_due(&mut self) -> Result<(), LabError> {
        while let Some((at_us, line)) = self.agenda.next_due() {
            let now_ns = unix_ns();
            match line {
                Line::Call(place) => {
                    self.agenda.calls_ns.insert(place, now_ns);
                    self.call(place)?;
                }
                Line::Inject(place) => {
                    self.agenda.injections_ns.insert(place, now_ns);
                    self.inject(place)?;
                }
            }
            if at_us > 0 || self.agenda.open.first_key_value().is_none_or(|((next_us, _), _)| *next_us > 0) {
                self.looks.stir();
            }
        }
        Ok(())
    }

    fn call(&mut self, place: usize) -> Result<(), LabError> {
        let Some(call) = self.scenario.calls.get(place) else { return Ok(()) };
        let (side, network) = (call.side, self.network);
        let host = network.host(side);
        let app = self.apps.of(side)?;
        match call.action {
            Action::Listen => app.listen(host),
            Action::Connect => {
                let (now_ns, refused) = app.connect(host)?;
                self.agenda.calls_ns.insert(place, now_ns);
                if let Some(errno) = refused {
                    self.record.returned(now_ns, side, Some(errno));
                }
                Ok(())
            }
            Action::ForgeSyn => self.forge_syn(),
            Action::Accept => app.accept_other(),
            Action::Die => {
                app.die();
                Ok(())
            }
            Action::Reboot => self.reboot(side),
            Action::SetOptions(options) => app.set_options(options),
            wish => app.wish(wish),
        }
    }

    fn forge_syn(&mut self) -> Result<(), LabError> {
        let target = SocketAddr::new(self.network.server.address, PORT);
        let source = SocketAddr::new(Addresses::of(self.scenario.family).nobody, FORGED_PORT);
        let packet = build_syn(source, target, 1).ok_or(LabError::NotPlayable("a forged SYN"))?;
        self.record.sent(unix_ns(), Side::Client, (Segment::Syn, 1), |_| false);
        self.arrive_from_outside(Side::Server, &packet)
    }

    /// A socket that its application holds is reset, and the RST lost: nobody learns of it.
    fn reboot(&mut self, side: Side) -> Result<(), LabError> {
        if !self.apps.of(side)?.is_connected() {
            return Err(LabError::NotPlayable("a reboot of an end whose application holds no connection"));
        }
        self.carry()?;
        self.read_taps()?;
        self.losing_power = Some(side);
        self.apps.of(side)?.forget()?;
        self.carry()?;
        self.read_taps()?;
        self.losing_power = None;
        Ok(())
    }

    fn inject(&mut self, place: usize) -> Result<(), LabError> {
        let Some(injection) = self.scenario.injections.get(place) else { return Ok(()) };
        // Its numbers are those of what the ends have sent until now.
        self.carry()?;
        let to = injection.to;
        let packet = match injection.what {
            Injected::Segment { segment, seq, ack } => {
                let packet = self.carrier.numbers.forge(to, segment, seq, ack)?;
                self.injected.push((to, packet.clone(), segment));
                packet
            }
            Injected::Icmp { error, .. } => {
                self.record.icmp(unix_ns(), to, error);
                self.carrier.numbers.forge_icmp(to, error)?
            }
        };
        self.arrive_from_outside(to, &packet)
    }
}
