//! Which format a client prefers.

use super::exposition::MetricsFormat;

/// The format for what a client accepts: OpenMetrics where it names that and likes it no less than plain text, Prometheus'
/// own text format otherwise, for whoever says nothing as well.
#[must_use]
pub fn choose_metrics_format(accept: &str) -> MetricsFormat {
    let liked = |wanted: &[&str]| {
        let kinds = accept.split(',').filter_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let kind = parts.next()?;
            wanted.iter().any(|name| kind.eq_ignore_ascii_case(name)).then(|| quality(parts))
        });
        kinds.max()
    };
    let open = liked(&["application/openmetrics-text"]).unwrap_or(0);
    // Wildcards count for plain text only where it is not named itself.
    let classic = liked(&["text/plain"]).or_else(|| liked(&["text/*", "*/*"])).unwrap_or(0);
    if open > 0 && open >= classic { MetricsFormat::OpenMetrics } else { MetricsFormat::Classic }
}

/// How much a kind is liked in thousandths: RFC 9110, 12.4.2.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let given = parameters.find_map(|parameter| parameter.strip_prefix("q=").or(parameter.strip_prefix("Q=")));
    let Some(given) = given else { return 1000 };
    let (whole, thousandths) = given.split_once('.').unwrap_or((given, ""));
    let digits: String = thousandths.chars().chain("000".chars()).take(3).collect();
    match (whole.trim(), digits.parse::<u16>()) {
        ("0", Ok(thousandths)) => thousandths,
        ("1", Ok(_)) => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_gets_what_it_likes_best() {
        let classic = [
            "",
            "*/*",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "text/plain;version=0.0.4",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=1.0.0;q=0.4,text/plain;q=0.5",
            "application/openmetrics-text;q=x",
        ];
        let open = [
            // Prometheus 2.42.
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            // Prometheus 3.
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "Application/OpenMetrics-Text",
            "application/openmetrics-text; q=0.875, */*; q=0.25",
        ];
        assert!(classic.iter().all(|accept| choose_metrics_format(accept) == MetricsFormat::Classic));
        assert!(open.iter().all(|accept| choose_metrics_format(accept) == MetricsFormat::OpenMetrics));
    }
}
