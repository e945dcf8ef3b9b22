//! Records the attributes of a call on its own span, for the other layers of the subscriber.
//!
//! The attribute declares the fields empty, so that log lines inside the call stay readable. They are
//! recorded when the call ends. If no layer reads them, the call is not converted for them.

use std::cell::Cell;
use std::fmt;

use promptlayer_blueprint::semconv::{self, SemconvStability};
use serde_json::{Map, Value};
use tracing::Span;

use crate::layer::open_span::unless_poisoned;

/// Records the operation. Returns `true` if a layer read it, that is, if a layer keeps fields.
pub(crate) fn record_operation(span: &Span, operation: &str) -> bool {
    let looked_at = Watched { text: operation, was_read: Cell::new(false) };
    match declared(span, semconv::OPERATION_NAME) {
        0 => {}
        1 => {
            let record = || span.record(semconv::OPERATION_NAME, tracing::field::debug(&looked_at));
            if unless_poisoned(record).is_none() {
                return false;
            }
        }
        // The user declared a field of the same name. Recording a value to find out would change it.
        _ => looked_at.was_read.set(true),
    }
    looked_at.was_read.get()
}

/// Records attributes on the span, if it has a field of that name that the user did not declare.
pub(crate) fn record(span: &Span, attributes: &Map<String, Value>, semconv: SemconvStability) {
    let written = || attributes.iter().filter(|(name, _)| semconv.writes(name));
    // Another layer may panic, for example because the span's lock is poisoned.
    unless_poisoned(|| record_all(span, written()));
}

fn record_all<'a>(span: &Span, attributes: impl Iterator<Item = (&'a String, &'a Value)>) {
    for (name, value) in attributes.filter(|(name, _)| declared(span, name) == 1) {
        let name = name.as_str();
        match value {
            Value::String(text) => span.record(name, text.as_str()),
            Value::Bool(flag) => span.record(name, flag),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => span.record(name, number),
                (None, Some(number)) => span.record(name, number),
                (None, None) => span,
            },
            // A field cannot hold a list, so it is recorded as JSON, as the conventions require.
            other => span.record(name, other.to_string()),
        };
    }
}

/// Returns how many fields of that name the span has. With two of them, one was declared by the user.
fn declared(span: &Span, name: &str) -> usize {
    span.metadata()
        .map_or(0, |metadata| metadata.fields().iter().filter(|field| field.name() == name).count())
}

/// A text that records whether it was read.
struct Watched<'a> {
    text: &'a str,
    was_read: Cell<bool>,
}

impl fmt::Debug for Watched<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.was_read.set(true);
        formatter.write_str(self.text)
    }
}
