//! The network namespaces whose sockets `tcpctl sockets` reads, one after the other.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::collect::{
    Holders, RowPlace, RowsWanted, ShownStates, SocketRows, SocketRowsError, Source, find_row_places, read_cgroups,
    read_filter,
};
use crate::model::{Assumption, LiveForecast};
use crate::report::{printable, render_assumptions};
use crate::snapshot::{Gap, GapKind, NamespaceName, StoredRows};
use crate::ui::cli::CliError;
use crate::ui::cli::args_sockets::{SocketGroup, SocketsArgs};
use crate::ui::cli::context::Context;
use crate::ui::cli::stored::without_rows;

/// The one that was asked for, or every one.
pub(super) struct Places {
    source: Source,
    wanted: RowsWanted,
    /// A file's, in place of the host's, with the inode of their namespace.
    stored: Option<(Arc<StoredRows>, Option<u64>)>,
    /// Nothing for one alone.
    every: Option<(Vec<RowPlace>, Vec<Gap>)>,
    /// What the forecasts took for granted.
    assumed: RefCell<BTreeSet<Assumption>>,
}

/// Whether every socket of a namespace was met, so that one that was not is gone. Only bound ones, which are not in the
/// tables of `/proc`, are told by no gap of their own.
pub(super) fn is_whole(walked: &Result<Vec<Gap>, SocketRowsError>) -> bool {
    let misses = |gap: &Gap| match gap.kind {
        GapKind::Malformed | GapKind::Failed => true,
        // The table of a family, not what a filter asks of single sockets.
        GapKind::Denied => gap.source.ends_with("/net/tcp6"),
        GapKind::Absent | GapKind::Substituted => false,
    };
    walked.as_ref().is_ok_and(|gaps| !gaps.iter().any(misses))
}

/// How the sockets of one were read.
pub(super) struct Visited {
    /// What could not be read.
    pub(super) walked: Result<Vec<Gap>, SocketRowsError>,
    /// Whether no more are needed.
    pub(super) is_enough: bool,
}

impl Places {
    /// Those that are asked for.
    pub(super) fn new(args: &SocketsArgs, context: &Context<'_>) -> Result<Self, CliError> {
        let filter = read_filter(&args.filter.join(" ")).map_err(|error| CliError::Usage(error.to_string()))?;
        let (netns, proc_root) = (context.netns.clone(), context.proc_root.clone());
        let source = Source { netns, proc_root, ..Source::own(Vec::new()) };
        let shown = match (args.all, args.listening) {
            (_, true) => ShownStates::Listening,
            (true, _) => ShownStates::All,
            _ => ShownStates::Connected,
        };
        let ipv4 = (args.ipv4 != args.ipv6).then_some(args.ipv4);
        // What moves between two readings is told by both.
        let (info, memory) = (args.info || args.options || args.watch.is_some(), args.memory || args.watch.is_some());
        let wanted = RowsWanted { filter, shown, ipv4, info, memory, filter_here: false };
        if let Some(stored) = &context.stored {
            let rows = stored.rows().ok_or_else(without_rows)?;
            let stored = Some((Arc::clone(rows), stored.last().netns.inode));
            return Ok(Self { source, wanted, stored, every: None, assumed: RefCell::default() });
        }
        if !(args.all_netns || args.group_by == Some(SocketGroup::Netns)) {
            return Ok(Self { source, wanted, stored: None, every: None, assumed: RefCell::default() });
        }
        // The parser does not look for conflicts of options that every command has.
        if context.netns.is_some() {
            let option = if args.all_netns { "--all-netns" } else { "--group-by netns" };
            return Err(CliError::Usage(format!("{option} reads every namespace: leave out --netns")));
        }
        let every = find_row_places(&context.proc_root)?;
        Ok(Self { source, wanted, stored: None, every: Some(every), assumed: RefCell::default() })
    }

    /// Looks again which namespaces there are.
    pub(super) fn find_again(&mut self, context: &Context<'_>) -> Result<(), CliError> {
        if self.every.is_some() {
            self.every = Some(find_row_places(&context.proc_root)?);
        }
        Ok(())
    }

    /// Whether it is one alone.
    pub(super) const fn is_one(&self) -> bool {
        self.every.is_none()
    }

