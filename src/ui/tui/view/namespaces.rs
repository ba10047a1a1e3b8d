//! The network namespaces: whose each is, what is in it, and how its settings differ.

use ratatui::text::Line;

use super::listing::labelled;
use crate::snapshot::NamespaceFacts;
use crate::ui::tui::listing::Listing;
use crate::ui::tui::number::count;
use crate::ui::tui::screen::Screen;
use crate::ui::tui::state::State;
use crate::ui::tui::text::{left, right, rule};
use crate::ui::tui::theme::Role;
use crate::units::TcpState;

/// States with a column of their own.
const STATES: [TcpState; 5] =
    [TcpState::Listen, TcpState::Estab, TcpState::SynRecv, TcpState::TimeWait, TcpState::CloseWait];

/// The table.
pub(super) fn listing(state: &State, width: usize) -> Listing<'_> {
    let Some(survey) = state.namespaces.as_deref() else { return Listing::nothing("Namespaces", "… reading") };
    let survey = match survey {
        Ok(survey) => survey,
        Err(reason) => return Listing::nothing("Namespaces", format!("? {reason}")),
    };
    let list = state.list(Screen::Namespaces);
    let rows: Vec<&NamespaceFacts> = survey
        .namespaces
        .iter()
        .filter(|facts| list.admits(&[&namespace_name(facts), &owner(facts), &facts.inode.to_string()]))
        .collect();
    let gaps = if survey.gaps.is_empty() { String::new() } else { "? not all could be listed".to_owned() };
    let search = if list.search.is_empty() { String::new() } else { format!("/{}", list.search) };
    let here = state.shown().and_then(|snapshot| snapshot.netns.inode);
    let columns = Columns::of(width);
    Listing {
        title: "Namespaces",
        facts: vec![format!("{} of {}", rows.len(), survey.namespaces.len()), search, gaps],
        heading: columns.heading(),
        ids: rows.iter().map(|facts| facts.inode.to_string()).collect(),
        line: Box::new(move |at| match rows.get(at) {
            Some(facts) => (columns.line(facts, here == Some(facts.inode)), Role::Plain),
            None => (String::new(), Role::Plain),
        }),
        empty: format!("no namespace has `{}`; Esc shows all", list.search),
    }
}

#[derive(Clone, Copy)]
struct Columns {
    name: usize,
    owner: usize,
    states: usize,
}

impl Columns {
    fn of(width: usize) -> Self {
        let states = if width < 76 { 2 } else { STATES.len() };
        let free = width.saturating_sub(4 + 10 * states + 6);
        let owner = free / 2;
        Self { name: free - owner, owner, states }
    }

    fn heading(self) -> String {
        let states: String = STATES.iter().take(self.states).map(|state| right(heading(*state), 10)).collect();
        format!("   {} {}{states}{}", left("name", self.name), left("owner", self.owner), right("keys", 6))
    }

    fn line(self, facts: &NamespaceFacts, is_here: bool) -> String {
        let sign = if is_here { "●" } else { " " };
        let cell = |state: &TcpState| match &facts.sockets {
            Some(sockets) => sockets.counted(*state).map_or_else(|| "?".to_owned(), count),
            None => "?".to_owned(),
        };
        let states: String = STATES.iter().take(self.states).map(|state| right(&cell(state), 10)).collect();
        // Of one that could not be entered no settings are known either.
        let differ = facts.sockets.as_ref().map_or_else(|| "?".to_owned(), |_| facts.settings.len().to_string());
        let differ = right(&differ, 6);
        format!(
            "{sign} {} {}{states}{differ}",
            left(&namespace_name(facts), self.name),
            left(&owner(facts), self.owner)
        )
    }
}

/// The name of a state where it has nine columns.
const fn heading(state: TcpState) -> &'static str {
    match state {
        TcpState::CloseWait => "CLOSE-W",
        state => state.name(),
    }
}

/// What it is called.
pub(in crate::ui::tui) fn namespace_name(facts: &NamespaceFacts) -> String {
    let bound = facts.bound.first().and_then(|path| path.rsplit('/').next());
    match (bound, facts.initial) {
        (_, Some(true)) => "host".to_owned(),
        (Some(name), _) => name.to_owned(),
        (None, _) => facts.inode.to_string(),
    }
}

fn owner(facts: &NamespaceFacts) -> String {
    match (&facts.process, facts.processes.saturating_sub(1)) {
        (None, _) => "no process".to_owned(),
        (Some(process), 0) => format!("{}({})", process.name, process.pid),
        (Some(process), more) => format!("{}({}) +{more}", process.name, process.pid),
    }
}

/// All of the selected one.
pub(super) fn detail(state: &State, width: usize) -> Vec<Line<'static>> {
    let Some(Ok(survey)) = state.namespaces.as_deref() else { return Vec::new() };
    let selected = super::selected_id(state, Screen::Namespaces);
    let Some(facts) = survey.namespaces.iter().find(|facts| Some(facts.inode.to_string()) == selected) else {
        return Vec::new();
    };
    let own = if facts.own { "tcpctl runs in it" } else { "" };
    let initial = if facts.initial == Some(true) { "the host's own" } else { "" };
    let title = format!("netns {}", facts.inode);
    let mut lines = vec![rule(state.theme, &title, &[initial, own], width)];
    let mut say = |label: &str, text: &str| lines.extend(labelled(state, label, text, width));
    say("Owner", &format!("{}, {} processes", owner(facts), facts.processes));
    if !facts.bound.is_empty() {
        say("Bound to", &facts.bound.join(" "));
    }
    let counted = facts.sockets.as_ref().map(|sockets| {
        let some = TcpState::ALL.into_iter().filter_map(|state| {
            sockets.counted(state).filter(|count| *count > 0).map(|count| format!("{} {count}", state.name()))
        });
        some.collect::<Vec<_>>().join("  ")
    });
    say(
        "Sockets",
        match &counted {
            None => "? could not be read",
            Some(text) if text.is_empty() => "none of TCP",
            Some(text) => text,
        },
    );
    let there = if survey.compared_with_initial { "host" } else { "here" };
    for (at, setting) in facts.settings.iter().enumerate() {
        let label = if at == 0 { "Differs" } else { "" };
        say(label, &format!("{} = {} ({there}: {})", setting.key, setting.here, setting.there));
    }
    if facts.settings.is_empty() && facts.gaps.is_empty() {
        say("Differs", &format!("no setting from the {there}'s"));
    }
    for gap in facts.gaps.iter().chain(&survey.gaps) {
        say("?", &format!("{}: {} → {}", gap.source, gap.reason, gap.consequence));
    }
    lines
}
