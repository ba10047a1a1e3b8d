//! What a user may choose once and for all: one table, read from a file, typed after `:set`, written back.
//!
//! To add a setting: a field in [`Settings`], a row in [`SETTINGS`], and its line in `apply`.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::event::Effect;
use super::navigate;
use super::socket_columns::SocketColumn;
use super::state::{INTERVALS_MS, State};
use super::theme::Severity;
use crate::units::{TextError, parse_duration_us};

/// What was chosen; nothing for what is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How often to read, in milliseconds.
    pub interval_ms: Option<u64>,
    /// Without any colour.
    pub mono: Option<bool>,
    /// With ASCII characters only.
    pub ascii: Option<bool>,
    /// Whether the mouse is listened to.
    pub mouse: Option<bool>,
    /// Whether drawing rests while another window is in front.
    pub pause: Option<bool>,
    /// The columns of the table of sockets.
    pub columns: Option<Vec<SocketColumn>>,
}

/// How a file writes the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Flag,
    List,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name, in the file and after `:set`.
    pub name: &'static str,
    /// What it may be.
    pub values: &'static str,
    /// What it is for.
    pub help: &'static str,
    form: Form,
    take: fn(&mut Settings, &str) -> Result<(), String>,
}

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "interval",
        values: "250ms to 1m",
        help: "how often the kernel is read",
        form: Form::Text,
        take: |settings, word| take_interval(word).map(|ms| settings.interval_ms = Some(ms)),
    },
    Setting {
        name: "theme",
        values: "colour or mono",
        help: "with the 16 colours of the terminal, or with attributes alone",
        form: Form::Text,
        take: |settings, word| match word {
            "colour" | "color" => taken(&mut settings.mono, false),
            "mono" => taken(&mut settings.mono, true),
            _ => Err(format!("`{word}` is no theme; there are colour and mono")),
        },
    },
    Setting {
        name: "ascii",
        values: "on or off",
        help: "draw with ASCII characters only",
        form: Form::Flag,
        take: |settings, word| take_flag(&mut settings.ascii, word),
    },
    Setting {
        name: "mouse",
        values: "on or off",
        help: "listen to the mouse, or leave it to the terminal, which selects text with it",
        form: Form::Flag,
        take: |settings, word| take_flag(&mut settings.mouse, word),
    },
    Setting {
        name: "pause",
        values: "on or off",
        help: "rest while another window is in front",
        form: Form::Flag,
        take: |settings, word| take_flag(&mut settings.pause, word),
    },
    Setting {
        name: "columns",
        values: "state local peer owner queue next dies",
        help: "the columns of the table of sockets, where there is room for them",
        form: Form::List,
        take: |settings, words| take_columns(words).map(|columns| settings.columns = Some(columns)),
    },
];

fn taken<T>(place: &mut Option<T>, value: T) -> Result<(), String> {
    *place = Some(value);
    Ok(())
}

fn take_interval(word: &str) -> Result<u64, String> {
    let ms = parse_duration_us(word)? / 1000;
    let [shortest, .., longest] = INTERVALS_MS;
    if (shortest..=longest).contains(&ms) { Ok(ms) } else { Err(format!("`{word}` is not within 250ms and 1m")) }
}

fn take_flag(place: &mut Option<bool>, word: &str) -> Result<(), String> {
    match word {
        "on" => taken(place, true),
        "off" => taken(place, false),
        _ => Err(format!("`{word}` is neither on nor off")),
    }
}

fn take_columns(words: &str) -> Result<Vec<SocketColumn>, String> {
    let known = |word: &str| SocketColumn::ALL.into_iter().find(|column| column.name() == word);
    let names: Vec<&str> = SocketColumn::ALL.iter().map(|column| column.name()).collect();
    let unknown = |word: &str| format!("`{word}` is no column; there are {}", names.join(" "));
    let columns: Result<Vec<_>, String> =
        words.split_whitespace().map(|word| known(word).ok_or_else(|| unknown(word))).collect();
    columns.and_then(|columns| if columns.is_empty() { Err("at least one column".to_owned()) } else { Ok(columns) })
}

impl Setting {
    /// The value as a file writes it.
    fn written(&self, words: &str) -> String {
        let text = |word: &str| format!("\"{word}\"");
        match self.form {
            Form::Text => text(words),
            Form::Flag => (words == "on").to_string(),
            Form::List => format!("[{}]", words.split_whitespace().map(text).collect::<Vec<_>>().join(", ")),
        }
    }

