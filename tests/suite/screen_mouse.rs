//! The mouse on the screens, and what is handed to the clipboard.
#![cfg(target_endian = "little")]

use tcpctl::ui::tui::{Context, Effect, Event, Key, Mouse, Place, State, update, valid_bindings};

use crate::screens::{COLOUR, SIZES, busy_host, characters, drawn, press, rows, state_in, text, type_keys, watching};

fn screen_of(keys: &str, size: (u16, u16)) -> State {
    let mut state = watching(COLOUR, size, 8, busy_host);
    type_keys(&mut state, characters(keys));
    state
}

fn click(state: &mut State, column: u16, row: u16) -> Vec<Effect> {
    update(state, Event::Mouse(Mouse::Click { column, row }))
}

fn wheel(state: &mut State, down: bool) {
    update(state, Event::Mouse(Mouse::Wheel { down }));
}

/// The rows that are marked as selected, from the top of the screen.
fn marked(state: &State) -> Vec<usize> {
    let screen = rows(&drawn(state));
    let starts = |row: &String| row.starts_with('>');
    (0..screen.len()).filter(|at| screen.get(*at).is_some_and(starts)).collect()
}

#[test]
fn a_click_selects_the_row_that_it_points_at_on_every_screen_at_every_size() {
    for (keys, least) in [("", 4), ("2", 2), ("3", 2), ("4", 2), ("5", 2), ("6", 2), ("7", 2), ("8", 2), ("9", 2)] {
        for size in SIZES {
            let start = screen_of(keys, size);
            // The overview of small terminals is a text.
            if marked(&start).is_empty() {
                continue;
            }
            let mut selected = 0;
            for row in 2..size.1 - 2 {
                let mut state = start.clone();
                click(&mut state, 5, row);
                // On the smallest terminals a listener takes two rows.
                let each = if keys == "2" && size.0 < 60 { 2 } else { 1 };
                let is_near = |at: &[usize]| at.first().is_some_and(|at| at.abs_diff(usize::from(row)) < each);
                if ![start.context(), Context::ProfileHistory].contains(&state.context()) {
                    // What was selected already was opened, which only its own row does.
                    assert!(is_near(&marked(&start)), "{keys} {size:?} {row}\n{}", text(&start));
                } else if marked(&state) != marked(&start) {
                    // The list may move when the detail of another row is longer; what was pointed at is selected.
                    let (before, after) = (rows(&drawn(&start)), rows(&drawn(&state)));
                    // What stands beside the list is another's.
                    let start_of = |row: &str| row.chars().skip(1).take(24).collect::<String>();
                    let pointed_at = (0..each).map(|above| start_of(&before[usize::from(row) - above]));
                    let now = start_of(&after[marked(&state)[0]]);
                    assert!(pointed_at.into_iter().any(|row| row == now), "{keys} {size:?} {row}\n{}", text(&state));
                    selected += 1;
                }
            }
            assert!(
                selected + 1 >= least.min(usize::from(size.1) / 6),
                "{keys} {size:?}: {selected}\n{}",
                text(&start)
            );
        }
    }
}

#[test]
fn a_second_click_opens_what_the_first_one_selected() {
    for (keys, opened) in [("3", Context::SocketPage), ("4", Context::TopicPage), ("7", Context::ParameterPage)] {
        let mut state = screen_of(keys, (80, 24));
        click(&mut state, 5, 5);
        let selected = marked(&state);
        assert_eq!(selected, [5], "{}", text(&state));
        click(&mut state, 5, 5);
        assert_eq!(state.context(), opened);
    }
}

#[test]
fn the_settings_of_a_topic_are_chosen_by_a_click_and_the_wheel_scrolls_its_text() {
    let mut state = screen_of("4/syn-lost\n\n", (80, 24));
    let before = marked(&state);
    assert_eq!(before, [3]);
    click(&mut state, 5, 4);
    assert_eq!(marked(&state), [4]);
    let text_before = text(&state);
    wheel(&mut state, true);
    assert_eq!(marked(&state), [4], "the wheel leaves the setting alone");
    assert_ne!(text(&state), text_before);
    wheel(&mut state, false);
    assert_eq!(text(&state), text_before);
}

#[test]
fn the_wheel_goes_from_row_to_row_and_stops_at_the_ends() {
    let mut state = screen_of("3", (80, 24));
    let first = marked(&state);
    wheel(&mut state, true);
    assert_eq!(marked(&state), [first[0] + 1]);
    for _ in 0..3 {
        wheel(&mut state, false);
    }
    assert_eq!(marked(&state), first);
}

