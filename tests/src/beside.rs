//! A layer that records the fields of spans, for use next to `PromptLayer`'s layer.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// A layer that keeps the fields of every span under the name of the span.
#[derive(Debug, Clone, Default)]
pub struct Beside(Arc<Mutex<BTreeMap<&'static str, Fields>>>);

/// Fields, in the order in which they were recorded.
type Fields = Vec<(String, Value)>;

/// Collects the fields of one call of `new_span` or `record`.
#[derive(Default)]
struct Seen(Fields);

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name().to_owned(), format!("{value:?}").into()));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name().to_owned(), value.into()));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name().to_owned(), value.into()));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name().to_owned(), value.into()));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name().to_owned(), value.into()));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name().to_owned(), value.into()));
    }
}

impl Beside {
    fn keep(&self, name: &'static str, seen: Seen) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().extend(seen.0);
    }

    /// Returns the fields of the spans with this name.
    ///
    /// # Panics
    ///
    /// Panics if a field was recorded more than once.
    #[must_use]
    pub fn fields(&self, name: &str) -> Value {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fields = spans.get(name).cloned().unwrap_or_default();
        let map: serde_json::Map<String, Value> = fields.iter().cloned().collect();
        assert_eq!(map.len(), fields.len(), "{fields:?}");
        map.into()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Beside {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut seen = Seen::default();
        attributes.record(&mut seen);
        self.keep(attributes.metadata().name(), seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut seen = Seen::default();
        values.record(&mut seen);
        if let Some(span) = context.span(id) {
            self.keep(span.name(), seen);
        }
    }
}
