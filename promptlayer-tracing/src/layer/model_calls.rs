//! The model calls inside a span.
//!
//! The span of another crate's call may record only the model and the usage. If the call is the only one inside
//! an annotated function, it waits for the function to end and takes the input, the output and the error from
//! it. If the function ends first, it leaves the data for the call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use promptlayer_blueprint::SpanId;

use crate::layer::calls_inside::CallsInside;
use crate::process::SpanProcessor;
use crate::process::around::{self, Around};
use crate::span::finished::FinishedSpan;

/// The model calls inside a span.
#[derive(Debug, Default)]
pub(crate) struct ModelCalls {
    /// The number of calls that began inside, up to [`SEVERAL`]. A call that contains another one is not
    /// counted beside it.
    begun: AtomicUsize,
    external: Mutex<External>,
    /// The exchange of the span's own call, which an interceptor sees.
    pub(crate) exchange: CallsInside,
}

/// The number at which counting ends.
const SEVERAL: usize = 2;

/// A model call of another crate whose nearest annotated function is this one.
#[derive(Debug, Default)]
enum External {
    /// No such call began, or it needs nothing.
    #[default]
    None,
    /// It has not ended.
    Open,
    /// It has ended and waits in the processor.
    Held,
    /// The function has ended. This is what it left for the call.
    Left(Box<Around>),
}

/// Whether a span is a model call, as the spans around it count it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ModelCall {
    /// Not a model call, as far as is known.
    #[default]
    No,
    /// A model call, unless another one begins inside it.
    UnlessOuter,
    /// A model call, even if another one begins inside it.
    Always,
}

impl ModelCalls {
    /// Returns `true` if a model call began inside.
    pub(crate) fn any(&self) -> bool {
        self.begun.load(Ordering::Relaxed) > 0
    }

    /// Returns `true` if a number of calls is too high for a call to take anything from the function.
    pub(crate) fn is_several(count: usize) -> bool {
        count >= SEVERAL
    }

    fn are_several(&self) -> bool {
        self.begun.load(Ordering::Relaxed) >= SEVERAL
    }

    /// Counts a call and returns the number of calls before it.
    pub(crate) fn count(&self) -> usize {
        let before = self.begun.load(Ordering::Relaxed);
        if before < SEVERAL { self.begun.fetch_add(1, Ordering::Relaxed) } else { before }
    }

    /// Expects a call of another crate directly inside this annotated function.
    pub(crate) fn expect_external(&self) {
        let mut external = self.lock();
        if matches!(*external, External::None) {
            *external = External::Open;
        }
    }

    fn lock(&self) -> MutexGuard<'_, External> {
        self.external.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over the call that waits for the annotated function, because the function has ended. Before, it takes from
    /// the function what it lacks.
    pub(crate) fn function_ended(&self, function: &FinishedSpan, processor: &SpanProcessor) {
        // A forked child has no use for the lock, which may be held in the parent.
        if !self.any() || processor.held.is_forked() {
            return;
        }
        let mut external = self.lock();
        match &*external {
            External::None | External::Left(_) => {}
            External::Open if self.are_several() => *external = External::None,
            External::Open => *external = External::Left(Box::new(Around::from_function(function))),
            External::Held => {
                *external = External::None;
                drop(external);
                if let Some(mut call) = processor.held.take(function.place.span_id) {
                    if !self.are_several() {
                        around::complete(&mut call, Around::from_function(function));
                    }
                    processor.submit(call);
                }
            }
        }
    }

    /// Hands over the call that waits for the function, because it is no longer the only one.
    pub(crate) fn release(&self, function: SpanId, processor: &SpanProcessor) {
        if processor.held.is_forked() || !matches!(std::mem::take(&mut *self.lock()), External::Held) {
            return;
        }
        if let Some(call) = processor.held.take(function) {
            processor.submit(call);
        }
    }

    /// Hands over a model call of another crate that has ended, at once or when the annotated function
    /// around it ends.
    pub(crate) fn call_ended(
        &self,
        mut call: Box<FinishedSpan>,
        function: SpanId,
        processor: &SpanProcessor,
    ) {
        // A call with its HTTP exchange is complete.
        if !call.is_request || call.exchange.is_some() || processor.held.is_forked() {
            return processor.submit(call);
        }
        let mut external = self.lock();
        let is_alone = !self.are_several();
        match std::mem::take(&mut *external) {
            External::Left(around) => {
                drop(external);
                if is_alone {
                    around::complete(&mut call, *around);
                }
                processor.submit(call);
            }
            External::Open if is_alone && around::is_incomplete(&call) => {
                *external = External::Held;
                // Under the lock, so that the function does not end in between.
                let released = processor.held.hold(function, call);
                drop(external);
                for call in released {
                    processor.submit(call);
                }
            }
            other => {
                // Another call of this function may wait.
                if matches!(other, External::Held) {
                    *external = other;
                }
                drop(external);
                processor.submit(call);
            }
        }
    }
}
