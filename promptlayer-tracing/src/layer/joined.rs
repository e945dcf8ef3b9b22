//! Finds the call that an exchange belongs to.

use std::sync::Arc;

use crate::kind::SpanKind;
use crate::layer::calls_inside::{Ended, Joined};
use crate::layer::external_span;
use crate::layer::open_span::{OpenSpan, Owner};

/// What is around an exchange.
#[derive(Debug)]
pub(crate) enum Found {
    /// The call that the exchange belongs to. An earlier attempt, which failed, makes a log of its own.
    Call { around: Arc<OpenSpan>, before: Option<Box<Ended>> },
    /// A model call of another kind, which makes its own request log.
    OtherKind,
    /// No such call. An earlier exchange, which was taken for the call around, makes a log of its own.
    Nothing { before: Option<Box<Ended>> },
}

/// The relation of a span to an exchange inside it.
enum Relation {
    /// It may be the same call.
    SameCall,
    /// It is a model call of another kind.
    OtherKind,
    /// It is not a model call.
    Other,
}

/// Joins an exchange to the innermost call around it, if that is a model call of the same kind.
///
/// The children of the exchange's span become children of the call's span, because the exchange itself makes
/// no span of the trace.
pub(crate) fn join(exchange: &OpenSpan, kind: SpanKind) -> Found {
    let innermost = exchange.outers().find_map(|outer| Some((outer, relation(outer, kind)?)));
    let around = match innermost {
        Some((around, Relation::SameCall)) => around,
        Some((_, Relation::OtherKind)) => return Found::OtherKind,
        Some((_, Relation::Other)) | None => return Found::Nothing { before: None },
    };
    match around.calls.exchange.join() {
        Joined::Yes(before) => {
            let place = around.place_for_inner();
            exchange.lock().place_for_inner = Some(place);
            Found::Call { around: Arc::clone(around), before }
        }
        Joined::No(before) => Found::Nothing { before },
    }
}

/// Returns `None` for a span that is not a call: it is skipped.
fn relation(span: &OpenSpan, kind: SpanKind) -> Option<Relation> {
    let state = span.lock();
    let of_call = match state.owner {
        Owner::Call => state.site.and_then(|site| site.kind),
        Owner::Layer if span.external.is_some() => match external_span::kind(&state.fields.by_name()) {
            Some(of_span) => Some(of_span),
            None => return Some(Relation::Other),
        },
        Owner::Layer => return None,
        Owner::Gone => return Some(Relation::Other),
    };
    Some(match of_call {
        Some(of_call) if !of_call.is_request() => Relation::Other,
        Some(of_call) if of_call != kind => Relation::OtherKind,
        _ => Relation::SameCall,
    })
}
