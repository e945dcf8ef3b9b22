//! The blocks that `OpenRouter` streams thoughts in.

use std::collections::HashMap;

use serde_json::Value;

use super::delta::add_pieces;
use crate::providers::shape::Object;

/// Fields of a block that come in pieces.
const PIECES: &[&str] = &["text", "summary", "data", "signature"];

/// Blocks of thinking by their index.
#[derive(Default)]
pub(super) struct Details {
    blocks: Vec<Object>,
    places: HashMap<(Option<u64>, String), usize>,
}

impl Details {
    /// Adds a piece. One without an index goes on with the last of its kind.
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

    /// All blocks, in the order in which they began.
    pub(super) fn whole(self) -> Option<Value> {
        (!self.blocks.is_empty()).then(|| self.blocks.into_iter().map(Value::Object).collect())
    }
}

/// Whether both have an id, and not the same.
fn is_another(block: &Object, detail: &Object) -> bool {
    let id = |object: &Object| object.get("id").and_then(Value::as_str).map(str::to_owned);
    matches!((id(block), id(detail)), (Some(known), Some(told)) if known != told)
}
