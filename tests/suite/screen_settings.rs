//! What a user chooses on the screens, and rest while nobody looks.

use std::sync::Arc;

use tcpctl::ui::tui::{
    Effect, Event, Found, Key, Now, SETTINGS, SocketColumn, SocketsReading, SocketsWant, State, Want, update,
};

use crate::screens::{COLOUR, START_UNIX_MS, busy_host, characters, press, text, type_keys, watching};

fn screen_of(keys: &str, size: (u16, u16)) -> State {
    let mut state = watching(COLOUR, size, 8, busy_host);
    type_keys(&mut state, characters(keys));
    state
}

fn second(state: &mut State, second: u64) {
    update(state, Event::Clock(Now { unix_ms: START_UNIX_MS + 1000 * second, utc_offset_s: 0 }));
    update(state, Event::Read(Arc::new(busy_host(second))));
}

#[test]
fn while_another_window_is_in_front_nothing_is_drawn_and_the_screen_says_so() {
    let mut state = screen_of("", (80, 24));
    let effects = update(&mut state, Event::Focus(false));
    assert!(matches!(effects.as_slice(), [Effect::Rest(true)]), "{effects:?}");
    assert!(state.take_dirty(), "one frame says so");
    let screen = text(&state);
    assert!(screen.contains("PAUSED 12:00:08") && screen.contains("another window is in front"), "{screen}");
    for at in 9..30 {
        second(&mut state, at);
        assert!(!state.take_dirty());
    }
    update(&mut state, Event::Resize(100, 30));
    assert!(state.take_dirty(), "another size is drawn all the same");
    let effects = update(&mut state, Event::Focus(true));
    assert!(matches!(effects.as_slice(), [Effect::Rest(false)]), "{effects:?}");
    assert!(state.take_dirty());
    assert!(text(&state).contains("LIVE 1s"), "{}", text(&state));
}

#[test]
fn the_frame_that_says_so_is_not_lost_when_something_is_read_meanwhile() {
    let mut state = screen_of("", (80, 24));
    update(&mut state, Event::Focus(false));
    second(&mut state, 9);
    assert!(state.take_dirty());
}

#[test]
fn whoever_presses_a_key_looks() {
    let mut state = screen_of("", (80, 24));
    update(&mut state, Event::Focus(false));
    let effects = press(&mut state, Key::Char('2'));
    assert!(matches!(effects.as_slice(), [Effect::Rest(false)]), "{effects:?}");
    assert!(text(&state).contains("[2Listeners]") && text(&state).contains("LIVE 1s"));
}

#[test]
fn with_pause_off_it_goes_on() {
    let mut state = screen_of(":set pause off\n", (80, 24));
    assert!(update(&mut state, Event::Focus(false)).is_empty());
    state.take_dirty();
    second(&mut state, 9);
    assert!(state.take_dirty());
    assert!(text(&state).contains("LIVE 1s"));
}

#[test]
fn the_columns_of_sockets_are_those_that_were_chosen() {
    let heading = |state: &State| text(state).lines().nth(3).unwrap().to_owned();
    let all = heading(&screen_of("3", (80, 24)));
    assert!(all.contains("next event") && all.contains("dies at") && !all.contains("local"), "{all}");
    let some = heading(&screen_of(":set columns local peer dies\n3", (80, 24)));
    assert!(some.contains("local") && some.contains("peer") && some.contains("dies at"), "{some}");
    assert!(!some.contains("owner") && !some.contains("queue") && !some.contains("next event"), "{some}");
    // Every choice fits every size, and who it is with is always there.
    for choice in SocketColumn::ALL {
        for size in [(40, 10), (60, 15), (80, 24), (160, 48)] {
            let state = screen_of(&format!(":set columns {}\n3", choice.name()), size);
            let ends = ["127.0.0.1:", "::1", "0.0.0.0:"];
            assert!(ends.iter().any(|end| text(&state).contains(end)), "{}: {}", choice.name(), text(&state));
        }
    }
}

#[test]
fn of_many_sockets_the_title_says_that_the_first_of_all_are_shown() {
    let mut state = screen_of("3", (120, 24));
    assert!(text(&state).contains("15 shown"), "{}", text(&state));
    let Some(Found::Sockets(reading)) = crate::screen_lists::found(&Want::Sockets(SocketsWant::default())) else {
        panic!("sockets are found")
    };
    let many = SocketsReading { passed: 1_000_000, ..SocketsReading::clone(&reading) };
    update(&mut state, Event::Found(Found::Sockets(Arc::new(many))));
    let screen = text(&state);
    assert!(screen.contains("first 15 of 1000000 ──") && screen.contains("sort dies ↑"), "{screen}");
}

#[test]
fn a_key_returns_from_a_namespace_that_was_entered() {
    let mut state = screen_of("9", (80, 24));
    press(&mut state, Key::Char('u'));
    assert!(text(&state).contains("this is the network namespace of the start"));
    type_keys(&mut state, characters(":netns blue\n"));
    let effects = press(&mut state, Key::Enter);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Enter(Some(name)) if name.ends_with("blue"))));
    let mut blue = busy_host(9);
    (blue.netns.inode, blue.netns.initial) = (Some(4_026_532_201), Some(false));
    update(&mut state, Event::Read(Arc::new(blue)));
    assert!(text(&state).contains("net blue"), "{}", text(&state));
    type_keys(&mut state, characters("9"));
    let effects = press(&mut state, Key::Char('u'));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Enter(None))), "{effects:?}");
    second(&mut state, 12);
    assert!(text(&state).contains("net host"), "{}", text(&state));
}

#[test]
fn a_setting_is_judged_and_described_where_it_is_typed() {
    let says = |typed: &str, words: &str| {
        let screen = text(&screen_of(&format!(":{typed}\n"), (120, 24)));
        assert!(screen.contains(words), "{typed}: {screen}");
    };
    says("set interval 1ms", "not within 250ms and 1m");
    says("set mouse maybe", "`maybe` is neither on nor off");
    says("set nothing x", "there is no setting `nothing`");
    says("set columns peer what", "`what` is no column");
    for setting in SETTINGS {
        says(&format!("set {}", setting.name), setting.help);
    }
    // Completion knows the names.
    let mut state = screen_of(":set in", (80, 24));
    press(&mut state, Key::Tab);
    assert!(text(&state).contains(" :set interval_"), "{}", text(&state));
}

#[test]
fn a_theme_counts_from_the_next_frame_on() {
    let state = screen_of(":set ascii on\n", (80, 24));
    assert!(text(&state).is_ascii(), "{}", text(&state));
    let mut state = screen_of("", (80, 24));
    type_keys(&mut state, characters(":set theme mono\n"));
    assert!(crate::screens::drawn(&state).content.iter().all(|cell| cell.fg == ratatui::style::Color::Reset));
}
