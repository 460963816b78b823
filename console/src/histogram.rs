//! A histogram as Prometheus reads it, from counts that somebody else has kept.

use prometheus::proto::{Bucket, LabelPair, Metric, MetricFamily, MetricType};

use crate::Sample;

/// How often something took how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Durations {
    /// Upper bounds in seconds, ascending; one more than all of them is without bound.
    pub bounds: &'static [f64],
    /// How many lay within each bound and above the one before; one more than there are bounds.
    pub counts: Vec<u64>,
    /// Seconds of all together.
    pub sum: f64,
}

/// The family of samples that are durations.
pub(crate) fn family<'a>(
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (&'a Sample, &'a Durations)>,
) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(format!("ringwall_{name}"));
    family.set_help(help.to_owned());
    family.set_field_type(MetricType::HISTOGRAM);
    family.set_metric(samples.map(|(sample, durations)| metric(sample, durations)).collect());
    family
}

fn metric(sample: &Sample, durations: &Durations) -> Metric {
    let mut all = 0;
    let mut buckets = Vec::new();
    for (bound, count) in durations.bounds.iter().zip(&durations.counts) {
        all += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(all);
        buckets.push(bucket);
    }
    let mut histogram = prometheus::proto::Histogram::default();
    histogram.set_sample_count(durations.counts.iter().sum());
    histogram.set_sample_sum(durations.sum);
    histogram.set_bucket(buckets);
    let label = |(name, value): &(&str, String)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value(value.clone());
        pair
    };
    let mut metric = Metric::default();
    metric.set_label(sample.label.iter().map(label).collect());
    metric.set_histogram(histogram);
    metric
}
