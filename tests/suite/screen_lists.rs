//! The screens that are lists with a detail: sockets, topics, findings, parameters, namespaces; and the line that is
//! typed into.
#![cfg(target_endian = "little")]

use std::sync::{Arc, LazyLock};

use ratatui::style::Modifier;
use tcpctl::catalog;
use tcpctl::model::{Host, KnownOptions, KnownSettings, LiveEnd, forecast_live};
use tcpctl::report::{ParameterRow, SocketGroups, SocketRow};
use tcpctl::snapshot::{
    DifferentSetting, Gap, GapKind, NamespaceFacts, NamespaceSurvey, Process, SocketOwner, SocketSource, Sockets,
};
use tcpctl::ui::tui::{
    Context, Effect, Event, Found, Key, LabNews, LabRequest, Now, ParametersReading, SocketsOrder, SocketsReading,
    SocketsWant, State, Theme, VERBS, Want, update,
};
use tcpctl::units::{Hz, TcpState};
use tcpctl::wire::{Candidate, InetDiag, MessageKind, Messages, Truth, parse_filter};

use crate::screens::{
    COLOUR, SIZES, START_UNIX_MS, assert_screen, blind_host, busy_host, characters, drawn, idle_host, press, rows,
    text, type_keys, watching,
};

/// One of every kind of socket, read on Linux 6.18 with `tcp_info`, congestion control and memory.
const CAPTURE: &[u8] = include_bytes!("../data/sock_diag/linux-6.18-mixed.bin");

/// What the collector would answer.
pub(crate) fn found(want: &Want) -> Option<Found> {
    match want {
        Want::Nothing => None,
        Want::Sockets(want) => Some(Found::Sockets(Arc::new(sockets(want)))),
        Want::Parameters => Some(Found::Parameters(Arc::clone(&PARAMETERS))),
        Want::Namespaces => Some(Found::Namespaces(Arc::clone(&NAMESPACES))),
    }
}

fn sockets(want: &SocketsWant) -> SocketsReading {
    let snapshot = busy_host(8);
    let settings = KnownSettings::new(&snapshot.sysctls.values(), |key| snapshot.has_key(key));
    let host = Host { version: snapshot.kernel.version.unwrap(), hz: Hz::new(250) };
    let asked = if want.filter.is_empty() { "exclude listening" } else { &want.filter };
    let filter = parse_filter(asked).unwrap();
    let devices = [(1, "lo"), (2, "d0")].map(|(index, name)| (index, name.to_owned())).into();
    let owner = SocketOwner { pid: 4711, name: "java".to_owned(), unit: None, container: None };
    let mut kept = Vec::new();
    let mut groups = want.group.map(SocketGroups::new);
    for message in Messages::new(CAPTURE) {
        let MessageKind::Data(_, payload) = message.kind else { continue };
        let Some(found) = InetDiag::decode(payload) else { continue };
        let Some(candidate) = Candidate::of(&found) else { continue };
        let states = filter.states().is_none_or(|states| states.bits() & (1 << candidate.state.to_kernel()) != 0);
        if !states || filter.matches(&candidate) != Truth::Yes {
            continue;
        }
        let owners = || (found.inode() != 0).then_some(&owner).into_iter();
        if let Some(groups) = &mut groups {
            groups.push(&found, owners());
        }
        let forecast = found.live_socket().filter(|socket| !matches!(socket.state, TcpState::Listen | TcpState::Close));
        let forecast = forecast.map(|socket| forecast_live(&socket, &KnownOptions::default(), &host, &settings));
        kept.push(SocketRow::new(&found, owners(), &devices, forecast));
    }
    match want.order {
        SocketsOrder::Dies => kept.sort_by_key(|row| match row.forecast.as_ref().map(|forecast| &forecast.end) {
            Some(LiveEnd::At { window, .. }) => (0, window.at_us),
            Some(LiveEnd::Unknown(_)) => (1, 0),
            Some(LiveEnd::Never) => (2, 0),
            None => (3, 0),
        }),
        SocketsOrder::Peer => kept.sort_by(|one, other| one.peer.cmp(&other.peer)),
        SocketsOrder::ReceiveQueue => kept.sort_by_key(|row| core::cmp::Reverse(row.receive_queue)),
        _ => {}
    }
    if want.reverse {
        kept.reverse();
    }
    SocketsReading {
        want: want.clone(),
        taken_unix_ms: START_UNIX_MS + 8000,
        passed: kept.len() as u64,
        groups: groups.map_or_else(Vec::new, |groups| groups.finish(100).0),
        rows: Ok(kept),
        gaps: Vec::new(),
    }
}

