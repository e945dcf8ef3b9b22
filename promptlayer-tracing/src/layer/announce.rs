//! The announcement of a model call to the spans around it.

use std::sync::Arc;

use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::layer::calls_inside::{Announced, Ended};
use crate::layer::model_calls::{Function, ModelCall, ModelCalls};
use crate::layer::span_state::{Owner, SpanState, unless_poisoned};

/// Marks the spans around this one: a model call is made inside, so they make no request log.
///
/// Returns the exchanges that belonged to these spans until now. Each makes a request log of its own. Does nothing if
/// the span is already known to be a model call.
#[must_use = "the exchanges are to be submitted"]
pub(crate) fn announce<'registry, R>(span: &SpanRef<'registry, R>, call: ModelCall) -> Vec<Ended>
where
    R: LookupSpan<'registry>,
{
    let is_external = unless_poisoned(|| {
        let mut extensions = span.extensions_mut();
        let state = extensions.get_mut::<SpanState>()?;
        let before = std::mem::replace(&mut state.model_call, call);
        (before == ModelCall::No).then_some(state.external.is_some())
    });
    let Some(is_external) = is_external.flatten() else { return Vec::new() };
    // Only a call of another crate looks for the nearest annotated function.
    let (mut is_counted, mut is_found, mut function) = (false, !is_external, None);
    let (mut is_marked, mut exchanges) = (false, Vec::new());
    for outer in span.scope().skip(1) {
        let released = unless_poisoned(|| {
            let extensions = outer.extensions();
            let state = extensions.get::<SpanState>()?;
            if !is_marked {
                match state.calls.exchange.announce() {
                    Announced::Already => is_marked = true,
                    Announced::Now(exchange) => exchanges.extend(exchange.map(|exchange| *exchange)),
                }
            }
            if !is_found && state.owner == Owner::Call {
                is_found = true;
                function = giving(state);
            }
            if is_counted {
                return None;
            }
            let before = state.calls.count();
            // A call that now contains another one was counted further out, and so were the calls in a span that
            // contains several.
            let contains_first = before == 0 && state.model_call == ModelCall::UnlessOuter;
            is_counted = ModelCalls::is_several(before) || (contains_first && state.owner != Owner::Gone);
            (before == 1 && state.owner == Owner::Call)
                .then(|| (Arc::clone(&state.calls), Arc::clone(&state.processor), state.place.span_id))
        });
        if let Some((calls, processor, span_id)) = released.flatten() {
            calls.release(span_id, &processor);
        }
        if is_counted && is_found && is_marked {
            break;
        }
    }
    if function.is_some() {
        unless_poisoned(|| {
            if let Some(state) = span.extensions_mut().get_mut::<SpanState>() {
                state.around = function;
            }
        });
    }
    exchanges
}

/// Returns an annotated function from which a model call inside it may take something. A function that makes
/// a request log of its own gives nothing.
fn giving(function: &SpanState) -> Option<Function> {
    if function.model_call == ModelCall::Always || function.processor.held.is_forked() {
        return None;
    }
    function.calls.expect_external();
    Some(Function { span_id: function.place.span_id, calls: Arc::clone(&function.calls) })
}
