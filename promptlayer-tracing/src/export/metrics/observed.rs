//! The statistics as observable instruments of OpenTelemetry.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use crate::export::metrics::table::{Metric, MetricKind, metrics};
use crate::export::pipeline::Pipeline;
use crate::export::shutdown::Homes;
use crate::export::stats::Stats;

/// Makes the statistics of a layer's pipelines observable. The meter does not keep the pipelines: when they are gone,
/// nothing is observed.
pub(crate) fn observe(meter: &Meter, homes: &Homes) {
    let latest = Latest {
        first: Arc::downgrade(&homes.first.pipeline),
        #[cfg(feature = "otlp")]
        second: homes.second.as_ref().map(|second| Arc::downgrade(&second.pipeline)),
        snapshot: Mutex::default(),
    };
    let latest = Arc::new(latest);
    for (at, Metric { name, description, unit, kind, .. }) in
        metrics(&Stats::default()).into_iter().enumerate()
    {
        let latest = Arc::clone(&latest);
        let seen = Mutex::new(0);
        let look = move |observer: &dyn AsyncInstrument<u64>| {
            let Some(snapshot) = latest.after(&seen) else { return };
            for point in snapshot.get(at).map(|metric| &*metric.points).unwrap_or_default() {
                let attributes: Vec<_> = point.labels().map(|(name, of)| KeyValue::new(name, of)).collect();
                observer.observe(point.value, &attributes);
            }
        };
        // The meter keeps the callback, so the instrument itself is not needed.
        match kind {
            MetricKind::Counter => {
                let counter = meter.u64_observable_counter(name).with_description(description);
                let _ = counter.with_unit(unit).with_callback(look).build();
            }
            MetricKind::Gauge => {
                let gauge = meter.u64_observable_gauge(name).with_description(description);
                let _ = gauge.with_unit(unit).with_callback(look).build();
            }
        }
    }
}

/// A snapshot of the statistics that all instruments share, so that their values belong to one instant.
struct Latest {
    first: Weak<Pipeline>,
    /// The pipeline of the second destination, if there are two.
    #[cfg(feature = "otlp")]
    second: Option<Weak<Pipeline>>,
    /// The snapshot, and its number. The first one has the number 1.
    snapshot: Mutex<(u64, Arc<[Metric]>)>,
}

impl Latest {
    /// Returns a snapshot that an instrument has not seen. `seen` is the number of the one that it saw last.
    ///
    /// The meter asks its instruments one after another. The first one finds a snapshot that it has seen, and takes a
    /// new one for all.
    fn after(&self, seen: &Mutex<u64>) -> Option<Arc<[Metric]>> {
        let first = self.first.upgrade()?;
        let mut snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if snapshot.0 <= *seen {
            *snapshot = (snapshot.0 + 1, metrics(&self.stats(&first)).into());
        }
        *seen = snapshot.0;
        Some(Arc::clone(&snapshot.1))
    }

    /// Returns the statistics of the first pipeline, with those of the second one in them.
    #[cfg_attr(not(feature = "otlp"), allow(clippy::unused_self, reason = "there is no second pipeline"))]
    fn stats(&self, first: &Pipeline) -> Stats {
        Stats {
            #[cfg(feature = "otlp")]
            otlp: self.second.as_ref().and_then(Weak::upgrade).map(|second| Box::new(second.stats())),
            ..first.stats()
        }
    }
}
