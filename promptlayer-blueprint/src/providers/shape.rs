//! The functions of a wire format that does not stream.

use serde_json::Value;

pub(super) use super::json::Object;

/// The `is_chunk` function of an API without streaming.
pub(super) fn never(_: &Object) -> bool {
    false
}

/// The `sum` function of an API without streaming.
pub(super) fn no_sum(_: Vec<Value>) -> Object {
    Object::new()
}
