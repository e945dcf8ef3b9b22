//! The subscriber of the export thread, which records nothing.
//!
//! `Dispatch::none()` does not work here. While a process has only one subscriber, `tracing` takes the
//! interest in a callsite from the thread that reaches it first. A callsite that the export thread reached
//! first would be disabled for the whole process. `Silence` counts as a second subscriber, and claims to be
//! interested in everything. A callsite that the other subscriber always wants therefore stays enabled. The
//! cost: for a callsite that the other subscriber never wants, `tracing` asks it again each time, if the
//! maximum level allows the callsite.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// A subscriber that records nothing.
#[derive(Debug)]
pub(crate) struct Silence;

impl Subscriber for Silence {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    /// Asks for no level, so that this subscriber enables none.
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
    /// Whether this thread belongs to the pipeline.
    static IS_SILENT: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Marks this thread: the layers of this crate record nothing on it from now on.
pub(crate) fn silence_thread() {
    IS_SILENT.set(true);
}

/// Returns `true` if nothing is recorded on this thread.
pub(crate) fn is_silent() -> bool {
    // A thread whose thread-locals are destroyed does not belong to the pipeline.
    IS_SILENT.try_with(std::cell::Cell::get).unwrap_or(false)
}
