//! What the screens say: who holds what, how it is called, what could not be judged, what was found in a text, and that the
//! figures of one page agree.
#![cfg(target_endian = "little")]

use std::sync::Arc;

use tcpctl::report::SocketRow;
use tcpctl::snapshot::{Gap, GapKind, SysctlReading};
use tcpctl::ui::tui::{
    Context, Effect, Event, Found, Key, LabNews, SocketsReading, SocketsWant, State, Theme, TuneReply, TuneRequest,
    Want, update,
};

use tcpctl::units::TcpState;

use crate::screen_lists::found;
use crate::screen_ways::exported;
use crate::screens::{
    COLOUR, busy_host, characters, drawn, idle_host, press, rows, state_in, text, type_keys, watching,
};

fn screen_of(keys: &str, size: (u16, u16)) -> State {
    let mut state = watching(COLOUR, size, 8, busy_host);
    type_keys(&mut state, characters(keys));
    state
}

/// A reading of sockets as a user without rights makes it: nobody is known to hold those with a file.
fn unseen(mut reading: SocketsReading) -> Found {
    let held = |row: SocketRow| row.held_by(core::iter::empty());
    reading.rows = reading.rows.map(|rows| rows.into_iter().map(held).collect());
    reading.gaps = vec![Gap::new(
        "/proc/<pid>/fd",
        GapKind::Denied,
        "permission denied for 7 processes",
        "owners of 9 sockets are unknown; run as root or with CAP_SYS_PTRACE",
    )];
    Found::Sockets(Arc::new(reading))
}

#[test]
fn an_owner_that_is_not_readable_is_no_owner_that_is_not_there() {
    let mut state = screen_of("3", (120, 30));
    let Some(Found::Sockets(reading)) = found(&Want::Sockets(SocketsWant::default())) else { panic!("found") };
    update(&mut state, Event::Found(unseen(SocketsReading::clone(&reading))));
    let screen = text(&state);
    let owner = |what: &str| {
        let row = screen.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what}: {screen}"));
        let mut words = row.trim_start_matches('>').split_whitespace().skip_while(|word| *word != what);
        words.nth(3).unwrap().to_owned()
    };
    assert_eq!((owner("TIME-WAIT").as_str(), owner("FIN-WAIT-2").as_str()), ("–", "?"), "{screen}");
    assert!(screen.contains("TIME-WAIT ── no process"), "{screen}");
    type_keys(&mut state, characters("jjj"));
    assert!(text(&state).contains("ESTAB ── ? owner not readable"), "{}", text(&state));
    // The page of gaps and the row of messages say why, on this screen alone.
    assert!(text(&state).contains("permission denied for 7 processes"), "{}", text(&state));
    type_keys(&mut state, characters("i"));
    assert!(text(&state).contains("owners of 9 sockets are unknown"), "{}", text(&state));
    type_keys(&mut state, characters("\u{1b}1i"));
    assert!(!text(&state).contains("owners of 9 sockets"), "{}", text(&state));
}

#[test]
fn owners_that_are_being_looked_for_are_said_to_be() {
    let mut state = screen_of("3", (120, 30));
    assert!(!text(&state).contains("being looked for"), "{}", text(&state));
    let Some(Found::Sockets(reading)) = found(&Want::Sockets(SocketsWant::default())) else { panic!("found") };
    let mut reading = SocketsReading::clone(&reading);
    let open = |row: SocketRow| SocketRow { owner: "…".to_owned(), ..row };
    reading.rows = reading.rows.map(|rows| rows.into_iter().map(open).collect());
    update(&mut state, Event::Found(Found::Sockets(Arc::new(reading))));
    assert!(text(&state).contains("… owners are being looked for"), "{}", text(&state));
}

