//! The network namespaces whose sockets a trace asks about: one, or every one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::sockets::{Forecaster, tell};
use crate::collect::{RowPlace, SocketAsker, Source, find_row_places};
use crate::report::{NetnsFrom, TraceAnswer, TraceNetns};
use crate::snapshot::Gap;
use crate::trace::{Told, TraceEnds};
use crate::ui::cli::CliError;
use crate::ui::cli::context::Context;

/// How often it is looked at the most which namespaces there are.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// The same for the addresses of one namespace, where one is met for the first time.
const LOOK_AT_ONCE: Duration = Duration::from_millis(100);
/// Addresses of other namespaces that are remembered at the most.
const MOST_FOREIGN: usize = 4096;

/// All of them.
pub(super) struct TracePlaces {
    source: Source,
    places: Vec<TracePlace>,
    /// When all of them were found; nothing where one alone is asked about.
    every: Option<Instant>,
    /// Whether a socket was found in none since then.
    missed: bool,
    /// When the addresses of the one that is asked about alone were read, and those that were met and are none of them.
    read: Instant,
    foreign: BTreeSet<IpAddr>,
}

struct TracePlace {
    /// Nothing for the one that is asked about alone.
    found: Option<RowPlace>,
    asker: SocketAsker,
    /// Read when the first socket of it was found.
    forecaster: Option<Option<Forecaster>>,
}

impl TracePlaces {
    /// This one, or the one that was named, or all.
    pub(super) fn open(every: bool, context: &mut Context<'_>) -> Result<Self, CliError> {
        let (netns, proc_root) = (context.netns.clone(), context.proc_root.clone());
        let source = Source { netns, proc_root, ..Source::own(Vec::new()) };
        if every {
            if context.netns.is_some() {
                // The parser does not look for conflicts of options that every command has.
                let message = "--all-netns asks every namespace: leave out --netns";
                return Err(CliError::Usage(message.to_owned()));
            }
            let mut all = Self::of(source);
            all.find(context, true)?;
            return Ok(all);
        }
        let asker = SocketAsker::open(&source)?;
        let forecaster = Some(Forecaster::read(context)?);
        Ok(Self { places: vec![TracePlace { found: None, asker, forecaster }], ..Self::of(source) })
    }

    /// None yet.
    fn of(source: Source) -> Self {
        let (places, foreign) = (Vec::new(), BTreeSet::new());
        Self { source, places, every: None, missed: false, read: Instant::now(), foreign }
    }

