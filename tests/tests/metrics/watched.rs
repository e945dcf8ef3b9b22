//! A meter provider of the test, which sees on which thread a value is recorded, and can panic.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use opentelemetry::metrics::{
    Counter, Histogram, HistogramBuilder, InstrumentBuilder, InstrumentProvider, Meter, MeterProvider,
    SyncInstrument,
};
use opentelemetry::{InstrumentationScope, KeyValue};

/// What the instruments saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    /// How many values were recorded, by thread and metric.
    recorded: Arc<Mutex<BTreeMap<(String, String), u64>>>,
    panics: bool,
}

impl Watched {
    /// A provider whose instruments panic with each value.
    pub(crate) fn panicking() -> Self {
        Self { panics: true, ..Self::default() }
    }

    /// Returns how many values of a metric were recorded, by thread.
    pub(crate) fn threads_of(&self, metric: &str) -> BTreeMap<String, u64> {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let of_metric = recorded.iter().filter(|((_, name), _)| name == metric);
        of_metric.map(|((thread, _), times)| (thread.clone(), *times)).collect()
    }

    fn instrument(&self, name: &str) -> Arc<Instrument> {
        Arc::new(Instrument { name: name.to_owned(), watched: self.clone() })
    }
}

struct Instrument {
    name: String,
    watched: Watched,
}

impl<T> SyncInstrument<T> for Instrument {
    fn measure(&self, _: T, _: &[KeyValue]) {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        let mut recorded = self.watched.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        *recorded.entry((thread, self.name.clone())).or_default() += 1;
        drop(recorded);
        assert!(!self.watched.panics, "the meter panics");
    }
}

impl InstrumentProvider for Watched {
    fn u64_counter(&self, builder: InstrumentBuilder<'_, Counter<u64>>) -> Counter<u64> {
        Counter::new(self.instrument(&builder.name))
    }

    fn u64_histogram(&self, builder: HistogramBuilder<'_, Histogram<u64>>) -> Histogram<u64> {
        Histogram::new(self.instrument(&builder.name))
    }

    fn f64_histogram(&self, builder: HistogramBuilder<'_, Histogram<f64>>) -> Histogram<f64> {
        Histogram::new(self.instrument(&builder.name))
    }
}

impl MeterProvider for Watched {
    fn meter_with_scope(&self, _: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(self.clone()))
    }
}
