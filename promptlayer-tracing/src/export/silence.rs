//! The subscriber of the export thread, which hears nothing.
//!
//! Not `Dispatch::none()`: while a process has one subscriber, `tracing` takes what it is interested in
//! from the thread that reaches a callsite first, and what the export thread reached first would be
//! silent for the whole process. This one is counted as a second, and claims to be interested in
//! everything, so that a callsite that the other always wants stays one. What the other never wants it is asked for
//! anew each time, if the level lets it so far: that is the price.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// Hears nothing.
#[derive(Debug)]
pub(crate) struct Silence;

impl Subscriber for Silence {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    /// Asks for no level, so that none is enabled on its account.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::OFF)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

std::thread_local! {
    /// Whether this thread is one of the pipeline's.
    static IS_SILENT: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// From now on nothing that happens on this thread is recorded by a layer of this crate.
pub(crate) fn silence_thread() {
    IS_SILENT.set(true);
}

/// Whether nothing that happens on this thread is recorded.
pub(crate) fn is_silent() -> bool {
    // A thread whose locals are gone is none of the pipeline's.
    IS_SILENT.try_with(std::cell::Cell::get).unwrap_or(false)
}
