//! A meter provider of OpenTelemetry's SDK, and what it collects.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

/// The attributes of a value.
pub(crate) type Attributes = BTreeMap<String, String>;

/// A value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Of a counter.
    Sum(u64),
    Gauge(u64),
    /// How many values a histogram has, their sum, and the bounds of its buckets.
    Histogram(u64, f64, Vec<f64>),
}

/// A metric.
#[derive(Debug, Clone)]
pub(crate) struct Collected {
    pub(crate) unit: String,
    pub(crate) description: String,
    pub(crate) values: Vec<(Attributes, Value)>,
}

/// Metrics by name.
#[derive(Debug, Default)]
pub(crate) struct All(pub(crate) BTreeMap<String, Collected>);

/// A provider whose metrics are collected when the test asks.
pub(crate) struct Provider {
    pub(crate) sdk: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Provider {
    pub(crate) fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        Self { sdk: SdkMeterProvider::builder().with_reader(reader).build(), exporter }
    }

    /// Returns all metrics as they are now.
    pub(crate) fn collect(&self) -> All {
        self.exporter.reset();
        self.sdk.force_flush().unwrap();
        let mut all = All::default();
        for resource in self.exporter.get_finished_metrics().unwrap() {
            for scope in resource.scope_metrics() {
                assert_eq!(scope.scope().name(), "promptlayer-tracing");
                for metric in scope.metrics() {
                    let before = all.0.insert(metric.name().to_owned(), collected(metric));
                    assert!(before.is_none(), "{} twice", metric.name());
                }
            }
        }
        all
    }
}

impl All {
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Returns the values of a metric, none if it has none.
    pub(crate) fn values(&self, name: &str) -> &[(Attributes, Value)] {
        self.0.get(name).map(|metric| metric.values.as_slice()).unwrap_or_default()
    }

    /// Returns the only value of a metric.
    #[track_caller]
    pub(crate) fn only(&self, name: &str) -> (&Attributes, &Value) {
        match self.values(name) {
            [(attributes, value)] => (attributes, value),
            other => panic!("{name}: {other:#?}"),
        }
    }

    /// Returns how many values the histogram has, over all attributes.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let count = |(_, value): &(Attributes, Value)| match value {
            Value::Histogram(count, ..) => *count,
            other => panic!("{name}: {other:?}"),
        };
        self.values(name).iter().map(count).sum()
    }

    /// Returns the value of a counter or gauge with this attribute, or without attributes.
    #[track_caller]
    pub(crate) fn number(&self, name: &str, attribute: Option<(&str, &str)>) -> u64 {
        let wanted: Attributes =
            attribute.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = self.values(name).iter().find(|(attributes, _)| *attributes == wanted);
        match found {
            Some((_, Value::Sum(number) | Value::Gauge(number))) => *number,
            other => panic!("{name} {attribute:?}: {other:?}"),
        }
    }
}

fn attributes<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Attributes {
    attributes.map(|attribute| (attribute.key.to_string(), attribute.value.to_string())).collect()
}

fn collected(metric: &Metric) -> Collected {
    let values = match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            assert!(sum.is_monotonic());
            sum.data_points()
                .map(|point| (attributes(point.attributes()), Value::Sum(point.value())))
                .collect()
        }
        AggregatedMetrics::U64(MetricData::Gauge(gauge)) => gauge
            .data_points()
            .map(|point| (attributes(point.attributes()), Value::Gauge(point.value())))
            .collect(),
        AggregatedMetrics::U64(MetricData::Histogram(histogram)) => histogram
            .data_points()
            .map(|point| {
                #[allow(clippy::cast_precision_loss, reason = "the sums of the tests are small")]
                let sum = point.sum() as f64;
                (
                    attributes(point.attributes()),
                    Value::Histogram(point.count(), sum, point.bounds().collect()),
                )
            })
            .collect(),
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram
            .data_points()
            .map(|point| {
                let value = Value::Histogram(point.count(), point.sum(), point.bounds().collect());
                (attributes(point.attributes()), value)
            })
            .collect(),
        other => panic!("{}: {other:?}", metric.name()),
    };
    let mut values: Vec<(Attributes, Value)> = values;
    values.sort_by(|(one, _), (other, _)| one.cmp(other));
    Collected { unit: metric.unit().to_owned(), description: metric.description().to_owned(), values }
}
