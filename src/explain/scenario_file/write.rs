//! From a scenario to text: a file that stands for itself, on whichever host it is played.

use super::calls::options_before;
use super::outside::acknowledges;
use super::words::{
    ACTIONS, BASES, Base, FAMILIES, ICMP_ERRORS, NO_OPTIONS, SEGMENTS, SIDES, STARTS, action_word, nth_text,
    number_text, says_of, word_of,
};
use crate::catalog;
use crate::explain::ask::{Ask, Origin};
use crate::explain::socket_option::options_between;
use crate::explain::{Topic, scenario_of};
use crate::model::{
    Action, Call, Endpoint, Fate, Injected, Injection, IpVersion, Listener, Scenario, Settings, SocketOptions, WireRule,
};
use crate::units::duration_text;

/// Where comments begin that explain a line beside them.
const COMMENT_COLUMN: usize = 44;

/// A scenario as the text that [`super::read_scenario`] reads as the same scenario, whatever the host.
#[must_use]
pub fn scenario_text(summary: &str, scenario: &Scenario) -> String {
    let mut writer = Writer { text: String::new(), scenario, shown: &[], ask: None };
    writer.whole(summary);
    writer.text
}

/// The scenario of a topic under these premises as such a text, with comments; nothing for a topic without one.
#[must_use]
pub fn topic_scenario_text(topic: &'static Topic, ask: &Ask) -> Option<String> {
    let scenario = scenario_of(topic, ask)?;
    let text = format!(
        "# From: tcpctl explain {}\n# To play it: tcpctl simulate FILE\n# All words: man 5 tcpctl-scenario\n\n",
        topic.id
    );
    let mut writer = Writer { text, scenario: &scenario, shown: topic.keys, ask: Some(ask) };
    writer.whole(topic.question);
    Some(writer.text)
}

struct Writer<'a> {
    text: String,
    scenario: &'a Scenario,
    /// Sysctls that are written even where they have the default.
    shown: &'a [&'static str],
    /// Where values came from, when that is known.
    ask: Option<&'a Ask>,
}