static PARAMETERS: LazyLock<Arc<ParametersReading>> = LazyLock::new(|| {
    let snapshot = busy_host(8);
    let keys = catalog::parameters().filter_map(|parameter| parameter.key.parse().ok());
    // What the host of these tests was not asked for is not known of it.
    let keys = keys.filter(|key| snapshot.sysctls.readings.contains_key(key));
    Arc::new(ParametersReading { rows: Ok(keys.map(|key| ParameterRow::new(key, &snapshot, None)).collect()) })
});

static NAMESPACES: LazyLock<Arc<Result<NamespaceSurvey, String>>> = LazyLock::new(|| {
    let facts = |inode: u64, name: &str, pid: i32, counts: &[(TcpState, u64)]| NamespaceFacts {
        inode,
        initial: Some(pid == 1),
        own: pid == 1,
        bound: Vec::new(),
        process: Some(Process { pid, name: name.to_owned() }),
        processes: 212,
        sockets: Some(Sockets {
            source: SocketSource::Masked,
            states: counts.iter().copied().collect(),
            listeners: Vec::new(),
            ports: Vec::new(),
            addresses: None,
            half_open_resent: None,
            samples: None,
        }),
        settings: Vec::new(),
        gaps: Vec::new(),
    };
    let differs =
        DifferentSetting { key: "net.ipv4.tcp_synack_retries".to_owned(), here: "2".to_owned(), there: "5".to_owned() };
    let blue = NamespaceFacts {
        bound: vec!["/run/netns/blue".to_owned()],
        settings: vec![differs],
        ..facts(4_026_532_201, "envoy", 812, &[(TcpState::Estab, 3), (TcpState::SynRecv, 0)])
    };
    let gone = NamespaceFacts {
        sockets: None,
        process: None,
        processes: 0,
        initial: None,
        gaps: vec![Gap::new("/proc/900/ns/net", GapKind::Absent, "it is gone", "its sockets are unknown")],
        ..facts(4_026_532_377, "", 900, &[])
    };
    let host = facts(4_026_531_840, "systemd", 1, &[(TcpState::Estab, 18_204), (TcpState::Listen, 3)]);
    Arc::new(Ok(NamespaceSurvey {
        compared_with: Some(4_026_531_840),
        compared_with_initial: true,
        namespaces: vec![host, blue, gone],
        gaps: Vec::new(),
    }))
});

fn screen_of(keys: &str, size: (u16, u16)) -> State {
    let mut state = watching(COLOUR, size, 8, busy_host);
    type_keys(&mut state, characters(keys));
    state
}

#[test]
fn every_list_answers_at_every_size() {
    for (name, key) in
        [("sockets", "3"), ("topics", "4"), ("findings", "6"), ("parameters", "7"), ("lab", "8"), ("namespaces", "9")]
    {
        for size in SIZES {
            assert_screen(&format!("{name}_{}x{}", size.0, size.1), &screen_of(key, size));
        }
    }
}

#[test]
fn every_row_has_a_page() {
    for (name, keys) in [("socket", "3j\n"), ("topic", "4/syn-lost\n\n"), ("finding", "6\n"), ("parameter", "7\n")] {
        for size in [(80, 24), (160, 48)] {
            assert_screen(&format!("{name}_page_{}x{}", size.0, size.1), &screen_of(keys, size));
        }
    }
}

#[test]
fn sockets_are_counted_by_what_they_have_in_common() {
    assert_screen("sockets_by_peer_80x24", &screen_of("3o", (80, 24)));
    assert_screen("sockets_by_state_160x48", &screen_of("3ooo", (160, 48)));
    // A group opens as the sockets that are in it.
    let state = screen_of("3ooo\n", (80, 24));
    assert!(text(&state).contains("── state "), "{}", text(&state));
}

#[test]
fn a_filter_in_the_words_of_ss_is_judged_while_it_is_typed_and_taken_with_enter() {
    let mut state = screen_of("3/state time-wai", (80, 24));
    let screen = text(&state);
    assert!(screen.contains(" /state time-wai_") && screen.contains("at `time-wai`:"), "{screen}");
    // The list stays visible meanwhile, and a wrong filter is not taken.
    assert!(screen.contains("all but listeners"));
    press(&mut state, Key::Enter);
    assert_eq!(state.context(), Context::Prompt);
    type_keys(&mut state, characters("t\n"));
    let screen = text(&state);
    assert!(screen.contains("── state time-wait ──") && screen.contains("TIME-WAIT "), "{screen}");
    assert!(!screen.contains("ESTAB"), "{screen}");
    type_keys(&mut state, [Key::Escape]);
    assert!(text(&state).contains("all but listeners"));
}