    /// What is missing while sockets cannot be asked about.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let gap = |place: &TracePlace| {
            let gap = place.asker.gap()?;
            Some(match &place.found {
                Some(found) => Gap { source: format!("{} of {}", gap.source, found.name.name), ..gap },
                None => gap,
            })
        };
        self.places.iter().filter_map(gap).collect()
    }

    /// Finds all that there are; one that cannot be entered is told where `telling`.
    fn find(&mut self, context: &mut Context<'_>, telling: bool) -> Result<(), CliError> {
        (self.every, self.missed) = (Some(Instant::now()), false);
        let (places, mut gaps) = find_row_places(&context.proc_root)?;
        self.places.clear();
        for place in places {
            let source = Source { netns: place.netns(), ..self.source.clone() };
            match SocketAsker::open(&source) {
                Ok(asker) if asker.netns_inode() == Some(place.name.inode) => {
                    self.places.push(TracePlace { found: Some(place), asker, forecaster: None });
                }
                // Gone meanwhile.
                Ok(_) => {}
                Err(error) => gaps.push(place.gap(&error.into())),
            }
        }
        if telling { tell(&gaps, context) } else { Ok(()) }
    }

    /// Whether an address is one of the namespace that is asked about alone; nothing where it may have become one since
    /// that was looked up.
    pub(super) fn is_own(&self, address: IpAddr) -> Option<bool> {
        if self.is_known(address) { Some(true) } else { self.foreign.contains(&address).then_some(false) }
    }

    fn is_known(&self, address: IpAddr) -> bool {
        self.places.iter().any(|place| place.asker.is_local(address))
    }

    /// Reads the addresses of the namespace that is asked about alone once more, where one of these is none of them and may
    /// be new.
    pub(super) fn look_for(&mut self, addresses: impl Iterator<Item = IpAddr>) {
        // That of a listener of all addresses is nobody's.
        let strange: BTreeSet<IpAddr> =
            addresses.filter(|address| !address.to_canonical().is_unspecified() && !self.is_known(*address)).collect();
        let is_new = strange.iter().any(|address| !self.foreign.contains(address));
        let least = if is_new { LOOK_AT_ONCE } else { LOOK_AGAIN };
        if strange.is_empty() || self.read.elapsed() < least {
            return;
        }
        for place in &mut self.places {
            place.asker.read_addresses();
        }
        self.read = Instant::now();
        if self.foreign.len() + strange.len() > MOST_FOREIGN {
            self.foreign.clear();
        }
        self.foreign.extend(strange);
    }

    /// Looks for namespaces that are new, where one of these addresses is none of those that are known, or a socket was not
    /// found.
    pub(super) fn look_again(&mut self, told: &[Told], context: &mut Context<'_>) -> Result<(), CliError> {
        let is_due = self.every.is_some_and(|found| found.elapsed() >= LOOK_AGAIN);
        let is_unknown = |told: &Told| told.ends.is_some_and(|ends| !self.is_known(ends.local.ip()));
        if is_due && (self.missed || told.iter().any(is_unknown)) { self.find(context, false) } else { Ok(()) }
    }

    /// How many questions one about these ends takes.
    pub(super) fn questions(&self, ends: TraceEnds) -> usize {
        if self.every.is_some() { self.candidates(ends).len() } else { 1 }
    }

    /// Whose the ends are by the address alone: that of one namespace and of no other that is known.
    pub(super) fn by_address(&self, ends: TraceEnds) -> Option<TraceNetns> {
        self.every?;
        match self.candidates(ends).as_slice() {
            [only] => self.netns_of(*only, NetnsFrom::Address),
            _ => None,
        }
    }

    /// What the kernel says of the socket of an event, and whose it is.
    pub(super) fn ask(
        &mut self,
        told: &Told,
        ends: TraceEnds,
        context: &mut Context<'_>,
    ) -> Result<(TraceAnswer, Option<TraceNetns>), CliError> {
        let asked = if self.every.is_some() { self.candidates(ends) } else { vec![0] };
        // In a namespace that is not known yet, or at a foreign address that is bound all the same.
        if asked.is_empty() {
            return Ok((TraceAnswer::NotAsked, None));
        }
        let (mut found, mut untold) = (Vec::new(), None);
        for at in asked {
            let Some(place) = self.places.get_mut(at) else { continue };
            match place.asker.ask(ends.local, ends.peer) {
                Ok(socket) => {
                    let socket = socket.filter(|socket| told.is_answered_by(socket.state));
                    found.extend(socket.map(|socket| (at, socket)));
                }
                Err(error) => untold = Some(error.to_string()),
            }
        }
        // Who was not heard may have it, or have one as well.
        if let Some(reason) = untold {
            return Ok((TraceAnswer::NotAnswered(reason), None));
        }
        let anywhere = self.every.is_some();
        Ok(match found.as_slice() {
            // One with the same address may have come meanwhile, and have it.
            [] => {
                self.missed = true;
                (TraceAnswer::NoSocket { anywhere }, None)
            }
            [(at, socket)] => {
                let forecast = self.forecaster(*at, context)?.and_then(|forecaster| forecaster.of(*socket));
                (TraceAnswer::Socket(*socket, forecast), self.netns_of(*at, NetnsFrom::Socket))
            }
            _ => (TraceAnswer::Several, None),
        })
    }

    fn forecaster(&mut self, at: usize, context: &mut Context<'_>) -> Result<Option<&Forecaster>, CliError> {
        let Some(place) = self.places.get_mut(at) else { return Ok(None) };
        if place.forecaster.is_none() {
            place.forecaster = Some(match &place.found {
                Some(found) => Forecaster::within(found, context)?,
                None => Forecaster::read(context)?,
            });
        }
        Ok(place.forecaster.as_ref().and_then(Option::as_ref))
    }

    /// Which namespaces have the local address.
    fn candidates(&self, ends: TraceEnds) -> Vec<usize> {
        let places = self.places.iter().enumerate();
        places.filter(|(_, place)| place.asker.is_local(ends.local.ip())).map(|(at, _)| at).collect()
    }

    fn netns_of(&self, at: usize, from: NetnsFrom) -> Option<TraceNetns> {
        let found = self.places.get(at)?.found.as_ref()?;
        Some(TraceNetns { name: found.name.clone(), from })
    }
}
