//! The mouse: a click does what the key would that it points at, the wheel moves.

use super::action::{Action, Context, KEYS, Meaning, Motion, meaning};
use super::event::Effect;
use super::key::Key;
use super::profiles::Region;
use super::settings;
use super::state::State;
use super::theme::Severity;
use super::update::{act, forget_answer, say_elsewhere};
use super::view::{self, Target};

/// What was done with the mouse, in columns and rows from the upper left corner, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    /// The left button was pressed.
    Click {
        /// Column.
        column: u16,
        /// Row.
        row: u16,
    },
    /// The wheel was turned towards the user, or away.
    Wheel {
        /// Towards the user.
        down: bool,
    },
}

impl Mouse {
    /// What a terminal's event means here; nothing for releases, movements and the other buttons.
    #[must_use]
    pub const fn from_terminal(event: crossterm::event::MouseEvent) -> Option<Self> {
        use crossterm::event::{MouseButton, MouseEventKind};
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => Some(Self::Click { column: event.column, row: event.row }),
            MouseEventKind::ScrollDown => Some(Self::Wheel { down: true }),
            MouseEventKind::ScrollUp => Some(Self::Wheel { down: false }),
            _ => None,
        }
    }
}

/// Lines of a text that the wheel moves at once; in a list it goes from row to row.
const WHEEL_LINES: isize = 3;

/// Takes what the mouse did.
pub(super) fn take(state: &mut State, mouse: Mouse) -> Vec<Effect> {
    let context = state.context();
    match mouse {
        Mouse::Wheel { down } => {
            let arrow = if down { Key::Down } else { Key::Up };
            let moves = matches!(meaning(arrow, context), Meaning::Here(Action::Move(_)));
            if !moves {
                return Vec::new();
            }
            let lines = if context.has_rows() { 1 } else { WHEEL_LINES };
            let lines = if down { lines } else { -lines };
            act(state, Action::Move(Motion::Scroll(lines)), context)
        }
        Mouse::Click { column, row } => match view::target(state, column, row) {
            Some(Target::Key(binding)) if binding.action == Action::Yes => {
                state.say(Severity::Quiet, "what writes is answered with the keyboard: y does it, Esc does nothing");
                Vec::new()
            }
            Some(Target::Key(binding)) if binding.valid_in(context) => {
                forget_answer(state);
                act(state, binding.action, context)
            }
            Some(Target::Key(binding)) => {
                say_elsewhere(state, binding.shown, binding, context);
                Vec::new()
            }
            Some(Target::Row { at, selected, region }) => click_row(state, at, selected, region),
            None => Vec::new(),
        },
    }
}

/// The first click selects a row, the next one opens it.
fn click_row(state: &mut State, at: usize, selected: bool, region: Option<Region>) -> Vec<Effect> {
    if !matches!(state.context(), context if context.has_rows() || context == Context::TopicPage) {
        return Vec::new();
    }
    forget_answer(state);
    let here = region.is_none_or(|region| region == state.profiles.region);
    if let Some(region) = region {
        state.profiles.region = region;
    }
    let context = state.context();
    match meaning(Key::Enter, context) {
        Meaning::Here(action) if selected && here => act(state, action, context),
        _ => act(state, Action::Move(Motion::To(at)), context),
    }
}

/// Listens to the mouse, or leaves it to the terminal.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    let listen = !state.preferences.mouse;
    state.preferences.mouse = listen;
    settings::note(state, "mouse", if listen { "on" } else { "off" }.to_owned());
    let text = match KEYS.iter().find(|binding| binding.action == Action::Mouse) {
        Some(binding) if !listen => {
            format!("the mouse is the terminal's: it selects text; {} takes it back", binding.shown)
        }
        _ => "the mouse is listened to: click, click again to open, wheel; with Shift it selects text".to_owned(),
    };
    let text = format!("{text}{}", settings::remembered_words(state));
    state.say(Severity::Quiet, text);
    vec![Effect::ListenToMouse(listen)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

    #[test]
    fn only_the_left_button_and_the_wheel_mean_something() {
        let of = |kind| Mouse::from_terminal(MouseEvent { kind, column: 3, row: 4, modifiers: KeyModifiers::NONE });
        assert_eq!(of(MouseEventKind::Down(MouseButton::Left)), Some(Mouse::Click { column: 3, row: 4 }));
        assert_eq!(of(MouseEventKind::ScrollUp), Some(Mouse::Wheel { down: false }));
        for kind in
            [MouseEventKind::Moved, MouseEventKind::Up(MouseButton::Left), MouseEventKind::Down(MouseButton::Right)]
        {
            assert_eq!(of(kind), None);
        }
    }
}
