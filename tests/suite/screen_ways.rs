//! Ways through the interface: what waits to be kept, what is gone, where Esc leads, what is asked about, what is typed,
//! and what a file gets of it.
#![cfg(target_endian = "little")]

use std::sync::Arc;

use tcpctl::tune::Confirmation;
use tcpctl::ui::tui::{
    Context, Effect, Event, Found, Key, LabNews, LabRequest, Now, State, TuneReply, TuneRequest, Want, update,
};

use crate::screen_lists;
use crate::screens::{
    COLOUR, START_UNIX_MS, answer, answer_all, assert_screen, blind_host, busy_host, characters, drawn, idle_host,
    new_state, press, rows, text, type_keys, watching,
};

fn screen_of(keys: &str, size: (u16, u16)) -> State {
    let mut state = watching(COLOUR, size, 8, busy_host);
    type_keys(&mut state, characters(keys));
    state
}

fn clock(state: &mut State, ms: u64) -> Vec<Effect> {
    update(state, Event::Clock(Now { unix_ms: START_UNIX_MS + ms, utc_offset_s: 0 }))
}

/// What the journal says while an apply waits to be kept, until so many milliseconds after the start.
fn waiting(until_ms: u64) -> TuneReply {
    let mut reply = answer(TuneRequest::List);
    if let TuneReply::Listed { history: Ok(entries), .. } = &mut reply {
        entries[0].confirm = Some(Confirmation {
            until_unix_ms: START_UNIX_MS + until_ms,
            confirmed_unix_ms: None,
            newest_entry: Default::default(),
        });
    }
    reply
}

fn asks_the_journal(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Tune(TuneRequest::List)))
}

#[test]
fn what_waits_to_be_kept_is_shown_from_the_start_on_every_screen_and_kept_from_there() {
    let mut state = new_state(COLOUR, (80, 24));
    let effects = update(&mut state, Event::Read(Arc::new(busy_host(0))));
    assert!(asks_the_journal(&effects), "{effects:?}");
    update(&mut state, Event::Tuned(Box::new(waiting(47_000))));
    for screen in "123456789?i".chars() {
        let effects = press(&mut state, Key::Char(screen));
        answer_others(&mut state, effects);
        assert!(text(&state).contains("UNDONE in 47s"), "{screen}: {}", text(&state));
        assert!(text(&state).contains("K keep"), "{screen}: {}", text(&state));
    }
    // Neither a line that is typed nor an answer hides it.
    type_keys(&mut state, characters("\u{1b}\u{1b}1:explain"));
    assert!(text(&state).contains("UNDONE 47s") || text(&state).contains("UNDONE in 47s"), "{}", text(&state));
    type_keys(&mut state, characters("\u{1b}1z"));
    let screen = text(&state);
    assert!(screen.contains("z has no meaning here") && screen.contains("UNDONE in 47s   K keep"), "{screen}");
    clock(&mut state, 40_000);
    assert!(text(&state).contains("UNDONE in 7s"), "{}", text(&state));
    let effects = press(&mut state, Key::Char('K'));
    assert!(matches!(effects.as_slice(), [Effect::Tune(TuneRequest::Keep(4))]), "{effects:?}");
}

/// Answers what is wanted of the collector alone.
fn answer_others(state: &mut State, effects: Vec<Effect>) {
    for effect in effects {
        if let Effect::Want(want) = effect
            && let Some(found) = screen_lists::found(&want)
        {
            update(state, Event::Found(found));
        }
    }
}