    /// The words of a value of a file.
    fn words(&self, value: &DeValue<'_>) -> Result<String, String> {
        let text = |value: &DeValue<'_>| value.as_str().map(str::to_owned);
        let words = match (self.form, value) {
            (Form::Text, value) => text(value),
            (Form::Flag, DeValue::Boolean(flag)) => Some(if *flag { "on" } else { "off" }.to_owned()),
            (Form::List, DeValue::Array(values)) => {
                let words: Option<Vec<String>> = values.iter().map(|value| text(value.get_ref())).collect();
                words.map(|words| words.join(" "))
            }
            _ => None,
        };
        words.ok_or_else(|| {
            let form = match self.form {
                Form::Text => "a text",
                Form::Flag => "true or false",
                Form::List => "a list of texts",
            };
            format!("`{}` is {form}: {}", self.name, self.values)
        })
    }
}

/// The setting with this name.
fn named(name: &str) -> Result<&'static Setting, String> {
    SETTINGS.iter().find(|setting| setting.name == name).ok_or_else(|| {
        let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        format!("there is no setting `{name}`; there are {}", names.join(" "))
    })
}

impl Settings {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The first mistake, with its line and column.
    pub fn parse(file: &str, text: &str) -> Result<Self, TextError> {
        let table = DeTable::parse(text).map_err(|error| TextError::from_toml(file, text, &error))?;
        let mut settings = Self::default();
        for (key, value) in table.get_ref() {
            let setting = named(key.get_ref()).map_err(|message| TextError::at(file, text, &key.span(), message))?;
            let read = setting.words(value.get_ref()).and_then(|words| (setting.take)(&mut settings, &words));
            read.map_err(|message| TextError::at(file, text, &value.span(), message))?;
        }
        Ok(settings)
    }
}

/// The text of a file with other values, by the names of their settings; the rest, comments included, stays.
///
/// # Errors
/// What is wrong with the text as it is.
pub(super) fn changed(file: &str, text: &str, changes: &BTreeMap<&'static str, String>) -> Result<String, TextError> {
    let mut text = text.to_owned();
    for (name, words) in changes {
        Settings::parse(file, &text)?;
        let table = DeTable::parse(&text).map_err(|error| TextError::from_toml(file, &text, &error))?;
        let range = table.get_ref().iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value.span());
        drop(table);
        let Ok(setting) = named(name) else { continue };
        let value = setting.written(words);
        match range {
            Some(range) => text.replace_range(range, &value),
            None => {
                let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                text.push_str(&format!("{end}{name} = {value}\n"));
            }
        }
    }
    Ok(text)
}

/// What was chosen for the whole session, and what of it the user changed in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Preferences {
    /// Whether the mouse is listened to.
    pub(super) mouse: bool,
    /// Whether drawing rests while another window is in front.
    pub(super) pause: bool,
    /// The columns of the table of sockets; nothing for those that fit.
    pub(super) columns: Option<Vec<SocketColumn>>,
    /// What is to be written when the session ends, by name.
    pub(super) changed: BTreeMap<&'static str, String>,
    /// Why nothing will be.
    pub(super) not_remembered: Option<String>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { mouse: true, pause: true, columns: None, changed: BTreeMap::new(), not_remembered: None }
    }
}

/// Takes settings into the state.
pub(super) fn apply(state: &mut State, settings: &Settings) {
    let preferences = &mut state.preferences;
    state.interval_ms = settings.interval_ms.unwrap_or(state.interval_ms);
    state.theme.mono = settings.mono.unwrap_or(state.theme.mono);
    state.theme.ascii = settings.ascii.unwrap_or(state.theme.ascii);
    preferences.mouse = settings.mouse.unwrap_or(preferences.mouse);
    preferences.pause = settings.pause.unwrap_or(preferences.pause);
    if let Some(columns) = &settings.columns {
        preferences.columns = Some(columns.clone());
    }
}

/// Notes that the user chose something, for the file.
pub(super) fn note(state: &mut State, name: &'static str, words: String) {
    state.preferences.changed.insert(name, words);
}