#[test]
fn an_empty_table_says_why() {
    assert!(text(&screen_of("3/dport = :1\n", (80, 24))).contains("no socket passes `dport = :1`; Esc clears"));
    assert!(text(&screen_of("4/zzz\n", (80, 24))).contains("no topic has `zzz`; Esc shows all"));
    let mut state = watching(COLOUR, (80, 24), 8, idle_host);
    type_keys(&mut state, characters("6"));
    assert!(text(&state).contains("✓ nothing found"), "{}", text(&state));
}

#[test]
fn the_end_of_a_socket_counts_down_and_a_frozen_one_does_not() {
    let mut state = screen_of("3/state time-wait\n\n", (80, 24));
    let dies = |state: &State| text(state).lines().find(|line| line.contains("Dies")).unwrap().to_owned();
    let before = dies(&state);
    state.take_dirty();
    let clock = |second: u64| Event::Clock(Now { unix_ms: START_UNIX_MS + 1000 * second, utc_offset_s: 0 });
    update(&mut state, clock(12));
    assert!(state.take_dirty());
    assert_ne!(dies(&state), before);
    press(&mut state, Key::Char('f'));
    press(&mut state, Key::Escape);
    let frozen = dies(&state);
    state.take_dirty();
    update(&mut state, clock(30));
    assert!(!state.take_dirty(), "a frozen screen costs nothing");
    assert_eq!(dies(&state), frozen);
}

#[test]
fn sockets_stay_selected_when_the_order_changes() {
    let mut state = screen_of("3jjj", (80, 24));
    let selected = |state: &State| rows(&drawn(state)).into_iter().find(|row| row.starts_with('>')).unwrap();
    let before = selected(&state);
    type_keys(&mut state, characters("S"));
    assert_eq!(selected(&state), before);
    type_keys(&mut state, characters("ssss"));
    assert!(text(&state).contains("sort peer"));
    assert_eq!(selected(&state), before);
}

#[test]
fn an_arrow_moves_the_answer_in_the_same_frame_and_writes_nothing() {
    let mut state = screen_of("4/syn-lost\n\n", (80, 24));
    assert!(text(&state).contains("ETIMEDOUT after 131 s"), "{}", text(&state));
    for _ in 0..3 {
        let effects = press(&mut state, Key::Left);
        assert!(effects.is_empty());
    }
    let screen = text(&state);
    assert!(screen.contains("◂ 3 ▸"), "{screen}");
    assert!(screen.contains("after 19 s") && screen.contains("ETIMEDOUT after 131 s"), "{screen}");
    assert_screen("topic_what_if_80x24", &state);
    // The kernel takes no 0, so nor does the question.
    for _ in 0..9 {
        press(&mut state, Key::Left);
    }
    assert!(text(&state).contains("1 to 127"), "{}", text(&state));
    press(&mut state, Key::Char('u'));
    assert!(!text(&state).contains("Before and after"));
}

