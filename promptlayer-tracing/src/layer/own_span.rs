//! Spans on which this crate itself acts, so that its layer can ignore what it hears of them.
//!
//! A call records its attributes on its span, and closes the span, after it has handed over its data. The layer has
//! nothing to do then. Without the mark, it would look the span up in the registry twice to find that out.

use std::cell::Cell;

use tracing::Span;
use tracing::span::Id;

std::thread_local! {
    /// The id of the span on which this thread acts, or 0.
    static OWN: Cell<u64> = const { Cell::new(0) };
}

/// Sets the mark until it is dropped.
struct Mark {
    before: u64,
}

impl Mark {
    /// Returns `None` if the span is disabled, or if the thread is ending. The layer then looks the span up.
    fn new(span: &Span) -> Option<Self> {
        let id = span.id()?.into_u64();
        OWN.try_with(|own| Self { before: own.replace(id) }).ok()
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = OWN.try_with(|own| own.set(self.before));
    }
}

/// Runs `act`, which records fields on a span that was handed over. The layer ignores them.
pub(crate) fn record<R>(span: &Span, act: impl FnOnce() -> R) -> R {
    let _mark = Mark::new(span);
    act()
}

/// Drops the handle of a span that was handed over. If this closes the span, the layer ignores it.
pub(crate) fn close(span: Span) {
    let _mark = Mark::new(&span);
    drop(span);
}

/// Returns `true` if this crate itself acts on the span on this thread.
pub(crate) fn is_own(id: &Id) -> bool {
    OWN.try_with(Cell::get) == Ok(id.into_u64())
}
