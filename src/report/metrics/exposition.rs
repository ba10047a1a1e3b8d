//! The text formats of metrics: families with help and type, samples with labels.
//!
//! Mirrors: Prometheus text format 0.0.4 and OpenMetrics 1.0, without time stamps, which the textfile collector refuses.

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// Prometheus' own, 0.0.4, which the textfile collector reads too.
    Classic,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl MetricsFormat {
    /// The type as HTTP tells it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What ends a text.
    pub(super) const fn end(self) -> &'static str {
        match self {
            Self::Classic => "",
            Self::OpenMetrics => "# EOF\n",
        }
    }
}

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

impl Kind {
    /// As Prometheus names it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Untyped => "untyped",
        }
    }
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

impl Family {
    /// Name and type as the header of a format has them: OpenMetrics leaves the suffix of a counter to its samples.
    fn header(&self, format: MetricsFormat) -> (&'static str, &'static str) {
        match (format, self.kind) {
            (MetricsFormat::OpenMetrics, Kind::Counter) => {
                (self.name.strip_suffix("_total").unwrap_or(self.name), self.kind.word())
            }
            (MetricsFormat::OpenMetrics, Kind::Untyped) => (self.name, "unknown"),
            (_, kind) => (self.name, kind.word()),
        }
    }
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

    /// The names of its labels.
    #[cfg(test)]
    pub(super) fn label_names(&self) -> Vec<&'static str> {
        self.labels.iter().map(|(name, _)| *name).collect()
    }
}

/// A family with its samples, each with the namespace as last label; nothing at all when there is no sample, since
/// a header without samples says nothing.
pub(super) fn render_family(family: &Family, samples: &[Sample], netns: &str, format: MetricsFormat) -> String {
    if samples.is_empty() {
        return String::new();
    }
    let (name, kind) = family.header(format);
    let help = match format {
        MetricsFormat::Classic => family.help.replace('\\', "\\\\").replace('\n', "\\n"),
        // OpenMetrics escapes quotes in help as well.
        MetricsFormat::OpenMetrics => escaped(family.help),
    };
    let mut text = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
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

    const FAMILY: Family = Family { name: "x_total", kind: Kind::Counter, help: "Help with \\ and \" in it." };

    #[test]
    fn a_family_has_one_header_and_a_line_for_each_sample() {
        let samples = [Sample::new(1).label("a", "b"), Sample::new("+Inf")];
        let expected = "# HELP x_total Help with \\\\ and \" in it.\n# TYPE x_total counter\n\
                        x_total{a=\"b\",netns=\"n\"} 1\nx_total{netns=\"n\"} +Inf\n";
        assert_eq!(render_family(&FAMILY, &samples, "n", MetricsFormat::Classic), expected);
        let expected = "# HELP x Help with \\\\ and \\\" in it.\n# TYPE x counter\n\
                        x_total{a=\"b\",netns=\"n\"} 1\nx_total{netns=\"n\"} +Inf\n";
        assert_eq!(render_family(&FAMILY, &samples, "n", MetricsFormat::OpenMetrics), expected);
        let unknown = Family { kind: Kind::Untyped, ..FAMILY };
        assert!(
            render_family(&unknown, &samples, "n", MetricsFormat::OpenMetrics).contains("# TYPE x_total unknown\n")
        );
    }

    #[test]
    fn a_family_without_samples_is_left_out() {
        assert_eq!(render_family(&FAMILY, &[], "n", MetricsFormat::Classic), "");
    }

    #[test]
    fn label_values_cannot_break_out_of_their_quotes() {
        let samples = [Sample::new(1).label("a", "q\"u\\o\nt")];
        assert!(render_family(&FAMILY, &samples, "n", MetricsFormat::Classic).contains("a=\"q\\\"u\\\\o\\nt\""));
    }
}
