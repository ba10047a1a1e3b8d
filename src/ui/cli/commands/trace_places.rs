//! The network namespaces whose sockets a trace asks about: one, or every one.

use std::time::{Duration, Instant};

use super::sockets::{Forecaster, tell};
use crate::collect::{RowPlace, SocketAsker, Source, find_row_places};
use crate::report::{NetnsFrom, TraceAnswer, TraceNetns};
use crate::trace::{Told, TraceEnds};
use crate::ui::cli::CliError;
use crate::ui::cli::context::Context;

/// How often it is looked at the most which namespaces there are.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// All of them.
pub(super) struct TracePlaces {
    source: Source,
    places: Vec<TracePlace>,
    /// When all of them were found; nothing where one alone is asked about.
    every: Option<Instant>,
    /// Whether a socket was found in none since then.
    missed: bool,
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
            let mut all = Self { source, places: Vec::new(), every: Some(Instant::now()), missed: false };
            all.find(context, true)?;
            return Ok(all);
        }
        let asker = SocketAsker::open(&source)?;
        let forecaster = Some(Forecaster::read(context)?);
        Ok(Self { source, places: vec![TracePlace { found: None, asker, forecaster }], every: None, missed: false })
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

    /// Whether an address is one of the namespace that is asked about alone.
    pub(super) fn is_own(&self, address: std::net::IpAddr) -> bool {
        self.places.iter().any(|place| place.asker.is_local(address))
    }

    /// Looks for namespaces that are new, where one of these addresses is none of those that are known, or a socket was not
    /// found.
    pub(super) fn look_again(&mut self, told: &[Told], context: &mut Context<'_>) -> Result<(), CliError> {
        let is_due = self.every.is_some_and(|found| found.elapsed() >= LOOK_AGAIN);
        let is_unknown = |told: &Told| told.ends.is_some_and(|ends| !self.is_own(ends.local.ip()));
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
        let mut found = Vec::new();
        for at in asked {
            let Some(place) = self.places.get_mut(at) else { continue };
            let socket = place.asker.ask(ends.local, ends.peer).filter(|socket| told.is_answered_by(socket.state));
            found.extend(socket.map(|socket| (at, socket)));
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
