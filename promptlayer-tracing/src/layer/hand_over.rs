//! Hands ended spans to the processor, and records their attributes on them for other layers.

use promptlayer_blueprint::semconv;
use tracing::Span;

use crate::kind::SpanKind;
use crate::layer::calls_inside::Ended;
use crate::layer::gen_ai_fields;
use crate::layer::own_span;
use crate::process::{ConvertedSpan, ProcessedSpan, SpanProcessor, convert};
use crate::span::finished::FinishedSpan;

/// Hands a span to the processor. Its attributes are recorded on `span`.
///
/// Must not be called while the data of a span is locked.
pub(crate) fn hand_over(processor: &SpanProcessor, finished: Box<FinishedSpan>, span: Option<&Span>) {
    let Some(mut processed) = processor.prepare(finished) else { return };
    if let Some(span) = span.filter(|_| processor.gen_ai_fields) {
        own_span::act(span, processor, || show(span, processor, &mut processed));
    }
    processor.hand_over(processed);
}

/// Hands spans to the processor that had waited.
pub(crate) fn hand_over_ended(processor: &SpanProcessor, ended: impl IntoIterator<Item = Ended>) {
    for Ended { finished, span } in ended {
        hand_over(processor, finished, span.as_ref());
    }
}

/// Records the attributes of the call on its span, if a layer reads them.
fn show(span: &Span, processor: &SpanProcessor, processed: &mut ProcessedSpan) {
    if !processed.span.is_request {
        gen_ai_fields::record(span, &convert::function_attributes(&processed.span), processor.semconv);
        return;
    }
    let expected = if processed.span.kind == Some(SpanKind::Embedding) { "embeddings" } else { "chat" };
    if !gen_ai_fields::record_operation(span, expected) {
        return;
    }
    let Some(ConvertedSpan { attributes, .. }) = processor.converted(processed) else { return };
    // Do not record the same operation twice, because the field would appear twice in a log line. A different
    // operation is recorded.
    let operation = attributes.get(semconv::OPERATION_NAME).cloned();
    if operation.as_ref().is_some_and(|operation| operation == expected) {
        attributes.remove(semconv::OPERATION_NAME);
    }
    gen_ai_fields::record(span, attributes, processor.semconv);
    attributes.extend(operation.map(|operation| (semconv::OPERATION_NAME.to_owned(), operation)));
}