#[test]
fn the_hosts_namespace_and_the_own_one_are_called_so_however_they_are_entered() {
    let named = |name: &str, initial: bool, entered_own: bool| {
        let mut state = screen_of("9", (80, 24));
        let Some(Found::Namespaces(survey)) = found(&Want::Namespaces) else { panic!("namespaces are found") };
        let mut survey = Result::clone(&survey).unwrap();
        // One that only a process leads to.
        let other = survey.namespaces.get_mut(1).unwrap();
        (other.bound, other.own, other.initial) = (Vec::new(), entered_own, Some(initial));
        update(&mut state, Event::Found(Found::Namespaces(Arc::new(Ok(survey)))));
        type_keys(&mut state, characters("j\n"));
        let mut there = busy_host(9);
        there.netns.inode = Some(4_026_532_201);
        (there.netns.initial, there.netns.name) = (Some(initial), Some(name.to_owned()));
        update(&mut state, Event::Read(Arc::new(there)));
        let header = text(&state).lines().next().unwrap().to_owned();
        type_keys(&mut state, characters("5\nGA"));
        assert_eq!(state.context(), Context::Question, "{}", text(&state));
        let question = text(&state).lines().find(|line| line.contains("changes to")).unwrap().to_owned();
        let words = |line: &str| {
            let behind = line.split_once("net ").unwrap().1;
            behind.split([' ', '?']).next().unwrap().to_owned()
        };
        assert_eq!(words(&header), words(&question));
        words(&header)
    };
    assert_eq!(named("2", true, false), "host");
    assert_eq!(named("812", false, true), "own");
    assert_eq!(named("812", false, false), "4026532201");
    assert_eq!(named("/proc/812/ns/net", false, false), "4026532201");
    assert_eq!(named("blue", false, false), "blue");
}

#[test]
fn what_could_not_be_judged_is_a_row_with_a_page_while_findings_stand() {
    let mut state = screen_of("6", (80, 24));
    let screen = text(&state);
    let row = screen.lines().find(|line| line.contains("? could not judge")).unwrap_or_else(|| panic!("{screen}"));
    // The title, the row and the overview of a quiet host count the same rules.
    let numbers = |line: &str| -> Vec<usize> {
        line.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
    };
    let title = screen.lines().nth(2).unwrap();
    let [found, asked, _, undecided] = numbers(title)[..] else { panic!("{title}") };
    assert!(found > 0 && title.contains(&format!("{asked} rules")), "{title}");
    assert_eq!(numbers(row).first(), Some(&undecided), "{row}");
    type_keys(&mut state, characters("G\n"));
    let page = text(&state);
    assert!(page.contains("Could not judge") && !page.contains("Evidence"), "{page}");
    let mut quiet = watching(COLOUR, (80, 24), 8, idle_host);
    let headline = text(&quiet).lines().find(|line| line.contains("quiet")).unwrap().to_owned();
    type_keys(&mut quiet, characters("6"));
    let title = text(&quiet).lines().nth(2).unwrap().to_owned();
    let ([quiet, open], [asked, _, undecided]) = (&numbers(&headline)[..2], &numbers(&title)[..]) else {
        panic!("{headline} {title}")
    };
    assert_eq!((quiet + open, open), (*asked, undecided), "{headline} {title}");
}

#[test]
fn a_text_is_searched_and_no_letter_of_it_is_a_key() {
    for (keys, word) in
        [("?", "suspend"), ("4/syn-lost\n\n", "retries"), ("7\n", "sysctl"), ("5\n", "reasons"), ("i", "ptrace")]
    {
        let mut state = screen_of(keys, (80, 24));
        let interval = text(&state).contains("LIVE 1s");
        type_keys(&mut state, characters("/-+q"));
        assert_eq!(state.context(), Context::Prompt, "{keys}");
        assert!(text(&state).contains("LIVE 1s") == interval, "{keys}: {}", text(&state));
        press(&mut state, Key::Control('u'));
        type_keys(&mut state, characters(word));
        let marked = |state: &State| {
            let rows = rows(&drawn(state));
            let found = rows.into_iter().skip(2).find(|row| row.starts_with('/') && row.to_lowercase().contains(word));
            found.unwrap_or_else(|| panic!("{keys}: no line is marked: {}", text(state)))
        };
        marked(&state);
        type_keys(&mut state, [Key::Enter]);
        let first = marked(&state);
        type_keys(&mut state, characters("n"));
        marked(&state);
        type_keys(&mut state, characters("N"));
        assert_eq!(marked(&state), first, "{keys}");
        type_keys(&mut state, characters("/no-such-word\n"));
        assert!(text(&state).contains("`no-such-word` is nowhere in this text"), "{keys}: {}", text(&state));
    }
}

