//! Profiles by name: those built in, those of the administrator, and what they take from their parents.

use std::collections::BTreeMap;

use super::{Profile, ProfileText, parse_profile};
use crate::units::{TextError, TextPlace};

/// The profiles that are built in: name and text.
pub const VENDOR_PROFILES: &[(&str, &str)] = &[
    ("anti-syn-flood", include_str!("../../profiles/anti-syn-flood.toml")),
    ("container-node", include_str!("../../profiles/container-node.toml")),
    ("fast-failover", include_str!("../../profiles/fast-failover.toml")),
    ("kernel-defaults", include_str!("../../profiles/kernel-defaults.toml")),
    ("long-fat-network", include_str!("../../profiles/long-fat-network.toml")),
    ("low-latency", include_str!("../../profiles/low-latency.toml")),
    ("many-connections", include_str!("../../profiles/many-connections.toml")),
    ("outbound-proxy", include_str!("../../profiles/outbound-proxy.toml")),
];

/// The most parents of a profile; the length of a chain that somebody still understands.
const MOST_PARENTS: usize = 8;

/// The text of one profile and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileSource {
    /// The file; nothing for a built-in profile.
    pub file: Option<String>,
    /// The text.
    pub text: String,
}

/// Every profile there is.
#[derive(Clone, Debug)]
pub struct Profiles {
    vendor: BTreeMap<String, ProfileSource>,
    admin: BTreeMap<String, ProfileSource>,
}

impl Profiles {
    /// Those that are built in.
    #[must_use]
    pub fn vendor() -> Self {
        let source = |text: &str| ProfileSource { file: None, text: text.to_owned() };
        let vendor = VENDOR_PROFILES.iter().map(|(name, text)| ((*name).to_owned(), source(text))).collect();
        Self { vendor, admin: BTreeMap::new() }
    }

    /// Adds the administrator's profile `name`, read from `file`; it wins over a built-in one.
    pub fn add(&mut self, name: impl Into<String>, file: impl Into<String>, text: impl Into<String>) {
        let source = ProfileSource { file: Some(file.into()), text: text.into() };
        self.admin.insert(name.into(), source);
    }

    /// Every name, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.vendor.keys().chain(self.admin.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The text that a name stands for.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&ProfileSource> {
        self.admin.get(name).or_else(|| self.vendor.get(name))
    }

    /// The names most like one that does not exist, the likest first, at most three.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        similar::get_close_matches(name, &self.names(), 3, 0.6)
    }

    /// The profile with everything it takes from its parents, or nothing when there is none of that name.
    ///
    /// # Errors
    /// The first mistake in it or in a parent; a parent that does not exist, or that leads back to it.
    pub fn resolve(&self, name: &str) -> Option<Result<Profile, TextError>> {
        self.source(name)?;
        Some(self.flatten(name))
    }

    fn flatten(&self, name: &str) -> Result<Profile, TextError> {
        // Nearest first. A profile of the administrator may build on the built-in one of its own name.
        let mut chain: Vec<(String, ProfileText)> = Vec::new();
        let mut next = name.to_owned();
        let mut from: Option<(String, TextPlace)> = None;
        loop {
            if chain.len() > MOST_PARENTS {
                let (file, place) = from.unwrap_or_else(|| (next.clone(), TextPlace { line: 1, column: 1 }));
                let message = format!("this is parent number {}; a profile has at most {MOST_PARENTS}", chain.len());
                return Err(TextError { file, place, message });
            }
            let times = chain.iter().filter(|(seen, _)| *seen == next).count();
            let candidates = [self.admin.get(&next), self.vendor.get(&next)];
            let Some(source) = candidates.into_iter().flatten().nth(times) else {
                return Err(self.missing_parent(&next, times > 0, from));
            };
            let file = file_name(&next, source);
            let text = parse_profile(&next, &file, &source.text)?;
            let parent = text.extends.clone();
            chain.push((next, text));
            match parent {
                Some((parent, place)) => {
                    from = Some((file, place));
                    next = parent;
                }
                None => return Ok(merge(name, chain)),
            }
        }
    }

    fn missing_parent(&self, parent: &str, circle: bool, from: Option<(String, TextPlace)>) -> TextError {
        let (file, place) = from.unwrap_or_else(|| (parent.to_owned(), TextPlace { line: 1, column: 1 }));
        let message = if circle {
            format!("the parent `{parent}` leads back to itself; expected a profile that does not build on this one")
        } else {
            let known = self.names().join(", ");
            format!("there is no profile `{parent}` to be the parent; expected one of {known}")
        };
        TextError { file, place, message }
    }
}

/// The file of a profile as messages name it.
fn file_name(name: &str, source: &ProfileSource) -> String {
    source.file.clone().unwrap_or_else(|| format!("built-in profile {name}"))
}

/// Lays each profile over its parent.
fn merge(name: &str, chain: Vec<(String, ProfileText)>) -> Profile {
    let parents = chain.iter().skip(1).map(|(name, _)| name.clone()).collect();
    let summary = chain.first().map(|(_, text)| text.summary.clone()).unwrap_or_default();
    let name = name.to_owned();
    let (rules, notes, costs, not_for) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
    let mut profile = Profile { name, summary, parents, rules, notes, costs, not_for };
    for (_, text) in chain.into_iter().rev() {
        profile.rules.extend(text.rules);
        profile.notes.extend(text.notes);
        profile.costs.extend(text.costs);
        profile.not_for.extend(text.not_for);
    }
    profile
}
