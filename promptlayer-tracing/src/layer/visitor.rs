//! Collects the fields of a span.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use tracing::field::{Field, Visit};

use crate::span::call_site::MARK;
use crate::span::fields::put;

/// Collects fields into its own buffer, so that a user's `Debug` does not run under a lock.
#[derive(Debug, Default)]
pub(crate) struct FieldVisitor {
    /// Each name is there once, with its last value.
    pub(crate) fields: Vec<(&'static str, Value)>,
}

impl FieldVisitor {
    fn keep(&mut self, field: &Field, value: Value) {
        if field.name() != MARK {
            put(&mut self.fields, field.name(), value);
        }
    }
}

impl Visit for FieldVisitor {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // If a `Debug` implementation panics, only its field is lost.
        if let Ok(text) = catch_unwind(AssertUnwindSafe(|| format!("{value:?}"))) {
            self.keep(field, Value::from(text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, Value::from(value));
    }
}
