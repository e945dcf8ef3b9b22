//! JSON objects, and the functions of a wire format that does not stream.

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The `is_chunk` function of an API without streaming.
pub(super) fn never(_: &Object) -> bool {
    false
}

/// The `sum` function of an API without streaming.
pub(super) fn no_sum(_: &[Value]) -> Object {
    Object::new()
}