#[test]
fn what_waits_to_be_kept_is_asked_for_after_a_change_of_the_namespace_and_of_the_settings() {
    let mut state = screen_of("9j\n", (80, 24));
    let mut there = busy_host(10);
    there.netns.inode = Some(4_026_532_201);
    assert!(asks_the_journal(&update(&mut state, Event::Read(Arc::new(there.clone())))));
    update(&mut state, Event::Tuned(Box::new(answer(TuneRequest::List))));
    there.taken_unix_ms += 1000;
    assert!(!asks_the_journal(&update(&mut state, Event::Read(Arc::new(there.clone())))), "nothing has changed");
    let key = "net.ipv4.tcp_synack_retries".parse().unwrap();
    there.sysctls.readings.insert(key, tcpctl::snapshot::SysctlReading::Value("2".into()));
    assert!(asks_the_journal(&update(&mut state, Event::Read(Arc::new(there)))), "somebody applied something");
}

#[test]
fn what_was_kept_from_elsewhere_is_not_said_to_be_undone() {
    let mut state = watching(COLOUR, (80, 24), 3, busy_host);
    update(&mut state, Event::Tuned(Box::new(waiting(30_000))));
    let effects = clock(&mut state, 31_500);
    assert!(asks_the_journal(&effects), "{effects:?}");
    let mut kept = waiting(30_000);
    if let TuneReply::Listed { history: Ok(entries), .. } = &mut kept {
        entries[0].confirm.as_mut().unwrap().confirmed_unix_ms = Some(START_UNIX_MS + 20_000);
    }
    update(&mut state, Event::Tuned(Box::new(kept)));
    let screen = text(&state);
    assert!(screen.contains("was kept from elsewhere") && !screen.contains("UNDONE"), "{screen}");
}

/// The sockets that are there once that with this cookie has gone, `seconds` after the start.
fn without(state: &State, cookie: &str, seconds: u64) -> Found {
    let Some(Found::Sockets(reading)) = screen_lists::found(&Want::Sockets(Default::default())) else { panic!() };
    let mut reading = (*reading).clone();
    reading.rows.as_mut().unwrap().retain(|row| row.cookie.to_string() != cookie);
    reading.passed -= 1;
    reading.taken_unix_ms = START_UNIX_MS + 1000 * seconds;
    assert!(text(state).contains("Identity"));
    Found::Sockets(Arc::new(reading))
}

#[test]
fn the_page_of_a_socket_that_is_gone_says_so_and_keeps_what_was_known() {
    let mut state = screen_of("3jj\n", (80, 24));
    let title = |state: &State| rows(&drawn(state))[2].clone();
    let before = title(&state);
    let Some(Found::Sockets(reading)) = screen_lists::found(&Want::Sockets(Default::default())) else { panic!() };
    let cookie = reading.rows.as_ref().unwrap()[2].cookie.to_string();
    let gone = without(&state, &cookie, 12);
    update(&mut state, Event::Found(gone));
    assert_eq!(title(&state), before, "no other socket takes its place");
    assert!(text(&state).contains("GONE at 12:00:12: closed"), "{}", text(&state));
    // It comes back to life in no later reading that has it again.
    update(&mut state, Event::Found(Found::Sockets(reading)));
    assert!(!text(&state).contains("GONE at"), "{}", text(&state));
    assert_eq!(title(&state), before);
}

#[test]
fn the_page_of_a_listener_or_a_finding_that_is_gone_says_so_and_keeps_what_was_known() {
    for keys in ["2jj\n", "6\n"] {
        let mut state = screen_of(keys, (80, 24));
        let title = |state: &State| rows(&drawn(state))[2].clone();
        let before = title(&state);
        for second in 9..30 {
            update(&mut state, Event::Read(Arc::new(idle_host(second))));
        }
        assert_eq!(title(&state), before, "{keys}");
        assert!(text(&state).contains("GONE at 12:00:"), "{keys}: {}", text(&state));
        type_keys(&mut state, characters("\u{1b}"));
        assert!(!text(&state).contains("GONE at"), "{keys}: {}", text(&state));
    }
}

