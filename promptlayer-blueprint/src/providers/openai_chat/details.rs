//! Assembles the reasoning blocks of `OpenRouter`'s streamed responses.

use std::collections::HashMap;

use serde_json::Value;

use super::sum::add_pieces;
use crate::providers::shape::Object;

/// Fields of a block that arrive in fragments.
const PIECES: &[&str] = &["text", "summary", "data", "signature"];

/// Reasoning blocks by index.
#[derive(Default)]
pub(super) struct Details {
    blocks: Vec<Object>,
    places: HashMap<(Option<u64>, String), usize>,
}

impl Details {
    /// Adds a fragment. A fragment without an index extends the last block of its type.
    pub(super) fn add(&mut self, detail: &Value) {
        let Some(detail) = detail.as_object() else { return };
        let kind = detail.get("type").and_then(Value::as_str).unwrap_or_default();
        let key = (detail.get("index").and_then(Value::as_u64), kind.to_owned());
        let place = self.places.get(&key).copied();
        match place.and_then(|place| self.blocks.get_mut(place)) {
            Some(block) if !is_another(block, detail) => add_pieces(block, detail, PIECES),
            _ => {
                self.places.insert(key, self.blocks.len());
                self.blocks.push(detail.clone());
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Returns all blocks, in the order in which they started.
    pub(super) fn whole(self) -> Option<Value> {
        (!self.blocks.is_empty()).then(|| self.blocks.into_iter().map(Value::Object).collect())
    }
}

/// Returns `true` if both have an id and the ids differ.
fn is_another(block: &Object, detail: &Object) -> bool {
    let id = |object: &Object| object.get("id").and_then(Value::as_str).map(str::to_owned);
    matches!((id(block), id(detail)), (Some(known), Some(told)) if known != told)
}
