//! Embeddings in a request log: only their number and dimensions are logged. The values are not useful to a
//! reader and would be most of the exported data.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::blueprint::{ChatPrompt, Message, Prompt};

/// Number of base64 characters of three 32-bit numbers (12 bytes): 4 characters for every 3 bytes.
const BASE64_OF_4_NUMBERS: usize = 16;

/// Returns the response text for embeddings: their number and their dimensions.
pub(super) fn said(count: usize, dimensions: impl IntoIterator<Item = usize>) -> Prompt {
    let dimensions: BTreeSet<usize> = dimensions.into_iter().collect();
    let dimensions: Vec<String> = dimensions.iter().map(ToString::to_string).collect();
    let plural = if count == 1 { "" } else { "s" };
    let mut text = format!("{count} embedding{plural}");
    if !dimensions.is_empty() {
        text.push_str(" of ");
        text.push_str(&dimensions.join(" or "));
        text.push_str(" dimensions");
    }
    ChatPrompt::new([Message::assistant(text)]).into()
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