#[test]
fn a_finding_keeps_its_page_while_its_figures_and_its_place_change() {
    let mut state = screen_of("6j\n", (80, 24));
    let title = |state: &State| rows(&drawn(state))[2].clone();
    let before = title(&state);
    for second in 9..20 {
        let mut host = busy_host(second);
        // The worst one goes, so that the others move up.
        if let Some(sockets) = &mut host.sockets {
            sockets.listeners.clear();
        }
        update(&mut state, Event::Read(Arc::new(host)));
    }
    assert_eq!(title(&state), before);
    assert!(!text(&state).contains("GONE"), "{}", text(&state));
}

#[test]
fn escape_leads_back_along_the_jumps_to_where_they_began() {
    let mut state = screen_of("6\n", (80, 24));
    let finding = text(&state);
    let mut seen = vec![state.context()];
    for keys in ["x", ":lab syn-lost\n"] {
        type_keys(&mut state, characters(keys));
        seen.push(state.context());
    }
    assert_eq!(seen, [Context::FindingPage, Context::TopicPage, Context::LabPage]);
    assert!(text(&state).contains("Esc goes back to a topic's page"), "{}", text(&state));
    for wanted in [Context::TopicPage, Context::FindingPage] {
        press(&mut state, Key::Escape);
        assert_eq!(state.context(), wanted);
    }
    assert_eq!(text(&state), finding);
    press(&mut state, Key::Escape);
    assert_eq!(state.context(), Context::Findings);
    // To the sockets of a listener, into one of them, and all the way back.
    let mut state = screen_of("2\nw", (80, 24));
    assert!(text(&state).contains("sport = :"), "{}", text(&state));
    type_keys(&mut state, characters("\u{1b}"));
    assert_eq!(state.context(), Context::ListenerDetail);
    // By the overview's row, and by a typed command.
    assert_eq!(screen_of("\n\u{1b}", (80, 24)).context(), Context::Overview);
    assert_eq!(screen_of("7:explain keepalive\n\u{1b}", (80, 24)).context(), Context::Parameters);
    // Who goes elsewhere with a digit has come from nowhere.
    assert_eq!(screen_of("6x4\u{1b}\u{1b}", (80, 24)).context(), Context::Topics);
}

#[test]
fn the_way_back_has_an_end() {
    let mut state = screen_of("6\n", (80, 24));
    for _ in 0..100 {
        type_keys(&mut state, characters("x"));
        type_keys(&mut state, characters(":diagnose\n\n"));
    }
    for _ in 0..300 {
        press(&mut state, Key::Escape);
    }
    assert!(matches!(state.context(), Context::Findings | Context::Topics), "{:?}", state.context());
}

#[test]
fn an_arrow_on_a_parameters_page_moves_its_forecasts_and_p_makes_a_plan_of_it() {
    let mut state = screen_of("7/synack_retries\n\n", (80, 24));
    assert!(text(&state).contains("5   ◂ ▸ count"), "{}", text(&state));
    for _ in 0..3 {
        let effects = press(&mut state, Key::Left);
        assert!(effects.is_empty(), "{effects:?}");
    }
    let screen = text(&state);
    assert!(screen.contains("5 → ◂ 2 ▸ count") && screen.contains("63–66s  →  7"), "{screen}");
    assert_screen("parameter_what_if_80x24", &state);
    // The topics ask the same.
    let mut topic = state.clone();
    type_keys(&mut topic, characters(":explain synack-lost\n"));
    assert!(text(&topic).contains("◂ 2 ▸"), "{}", text(&topic));
    let effects = press(&mut state, Key::Char('p'));
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Tune(TuneRequest::PlanValues(values)) => Some(values.clone()),
        _ => None,
    });
    let asked: Vec<(String, String)> =
        asked.unwrap().into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    assert_eq!(asked, [("net.ipv4.tcp_synack_retries".to_owned(), "2".to_owned())]);
    assert!(effects.iter().all(|effect| !effect.writes()));
    // What the kernel does not take is said and not asked.
    let mut state = screen_of("7/synack_retries\n\n", (80, 24));
    for _ in 0..9 {
        press(&mut state, Key::Left);
    }
    assert!(text(&state).contains("◂ 0 ▸"), "{}", text(&state));
    press(&mut state, Key::Char('u'));
    assert!(text(&state).contains("5   ◂ ▸"), "{}", text(&state));
}