impl Writer<'_> {
    fn whole(&mut self, summary: &str) {
        let scenario = self.scenario;
        self.line("summary", &quoted(summary), "");
        self.line("about", &quoted(word_of(&SIDES, &scenario.about)), "the side whose end counts");
        self.line("start", &quoted(word_of(&STARTS, &scenario.start)), says_of(&STARTS, &scenario.start));
        self.line("rtt", &quoted(&duration_text(scenario.rtt_us)), "");
        if scenario.family != IpVersion::V4 {
            self.line("family", &quoted(word_of(&FAMILIES, &scenario.family)), "");
        }
        self.line("settings", &quoted(word_of(&BASES, &Base::Defaults)), "of what is not set here; or \"host\"");
        self.header("[kernel]", "");
        self.line("version", &quoted(&scenario.host.version.to_string()), "");
        let hz = scenario.host.hz.map_or(quoted("any"), |hz| hz.to_string());
        self.line("hz", &hz, "");
        self.settings();
        self.end("client", &scenario.client);
        self.end("server", &scenario.server);
        if scenario.listener != Listener::default() {
            self.listener(scenario.listener);
        }
        for (place, call) in scenario.calls.iter().enumerate() {
            self.call(call, &options_before(scenario, place));
        }
        scenario.wire.iter().for_each(|rule| self.wire(rule));
        scenario.injections.iter().for_each(|injection| self.injection(injection));
    }

    fn header(&mut self, header: &str, comment: &str) {
        self.text.push('\n');
        self.beside(header, comment);
    }

    fn line(&mut self, key: &str, value: &str, comment: &str) {
        self.beside(&format!("{key} = {value}"), comment);
    }

    fn beside(&mut self, line: &str, comment: &str) {
        self.text.push_str(line);
        if !comment.is_empty() {
            let gap = COMMENT_COLUMN.saturating_sub(line.chars().count()).max(2);
            // One that would not fit beside stands above.
            if line.chars().count() + gap + 2 + comment.chars().count() > 80 {
                let start = self.text.len() - line.len();
                self.text.insert_str(start, &format!("# {comment}:\n"));
            } else {
                self.text.push_str(&format!("{}# {comment}", " ".repeat(gap)));
            }
        }
        self.text.push('\n');
    }

    /// The sysctls: those that are shown in any case, and those that differ from the defaults.
    fn settings(&mut self) {
        let scenario = self.scenario;
        let version = scenario.host.version;
        let usual = Settings::from_values(&catalog::defaults(version, None)).values();
        let (client, server) = (scenario.client.settings.values(), scenario.server.settings.values());
        let mut both = Vec::new();
        let mut own = [Vec::new(), Vec::new()];
        for ((key, usual), ((_, at_client), (_, at_server))) in usual.into_iter().zip(client.into_iter().zip(server)) {
            if !catalog::exists(key, version) {
                continue;
            }
            if at_client != at_server {
                let [client, server] = &mut own;
                client.push((key, at_client));
                server.push((key, at_server));
            } else if at_client != usual || self.shown.contains(&key) {
                both.push((key, at_client));
            }
        }
        let [client, server] = own;
        for (header, values) in [("[sysctl]", both), ("[client.sysctl]", client), ("[server.sysctl]", server)] {
            if !values.is_empty() {
                self.header(header, "");
            }
            for (key, value) in values {
                let comment = self.origin(key, &value);
                self.line(&quoted(key), &plain_or_quoted(&value), &comment);
            }
        }
    }

    /// Where a value came from, beside the kernel's default.
    fn origin(&self, key: &str, value: &str) -> String {
        let Some(ask) = self.ask else { return String::new() };
        let origin = ask.values.get(key).map(|sourced| sourced.origin).filter(|origin| *origin != Origin::Default);
        match (origin, ask.defaults.get(key)) {
            (None, Some(default)) if default == value => "the default".to_owned(),
            (Some(origin), Some(default)) if default == value => format!("{}, as by default", origin.name()),
            (Some(origin), Some(default)) => format!("{}; the default is {default}", origin.name()),
            (Some(origin), None) => origin.name().to_owned(),
            (None, _) => String::new(),
        }
    }

    fn end(&mut self, name: &str, end: &Endpoint) {
        let options = options_between(&SocketOptions::default(), &end.options);
        if !options.is_empty() {
            self.header(&format!("[{name}.sockopt]"), "");
        }
        for (option, value) in options {
            self.line(option, &value.to_string(), "");
        }
        if let Some(measured) = end.measured {
            self.header(&format!("[{name}.measured]"), "");
            self.line("rto", &quoted(&duration_text(measured.rto_us)), "");
            self.line("rtt", &quoted(&duration_text(measured.srtt_us)), "");
        }
    }

    fn listener(&mut self, listener: Listener) {
        self.header("[listener]", "");
        self.line("backlog", &listener.backlog.to_string(), "");
        if listener.waiting > 0 {
            self.line("waiting", &listener.waiting.to_string(), "that wait for accept() from the beginning");
        }
        if listener.joining > 0 {
            self.line("joining", &listener.joining.to_string(), "that join before the third segment");
        }
    }

    fn call(&mut self, call: &Call, before: &SocketOptions) {
        self.header("[[call]]", "");
        self.line("at", &quoted(&duration_text(call.at_us)), "");
        self.line("side", &quoted(word_of(&SIDES, &call.side)), "");
        let word = action_word(call.action);
        let says = ACTIONS.iter().find(|action| action.word == word).map_or("", |action| action.says);
        // What may be said of the side, the line above says.
        let says = says.split(';').next().unwrap_or_default();
        let says =
            if [Action::Connect, Action::SetOptions(NO_OPTIONS)].map(action_word).contains(&word) { "" } else { says };
        self.line("do", &quoted(word), says);
        if let Action::SetOptions(options) = call.action {
            let mut changed = options_between(before, &options);
            if changed.is_empty() {
                // A call that changes nothing still names an option.
                changed.push(("TCP_USER_TIMEOUT", i64::from(options.user_timeout_ms)));
            }
            let named: Vec<String> = changed.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            self.line("sockopt", &format!("{{ {} }}", named.join(", ")), "");
        }
    }

    fn wire(&mut self, rule: &WireRule) {
        self.header("[[wire]]", "");
        self.line("from", &quoted(word_of(&SIDES, &rule.from)), "");
        match &rule.segment {
            Some(segment) => self.line("segment", &quoted(word_of(&SEGMENTS, segment)), ""),
            None => self.text.push_str("# every segment that it sends\n"),
        }
        if rule.nth != (1, None) {
            self.line("nth", &quoted(&nth_text(rule.nth)), "");
        }
        if rule.from_us > 0 {
            self.line("after", &quoted(&duration_text(rule.from_us)), "");
        }
        if let Some(until_us) = rule.until_us {
            self.line("until", &quoted(&duration_text(until_us)), "");
        }
        match rule.fate {
            Fate::Lose => self.line("lose", "true", ""),
            Fate::Delay { by_us } => self.line("delay", &quoted(&duration_text(by_us)), ""),
            Fate::Duplicate { after_us } => self.line("duplicate", &quoted(&duration_text(after_us)), ""),
        }
    }

    fn injection(&mut self, injection: &Injection) {
        self.header("[[inject]]", "");
        self.line("at", &quoted(&duration_text(injection.at_us)), "");
        self.line("to", &quoted(word_of(&SIDES, &injection.to)), "");
        match injection.what {
            Injected::Segment { segment, seq, ack } => {
                self.line("segment", &quoted(word_of(&SEGMENTS, &segment)), "");
                self.line("seq", &quoted(&number_text(seq)), "");
                match ack {
                    Some(ack) => self.line("ack", &quoted(&number_text(ack)), ""),
                    None if acknowledges(segment) => self.line("ack", &quoted("none"), ""),
                    None => {}
                }
            }
            Injected::Icmp { error, in_call } => {
                self.line("icmp", &quoted(word_of(&ICMP_ERRORS, &error)), "");
                if in_call {
                    self.line("in-call", "true", "");
                }
            }
        }
    }
}

/// A text between quotes as TOML takes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A number as it is, anything else between quotes.
fn plain_or_quoted(value: &str) -> String {
    if value.parse::<i64>().is_ok_and(|number| number.to_string() == value) { value.to_owned() } else { quoted(value) }
}
