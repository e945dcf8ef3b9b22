//! Embeddings in a request log: only their number and dimensions are logged. The values are not useful to a
//! reader and would be most of the exported data.
//!
//! Outside of a known response, a list of numbers is taken for a vector if it has at least [`LEAST`] numbers and one
//! of them is a float. This keeps short lists (prices, the temperatures of a day), and lists of ids or bytes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::json;
use crate::blueprint::Prompt;

/// Number of base64 characters of three 32-bit numbers (12 bytes): 4 characters for every 3 bytes.
const BASE64_OF_4_NUMBERS: usize = 16;

/// The least length of a vector. The models with the shortest embeddings return 64 numbers.
const LEAST: usize = 64;

/// Replaces each vector in a value by a text that tells its length: `[1536 numbers]`, or `[3 vectors of 1536 numbers]`
/// for a list of vectors.
pub fn shorten_vectors(value: &mut Value) {
    shorten(value, &|vector| vector.len() >= LEAST && vector.iter().any(Value::is_f64));
}

fn shorten(value: &mut Value, is_vector: &dyn Fn(&[Value]) -> bool) {
    let dimensions = |value: &Value| {
        let numbers = value.as_array().filter(|numbers| numbers.iter().all(Value::is_number))?;
        is_vector(numbers).then_some(numbers.len())
    };
    if let Some(length) = dimensions(value) {
        *value = Value::from(format!("[{length} numbers]"));
        return;
    }
    match value {
        Value::Array(items) => match items.iter().map(dimensions).collect::<Option<Vec<usize>>>() {
            Some(lengths) if lengths.len() > 1 => {
                *value = Value::from(format!("[{} vectors of {} numbers]", items.len(), each(lengths)));
            }
            _ => items.iter_mut().for_each(|item| shorten(item, is_vector)),
        },
        Value::Object(object) => object.values_mut().for_each(|value| shorten(value, is_vector)),
        _ => {}
    }
}

/// Reads the result of a function that embeds, in no known format. Any list of numbers is a vector there. The vectors
/// may be the only field of an object.
pub(super) fn prompt_of_result(mut value: Value) -> Prompt {
    let inner = match &value {
        Value::Object(object) if object.len() == 1 => object.values().next(),
        _ => None,
    };
    let vectors = match inner.unwrap_or(&value) {
        Value::Array(items) if items.first().is_some_and(Value::is_array) => items.as_slice(),
        value => std::slice::from_ref(value),
    };
    let lengths: Option<Vec<usize>> =
        vectors.iter().map(|vector| dimensions(vector).filter(|_| vector.is_array())).collect();
    if let Some(lengths) = lengths {
        return said(lengths.len(), lengths);
    }
    shorten(&mut value, &|vector| vector.len() > 1);
    Prompt::assistant(json::into_readable(value))
}

/// Returns the response text for embeddings: their number and their dimensions.
pub(super) fn said(count: usize, dimensions: impl IntoIterator<Item = usize>) -> Prompt {
    let dimensions = each(dimensions);
    let of = if dimensions.is_empty() { String::new() } else { format!(" of {dimensions} dimensions") };
    Prompt::assistant(format!("{count} embedding{}{of}", if count == 1 { "" } else { "s" }))
}

/// Returns different numbers as text, in order.
fn each(numbers: impl IntoIterator<Item = usize>) -> String {
    let numbers = BTreeSet::from_iter(numbers);
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// Returns the dimensions of a vector: a list of numbers, or the bytes of 32-bit floats in base64.
pub(super) fn dimensions(vector: &Value) -> Option<usize> {
    match vector {
        Value::Array(numbers) if !numbers.is_empty() && numbers.iter().all(Value::is_number) => {
            Some(numbers.len())
        }
        Value::String(base64) if !base64.is_empty() => {
            Some(base64.trim_end_matches('=').len().checked_mul(3)? / BASE64_OF_4_NUMBERS)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::providers::{Input, Output, request, response_to};

    #[test]
    fn numbers_after_a_request_for_embeddings_are_vectors() {
        let embed = json!({"model": "text-embedding-3-small", "input": ["why?"]});
        let chat = json!({"model": "m", "messages": [{"role": "user", "content": "why?"}]});
        let said = |asked: &serde_json::Value, answer: serde_json::Value| {
            let reply = response_to(&request(Input::Value(asked.clone())), Output::Value(answer));
            reply.prompt.unwrap().text()
        };
        assert_eq!(said(&embed, json!([[0.5, 0.25]])), "1 embedding of 2 dimensions");
        assert_eq!(said(&embed, json!({"embeddings": [[0.5], [0.25]]})), "2 embeddings of 1 dimensions");
        assert_eq!(said(&chat, json!([0.5, 0.25])), "[\n  0.5,\n  0.25\n]");
    }
}