#[test]
fn escape_from_a_search_leaves_the_text_where_it_was() {
    let mut state = screen_of("?", (80, 24));
    type_keys(&mut state, characters("jj"));
    let before = rows(&drawn(&state));
    type_keys(&mut state, characters("/suspend"));
    assert_ne!(rows(&drawn(&state)), before);
    type_keys(&mut state, [Key::Escape]);
    assert_eq!(rows(&drawn(&state)), before);
}

#[test]
fn an_entry_of_the_history_is_found_by_its_words() {
    let mut state = screen_of("5\t", (80, 24));
    let selected = |state: &State| rows(&drawn(state)).into_iter().find(|row| row.starts_with('>')).unwrap();
    let newest = selected(&state);
    type_keys(&mut state, characters("/boot\n"));
    assert!(selected(&state).contains("boot") && selected(&state) != newest, "{}", text(&state));
}

#[test]
fn what_tells_sockets_apart_is_shown_at_every_width() {
    for size in [(40, 10), (60, 15), (80, 24), (100, 30), (160, 48)] {
        let state = screen_of("3", size);
        let screen = text(&state);
        // Both ends of the first one, as far as its ports.
        let row = screen.lines().find(|line| line.contains("TIME-WAIT")).unwrap();
        assert!(row.contains(":40006") && row.contains(":80"), "{size:?}: {screen}");
    }
    let wide = text(&screen_of("3", (80, 24)));
    assert!(wide.contains("owner") && wide.contains(" java "), "{wide}");
}

#[test]
fn an_error_is_shown_to_its_end() {
    let mut state = watching(COLOUR, (80, 24), 3, busy_host);
    let reason = "cannot read sock_diag in the network namespace /run/netns/blue: permission denied; run it as root, \
                  or with CAP_NET_ADMIN and CAP_SYS_ADMIN in the user namespace that owns it";
    update(&mut state, Event::ReadFailed(reason.to_owned()));
    assert!(text(&state).contains("that owns it"), "{}", text(&state));
    let mut state = screen_of("3/state synrecv and dport = :80 or sport = :443", (80, 24));
    let screen = text(&state);
    assert!(!screen.contains('…'), "what is wrong with a filter is cut: {screen}");
    type_keys(&mut state, [Key::Escape]);
}

#[test]
fn lines_of_the_laboratory_are_wrapped() {
    let mut state = screen_of("8/syn-lost\n\nL", (80, 24));
    let line = "! the laboratory needs two network namespaces: run it as root, or let users make namespaces with \
                kernel.unprivileged_userns_clone=1";
    update(&mut state, Event::Lab(1, LabNews::Line(line.to_owned())));
    assert!(text(&state).contains("userns_clone=1"), "{}", text(&state));
}

#[test]
fn the_times_of_one_page_agree() {
    let state = screen_of("3", (80, 24));
    let screen = text(&state);
    let row = screen.lines().find(|line| line.starts_with('>')).unwrap();
    let behind = |text: &str, word: &str| {
        let rest = text.split_once(word).unwrap_or_else(|| panic!("no {word}: {screen}")).1;
        rest.trim_start().split(|letter: char| !letter.is_ascii_digit()).next().unwrap().to_owned()
    };
    let dies = screen.lines().find(|line| line.starts_with(" Dies")).unwrap();
    let now = screen.lines().find(|line| line.starts_with(" Now")).unwrap();
    assert_eq!(behind(row, "gone"), behind(now, "gone in"), "{screen}");
    assert_eq!(behind(dies, ", in"), behind(now, "gone in"), "{screen}");
    let clock = row.split_whitespace().last().unwrap();
    assert!(dies.contains(&format!("≈{clock}–")), "{screen}");
}

