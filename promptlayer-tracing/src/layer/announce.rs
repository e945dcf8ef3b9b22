//! The announcement of a model call to the spans around it.

use std::sync::Arc;

use crate::layer::calls_inside::{Announced, Ended};
use crate::layer::model_calls::{ModelCall, ModelCalls};
use crate::layer::open_span::{OpenSpan, Owner};

/// Marks the spans around this one: a model call is made inside, so they make no request log.
///
/// Returns the exchanges that belonged to these spans until now. Each makes a request log of its own. Does nothing if
/// the span is already known to be a model call.
#[must_use = "the exchanges are to be submitted"]
pub(crate) fn announce(span: &OpenSpan, call: ModelCall) -> Vec<Ended> {
    if std::mem::replace(&mut span.lock().model_call, call) != ModelCall::No {
        return Vec::new();
    }
    // Only a call of another crate looks for the nearest annotated function.
    let (mut is_counted, mut is_found, mut function) = (false, span.external.is_none(), None);
    let (mut is_marked, mut exchanges) = (false, Vec::new());
    for outer in span.outers() {
        if !is_marked {
            match outer.calls.exchange.announce() {
                Announced::Already => is_marked = true,
                Announced::Now(exchange) => exchanges.extend(exchange.map(|exchange| *exchange)),
            }
        }
        let (owner, model_call) = {
            let state = outer.lock();
            (state.owner, state.model_call)
        };
        if !is_found && owner == Owner::Call {
            is_found = true;
            // A function that makes a request log of its own gives nothing to a call inside it.
            if model_call != ModelCall::Always && !outer.processor.held.is_forked() {
                outer.calls.expect_external();
                function = Some(Arc::clone(outer));
            }
        }
        if !is_counted {
            let before = outer.calls.count();
            // A call that now contains another one was counted further out, and so were the calls in a span that
            // contains several.
            let contains_first = before == 0 && model_call == ModelCall::UnlessOuter;
            is_counted = ModelCalls::is_several(before) || (contains_first && owner != Owner::Gone);
            if before == 1 && owner == Owner::Call {
                outer.calls.release(outer.place().span_id, &outer.processor);
            }
        }
        if is_counted && is_found && is_marked {
            break;
        }
    }
    if function.is_some() {
        span.lock().function = function;
    }
    exchanges
}
