//! Spans on which this crate itself acts, so that its layer can ignore what it hears of them.
//!
//! A call records its attributes on its span, and closes the span, after it has handed over its data. The layer has
//! nothing to do then. Without the mark, it would look the span up in the registry twice to find that out.

use std::cell::Cell;

use tracing::Span;
use tracing::span::Id;

use crate::process::SpanProcessor;

std::thread_local! {
    /// The id of the span on which this thread acts, or 0, and the address of its processor: the spans of another
    /// subscriber may have the same id.
    static OWN: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

/// Sets the mark until it is dropped.
struct Mark {
    before: (u64, usize),
}

impl Mark {
    /// Returns `None` if the span is disabled, or if the thread is ending. The layer then looks the span up.
    fn new(span: &Span, processor: &SpanProcessor) -> Option<Self> {
        let own_span = own_span(&span.id()?, processor);
        OWN.try_with(|own| Self { before: own.replace(own_span) }).ok()
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = OWN.try_with(|own| own.set(self.before));
    }
}

/// Runs `act`, which records fields on a span that is handed over. The layer ignores them.
pub(crate) fn act(span: &Span, processor: &SpanProcessor, act: impl FnOnce()) {
    let _mark = Mark::new(span, processor);
    act();
}

/// Drops the handle of a span that was handed over. If this closes the span, the layer ignores it.
pub(crate) fn close(span: Span, processor: &SpanProcessor) {
    let _mark = Mark::new(&span, processor);
    drop(span);
}

/// Returns `true` if this crate itself acts on this span of the processor's layer on this thread.
pub(crate) fn is_own(id: &Id, processor: &SpanProcessor) -> bool {
    OWN.try_with(Cell::get) == Ok(own_span(id, processor))
}

fn own_span(id: &Id, processor: &SpanProcessor) -> (u64, usize) {
    (id.into_u64(), std::ptr::from_ref(processor).addr())
}
