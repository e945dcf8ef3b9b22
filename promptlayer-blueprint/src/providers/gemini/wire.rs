//! The form of values on the wire.
//!
//! SDKs that serialize their own types write `inline_data` for `inlineData`. Crates that are generated from
//! Google's protocol buffers write enums as numbers. Values are converted once, before they are read.

use std::mem;

use serde_json::Value;

use crate::providers::json::{Fields, Object};

/// Fields whose values belong to the application. The names in them are not changed.
const OPAQUE: &[&str] = &["args", "response", "parameters", "parametersJsonSchema"];

/// Enums of Vertex AI: the field, and the names of its values from 1 on.
const ENUMS: &[(&str, &str)] = &[
    (
        "finishReason",
        "STOP MAX_TOKENS SAFETY RECITATION OTHER BLOCKLIST PROHIBITED_CONTENT SPII MALFORMED_FUNCTION_CALL \
         MODEL_ARMOR IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION IMAGE_OTHER UNEXPECTED_TOOL_CALL \
         NO_IMAGE",
    ),
    ("blockReason", "SAFETY OTHER BLOCKLIST PROHIBITED_CONTENT MODEL_ARMOR JAILBREAK"),
    ("modality", "TEXT IMAGE VIDEO AUDIO DOCUMENT"),
    ("outcome", "OUTCOME_OK OUTCOME_FAILED OUTCOME_DEADLINE_EXCEEDED"),
    ("mode", "AUTO ANY NONE"),
];

/// Converts an object to the form of the wire.
pub(super) fn convert(fields: &mut Object) {
    if fields.keys().any(|key| key.contains('_')) {
        *fields = mem::take(fields).into_iter().map(|(key, value)| (spelling(&key), value)).collect();
    }
    for (key, value) in fields {
        match enum_name(key, value) {
            Some(name) => *value = name.into(),
            None if OPAQUE.contains(&key.as_str()) => {}
            None => convert_value(value),
        }
    }
}

fn convert_value(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(convert_value),
        Value::Object(fields) => convert(fields),
        _ => {}
    }
}

/// Returns a copy of an object in the form of the wire.
pub(super) fn converted(object: &Object) -> Object {
    let mut object = object.clone();
    convert(&mut object);
    object
}

/// Removes a field in either spelling. Returns its value in the form of the wire, unless it is `null`.
pub(super) fn take(object: &mut Object, name: &str) -> Option<Value> {
    let key = object.keys().find(|key| spelling(key) == name)?.clone();
    let mut value = object.remove(&key).filter(|value| !value.is_null())?;
    convert_value(&mut value);
    Some(value)
}

/// Removes a text field and returns it. A field of another type is not removed.
pub(super) fn take_text(object: &mut Object, name: &str) -> Option<String> {
    let text = object.str(name)?.to_owned();
    object.remove(name);
    Some(text)
}

/// Returns a name as it is on the wire: without underscores.
pub(super) fn spelling(name: &str) -> String {
    let mut is_start = false;
    let letter = |letter: char| {
        let is_start = mem::replace(&mut is_start, letter == '_');
        (letter != '_').then(|| if is_start { letter.to_ascii_uppercase() } else { letter })
    };
    name.chars().filter_map(letter).collect()
}

/// Returns the name of an enum's value that is a number.
fn enum_name(key: &str, value: &Value) -> Option<&'static str> {
    let number = usize::try_from(value.as_u64()?).ok()?;
    let (_, names) = ENUMS.iter().find(|(field, _)| *field == key)?;
    names.split(' ').nth(number.checked_sub(1)?)
}
