//! A layer that counts spans and events of every level by thread and target.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Counts spans and events by the name of the thread that emitted them and by target.
#[derive(Debug, Clone, Default)]
pub struct Ear(Arc<Mutex<BTreeMap<(String, String), u64>>>);

impl Ear {
    /// Returns the counts so far, by thread and target.
    pub fn heard(&self) -> BTreeMap<(String, String), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the number of spans and events with a target.
    pub fn count(&self, target: &str) -> u64 {
        self.heard().iter().filter(|((_, of), _)| of == target).map(|(_, times)| times).sum()
    }

    /// Returns the threads and targets of the pipeline's own threads, except for the targets in `but_for`.
    pub fn heard_of_the_pipeline(&self, but_for: &[&str]) -> Vec<(String, String)> {
        let is_its = |(thread, target): &(String, String)| {
            thread.starts_with("pl-") && !but_for.contains(&target.as_str())
        };
        self.heard().into_keys().filter(is_its).collect()
    }

    fn hear(&self, target: &str) {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *heard.entry((thread, target.to_owned())).or_default() += 1;
    }
}

impl<S: Subscriber + for<'lookup> LookupSpan<'lookup>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.hear(attributes.metadata().target());
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.hear(event.metadata().target());
    }
}
