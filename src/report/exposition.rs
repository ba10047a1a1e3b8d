//! The text format of metrics: families with help and type, samples with labels.
//!
//! Mirrors: Prometheus text format 0.0.4, without time stamps, which the textfile collector refuses.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only rises, until what it counts is made anew.
    Counter,
    /// Not said.
    Untyped,
}

/// One metric's name, type and help.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Name, letters, digits and underscores.
    pub(super) name: &'static str,
    /// Type.
    pub(super) kind: Kind,
    /// One line of help.
    pub(super) help: &'static str,
}

/// One value of a metric with its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    labels: Vec<(&'static str, String)>,
    value: String,
}

impl Sample {
    /// A sample without labels.
    pub(super) fn new(value: impl ToString) -> Self {
        Self { labels: Vec::new(), value: value.to_string() }
    }

    /// With one more label.
    pub(super) fn label(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}

/// A family with its samples, each with the namespace as last label; nothing at all when there is no sample, since
/// a header without samples says nothing.
pub(super) fn render_family(family: &Family, samples: &[Sample], netns: &str) -> String {
    if samples.is_empty() {
        return String::new();
    }
    let kind = match family.kind {
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
        Kind::Untyped => "untyped",
    };
    let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
    let mut text = format!("# HELP {} {help}\n# TYPE {} {kind}\n", family.name, family.name);
    for sample in samples {
        let own = sample.labels.iter().map(|(name, value)| (*name, value.as_str()));
        let labels: Vec<String> =
            own.chain([("netns", netns)]).map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        text.push_str(&format!("{}{{{}}} {}\n", family.name, labels.join(","), sample.value));
    }
    text
}

/// A label's value with backslashes, quotes and line ends escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: Family = Family { name: "x_total", kind: Kind::Counter, help: "Help with \\ in it." };

    #[test]
    fn a_family_has_one_header_and_a_line_for_each_sample() {
        let samples = [Sample::new(1).label("a", "b"), Sample::new("+Inf")];
        let expected = "# HELP x_total Help with \\\\ in it.\n# TYPE x_total counter\n\
                        x_total{a=\"b\",netns=\"n\"} 1\nx_total{netns=\"n\"} +Inf\n";
        assert_eq!(render_family(&FAMILY, &samples, "n"), expected);
    }

    #[test]
    fn a_family_without_samples_is_left_out() {
        assert_eq!(render_family(&FAMILY, &[], "n"), "");
    }

    #[test]
    fn label_values_cannot_break_out_of_their_quotes() {
        let samples = [Sample::new(1).label("a", "q\"u\\o\nt")];
        assert!(render_family(&FAMILY, &samples, "n").contains("a=\"q\\\"u\\\\o\\nt\""));
    }
}