#[test]
fn before_a_connection_is_open_nothing_is_said_of_when_it_last_sent() {
    let Some(Found::Sockets(reading)) = found(&Want::Sockets(SocketsWant::default())) else { panic!("found") };
    let rows = reading.rows.as_ref().unwrap();
    let said = |state: TcpState| {
        let mut rows = rows.iter().filter(|row| row.state == Some(state)).peekable();
        assert!(rows.peek().is_some(), "no socket in {state}");
        rows.any(|row| row.info.contains("lastsnd"))
    };
    assert_eq!((said(TcpState::Estab), said(TcpState::SynSent)), (true, false));
}

#[test]
fn in_ascii_every_sign_has_a_stand_in() {
    for size in [(80, 24), (160, 48)] {
        for &context in Context::ALL {
            let state = state_in(context, size);
            let plain = rows(&drawn(&state));
            let ascii = rows(&drawn(&state.in_theme(Theme { mono: true, ascii: true })));
            for (one, other) in plain.iter().zip(&ascii) {
                let lost = one.chars().zip(other.chars()).find(|(sign, stand_in)| *stand_in == '?' && *sign != '?');
                assert_eq!(lost, None, "{}: {one}", context.name());
            }
        }
    }
}

#[test]
fn what_undoes_is_planned_anew_once_the_journal_has_gone_on() {
    let plans =
        |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Tune(TuneRequest::PlanRollback)));
    for reply in [TuneReply::Kept(Ok(4)), TuneReply::Done(Err("another apply has gone on since".into()))] {
        let mut state = screen_of("5U", (80, 24));
        assert_eq!(state.context(), Context::Question, "{}", text(&state));
        type_keys(&mut state, [Key::Escape]);
        // The plan that is on the screen is the one that is asked about.
        assert!(!plans(&press(&mut state, Key::Char('U'))));
        type_keys(&mut state, [Key::Escape]);
        update(&mut state, Event::Tuned(Box::new(reply)));
        assert!(plans(&press(&mut state, Key::Char('U'))), "{}", text(&state));
    }
}

#[test]
fn a_what_if_that_came_true_is_one_no_more() {
    let mut state = screen_of("4/syn-lost\n\n", (80, 24));
    press(&mut state, Key::Left);
    assert!(text(&state).contains("± tcp_syn_retries"), "{}", text(&state));
    let mut after = busy_host(9);
    after.sysctls.readings.insert("net.ipv4.tcp_syn_retries".parse().unwrap(), SysctlReading::Value("5".into()));
    update(&mut state, Event::Read(Arc::new(after)));
    assert!(!text(&state).contains('±'), "{}", text(&state));
}

#[test]
fn the_overview_is_exported_with_the_rows_that_are_searched_for() {
    let json = |keys: &str| -> serde_json::Value {
        let mut state = screen_of(keys, (80, 24));
        serde_json::from_str(&exported(&mut state, "a.json")).unwrap()
    };
    let (all, some) = (json(""), json("/time-wait\n"));
    let states = |value: &serde_json::Value| value["states"].as_object().unwrap().len();
    assert_eq!((states(&all) > 5, states(&some)), (true, 1), "{some}");
    assert!(some["counters"].as_array().unwrap().len() < all["counters"].as_array().unwrap().len());
}

#[test]
fn a_share_of_a_handful_of_segments_is_a_rate() {
    let quiet = |seconds: u64| {
        let mut snapshot = idle_host(seconds);
        let tcp = snapshot.counters.snmp.as_mut().unwrap().get_mut("Tcp").unwrap();
        tcp.insert("RetransSegs".into(), i64::try_from(2 * seconds).unwrap());
        tcp.insert("OutSegs".into(), i64::try_from(2 * seconds).unwrap());
        snapshot
    };
    let screen = text(&watching(COLOUR, (80, 24), 4, quiet));
    let row = screen.lines().find(|line| line.contains("retransmits")).unwrap();
    assert!(row.contains("2/s") && !row.contains('%'), "{row}");
    let screen = text(&watching(COLOUR, (80, 24), 4, busy_host));
    let row = screen.lines().find(|line| line.contains("retransmits")).unwrap();
    assert!(row.contains('%'), "{row}");
}