#[test]
fn options_of_the_socket_and_the_round_trip_are_asked_about_like_settings() {
    let mut state = screen_of("4/syn-lost\n\n", (80, 24));
    for key in [Key::Down, Key::Down, Key::Down, Key::Right] {
        assert!(press(&mut state, key).is_empty());
    }
    let screen = text(&state);
    assert!(screen.contains("TCP_SYNCNT") && screen.contains("unset → ◂ 3 ▸"), "{screen}");
    // As three retries do: a host's and a socket's number mean the same.
    assert!(screen.contains("after 19 s") && screen.contains("ETIMEDOUT after 131 s"), "{screen}");
    press(&mut state, Key::Left);
    assert!(text(&state).contains("◂ 2 ▸"), "{}", text(&state));
    type_keys(&mut state, characters(":copy command\n"));
    for _ in 0..9 {
        press(&mut state, Key::Down);
    }
    press(&mut state, Key::Right);
    let screen = text(&state);
    assert!(screen.contains(">± rtt") && screen.contains("◂ 10 ms ▸"), "{screen}");
    let effects = press(&mut state, Key::Char('L'));
    let [Effect::Lab(LabRequest::Start { arguments, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(arguments[3..], ["--sockopt", "TCP_SYNCNT=2", "--rtt", "10000us"]);
    type_keys(&mut state, characters("4"));
    press(&mut state, Key::Char('u'));
    assert!(!text(&state).contains("◂ 10 ms ▸"), "{}", text(&state));
    // The backlog is asked about where a queue is, and no laboratory is asked for it.
    let mut state = screen_of("4/queues\n\n", (160, 48));
    for _ in 0..9 {
        press(&mut state, Key::Down);
    }
    press(&mut state, Key::Right);
    let asked = text(&state);
    assert!(asked.contains(">± backlog") || asked.contains(">± rtt"), "{asked}");
}

#[test]
fn a_finding_leads_to_its_topic_its_sockets_and_a_profile() {
    assert_eq!(screen_of("6x", (80, 24)).context(), Context::TopicPage);
    assert_eq!(screen_of("6w", (80, 24)).context(), Context::Listeners);
    let state = screen_of("6p", (80, 24));
    assert!(state.context() == Context::ProfileList || text(&state).contains("profile"), "{}", text(&state));
    // From a listener on to its connections.
    assert!(text(&screen_of("2w", (80, 24))).contains("sport = :"), "{}", text(&screen_of("2w", (80, 24))));
}

#[test]
fn parameters_are_searched_and_those_that_differ_are_marked() {
    let screen = text(&screen_of("7/synack\n", (80, 24)));
    assert!(screen.contains("/synack") && screen.contains("tcp_synack_retries"), "{screen}");
    assert!(!screen.contains("tcp_fin_timeout"), "{screen}");
    let screen = text(&screen_of("7c", (80, 24)));
    assert!(screen.contains("changed only: c shows all"), "{screen}");
    assert!(screen.lines().filter(|line| line.contains('●')).count() > 0, "{screen}");
}

#[test]
fn a_namespace_is_entered_and_late_readings_of_the_one_before_are_not_shown() {
    let mut state = screen_of("9j", (80, 24));
    let effects = press(&mut state, Key::Enter);
    let entered = effects.iter().any(|effect| matches!(effect, Effect::Enter(Some(name)) if name == "/run/netns/blue"));
    assert!(entered, "{effects:?}");
    assert!(text(&state).contains("from now on: network namespace 4026532201"), "{}", text(&state));
    update(&mut state, Event::Read(Arc::new(busy_host(9))));
    assert!(!text(&state).contains("db-7"), "{}", text(&state));
    let mut there = busy_host(10);
    there.netns.inode = Some(4_026_532_201);
    there.netns.initial = Some(false);
    update(&mut state, Event::Read(Arc::new(there)));
    assert!(text(&state).contains("net blue"), "{}", text(&state));
}

#[test]
fn the_namespace_that_is_shown_is_not_entered_once_more() {
    let mut state = screen_of("9", (80, 24));
    let effects = press(&mut state, Key::Enter);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Enter(_))), "{effects:?}");
    assert!(text(&state).contains("that was shown already") && text(&state).contains("db-7"), "{}", text(&state));
}

#[test]
fn a_namespace_that_cannot_be_read_is_left_again_and_it_is_said_why() {
    let mut state = screen_of("9j", (80, 24));
    press(&mut state, Key::Enter);
    let reason = "cannot enter the network namespace /run/netns/blue: it is gone";
    let effects = update(&mut state, Event::ReadFailed(reason.to_owned()));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Enter(None))), "{effects:?}");
    assert!(text(&state).contains(reason), "{}", text(&state));
    update(&mut state, Event::Read(Arc::new(busy_host(11))));
    assert!(text(&state).contains("db-7"), "{}", text(&state));
}

#[test]
fn commands_go_where_keys_go_and_complete() {
    let command = |typed: &str| screen_of(&format!(":{typed}"), (80, 24));
    assert_eq!(command("explain keepalive\n").context(), Context::TopicPage);
    assert!(text(&command("sockets state time-wait\n")).contains("── state time-wait ──"));
    assert!(text(&command("params tcp_fin\n")).contains("tcp_fin_timeout"));
    assert!(text(&command("explain no-such\n")).contains("there is no topic"));
    assert!(text(&command("zzz\n")).contains("there is no `zzz`"));
    assert!(text(&command("interval 5s\n")).contains("reading every 5"));
    assert!(text(&command("expl\t")).contains(":explain _"), "{}", text(&command("expl\t")));
    assert!(text(&command("explain sy\t")).contains("syn-lost"));
    assert_eq!(command("explain\u{1b}").context(), Context::Overview);
    for verb in VERBS {
        let mut state = command(verb.name);
        let argument = if verb.name == "interval" { " 2s" } else { "" };
        type_keys(&mut state, characters(argument));
        let effects = press(&mut state, Key::Enter);
        assert!(effects.iter().all(|effect| !effect.writes()), "{}", verb.name);
        assert!(!text(&state).contains("there is no `"), "{}", verb.name);
    }
}