    /// What they are called; nothing for one alone.
    pub(super) fn names(&self) -> impl Iterator<Item = &NamespaceName> {
        self.every.iter().flat_map(|(places, _)| places).map(|place| &place.name)
    }

    /// Takes note of what a forecast that is shown took for granted.
    pub(super) fn note_assumed(&self, forecast: Option<&LiveForecast>) {
        self.assumed.borrow_mut().extend(forecast.into_iter().flat_map(|shown| shown.assumptions.iter().copied()));
    }

    /// What the forecasts took for granted, sign by sign.
    pub(super) fn assumed(&self) -> Option<String> {
        let assumed = self.assumed.borrow();
        (!assumed.is_empty()).then(|| render_assumptions(assumed.iter().copied()))
    }

    /// The one that was asked for.
    pub(super) fn open(&self) -> Result<SocketRows, CliError> {
        Ok(self.open_with(self.source.clone(), self.wanted.clone())?)
    }

    fn open_with(&self, source: Source, wanted: RowsWanted) -> Result<SocketRows, SocketRowsError> {
        match &self.stored {
            Some((rows, inode)) => SocketRows::stored(rows, *inode, wanted),
            None => SocketRows::open(&source, wanted),
        }
    }

    /// The processes that hold sockets.
    pub(super) fn holders(&self) -> Holders {
        match &self.stored {
            Some((rows, _)) => Holders::stored(rows),
            None => Holders::read(&self.source.proc_root),
        }
    }

    /// All listeners of one, whatever else is asked.
    pub(super) fn open_listeners(&self, place: Option<&RowPlace>) -> Result<SocketRows, SocketRowsError> {
        let source = Source { netns: netns_of(place, &self.source), ..self.source.clone() };
        let wanted = RowsWanted { filter: Default::default(), shown: ShownStates::Listening, ..self.wanted.clone() };
        self.open_with(source, wanted)
    }

    /// Paths of cgroups by id, where they are to be shown.
    pub(super) fn cgroups(&self, args: &SocketsArgs) -> BTreeMap<u64, String> {
        match &self.stored {
            _ if !args.extended => BTreeMap::new(),
            Some((rows, _)) => rows.cgroups.clone(),
            None => read_cgroups(),
        }
    }

    /// Letters of the column that names them; 0 for one alone, which needs none.
    pub(super) fn width(&self) -> usize {
        let names = self.every.iter().flat_map(|(places, _)| places);
        names.map(|place| printable(&place.name.name).chars().count().max("Netns".len())).max().unwrap_or(0)
    }

    /// Opens one after the other and hands it to `visit`. One that cannot be read, or that is gone meanwhile, is a gap
    /// where every one is asked for.
    pub(super) fn each(
        &self,
        mut visit: impl FnMut(Option<&RowPlace>, &mut SocketRows) -> Result<Visited, CliError>,
    ) -> Result<Vec<Gap>, CliError> {
        let Some((places, gaps)) = &self.every else {
            return Ok(visit(None, &mut self.open()?)?.walked?);
        };
        let mut gaps = gaps.clone();
        let (mut refused, mut is_read) = (None, false);
        for place in places {
            let mut rows = match place.open(&self.source, self.wanted.clone()) {
                Ok(Ok(rows)) => rows,
                Ok(Err(gap)) => {
                    gaps.push(gap);
                    continue;
                }
                // A device of one namespace need not be in another, and there no socket is bound to it.
                Err(error) => {
                    refused.get_or_insert(error);
                    continue;
                }
            };
            let visited = visit(Some(place), &mut rows)?;
            is_read = true;
            let told = visited.walked.unwrap_or_else(|error| vec![place.gap(&error)]);
            // What is so in all of them is said once.
            told.into_iter().for_each(|gap| {
                if !gaps.contains(&gap) {
                    gaps.push(gap)
                }
            });
            if visited.is_enough {
                break;
            }
        }
        match refused {
            Some(error) if !is_read => Err(error.into()),
            _ => Ok(gaps),
        }
    }
}

/// The namespace as it is asked for by name.
pub(super) fn netns_of(place: Option<&RowPlace>, source: &Source) -> Option<String> {
    place.map_or_else(|| source.netns.clone(), RowPlace::netns)
}