#[test]
fn what_is_played_goes_on_in_another_namespace_and_is_told_once() {
    let mut state = screen_of("4/syn-lost\n\n", (80, 24));
    let effects = press(&mut state, Key::Char('L'));
    let [Effect::Lab(LabRequest::Start { run, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    update(&mut state, Event::Lab(*run, LabNews::Line("the first line".into())));
    type_keys(&mut state, characters("9j\n"));
    update(&mut state, Event::Lab(*run, LabNews::Line("the second line".into())));
    let mut there = busy_host(10);
    there.netns.inode = Some(4_026_532_201);
    let effects = update(&mut state, Event::Read(Arc::new(there)));
    answer_all(&mut state, effects);
    type_keys(&mut state, characters("8"));
    let screen = text(&state);
    assert!(screen.contains("playing: L stops it"), "{screen}");
    for line in ["the first line", "the second line"] {
        assert_eq!(screen.matches(line).count(), 1, "{screen}");
    }
    // It is stopped, and what is played next has another number.
    assert!(matches!(press(&mut state, Key::Char('L')).as_slice(), [Effect::Lab(LabRequest::Stop)]));
    update(&mut state, Event::Lab(*run, LabNews::Ended(String::new())));
    let effects = press(&mut state, Key::Char('L'));
    assert!(
        matches!(effects.as_slice(), [Effect::Lab(LabRequest::Start { run: next, .. })] if next > run),
        "{effects:?}"
    );
}

#[test]
fn every_list_can_be_searched_and_says_how_its_words_are_cleared() {
    let screen = text(&screen_of("/retrans\n", (80, 24)));
    assert!(screen.contains("retransmits") && !screen.contains("resets sent"), "{screen}");
    let screen = text(&screen_of("2/nginx\n", (80, 24)));
    assert!(screen.contains("1 of 1 ── /nginx") && !screen.contains("postgres"), "{screen}");
    assert!(text(&screen_of("2/nothing-such\n", (80, 24))).contains("no listener has `nothing-such`; Esc shows all"));
    assert!(text(&screen_of("2/nginx\n\u{1b}", (80, 24))).contains("postgres"));
    let screen = text(&screen_of("5/zzz\n", (80, 24)));
    assert!(screen.contains("no profile has `zzz`; Esc shows all"), "{screen}");
    assert!(text(&screen_of("5/flood\n", (80, 24))).contains("anti-syn-flood"));
    let screen = text(&screen_of("2/nginx\n/", (80, 24)));
    assert!(screen.contains(" /nginx_   Ctrl-U clears"), "{screen}");
    // The arrows go through the list while its words are typed.
    let mut state = screen_of("7/tcp_", (80, 24));
    let before = rows(&drawn(&state)).into_iter().find(|row| row.starts_with('>'));
    press(&mut state, Key::Down);
    assert_eq!(state.context(), Context::Prompt);
    assert_ne!(rows(&drawn(&state)).into_iter().find(|row| row.starts_with('>')), before);
}

#[test]
fn what_could_follow_a_command_is_listed_while_it_is_typed() {
    assert_screen("palette_80x24", &screen_of(":", (80, 24)));
    assert_screen("palette_topics_160x48", &screen_of(":explain s", (160, 48)));
    let mut state = screen_of(":params retr", (80, 24));
    assert!(text(&state).contains("tcp_retries2"), "{}", text(&state));
    type_keys(&mut state, [Key::Down, Key::Down]);
    let chosen = rows(&drawn(&state)).into_iter().find(|row| row.starts_with("> ")).unwrap();
    type_keys(&mut state, [Key::Enter]);
    let name = chosen.split_whitespace().nth(2).unwrap();
    assert!(text(&state).contains(&format!("/{name}")), "{chosen}: {}", text(&state));
    // A filter is completed as well.
    assert!(text(&screen_of("3/state syn-r\t", (80, 24))).contains(" /state syn-recv_"));
}

#[test]
fn what_is_pasted_is_text_and_no_keys() {
    let mut state = screen_of("5\nGA", (80, 24));
    assert_eq!(state.context(), Context::Question);
    let effects = update(&mut state, Event::Paste("y\nq".to_owned()));
    assert!(effects.is_empty(), "{effects:?}");
    assert_eq!(state.context(), Context::Question);
    let mut state = screen_of("3/", (80, 24));
    update(&mut state, Event::Paste("dport = :443\n".to_owned()));
    assert!(text(&state).contains(" /dport = :443_"), "{}", text(&state));
}

#[test]
fn the_header_says_how_often_it_is_read_and_not_what_was_asked_for() {
    let mut state = watching(COLOUR, (80, 24), 8, busy_host);
    update(&mut state, Event::Paced(22_000));
    assert!(text(&state).contains("LIVE 22s"), "{}", text(&state));
    // Nor is a picture stale that is as young as that allows.
    clock(&mut state, 8_000 + 30_000);
    assert!(text(&state).contains("LIVE 22s"), "{}", text(&state));
    clock(&mut state, 8_000 + 60_000);
    assert!(text(&state).contains("STALE"), "{}", text(&state));
}

#[test]
fn a_long_answer_goes_on_above_its_row() {
    let mut state = watching(COLOUR, (60, 15), 8, blind_host);
    type_keys(&mut state, characters("z"));
    update(
        &mut state,
        Event::Exported(Err(
            "cannot write /a/place/that/is/rather/long.txt: the directory is not there, and nobody made it".into(),
        )),
    );
    let screen = text(&state);
    assert!(screen.contains("cannot write") && screen.contains("nobody made it"), "{screen}");
}

pub(crate) fn exported(state: &mut State, name: &str) -> String {
    type_keys(state, characters("e"));
    press(state, Key::Control('u'));
    type_keys(state, characters(name));
    let effects = press(state, Key::Enter);
    let [Effect::Export { text, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    text.clone()
}

#[test]
fn a_file_gets_what_is_shown_and_no_more() {
    let json = |keys: &str| -> serde_json::Value {
        serde_json::from_str(&exported(&mut screen_of(keys, (80, 24)), "shown.json")).unwrap()
    };
    let count = |value: &serde_json::Value, of: &str| value[of].as_array().map_or(usize::MAX, Vec::len);
    assert_eq!(count(&json("2"), "listeners"), 3);
    let one = json("2/nginx\n");
    assert_eq!((count(&one, "listeners"), one["listeners"][0]["port"].as_u64()), (1, Some(443)));
    let sorted = json("2sss");
    let ports: Vec<u64> =
        sorted["listeners"].as_array().unwrap().iter().map(|one| one["port"].as_u64().unwrap()).collect();
    assert_eq!(ports, [443, 5432, 9100], "as they are sorted on the screen");
    let all = count(&json("3"), "sockets");
    let some = json("3/state time-wait\n");
    assert!(count(&some, "sockets") < all && some["filter"] == "state time-wait", "{some}");
    assert_eq!(count(&json("3\n"), "sockets"), 1);
    assert_eq!(count(&json("4/syn-lost\n"), "topics"), 1);
    assert_eq!(json("4/syn-lost\n\n")["topic"], "syn-lost");
    assert_eq!(count(&json("6/accept\n"), "findings"), 1);
    assert_eq!(count(&json("7/synack\n"), "parameters"), 1);
    assert_eq!(json("7/synack\n\n")["key"], "net.ipv4.tcp_synack_retries");
    assert_eq!(count(&json("9/blue\n"), "namespaces"), 1);
    assert_eq!(count(&json("5/zzz\n"), "profiles"), 0);
    assert_eq!(json("5v")["name"], "anti-syn-flood");
    assert_eq!(count(&json("5\t"), "entries"), 3);
    assert_eq!(count(&json("i"), "gaps"), 1);
    let text = exported(&mut screen_of("2/nginx\n", (80, 24)), "shown.txt");
    assert!(text.contains("nginx") && !text.contains("postgres"), "{text}");
}

#[test]
fn a_group_of_a_process_opens_as_its_sockets() {
    let mut state = screen_of("3oo", (80, 24));
    assert!(text(&state).contains("by process"), "{}", text(&state));
    let effects = press(&mut state, Key::Enter);
    let wanted = effects.iter().any(|effect| {
        matches!(effect, Effect::Want(Want::Sockets(want)) if want.group.is_none() && want.holder.is_some())
            || matches!(effect, Effect::Want(Want::Sockets(want)) if want.holder.as_ref().is_some_and(|(pid, _)| *pid == 4711))
    });
    assert!(wanted, "{effects:?}");
    answer_all(&mut state, effects);
    assert!(text(&state).contains("of java(4711)"), "{}", text(&state));
    let effects = press(&mut state, Key::Escape);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Want(Want::Sockets(want)) if want.holder.is_none())));
}

/// Every place with the keys that lead to it and the seconds after which, and the name of its snapshots.
const PLACES: &[(&str, &str, u64)] = &[
    ("overview", "", 8),
    ("listeners", "2", 8),
    ("listener_page", "2jj\n", 8),
    ("sockets", "3", 8),
    ("socket_page", "3j\n", 8),
    ("topics", "4", 8),
    ("topic_page", "4/syn-lost\n\n", 8),
    ("profiles", "5", 3),
    ("history", "5\t", 3),
    ("entry", "5\t\n", 3),
    ("values", "5v", 3),
    ("plan", "5\n", 3),
    ("question", "5\nA", 3),
    ("verify", "5V", 3),
    ("findings", "6", 8),
    ("finding_page", "6\n", 8),
    ("parameters", "7", 8),
    ("parameter_page", "7\n", 8),
    ("lab", "8", 8),
    ("lab_running", "8/syn-lost\n\nL", 8),
    ("namespaces", "9", 8),
    ("help", "?", 3),
    ("gaps", "i", 8),
];

#[test]
fn every_place_has_a_snapshot_at_both_sizes() {
    for size in [(80, 24), (160, 48)] {
        let mut met: Vec<Context> = Vec::new();
        for (name, keys, seconds) in PLACES {
            let mut state = watching(COLOUR, size, *seconds, busy_host);
            type_keys(&mut state, characters(keys));
            met.push(state.context());
            if *name == "lab_running" {
                runs(&mut state);
            }
            assert_screen(&format!("{name}_{}x{}", size.0, size.1), &state);
        }
        let left_out = |context: &&Context| !matches!(context, Context::Prompt | Context::OverviewText);
        for context in Context::ALL.iter().filter(left_out) {
            assert!(met.contains(context), "no snapshot is of {}", context.name());
        }
    }
}

/// Lets the first events of a playing happen.
fn runs(state: &mut State) {
    let line = |state: &mut State, text: &str| drop(update(state, Event::Lab(1, LabNews::Line(text.to_owned()))));
    line(state, "syn-lost on this kernel, in two network namespaces of its own");
    line(state, tcpctl::report::render_live_head().trim_end());
    line(state, "     0.000  client  SYN, lost                                0.000  ✓");
    line(state, "     1.008  client  SYN again, lost                    1.000–1.036  ✓");
    clock(state, 9_500);
}

#[test]
fn every_screen_of_the_readme_is_one_of_these() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for screen in ["overview", "listeners", "sockets", "topic", "plan", "finding", "parameter", "lab", "namespaces"] {
        let marked = readme.lines().any(|line| line.starts_with("<!-- screen: ") && line.contains(screen));
        assert!(marked, "the README shows no screen of {screen}");
    }
}