/// Where a text stands on a row.
fn column_of(row: &str, word: &str) -> u16 {
    let at = row.find(word).unwrap_or_else(|| panic!("no `{word}` in `{row}`"));
    u16::try_from(row[..at].chars().count()).unwrap()
}

#[test]
fn tabs_and_keys_of_the_footer_do_what_their_keys_do() {
    for size in [(80, 24), (60, 15)] {
        for &context in Context::ALL {
            let start = state_in(context, size);
            let screen = rows(&drawn(&start));
            for binding in valid_bindings(context).filter(|binding| binding.place != Place::HelpOnly) {
                let (row, word) = match binding.place {
                    Place::Tab => (1, binding.shown.to_owned()),
                    _ => (screen.len() - 1, format!(" {} ", binding.shown)),
                };
                let Some(line) = screen.get(row).filter(|line| line.contains(&word)) else { continue };
                let column = column_of(line, &word) + u16::from(binding.place != Place::Tab);
                let (mut clicked, mut pressed) = (start.clone(), start.clone());
                let by_click = format!("{:?}", click(&mut clicked, column, u16::try_from(row).unwrap()));
                if context == Context::Question && binding.shown == "y" {
                    assert_eq!(by_click, "[]", "no click writes");
                    assert_eq!(clicked.context(), Context::Question);
                    continue;
                }
                // What stands for two keys is shown once.
                let key = binding.keys[0];
                let by_key = format!("{:?}", press(&mut pressed, key));
                assert_eq!(by_click, by_key, "{} in {}", binding.shown, context.name());
                assert_eq!(text(&clicked), text(&pressed), "{} in {}", binding.shown, context.name());
            }
        }
    }
}

#[test]
fn a_click_beside_everything_does_nothing_and_none_breaks_at_any_place() {
    for &context in Context::ALL {
        for size in [(80, 24), (40, 10), (20, 5), (160, 48)] {
            let start = state_in(context, size);
            for row in (0..size.1 + 3).step_by(usize::from(size.1 / 8).max(1)) {
                for column in (0..size.0 + 9).step_by(usize::from(size.0 / 3)) {
                    let mut state = start.clone();
                    for effect in click(&mut state, column, row) {
                        assert!(!effect.writes(), "a click at {column},{row} in {} writes", context.name());
                    }
                    if row < 1 || row == size.1.saturating_sub(2) {
                        assert_eq!(state.context(), context, "{column},{row}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_mouse_is_left_to_the_terminal_with_a_key_and_taken_back() {
    let mut state = screen_of("", (80, 24));
    assert!(matches!(press(&mut state, Key::Char('m')).as_slice(), [Effect::ListenToMouse(false), ..]));
    assert!(text(&state).contains("the mouse is the terminal's"), "{}", text(&state));
    assert!(matches!(press(&mut state, Key::Char('m')).as_slice(), [Effect::ListenToMouse(true), ..]));
}

/// What is handed to the clipboard.
fn copied(effects: Vec<Effect>) -> String {
    match effects.into_iter().next() {
        Some(Effect::Copy(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_selected_row_is_copied_whole_and_a_page_with_all_its_lines() {
    // On 40 columns the row is cut; the copy is not.
    let mut state = screen_of("3", (40, 10));
    let row = copied(press(&mut state, Key::Char('y')));
    assert!(!row.contains('…') && row.contains("keepalive") | row.contains("RTO") | row.contains("gone"), "{row}");
    assert!(text(&state).contains("sent to the terminal's clipboard"), "{}", text(&state));
    let mut state = screen_of("4/syn-lost\n\n", (80, 24));
    let page = copied(press(&mut state, Key::Char('y')));
    assert!(page.lines().count() > 24 && page.contains("ETIMEDOUT") && !page.contains("q quit"), "{page}");
    let mut state = screen_of("?", (80, 24));
    let help = copied(press(&mut state, Key::Char('y')));
    assert!(help.contains("Keys in the overview") && help.contains("not known yet"), "{help}");
}

#[test]
fn the_equal_command_is_copied_as_a_shell_takes_it() {
    let copy = |keys: &str| {
        let mut state = screen_of(keys, (80, 24));
        type_keys(&mut state, characters(":copy command"));
        copied(press(&mut state, Key::Enter))
    };
    assert_eq!(copy(""), "tcpctl status");
    assert_eq!(copy("3/dport = :443\n"), "tcpctl sockets -a 'dport = :443'");
    assert_eq!(copy("4/syn-lost\n\nh"), "tcpctl explain syn-lost --set net.ipv4.tcp_syn_retries=5");
    assert_eq!(copy("5"), "tcpctl plan anti-syn-flood");
}