/// What follows the answer to a change: whether it will be remembered.
pub(super) fn remembered_words(state: &State) -> String {
    let preferences = &state.preferences;
    preferences.not_remembered.as_ref().map_or_else(String::new, |reason| format!("; not remembered: {reason}"))
}

/// Carries out `:set NAME VALUE`.
pub(super) fn choose(state: &mut State, typed: &str) -> Vec<Effect> {
    let (name, words) = typed.split_once(' ').map_or((typed, ""), |(name, words)| (name, words.trim()));
    let mut chosen = Settings::default();
    let setting = match named(name) {
        Ok(setting) if words.is_empty() => {
            state.say(Severity::Quiet, format!("{name}: {}; {}", setting.values, setting.help));
            return Vec::new();
        }
        Ok(setting) => setting,
        Err(reason) => {
            state.say(Severity::Warning, reason);
            return Vec::new();
        }
    };
    if let Err(reason) = (setting.take)(&mut chosen, words) {
        state.say(Severity::Warning, reason);
        return Vec::new();
    }
    apply(state, &chosen);
    note(state, setting.name, words.to_owned());
    let mut effects = Vec::new();
    if let Some(ms) = chosen.interval_ms {
        effects.extend(navigate::set_interval(state, ms));
    }
    if let Some(listen) = chosen.mouse {
        effects.push(Effect::ListenToMouse(listen));
    }
    if chosen.interval_ms.is_none() {
        let text = format!("{name} {words}{}", remembered_words(state));
        state.say(Severity::Quiet, text);
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_a_mistake_has_its_place() {
        let text = "# mine\ninterval = \"5s\"\nmouse = false\ncolumns = [\"peer\", \"dies\"]\n";
        let settings = Settings::parse("f", text).unwrap();
        assert_eq!((settings.interval_ms, settings.mouse, settings.ascii), (Some(5000), Some(false), None));
        assert_eq!(settings.columns, Some(vec![SocketColumn::Peer, SocketColumn::Dies]));
        for (text, says) in [
            ("mouse = \"x\"", "f:1:9: `mouse` is true or false"),
            ("\nintervall = \"5s\"", "f:2:1: there is no setting `intervall`"),
            ("interval = \"5\"", "f:1:12: `5` has no unit"),
            ("interval = \"1ms\"", "not within"),
            ("theme = \"pink\"", "f:1:9: `pink` is no theme"),
            ("columns = [\"peer\", 3]", "f:1:11: `columns` is a list of texts"),
            ("columns = []", "f:1:11: at least one column"),
            ("[mouse]\nx = 1", "`mouse` is true or false"),
            ("mouse = ", "f:1:"),
        ] {
            let error = Settings::parse("f", text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_written_keeps_the_rest_and_is_read_again() {
        let changes: BTreeMap<&'static str, String> = [("interval", "2s"), ("mouse", "off"), ("columns", "peer dies")]
            .map(|(name, words)| (name, words.to_owned()))
            .into();
        let before = "# mine\nmouse = true # as ever\ntheme = \"mono\"";
        let after = changed("f", before, &changes).unwrap();
        insta::assert_snapshot!(after, @r#"
        # mine
        mouse = false # as ever
        theme = "mono"
        columns = ["peer", "dies"]
        interval = "2s"
        "#);
        let settings = Settings::parse("f", &after).unwrap();
        assert_eq!((settings.interval_ms, settings.mono, settings.mouse), (Some(2000), Some(true), Some(false)));
        assert_eq!(changed("f", &after, &changes).unwrap(), after);
        assert!(changed("f", "mouse = 3", &changes).is_err(), "what is broken is left to its owner");
    }

    #[test]
    fn every_setting_is_written_as_it_is_read() {
        for (name, words) in [
            ("interval", "500ms"),
            ("theme", "colour"),
            ("ascii", "on"),
            ("mouse", "on"),
            ("pause", "off"),
            ("columns", "state peer"),
        ] {
            let setting = named(name).unwrap();
            let text = changed("f", "", &BTreeMap::from([(setting.name, words.to_owned())])).unwrap();
            let mut asked = Settings::default();
            (setting.take)(&mut asked, words).unwrap();
            assert_eq!(Settings::parse("f", &text).unwrap(), asked, "{text}");
        }
        assert_eq!(SETTINGS.len(), 6, "a new setting has its line above");
    }
}
