//! Finds the call that an exchange belongs to.

use std::sync::Arc;

use tracing_subscriber::registry::{Registry, SpanRef};

use crate::kind::SpanKind;
use crate::layer::calls_inside::{Ended, Joined};
use crate::layer::external_span;
use crate::layer::model_calls::ModelCalls;
use crate::layer::span_state::{Owner, SpanState, unless_poisoned};
use crate::span::finished::Place;

/// The call around an exchange.
#[derive(Debug)]
pub(crate) struct Around {
    pub(crate) calls: Arc<ModelCalls>,
    /// `true` if the call is the span of another crate. Such a span ends when `tracing` closes it, so nothing
    /// at it may hold a span inside it.
    pub(crate) is_external: bool,
}

/// What is around an exchange.
#[derive(Debug)]
pub(crate) enum Found {
    /// The call that the exchange belongs to. An earlier attempt, which failed, makes a log of its own.
    Call { around: Around, before: Option<Box<Ended>> },
    /// A model call of another kind, which makes its own request log.
    OtherKind,
    /// No such call. An earlier exchange, which was taken for the call around, makes a log of its own.
    Nothing { before: Option<Box<Ended>> },
}

/// The relation of a span to an exchange inside it.
enum Candidate {
    /// It may be the same call.
    Call(Place, Around),
    /// It is a model call of another kind.
    OtherKind,
    /// It is not a model call.
    Other,
}

/// Joins an exchange to the innermost call around it, if that is a model call of the same kind.
///
/// The children of the exchange's span become children of the call's span, because the exchange itself makes
/// no span of the trace.
pub(crate) fn join(span: &SpanRef<'_, Registry>, kind: SpanKind) -> Found {
    let candidate = span.scope().skip(1).find_map(|around| {
        unless_poisoned(|| candidate(around.extensions().get::<SpanState>()?, kind)).flatten()
    });
    let (place, around) = match candidate {
        Some(Candidate::Call(place, around)) => (place, around),
        Some(Candidate::OtherKind) => return Found::OtherKind,
        Some(Candidate::Other) | None => return Found::Nothing { before: None },
    };
    match around.calls.exchange.join() {
        Joined::Yes(before) => {
            unless_poisoned(|| {
                if let Some(own) = span.extensions_mut().get_mut::<SpanState>() {
                    own.place = place;
                }
            });
            Found::Call { around, before }
        }
        Joined::No(before) => Found::Nothing { before },
    }
}

/// Returns `None` for a span that is not a call: it is skipped.
fn candidate(state: &SpanState, kind: SpanKind) -> Option<Candidate> {
    let of_call = match state.owner {
        Owner::Call => state.site.and_then(|site| site.kind),
        Owner::Layer if state.external.is_some() => match external_span::kind(&state.fields) {
            Some(of_span) => Some(of_span),
            None => return Some(Candidate::Other),
        },
        Owner::Layer => return None,
        Owner::Gone => return Some(Candidate::Other),
    };
    Some(match of_call {
        Some(of_call) if !of_call.is_request() => Candidate::Other,
        Some(of_call) if of_call != kind => Candidate::OtherKind,
        _ => Candidate::Call(
            state.place,
            Around { calls: Arc::clone(&state.calls), is_external: state.external.is_some() },
        ),
    })
}