#[test]
fn a_topic_is_played_with_its_what_ifs_and_its_lines_come_as_they_happen() {
    let mut state = screen_of("4/syn-lost\n\n", (80, 24));
    press(&mut state, Key::Left);
    let effects = press(&mut state, Key::Char('L'));
    let [Effect::Lab(LabRequest::Start { run, arguments })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(arguments, &["lab", "syn-lost", "--live", "--set", "net.ipv4.tcp_syn_retries=5"]);
    assert_eq!(state.context(), Context::LabPage);
    for at in 0..40 {
        update(&mut state, Event::Lab(*run, LabNews::Line(format!("    {at}.000  client  SYN again  ✓"))));
    }
    // What is to come is shown before it is measured.
    assert!(!text(&state).contains("predicted"), "{}", text(&state));
    let head = tcpctl::report::render_live_head();
    update(&mut state, Event::Lab(*run, LabNews::Line(head.trim_end().to_owned())));
    let screen = text(&state);
    assert!(
        screen.contains("1.000–1.0") && screen.contains("more are predicted") && screen.contains("0 s of "),
        "{screen}"
    );
    let now = Now { unix_ms: START_UNIX_MS + 38_000, utc_offset_s: 0 };
    update(&mut state, Event::Clock(now));
    assert!(state.take_dirty(), "time goes on");
    let screen = text(&state);
    assert!(screen.contains("30 s of ") && !screen.contains("1.000–1.0"), "{screen}");
    // News of an earlier playing are not shown.
    update(&mut state, Event::Lab(run - 1, LabNews::Line("old".into())));
    let screen = text(&state);
    assert!(screen.contains("39.000") && screen.contains("L run/stop") && !screen.contains("old"), "{screen}");
    assert!(matches!(press(&mut state, Key::Char('L')).as_slice(), [Effect::Lab(LabRequest::Stop)]));
    update(&mut state, Event::Lab(*run, LabNews::Ended("stopped".into())));
    assert!(text(&state).contains("! stopped"), "{}", text(&state));
}

#[test]
fn every_screen_is_exported_as_text_and_as_json() {
    for keys in ["", "2", "3", "4", "5\n", "6", "7", "8", "9"] {
        let exported = |name: &str| {
            let mut state = screen_of(keys, (80, 24));
            type_keys(&mut state, characters("e"));
            press(&mut state, Key::Control('u'));
            type_keys(&mut state, characters(name));
            let effects = press(&mut state, Key::Enter);
            let [Effect::Export { path, text }] = effects.as_slice() else { panic!("{keys:?}: {effects:?}") };
            assert_eq!(path, name);
            text.clone()
        };
        let text = exported("shown.txt");
        assert!(text.contains("db-7") && !text.contains("more lines: Enter"), "{text}");
        let value: serde_json::Value = serde_json::from_str(&exported("shown.json")).unwrap();
        assert!(value.is_object(), "{keys:?}");
    }
    // All sockets are in the text, also those below the end of the screen.
    let mut state = screen_of("3e", (80, 24));
    let effects = press(&mut state, Key::Enter);
    let [Effect::Export { path, text }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((path.as_str(), text.contains("[fe80::7]:22")), ("tcpctl-sockets.txt", true), "{text}");
}

#[test]
fn without_colour_each_list_marks_exactly_one_row() {
    for keys in ["3", "4", "6", "7", "8", "9", "4\n"] {
        let mono = Theme { mono: true, ascii: false };
        let mut state = watching(mono, (80, 24), 8, busy_host);
        type_keys(&mut state, characters(keys));
        let buffer = drawn(&state);
        let reversed =
            |row: &[ratatui::buffer::Cell]| row.iter().all(|cell| cell.modifier.contains(Modifier::REVERSED));
        let marked: Vec<&str> =
            buffer.content.chunks(80).filter(|row| reversed(row)).map(|row| row[0].symbol()).collect();
        assert_eq!(marked, [">"], "{keys:?}");
        assert_eq!(text(&state), text(&screen_of(keys, (80, 24))), "colours carry nothing that the text does not say");
    }
}

#[test]
fn each_list_is_ascii_where_that_is_asked() {
    for keys in ["3", "3\n", "4\n", "6", "6\n", "7", "7\n", "9", ":", "3/x y"] {
        for host in [busy_host, blind_host] {
            let mut state = watching(Theme { mono: true, ascii: true }, (80, 24), 8, host);
            type_keys(&mut state, characters(keys));
            assert!(text(&state).is_ascii(), "{}", text(&state));
        }
    }
}
