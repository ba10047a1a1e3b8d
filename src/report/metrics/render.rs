//! A reading as metrics.
//!
//! Each sample carries the network namespace it was read from as a label, so that it stands beside node_exporter's own
//! sample of that name instead of colliding with it: a collision would cost the whole scrape.

use super::exposition::{MetricsFormat, render_family};
use super::measured::Measured;
use super::table::METRICS;

/// All metrics of a reading as text in each of the formats. The same reading always gives the same text.
#[must_use]
pub fn render_metrics<const N: usize>(measured: &Measured<'_>, formats: [MetricsFormat; N]) -> [String; N] {
    let netns = &measured.now.netns;
    let netns = match (&netns.name, netns.inode) {
        (Some(name), _) => name.clone(),
        (None, Some(inode)) => inode.to_string(),
        (None, None) => "unknown".to_owned(),
    };
    let families: Vec<_> = METRICS.iter().map(|metric| (&metric.family, (metric.samples)(measured))).collect();
    formats.map(|format| {
        let texts = families.iter().map(|(family, samples)| render_family(family, samples, &netns, format));
        texts.chain([format.end().to_owned()]).collect()
    })
}
