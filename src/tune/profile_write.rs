//! A profile as the text that [`parse_profile`](super::parse_profile) reads.

use std::fmt::Write;

use super::{Profile, Rule};

/// The text of a profile, with what it takes from its parents in it.
#[must_use]
pub fn render_profile_text(profile: &Profile) -> String {
    let mut text = format!("summary = {}\n", quoted(&profile.summary));
    let lists = [("notes", &profile.notes), ("costs", &profile.costs), ("not-for", &profile.not_for)];
    for (word, sentences) in lists.into_iter().filter(|(_, sentences)| !sentences.is_empty()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{word} = [");
        for sentence in sentences {
            let _ = writeln!(text, "    {},", quoted(sentence));
        }
        text.push_str("]\n");
    }
    for (key, rule) in &profile.rules {
        let _ = write!(text, "\n[keys.{}]\n{}", quoted(key.as_str()), rule_text(rule));
    }
    text
}

fn rule_text(rule: &Rule) -> String {
    let value = rule.value.as_str();
    let plain = value.parse::<i64>().is_ok_and(|number| number.to_string() == value);
    let value = if plain { value.to_owned() } else { quoted(value) };
    let mut text = format!("{} = {value}\n", rule.operator);
    let mut line = |word: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{word} = {value}");
    };
    line("reason", quoted(&rule.reason));
    line("source", quoted(&rule.source));
    if let Some(risk) = &rule.risk {
        line("risk", quoted(risk));
    }
    if let Some(cap) = &rule.cap {
        line("cap", quoted(cap));
    }
    if rule.required {
        line("required", "true".to_owned());
    }
    for (word, version) in [("since", rule.since), ("until", rule.until)] {
        if let Some(version) = version {
            line(word, quoted(&version.to_string()));
        }
    }
    let when = rule.when;
    let namespace = when.namespace.map(|kind| ("namespace", kind.word().to_owned()));
    let bytes = |bytes: u64| format!("{}KiB", bytes >> 10);
    let least = when.memory_at_least.map(|least| ("memory-at-least", bytes(least)));
    let below = when.memory_below.map(|below| ("memory-below", bytes(below)));
    let conditions: Vec<String> = [namespace, least, below]
        .into_iter()
        .flatten()
        .map(|(word, value)| format!("{word} = {}", quoted(&value)))
        .collect();
    if !conditions.is_empty() {
        line("when", format!("{{ {} }}", conditions.join(", ")));
    }
    text
}

/// A text in the quotes of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::{Profiles, parse_profile};
    use super::*;

    #[test]
    fn every_built_in_profile_is_read_back_from_its_text_as_the_same_rules() {
        let profiles = Profiles::vendor();
        for name in profiles.names() {
            let profile = profiles.resolve(name).unwrap().unwrap();
            let read = parse_profile(name, "file", &render_profile_text(&profile)).unwrap();
            let bare = |rule: &Rule| (rule.operator, rule.value.as_str().to_owned(), rule.when, rule.since, rule.until);
            let same = read.rules.iter().zip(&profile.rules).all(|((key, one), (other_key, other))| {
                key == other_key && bare(one) == bare(other) && one.reason == other.reason && one.risk == other.risk
            });
            assert!(same && read.rules.len() == profile.rules.len(), "{name}");
            assert_eq!((read.notes, read.costs), (profile.notes, profile.costs), "{name}");
        }
    }

    #[test]
    fn quotes_and_lines_in_sentences_are_escaped() {
        let profile = Profile {
            name: "x".to_owned(),
            summary: "a \"b\"\n\\c".to_owned(),
            parents: Vec::new(),
            rules: std::collections::BTreeMap::new(),
            notes: vec!["tab\there".to_owned()],
            costs: Vec::new(),
            not_for: Vec::new(),
        };
        let read = parse_profile("x", "file", &render_profile_text(&profile)).unwrap();
        assert_eq!((read.summary, read.notes), (profile.summary, profile.notes));
    }
}
